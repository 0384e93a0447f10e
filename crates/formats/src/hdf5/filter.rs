//! The filters that chunks of HDF5 datasets went through.

use hdf5_pure::Filter;

use crate::codec::{self, blosc::blosc};
use crate::error::ReadError;

type Result<T> = std::result::Result<T, ReadError>;

/// Checksums and the headers of filters need at most so many bytes more than the elements.
const SLACK: usize = 1024;

/// Undoes the filters of a chunk of `length` bytes, last first; those with a bit in `skipped` were
/// not applied.
pub(crate) fn unfilter(
    mut bytes: Vec<u8>,
    filters: &[Filter],
    skipped: u32,
    length: usize,
) -> Result<Vec<u8>> {
    for (i, filter) in filters.iter().enumerate().rev() {
        if skipped >> i.min(31) & 1 == 0 {
            bytes = undo(bytes, filter, length.saturating_add(SLACK))?;
        }
    }
    if bytes.len() == length {
        return Ok(bytes);
    }
    Err(ReadError::damaged(format!("a chunk has {} bytes, not {length}", bytes.len())))
}

fn undo(bytes: Vec<u8>, filter: &Filter, most: usize) -> Result<Vec<u8>> {
    let parameter = |i: usize| filter.client_data.get(i).map_or(0, |&value| value as usize);
    match filter.id {
        1 => codec::zlib(&bytes, most),
        2 => Ok(codec::unshuffle(&bytes, parameter(0))),
        // A checksum behind the data.
        3 => Ok(bytes[..bytes.len().saturating_sub(4)].to_vec()),
        32_000 => codec::lzf(&bytes, most),
        32_001 => blosc(&bytes, most),
        32_004 => framed(&bytes, most),
        32_008 => bitshuffle(&bytes, parameter(2), parameter(4), parameter(3), most),
        32_015 => codec::zstd(&bytes, most),
        id => {
            let name = filter.name.as_deref().unwrap_or_default();
            Err(ReadError::packed(format!("its elements went through the HDF5 filter {id} {name}")))
        }
    }
}

/// A big-endian number of `length` bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize> {
    let part = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or_else(short)?;
    Ok(part.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}

fn short() -> ReadError {
    ReadError::damaged("a chunk ends too early")
}

/// LZ4 in blocks, of which those that didn't get shorter stay as they are.
fn framed(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    let decode =
        |data: &[u8], size| if data.len() == size { Ok(data.to_vec()) } else { codec::lz4(data, size) };
    let (total, block) = (number(bytes, 0, 8)?, number(bytes, 8, 4)?);
    blocks(bytes, total.min(most), block, decode).map(|(out, _)| out)
}

/// Decodes blocks of `block` bytes, the last shorter, until there are `total`; also says where they end.
fn blocks(
    bytes: &[u8],
    total: usize,
    block: usize,
    decode: fn(&[u8], usize) -> Result<Vec<u8>>,
) -> Result<(Vec<u8>, usize)> {
    let (mut out, mut at) = (Vec::new(), 12);
    while out.len() < total {
        let size = block.min(total - out.len());
        let packed = number(bytes, at, 4)?;
        let data = bytes.get(at + 4..).and_then(|rest| rest.get(..packed)).ok_or_else(short)?;
        let part = decode(data, size)?;
        if part.len() != size || size == 0 {
            return Err(short());
        }
        out.extend(part);
        at += 4 + packed;
    }
    Ok((out, at))
}

/// Bitshuffle, alone or with a compression of its blocks.
fn bitshuffle(bytes: &[u8], size: usize, compression: usize, block: usize, most: usize) -> Result<Vec<u8>> {
    /// Blocks hold about so many bytes unless the file says otherwise.
    const TARGET: usize = 8192;
    if size == 0 {
        return Err(ReadError::damaged("a bitshuffle of elements without bytes"));
    }
    let shuffled_blocks = |data: &[u8], block: usize| -> Vec<u8> {
        data.chunks(block.max(8 * size)).flat_map(|part| codec::unbitshuffle(part, size)).collect()
    };
    let decode = match compression {
        0 => {
            let elements = if block == 0 { (TARGET / size / 8 * 8).max(128) } else { block };
            return Ok(shuffled_blocks(bytes, elements * size));
        }
        2 => codec::lz4,
        3 => codec::zstd,
        other => return Err(ReadError::packed(format!("bitshuffle with compression {other}"))),
    };
    let (total, block) = (number(bytes, 0, 8)?, number(bytes, 8, 4)?);
    if total > most {
        return Err(ReadError::damaged("a chunk has more bytes than its array says"));
    }
    // Elements that make no group of eight follow as they are.
    let whole = total - total % (8 * size);
    let (out, end) = blocks(bytes, whole, block, decode)?;
    let mut out = shuffled_blocks(&out, block);
    out.extend(bytes.get(end..).and_then(|rest| rest.get(..total - whole)).ok_or_else(short)?);
    Ok(out)
}
