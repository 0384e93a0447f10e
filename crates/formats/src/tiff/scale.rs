//! The pixel size of a TIFF file as ImageJ keeps it: pixels per unit in the resolution tags, the
//! unit in the description.

use super::directory::{Directory, tag};
use crate::pixel_size::{PixelSize, angstrom_per};

/// The version that the description of a written file names, so that ImageJ takes it as its own.
const IMAGEJ_VERSION: &str = "1.11a";

/// The pixel size of a frame, and why it was not believed if it was not.
pub(super) fn pixel_size(directory: &Directory<'_>) -> (Option<PixelSize>, Option<String>) {
    let Some(description) = directory.texts(tag::DESCRIPTION).find(|text| text.starts_with("ImageJ=")) else {
        return (None, None);
    };
    let value = |key: &str| {
        description
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|unit| unescape(unit.trim()))
    };
    let Some(x_unit) = value("unit") else { return (None, None) };
    let y_unit = value("yunit").unwrap_or_else(|| x_unit.clone());
    let (Some(x_factor), Some(y_factor)) = (angstrom_per(&x_unit), angstrom_per(&y_unit)) else {
        return (None, None);
    };
    let (Some(x), Some(y)) = (directory.quotient(tag::X_RESOLUTION), directory.quotient(tag::Y_RESOLUTION))
    else {
        return (None, None);
    };
    match PixelSize::new(x_factor / x, y_factor / y) {
        Ok(size) => (Some(size), None),
        Err(error) => (None, Some(format!("pixel size of the file not used: {error}"))),
    }
}

/// ImageJ writes a letter outside ASCII as `\u` and four digits.
fn unescape(unit: &str) -> String {
    unit.replace("\\u00B5", "\u{b5}")
        .replace("\\u00b5", "\u{b5}")
        .replace("\\u00C5", "\u{c5}")
        .replace("\\u00c5", "\u{c5}")
}

/// The description that lets ImageJ show values between `min` and `max` and lengths in nanometre.
pub(super) fn description(min: f64, max: f64, scaled: bool) -> String {
    let unit = if scaled { "unit=nm\n" } else { "" };
    let range =
        if min.is_finite() && max.is_finite() { format!("min={min}\nmax={max}\n") } else { String::new() };
    format!("ImageJ={IMAGEJ_VERSION}\n{unit}{range}")
}

/// The fraction of 32-bit numbers that is nearest to a positive `value`, by continued fractions.
pub(super) fn fraction(value: f64) -> (u32, u32) {
    let (mut before, mut last) = ((0_u64, 1_u64), (1_u64, 0_u64));
    let mut rest = value;
    for _ in 0..40 {
        let whole = rest.floor();
        if !(0.0..=f64::from(u32::MAX)).contains(&whole) {
            break;
        }
        let next = |last: u64, before: u64| (whole as u64).saturating_mul(last).saturating_add(before);
        let (numerator, denominator) = (next(last.0, before.0), next(last.1, before.1));
        if numerator.max(denominator) > u64::from(u32::MAX) {
            break;
        }
        (before, last) = (last, (numerator, denominator));
        if rest - whole < 1e-12 {
            break;
        }
        rest = 1.0 / (rest - whole);
    }
    (last.0 as u32, last.1 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_as_near_as_32_bits_allow() {
        assert_eq!(fraction(0.5), (1, 2));
        assert_eq!(fraction(1.0 / 0.0094), (5000, 47));
        for value in [1e-4, 0.029_296_875, 1.0 / 3.0, std::f64::consts::PI, 106.382_978, 99_999.123_456] {
            let (numerator, denominator) = fraction(value);
            let back = f64::from(numerator) / f64::from(denominator);
            assert!((back / value - 1.0).abs() < 1e-9, "{value}: {numerator}/{denominator} = {back}");
        }
    }
}
