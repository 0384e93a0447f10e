//! Blosc containers: blocks that are shuffled and then compressed.

use super::{Result, blosclz, lz4, too_long, too_short, unbitshuffle, unshuffle, zlib, zstd};
use crate::error::ReadError;

const HEADER_BYTES: usize = 16;
/// Blocks of elements with at most so many bytes are compressed byte by byte of the elements.
const MOST_SPLITS: usize = 16;
/// Blocks with fewer elements than this are never split.
const FEWEST_TO_SPLIT: usize = 128;

/// Undoes a Blosc container; `most` bytes may come out.
pub(crate) fn blosc(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    let header = bytes.get(..HEADER_BYTES).ok_or_else(too_short)?;
    let word = |at: usize| word(bytes, at);
    let (flags, element) = (header[2], usize::from(header[3]));
    let (length, block) = (word(4)?, word(8)?);
    if length > most {
        return Err(too_long());
    }
    if flags & 0x02 != 0 {
        return bytes.get(HEADER_BYTES..HEADER_BYTES + length).map(<[u8]>::to_vec).ok_or_else(too_short);
    }
    if length == 0 {
        return Ok(Vec::new());
    }
    if block == 0 || block > length {
        return Err(ReadError::damaged(format!("a Blosc block of {block} bytes in a container of {length}")));
    }
    let decode: fn(&[u8], usize) -> Result<Vec<u8>> = match flags >> 5 {
        0 => blosclz,
        1 => lz4,
        3 => zlib,
        4 => zstd,
        other => return Err(ReadError::unsupported(format!("Blosc with compressor {other}"))),
    };
    let mut out = Vec::new();
    for number in 0..length.div_ceil(block) {
        let size = block.min(length - out.len());
        let splits = flags & 0x10 == 0
            && size == block
            && (1..=MOST_SPLITS).contains(&element)
            && block / element >= FEWEST_TO_SPLIT;
        let splits = if splits { element } else { 1 };
        let mut at = word(HEADER_BYTES + 4 * number)?;
        let mut shuffled = Vec::new();
        for _ in 0..splits {
            let (part, packed) = (size / splits, word(at)?);
            let data = bytes.get(at + 4..).and_then(|rest| rest.get(..packed)).ok_or_else(too_short)?;
            if packed == part {
                shuffled.extend(data)
            } else {
                shuffled.extend(decode(data, part)?)
            }
            at += 4 + packed;
        }
        if shuffled.len() != size {
            return Err(too_short());
        }
        out.extend(match flags & 0x05 {
            0x01 => unshuffle(&shuffled, element),
            // Only blocks with a multiple of eight elements have shuffled bits.
            0x04 if (size / element.max(1)).is_multiple_of(8) => unbitshuffle(&shuffled, element),
            _ => shuffled,
        });
    }
    Ok(out)
}

fn word(bytes: &[u8], at: usize) -> Result<usize> {
    let four = at.checked_add(4).and_then(|end| bytes.get(at..end)).ok_or_else(too_short)?;
    Ok(four.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}
