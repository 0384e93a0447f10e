//! Menus and tools.

use super::commands::key_of;
use super::{App, Command, Layout, Tool};
use crate::export::Export;
use crate::preferences::Look;
use egui::{Button, MenuBar, Panel, Ui};

/// An item: its words and what it asks for; `None` is a line between items.
type Item = Option<(&'static str, Command)>;

impl App {
    pub(super) fn menu(&mut self, ui: &mut Ui) {
        Panel::top("menu").show(ui, |ui| {
            MenuBar::new().ui(ui, |ui| {
                self.file_menu(ui);
                self.items(
                    ui,
                    "Edit",
                    &[
                        Some(("Undo", Command::Undo)),
                        Some(("Redo", Command::Redo)),
                        None,
                        Some(("Delete selected", Command::DeleteSelected)),
                        Some(("Merge selected", Command::Merge)),
                        Some(("Split selected", Command::Split)),
                        None,
                        Some(("Select all columns", Command::SelectAll)),
                        Some(("Select none", Command::SelectNone)),
                    ],
                );
                self.items(
                    ui,
                    "View",
                    &[
                        Some(("Fit to window", Command::Fit)),
                        Some(("Actual pixels", Command::OneToOne)),
                        Some(("Zoom in", Command::Zoom(true))),
                        Some(("Zoom out", Command::Zoom(false))),
                        None,
                        Some(("One picture", Command::Layout(Layout::Single))),
                        Some(("Side by side", Command::Layout(Layout::SideBySide))),
                        Some(("Split slider", Command::Layout(Layout::Split))),
                        Some(("Power spectrum", Command::Spectrum)),
                        Some(("Show columns", Command::ToggleColumns)),
                        None,
                        Some(("Light", Command::Look(Look::Light))),
                        Some(("Dark", Command::Look(Look::Dark))),
                        Some(("As the system", Command::Look(Look::System))),
                    ],
                );
                self.items(
                    ui,
                    "Analyse",
                    &[
                        Some(("Find columns", Command::Find)),
                        Some(("Find lattice", Command::Lattice)),
                        Some(("Compare localisers", Command::Compare)),
                        Some(("Measure precision", Command::Precision)),
                        None,
                        Some(("Batch…", Command::Batch)),
                        Some(("Network weights…", Command::Model)),
                    ],
                );
                self.items(
                    ui,
                    "Help",
                    &[Some(("Keys", Command::Keys)), Some(("About Adatom", Command::About))],
                );
            });
        });
        if self.document.is_some() {
            Panel::top("tools").show(ui, |ui| self.tools(ui));
        }
    }

    fn file_menu(&mut self, ui: &mut Ui) {
        ui.menu_button("File", |ui| {
            self.item(ui, "Open…", Command::Open);
            ui.menu_button("Open recent", |ui| {
                for path in self.preferences.recent.clone() {
                    if ui.button(path.display().to_string()).clicked() {
                        self.queue.push(Command::OpenFile(path));
                    }
                }
            });
            ui.separator();
            self.item(ui, "Save session", Command::Save);
            self.item(ui, "Save session as…", Command::SaveAs);
            ui.menu_button("Export", |ui| {
                for (export, words) in Export::ALL {
                    self.item(ui, words, Command::Export(export));
                }
            });
            ui.separator();
            self.item(ui, "Quit", Command::Quit);
        });
    }

    fn items(&mut self, ui: &mut Ui, name: &str, items: &[Item]) {
        ui.menu_button(name, |ui| {
            for item in items {
                match item {
                    Some((words, command)) => self.item(ui, words, command.clone()),
                    None => {
                        ui.separator();
                    }
                }
            }
        });
    }

    fn item(&mut self, ui: &mut Ui, words: &str, command: Command) {
        let document = self.document.as_ref();
        let what = match command {
            Command::Undo => document.and_then(|d| d.history.done.last()),
            Command::Redo => document.and_then(|d| d.history.undone.last()),
            _ => None,
        };
        let words = what.map_or(words.to_owned(), |edit| format!("{words} {}", edit.name()));
        let keys = key_of(&command).map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
        let button = Button::new(words).shortcut_text(keys);
        if ui.add_enabled(self.can(&command), button).clicked() {
            self.queue.push(command);
            ui.close();
        }
    }

    fn tools(&mut self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            for (tool, words, key, help) in Tool::ALL {
                let help = format!("{help} ({})", key.name());
                if ui.selectable_label(self.tool == tool, words).on_hover_text(help).clicked() {
                    self.queue.push(Command::Tool(tool));
                }
            }
            ui.separator();
            for (words, command) in [("Undo", Command::Undo), ("Redo", Command::Redo)] {
                if ui.add_enabled(self.can(&command), Button::new(words)).clicked() {
                    self.queue.push(command);
                }
            }
            ui.separator();
            for (words, layout) in
                [("One", Layout::Single), ("Side by side", Layout::SideBySide), ("Split", Layout::Split)]
            {
                if ui.selectable_label(self.layout == layout, words).clicked() {
                    self.queue.push(Command::Layout(layout));
                }
            }
            ui.separator();
            for (words, command) in [("Fit", Command::Fit), ("1:1", Command::OneToOne)] {
                if ui.button(words).clicked() {
                    self.queue.push(command);
                }
            }
        });
    }
}
