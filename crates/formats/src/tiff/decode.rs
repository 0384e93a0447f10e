//! From a TIFF file to one grey frame.

use std::io::Cursor;

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::{ColorType, TiffError};

use super::directory::{Directory, Layout, is_tiff, tag};
use super::scale::pixel_size;
use crate::error::ReadError;
use crate::grey::{ALPHA_NOTE, COLOUR_NOTE, check_size, luminance, to_array, unpack};
use crate::jpeg::Outline;
use crate::reader::{Decoded, Reader};

/// LZW and deflate cannot make data shorter by more than this.
const MOST_PACKED: u64 = 1500;
/// Most bytes that the samples of one frame may have.
const MAX_DECODED_BYTES: u64 = 4 << 30;

/// Integers up to this one are exact as `f32`.
const EXACT_BELOW: f32 = (1 << 24) as f32;

const UNCOMPRESSED: u64 = 1;
const JPEG: u64 = 7;
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const PALETTE: u64 = 3;

/// The TIFF format, BigTIFF included.
pub(crate) struct Tiff;

impl Reader for Tiff {
    fn name(&self) -> &'static str {
        "TIFF"
    }

    fn recognises(&self, bytes: &[u8]) -> bool {
        is_tiff(bytes)
    }

    fn read(&self, mut bytes: Vec<u8>, frame: usize) -> Result<Decoded, ReadError> {
        let layout = Layout::of(&bytes)?;
        let frames = layout.directories.len();
        let &position = layout.directories.get(frame).ok_or(ReadError::NoSuchFrame { frame, frames })?;
        let directory = layout.directory(&bytes, position);
        let shape = Shape::of(&directory)?;
        shape.check(&directory, &bytes)?;

        let mut notes: Vec<String> = layout.broken.clone().into_iter().collect();
        let (pixel_size, disbelief) = pixel_size(&directory);
        notes.extend(disbelief);
        let photometric = directory.number(tag::PHOTOMETRIC);
        let slot = directory.slot(tag::PHOTOMETRIC);

        // The decoder reads the first directory; inverted and palette frames it would refuse or
        // invert by its own rule, so they are handed over as plain numbers.
        layout.put_first(&mut bytes, position);
        if let (Some(WHITE_IS_ZERO | PALETTE), Some(slot)) = (photometric, slot) {
            layout.put_value(&mut bytes, slot, BLACK_IS_ZERO);
        }
        let mut raw = decode(bytes, shape.decoded_bytes)?;
        if photometric == Some(WHITE_IS_ZERO) {
            notes.push("white is zero in this file: values were inverted".to_owned());
            raw.values.iter_mut().for_each(|value| *value = raw.white - *value);
        }
        if photometric == Some(PALETTE) {
            notes.push("look-up table of colours ignored: the stored values are used".to_owned());
        }
        notes.append(&mut raw.notes);
        Ok(Decoded {
            data: to_array(shape.width as usize, shape.height as usize, raw.values)?,
            pixel_size,
            sample_type: raw.sample_type,
            frames,
            notes,
        })
    }
}

/// What a directory claims about the size of its frame.
struct Shape {
    width: u64,
    height: u64,
    /// Bytes of all samples before compression.
    decoded_bytes: u64,
    bytes_per_pixel: u64,
}

impl Shape {
    fn of(directory: &Directory<'_>) -> Result<Self, ReadError> {
        let need = |tag, name| {
            directory.number(tag).ok_or_else(|| ReadError::damaged(format!("it does not state its {name}")))
        };
        let (width, height) = (need(tag::WIDTH, "width")?, need(tag::HEIGHT, "height")?);
        let bits = directory.numbers(tag::BITS_PER_SAMPLE).max().unwrap_or(1);
        let samples = directory.number(tag::SAMPLES_PER_PIXEL).unwrap_or(1);
        let row_bytes = width.saturating_mul(bits.saturating_mul(samples)).div_ceil(8);
        let bytes_per_pixel = bits.saturating_mul(samples).div_ceil(8);
        Ok(Self { width, height, decoded_bytes: row_bytes.saturating_mul(height), bytes_per_pixel })
    }

    /// Refuses a frame that is too large, or larger than the file can hold.
    fn check(&self, directory: &Directory<'_>, bytes: &[u8]) -> Result<(), ReadError> {
        let length = bytes.len();
        check_size(self.width, self.height, length, MOST_PACKED * 8)?;
        let compression = directory.number(tag::COMPRESSION).unwrap_or(UNCOMPRESSED);
        let packed = if compression == UNCOMPRESSED { 1 } else { MOST_PACKED };
        let most = (length as u64).saturating_mul(packed).min(MAX_DECODED_BYTES);
        if self.decoded_bytes > most {
            let (width, height) = (self.width, self.height);
            return Err(ReadError::damaged(format!(
                "the header claims {width} × {height} pixels ({} bytes), but the file has only {length} bytes",
                self.decoded_bytes
            )));
        }
        let tile = (directory.number(tag::TILE_WIDTH), directory.number(tag::TILE_LENGTH));
        if let (Some(width), Some(length)) = tile {
            let tile_bytes = width.saturating_mul(length).saturating_mul(self.bytes_per_pixel);
            if tile_bytes > most {
                return Err(ReadError::damaged(format!(
                    "a tile of {width} × {length} pixels does not fit the file"
                )));
            }
        }
        let (offsets, counts) = match tile {
            (None, None) => (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS),
            _ => (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS),
        };
        for (offset, count) in directory.numbers(offsets).zip(directory.numbers(counts)) {
            let part = usize::try_from(offset).ok().zip(usize::try_from(offset.saturating_add(count)).ok());
            match part.and_then(|(start, end)| bytes.get(start..end)) {
                Some(part) if compression == JPEG => self.check_jpeg(part)?,
                // Plain data are found by the frame's size, whatever the count says.
                None if compression != UNCOMPRESSED => {
                    return Err(ReadError::damaged("its data end beyond the end of the file"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A JPEG inside must not be larger than the frame, but for padding to whole tiles.
    fn check_jpeg(&self, part: &[u8]) -> Result<(), ReadError> {
        let outline = Outline::of(part)?;
        let pixels = u64::from(outline.width) * u64::from(outline.height);
        if pixels > 4 * self.width * self.height + (1 << 20) {
            return Err(ReadError::damaged("a JPEG part is larger than the frame"));
        }
        Ok(())
    }
}

/// Grey values in the order of the rows.
struct Raw {
    values: Vec<f32>,
    sample_type: String,
    /// What an inverted value is subtracted from.
    white: f32,
    notes: Vec<String>,
}

fn decode(bytes: Vec<u8>, decoded_bytes: u64) -> Result<Raw, ReadError> {
    let mut limits = Limits::default();
    limits.ifd_value_size = bytes.len();
    // Rows are padded to whole bytes, which the claimed size has counted already.
    limits.decoding_buffer_size =
        usize::try_from(decoded_bytes.saturating_add(1 << 16)).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size.max(bytes.len());
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(read_error)?.with_limits(limits);
    let colour = decoder.colortype().map_err(read_error)?;
    let (width, height) = decoder.dimensions().map_err(read_error)?;
    let (width, height) = (width as usize, height as usize);
    let mut samples = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut samples).map_err(read_error)?;

    let bits = colour.bit_depth();
    let channels = usize::from(colour.num_samples());
    let chunky = layout.planes <= 1;
    if let (1..8, DecodingResult::U8(packed)) = (bits, &samples) {
        let per_row = if chunky { width * channels } else { width };
        let stride = layout.row_stride.map_or(1, usize::from);
        samples = DecodingResult::U8(
            packed.chunks_exact(stride).flat_map(|row| unpack(row, bits, per_row)).collect(),
        );
    }
    let (use_of, mut notes) = channel_use(colour)?;
    let place = if chunky { (channels, 1) } else { (1, width * height) };
    let pick =
        Pick { pixels: width * height, step: place.0, plane: place.1, luminance: use_of == Use::Luminance };
    let (values, kind) = match samples {
        DecodingResult::U8(v) => (pick.grey(&v, f64::from), "unsigned"),
        DecodingResult::U16(v) => (pick.grey(&v, f64::from), "unsigned"),
        DecodingResult::U32(v) => (pick.grey(&v, f64::from), "unsigned"),
        DecodingResult::U64(v) => (pick.grey(&v, |x| x as f64), "unsigned"),
        DecodingResult::I8(v) => (pick.grey(&v, f64::from), "signed"),
        DecodingResult::I16(v) => (pick.grey(&v, f64::from), "signed"),
        DecodingResult::I32(v) => (pick.grey(&v, f64::from), "signed"),
        DecodingResult::I64(v) => (pick.grey(&v, |x| x as f64), "signed"),
        DecodingResult::F16(v) => (pick.grey(&v, f64::from), "float"),
        DecodingResult::F32(v) => (pick.grey(&v, f64::from), "float"),
        DecodingResult::F64(v) => (pick.grey(&v, |x| x), "float"),
    };
    // Only unsigned types have a white; the others keep their order upside down.
    let white = match kind {
        "unsigned" => (2_f64.powi(bits.into()) - 1.0) as f32,
        "signed" => -1.0,
        _ => 0.0,
    };
    let widest = if kind == "float" { f32::INFINITY } else { EXACT_BELOW };
    if bits > 32 || values.iter().any(|value| value.abs() > widest) {
        notes.push(format!("{bits}-bit values are rounded to 24 significant bits"));
    }
    Ok(Raw { values, sample_type: format!("{bits}-bit {kind}"), white, notes })
}

/// What becomes of the channels of a pixel.
#[derive(PartialEq)]
enum Use {
    First,
    Luminance,
}

fn channel_use(colour: ColorType) -> Result<(Use, Vec<String>), ReadError> {
    let notes = |notes: &[&str]| notes.iter().map(|&note| note.to_owned()).collect();
    match colour {
        ColorType::Gray(_) | ColorType::Multiband { num_samples: 1, .. } => Ok((Use::First, Vec::new())),
        ColorType::Multiband { num_samples, .. } => {
            Ok((Use::First, vec![format!("only the first of {num_samples} channels is used")]))
        }
        ColorType::GrayA(_) => Ok((Use::First, notes(&[ALPHA_NOTE]))),
        ColorType::RGB(_) => Ok((Use::Luminance, notes(&[COLOUR_NOTE]))),
        ColorType::RGBA(_) => Ok((Use::Luminance, notes(&[COLOUR_NOTE, ALPHA_NOTE]))),
        ColorType::YCbCr(_) => Ok((Use::First, notes(&["colour image: its luma channel is used"]))),
        other => Err(ReadError::unsupported(format!("its colours are {other:?}"))),
    }
}

/// Where the channels of a pixel lie among the samples.
struct Pick {
    pixels: usize,
    /// Samples from one pixel to the next.
    step: usize,
    /// Samples from one channel to the next.
    plane: usize,
    luminance: bool,
}

impl Pick {
    fn grey<T: Copy>(&self, samples: &[T], number: impl Fn(T) -> f64) -> Vec<f32> {
        let at = |pixel: usize, channel: usize| {
            samples.get(pixel * self.step + channel * self.plane).map(|&s| number(s))
        };
        // A sample that is missing ends the values; their number is checked when they become an array.
        (0..self.pixels)
            .map_while(|pixel| match self.luminance {
                false => at(pixel, 0).map(|value| value as f32),
                true => Some(luminance(at(pixel, 0)?, at(pixel, 1)?, at(pixel, 2)?)),
            })
            .collect()
    }
}

fn read_error(error: TiffError) -> ReadError {
    match error {
        TiffError::UnsupportedError(reason) => ReadError::unsupported(reason),
        TiffError::LimitsExceeded => ReadError::damaged("its parts are larger than the frame or the file"),
        other => ReadError::damaged(other),
    }
}
