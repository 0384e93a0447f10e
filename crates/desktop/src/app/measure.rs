//! Lattice and precision, localisers beside each other, and the batch's table.

use super::colours::short;
use super::columns::table;
use super::side::heading;
use super::{App, Command};
use crate::jobs::Kind;
use crate::settings::localiser_name;
use adatom_analysis::Spacings;
use egui::{Button, Grid, ScrollArea, Ui, vec2};
use egui_plot::{Bar, BarChart, Plot};

impl App {
    fn ask_by_button(&mut self, ui: &mut Ui, words: &str, command: Command, kind: Kind) {
        let can = self.can(&command) && self.jobs.running(kind).is_none();
        if ui.add_enabled(can, Button::new(words)).clicked() {
            self.queue.push(command);
        }
    }

    pub(super) fn lattice_tab(&mut self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            self.ask_by_button(ui, "Find lattice", Command::Lattice, Kind::Look);
            self.ask_by_button(ui, "Measure precision", Command::Precision, Kind::Measure);
        });
        ui.weak("Or choose the tool Vectors and click a column and two neighbours.");
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            self.lattice_numbers(ui);
            self.precision_numbers(ui);
        });
    }

    fn lattice_numbers(&self, ui: &mut Ui) {
        let (Some(found), Some(document)) = (&self.lattice, &self.document) else { return };
        let (lattice, calibrated) = (&found.lattice, found.calibrated);
        let (unit, fine, factor) = if calibrated { ("Å", "pm", 100.0) } else { ("px", "px", 1.0) };
        heading(ui, "Lattice");
        if found.revision != document.revision() {
            ui.weak("Of the columns as they were before the last change.");
        }
        let (a, b) = (lattice.a, lattice.b);
        let angle = (a.dot(b) / (a.length() * b.length())).clamp(-1.0, 1.0).acos().to_degrees();
        let vector =
            |v: adatom_analysis::Vector| format!("{:.3} {unit}  ({:.3}, {:.3})", v.length(), v.x, v.y);
        let mut rows = vec![
            ("a", vector(a)),
            ("b", vector(b)),
            ("Angle", format!("{angle:.2}°")),
            ("Sites", lattice.sites.len().to_string()),
            ("Columns in it", format!("{} of {}", lattice.fitted(), lattice.places.len())),
            ("σ of residuals", format!("{} {fine}", short(factor * lattice.sigma))),
        ];
        for (number, site) in lattice.sites.iter().enumerate() {
            let brightness = site.brightness.map_or(String::new(), |b| format!(", intensity {}", short(b)));
            let words = format!("{} at ({:.3}, {:.3}){brightness}", site.columns, site.u, site.v);
            rows.push((SITES.get(number).copied().unwrap_or("Site"), words));
        }
        table(ui, "lattice", &rows);
        for (name, spacings) in ["a", "b"].into_iter().zip(&found.spacings) {
            if let Some(spacings) = spacings {
                histogram(ui, name, spacings, factor, fine);
            }
        }
    }

    fn precision_numbers(&self, ui: &mut Ui) {
        let Some(precise) = &self.precise else { return };
        heading(ui, "Precision");
        let [a, b] = precise.axes_angstrom;
        ui.label(format!("a {a:.3} Å, b {b:.3} Å, {} columns", precise.columns));
        ScrollArea::horizontal().id_salt("precision").show(ui, |ui| {
            Grid::new("precision").striped(true).spacing(vec2(12.0, 4.0)).show(ui, |ui| {
                for words in ["Localiser", "Axis", "σ [pm]", "Noise", "Disorder", "Frames for 1 pm"] {
                    ui.strong(words);
                }
                ui.end_row();
                for row in &precise.results {
                    let optional = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.1}"));
                    ui.label(if row.image == "raw" {
                        row.method.to_owned()
                    } else {
                        format!("{}, {}", row.method, row.image)
                    });
                    ui.label(row.axis);
                    ui.label(format!("{:.1}", row.sigma_pm));
                    ui.label(optional(row.noise_pm));
                    ui.label(optional(row.disorder_pm));
                    ui.label(format!("{:.0}", row.frames_for_1_pm));
                    ui.end_row();
                }
            });
        });
    }

    pub(super) fn compare_tab(&mut self, ui: &mut Ui) {
        self.ask_by_button(ui, "Compare localisers", Command::Compare, Kind::Measure);
        let Some(compared) = &self.compared else {
            ui.weak("Locates the columns by every localiser, and says how far they are from those shown.");
            return;
        };
        let (size, current) = match &self.document {
            Some(document) => (document.pixel_size, document.settings.method),
            None => return,
        };
        let mut chosen = None;
        ScrollArea::both().show(ui, |ui| {
            Grid::new("compare").striped(true).spacing(vec2(12.0, 4.0)).show(ui, |ui| {
                let sigma = if size.is_some() { "σ of lattice [pm]" } else { "σ of lattice [px]" };
                for words in ["Localiser", "Columns", "Shared", "Distance [px]", sigma, "Seconds"] {
                    ui.strong(words);
                }
                ui.end_row();
                for row in compared {
                    let name = localiser_name(row.method);
                    if ui
                        .selectable_label(row.method == current, name)
                        .on_hover_text("Use this one")
                        .clicked()
                    {
                        chosen = Some(row.method);
                    }
                    ui.label(row.columns.to_string());
                    ui.label(row.shared.to_string());
                    ui.label(row.distance_px.map_or("–".to_owned(), short));
                    let factor = if size.is_some() { 100.0 } else { 1.0 };
                    ui.label(row.lattice_sigma.map_or("–".to_owned(), |sigma| short(factor * sigma)));
                    ui.label(format!("{:.2}", row.seconds));
                    ui.end_row();
                }
            });
        });
        if let (Some(method), Some(document)) = (chosen, &mut self.document) {
            document.settings.method = method;
            self.queue.push(Command::Relocate);
        }
    }

    pub(super) fn batch_tab(&mut self, ui: &mut Ui) {
        self.ask_by_button(ui, "Batch…", Command::Batch, Kind::Batch);
        if self.rows.is_empty() {
            ui.weak("Works on a folder of images or on all frames of a stack with the settings on the left.");
            return;
        }
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            Grid::new("batch").striped(true).spacing(vec2(12.0, 4.0)).show(ui, |ui| {
                for words in ["Image", "Columns", "Scale", "Seconds"] {
                    ui.strong(words);
                }
                ui.end_row();
                for row in &self.rows {
                    ui.label(&row.name);
                    match &row.result {
                        Ok(done) => {
                            ui.label(done.columns.to_string());
                            ui.label(format!("{:.3}", done.scale));
                            ui.label(format!("{:.1}", done.seconds));
                        }
                        Err(message) => {
                            ui.colored_label(ui.visuals().error_fg_color, "failed").on_hover_text(message);
                            ui.add(egui::Label::new(message).truncate());
                        }
                    }
                    ui.end_row();
                }
            });
        });
    }
}

/// Names of the first sites.
const SITES: [&str; 6] = ["Site 1", "Site 2", "Site 3", "Site 4", "Site 5", "Site 6"];

fn histogram(ui: &mut Ui, name: &str, spacings: &Spacings, factor: f64, unit: &str) {
    let (mean, sigma) = (factor * spacings.mean.value, factor * spacings.sigma.value);
    ui.add_space(6.0);
    ui.label(format!(
        "Spacings along {name}: {} ± {} {unit}, n = {}",
        short(mean),
        short(sigma),
        spacings.values.len()
    ));
    let counts = &spacings.histogram;
    let width = factor * counts.width;
    let bar = |(index, count): (usize, &usize)| {
        Bar::new(factor * counts.start + (index as f64 + 0.5) * width, *count as f64).width(0.95 * width)
    };
    let bars =
        BarChart::new(name, counts.counts.iter().enumerate().map(bar).collect()).color(crate::theme::ACCENT);
    Plot::new(("spacings", name))
        .height(130.0)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .x_axis_label(format!("spacing [{unit}]"))
        .show(ui, |plot| plot.bar_chart(bars));
}
