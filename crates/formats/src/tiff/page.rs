//! One page of a TIFF file: what it claims, and its pixels.

use std::io::BufReader;

use ::tiff::TiffError;
use ::tiff::decoder::{Decoder, DecodingResult, Limits};

use super::directory::{Directory, Form, tag};
use super::patched::Patched;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::grey::{ALPHA_NOTE, check_size, unpack};
use crate::input::Input;
use crate::jpeg::Outline;

/// LZW and deflate cannot make data shorter by more than this.
const MOST_PACKED: u64 = 1500;
/// Most bytes that the samples of one frame may have.
const MAX_DECODED_BYTES: u64 = 4 << 30;

const UNCOMPRESSED: u64 = 1;
const JPEG: u64 = 7;
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const YCBCR: u64 = 6;

/// What a page is, as its directory describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    pub width: u64,
    pub height: u64,
    pub dtype: DType,
    bits: u64,
    samples: u64,
    planar: bool,
    compression: u64,
    photometric: u64,
    /// A smaller version of another page.
    pub reduced: bool,
}

impl Page {
    /// Reads and checks what a directory says.
    pub(super) fn of(directory: &Directory<'_>, input: &Input) -> Result<Self, ReadError> {
        let need = |tag, name| {
            directory.number(tag).ok_or_else(|| ReadError::damaged(format!("it does not state its {name}")))
        };
        let bits = directory.numbers(tag::BITS_PER_SAMPLE);
        let bits = bits.into_iter().max().unwrap_or(1);
        let samples = directory.number(tag::SAMPLES_PER_PIXEL).unwrap_or(1);
        let format = directory.number(tag::SAMPLE_FORMAT).unwrap_or(1);
        let photometric = directory.number(tag::PHOTOMETRIC).unwrap_or(BLACK_IS_ZERO);
        let page = Self {
            width: need(tag::WIDTH, "width")?,
            height: need(tag::HEIGHT, "height")?,
            dtype: dtype(bits, samples, format, photometric)?,
            bits,
            samples,
            planar: directory.number(tag::PLANAR) == Some(2) && samples > 1,
            compression: directory.number(tag::COMPRESSION).unwrap_or(UNCOMPRESSED),
            photometric,
            reduced: directory.number(tag::SUBFILE).is_some_and(|kind| kind & 1 == 1),
        };
        page.check(directory, input)?;
        Ok(page)
    }

    /// What a user should know about how its samples are used.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = match self.photometric {
            WHITE_IS_ZERO => Some("white is zero in this file: values were inverted".to_owned()),
            PALETTE => Some("look-up table of colours ignored: the stored values are used".to_owned()),
            YCBCR => Some("colour image: its luma channel is used".to_owned()),
            BLACK_IS_ZERO if self.samples == 2 => Some(ALPHA_NOTE.to_owned()),
            _ if self.samples > 1 && !self.dtype.is_colour() => {
                Some(format!("only the first of {} channels is used", self.samples))
            }
            _ => None,
        };
        note.into_iter().collect()
    }

    /// Bytes of the frame's samples as they are stored, if not compressed.
    fn decoded_bytes(&self) -> u64 {
        self.width
            .saturating_mul(self.bits.saturating_mul(self.samples))
            .div_ceil(8)
            .saturating_mul(self.height)
    }

    /// Whether samples are stored as they are used: whole bytes, not compressed, in the order of rows.
    pub(super) fn is_plain(&self, directory: &Directory<'_>) -> bool {
        self.compression == UNCOMPRESSED
            && !directory.has(tag::TILE_WIDTH)
            && !self.planar
            && self.dtype.size() as u64 * 8 == self.bits * self.samples
            && !matches!(self.photometric, WHITE_IS_ZERO | YCBCR)
    }

    /// Refuses a frame that is too large, or larger than the file can hold.
    fn check(&self, directory: &Directory<'_>, input: &Input) -> Result<(), ReadError> {
        let length = input.len();
        check_size(self.width, self.height, length, MOST_PACKED * 8)?;
        let packed = if self.compression == UNCOMPRESSED { 1 } else { MOST_PACKED };
        let most = length.saturating_mul(packed).min(MAX_DECODED_BYTES);
        if self.decoded_bytes() > most {
            let (width, height) = (self.width, self.height);
            return Err(ReadError::damaged(format!(
                "the header claims {width} × {height} pixels ({} bytes), but the file has only {length} bytes",
                self.decoded_bytes()
            )));
        }
        if let (Some(width), Some(length)) =
            (directory.number(tag::TILE_WIDTH), directory.number(tag::TILE_LENGTH))
        {
            let pixel = self.bits.saturating_mul(self.samples).div_ceil(8);
            if width.saturating_mul(length).saturating_mul(pixel) > most {
                return Err(ReadError::damaged(format!(
                    "a tile of {width} × {length} pixels does not fit the file"
                )));
            }
        }
        Ok(())
    }

    /// Looks at the parts of a compressed frame before they are decoded.
    fn check_parts(&self, directory: &Directory<'_>, input: &Input) -> Result<(), ReadError> {
        let (offsets, counts) = match directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_LENGTH) {
            false => (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS),
            true => (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS),
        };
        if self.compression == UNCOMPRESSED {
            // Plain data are found by the frame's size, whatever the count says.
            return Ok(());
        }
        for (offset, count) in directory.numbers(offsets).into_iter().zip(directory.numbers(counts)) {
            if offset.checked_add(count).is_none_or(|end| end > input.len()) {
                return Err(ReadError::damaged("its data end beyond the end of the file"));
            }
            if self.compression == JPEG {
                let outline = Outline::of(&input.read(offset, count)?)?;
                // Parts are padded to whole tiles.
                let pixels = u64::from(outline.width) * u64::from(outline.height);
                if pixels > 4 * self.width * self.height + (1 << 20) {
                    return Err(ReadError::damaged("a JPEG part is larger than the frame"));
                }
            }
        }
        Ok(())
    }

    /// Little-endian elements of the frame at `position`, or of one that follows it without a
    /// directory of its own, as ImageJ writes long stacks.
    pub(super) fn read(
        &self,
        form: Form,
        input: &Input,
        position: u64,
        follows: u64,
    ) -> Result<Vec<u8>, ReadError> {
        let directory = form.directory(input, position);
        if self.is_plain(&directory) {
            return self.read_plain(&directory, form, input, follows);
        }
        if let Some(tag) = directory.unfit {
            return Err(ReadError::damaged(format!(
                "tag {tag} is of an unknown type or has more values than the file can hold"
            )));
        }
        self.check_parts(&directory, input)?;
        let mut patches = vec![(form.first_at(), form.offset_bytes(position))];
        // The decoder refuses palettes and inverts by its own rule: it gets plain numbers.
        if let WHITE_IS_ZERO | PALETTE = self.photometric {
            // Of several values the first might lie anywhere, even where the file says where its directory is.
            let slot = directory.slot(tag::PHOTOMETRIC);
            let (at, size) =
                slot.ok_or_else(|| ReadError::damaged("its photometric interpretation is not one number"))?;
            patches.push((at, form.bytes(BLACK_IS_ZERO, size)));
        }
        self.decode(Patched { input, at: 0, patches })
    }

    fn read_plain(
        &self,
        directory: &Directory<'_>,
        form: Form,
        input: &Input,
        follows: u64,
    ) -> Result<Vec<u8>, ReadError> {
        let frame = self.decoded_bytes();
        let offsets = directory.numbers(tag::STRIP_OFFSETS);
        let rows = directory.number(tag::ROWS_PER_STRIP).unwrap_or(self.height).clamp(1, self.height);
        if offsets.len() as u64 != self.height.div_ceil(rows) {
            return Err(ReadError::damaged(format!(
                "it has {} strips of {rows} rows for {} rows",
                offsets.len(),
                self.height
            )));
        }
        let strip = frame / self.height * rows;
        let mut bytes = match offsets[..] {
            [offset] => {
                let start = follows.checked_mul(frame).and_then(|skip| skip.checked_add(offset));
                input.read(start.unwrap_or(u64::MAX), frame)?
            }
            _ => {
                let mut bytes = Vec::new();
                for offset in offsets {
                    bytes.extend(input.read(offset, strip.min(frame - bytes.len() as u64))?);
                }
                bytes
            }
        };
        self.dtype.to_little_endian(form.endian, &mut bytes);
        Ok(bytes)
    }

    fn decode(&self, file: Patched<'_>) -> Result<Vec<u8>, ReadError> {
        let length = usize::try_from(file.input.len()).unwrap_or(usize::MAX);
        let mut limits = Limits::default();
        limits.ifd_value_size = length;
        // Rows are padded to whole bytes, which the claimed size has counted already.
        limits.decoding_buffer_size =
            usize::try_from(self.decoded_bytes().saturating_add(1 << 16)).unwrap_or(usize::MAX);
        limits.intermediate_buffer_size = limits.decoding_buffer_size.max(length);
        let mut decoder = Decoder::new(BufReader::new(file)).map_err(read_error)?.with_limits(limits);
        let colour = decoder.colortype().map_err(read_error)?;
        let mut decoded = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut decoded).map_err(read_error)?;
        let (bits, channels) = (colour.bit_depth(), usize::from(colour.num_samples()));
        if u64::from(bits) != self.bits {
            return Err(ReadError::unsupported(format!("its colours are {colour:?}")));
        }
        let planes = layout.planes > 1;
        let mut bytes = to_bytes(decoded);
        if bits < 8 {
            let per_row = self.width as usize * if planes { 1 } else { channels };
            let stride = layout.row_stride.map_or(1, usize::from);
            bytes = bytes.chunks_exact(stride).flat_map(|row| unpack(row, bits, per_row)).collect();
        }
        let size = usize::from(bits.div_ceil(8));
        let wanted = self.dtype.samples().min(channels);
        let pixels = (self.width * self.height) as usize;
        let mut elements = match (planes, wanted == channels) {
            (_, true) if !planes => bytes,
            (false, _) => bytes
                .chunks_exact(size * channels)
                .flat_map(|pixel| pixel[..size * wanted].to_vec())
                .collect(),
            // A sample that is missing ends the values; their number is checked by who asked.
            (true, _) => (0..pixels)
                .flat_map(|pixel| (0..wanted).map(move |channel| (channel * pixels + pixel) * size))
                .map_while(|at| bytes.get(at..at + size))
                .flatten()
                .copied()
                .collect(),
        };
        if self.photometric == WHITE_IS_ZERO {
            self.invert(&mut elements);
        }
        Ok(elements)
    }

    /// Only unsigned types have a white; the others keep their order upside down.
    fn invert(&self, elements: &mut [u8]) {
        match self.dtype {
            DType::F32 => elements
                .as_chunks_mut()
                .0
                .iter_mut()
                .for_each(|v| *v = (-f32::from_le_bytes(*v)).to_le_bytes()),
            DType::F64 => elements
                .as_chunks_mut()
                .0
                .iter_mut()
                .for_each(|v| *v = (-f64::from_le_bytes(*v)).to_le_bytes()),
            DType::F16 => elements.as_chunks_mut::<2>().0.iter_mut().for_each(|v| v[1] ^= 0x80),
            _ if self.bits < 8 => {
                let white = ((1_u16 << self.bits) - 1) as u8;
                elements.iter_mut().for_each(|value| *value = white - *value);
            }
            // White minus the value, or minus one minus it, is all bits turned.
            _ => elements.iter_mut().for_each(|byte| *byte = !*byte),
        }
    }
}

/// The type of the elements that come out.
fn dtype(bits: u64, samples: u64, format: u64, photometric: u64) -> Result<DType, ReadError> {
    Ok(match (photometric, samples, format, bits) {
        (RGB, 3, 1, 8) => DType::Rgb8,
        (RGB, 4, 1, 8) => DType::Rgba8,
        (RGB, 3, 1, 16) => DType::Rgb16,
        (RGB, 4, 1, 16) => DType::Rgba16,
        (WHITE_IS_ZERO | BLACK_IS_ZERO | RGB | PALETTE | YCBCR, 1.., _, _) => match (format, bits) {
            (1 | 4, 1 | 2 | 4 | 8) => DType::U8,
            (1 | 4, 16) => DType::U16,
            (1 | 4, 32) => DType::U32,
            (1 | 4, 64) => DType::U64,
            (2, 8) => DType::I8,
            (2, 16) => DType::I16,
            (2, 32) => DType::I32,
            (2, 64) => DType::I64,
            (3, 16) => DType::F16,
            (3, 32) => DType::F32,
            (3, 64) => DType::F64,
            (6, 64) => DType::C64,
            (6, 128) => DType::C128,
            _ => return Err(ReadError::unsupported(format!("{bits} bits a sample of format {format}"))),
        },
        _ => {
            return Err(ReadError::unsupported(format!(
                "{samples} samples a pixel of colours {photometric}"
            )));
        }
    })
}

fn to_bytes(decoded: DecodingResult) -> Vec<u8> {
    match decoded {
        DecodingResult::U8(v) => v,
        DecodingResult::I8(v) => v.into_iter().flat_map(i8::to_le_bytes).collect(),
        DecodingResult::U16(v) => v.into_iter().flat_map(u16::to_le_bytes).collect(),
        DecodingResult::I16(v) => v.into_iter().flat_map(i16::to_le_bytes).collect(),
        DecodingResult::F16(v) => v.into_iter().flat_map(half::f16::to_le_bytes).collect(),
        DecodingResult::U32(v) => v.into_iter().flat_map(u32::to_le_bytes).collect(),
        DecodingResult::I32(v) => v.into_iter().flat_map(i32::to_le_bytes).collect(),
        DecodingResult::F32(v) => v.into_iter().flat_map(f32::to_le_bytes).collect(),
        DecodingResult::U64(v) => v.into_iter().flat_map(u64::to_le_bytes).collect(),
        DecodingResult::I64(v) => v.into_iter().flat_map(i64::to_le_bytes).collect(),
        DecodingResult::F64(v) => v.into_iter().flat_map(f64::to_le_bytes).collect(),
    }
}

fn read_error(error: TiffError) -> ReadError {
    match error {
        TiffError::UnsupportedError(reason) => ReadError::unsupported(reason),
        TiffError::LimitsExceeded => ReadError::damaged("its parts are larger than the frame or the file"),
        other => ReadError::damaged(other),
    }
}
