//! Questions and messages.

use super::App;
use super::commands::keys;
use crate::batch::{Batch, items};
use crate::document::beside;
use crate::export::Export;
use crate::jobs::Kind;
use crate::preferences::Preferences;
use crate::work::{Outcome, Written};
use adatom_formats::Selection;
use egui::{Button, Context, DragValue, Grid, Id, Modal, ScrollArea, TextEdit, Ui};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

/// A dialog that is open.
pub(super) enum Dialog {
    Open(PathField),
    /// Opens a file after unsaved work was given up.
    OpenAnyway(PathBuf),
    /// Reads another image of the same file, likewise.
    Reopen(Selection),
    /// Saves the session (`None`) or an export.
    Save {
        what: Option<Export>,
        to: PathField,
        replace: bool,
    },
    Unsaved(Box<Dialog>),
    Quit,
    Message(String),
    Recover(PathBuf),
    Batch {
        from: PathField,
        to: PathField,
    },
    Model(PathField),
    Keys,
    About,
}

/// A path that can be typed, or chosen in the platform's dialog, which runs on a thread of its own.
pub(super) struct PathField {
    text: String,
    chosen: Option<Receiver<Option<PathBuf>>>,
    kind: Choose,
}

#[derive(Clone, Copy, PartialEq)]
enum Choose {
    File,
    Folder,
    Save,
}

impl PathField {
    fn new(path: &std::path::Path, kind: Choose) -> Self {
        Self { text: path.display().to_string(), chosen: None, kind }
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(self.text.trim())
    }

    /// The field with its button; whether Enter was pressed in it.
    fn show(&mut self, ui: &mut Ui, words: &str) -> bool {
        if let Some(chosen) = &self.chosen
            && let Ok(path) = chosen.try_recv()
        {
            self.chosen = None;
            if let Some(path) = path {
                self.text = path.display().to_string();
            }
        }
        ui.horizontal(|ui| {
            let label = ui.label(words);
            let field = TextEdit::singleline(&mut self.text).desired_width(360.0).hint_text("Path");
            let response = ui.add(field).labelled_by(label.id);
            if ui.add_enabled(self.chosen.is_none(), Button::new("Browse…")).clicked() {
                self.browse(ui.ctx());
            }
            response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
        })
        .inner
    }

    fn browse(&mut self, ctx: &Context) {
        let (sender, receiver) = channel();
        let (path, kind, ctx) = (self.path(), self.kind, ctx.clone());
        std::thread::spawn(move || {
            let mut dialog = rfd::FileDialog::new();
            if let Some(folder) = path.parent().filter(|folder| folder.is_dir()) {
                dialog = dialog.set_directory(folder);
            }
            let path = match kind {
                Choose::File => dialog.pick_file(),
                Choose::Folder => dialog.pick_folder(),
                Choose::Save => {
                    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                    dialog.set_file_name(name.unwrap_or_default()).save_file()
                }
            };
            // The dialog may be gone.
            let _ = sender.send(path);
            ctx.request_repaint();
        });
        self.chosen = Some(receiver);
    }
}

/// What is done with a dialog after a frame.
enum After {
    Keep,
    Close,
    Then(Deed),
}

/// Something done after a dialog was drawn.
type Deed = Box<dyn FnOnce(&mut App, &Context)>;

impl Dialog {
    pub(super) fn open(preferences: &Preferences) -> Self {
        let folder = preferences.recent.first().and_then(|path| path.parent()).map(|f| f.join(""));
        Self::Open(PathField::new(&folder.unwrap_or_default(), Choose::File))
    }

    pub(super) fn model(preferences: &Preferences) -> Self {
        Self::Model(PathField::new(&preferences.model.clone().unwrap_or_default(), Choose::Folder))
    }
}

impl App {
    /// Asks where to save the session or an export; names come from the image's.
    pub(super) fn ask_where(&mut self, what: Option<Export>) {
        let Some(document) = &self.document else { return };
        let path = match what {
            None => document.session.clone().unwrap_or_else(|| document.beside(".adatom")),
            Some(export) => document.beside(export.ending()),
        };
        self.dialog = Some(Dialog::Save { what, to: PathField::new(&path, Choose::Save), replace: false });
    }

    pub(super) fn batch_dialog(&self) -> Dialog {
        let path = self.document.as_ref().map(|document| document.image.source.path.clone());
        self.batch_dialog_of(path.unwrap_or_default())
    }

    pub(super) fn batch_dialog_of(&self, path: PathBuf) -> Dialog {
        let to = if path.as_os_str().is_empty() { PathBuf::new() } else { beside(&path, "-batch") };
        Dialog::Batch { from: PathField::new(&path, Choose::File), to: PathField::new(&to, Choose::Folder) }
    }

    pub(super) fn dialogs(&mut self, ctx: &Context) {
        let Some(mut dialog) = self.dialog.take() else { return };
        let mut after = After::Keep;
        let modal = Modal::new(Id::unique("dialog")).show(ctx, |ui| {
            ui.set_max_width(560.0);
            after = self.dialog(ui, &mut dialog);
        });
        if modal.should_close() && matches!(after, After::Keep) {
            after = After::Close;
        }
        match after {
            After::Keep => self.dialog = Some(dialog),
            After::Close => {}
            After::Then(then) => then(self, ctx),
        }
    }

    fn dialog(&mut self, ui: &mut Ui, dialog: &mut Dialog) -> After {
        match dialog {
            Dialog::Open(field) => {
                ui.heading("Open");
                ui.label("An image of any format that adatom reads, or a session.");
                let entered = field.show(ui, "File");
                let path = field.path();
                let after = buttons(ui, "Open", path.exists(), entered, move |app, _| {
                    app.ask_to_lose(Dialog::OpenAnyway(path));
                });
                let recent = self.preferences.recent.clone();
                if !recent.is_empty() {
                    ui.separator();
                    ui.weak("Opened last");
                    for path in recent {
                        if ui.add(Button::new(path.display().to_string()).frame(false).truncate()).clicked() {
                            return then(|app, _| app.ask_to_lose(Dialog::OpenAnyway(path)));
                        }
                    }
                }
                after
            }
            Dialog::Save { what, to, replace } => self.save_dialog(ui, *what, to, replace),
            Dialog::Unsaved(next) => {
                ui.heading("Unsaved edits");
                ui.label("The edits of this image are not saved in a session.");
                let next = std::mem::replace(&mut **next, Dialog::Quit);
                let mut after = After::Keep;
                ui.horizontal(|ui| {
                    if ui.button("Save session…").clicked() {
                        after = then(|app, _| app.save());
                    }
                    if ui.button("Discard edits").clicked() {
                        after = After::Close;
                    }
                    if ui.button("Cancel").clicked() {
                        after = then(|_, _| {});
                    }
                });
                match after {
                    After::Close => then(move |app, ctx| app.lose(next, ctx)),
                    After::Keep => {
                        *dialog = Dialog::Unsaved(Box::new(next));
                        After::Keep
                    }
                    after => after,
                }
            }
            Dialog::Message(text) => {
                ui.heading("That did not work");
                ui.label(text.as_str());
                closing(ui)
            }
            Dialog::Recover(path) => {
                let path = path.clone();
                ui.heading("Recover the last session?");
                ui.label("Adatom ended before its session was saved: columns and edits were kept.");
                let mut after = After::Keep;
                ui.horizontal(|ui| {
                    let file = path.clone();
                    if ui.button("Recover").clicked() {
                        after = then(move |app, _| app.recover(file));
                    }
                    if ui.button("Delete it").clicked() {
                        let _ = std::fs::remove_file(&path);
                        after = After::Close;
                    }
                });
                after
            }
            Dialog::Batch { from, to } => {
                ui.heading("Batch");
                ui.label("Every image of a folder, or every frame of a stack, with the present settings.");
                from.show(ui, "Folder or stack");
                to.show(ui, "Results");
                let (source, folder) = (from.path(), to.path());
                let ready = source.exists() && !folder.as_os_str().is_empty();
                buttons(ui, "Start", ready, false, move |app, _| app.start_batch(&source, folder))
            }
            Dialog::Model(field) => {
                ui.heading("Network weights");
                ui.label(
                    "The folder that adatom adapt or train wrote, or a .safetensors file; empty: built-in.",
                );
                field.show(ui, "Weights");
                let path = Some(field.path()).filter(|path| !path.as_os_str().is_empty());
                let ready = path.as_ref().is_none_or(|path| path.exists());
                buttons(ui, "Use", ready, false, move |app, _| app.preferences.model = path)
            }
            Dialog::Keys => {
                ui.heading("Keys");
                ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
                    Grid::new("keys").striped(true).spacing(egui::vec2(24.0, 4.0)).show(ui, |ui| {
                        for (_, words, shortcut) in keys() {
                            ui.label(words);
                            ui.label(ui.ctx().format_shortcut(&shortcut));
                            ui.end_row();
                        }
                        for (words, keys) in [
                            ("Zoom at the pointer", "Scroll, pinch"),
                            ("Pan", "Drag; with any tool Space, right or middle button"),
                            ("Select more", "Shift + click"),
                        ] {
                            ui.label(words);
                            ui.label(keys);
                            ui.end_row();
                        }
                    });
                });
                closing(ui)
            }
            Dialog::About => {
                ui.heading("Adatom");
                ui.label(concat!("Version ", env!("CARGO_PKG_VERSION")));
                ui.label("Finds, measures and restores every atom column in an ADF-STEM image.");
                ui.weak("MIT or Apache-2.0. The typeface is Inter, under the SIL Open Font License 1.1.");
                closing(ui)
            }
            Dialog::OpenAnyway(_) | Dialog::Reopen(_) | Dialog::Quit => After::Close,
        }
    }

    /// Goes on although edits are lost.
    fn lose(&mut self, next: Dialog, ctx: &Context) {
        let _ = std::fs::remove_file(self.folders.own_autosave());
        match next {
            Dialog::OpenAnyway(path) => self.open(path, Selection::default()),
            Dialog::Reopen(selection) => self.reopen(selection),
            Dialog::Quit => {
                self.quitting = true;
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            other => self.dialog = Some(other),
        }
    }

    fn save_dialog(
        &mut self,
        ui: &mut Ui,
        what: Option<Export>,
        to: &mut PathField,
        replace: &mut bool,
    ) -> After {
        let path = to.path();
        if *replace {
            ui.heading("Replace it?");
            ui.label(format!("{} is already there.", path.display()));
            let mut after = After::Keep;
            ui.horizontal(|ui| {
                if ui.button("Replace").clicked() {
                    after = then(move |app, _| app.write(what, path));
                }
                if ui.button("Cancel").clicked() {
                    *replace = false;
                }
            });
            return after;
        }
        ui.heading(match what {
            None => "Save session".to_owned(),
            Some(export) => {
                let words =
                    Export::ALL.iter().find(|(other, _)| *other == export).map_or("", |(_, words)| words);
                format!("Export: {}", words.trim_end_matches('…'))
            }
        });
        let folder = what.is_some_and(Export::is_folder);
        let entered = to.show(ui, if folder { "Folder" } else { "File" });
        if matches!(what, Some(Export::Figure)) {
            let preferences = &mut self.preferences;
            ui.horizontal(|ui| {
                let label = ui.label("Width");
                let width = DragValue::new(&mut preferences.figure_mm).range(10.0..=500.0).suffix(" mm");
                ui.add(width).labelled_by(label.id);
                let label = ui.label("Resolution");
                let dots = DragValue::new(&mut preferences.figure_dpi).range(36.0..=2400.0).suffix(" dpi");
                ui.add(dots).labelled_by(label.id);
                for ending in ["png", "svg", "pdf"] {
                    if ui
                        .selectable_label(to.path().extension().is_some_and(|e| e == ending), ending)
                        .clicked()
                    {
                        to.text = to.path().with_extension(ending).display().to_string();
                    }
                }
            });
        }
        let path = to.path();
        let there = path.exists();
        let own = what.is_none() && self.document.as_ref().is_some_and(|d| d.session.as_ref() == Some(&path));
        let words = if what.is_none() { "Save" } else { "Export" };
        let ready = !path.as_os_str().is_empty();
        match buttons(ui, words, ready, entered, move |app, _| app.write(what, path)) {
            After::Then(_) if there && !own => {
                *replace = true;
                After::Keep
            }
            after => after,
        }
    }

    /// Writes the session or an export.
    fn write(&mut self, what: Option<Export>, path: PathBuf) {
        let Some(export) = what else { return self.save_session(path) };
        let figure = if matches!(export, Export::Figure | Export::Report) { self.figure() } else { None };
        let Some(document) = &self.document else { return };
        let snapshot = document.snapshot();
        self.jobs.start(Kind::Write, "Writing", move |_| {
            export.write(&snapshot, figure.as_ref(), &path)?;
            Ok(Outcome::Written(Written::Export(path)))
        });
    }

    fn start_batch(&mut self, source: &std::path::Path, folder: PathBuf) {
        let items = match items(source) {
            Ok(items) => items,
            Err(message) => return self.fail(message),
        };
        let document = self.document.as_ref();
        let batch = Batch {
            items,
            folder,
            pixel_size: document.and_then(|document| document.pixel_size),
            settings: document.map(|document| document.settings).unwrap_or_default(),
            models: std::sync::Arc::clone(&self.models),
            model: self.preferences.model.clone(),
        };
        self.rows.clear();
        self.tab = super::Tab::Batch;
        self.jobs.start(Kind::Batch, "Batch", move |monitor| batch.run(monitor));
    }
}

fn then(what: impl FnOnce(&mut App, &Context) + 'static) -> After {
    After::Then(Box::new(what))
}

/// The button that does it and Cancel.
fn buttons(
    ui: &mut Ui,
    words: &str,
    ready: bool,
    entered: bool,
    what: impl FnOnce(&mut App, &Context) + 'static,
) -> After {
    ui.add_space(6.0);
    let mut after = After::Keep;
    ui.horizontal(|ui| {
        let clicked = ui.add_enabled(ready, Button::new(words)).clicked();
        if ui.button("Cancel").clicked() {
            after = After::Close;
        } else if clicked || (entered && ready) {
            after = then(what);
        }
    });
    after
}

fn closing(ui: &mut Ui) -> After {
    ui.add_space(6.0);
    if ui.button("Close").clicked() { After::Close } else { After::Keep }
}
