//! Figures as PDF, one page of their own size.

use super::figure::Figure;
use crate::markers::THICKNESS;
use crate::scene::LETTERS;
use egui::{Align2, Color32, Pos2, Rect};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::fmt::Write as _;
use std::io::Write as _;

/// Distance of a cubic Bézier curve's handles that makes a quarter of a circle.
const QUARTER: f32 = 0.552_285;
/// Mean width of Helvetica's letters that scale bars use, in letter heights.
const LETTER: f32 = 0.54;

/// A figure as PDF: pictures as they are, everything else as shapes and text.
///
/// # Errors
/// A message when a picture can't be packed.
pub(super) fn pdf(figure: &Figure) -> Result<Vec<u8>, String> {
    let scale = figure.print_scale();
    let (width, height) = (figure.size.x * scale, figure.size.y * scale);
    let mut objects: Vec<Vec<u8>> = Vec::new();
    let names: String = (0..figure.images.len()).fold(String::new(), |mut names, number| {
        let _ = write!(names, "/I{number} {} 0 R ", 6 + number);
        names
    });
    objects.push(b"<< /Type /Catalog /Pages 2 0 R >>".to_vec());
    objects.push(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec());
    objects.push(
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3} {height:.3}] /Contents 4 0 R \
             /Resources << /Font << /F 5 0 R >> /XObject << {names}>> >> >>"
        )
        .into_bytes(),
    );
    objects.push(stream("", content(figure, scale, height).as_bytes())?);
    objects
        .push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec());
    for picture in &figure.images {
        let data: Vec<u8> = picture.image.pixels.iter().flat_map(|p| [p.r(), p.g(), p.b()]).collect();
        let [columns, rows] = picture.image.size;
        let head = format!(
            "/Type /XObject /Subtype /Image /Width {columns} /Height {rows} /ColorSpace /DeviceRGB \
             /BitsPerComponent 8 /Interpolate {} ",
            !picture.nearest
        );
        objects.push(stream(&head, &data)?);
    }
    Ok(assembled(&objects))
}

/// The file of numbered objects, the first of which is the catalogue.
fn assembled(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n", number + 1).into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        // Writing to a string can't fail.
        let _ = writeln!(end, "{offset:010} 00000 n ");
    }
    let _ =
        write!(end, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    file.extend(end.into_bytes());
    file
}

fn stream(head: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(data).map_err(|e| e.to_string())?;
    let packed = packed.finish().map_err(|e| e.to_string())?;
    let mut object =
        format!("<< {head}/Filter /FlateDecode /Length {} >>\nstream\n", packed.len()).into_bytes();
    object.extend(packed);
    object.extend(b"\nendstream");
    Ok(object)
}

/// The drawing, in points of the screen with y down.
fn content(figure: &Figure, scale: f32, height: f32) -> String {
    let mut out = format!("{scale:.5} 0 0 {:.5} 0 {height:.3} cm\n", -scale);
    let _ = writeln!(out, "{} rg {} f", rgb(figure.background), rectangle(figure.all()));
    for (number, picture) in figure.images.iter().enumerate() {
        let (p, clip) = (picture.place, rectangle(picture.clip));
        // A picture fills the unit square, its first row on top where y is up.
        let _ = writeln!(
            out,
            "q {clip} W n {:.3} 0 0 {:.3} {:.3} {:.3} cm /I{number} Do Q",
            p.width(),
            -p.height(),
            p.left(),
            p.bottom()
        );
    }
    let _ = writeln!(out, "{THICKNESS} w");
    for (place, colour) in figure.visible_rings() {
        let _ = writeln!(out, "{} RG {} S", rgb(colour), circle(place, figure.radius));
    }
    for bar in &figure.bars {
        let _ = writeln!(out, "0 0 0 rg {} f", rectangle(bar.bar.expand(1.0)));
        let _ = writeln!(out, "1 1 1 rg {} f", rectangle(bar.bar));
        text(&mut out, bar.text_place(), Align2::CENTER_BOTTOM, &bar.text);
    }
    for (rect, colour) in figure.legend_parts() {
        let _ = writeln!(out, "{} rg {} f", rgb(colour), rectangle(rect));
    }
    for (place, align, words) in figure.legend_texts() {
        text(&mut out, place, align, &words);
    }
    out
}

fn rectangle(rect: Rect) -> String {
    format!("{:.3} {:.3} {:.3} {:.3} re", rect.left(), rect.top(), rect.width(), rect.height())
}

fn rgb(colour: Color32) -> String {
    let part = |channel: u8| f32::from(channel) / 255.0;
    format!("{:.3} {:.3} {:.3}", part(colour.r()), part(colour.g()), part(colour.b()))
}

fn circle(c: Pos2, r: f32) -> String {
    let h = QUARTER * r;
    let mut path = format!("{:.3} {:.3} m", c.x + r, c.y);
    for ((ax, ay), (bx, by), (x, y)) in [
        ((r, h), (h, r), (0.0, r)),
        ((-h, r), (-r, h), (-r, 0.0)),
        ((-r, -h), (-h, -r), (0.0, -r)),
        ((h, -r), (r, -h), (r, 0.0)),
    ] {
        let _ = write!(
            path,
            " {:.3} {:.3} {:.3} {:.3} {:.3} {:.3} c",
            c.x + ax,
            c.y + ay,
            c.x + bx,
            c.y + by,
            c.x + x,
            c.y + y
        );
    }
    path
}

fn text(out: &mut String, place: Pos2, align: Align2, words: &str) {
    let width = words.chars().count() as f32 * LETTER * LETTERS;
    let left = match align.x() {
        egui::Align::Min => place.x,
        egui::Align::Center => place.x - 0.5 * width,
        egui::Align::Max => place.x - width,
    };
    let base = if align.y() == egui::Align::Min { place.y + 0.8 * LETTERS } else { place.y - 0.2 * LETTERS };
    // Windows' Latin letters in octal: Å, µ and the like are among them.
    let encoded: String = words.chars().fold(String::new(), |mut text, letter| {
        let code = match u32::from(letter) {
            0x3bc => 0xb5,
            0x2212 | 0x2013 => 0x2d,
            code if code < 0x100 => code,
            _ => 0x3f,
        };
        let _ = write!(text, "\\{code:03o}");
        text
    });
    let letters = format!("BT /F {LETTERS} Tf 1 0 0 -1 {left:.3} {base:.3} Tm");
    let _ = writeln!(out, "0 0 0 RG 2 w {letters} 1 Tr ({encoded}) Tj ET");
    let _ = writeln!(out, "1 1 1 rg {letters} 0 Tr ({encoded}) Tj ET {THICKNESS} w");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::figure::tests::figure;

    #[test]
    fn pdf_has_a_page_of_the_print_size_and_a_right_table() {
        let file = pdf(&figure()).unwrap();
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains("/MediaBox [0 0 144.000 72.000]"), "{text}");
        let table: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(file[table..].starts_with(b"xref\n0 7\n"));
        for number in 1..7 {
            let line = &file[table + 9 + 20 * number..][..10];
            let offset: usize = std::str::from_utf8(line).unwrap().parse().unwrap();
            assert!(file[offset..].starts_with(format!("{number} 0 obj").as_bytes()), "object {number}");
        }
        let content = content(&figure(), 1.0, 100.0);
        assert!(content.contains("\\062\\040\\156\\155"), "2 nm");
    }
}
