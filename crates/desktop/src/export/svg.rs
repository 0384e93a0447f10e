//! Figures as SVG.

use super::figure::{Figure, encode_png};
use crate::markers::THICKNESS;
use crate::scene::LETTERS;
use base64::Engine as _;
use egui::{Align2, Color32, Pos2, Rect};
use std::fmt::Write as _;

/// A figure as SVG: pictures as they are, everything else as shapes and text.
///
/// # Errors
/// A message when a picture can't be packed.
pub(super) fn svg(figure: &Figure) -> Result<String, String> {
    let (width, height) = (figure.size.x, figure.size.y);
    let height_mm = figure.width_mm * height / width;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.2} {height:.2}\" width=\"{:.2}mm\" \
         height=\"{height_mm:.2}mm\" font-family=\"Inter, Helvetica, Arial, sans-serif\" font-size=\"{LETTERS}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        figure.width_mm,
        hexadecimal(figure.background)
    );
    // Writing to a string can't fail.
    for (number, picture) in figure.images.iter().enumerate() {
        let data = base64::engine::general_purpose::STANDARD.encode(encode_png(&picture.image, None)?);
        let style = if picture.nearest { " style=\"image-rendering:pixelated\"" } else { "" };
        let _ = writeln!(
            svg,
            "<clipPath id=\"pane{number}\">{}</clipPath>\n<image clip-path=\"url(#pane{number})\" {} \
             preserveAspectRatio=\"none\"{style} href=\"data:image/png;base64,{data}\"/>",
            rectangle(picture.clip, ""),
            sides(picture.place),
        );
    }
    let _ = writeln!(svg, "<g fill=\"none\" stroke-width=\"{THICKNESS}\">");
    for (place, colour) in figure.visible_rings() {
        let (x, y, r) = (place.x, place.y, figure.radius);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{r:.2}\" stroke=\"{}\"/>",
            hexadecimal(colour)
        );
    }
    svg.push_str("</g>\n");
    for bar in &figure.bars {
        let _ =
            writeln!(svg, "{}", rectangle(bar.bar, " fill=\"white\" stroke=\"black\" stroke-width=\"1\""));
        text(&mut svg, bar.text_place(), Align2::CENTER_BOTTOM, &bar.text);
    }
    for (rect, colour) in figure.legend_parts() {
        let _ = writeln!(svg, "{}", rectangle(rect, &format!(" fill=\"{}\"", hexadecimal(colour))));
    }
    for (place, align, words) in figure.legend_texts() {
        text(&mut svg, place, align, &words);
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn sides(rect: Rect) -> String {
    format!(
        "x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"",
        rect.left(),
        rect.top(),
        rect.width(),
        rect.height()
    )
}

fn rectangle(rect: Rect, more: &str) -> String {
    format!("<rect {}{more}/>", sides(rect))
}

fn hexadecimal(colour: Color32) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.r(), colour.g(), colour.b())
}

fn text(svg: &mut String, place: Pos2, align: Align2, words: &str) {
    let anchor = match align.x() {
        egui::Align::Min => "start",
        egui::Align::Center => "middle",
        egui::Align::Max => "end",
    };
    let base = if align.y() == egui::Align::Min { place.y + 0.8 * LETTERS } else { place.y - 0.2 * LETTERS };
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text x=\"{:.2}\" y=\"{base:.2}\" text-anchor=\"{anchor}\" fill=\"white\" stroke=\"black\" \
         stroke-width=\"2\" paint-order=\"stroke\">{words}</text>",
        place.x
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::figure::tests::figure;

    #[test]
    fn svg_has_the_print_size_the_rings_and_the_bar() {
        let svg = svg(&figure()).unwrap();
        assert!(svg.contains("width=\"50.80mm\" height=\"25.40mm\""), "{svg}");
        assert!(svg.contains("cx=\"150.00\" cy=\"30.00\" r=\"8.00\" stroke=\"#ff5236\""), "{svg}");
        assert!(svg.contains(">2 nm</text>") && svg.contains("image-rendering:pixelated"));
        assert!(svg.ends_with("</svg>\n"));
    }
}
