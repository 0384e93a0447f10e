//! A page about an image: figure, numbers, settings.

use super::figure::{Figure, encode_png};
use crate::document::Document;
use crate::edit::Origin;
use crate::settings::localiser_name;
use adatom_locate::median;
use base64::Engine as _;
use std::fmt::Write as _;

const STYLE: &str = "body{font:15px/1.5 Inter,Helvetica,Arial,sans-serif;max-width:52em;margin:2em auto;padding:0 1em;\
    color:#22252b}h1{font-size:1.5em;margin:0}p.where{color:#667;margin:.2em 0 1.2em;overflow-wrap:anywhere}\
    img{max-width:100%;border-radius:6px}table{border-collapse:collapse;margin:1em 0;width:100%}td,th{padding:.3em .6em;\
    border-bottom:1px solid #dde;text-align:left;vertical-align:top}td+td{font-variant-numeric:tabular-nums}\
    footer{color:#778;margin-top:2em;font-size:.85em}@media print{body{margin:0}}";

/// The page, everything in it.
pub fn report(document: &Document, figure: &Figure) -> String {
    let image = &document.image;
    let picture = figure.picture((1600.0 / figure.size.x).min(3.0)).and_then(|p| encode_png(&p, None));
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style>\
         </head>\n<body>\n<h1>{0}</h1>\n<p class=\"where\">{1}</p>\n",
        escaped(&document.name()),
        escaped(&image.source.path.display().to_string())
    );
    // Writing to a string can't fail.
    let _ = match picture {
        Ok(png) => {
            let data = base64::engine::general_purpose::STANDARD.encode(png);
            writeln!(html, "<img alt=\"The image with its columns\" src=\"data:image/png;base64,{data}\">")
        }
        Err(message) => writeln!(html, "<p>{}</p>", escaped(&message)),
    };
    html.push_str("<table>\n");
    for (name, value) in rows(document) {
        let _ = writeln!(html, "<tr><th>{name}</th><td>{}</td></tr>", escaped(&value));
    }
    let _ = writeln!(
        html,
        "</table>\n<footer>adatom {}; positions are in pixels of the file, the centre of the first pixel at \
         (0, 0).</footer>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    );
    html
}

/// Names and values of the table.
fn rows(document: &Document) -> Vec<(&'static str, String)> {
    let image = &document.image;
    let columns = document.columns();
    let mut rows = vec![
        ("Image", format!("{} × {} px, {}", image.width(), image.height(), image.source.sample_type)),
        ("Pixel", document.pixel_size.map_or("size unknown".to_owned(), |size| size.to_string())),
    ];
    if let Some(size) = document.pixel_size {
        let field = |pixels: usize, angstrom: f64| pixels as f64 * angstrom / 10.0;
        let (x, y) = (field(image.width(), size.x_angstrom), field(image.height(), size.y_angstrom));
        rows.push(("Field of view", format!("{x:.2} × {y:.2} nm")));
    }
    let known = image.source.metadata.known();
    if !known.is_empty() {
        let said: Vec<String> = known
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{}: {value}", name.replace('_', " "))
            })
            .collect();
        rows.push(("Taken", said.join("; ")));
    }
    if let Some(found) = &document.found {
        let threshold = document.settings.threshold;
        let how = format!("{}, score from {threshold:.2} on", localiser_name(found.settings.method));
        rows.push(("Localiser", how));
        rows.push(("Scale for the network", format!("{:.4}", found.scale)));
        if let Some(fit) = &found.fit {
            rows.push(("Fits", format!("{} columns fitted, {} not", fit.fitted, fit.kept)));
        }
    }
    let count = |origin: Origin| columns.iter().filter(|column| column.origin == origin).count();
    rows.push(("Columns", columns.len().to_string()));
    let by_hand = [
        ("added", count(Origin::Added)),
        ("moved", count(Origin::Moved)),
        ("merged", count(Origin::Merged)),
        ("split", count(Origin::Split)),
    ];
    let edits: Vec<String> =
        by_hand.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    let said = if edits.is_empty() { String::new() } else { format!(": {}", edits.join(", ")) };
    rows.push(("Edits by hand", format!("{}{said}", document.history.done.len())));
    if let Some(spacing) = document.spacing_px() {
        let angstrom = document.pixel_size.map_or(String::new(), |size| {
            format!(", {:.3} Å", spacing * (size.x_angstrom * size.y_angstrom).sqrt())
        });
        rows.push(("Nearest neighbours", format!("median {spacing:.2} px{angstrom}")));
    }
    let mut errors: Vec<f64> = columns
        .iter()
        .filter_map(|c| c.column.fit)
        .map(|fit| (0.5 * (fit.std_px[0].powi(2) + fit.std_px[1].powi(2))).sqrt())
        .collect();
    if let Some(error) = median(&mut errors) {
        let picometres = document.pixel_size.map_or(String::new(), |size| {
            format!(", {:.1} pm", 100.0 * error * (size.x_angstrom * size.y_angstrom).sqrt())
        });
        rows.push(("Error bar", format!("median {error:.3} px{picometres} per coordinate")));
    }
    rows
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
