//! ZIP archives: a list at the end says where the files are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::codec::deflate;
use crate::error::ReadError;
use crate::input::Endian::Little;
use crate::input::{Input, Scanner};

type Result<T> = std::result::Result<T, ReadError>;

/// The end record has 22 bytes and may have a comment after it.
const END_BYTES: u64 = 22;
const MOST_COMMENT: u64 = u16::MAX as u64;
const END: &[u8] = b"PK\x05\x06";
const END_64_LOCATOR: u32 = 0x0706_4b50;
const ENTRY: u32 = 0x0201_4b50;

/// An archive whose list was read.
pub(super) struct Archive {
    input: Arc<Input>,
    entries: HashMap<String, Entry>,
}

struct Entry {
    header: u64,
    packed: u64,
    length: u64,
    method: u16,
}

impl Archive {
    /// Reads the list. Of several entries with one name the last counts.
    pub(super) fn open(input: &Arc<Input>) -> Result<Self> {
        let (list, length) = list(input)?;
        if list.checked_add(length).is_none_or(|end| end > input.len()) {
            return Err(ReadError::damaged("the list of the archive is not inside it"));
        }
        let mut scanner = Scanner::new(input, list);
        let mut entries = HashMap::new();
        while scanner.position() < list + length && scanner.number::<u32>(Little)? == ENTRY {
            let (name, entry) = entry(&mut scanner)?;
            entries.insert(name, entry);
        }
        Ok(Self { input: Arc::clone(input), entries })
    }

    /// All names.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// How many bytes a file takes.
    pub(super) fn size(&self, key: &str) -> Option<u64> {
        self.entries.get(key).map(|entry| entry.packed)
    }

    /// The bytes of a file, at most `most`.
    pub(super) fn bytes(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        let mut scanner = Scanner::new(&self.input, entry.header);
        scanner.skip(26)?;
        let (name, extra): (u16, u16) = (scanner.number(Little)?, scanner.number(Little)?);
        let start = scanner.position() + u64::from(name) + u64::from(extra);
        let packed = self.input.read(start, entry.packed)?;
        let bytes = match entry.method {
            0 => packed,
            8 => deflate(&packed, usize::try_from(entry.length).unwrap_or(usize::MAX).min(most))?,
            method => {
                return Err(ReadError::unsupported(format!("{key} is packed by the ZIP method {method}")));
            }
        };
        if bytes.len() as u64 == entry.length {
            return Ok(Some(bytes));
        }
        Err(ReadError::damaged(format!("{key} has {} bytes, not {}", bytes.len(), entry.length)))
    }
}

/// Where the list starts, and how many bytes it has.
fn list(input: &Input) -> Result<(u64, u64)> {
    let tail = input.len().min(END_BYTES + MOST_COMMENT);
    let tail_at = input.len() - tail;
    let bytes = input.read(tail_at, tail)?;
    let at = bytes.windows(END.len()).rposition(|window| window == END);
    let at = at.ok_or_else(|| ReadError::damaged("the archive has no list at its end"))? as u64 + tail_at;
    let mut end = Scanner::new(input, at);
    end.skip(12)?;
    let (length, list): (u32, u32) = (end.number(Little)?, end.number(Little)?);
    if list != u32::MAX && length != u32::MAX {
        return Ok((list.into(), length.into()));
    }
    // A large archive has a longer record before.
    let mut locator = Scanner::new(input, at.saturating_sub(20));
    if locator.number::<u32>(Little)? != END_64_LOCATOR {
        return Err(ReadError::damaged("the archive has no list for its length"));
    }
    locator.skip(4)?;
    let mut end = Scanner::new(input, locator.number(Little)?);
    end.skip(40)?;
    let (length, list) = (end.number(Little)?, end.number(Little)?);
    Ok((list, length))
}

/// An entry of the list, after its mark.
fn entry(scanner: &mut Scanner<'_>) -> Result<(String, Entry)> {
    scanner.skip(6)?;
    let method = scanner.number(Little)?;
    scanner.skip(8)?;
    let (packed, length): (u32, u32) = (scanner.number(Little)?, scanner.number(Little)?);
    let sizes: [u16; 3] = [scanner.number(Little)?, scanner.number(Little)?, scanner.number(Little)?];
    scanner.skip(8)?;
    let header: u32 = scanner.number(Little)?;
    let [name, extra, comment] = sizes.map(u64::from);
    let name = String::from_utf8_lossy(scanner.take(name)?).into_owned();
    let mut entry = Entry { header: header.into(), packed: packed.into(), length: length.into(), method };
    let end = scanner.position() + extra;
    while scanner.position() + 4 <= end {
        let (kind, size): (u16, u16) = (scanner.number(Little)?, scanner.number(Little)?);
        let next = scanner.position() + u64::from(size);
        if kind == 1 {
            // Numbers that are too large for the entry, in this order.
            for value in [&mut entry.length, &mut entry.packed, &mut entry.header] {
                if *value == u64::from(u32::MAX) {
                    *value = scanner.number(Little)?;
                }
            }
        }
        scanner.seek(next);
    }
    scanner.seek(end + comment);
    Ok((name, entry))
}
