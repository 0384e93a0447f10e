//! What comes back from jobs, files that are dropped, and the end of the window.

use super::dialogs::Dialog;
use super::{App, Growing, NOTICE};
use crate::document::Picture;
use crate::jobs::{Event, Kind};
use crate::pyramid::Pyramid;
use crate::session;
use crate::tiles::Shown;
use crate::view::View;
use crate::work::{Opened, Outcome, Written, open_file};
use adatom_formats::Selection;
use egui::Context;
use std::path::PathBuf;
use std::time::Instant;

impl App {
    /// Takes what jobs have brought.
    pub(super) fn take_events(&mut self) {
        for event in self.jobs.events() {
            match event {
                Event::Partial(partial) => {
                    let denoised = partial.denoised.map(Pyramid::of);
                    self.growing = Some(Growing { denoised, places: partial.places });
                    self.tiles.forget(Shown::Picture(Picture::ALL[1].0));
                }
                Event::Row(row) => self.rows.push(row),
                Event::Done(kind, Ok(outcome)) => self.take(kind, outcome),
                Event::Done(kind, Err(message)) => {
                    self.growing = None;
                    if kind == Kind::Autosave {
                        self.notice(format!("The session can't be kept against crashes: {message}"));
                    } else if !message.is_empty() {
                        self.fail(message);
                    }
                    self.open_waiting();
                }
            }
        }
        self.notices.retain(|notice| notice.at.elapsed() < NOTICE);
    }

    fn take(&mut self, kind: Kind, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Opened(opened) => self.take_opened(*opened),
            Outcome::Found(found, restored) => {
                self.maps_changed();
                let warnings = found.warnings.clone();
                if let Some(document) = &mut self.document {
                    document.restored = Some(restored);
                    document.set_found(found);
                }
                self.columns_changed();
                warnings.into_iter().for_each(|warning| self.notice(warning));
            }
            Outcome::Compared(compared) => self.compared = Some(compared),
            Outcome::Precise(precise) => self.precise = Some(*precise),
            Outcome::Lattice(lattice) => {
                self.lattice = Some(*lattice);
                self.coloured = None;
            }
            Outcome::Spectrum(spectrum, pyramid) => {
                self.spectrum = Some((*spectrum, pyramid));
                self.spots.clear();
                self.tiles.forget(Shown::Spectrum);
            }
            Outcome::Written(Written::Session(path, revision)) => {
                if kind != Kind::Autosave {
                    self.notice(format!("Saved {}", path.display()));
                    if let Some(document) = &mut self.document {
                        document.session = Some(path);
                        if document.revision() == revision {
                            document.saved();
                        }
                    }
                    let _ = std::fs::remove_file(self.folders.own_autosave());
                }
            }
            Outcome::Written(Written::Export(path)) => self.notice(format!("Wrote {}", path.display())),
            Outcome::Batch(good, bad) => {
                let failed = if bad > 0 { format!(", {bad} failed") } else { String::new() };
                self.notice(format!("Batch: {good} images done{failed}"));
            }
        }
    }

    fn take_opened(&mut self, opened: Opened) {
        let Opened { document, pyramid, signals, recovered } = opened;
        let same_file = self.document.as_ref().is_some_and(|before| {
            before.image.source.path == document.image.source.path
                && before.image.data.dim() == document.image.data.dim()
        });
        if let Some(session) = &document.session {
            self.preferences.opened(&session.clone());
        } else {
            self.preferences.opened(&document.image.source.path.clone());
        }
        let aspect = document.pixel_size.map_or(1.0, |size| size.y_angstrom / size.x_angstrom);
        if !same_file {
            self.view = View { aspect, ..View::default() };
            self.panes = [Shown::Picture(Picture::Input), Shown::Picture(Picture::ALL[1].0)];
        }
        self.pixel_text = document.pixel_size.map_or_else(String::new, |size| size.to_string());
        document.image.source.notes.clone().into_iter().for_each(|note| self.notice(note));
        self.document = Some(document);
        self.signals = signals;
        self.pictures.clear();
        self.tiles.clear();
        self.pictures.insert(Picture::Input, pyramid);
        (self.lattice, self.compared, self.precise, self.spectrum) = (None, None, None, None);
        self.spots.clear();
        self.vectors.clear();
        self.growing = None;
        self.columns_changed();
        if recovered {
            self.notice("The session was recovered; save it under a name.");
        }
        let maps = self
            .document
            .as_ref()
            .and_then(|document| document.found.as_ref())
            .is_some_and(|found| found.maps.is_empty() && !found.columns.is_empty());
        if maps {
            self.notice("The maps are not in this session: Find columns computes them again.");
        }
        self.open_waiting();
    }

    /// Opens the first of the files that wait, when nothing is being opened.
    pub(super) fn open_waiting(&mut self) {
        if self.jobs.running(Kind::Open).is_none() && !self.open_next.is_empty() {
            let path = self.open_next.remove(0);
            self.open(path, Selection::default());
        }
    }

    /// Opens a file in place of what is open.
    pub(super) fn open(&mut self, path: PathBuf, selection: Selection) {
        for kind in [Kind::Run, Kind::Look, Kind::Measure] {
            self.jobs.cancel(kind);
        }
        let title = format!("Opening {}", path.display());
        self.jobs
            .start(Kind::Open, &title, move |_| Ok(Outcome::Opened(Box::new(open_file(&path, &selection)?))));
    }

    /// Opens a session that a process left behind.
    pub(super) fn recover(&mut self, path: PathBuf) {
        self.jobs.start(Kind::Open, "Recovering", move |_| {
            let mut opened = open_file(&path, &Selection::default())?;
            opened.document.session = None;
            opened.document.refresh();
            opened.recovered = true;
            let _ = std::fs::remove_file(&path);
            Ok(Outcome::Opened(Box::new(opened)))
        });
    }

    /// Opens another frame or signal of the same file with the same settings.
    pub(super) fn reopen(&mut self, selection: Selection) {
        let Some(document) = &self.document else { return };
        let (path, settings, size) =
            (document.image.source.path.clone(), document.settings, document.pixel_size);
        self.jobs.start(Kind::Open, "Reading another image", move |_| {
            let mut opened = open_file(&path, &selection)?;
            opened.document.settings = settings;
            opened.document.pixel_size = size.or(opened.document.pixel_size);
            Ok(Outcome::Opened(Box::new(opened)))
        });
    }

    pub(super) fn take_dropped(&mut self, ctx: &Context) {
        let dropped: Vec<PathBuf> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if let Some(path) = dropped.into_iter().next() {
            if path.is_dir() && adatom_formats::open(&path).is_err() {
                self.dialog = Some(self.batch_dialog_of(path));
            } else {
                self.ask_to_lose(Dialog::OpenAnyway(path));
            }
        }
    }

    /// Does what would lose unsaved work, after asking if there is some.
    pub(super) fn ask_to_lose(&mut self, then: Dialog) {
        match (&self.document, then) {
            (Some(document), then) if document.is_dirty() && !document.history.done.is_empty() => {
                self.dialog = Some(Dialog::Unsaved(Box::new(then)));
            }
            (_, Dialog::OpenAnyway(path)) => {
                self.dialog = None;
                self.open(path, Selection::default());
            }
            (_, Dialog::Reopen(selection)) => self.reopen(selection),
            (_, then) => self.dialog = Some(then),
        }
    }

    /// Asks before the window closes, if something would be lost.
    pub(super) fn watch_close(&mut self, ctx: &Context) {
        if !ctx.input(|input| input.viewport().close_requested()) {
            return;
        }
        let lost = self.document.as_ref().is_some_and(|d| d.is_dirty() && !d.history.done.is_empty());
        if lost && !self.quitting {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.dialog = Some(Dialog::Unsaved(Box::new(Dialog::Quit)));
        } else {
            self.quitting = true;
            let _ = std::fs::remove_file(self.folders.own_autosave());
        }
    }

    /// Keeps the session against crashes: columns, edits and settings, not the pixels.
    pub(super) fn autosave(&mut self) {
        let Some(document) = &self.document else { return };
        let revision = document.revision();
        self.autosaved = (revision, Instant::now());
        let (snapshot, path) = (document.snapshot(), self.folders.own_autosave());
        self.jobs.start(Kind::Autosave, "Keeping the session", move |_| {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            }
            session::save(&snapshot, &path, false).map_err(|e| e.to_string())?;
            Ok(Outcome::Written(Written::Session(path, revision)))
        });
    }

    /// Saves the session where it was saved before, or asks where.
    pub(super) fn save(&mut self) {
        match self.document.as_ref().and_then(|document| document.session.clone()) {
            Some(path) => self.save_session(path),
            None => self.ask_where(None),
        }
    }

    /// Saves the session.
    pub(super) fn save_session(&mut self, path: PathBuf) {
        let Some(document) = &self.document else { return };
        let (snapshot, revision) = (document.snapshot(), document.revision());
        self.jobs.start(Kind::Write, "Saving the session", move |_| {
            session::save(&snapshot, &path, true).map_err(|e| e.to_string())?;
            Ok(Outcome::Written(Written::Session(path, revision)))
        });
    }
}
