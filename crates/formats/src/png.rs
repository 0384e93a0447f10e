//! Portable Network Graphics: every depth and colour type in, 8-bit figures out.

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;

use ::png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Info, Limits, Transformations};
use ndarray::{Array2, Array3};

use crate::atomic::write_atomically;
use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::{FormatError, ReadError, Result};
use crate::grey::{ALPHA_NOTE, check_size, unpack};
use crate::input::Input;
use crate::raster::single_image;
use crate::reader::Reader;

/// Deflate cannot make data more than about 1032 times shorter.
const MOST_PACKED: u64 = 1100;

/// The PNG format.
pub(crate) struct Png;

impl Reader for Png {
    fn name(&self) -> &'static str {
        "PNG"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        input.head().starts_with(b"\x89PNG\r\n\x1a\n")
    }

    fn open(&self, input: Arc<Input>) -> std::result::Result<Contents, ReadError> {
        let bytes = input.whole()?;
        let mut decoder = decoder(&bytes);
        let info = decoder.read_header_info().map_err(ReadError::damaged)?;
        let bits_per_pixel = info.bits_per_pixel() as u64;
        let (width, height) = (info.width, info.height);
        check_size(width.into(), height.into(), bytes.len() as u64, MOST_PACKED * 8 / bits_per_pixel.max(1))?;
        let wide = info.bit_depth == BitDepth::Sixteen;
        let (dtype, notes): (_, &[&str]) = match info.color_type {
            ColorType::Grayscale => (if wide { DType::U16 } else { DType::U8 }, &[]),
            ColorType::GrayscaleAlpha => (if wide { DType::U16 } else { DType::U8 }, &[ALPHA_NOTE]),
            ColorType::Rgb => (if wide { DType::Rgb16 } else { DType::Rgb8 }, &[]),
            ColorType::Rgba => (if wide { DType::Rgba16 } else { DType::Rgba8 }, &[]),
            ColorType::Indexed => (DType::Rgb8, &["palette of colours"]),
        };
        Ok(single_image(&input, dtype, [height as usize, width as usize], notes, pixels))
    }
}

fn decoder(bytes: &[u8]) -> Decoder<Cursor<&[u8]>> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 64 << 20 });
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

/// Elements in the order of the rows.
fn pixels(bytes: &[u8]) -> std::result::Result<Vec<u8>, ReadError> {
    let mut reader = decoder(bytes).read_info().map_err(ReadError::damaged)?;
    let size = reader.output_buffer_size().ok_or_else(|| ReadError::damaged("its rows are too long"))?;
    let mut samples = vec![0; size];
    let output = reader.next_frame(&mut samples).map_err(ReadError::damaged)?;
    reader.finish().map_err(ReadError::damaged)?;
    let (width, height) = (output.width as usize, output.height as usize);
    let mut elements = Vec::new();
    for row in samples.chunks_exact(output.line_size.max(1)).take(height) {
        append(row, reader.info(), width, &mut elements)?;
    }
    Ok(elements)
}

/// Appends the elements of one row of `width` pixels.
fn append(
    row: &[u8],
    info: &Info<'_>,
    width: usize,
    elements: &mut Vec<u8>,
) -> std::result::Result<(), ReadError> {
    match (info.color_type, info.bit_depth) {
        (ColorType::Indexed, depth) => {
            let palette = info.palette.as_deref().ok_or_else(|| ReadError::damaged("it has no palette"))?;
            for index in unpack(row, depth as u8, width) {
                let at = usize::from(index) * 3;
                let colour = palette
                    .get(at..at + 3)
                    .ok_or_else(|| ReadError::damaged("a colour is not in the palette"))?;
                elements.extend(colour);
            }
        }
        (ColorType::Grayscale, depth) if depth != BitDepth::Sixteen => {
            elements.extend(unpack(row, depth as u8, width));
        }
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => {
            elements.extend(row.chunks_exact(4).flat_map(|pixel| [pixel[1], pixel[0]]));
        }
        (ColorType::GrayscaleAlpha, _) => elements.extend(row.chunks_exact(2).map(|pixel| pixel[0])),
        (_, BitDepth::Sixteen) => {
            elements.extend(row.chunks_exact(2).flat_map(|sample| [sample[1], sample[0]]));
        }
        _ => elements.extend(row),
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

/// An 8-bit greyscale PNG in memory, packed quickly rather than well: for files by the thousand.
///
/// # Errors
/// If the image is empty or too large for a PNG.
pub fn encode_png_gray8(image: &Array2<u8>) -> io::Result<Vec<u8>> {
    encode(image.dim(), BitDepth::Eight, image.as_standard_layout().as_slice().unwrap_or_default())
}

/// A 16-bit greyscale PNG in memory, otherwise as [`encode_png_gray8`].
///
/// # Errors
/// As for [`encode_png_gray8`].
pub fn encode_png_gray16(image: &Array2<u16>) -> io::Result<Vec<u8>> {
    let samples: Vec<u8> = image.iter().flat_map(|value| value.to_be_bytes()).collect();
    encode(image.dim(), BitDepth::Sixteen, &samples)
}

fn encode((rows, columns): (usize, usize), depth: BitDepth, samples: &[u8]) -> io::Result<Vec<u8>> {
    let side = |pixels: usize| {
        let reason = format!("{columns} × {rows} pixels do not fit a PNG");
        u32::try_from(pixels).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, reason))
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side(columns)?, side(rows)?);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fastest);
    // For images such as ours nearly as good as the best filter for each row, and sooner done.
    encoder.set_filter(Filter::Paeth);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(samples)?;
    writer.finish()?;
    Ok(bytes)
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
