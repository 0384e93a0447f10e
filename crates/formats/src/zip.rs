//! The directory of a ZIP archive, which NumPy and zarr keep arrays in.
//!
//! It is all that is needed beside `flate2`, which PNG brings anyway.

use crate::error::ReadError;
use crate::input::{Endian::Little, Input, Scanner};

const LOCAL: &[u8] = b"PK\x03\x04";
const DIRECTORY: u32 = 0x0201_4b50;
const END: &[u8] = b"PK\x05\x06";
const WIDE_END: u32 = 0x0606_4b50;
const WIDE_LOCATOR: u32 = 0x0706_4b50;
/// The end record without its comment, and with the longest.
const END_BYTES: u64 = 22;
const LONGEST_END: u64 = END_BYTES + 0xffff;
/// Marks a number that stands in the 64-bit extension.
const ELSEWHERE: u64 = 0xffff_ffff;
/// Id of the 64-bit extension.
const WIDE: u16 = 1;
/// Methods of packing.
pub(crate) const STORED: u16 = 0;
pub(crate) const DEFLATED: u16 = 8;

/// A file in an archive.
pub(crate) struct Member {
    pub name: String,
    flags: u16,
    /// How it is packed.
    pub method: u16,
    /// Checksum of its bytes.
    pub check: u32,
    /// Bytes in the archive.
    pub packed: u64,
    /// Bytes when unpacked.
    pub length: u64,
    /// Where its own header starts.
    header_at: u64,
}

/// The name of the first member, if the file starts like an archive.
pub(crate) fn first_name(head: &[u8]) -> Option<&[u8]> {
    let rest = head.strip_prefix(LOCAL)?;
    let length = usize::from(u16::from_le_bytes([*rest.get(22)?, *rest.get(23)?]));
    rest.get(26..26 + length)
}

/// The members in the order of the directory, if there are at most `most`.
pub(crate) fn members(input: &Input, most: u64) -> Result<Vec<Member>, ReadError> {
    let (count, at) = directory(input)?;
    if count > most {
        let reason = format!("it has {count} members; at most {most} are read");
        return Err(ReadError::unsupported_but(reason, "save the arrays in files of their own"));
    }
    let mut scanner = Scanner::new(input, at);
    (0..count).map(|_| member(&mut scanner)).collect()
}

/// Number of members, and where their directory starts.
fn directory(input: &Input) -> Result<(u64, u64), ReadError> {
    let length = input.len().min(LONGEST_END);
    let start = input.len() - length;
    let tail = input.read(start, length)?;
    let index = tail
        .windows(END.len())
        .rposition(|window| window == END)
        .filter(|index| (tail.len() - index) as u64 >= END_BYTES)
        .ok_or_else(|| ReadError::damaged("the archive's directory is missing at its end"))?;
    let end_at = start + index as u64;
    let mut scanner = Scanner::new(input, end_at + 10);
    let count: u16 = scanner.number(Little)?;
    scanner.skip(4)?;
    let at: u32 = scanner.number(Little)?;
    let (count, at) = (u64::from(count), u64::from(at));
    if at != ELSEWHERE && count != 0xffff {
        return Ok((count, at));
    }
    let Some(locator) = end_at.checked_sub(20) else { return Ok((count, at)) };
    scanner.seek(locator);
    if scanner.number::<u32>(Little)? != WIDE_LOCATOR {
        return Ok((count, at));
    }
    scanner.skip(4)?;
    let wide: u64 = scanner.number(Little)?;
    scanner.seek(wide);
    if scanner.number::<u32>(Little)? != WIDE_END {
        return Err(ReadError::damaged("the archive's 64-bit directory is missing"));
    }
    scanner.skip(28)?;
    let count = scanner.number(Little)?;
    scanner.skip(8)?;
    Ok((count, scanner.number(Little)?))
}

fn member(scanner: &mut Scanner<'_>) -> Result<Member, ReadError> {
    if scanner.number::<u32>(Little)? != DIRECTORY {
        return Err(ReadError::damaged("the archive's directory is broken"));
    }
    scanner.skip(4)?;
    let (flags, method) = (scanner.number(Little)?, scanner.number(Little)?);
    scanner.skip(4)?;
    let check = scanner.number(Little)?;
    let mut sizes = [0_u64; 2];
    for size in &mut sizes {
        *size = scanner.number::<u32>(Little)?.into();
    }
    let [name, extra, comment]: [u16; 3] =
        [scanner.number(Little)?, scanner.number(Little)?, scanner.number(Little)?];
    scanner.skip(8)?;
    let mut header_at = u64::from(scanner.number::<u32>(Little)?);
    let name = String::from_utf8_lossy(scanner.take(name.into())?).into_owned();
    let end = scanner.position() + u64::from(extra);
    while scanner.position() + 4 <= end {
        let (id, length): (u16, u16) = (scanner.number(Little)?, scanner.number(Little)?);
        let next = scanner.position() + u64::from(length);
        if id == WIDE {
            let [packed, length] = &mut sizes;
            // Only those are there that did not fit, the unpacked length first.
            for number in [length, packed, &mut header_at] {
                if *number == ELSEWHERE {
                    *number = scanner.number(Little)?;
                }
            }
        }
        scanner.seek(next);
    }
    scanner.seek(end + u64::from(comment));
    let [packed, length] = sizes;
    Ok(Member { name, flags, method, check, packed, length, header_at })
}

impl Member {
    /// Where its packed bytes start; all of them are in the file.
    pub(crate) fn data_at(&self, input: &Input) -> Result<u64, ReadError> {
        if self.flags & 1 == 1 {
            return Err(ReadError::unsupported_but("it is encrypted", "save it again without a password"));
        }
        let mut scanner = Scanner::new(input, self.header_at);
        if scanner.take(4)? != LOCAL {
            return Err(ReadError::damaged("its header is not where the archive's directory says"));
        }
        scanner.skip(22)?;
        let (name, extra): (u16, u16) = (scanner.number(Little)?, scanner.number(Little)?);
        let at = scanner.position() + u64::from(name) + u64::from(extra);
        if at.checked_add(self.packed).is_none_or(|end| end > input.len()) {
            let reason = format!(
                "{} bytes at position {at} are needed, but the file has only {}",
                self.packed,
                input.len()
            );
            return Err(ReadError::damaged(reason));
        }
        Ok(at)
    }
}
