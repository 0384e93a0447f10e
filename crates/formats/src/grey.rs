//! From the samples of a pixel to one grey value, and the limits on how many there may be.

use crate::error::ReadError;

/// Most pixels that are read from one image.
pub(crate) const MAX_PIXELS: u64 = 1 << 28;

/// Said when colours were turned into grey.
pub(crate) const COLOUR_NOTE: &str = "colour image: converted to luminance (Rec. 709)";
/// Said when transparency was dropped.
pub(crate) const ALPHA_NOTE: &str = "alpha channel ignored";

/// Luminance of a colour with the weights of Rec. 709; exact for a grey.
pub(crate) fn luminance(red: f64, green: f64, blue: f64) -> f64 {
    if red == green && green == blue { red } else { 0.2126 * red + 0.7152 * green + 0.0722 * blue }
}

/// Refuses an image that is empty, has more than [`MAX_PIXELS`] pixels, or has more than
/// `bytes` of file can hold at `pixels_per_byte`.
pub(crate) fn check_size(width: u64, height: u64, bytes: u64, pixels_per_byte: u64) -> Result<(), ReadError> {
    if width == 0 || height == 0 {
        return Err(ReadError::damaged(format!("the header claims {width} × {height} pixels")));
    }
    let pixels = width.saturating_mul(height);
    if pixels > MAX_PIXELS {
        return Err(ReadError::TooManyPixels { width, height, limit: MAX_PIXELS });
    }
    if pixels > bytes.saturating_mul(pixels_per_byte) {
        let reason =
            format!("the header claims {width} × {height} pixels, but the file has only {bytes} bytes");
        return Err(ReadError::damaged(reason));
    }
    Ok(())
}

/// `count` samples of `bits` (1, 2, 4 or 8) each from one packed row, most significant bits first.
pub(crate) fn unpack(row: &[u8], bits: u8, count: usize) -> impl Iterator<Item = u8> + '_ {
    let per_byte = usize::from(8 / bits.clamp(1, 8));
    let mask = (u16::from(u8::MAX) >> (8 - u16::from(bits.clamp(1, 8)))) as u8;
    (0..count).map(move |i| {
        let shift = (per_byte - 1 - i % per_byte) * usize::from(bits);
        row.get(i / per_byte).map_or(0, |byte| (byte >> shift) & mask)
    })
}
