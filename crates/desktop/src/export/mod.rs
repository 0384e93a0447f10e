//! Files from a document.

mod figure;
mod html;
mod labels;
mod pdf;
mod svg;

pub use figure::{Figure, FigureImage, encode_png};
pub use html::report;

use crate::document::Document;
use adatom::columns_csv;
use adatom_formats::{FormatError, OutputFolder, write_atomically, write_hspy, write_tiff};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    /// The columns as a table.
    Columns,
    /// The edits as a table.
    Edits,
    /// The pane as it looks.
    Figure,
    /// The maps.
    Maps,
    /// Image and columns for HyperSpy.
    Hspy,
    /// A page about the image.
    Report,
    /// Image, masks and columns to learn from.
    Labels,
}

impl Export {
    /// All of them with the menu's words.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Columns, "Columns (CSV)…"),
        (Self::Edits, "Edits (CSV)…"),
        (Self::Figure, "Figure (PNG, SVG, PDF)…"),
        (Self::Maps, "Maps (float TIFF)…"),
        (Self::Hspy, "HyperSpy (.hspy)…"),
        (Self::Report, "Report (HTML)…"),
        (Self::Labels, "Labels for adapt…"),
    ];

    /// What the file of an image is called.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Columns => "-atoms.csv",
            Self::Edits => "-edits.csv",
            Self::Figure => "-figure.png",
            Self::Maps => "-maps",
            Self::Hspy => "-columns.hspy",
            Self::Report => "-report.html",
            Self::Labels => "-labels",
        }
    }

    /// Whether what is made is a folder.
    pub fn is_folder(self) -> bool {
        matches!(self, Self::Maps | Self::Labels)
    }

    /// Writes a document's export; figures and reports need a `figure`.
    ///
    /// # Errors
    /// A message for the user.
    pub fn write(self, document: &Document, figure: Option<&Figure>, path: &Path) -> Result<(), String> {
        let missing = || "nothing is shown".to_owned();
        match self {
            Self::Columns => write_text(path, &columns(document)),
            Self::Edits => write_text(path, &edits(document)),
            Self::Figure => write_figure(figure.ok_or_else(missing)?, path),
            Self::Maps => write_maps(document, path),
            Self::Hspy => {
                let places: Vec<[f64; 2]> =
                    document.columns().iter().map(|c| [c.column.x, c.column.y]).collect();
                let image = &document.image;
                write_hspy(path, &image.data, document.pixel_size, &image.source.signal, &places)
                    .map_err(said)
            }
            Self::Report => write_text(path, &report(document, figure.ok_or_else(missing)?)),
            Self::Labels => labels::write(document, path),
        }
    }
}

fn said(error: FormatError) -> String {
    error.to_string()
}

fn write_text(path: &Path, text: &str) -> Result<(), String> {
    write_atomically(path, |file| file.write_all(text.as_bytes())).map_err(said)
}

/// The columns as `atoms.csv` has them; edited ones have a flag that begins with `edit-`.
pub fn columns(document: &Document) -> String {
    let columns = document.columns();
    columns_csv(&document.located(), document.pixel_size, &|index| columns[index].origin.flag())
}

/// All edits that hold: what was done, where, and where to.
pub fn edits(document: &Document) -> String {
    use crate::edit::Edit;
    let mut csv = String::from("number,edit,from_x_px,from_y_px,to_x_px,to_y_px\n");
    for (number, edit) in document.history.done.iter().enumerate() {
        let mut line = |kind: &str, from: Option<(f64, f64)>, to: Option<(f64, f64)>| {
            let place = |p: Option<(f64, f64)>| p.map_or(",".to_owned(), |(x, y)| format!("{x:.4},{y:.4}"));
            // Writing to a string can't fail.
            let _ = writeln!(csv, "{},{kind},{},{}", number + 1, place(from), place(to));
        };
        match edit {
            Edit::Add { column } => line("add", None, Some((column.x, column.y))),
            Edit::Delete { at } => at.iter().for_each(|at| line("delete", Some(*at), None)),
            Edit::Move { from, to } => line("move", Some(*from), Some(*to)),
            Edit::Merge { at, into } => {
                at.iter().for_each(|at| line("merge", Some(*at), Some((into.x, into.y))));
            }
            Edit::Split { at, into } => {
                into.iter().for_each(|half| line("split", Some(*at), Some((half.x, half.y))));
            }
        }
    }
    csv
}

fn write_figure(figure: &Figure, path: &Path) -> Result<(), String> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let bytes = match extension.as_str() {
        "png" => figure.png()?,
        "svg" => svg::svg(figure)?.into_bytes(),
        "pdf" => pdf::pdf(figure)?,
        other => {
            return Err(format!(
                "{}: {other:?} is no format of figures; give .png, .svg or .pdf",
                path.display()
            ));
        }
    };
    write_atomically(path, |file| file.write_all(&bytes)).map_err(said)
}

fn write_maps(document: &Document, path: &Path) -> Result<(), String> {
    let found = document.found.as_ref().filter(|found| !found.maps.is_empty());
    let found = found.ok_or("There are no maps yet: find the columns first.")?;
    let images = found.maps.iter().map(|(task, map)| (format!("{}.tif", task.name()), map));
    write_folder(path, document, images.collect(), &[])
}

/// A folder of TIFF images and texts that appears complete or not at all.
fn write_folder(
    path: &Path,
    document: &Document,
    images: Vec<(String, &Array2<f32>)>,
    texts: &[(&str, String)],
) -> Result<(), String> {
    let output = OutputFolder::create(path).map_err(said)?;
    for (name, image) in images {
        write_tiff(&output.path().join(name), image, document.pixel_size).map_err(said)?;
    }
    for (name, text) in texts {
        write_text(&output.path().join(name), text)?;
    }
    // The file by which the folder is known as this program's.
    let report = serde_json::json!({
        "program": concat!("adatom ", env!("CARGO_PKG_VERSION")),
        "input": document.image.source.path.display().to_string(),
        "columns": document.columns().len(),
        "edits": document.history.done.len(),
    });
    write_text(&output.path().join("report.json"), &format!("{report:#}\n"))?;
    output.commit().map(|_: PathBuf| ()).map_err(said)
}
