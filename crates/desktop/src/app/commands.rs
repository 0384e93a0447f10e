//! Everything the user can ask for, with its words and keys.

use super::dialogs::Dialog;
use super::{App, Layout, Tab};
use crate::edit::Edit;
use crate::export::Export;
use crate::jobs::{Kind, Monitor};
use crate::preferences::Look;
use crate::tiles::Shown;
use crate::work::{Run, find_lattice, is_free, spectrum};
use egui::{Context, Key, KeyboardShortcut, Modifiers};
use std::path::PathBuf;
use std::sync::Arc;

/// What clicking and dragging on the image does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// Click to select, drag to pan.
    #[default]
    Select,
    /// Click to add a column.
    Add,
    /// Click to delete a column.
    Delete,
    /// Drag a column elsewhere.
    Move,
    /// Draw around columns to select them.
    Lasso,
    /// Click three columns: an origin and two vectors of the lattice.
    Vectors,
}

impl Tool {
    /// All of them with words, key and help.
    pub const ALL: [(Self, &'static str, Key, &'static str); 6] = [
        (Self::Select, "Select", Key::V, "Click a column to see it, drag to pan"),
        (Self::Add, "Add", Key::A, "Click to add a column; it goes to the fitted centre nearby"),
        (Self::Delete, "Erase", Key::D, "Click a column to delete it"),
        (Self::Move, "Move", Key::M, "Drag a column to another place"),
        (Self::Lasso, "Lasso", Key::L, "Draw around columns to select them"),
        (
            Self::Vectors,
            "Vectors",
            Key::K,
            "Click a column and two neighbours: the lattice's vectors by hand",
        ),
    ];
}

/// Something the user asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Asks for a file.
    Open,
    /// Opens a file.
    OpenFile(PathBuf),
    /// Saves the session.
    Save,
    /// Saves the session under a name.
    SaveAs,
    /// Asks where to export to.
    Export(Export),
    /// Asks for a folder or stack.
    Batch,
    /// Ends the program.
    Quit,
    /// Takes the last edit back.
    Undo,
    /// Does it again.
    Redo,
    /// Deletes the selected columns.
    DeleteSelected,
    /// Makes one column of the selected ones.
    Merge,
    /// Makes two columns of the selected one.
    Split,
    /// Selects all columns.
    SelectAll,
    /// Selects none.
    SelectNone,
    /// Shows the whole image.
    Fit,
    /// Shows a pixel on a pixel.
    OneToOne,
    /// Enlarges or reduces.
    Zoom(bool),
    /// Arranges the pictures.
    Layout(Layout),
    /// Shows the power spectrum.
    Spectrum,
    /// Shows or hides the columns.
    ToggleColumns,
    /// Runs the network and locates the columns.
    Find,
    /// Locates the columns again, without the network.
    Relocate,
    /// Ends the running jobs.
    Cancel,
    /// Finds the lattice.
    Lattice,
    /// Compares the localisers.
    Compare,
    /// Measures the precision.
    Precision,
    /// Chooses a tool.
    Tool(Tool),
    /// Light or dark.
    Look(Look),
    /// Other weights for the network.
    Model,
    /// Lists the keys.
    Keys,
    /// Says what this is.
    About,
}

const COMMAND_SHIFT: Modifiers = Modifiers { shift: true, ..Modifiers::COMMAND };

/// The commands with keys, in the order in which keys are looked at.
pub(super) fn keys() -> Vec<(Command, &'static str, KeyboardShortcut)> {
    let on = |modifiers, key| KeyboardShortcut::new(modifiers, key);
    let (plain, command) = (Modifiers::NONE, Modifiers::COMMAND);
    let mut keys = vec![
        (Command::Redo, "Redo", on(COMMAND_SHIFT, Key::Z)),
        (Command::SaveAs, "Save session as…", on(COMMAND_SHIFT, Key::S)),
        (Command::Open, "Open…", on(command, Key::O)),
        (Command::Save, "Save session", on(command, Key::S)),
        (Command::Export(Export::Columns), "Columns (CSV)…", on(command, Key::E)),
        (Command::Export(Export::Figure), "Figure (PNG, SVG, PDF)…", on(COMMAND_SHIFT, Key::E)),
        (Command::Batch, "Batch…", on(command, Key::B)),
        (Command::Quit, "Quit", on(command, Key::Q)),
        (Command::Undo, "Undo", on(command, Key::Z)),
        (Command::SelectAll, "Select all columns", on(command, Key::A)),
        (Command::SelectNone, "Select none", on(plain, Key::Escape)),
        (Command::DeleteSelected, "Delete selected", on(plain, Key::Delete)),
        (Command::Merge, "Merge selected", on(plain, Key::J)),
        (Command::Split, "Split selected", on(plain, Key::B)),
        (Command::Fit, "Fit to window", on(plain, Key::Num0)),
        (Command::OneToOne, "Actual pixels", on(plain, Key::Num1)),
        (Command::Zoom(true), "Zoom in", on(plain, Key::Plus)),
        (Command::Zoom(false), "Zoom out", on(plain, Key::Minus)),
        (Command::Layout(Layout::Single), "One picture", on(plain, Key::F1)),
        (Command::Layout(Layout::SideBySide), "Side by side", on(plain, Key::F2)),
        (Command::Layout(Layout::Split), "Split slider", on(plain, Key::F3)),
        (Command::Spectrum, "Power spectrum", on(plain, Key::F4)),
        (Command::ToggleColumns, "Show columns", on(plain, Key::H)),
        (Command::Find, "Find columns", on(command, Key::R)),
        (Command::Lattice, "Find lattice", on(command, Key::L)),
        (Command::Keys, "Keys", on(plain, Key::Questionmark)),
    ];
    keys.extend(Tool::ALL.map(|(tool, words, key, _)| (Command::Tool(tool), words, on(plain, key))));
    keys
}

/// The keys of a command.
pub(super) fn key_of(command: &Command) -> Option<KeyboardShortcut> {
    keys().into_iter().find(|(other, ..)| other == command).map(|(_, _, keys)| keys)
}

impl App {
    /// Looks for keys that were pressed.
    pub(super) fn shortcuts(&mut self, ctx: &Context) {
        if self.dialog.is_some() {
            return;
        }
        let typing = ctx.egui_wants_keyboard_input();
        for (command, _, shortcut) in keys() {
            // Text fields have keys of their own.
            let text = matches!(command, Command::Undo | Command::Redo | Command::SelectAll);
            if typing && (text || shortcut.modifiers == Modifiers::NONE) {
                continue;
            }
            if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
                self.queue.push(command);
            }
        }
        if !typing && ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Backspace)) {
            self.queue.push(Command::DeleteSelected);
        }
    }

    /// Whether a command makes sense now.
    pub(super) fn can(&self, command: &Command) -> bool {
        let Some(document) = &self.document else {
            return matches!(
                command,
                Command::Open
                    | Command::OpenFile(_)
                    | Command::Batch
                    | Command::Quit
                    | Command::Look(_)
                    | Command::Model
                    | Command::Keys
                    | Command::About
                    | Command::Cancel
            );
        };
        match command {
            Command::Undo => !document.history.done.is_empty(),
            Command::Redo => !document.history.undone.is_empty(),
            Command::DeleteSelected | Command::SelectNone => !self.selection.is_empty(),
            Command::Merge => self.selection.len() > 1,
            Command::Split => self.selection.len() == 1,
            Command::Lattice | Command::Compare | Command::SelectAll => !document.columns().is_empty(),
            Command::Export(Export::Maps) => document.found.is_some(),
            Command::Export(Export::Edits) => !document.history.done.is_empty(),
            Command::Export(Export::Columns | Export::Labels) => !document.columns().is_empty(),
            Command::Precision => document.pixel_size.is_some(),
            _ => true,
        }
    }

    /// Does what was asked for.
    pub(super) fn run(&mut self, ctx: &Context, command: Command) {
        if !self.can(&command) {
            return;
        }
        match command {
            Command::Open => self.dialog = Some(Dialog::open(&self.preferences)),
            Command::OpenFile(path) => self.ask_to_lose(Dialog::OpenAnyway(path)),
            Command::Save => self.save(),
            Command::SaveAs => self.ask_where(None),
            Command::Export(export) => self.ask_where(Some(export)),
            Command::Batch => self.dialog = Some(self.batch_dialog()),
            Command::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Command::Undo | Command::Redo => {
                if let Some(document) = &mut self.document {
                    if command == Command::Undo { document.undo() } else { document.redo() }
                }
                self.columns_changed();
            }
            Command::DeleteSelected => {
                if let Some(document) = &mut self.document {
                    let at = self.selection.iter().map(|index| document.columns()[*index].place()).collect();
                    document.edit(Edit::Delete { at });
                }
                self.columns_changed();
            }
            Command::Merge | Command::Split => {
                let chosen: Vec<usize> = self.selection.iter().copied().collect();
                if let Some(document) = &mut self.document {
                    if command == Command::Merge {
                        document.merge(&chosen)
                    } else {
                        document.split(chosen[0])
                    }
                }
                self.columns_changed();
            }
            Command::SelectAll => {
                let count = self.document.as_ref().map_or(0, |document| document.columns().len());
                self.selection = (0..count).collect();
            }
            Command::SelectNone => self.selection.clear(),
            Command::Fit => (self.view.fit, self.spectrum_view.fit) = (true, true),
            Command::OneToOne => self.view.one_to_one(ctx.pixels_per_point()),
            Command::Zoom(larger) => {
                let factor = if larger { 1.25 } else { 0.8 };
                if let Some((_, pane)) = self.pane_rects.first() {
                    self.view.zoom_at(*pane, pane.center(), factor);
                }
            }
            Command::Layout(layout) => self.layout = layout,
            Command::Spectrum => self.show_spectrum(),
            Command::ToggleColumns => self.show_columns = !self.show_columns,
            Command::Find => self.find(),
            Command::Relocate => self.relocate(),
            Command::Cancel => {
                for kind in [Kind::Open, Kind::Run, Kind::Look, Kind::Measure, Kind::Batch] {
                    self.jobs.cancel(kind);
                }
                self.growing = None;
                self.tiles.clear();
            }
            Command::Lattice => self.find_lattice(None),
            Command::Compare => self.compare(),
            Command::Precision => self.measure_precision(),
            Command::Tool(tool) => {
                self.tool = tool;
                self.vectors.clear();
            }
            Command::Look(look) => {
                self.preferences.look = look;
                self.apply_look(ctx);
            }
            Command::Model => self.dialog = Some(Dialog::model(&self.preferences)),
            Command::Keys => self.dialog = Some(Dialog::Keys),
            Command::About => self.dialog = Some(Dialog::About),
        }
    }

    /// What a run needs.
    fn run_of(&self) -> Option<Run> {
        let document = self.document.as_ref()?;
        Some(Run {
            image: Arc::clone(&document.image),
            pixel_size: document.pixel_size,
            settings: document.settings,
            models: Arc::clone(&self.models),
            model: self.preferences.model.clone(),
        })
    }

    fn find(&mut self) {
        let Some(run) = self.run_of() else { return };
        self.growing = None;
        self.jobs.start(Kind::Run, "Loading the network", move |monitor| run.find(monitor));
    }

    /// Locates again where the localiser or, for a fit, the threshold is another one.
    fn relocate(&mut self) {
        let Some(run) = self.run_of() else { return };
        let Some(document) = &self.document else { return };
        let Some(found) = &document.found else { return };
        let (before, now) = (found.settings, document.settings);
        let same = before.method == now.method
            && before.fit == now.fit
            && (is_free(now.method) || before.threshold == now.threshold);
        let scale = now.scale.is_none_or(|scale| scale == found.scale);
        match &document.restored {
            Some(restored) if scale => {
                if !same {
                    let restored = Arc::clone(restored);
                    let work = move |monitor: &mut Monitor| Ok(run.locate(restored, monitor)?.0);
                    self.jobs.start(Kind::Run, "Locating columns", work);
                }
            }
            _ if same && scale => {}
            _ => self.find(),
        }
    }

    /// Looks for the lattice, near vectors \[px\] where they are given.
    pub(super) fn find_lattice(&mut self, guess: Option<[(f64, f64); 2]>) {
        let Some(document) = &self.document else { return };
        let (columns, size, revision) = (document.located(), document.pixel_size, document.revision());
        self.tab = Tab::Lattice;
        self.jobs.start(Kind::Look, "Looking for the lattice", move |_| {
            find_lattice(&columns, size, guess, revision)
        });
    }

    fn compare(&mut self) {
        let Some(run) = self.run_of() else { return };
        let Some(document) = &self.document else { return };
        let (restored, shown) = (document.restored.clone(), document.located());
        self.tab = Tab::Compare;
        self.jobs.start(Kind::Measure, "Comparing localisers", move |monitor| {
            run.compare(restored, &shown, monitor)
        });
    }

    fn measure_precision(&mut self) {
        let Some(run) = self.run_of() else { return };
        self.tab = Tab::Lattice;
        self.jobs.start(Kind::Measure, "Measuring the precision", move |monitor| run.precision(monitor));
    }

    fn show_spectrum(&mut self) {
        let Some(document) = &self.document else { return };
        self.panes[1] = Shown::Spectrum;
        self.layout = Layout::SideBySide;
        self.spectrum_view.fit = true;
        if self.spectrum.is_none() {
            let (image, size) = (Arc::clone(&document.image), document.pixel_size);
            self.jobs.start(Kind::Look, "Computing the power spectrum", move |_| Ok(spectrum(&image, size)));
        }
    }
}
