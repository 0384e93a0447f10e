//! The size of a pixel: read from text, checked to be believable, shown to people.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::unit::angstrom_per;

/// Smallest side of a pixel that is believed, in ångström.
const SMALLEST_ANGSTROM: f64 = 1e-4;
/// Largest side of a pixel that is believed, in ångström (10 µm).
const LARGEST_ANGSTROM: f64 = 1e5;

/// Size of one pixel on the specimen; the two sides may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSize {
    /// Side along a row (Å).
    pub x_angstrom: f64,
    /// Side along a column (Å).
    pub y_angstrom: f64,
}

/// Why a text or a pair of numbers is no pixel size.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PixelSizeError {
    /// The text does not start with a number.
    #[error(
        "pixel size {text:?} has no number; write a number and a unit, such as 0.094A, 9.4pm or 0.0094nm"
    )]
    NoNumber {
        /// The text that was given.
        text: String,
    },
    /// The unit is missing.
    #[error("pixel size {text:?} has no unit; add A, pm, nm or um, such as {text}nm")]
    NoUnit {
        /// The text that was given.
        text: String,
    },
    /// The unit is not one of length that is known here.
    #[error("pixel size {text:?} has the unknown unit {unit:?}; use A, pm, nm or um")]
    UnknownUnit {
        /// The text that was given.
        text: String,
        /// The part of it that was taken for the unit.
        unit: String,
    },
    /// The length is zero, negative, not finite, or no pixel of an electron microscope.
    #[error(
        "a pixel size of {x_angstrom} Å × {y_angstrom} Å is not believable; it must be between 0.0001 Å and 100000 Å"
    )]
    OutOfRange {
        /// Side along a row (Å).
        x_angstrom: f64,
        /// Side along a column (Å).
        y_angstrom: f64,
    },
}

impl PixelSize {
    /// A pixel with these sides (Å).
    ///
    /// # Errors
    /// [`PixelSizeError::OutOfRange`] unless both lie between 10⁻⁴ Å and 10⁵ Å.
    pub fn new(x_angstrom: f64, y_angstrom: f64) -> Result<Self, PixelSizeError> {
        let believable = |side: f64| (SMALLEST_ANGSTROM..=LARGEST_ANGSTROM).contains(&side);
        if believable(x_angstrom) && believable(y_angstrom) {
            Ok(Self { x_angstrom, y_angstrom })
        } else {
            Err(PixelSizeError::OutOfRange { x_angstrom, y_angstrom })
        }
    }

    /// A square pixel with this side (Å).
    ///
    /// # Errors
    /// As [`PixelSize::new`].
    pub fn square(side_angstrom: f64) -> Result<Self, PixelSizeError> {
        Self::new(side_angstrom, side_angstrom)
    }

    /// A square pixel from a number and a unit, such as `0.094A`, `9.4 pm` or `1.2e-5 µm`.
    ///
    /// # Errors
    /// [`PixelSizeError`] that names what was found and what would be right.
    pub fn parse(text: &str) -> Result<Self, PixelSizeError> {
        let trimmed = text.trim();
        let (number, unit) =
            split_number(trimmed).ok_or_else(|| PixelSizeError::NoNumber { text: trimmed.to_owned() })?;
        if unit.is_empty() {
            return Err(PixelSizeError::NoUnit { text: trimmed.to_owned() });
        }
        let factor = angstrom_per(unit)
            .ok_or_else(|| PixelSizeError::UnknownUnit { text: trimmed.to_owned(), unit: unit.to_owned() })?;
        Self::square(number * factor)
    }
}

impl FromStr for PixelSize {
    type Err = PixelSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for PixelSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six figures are finer than any calibration and hide the rounding of unit changes.
        let short = |side: f64| {
            let decimals = (5 - side.log10().floor() as i32).clamp(0, 12) as usize;
            let text = format!("{side:.decimals$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        };
        let (x, y) = (short(self.x_angstrom), short(self.y_angstrom));
        if x == y { write!(f, "{x} Å") } else { write!(f, "{x} × {y} Å") }
    }
}

/// The longest leading part that is a number, and the rest without blanks around it.
fn split_number(text: &str) -> Option<(f64, &str)> {
    text.char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|&end| text[..end].chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c)))
        .filter_map(|end| text[..end].parse::<f64>().ok().map(|number| (number, text[end..].trim())))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_spelling_is_the_same_length() {
        for text in [
            "0.094A",
            "0.094 Å",
            "9.4pm",
            "0.0094nm",
            "9.4e-6 um",
            "9.4e-6 µm",
            "9.4e-6μm",
            " .094 \u{212b} ",
        ] {
            let size = PixelSize::parse(text).unwrap();
            assert!((size.x_angstrom - 0.094).abs() < 1e-12, "{text}: {size:?}");
            assert_eq!(size.x_angstrom, size.y_angstrom);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| PixelSize::parse(text).unwrap_err().to_string();
        assert!(error("").contains("no number"));
        assert!(error("nm").contains("no number"));
        assert!(error("0.1").contains("no unit"));
        assert!(error("0.1 px").contains("\"px\""));
        for text in ["0A", "-1nm", "1e300nm", "1e-9A", "1mm"] {
            assert!(error(text).contains("not believable"), "{text}: {}", error(text));
        }
        for text in ["NaN nm", "infnm", "1e999nm", "--3A", "1e5e5nm", "0.1nmnm"] {
            assert!(PixelSize::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn display_is_short_and_shows_unequal_sides() {
        assert_eq!(PixelSize::parse("9.4pm").unwrap().to_string(), "0.094 Å");
        assert_eq!(PixelSize::parse("3 um").unwrap().to_string(), "30000 Å");
        assert_eq!(PixelSize::new(0.1, 0.25).unwrap().to_string(), "0.1 × 0.25 Å");
    }
}
