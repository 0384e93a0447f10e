//! The panel on the left: finding columns, and how they are shown.

use super::colours::ColourBy;
use super::{App, Command, Layout};
use crate::document::Picture;
use crate::jobs::Kind;
use crate::settings::{LOCALISERS, localiser_name};
use crate::tiles::Shown;
use adatom::Localiser;
use adatom_formats::{PixelSize, Selection};
use adatom_locate::Shape;
use egui::{Button, ComboBox, DragValue, Panel, RichText, ScrollArea, Slider, TextEdit, Ui, vec2};

/// Width of the panels \[points\].
const WIDTH: f32 = 268.0;

impl App {
    pub(super) fn side(&mut self, ui: &mut Ui) {
        if self.document.is_none() {
            return;
        }
        Panel::left("side").default_size(WIDTH).min_size(230.0).max_size(420.0).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.add_space(4.0);
                self.image_settings(ui);
                heading(ui, "Columns");
                self.find_settings(ui);
                heading(ui, "View");
                self.view_settings(ui);
                self.contrast(ui);
                ui.add_space(8.0);
            });
        });
    }

    fn image_settings(&mut self, ui: &mut Ui) {
        let Some(document) = &self.document else { return };
        ui.add(egui::Label::new(RichText::new(document.name()).strong()).truncate());
        let left = ui.horizontal(|ui| {
            let label = ui.label("Pixel size");
            let field =
                TextEdit::singleline(&mut self.pixel_text).hint_text("such as 9.4pm").desired_width(110.0);
            ui.add(field).labelled_by(label.id).lost_focus()
        });
        if left.inner {
            self.take_pixel_size();
        }
        self.frames(ui);
    }

    /// Takes the pixel size that was typed; what is none is said and put back.
    fn take_pixel_size(&mut self) {
        let Some(document) = &mut self.document else { return };
        let text = self.pixel_text.trim();
        match PixelSize::parse(text) {
            Ok(size) if document.pixel_size.is_none_or(|before| before.to_string() != text) => {
                document.pixel_size = Some(size);
                document.refresh();
                self.view.aspect = size.y_angstrom / size.x_angstrom;
                (self.spectrum, self.lattice, self.precise, self.coloured) = (None, None, None, None);
            }
            Err(e) if !text.is_empty() && document.pixel_size.is_none_or(|size| size.to_string() != text) => {
                let message = e.to_string();
                self.notice(message);
            }
            _ => {}
        }
        if let Some(size) = self.document.as_ref().and_then(|document| document.pixel_size) {
            self.pixel_text = size.to_string();
        }
    }

    /// Another signal or frame of the file.
    fn frames(&mut self, ui: &mut Ui) {
        let Some(document) = &self.document else { return };
        let info = document.image.source.clone();
        let mut chosen = None;
        if self.signals.len() > 1 {
            ComboBox::from_label("Signal").selected_text(&info.signal).show_ui(ui, |ui| {
                for name in &self.signals {
                    if ui.selectable_label(*name == info.signal, name).clicked() {
                        chosen = Some(Selection { signal: Some(name.clone()), ..Selection::default() });
                    }
                }
            });
        }
        if info.frames > 1 {
            let mut frame = info.frame;
            let slider = Slider::new(&mut frame, 0..=info.frames - 1).text("Frame");
            if ui.add(slider).changed() && frame != info.frame {
                let signal = Some(info.signal.clone()).filter(|name| !name.is_empty());
                chosen = Some(Selection { signal, frame: Some(frame), ..Selection::default() });
            }
        }
        if let Some(selection) = chosen {
            self.ask_to_lose(super::dialogs::Dialog::Reopen(selection));
        }
    }

    fn find_settings(&mut self, ui: &mut Ui) {
        let busy = self.jobs.running(Kind::Run).is_some();
        let words = RichText::new("Find columns").strong().color(egui::Color32::WHITE);
        let button = Button::new(words).fill(crate::theme::ACCENT);
        let size = vec2(ui.available_width(), 32.0);
        let help = "Runs the network: restores the image and locates every column";
        let find = ui.add_enabled_ui(!busy, |ui| ui.add_sized(size, button).on_hover_text(help).clicked());
        if find.inner {
            self.queue.push(Command::Find);
        }
        let Some(document) = &mut self.document else { return };
        let before = document.settings;
        let settings = &mut document.settings;
        ComboBox::from_label("Localiser").selected_text(localiser_name(settings.method)).show_ui(ui, |ui| {
            for (method, name, help) in LOCALISERS {
                ui.selectable_value(&mut settings.method, method, name).on_hover_text(help);
            }
        });
        let otsu = settings.method == Localiser::Otsu;
        let slider = Slider::new(&mut settings.threshold, 0.0..=1.0).fixed_decimals(2).text("Threshold");
        let slid = ui
            .add_enabled(!otsu, slider)
            .on_hover_text("Columns of a lower score, the chance of being real, are left out");
        ui.horizontal(|ui| {
            let mut automatic = settings.scale.is_none();
            let used = document.found.as_ref().map_or(1.0, |found| found.scale);
            if ui.checkbox(&mut automatic, "Scale by itself").changed() {
                settings.scale = (!automatic).then_some((used * 1000.0).round() / 1000.0);
            }
            match &mut settings.scale {
                Some(scale) => {
                    let drag = DragValue::new(scale).range(0.02..=8.0).speed(0.005).max_decimals(3);
                    ui.add(drag).on_hover_text("Factor from the file's pixels to the network's");
                }
                None if document.found.is_some() => {
                    ui.weak(format!("× {used:.3}"));
                }
                None => {}
            }
        });
        if settings.method.fits() {
            ui.horizontal(|ui| {
                let mut elliptical = settings.fit.shape == Shape::Elliptical;
                if ui.checkbox(&mut elliptical, "Elliptical").changed() {
                    settings.fit.shape = if elliptical { Shape::Elliptical } else { Shape::Round };
                }
                ui.add_enabled(
                    settings.method != Localiser::Auto,
                    egui::Checkbox::new(&mut settings.fit.descan, "Displaced rows"),
                );
            });
        }
        let now = *settings;
        if now != before && document.found.is_some() {
            if now.threshold != before.threshold {
                document.refresh();
                self.columns_changed();
            }
            let still = (now.method, now.fit) == (before.method, before.fit);
            if !still || slid.drag_stopped() {
                self.queue.push(Command::Relocate);
            }
        } else if slid.drag_stopped() && self.document.as_ref().is_some_and(|d| d.found.is_some()) {
            self.queue.push(Command::Relocate);
        }
    }

    fn view_settings(&mut self, ui: &mut Ui) {
        let names: &[&str] = match self.layout {
            Layout::Single => &["Picture"],
            _ => &["Left", "Right"],
        };
        for (number, name) in names.iter().enumerate() {
            let shown = self.panes[number];
            ComboBox::from_label(*name).selected_text(shown.name()).show_ui(ui, |ui| {
                for (picture, words) in Picture::ALL {
                    ui.selectable_value(&mut self.panes[number], Shown::Picture(picture), words);
                }
                if number == 1 && ui.selectable_label(shown == Shown::Spectrum, "Power spectrum").clicked() {
                    self.queue.push(Command::Spectrum);
                }
            });
        }
        ui.checkbox(&mut self.show_columns, "Show columns");
        let by = ColourBy::ALL.iter().find(|(by, _)| *by == self.colour_by).map_or("", |(_, name)| name);
        ComboBox::from_label("Coloured by").selected_text(by).show_ui(ui, |ui| {
            for (by, name) in ColourBy::ALL {
                ui.selectable_value(&mut self.colour_by, by, name);
            }
        });
    }
}

/// A heading of a part of a panel.
pub(super) fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(words).heading());
    ui.add_space(2.0);
}
