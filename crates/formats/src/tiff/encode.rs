//! TIFF files that ImageJ, Digital Micrograph and Python open with the right scale.

use std::io;
use std::path::Path;

use ndarray::Array2;

use super::directory::tag;
use super::fraction::fraction;
use super::imagej::description;
use crate::atomic::write_atomically;
use crate::error::{FormatError, Result};
use crate::pixel_size::PixelSize;

/// Position of the directory: right behind the header.
const DIRECTORY_AT: u32 = 8;

/// Writes a 32-bit float TIFF, `[row, column]`: little-endian, uncompressed, every value kept bit
/// for bit, with the pixel size as ImageJ and as Digital Micrograph keep it.
///
/// # Errors
/// [`FormatError::Unwritable`] if the file cannot be written, or the image is empty or has more
/// than 4 GiB.
pub fn write_tiff(path: &Path, image: &Array2<f32>, pixel_size: Option<PixelSize>) -> Result<()> {
    let bytes = encode_tiff(image, pixel_size).map_err(|error| FormatError::unwritable(path, error))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// The file of [`write_tiff`] in memory.
///
/// # Errors
/// If the image is empty or has more than 4 GiB.
pub fn encode_tiff(image: &Array2<f32>, pixel_size: Option<PixelSize>) -> io::Result<Vec<u8>> {
    encode(image, pixel_size, Samples { bits: 32, format: 3 }, f64::from, |value| value.to_le_bytes())
}

/// Writes a 16-bit unsigned TIFF, otherwise as [`write_tiff`].
///
/// # Errors
/// As [`write_tiff`].
pub fn write_tiff_u16(path: &Path, image: &Array2<u16>, pixel_size: Option<PixelSize>) -> Result<()> {
    let bytes =
        encode(image, pixel_size, Samples { bits: 16, format: 1 }, f64::from, |value| value.to_le_bytes())
            .map_err(|error| FormatError::unwritable(path, error))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// How TIFF describes a sample.
struct Samples {
    bits: u16,
    /// 1 unsigned, 3 float.
    format: u16,
}

fn encode<T: Copy, const N: usize>(
    image: &Array2<T>,
    pixel_size: Option<PixelSize>,
    samples: Samples,
    number: impl Fn(T) -> f64,
    to_bytes: impl Fn(T) -> [u8; N],
) -> io::Result<Vec<u8>> {
    let (min, max) = image
        .iter()
        .map(|&value| number(value))
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
    let text = description(min, max, pixel_size.is_some());
    let mut file = head(image.dim(), N, &samples, &text, pixel_size).ok_or_else(|| {
        let reason = format!("{} × {} pixels do not fit a TIFF", image.ncols(), image.nrows());
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    file.extend(image.iter().flat_map(|&value| to_bytes(value)));
    Ok(file)
}

/// Everything before the pixels; `None` if the image is empty or too large for 32-bit offsets.
fn head(
    (rows, columns): (usize, usize),
    sample_bytes: usize,
    samples: &Samples,
    text: &str,
    pixel_size: Option<PixelSize>,
) -> Option<Vec<u8>> {
    let (width, height) = (u32::try_from(columns).ok()?, u32::try_from(rows).ok()?);
    let data_bytes =
        u32::try_from(rows.checked_mul(columns)?.checked_mul(sample_bytes)?).ok().filter(|&n| n > 0)?;
    let per_nm = pixel_size.map(|size| (fraction(10.0 / size.x_angstrom), fraction(10.0 / size.y_angstrom)));

    let mut directory = Directory::with_entries(if per_nm.is_some() { 20 } else { 12 });
    directory.long(tag::WIDTH, width);
    directory.long(tag::HEIGHT, height);
    directory.short(tag::BITS_PER_SAMPLE, samples.bits);
    directory.short(tag::COMPRESSION, 1);
    directory.short(tag::PHOTOMETRIC, 1);
    directory.text(tag::DESCRIPTION, text);
    let offset_at = directory.long(tag::STRIP_OFFSETS, 0);
    directory.short(tag::SAMPLES_PER_PIXEL, 1);
    directory.long(tag::ROWS_PER_STRIP, height);
    directory.long(tag::STRIP_BYTE_COUNTS, data_bytes);
    if let Some((x, y)) = per_nm {
        directory.rational(tag::X_RESOLUTION, x);
        directory.rational(tag::Y_RESOLUTION, y);
    }
    // The unit is in the description, where it can be nanometre.
    directory.short(tag::RESOLUTION_UNIT, 1);
    directory.short(tag::SAMPLE_FORMAT, samples.format);
    if let Some(size) = pixel_size {
        for axis in 0..2 {
            directory.short_text(tag::DM_UNIT + axis, *b"nm\0");
        }
        for axis in 0..2 {
            directory.double(tag::DM_OFFSET + axis, 0.0);
        }
        for (axis, side) in (0..).zip([size.x_angstrom, size.y_angstrom]) {
            directory.double(tag::DM_SCALE + axis, side / 10.0);
        }
    }
    let mut head = directory.finish(offset_at);
    head.splice(0..0, *b"II*\0\x08\0\0\0");
    u32::try_from(head.len()).ok()?.checked_add(data_bytes)?;
    Some(head)
}

/// A directory as it grows: entries in the order of their tags, long values behind them.
struct Directory {
    entries: Vec<u8>,
    values: Vec<u8>,
    /// Position in the file where the long values start.
    values_at: u32,
}

impl Directory {
    fn with_entries(count: u16) -> Self {
        let values_at = DIRECTORY_AT + 2 + 12 * u32::from(count) + 4;
        Self { entries: count.to_le_bytes().to_vec(), values: Vec::new(), values_at }
    }

    /// Adds an entry and returns where in `entries` its value is.
    fn entry(&mut self, tag: u16, kind: u16, count: u32, value: u32) -> usize {
        self.entries.extend(tag.to_le_bytes());
        self.entries.extend(kind.to_le_bytes());
        self.entries.extend(count.to_le_bytes());
        self.entries.extend(value.to_le_bytes());
        self.entries.len() - 4
    }

    fn short(&mut self, tag: u16, value: u16) {
        self.entry(tag, 3, 1, value.into());
    }

    fn long(&mut self, tag: u16, value: u32) -> usize {
        self.entry(tag, 4, 1, value)
    }

    fn rational(&mut self, tag: u16, (numerator, denominator): (u32, u32)) {
        let at = self.next_value();
        self.values.extend(numerator.to_le_bytes());
        self.values.extend(denominator.to_le_bytes());
        self.entry(tag, 5, 1, at);
    }

    fn double(&mut self, tag: u16, value: f64) {
        let at = self.next_value();
        self.values.extend(value.to_le_bytes());
        self.entry(tag, 12, 1, at);
    }

    /// A text that fits into the entry itself, with the zero behind it.
    fn short_text(&mut self, tag: u16, [first, second, end]: [u8; 3]) {
        self.entry(tag, 2, 3, u32::from_le_bytes([first, second, end, 0]));
    }

    /// The text must not fit into the entry itself: at least four letters.
    fn text(&mut self, tag: u16, text: &str) {
        let at = self.next_value();
        self.values.extend(text.as_bytes());
        self.values.push(0);
        self.entry(tag, 2, text.len() as u32 + 1, at);
    }

    fn next_value(&mut self) -> u32 {
        self.values.resize(self.values.len().next_multiple_of(4), 0);
        self.values_at + self.values.len() as u32
    }

    /// The directory and its long values; the pixels follow, and the entry at `offset_at` says so.
    fn finish(mut self, offset_at: usize) -> Vec<u8> {
        let data_at = self.next_value();
        self.entries[offset_at..offset_at + 4].copy_from_slice(&data_at.to_le_bytes());
        self.entries.extend([0; 4]);
        self.entries.append(&mut self.values);
        self.entries
    }
}
