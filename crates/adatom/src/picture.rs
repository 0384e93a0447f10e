//! Pictures of libraries on disk.

use crate::Error;
use crate::canvas::{BLACK, Canvas, Colour, WHITE};
use adatom_archive::{Label, Library, Record};
use adatom_formats::write_png_rgb8;
use ndarray::s;
use std::path::Path;

/// Pixels between panels, and above one for its title.
const GAP: usize = 8;
const TITLE: usize = 26;
/// Side of a panel at least \[px\].
const PANEL: usize = 400;
/// Panels in a row of a sample's figure, and samples in a row of a contact sheet.
const PANELS: usize = 5;
const SAMPLES: usize = 8;
const COLUMN: Colour = [255, 70, 40];

/// Panels of one size in rows, each with a title.
struct Panels {
    canvas: Canvas,
    width: usize,
    height: usize,
    across: usize,
    letters: i64,
}

impl Panels {
    fn new(count: usize, across: usize, (height, width): (usize, usize), letters: i64) -> Self {
        let rows = count.div_ceil(across);
        let (w, h) = (across * (width + GAP) + GAP, rows * (height + GAP + TITLE) + GAP);
        Self { canvas: Canvas::new(w, h, WHITE), width, height, across, letters }
    }

    fn put(&mut self, at: usize, title: &str, panel: &Canvas) {
        let (row, column) = (at / self.across, at % self.across);
        let (left, top) = (column * (self.width + GAP) + GAP, row * (self.height + GAP + TITLE) + GAP);
        let fitting: String = title.chars().take(self.width / (8 * self.letters as usize)).collect();
        self.canvas.text(left as i64, top as i64 + 4, self.letters, &fitting, BLACK);
        let (top, height, width) =
            (top + TITLE, panel.height().min(self.height), panel.width().min(self.width));
        let pixels = panel.pixels.slice(s![..height, ..width, ..]);
        self.canvas.pixels.slice_mut(s![top..top + height, left..left + width, ..]).assign(&pixels);
    }
}

/// Draws one sample with all its labels, as the paper's Fig. 3, and its columns on the image without noise.
///
/// # Errors
/// When there is no such sample or a file can't be read or written.
pub fn library_figure(library: &Library, id: u64, file: &Path) -> Result<(), Error> {
    let record = library.record(id)?;
    let kept = record.files.keys().copied().filter(|label| label.is_image()).collect::<Vec<_>>();
    let size = library.image(Label::Image, id)?.dim();
    let zoom = PANEL.div_ceil(size.0.max(size.1)).next_multiple_of(2);
    let mut panels = Panels::new(kept.len() + 1, PANELS, (size.0 * zoom, size.1 * zoom), 1);
    for (at, label) in kept.iter().enumerate() {
        let panel = Canvas::of_image(&library.image(*label, id)?, zoom / label.factor());
        panels.put(at, &format!("({}) {label}", char::from(b'a' + at as u8)), &panel);
    }
    let below = if kept.contains(&Label::NoNoise) { Label::NoNoise } else { Label::Image };
    let mut positions = Canvas::of_image(&library.image(below, id)?, zoom);
    let place = |v: f64| (v + 0.5) * zoom as f64 - 0.5;
    for column in &record.columns {
        let radius = record.radius_px.max(1.0) * zoom as f64;
        positions.ring(place(column.x), place(column.y), radius, 1.5, COLUMN);
        positions.ring(place(column.x), place(column.y), 1.0, 2.0, COLUMN);
    }
    let title = format!(
        "({}) position, radius: {} columns",
        char::from(b'a' + kept.len() as u8),
        record.columns.len()
    );
    panels.put(kept.len(), &title, &positions);
    Ok(write_png_rgb8(file, &panels.canvas.pixels)?)
}

/// Draws the images of up to `count` samples spread over a library, each with its number and what it shows.
///
/// # Errors
/// When a file can't be read or written.
pub fn library_sheet(library: &Library, count: usize, file: &Path) -> Result<(), Error> {
    let total = library.records()?.count();
    let count = count.min(total).max(1);
    let chosen: Vec<usize> = (0..count).map(|i| (2 * i + 1) * total / (2 * count)).collect();
    let mut next = chosen.into_iter().peekable();
    let mut panels = None;
    let mut put = 0;
    for (at, record) in library.records()?.enumerate() {
        if next.next_if_eq(&at).is_none() {
            continue;
        }
        let record = record?;
        let image = library.image(Label::Image, record.id)?;
        let panels = panels.get_or_insert_with(|| Panels::new(count, SAMPLES, image.dim(), 1));
        panels.put(put, &caption(&record), &Canvas::of_image(&image, 1));
        put += 1;
    }
    let Some(panels) = panels else {
        return Err(Error::Input { path: library.folder().to_owned(), message: "has no samples".to_owned() });
    };
    Ok(write_png_rgb8(file, &panels.canvas.pixels)?)
}

fn caption(record: &Record) -> String {
    let what = record.settings.as_ref().map_or(String::new(), |s| {
        format!("{} {} {}Å {:.0}kV", s.material, s.zone, s.field_of_view_angstrom, s.probe.energy_kv())
    });
    format!("{:05} {what}", record.id)
}
