//! Undoes the compressions of HDF5 and zarr; none makes more bytes than it is allowed to.

pub(crate) mod blosc;
mod shuffle;

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::error::ReadError;

pub(crate) use shuffle::{unbitshuffle, unshuffle};

type Result<T> = std::result::Result<T, ReadError>;

/// LZ4 and its relatives make a byte of at most so many.
const MOST_LZ4: usize = 256;

/// Undoes zlib; `most` bytes may come out.
pub(crate) fn zlib(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    drain(ZlibDecoder::new(bytes), most)
}

/// Undoes gzip; `most` bytes may come out.
pub(crate) fn gzip(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    drain(MultiGzDecoder::new(bytes), most)
}

/// Undoes the deflate of a ZIP archive; `most` bytes may come out.
pub(crate) fn deflate(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    drain(DeflateDecoder::new(bytes), most)
}

/// Undoes Zstandard; `most` bytes may come out.
pub(crate) fn zstd(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    let decoder = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(ReadError::damaged)?;
    drain(decoder, most)
}

/// Undoes one block of LZ4; `most` bytes may come out.
pub(crate) fn lz4(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut out = vec![0; most.min(bytes.len().saturating_mul(MOST_LZ4) + 64)];
    let length = lz4_flex::block::decompress_into(bytes, &mut out).map_err(ReadError::damaged)?;
    out.truncate(length);
    Ok(out)
}

fn drain(decoder: impl Read, most: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(most as u64 + 1).read_to_end(&mut out).map_err(ReadError::damaged)?;
    if out.len() > most { Err(too_long()) } else { Ok(out) }
}

fn too_long() -> ReadError {
    ReadError::damaged("a compressed block has more bytes than its header says")
}

fn too_short() -> ReadError {
    ReadError::damaged("a compressed block ends too early")
}

/// Undoes LZF; `most` bytes may come out.
pub(crate) fn lzf(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut input = bytes.iter().map(|&byte| usize::from(byte));
    while let Some(control) = input.next() {
        if control < 32 {
            let at = bytes.len() - input.len();
            out.extend(bytes.get(at..at + control + 1).ok_or_else(too_short)?);
            input.by_ref().take(control + 1).for_each(drop);
        } else {
            let mut length = control >> 5;
            if length == 7 {
                length += input.next().ok_or_else(too_short)?;
            }
            let distance = ((control & 31) << 8) + input.next().ok_or_else(too_short)? + 1;
            repeat(&mut out, distance, length + 2)?;
        }
        if out.len() > most {
            return Err(too_long());
        }
    }
    Ok(out)
}

/// Undoes BloscLZ; `most` bytes may come out.
pub(crate) fn blosclz(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    /// Matches further away than this state their distance in two more bytes.
    const FAR: usize = 8191;
    let mut out = Vec::new();
    let mut at = 0;
    let next = |at: &mut usize| {
        *at += 1;
        bytes.get(*at - 1).map(|&byte| usize::from(byte)).ok_or_else(too_short)
    };
    let mut control = next(&mut at)? & 31;
    loop {
        if control < 32 {
            out.extend(bytes.get(at..at + control + 1).ok_or_else(too_short)?);
            at += control + 1;
        } else {
            let mut length = (control >> 5) - 1;
            if length == 6 {
                loop {
                    let more = next(&mut at)?;
                    length += more;
                    if more != 255 {
                        break;
                    }
                }
            }
            let high = (control & 31) << 8;
            let low = next(&mut at)?;
            let distance = if low == 255 && high == 31 << 8 {
                (next(&mut at)? << 8) + next(&mut at)? + FAR
            } else {
                high + low
            };
            if length > most {
                return Err(too_long());
            }
            repeat(&mut out, distance + 1, length + 3)?;
        }
        if out.len() > most {
            return Err(too_long());
        }
        if at >= bytes.len() {
            return Ok(out);
        }
        control = next(&mut at)?;
    }
}

/// Appends `length` bytes that repeat those from `distance` before the end.
fn repeat(out: &mut Vec<u8>, distance: usize, length: usize) -> Result<()> {
    let from = out
        .len()
        .checked_sub(distance)
        .ok_or_else(|| ReadError::damaged("a compressed block refers to bytes before its start"))?;
    for i in from..from + length {
        out.push(out[i]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_grows_beyond_what_is_allowed() {
        use flate2::write::ZlibEncoder;
        use std::io::Write;
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[7; 5000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(zlib(&packed, 5000).unwrap(), vec![7; 5000]);
        assert!(zlib(&packed, 4999).is_err());
        assert!(zlib(&packed[..packed.len() / 2], 5000).is_err());
        // One literal and a match of 264 bytes at a distance of one.
        let packed = [0, 9, 0xe0, 255, 0];
        assert_eq!(lzf(&packed, 265).unwrap(), vec![9; 265]);
        assert!(lzf(&packed, 264).is_err());
        assert!(lzf(&packed[..4], 265).is_err());
        assert!(lzf(&[0xe0, 255, 0], 265).is_err());
        assert!(blosclz(&[0xff; 40], 1 << 20).is_err());
    }
}
