//! What ImageJ says in a TIFF file: pixels per unit in the resolution tags, everything else in the
//! description.

use super::directory::{Directory, tag};
use super::page::Page;
use crate::input::Input;
use crate::signal::Axis;

/// The version that the description of a written file names, so that ImageJ takes it as its own.
const VERSION: &str = "1.11a";

/// The text that ImageJ writes, if it did.
fn text(directory: &Directory<'_>) -> Option<String> {
    directory.texts(tag::DESCRIPTION).find(|text| text.starts_with("ImageJ="))
}

/// The value of a key in a description, with letters outside ASCII as they should be.
fn value(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(unescape(value.trim()))
}

/// ImageJ writes a letter outside ASCII as `\u` and four digits.
fn unescape(unit: &str) -> String {
    unit.replace("\\u00B5", "\u{b5}")
        .replace("\\u00b5", "\u{b5}")
        .replace("\\u00C5", "\u{c5}")
        .replace("\\u00c5", "\u{c5}")
}

/// Step and unit of columns and rows; a resolution of zero gives a step that isn't finite.
pub(super) fn scales(directory: &Directory<'_>) -> Option<[(f64, String); 2]> {
    let text = text(directory)?;
    // The word for it, which ImageJ shows as the sign.
    let sign = |unit: String| if unit == "micron" { "\u{b5}m".to_owned() } else { unit };
    let columns = sign(value(&text, "unit")?);
    let rows = value(&text, "yunit").map_or_else(|| columns.clone(), sign);
    let step = |tag| directory.quotient(tag).map(|per_unit| 1.0 / per_unit);
    Some([(step(tag::X_RESOLUTION)?, columns), (step(tag::Y_RESOLUTION)?, rows)])
}

/// A stack as ImageJ describes it.
pub(super) struct Stack {
    /// Number of its images.
    pub images: usize,
    channels: usize,
    slices: usize,
    frames: usize,
    spacing: Option<f64>,
    unit: String,
    interval_s: Option<f64>,
}

/// The stack that a description tells of.
pub(super) fn stack(directory: &Directory<'_>) -> Option<Stack> {
    let text = text(directory)?;
    let count = |key: &str| value(&text, key).and_then(|n| n.parse().ok()).filter(|&n: &usize| n > 0);
    let number = |key: &str| {
        value(&text, key).and_then(|n| n.parse().ok()).filter(|&n: &f64| n.is_finite() && n != 0.0)
    };
    Some(Stack {
        images: count("images")?,
        channels: count("channels").unwrap_or(1),
        slices: count("slices").unwrap_or(1),
        frames: count("frames").unwrap_or(1),
        spacing: number("spacing"),
        unit: value(&text, "unit").unwrap_or_default(),
        interval_s: number("finterval"),
    })
}

impl Stack {
    /// How many of its images the file has, one behind the other.
    pub(super) fn images_inside(&self, directory: &Directory<'_>, page: &Page, input: &Input) -> usize {
        let frame = page.width.saturating_mul(page.height).saturating_mul(page.dtype.size() as u64).max(1);
        match directory.numbers(tag::STRIP_OFFSETS)[..] {
            [start] => self.images.min((input.len().saturating_sub(start) / frame) as usize),
            _ => 1,
        }
    }

    /// Axes in front of rows and columns for `count` images: time, depth and channel, or one that
    /// counts where the numbers don't fit.
    pub(super) fn axes(&self, count: usize) -> Vec<Axis> {
        let mut axes = Vec::new();
        if self.frames > 1 {
            let unit = if self.interval_s.is_some() { "s" } else { "" };
            axes.push(Axis::new("time", self.frames, self.interval_s.unwrap_or(1.0), 0.0, unit));
        }
        if self.slices > 1 {
            let unit = if self.spacing.is_some() { &self.unit } else { "" };
            axes.push(Axis::new("depth", self.slices, self.spacing.unwrap_or(1.0), 0.0, unit));
        }
        if self.channels > 1 {
            axes.push(Axis::counting("channel", self.channels));
        }
        let told = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.size));
        if told == Some(count) { axes } else { vec![Axis::counting("image series", count)] }
    }
}

/// The description that lets ImageJ show values between `min` and `max` and lengths in nanometre.
pub(super) fn description(min: f64, max: f64, scaled: bool) -> String {
    let unit = if scaled { "unit=nm\n" } else { "" };
    let range =
        if min.is_finite() && max.is_finite() { format!("min={min}\nmax={max}\n") } else { String::new() };
    format!("ImageJ={VERSION}\n{unit}{range}")
}
