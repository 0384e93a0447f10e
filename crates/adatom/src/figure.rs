//! Line plots for papers: the same shapes as SVG and as pixels.

use crate::canvas::{BLACK, Canvas, Colour, WHITE};
use ndarray::Array3;
use std::fmt::Write as _;

/// Pixels of the picture for a unit of the drawing.
const PICTURE: f64 = 2.0;
const TEXT_PX: f64 = 8.0;

/// A drawing, in units of a CSS pixel, from the top left.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    size: [f64; 2],
    shapes: Vec<Shape>,
}

#[derive(Debug, Clone)]
enum Shape {
    Line { ends: [(f64, f64); 2], width: f64, colour: Colour },
    Ring { centre: (f64, f64), radius: f64, colour: Colour },
    Text { left: f64, top: f64, text: String },
}

impl Figure {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { size: [width, height], shapes: Vec::new() }
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Colour) {
        self.shapes.push(Shape::Line { ends: [from, to], width, colour });
    }

    pub(crate) fn ring(&mut self, centre: (f64, f64), radius: f64, colour: Colour) {
        self.shapes.push(Shape::Ring { centre, radius, colour });
    }

    /// Text that begins at `left`.
    pub(crate) fn text(&mut self, left: f64, top: f64, text: &str) {
        self.shapes.push(Shape::Text { left, top, text: text.to_owned() });
    }

    /// Units that a text is wide.
    pub(crate) fn width_of(text: &str) -> f64 {
        Canvas::text_width(PICTURE as i64, text) as f64 / PICTURE
    }

    /// As SVG; letters are text.
    pub fn svg(&self) -> String {
        let [width, height] = self.size;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"monospace\" font-size=\"{}\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            1.4 * TEXT_PX
        );
        let hexadecimal = |[r, g, b]: Colour| format!("#{r:02x}{g:02x}{b:02x}");
        for shape in &self.shapes {
            // Writing to a string can't fail.
            let _ = match shape {
                Shape::Line { ends: [(x1, y1), (x2, y2)], width, colour } => writeln!(
                    svg,
                    "<line x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\" stroke=\"{}\" \
                     stroke-width=\"{width}\" stroke-linecap=\"round\"/>",
                    hexadecimal(*colour)
                ),
                Shape::Ring { centre: (x, y), radius, colour } => writeln!(
                    svg,
                    "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\" fill=\"white\" stroke=\"{}\"/>",
                    hexadecimal(*colour)
                ),
                Shape::Text { left, top, text } => {
                    let text = text.replace('&', "&amp;").replace('<', "&lt;");
                    let (width, base) = (Self::width_of(&text), top + TEXT_PX);
                    writeln!(
                        svg,
                        "<text x=\"{left:.2}\" y=\"{base:.2}\" textLength=\"{width:.1}\" \
                         lengthAdjust=\"spacingAndGlyphs\">{text}</text>"
                    )
                }
            };
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// As `[row, column, rgb]`, two pixels a unit.
    pub fn picture(&self) -> Array3<u8> {
        let [width, height] = self.size.map(|side| (PICTURE * side) as usize);
        let mut canvas = Canvas::new(width, height, WHITE);
        let at = |(x, y): (f64, f64)| (PICTURE * x, PICTURE * y);
        for shape in &self.shapes {
            match shape {
                Shape::Line { ends: [from, to], width, colour } => {
                    canvas.line(at(*from), at(*to), PICTURE * width, *colour);
                }
                Shape::Ring { centre, radius, colour } => {
                    let (x, y) = at(*centre);
                    canvas.ring(x, y, PICTURE * radius, PICTURE, *colour);
                }
                Shape::Text { left, top, text } => {
                    let (x, y) = at((*left, *top));
                    canvas.text(x as i64, y as i64, PICTURE as i64, text, BLACK);
                }
            }
        }
        canvas.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_show_the_same_shapes() {
        let mut figure = Figure::new(40.0, 20.0);
        figure.line((2.0, 10.0), (38.0, 10.0), 1.0, [213, 94, 0]);
        figure.text(4.0, 2.0, "a<b");
        let (svg, picture) = (figure.svg(), figure.picture());
        assert!(svg.contains("stroke=\"#d55e00\"") && svg.contains(">a&lt;b</text>"), "{svg}");
        assert_eq!(picture.dim(), (40, 80, 3));
        assert_eq!((picture[(20, 40, 0)], picture[(20, 40, 1)]), (213, 94));
    }
}
