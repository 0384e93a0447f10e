//! Portable Network Graphics: every depth and colour type in, 8-bit figures out.

use std::io::{self, Cursor};
use std::path::Path;

use ::png::{BitDepth, ColorType, Decoder, Encoder, Info, Limits, Transformations};
use ndarray::{Array2, Array3};

use crate::atomic::write_atomically;
use crate::error::{FormatError, ReadError, Result};
use crate::grey::{ALPHA_NOTE, COLOUR_NOTE, check_size, luminance, to_array, unpack};
use crate::reader::{Decoded, Reader};

/// Deflate cannot make data more than about 1032 times shorter.
const MOST_PACKED: u64 = 1100;

/// The PNG format.
pub(crate) struct Png;

impl Reader for Png {
    fn name(&self) -> &'static str {
        "PNG"
    }

    fn recognises(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(b"\x89PNG\r\n\x1a\n")
    }

    fn read(&self, bytes: Vec<u8>, frame: usize) -> std::result::Result<Decoded, ReadError> {
        if frame != 0 {
            return Err(ReadError::NoSuchFrame { frame, frames: 1 });
        }
        let length = bytes.len();
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 64 << 20 });
        decoder.set_transformations(Transformations::IDENTITY);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let info = decoder.read_header_info().map_err(ReadError::damaged)?;
        let bits_per_pixel = info.bits_per_pixel() as u64;
        check_size(info.width.into(), info.height.into(), length, MOST_PACKED * 8 / bits_per_pixel.max(1))?;

        let mut reader = decoder.read_info().map_err(ReadError::damaged)?;
        let size = reader.output_buffer_size().ok_or_else(|| ReadError::damaged("its rows are too long"))?;
        let mut samples = vec![0; size];
        let output = reader.next_frame(&mut samples).map_err(ReadError::damaged)?;
        reader.finish().map_err(ReadError::damaged)?;
        let (width, height) = (output.width as usize, output.height as usize);
        let mut values = Vec::with_capacity(width * height);
        for row in samples.chunks_exact(output.line_size.max(1)).take(height) {
            to_grey(row, reader.info(), width, &mut values)?;
        }
        let depth = reader.info().bit_depth as u8;
        let (kind, notes): (_, &[&str]) = match reader.info().color_type {
            ColorType::Grayscale => ("", &[]),
            ColorType::GrayscaleAlpha => (" with alpha", &[ALPHA_NOTE]),
            ColorType::Rgb => (" RGB", &[COLOUR_NOTE]),
            ColorType::Rgba => (" RGBA", &[COLOUR_NOTE, ALPHA_NOTE]),
            ColorType::Indexed => (" palette", &["palette of colours: converted to luminance (Rec. 709)"]),
        };
        Ok(Decoded {
            data: to_array(width, height, values)?,
            pixel_size: None,
            sample_type: format!("{depth}-bit unsigned{kind}"),
            frames: 1,
            notes: notes.iter().map(|&note| note.to_owned()).collect(),
        })
    }
}

/// Appends the grey values of one row of `width` pixels.
fn to_grey(
    row: &[u8],
    info: &Info<'_>,
    width: usize,
    values: &mut Vec<f32>,
) -> std::result::Result<(), ReadError> {
    let channels = info.color_type.samples();
    match (info.color_type, info.bit_depth) {
        (ColorType::Indexed, depth) => {
            let palette = info.palette.as_deref().ok_or_else(|| ReadError::damaged("it has no palette"))?;
            for index in unpack(row, depth as u8, width) {
                let at = usize::from(index) * 3;
                let colour = palette
                    .get(at..at + 3)
                    .ok_or_else(|| ReadError::damaged("a colour is not in the palette"))?;
                values.push(luminance(colour[0].into(), colour[1].into(), colour[2].into()));
            }
        }
        (ColorType::Grayscale, depth) if depth != BitDepth::Sixteen => {
            values.extend(unpack(row, depth as u8, width).map(f32::from));
        }
        (_, BitDepth::Sixteen) => {
            let sample =
                |pixel: &[u8], i: usize| f64::from(u16::from_be_bytes([pixel[2 * i], pixel[2 * i + 1]]));
            values.extend(row.chunks_exact(2 * channels).map(|pixel| match channels {
                3 | 4 => luminance(sample(pixel, 0), sample(pixel, 1), sample(pixel, 2)),
                _ => sample(pixel, 0) as f32,
            }));
        }
        _ => values.extend(row.chunks_exact(channels).map(|pixel| match channels {
            3 | 4 => luminance(pixel[0].into(), pixel[1].into(), pixel[2].into()),
            _ => f32::from(pixel[0]),
        })),
    }
    Ok(())
}

/// Writes an 8-bit greyscale PNG, `[row, column]`, 255 white.
///
/// # Errors
/// [`FormatError::Unwritable`] if the file cannot be written or the image is empty.
pub fn write_png_gray8(path: &Path, image: &Array2<u8>) -> Result<()> {
    let (height, width) = image.dim();
    write(
        path,
        width,
        height,
        ColorType::Grayscale,
        image.as_standard_layout().as_slice().unwrap_or_default(),
    )
}

/// Writes an 8-bit colour PNG, `[row, column, channel]` with red, green and blue.
///
/// # Errors
/// [`FormatError::Unwritable`] if the file cannot be written, the image is empty, or it does not
/// have three channels.
pub fn write_png_rgb8(path: &Path, image: &Array3<u8>) -> Result<()> {
    let (height, width, channels) = image.dim();
    if channels != 3 {
        let reason = format!("a colour image has 3 channels, not {channels}");
        return Err(FormatError::unwritable(path, io::Error::new(io::ErrorKind::InvalidInput, reason)));
    }
    write(path, width, height, ColorType::Rgb, image.as_standard_layout().as_slice().unwrap_or_default())
}

fn write(path: &Path, width: usize, height: usize, colour: ColorType, samples: &[u8]) -> Result<()> {
    let side = |pixels: usize| {
        let reason = format!("{width} × {height} pixels do not fit a PNG");
        u32::try_from(pixels)
            .map_err(|_| FormatError::unwritable(path, io::Error::new(io::ErrorKind::InvalidInput, reason)))
    };
    let (columns, rows) = (side(width)?, side(height)?);
    write_atomically(path, |file| {
        let mut encoder = Encoder::new(file, columns, rows);
        encoder.set_color(colour);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(samples)?;
        Ok(writer.finish()?)
    })
}
