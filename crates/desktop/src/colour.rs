//! From values to colours: colour maps, contrast and gamma.

use crate::pyramid::Histogram;
use egui::Color32;
use serde::{Deserialize, Serialize};

/// Colour maps of the field, all but grey with evenly rising lightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourMap {
    /// Black to white.
    #[default]
    Grey,
    /// Black over red to yellow.
    Inferno,
    /// Blue over green to yellow.
    Viridis,
    /// Blue to yellow, the same to eyes that don't tell red from green.
    Cividis,
}

/// Colours at equal steps.
const INFERNO: [u32; 10] =
    [0x000004, 0x1b0c42, 0x4b0c6b, 0x781c6d, 0xa52c60, 0xcf4446, 0xed6925, 0xfb9a06, 0xf7d03c, 0xfcffa4];
const VIRIDIS: [u32; 9] =
    [0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725];
const CIVIDIS: [u32; 10] =
    [0x00204d, 0x00336f, 0x39486b, 0x575c6d, 0x707173, 0x8a8779, 0xa69d75, 0xc4b56c, 0xe4cf5b, 0xffea46];
const GREY: [u32; 2] = [0x000000, 0xffffff];

impl ColourMap {
    /// All of them with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Grey, "Grey"),
        (Self::Inferno, "Inferno"),
        (Self::Viridis, "Viridis"),
        (Self::Cividis, "Cividis"),
    ];

    /// The colour of a value from 0 to 1.
    pub fn at(self, value: f32) -> Color32 {
        let steps: &[u32] = match self {
            Self::Grey => &GREY,
            Self::Inferno => &INFERNO,
            Self::Viridis => &VIRIDIS,
            Self::Cividis => &CIVIDIS,
        };
        let place = value.clamp(0.0, 1.0) * (steps.len() - 1) as f32;
        let index = (place as usize).min(steps.len() - 2);
        let part = place - index as f32;
        let channel = |shift: u32| {
            let of = |colour: u32| ((colour >> shift) & 0xff) as f32;
            (of(steps[index]) * (1.0 - part) + of(steps[index + 1]) * part).round() as u8
        };
        Color32::from_rgb(channel(16), channel(8), channel(0))
    }
}

/// Colours that everybody tells apart (Okabe and Ito), for sublattices.
pub const CATEGORIES: [Color32; 8] = [
    Color32::from_rgb(230, 159, 0),
    Color32::from_rgb(86, 180, 233),
    Color32::from_rgb(0, 158, 115),
    Color32::from_rgb(240, 228, 66),
    Color32::from_rgb(204, 121, 167),
    Color32::from_rgb(213, 94, 0),
    Color32::from_rgb(0, 114, 178),
    Color32::from_rgb(220, 220, 220),
];

/// Which values are black and white.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// By the parts of the pixels below, in percent.
    Percentile(f32, f32),
    /// By value, in parts of the picture's own range so that it means something for every picture.
    Manual(f32, f32),
}

impl Default for Contrast {
    fn default() -> Self {
        Self::Percentile(0.3, 99.7)
    }
}

impl Contrast {
    /// The values that are black and white.
    pub fn limits(self, histogram: &Histogram) -> (f32, f32) {
        let (low, high) = match self {
            Self::Percentile(low, high) => {
                (histogram.quantile(low / 100.0), histogram.quantile(high / 100.0))
            }
            Self::Manual(low, high) => {
                let (smallest, largest) = histogram.range();
                let at = |part: f32| smallest + part * (largest - smallest);
                (at(low), at(high))
            }
        };
        if high > low {
            return (low, high);
        }
        // Masks are almost all zero: their percentiles are one value.
        let (smallest, largest) = histogram.range();
        (smallest, largest.max(smallest + f32::MIN_POSITIVE))
    }
}

/// How pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Display {
    /// The colour map.
    pub map: ColourMap,
    /// Black and white.
    pub contrast: Contrast,
    /// Exponent: below 1 dark parts are brighter.
    pub gamma: f32,
    /// Whether enlarged pixels run into each other.
    pub smooth: bool,
}

impl Default for Display {
    fn default() -> Self {
        Self { map: ColourMap::default(), contrast: Contrast::default(), gamma: 1.0, smooth: false }
    }
}

/// Colours of values, looked up.
#[derive(Clone)]
pub struct Lookup {
    low: f32,
    scale: f32,
    colours: Vec<Color32>,
}

/// Entries of a [`Lookup`].
const ENTRIES: usize = 1024;

impl Lookup {
    /// Of a picture with this histogram.
    pub fn new(display: &Display, histogram: &Histogram) -> Self {
        let (low, high) = display.contrast.limits(histogram);
        let colour = |i: usize| display.map.at((i as f32 / (ENTRIES - 1) as f32).powf(display.gamma));
        let colours = (0..ENTRIES).map(colour).collect();
        Self { low, scale: (ENTRIES - 1) as f32 / (high - low), colours }
    }

    /// A value's colour.
    pub fn colour(&self, value: f32) -> Color32 {
        let index = (value - self.low) * self.scale + 0.5;
        self.colours[(index.max(0.0) as usize).min(ENTRIES - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pyramid::Pyramid;
    use ndarray::Array2;

    #[test]
    fn sixteen_bits_are_not_clipped_and_limits_are_black_and_white() {
        let pyramid = Pyramid::of(Array2::from_shape_fn((256, 256), |(r, c)| (256 * r + c) as f32));
        let display = Display { contrast: Contrast::Percentile(0.0, 100.0), ..Display::default() };
        let lookup = Lookup::new(&display, &pyramid.histogram);
        assert_eq!(lookup.colour(0.0), Color32::BLACK);
        assert_eq!(lookup.colour(65535.0), Color32::WHITE);
        let grey = lookup.colour(32768.0).r();
        assert!((127..=129).contains(&grey), "{grey}");
        let display = Display { contrast: Contrast::Manual(0.25, 0.75), ..display };
        assert_eq!(display.contrast.limits(&pyramid.histogram).0.round(), 16384.0);
    }

    #[test]
    fn an_almost_empty_mask_is_not_all_white() {
        let mut mask = Array2::zeros((64, 64));
        mask[(3, 3)] = 1.0;
        let pyramid = Pyramid::of(mask);
        let lookup = Lookup::new(&Display::default(), &pyramid.histogram);
        assert_eq!((lookup.colour(0.0), lookup.colour(1.0)), (Color32::BLACK, Color32::WHITE));
    }

    #[test]
    fn colour_maps_begin_and_end_where_they_should() {
        assert_eq!(ColourMap::Viridis.at(0.0), Color32::from_rgb(0x44, 0x01, 0x54));
        assert_eq!(ColourMap::Inferno.at(1.0), Color32::from_rgb(0xfc, 0xff, 0xa4));
    }
}
