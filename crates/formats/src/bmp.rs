//! Windows bitmaps: palettes of 1, 4 and 8 bits, packed by run lengths or not, and 16, 24 and 32
//! bits a pixel.
//!
//! Small enough to be read here: the decoders at hand take missing bytes for black pixels.

use std::sync::Arc;

use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::grey::{ALPHA_NOTE, check_size, unpack};
use crate::input::Input;
use crate::raster::single_image;
use crate::reader::Reader;

/// A run of 255 pixels takes two bytes, and a line of none takes as many; this is generous.
const PACKED_PIXELS_PER_BYTE: u64 = 1024;
/// Length of the file's own header; the picture's follows.
const FILE_HEADER: usize = 14;
/// Lengths of the picture's header in the versions of the format.
const HEADERS: [u32; 7] = [12, 40, 52, 56, 64, 108, 124];

/// The BMP format.
pub(crate) struct Bmp;

impl Reader for Bmp {
    fn name(&self) -> &'static str {
        "BMP"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        let head = input.head();
        head.starts_with(b"BM") && long(head, FILE_HEADER).is_ok_and(|length| HEADERS.contains(&length))
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let picture = Picture::read(&input.whole()?)?;
        let dtype = match &picture.colours {
            Colours::Palette(palette) if is_grey(palette) => DType::U8,
            Colours::Masks([_, _, _, alpha]) if *alpha != 0 => DType::Rgba8,
            _ => DType::Rgb8,
        };
        let notes: &[&str] = match &picture.colours {
            Colours::Palette(palette) if !is_grey(palette) => &["palette of colours"],
            Colours::Masks([_, _, _, alpha]) if *alpha != 0 => &[ALPHA_NOTE],
            _ => &[],
        };
        Ok(single_image(&input, dtype, [picture.height, picture.width], notes, pixels))
    }
}

/// What the headers say.
struct Picture {
    width: usize,
    height: usize,
    /// Whether the first row in the file is the upper one.
    downwards: bool,
    /// Bits a pixel.
    depth: u16,
    packing: Packing,
    colours: Colours,
    data_at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Runs,
}

enum Colours {
    /// Red, green and blue of each number.
    Palette(Vec<[u8; 3]>),
    /// Where red, green, blue and alpha are in a pixel.
    Masks([u32; 4]),
}

impl Picture {
    fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let data_at = long(bytes, 10)? as usize;
        let header = long(bytes, FILE_HEADER)?;
        let short = |at| long(bytes, at).map(|both| both & 0xffff);
        let old = header == 12;
        let (width, height, depth) = if old {
            (short(18)?, short(20)?.cast_signed(), short(24)?)
        } else {
            (long(bytes, 18)?, long(bytes, 22)?.cast_signed(), short(28)?)
        };
        let compression = if old { 0 } else { long(bytes, 30)? };
        let packing = match (compression, depth) {
            (0, 1 | 4 | 8 | 16 | 24 | 32) | (3 | 6, 16 | 32) => Packing::None,
            (1, 8) | (2, 4) => Packing::Runs,
            _ => {
                let reason = format!("it has {depth} bits a pixel and compression {compression}");
                return Err(ReadError::unsupported(reason));
            }
        };
        let rows = height.unsigned_abs();
        check_size(width.into(), rows.into(), bytes.len() as u64, PACKED_PIXELS_PER_BYTE)?;
        let palette_at = FILE_HEADER + header as usize;
        let colours = match depth {
            1 | 4 | 8 => Colours::Palette(palette(bytes, palette_at, if old { 3 } else { 4 }, depth, old)?),
            _ if compression == 0 && depth == 16 => Colours::Masks([0x7c00, 0x3e0, 0x1f, 0]),
            _ if compression == 0 => Colours::Masks([0xff_0000, 0xff00, 0xff, 0]),
            _ => {
                let alpha =
                    if header >= 56 && header != 64 || compression == 6 { long(bytes, 66)? } else { 0 };
                Colours::Masks([long(bytes, 54)?, long(bytes, 58)?, long(bytes, 62)?, alpha])
            }
        };
        let picture = Self {
            width: width as usize,
            height: rows as usize,
            downwards: height < 0,
            depth: depth as u16,
            packing,
            colours,
            data_at,
        };
        let (needed, there) = (picture.row_bytes() * picture.height, bytes.len().saturating_sub(data_at));
        if packing == Packing::None && needed > there {
            return Err(ReadError::damaged(format!(
                "{width} × {rows} pixels need {needed} bytes, but only {there} are there"
            )));
        }
        Ok(picture)
    }

    /// Bytes of an unpacked row: a multiple of four.
    fn row_bytes(&self) -> usize {
        (self.width * usize::from(self.depth)).div_ceil(32) * 4
    }
}

fn palette(bytes: &[u8], at: usize, entry: usize, depth: u32, old: bool) -> Result<Vec<[u8; 3]>, ReadError> {
    let most = 1 << depth;
    let count = match if old { 0 } else { long(bytes, 46)? as usize } {
        0 => most,
        count => count.min(most),
    };
    let entries = bytes
        .get(at..at + count * entry)
        .ok_or_else(|| ReadError::damaged("the file ends inside its palette"))?;
    Ok(entries.chunks_exact(entry).map(|bgr| [bgr[2], bgr[1], bgr[0]]).collect())
}

fn is_grey(palette: &[[u8; 3]]) -> bool {
    palette.iter().all(|[red, green, blue]| red == green && green == blue)
}

/// Elements in the order of the rows, the upper first.
fn pixels(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let picture = Picture::read(bytes)?;
    let data = bytes.get(picture.data_at..).unwrap_or_default();
    let unpacked = match picture.packing {
        Packing::None => None,
        Packing::Runs => Some(unpack_runs(data, &picture)?),
    };
    let mut elements = Vec::new();
    for row in 0..picture.height {
        let row = if picture.downwards { row } else { picture.height - 1 - row };
        match (&picture.colours, &unpacked) {
            (Colours::Palette(palette), Some(indices)) => {
                let indices = &indices[row * picture.width..][..picture.width];
                colour(palette, indices.iter().copied(), &mut elements)?;
            }
            (Colours::Palette(palette), None) => {
                let line = &data[row * picture.row_bytes()..][..picture.row_bytes()];
                colour(palette, unpack(line, picture.depth as u8, picture.width), &mut elements)?;
            }
            (Colours::Masks(masks), _) => {
                let line = &data[row * picture.row_bytes()..][..picture.row_bytes()];
                let size = usize::from(picture.depth / 8);
                for pixel in line.chunks_exact(size).take(picture.width) {
                    let value = pixel.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
                    let samples = if masks[3] == 0 { &masks[..3] } else { &masks[..] };
                    elements.extend(samples.iter().map(|&mask| sample(value, mask)));
                }
            }
        }
    }
    Ok(elements)
}

/// Appends the colours, or greys, of palette numbers.
fn colour(
    palette: &[[u8; 3]],
    indices: impl Iterator<Item = u8>,
    elements: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let kept = if is_grey(palette) { 1 } else { 3 };
    for index in indices {
        let colour = palette
            .get(usize::from(index))
            .ok_or_else(|| ReadError::damaged("a colour is not in the palette"))?;
        elements.extend(&colour[..kept]);
    }
    Ok(())
}

/// The bits under the mask, scaled to 0 to 255.
fn sample(value: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let shift = mask.trailing_zeros();
    let (value, most) = (u64::from((value & mask) >> shift), u64::from(mask >> shift));
    ((value * 255 + most / 2) / most).min(255) as u8
}

/// Palette numbers from runs, `[row, column]` with the rows as in the file. What no run reaches is 0.
fn unpack_runs(data: &[u8], picture: &Picture) -> Result<Vec<u8>, ReadError> {
    let (width, height) = (picture.width, picture.height);
    let mut indices = vec![0; width * height];
    let (mut row, mut column, mut at) = (0, 0, 0);
    let nibbles = picture.depth == 4;
    let cut = || ReadError::damaged("the file ends inside its pixels");
    loop {
        let (&first, &second) = (data.get(at).ok_or_else(cut)?, data.get(at + 1).ok_or_else(cut)?);
        at += 2;
        let (count, source): (usize, &[u8]) = match (first, second) {
            (0, 0) => {
                (row, column) = (row + 1, 0);
                continue;
            }
            (0, 1) => return Ok(indices),
            (0, 2) => {
                column += usize::from(*data.get(at).ok_or_else(cut)?);
                row += usize::from(*data.get(at + 1).ok_or_else(cut)?);
                at += 2;
                continue;
            }
            (0, count) => {
                let count = usize::from(count);
                let bytes = if nibbles { count.div_ceil(2) } else { count };
                let source = data.get(at..at + bytes).ok_or_else(cut)?;
                at += bytes.next_multiple_of(2);
                (count, source)
            }
            (count, _) => (usize::from(count), std::slice::from_ref(&data[at - 1])),
        };
        let outside = || ReadError::damaged("its runs lead out of the picture");
        if row >= height {
            return Err(outside());
        }
        let line = indices[row * width..].get_mut(column..(column + count).min(width)).ok_or_else(outside)?;
        for (i, index) in line.iter_mut().enumerate() {
            *index = if nibbles {
                let byte = source[i / 2 % source.len()];
                if i % 2 == 0 { byte >> 4 } else { byte & 15 }
            } else {
                source[i % source.len()]
            };
        }
        column += count;
    }
}

fn long(bytes: &[u8], at: usize) -> Result<u32, ReadError> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_le_bytes).ok_or_else(|| ReadError::damaged("the file ends inside its header"))
}
