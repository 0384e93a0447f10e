//! The panel on the right, and in it the columns and the chosen one.

use super::colours::short;
use super::side::heading;
use super::{App, Tab};
use crate::colour::{ColourMap, Display, Lookup};
use crate::document::Document;
use crate::pyramid::Pyramid;
use adatom::Inspection;
use egui::{Color32, ColorImage, Context, Grid, Panel, ScrollArea, TextureHandle, TextureOptions, Ui, vec2};
use ndarray::Array2;

/// The column that was looked at last.
pub(super) struct Inspected {
    revision: u64,
    index: usize,
    seen: Option<Inspection>,
    patches: Vec<(&'static str, TextureHandle)>,
}

impl App {
    pub(super) fn right(&mut self, ui: &mut Ui) {
        if self.document.is_none() {
            if !self.rows.is_empty() {
                Panel::right("right").default_size(330.0).show(ui, |ui| self.batch_tab(ui));
            }
            return;
        }
        Panel::right("right").default_size(318.0).min_size(250.0).max_size(560.0).show(ui, |ui| {
            ui.horizontal(|ui| {
                for (tab, words) in [
                    (Tab::Columns, "Columns"),
                    (Tab::Lattice, "Lattice"),
                    (Tab::Compare, "Compare"),
                    (Tab::Batch, "Batch"),
                ] {
                    ui.selectable_value(&mut self.tab, tab, words);
                }
            });
            ui.separator();
            match self.tab {
                Tab::Columns => self.columns_tab(ui),
                Tab::Lattice => self.lattice_tab(ui),
                Tab::Compare => self.compare_tab(ui),
                Tab::Batch => self.batch_tab(ui),
            }
        });
    }

    fn columns_tab(&mut self, ui: &mut Ui) {
        let Some(document) = &self.document else { return };
        if document.columns().is_empty() {
            let words = if document.found.is_some() {
                "No column has this score. Lower the threshold."
            } else {
                "Find columns locates every column of the image."
            };
            ui.label(words);
            return;
        }
        let chosen = (self.selection.len() == 1).then(|| self.selection.first().copied()).flatten();
        if let Some(index) = chosen {
            self.chosen(ui, index);
        } else {
            summary(ui, document);
        }
        heading(ui, "All columns");
        self.table(ui);
    }

    fn chosen(&mut self, ui: &mut Ui, index: usize) {
        let Some(document) = &self.document else { return };
        let Some(edited) = document.columns().get(index) else { return };
        let revision = document.revision();
        if self.inspected.as_ref().is_none_or(|seen| (seen.revision, seen.index) != (revision, index)) {
            let seen = adatom::inspect(&document.image.data, &document.located(), index);
            let patches = seen.as_ref().map_or_else(Vec::new, |seen| patches(ui.ctx(), seen));
            self.inspected = Some(Inspected { revision, index, seen, patches });
        }
        heading(ui, &format!("Column {}", index + 1));
        let seen = self.inspected.as_ref().and_then(|inspected| inspected.seen.as_ref());
        let patches = self.inspected.as_ref().map_or(&[][..], |inspected| &inspected.patches);
        let side = ((ui.available_width() - 16.0) / 3.0).clamp(40.0, 120.0);
        ui.horizontal(|ui| {
            for (name, texture) in patches {
                ui.vertical(|ui| {
                    let [width, height] = texture.size().map(|side| side as f32);
                    let size = vec2(side, side * height / width);
                    ui.add(egui::Image::new((texture.id(), size)).corner_radius(3.0).alt_text(*name));
                    ui.small(*name);
                });
            }
        });
        let column = &edited.column;
        let size = document.pixel_size;
        let flags: Vec<&str> = column
            .flags
            .iter()
            .map(|flag| flag.name())
            .chain(column.unfitted.map(adatom_locate::Reason::name))
            .chain(Some(edited.origin.flag()).filter(|flag| !flag.is_empty()))
            .collect();
        let mut rows = vec![("Position", format!("{:.3}, {:.3} px", column.x, column.y))];
        if let Some(size) = size {
            let (x, y) = (column.x * size.x_angstrom, column.y * size.y_angstrom);
            rows.push(("", format!("{x:.3}, {y:.3} Å")));
        }
        rows.push(("Score", format!("{:.3}", column.score)));
        rows.push(("Intensity", known(column.intensity)));
        rows.push(("Background", known(column.background)));
        rows.push(("Radius", format!("{} px", known(column.radius_px))));
        if let Some(fit) = column.fit {
            let [x, y] = fit.std_px;
            rows.push(("Error bar", format!("±{x:.3}, ±{y:.3} px")));
            if let Some(size) = size {
                let (x, y) = (100.0 * x * size.x_angstrom, 100.0 * y * size.y_angstrom);
                rows.push(("", format!("±{x:.1}, ±{y:.1} pm")));
            }
        }
        if let Some(seen) = seen {
            let fit = &seen.fit;
            let [major, minor] = fit.sigma_px;
            rows.push(("Local fit", format!("{:.3}, {:.3} px", fit.x, fit.y)));
            rows.push(("σ", format!("{major:.2} × {minor:.2} px, {:.0}°", fit.angle_rad.to_degrees())));
            rows.push(("Height", known(fit.height)));
            rows.push(("Residual (rms)", short(seen.rms)));
            if let Some(reason) = fit.reason {
                rows.push(("Not used", reason.name().to_owned()));
            }
        }
        let place = self.lattice.as_ref().filter(|lattice| lattice.revision == revision);
        if let Some((lattice, Some(place))) =
            place.map(|l| (l, l.lattice.places.get(index).copied().flatten()))
        {
            rows.push(("Site", format!("{} of cell ({}, {})", place.site + 1, place.i, place.j)));
            if let Some(Some(residual)) = lattice.lattice.residuals.get(index) {
                let (factor, unit) = if lattice.calibrated { (100.0, "pm") } else { (1.0, "px") };
                let (x, y) = (factor * residual.x, factor * residual.y);
                rows.push(("From the lattice", format!("{}, {} {unit}", short(x), short(y))));
            }
        }
        if !flags.is_empty() {
            rows.push(("Flags", flags.join(" ")));
        }
        table(ui, "column", &rows);
    }

    fn table(&mut self, ui: &mut Ui) {
        let Some(document) = &self.document else { return };
        let columns = std::sync::Arc::clone(document.columns());
        let height = ui.spacing().interact_size.y - 4.0;
        let mut chosen = None;
        ui.weak("number, x and y (px), score");
        ScrollArea::vertical().auto_shrink(false).show_rows(ui, height, columns.len(), |ui, range| {
            for index in range {
                let column = &columns[index].column;
                let words = format!(
                    "{:>5}    {:>8.2}  {:>8.2}    {:.2}",
                    index + 1,
                    column.x,
                    column.y,
                    column.score
                );
                if ui.selectable_label(self.selection.contains(&index), words).clicked() {
                    chosen = Some(index);
                }
            }
        });
        if let Some(index) = chosen {
            self.selection = [index].into();
            self.view.centre = columns[index].place();
            self.view.fit = false;
        }
    }
}

fn summary(ui: &mut Ui, document: &Document) {
    heading(ui, "Summary");
    let mut rows = vec![("Columns", document.columns().len().to_string())];
    if let Some(spacing) = document.spacing_px() {
        let angstrom = document.pixel_size.map_or(String::new(), |size| {
            format!(" = {:.3} Å", spacing * (size.x_angstrom * size.y_angstrom).sqrt())
        });
        rows.push(("Nearest neighbour", format!("{spacing:.2} px{angstrom}")));
    }
    if let Some(found) = &document.found {
        rows.push(("Scale", format!("× {:.3}", found.scale)));
        if let Some(fit) = &found.fit {
            rows.push(("Fitted", format!("{} of {}", fit.fitted, fit.fitted + fit.kept)));
        }
    }
    if !document.history.done.is_empty() {
        rows.push(("Edits", document.history.done.len().to_string()));
    }
    table(ui, "summary", &rows);
}

/// Names and values.
pub(super) fn table(ui: &mut Ui, name: &str, rows: &[(&str, String)]) {
    Grid::new(name).num_columns(2).spacing(vec2(14.0, 4.0)).show(ui, |ui| {
        for (name, value) in rows {
            ui.weak(*name);
            ui.label(value);
            ui.end_row();
        }
    });
}

fn known(value: f64) -> String {
    if value.is_finite() { short(value) } else { "unknown".to_owned() }
}

/// Patch, model and what is left, as pictures.
fn patches(ctx: &Context, seen: &Inspection) -> Vec<(&'static str, TextureHandle)> {
    let pyramid = Pyramid::of(seen.patch.clone());
    let lookup = Lookup::new(&Display { map: ColourMap::Inferno, ..Display::default() }, &pyramid.histogram);
    let (low, high) = pyramid.histogram.range();
    let reach = (0.5 * (high - low)).max(f32::MIN_POSITIVE);
    let left = &seen.patch - &seen.model;
    let picture = |name, image: &Array2<f32>, colour: &dyn Fn(f32) -> Color32| {
        let pixels = image.iter().map(|value| colour(*value)).collect();
        let picture = ColorImage::new([image.ncols(), image.nrows()], pixels);
        (name, ctx.load_texture(name, picture, TextureOptions::NEAREST))
    };
    vec![
        picture("Patch", &seen.patch, &|value| lookup.colour(value)),
        picture("Fit", &seen.model, &|value| lookup.colour(value)),
        picture("Residual", &left, &|value| diverging(value / reach)),
    ]
}

/// Blue below, white at, and red above nothing.
fn diverging(value: f32) -> Color32 {
    let size = value.abs().clamp(0.0, 1.0);
    let end = if value < 0.0 { [33.0, 102.0, 172.0] } else { [178.0, 24.0, 43.0] };
    let [r, g, b] = end.map(|channel: f32| (247.0 + (channel - 247.0) * size) as u8);
    Color32::from_rgb(r, g, b)
}
