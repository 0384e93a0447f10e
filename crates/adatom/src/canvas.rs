//! Drawing on pixels: just what overlays and plots need.

use font8x8::UnicodeFonts;
use ndarray::{Array2, Array3};

/// Red, green, blue.
pub(crate) type Colour = [u8; 3];

pub(crate) const WHITE: Colour = [255, 255, 255];
pub(crate) const BLACK: Colour = [0, 0, 0];
/// Lines of a grid behind curves and bars.
pub(crate) const GRID: Colour = [222, 222, 222];

/// Side of a letter before it is enlarged \[px\].
const LETTER: usize = 8;

/// An RGB picture.
pub(crate) struct Canvas {
    pub(crate) pixels: Array3<u8>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { pixels: Array3::from_shape_fn((height, width, 3), |(_, _, channel)| colour[channel]) }
    }

    /// A grey image stretched between its 0.3 % and 99.7 % quantiles, each pixel `zoom` times.
    pub(crate) fn of_image(image: &Array2<f32>, zoom: usize) -> Self {
        let (low, high) = quantiles(image);
        let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
        let (height, width) = image.dim();
        let pixels = Array3::from_shape_fn((height * zoom, width * zoom, 3), |(row, column, _)| {
            ((image[(row / zoom, column / zoom)] - low) * scale).clamp(0.0, 255.0) as u8
        });
        Self { pixels }
    }

    pub(crate) fn width(&self) -> usize {
        self.pixels.dim().1
    }

    pub(crate) fn height(&self) -> usize {
        self.pixels.dim().0
    }

    /// Mixes `colour` into a pixel; outside the canvas nothing happens.
    pub(crate) fn blend(&mut self, x: i64, y: i64, colour: Colour, opacity: f64) {
        if x < 0 || y < 0 || x >= self.width() as i64 || y >= self.height() as i64 {
            return;
        }
        for (channel, value) in colour.into_iter().enumerate() {
            let pixel = &mut self.pixels[(y as usize, x as usize, channel)];
            *pixel = (f64::from(*pixel) * (1.0 - opacity) + f64::from(value) * opacity).round() as u8;
        }
    }

    pub(crate) fn rectangle(&mut self, left: i64, top: i64, width: i64, height: i64, colour: Colour) {
        for y in top..top + height {
            for x in left..left + width {
                self.blend(x, y, colour, 1.0);
            }
        }
    }

    /// An anti-aliased ring.
    pub(crate) fn ring(&mut self, x: f64, y: f64, radius: f64, thickness: f64, colour: Colour) {
        let reach = (radius + thickness + 1.0).ceil() as i64;
        for py in y as i64 - reach..=y as i64 + reach {
            for px in x as i64 - reach..=x as i64 + reach {
                let off = ((px as f64 - x).hypot(py as f64 - y) - radius).abs();
                self.blend(px, py, colour, (0.5 * thickness + 0.5 - off).clamp(0.0, 1.0));
            }
        }
    }

    /// An anti-aliased straight line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), thickness: f64, colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length2 = (dx * dx + dy * dy).max(1e-12);
        let reach = thickness + 1.0;
        let span = |a: f64, b: f64| (a.min(b) - reach).floor() as i64..=(a.max(b) + reach).ceil() as i64;
        for py in span(from.1, to.1) {
            for px in span(from.0, to.0) {
                let (x, y) = (px as f64 - from.0, py as f64 - from.1);
                let t = ((x * dx + y * dy) / length2).clamp(0.0, 1.0);
                let off = (x - t * dx).hypot(y - t * dy);
                self.blend(px, py, colour, (0.5 * thickness + 0.5 - off).clamp(0.0, 1.0));
            }
        }
    }

    /// Text with its top left corner at a point.
    pub(crate) fn text(&mut self, left: i64, top: i64, zoom: i64, text: &str, colour: Colour) {
        for (index, letter) in text.chars().enumerate() {
            let glyph = font8x8::BASIC_FONTS.get(letter).or_else(|| font8x8::LATIN_FONTS.get(letter));
            for (row, bits) in glyph.unwrap_or([0; LETTER]).into_iter().enumerate() {
                for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                    let x = left + (index * LETTER + column) as i64 * zoom;
                    self.rectangle(x, top + row as i64 * zoom, zoom, zoom, colour);
                }
            }
        }
    }

    /// Width of a text \[px\].
    pub(crate) fn text_width(zoom: i64, text: &str) -> i64 {
        (text.chars().count() * LETTER) as i64 * zoom
    }
}

/// The 0.3 % and 99.7 % quantiles.
fn quantiles(image: &Array2<f32>) -> (f32, f32) {
    let mut values: Vec<f32> = image.iter().copied().filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mut at = |part: f64| {
        let index = ((values.len() - 1) as f64 * part).round() as usize;
        *values.select_nth_unstable_by(index, f32::total_cmp).1
    };
    (at(0.003), at(0.997))
}
