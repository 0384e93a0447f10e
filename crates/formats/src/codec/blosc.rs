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
        other => return Err(ReadError::packed(format!("Blosc with compressor {other}"))),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `(arange(1024) // 32 * 7).astype('<u2')` by python-blosc: BloscLZ with shuffled bytes, LZ4 with
    /// shuffled bits, zlib as it is, Zstandard with shuffled bytes.
    const CONTAINERS: [&str; 4] = [
        "020101020008000000080000f100000014000000c60000002300000000e01203010007e0150001070ee0 \
         1500010e15e0150001151ce01500011c23e0150001232ae01500012a31e01500013138e0150001383fe0 \
         1500013f46e0150001464de01500014d54e0150001545be01500015b62e01500016269e01500016970e0 \
         1500017077e0150001777ee01500017e85e0150001858ce01500018c93e0150001939ae01500019aa1e0 \
         150001a1a8e0150001a8afe0150001afb6e0150001b6bde0150001bdc4e0150001c4cbe0150001cbd2e0 \
         150001d2d9e0130002d9d9d90f0000002300000000e0fffffff30302000000",
        "02012402000800000008000058010000140000002e010000ff0100000000ffffffff00000000ffffffff \
         100065000200008c00000200000c00000200000c00000200000c00000200000c00000200000c00000200 \
         000c00000200000c00000200000c00000200000c00000200000c00000200000c00000200000c00000200 \
         000c00000200000c00000200000c00080200001400080200081c00000200081c00000200001400080200 \
         001400080200081c00000200081c000402000418000f0800010002000028000f0800050002000f1c0005 \
         0018000002000f2400090402000028000002000c10000002000c14000c10000002000c14000410000002 \
         00002000000200000c00000200000c00000200000c000c02000018000c02000f2400450f0200150c9000 \
         0f0200010f4c00110c38000f3400110f0200150c5c000f02000c50ffffffffff0e0000001f000100ffff \
         ffea500000000000",
        "0201600200080000000800008b0000001400000036000000785ea5c1910100210000c02ccbb22ccbdede \
         b22ccbb2acfd176888bb0bc1449c70c60557dcf0877fdcf1c0132fbcf1c1173f14f8690139000000785e \
         2b6028a008965308eb2884ad14c21e0ae1640ae12c0ae1420ae10a0ae17a0ae1360ae15e0ae1110ae169 \
         0ae1250ae14d0a21000f474910",
        "02019102000800000008000058000000140000004000000028b52ffd600007b5010024020000070e151c \
         232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d900219810f0070011fcff3bf4fdcffc \
         073b2005",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn containers_of_every_compressor_are_undone() {
        let expected: Vec<_> = (0..1024_u16).flat_map(|i| (i / 32 * 7).to_le_bytes()).collect();
        for hex in CONTAINERS {
            let container = bytes(hex);
            assert_eq!(blosc(&container, 2048).unwrap(), expected);
            assert!(blosc(&container, 2047).is_err());
            for length in 0..container.len() {
                let cut = blosc(&container[..length], 2048);
                assert!(cut.is_err() || cut.unwrap() == expected, "cut at {length}");
            }
            for at in 0..container.len() {
                let mut broken = container.clone();
                broken[at] ^= 0xff;
                assert!(blosc(&broken, 2048).map_or(0, |out| out.len()) <= 2048);
            }
        }
        assert_eq!(blosc(&bytes("02013302020000000200000012000000c2d9"), 2).unwrap(), [0xc2, 0xd9]);
    }
}
