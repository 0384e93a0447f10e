//! The skeleton of a TIFF file: its byte order, its chain of directories and the entries of one.
//!
//! This looks at every number before anything is allocated for it.

use std::collections::HashSet;

use crate::error::ReadError;

/// Tags that matter here.
pub(super) mod tag {
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const DESCRIPTION: u16 = 270;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SAMPLE_FORMAT: u16 = 339;
}

/// Where things are in a TIFF file.
pub(super) struct Layout {
    big_endian: bool,
    /// 64-bit offsets (BigTIFF).
    wide: bool,
    /// Positions of the directories, one a frame.
    pub directories: Vec<usize>,
    /// Why the chain of directories stops early, if it does.
    pub broken: Option<String>,
}

/// One entry of a directory.
#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: usize,
    /// Position of the first value.
    at: usize,
}

/// The entries of one directory whose values lie inside the file.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    entries: Vec<Entry>,
}

/// Whether the bytes start as a TIFF or BigTIFF file does.
pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| bytes.starts_with(*magic))
}

fn unsigned(bytes: &[u8], at: usize, size: usize, big_endian: bool) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    let join = |value: u64, &byte: &u8| (value << 8) | u64::from(byte);
    Some(if big_endian { field.iter().fold(0, join) } else { field.iter().rev().fold(0, join) })
}

impl Layout {
    /// Follows the chain of directories; loops and ends outside the file stop it.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, ReadError> {
        let big_endian = bytes.starts_with(b"MM");
        let wide = unsigned(bytes, 2, 2, big_endian) == Some(43);
        let mut layout = Self { big_endian, wide, directories: Vec::new(), broken: None };
        let mut seen = HashSet::new();
        let mut next = layout.offset(bytes, layout.first_at());
        loop {
            let position = match next {
                Some(0) => break,
                Some(position) => position,
                None => {
                    layout.broken = Some("the list of frames is cut off".to_owned());
                    break;
                }
            };
            if !seen.insert(position) {
                layout.broken = Some("the list of frames runs in a circle".to_owned());
                break;
            }
            let Some(end) = layout.end_of(bytes, position) else {
                layout.broken =
                    Some(format!("frame {} lies beyond the end of the file", layout.directories.len()));
                break;
            };
            layout.directories.push(position);
            next = layout.offset(bytes, end);
        }
        if layout.directories.is_empty() {
            let reason = layout.broken.unwrap_or_else(|| "it has no frame".to_owned());
            return Err(ReadError::damaged(reason));
        }
        Ok(layout)
    }

    /// Makes the directory at `position` the first of the file.
    pub(super) fn put_first(&self, bytes: &mut [u8], position: usize) {
        let size = if self.wide { 8 } else { 4 };
        self.put(bytes, self.first_at(), size, position as u64);
    }

    /// Overwrites the first value of an entry of one or two short or long integers.
    pub(super) fn put_value(&self, bytes: &mut [u8], slot: (usize, usize), value: u64) {
        self.put(bytes, slot.0, slot.1, value);
    }

    /// The entries of the directory at `position`.
    pub(super) fn directory<'a>(&self, bytes: &'a [u8], position: usize) -> Directory<'a> {
        let (count_size, entry_size, inline) = self.sizes();
        let count = unsigned(bytes, position, count_size, self.big_endian).unwrap_or(0) as usize;
        let entry = |i: usize| {
            let at = position + count_size + i * entry_size;
            let read = |offset, size| unsigned(bytes, at + offset, size, self.big_endian);
            let (tag, kind) = (read(0, 2)? as u16, read(2, 2)? as u16);
            let count = usize::try_from(read(4, inline)?).ok()?;
            let length = count.checked_mul(kind_size(kind)?)?;
            let value_at = at + 4 + inline;
            let at = if length <= inline { value_at } else { self.offset(bytes, value_at)? };
            (at.checked_add(length)? <= bytes.len()).then_some(Entry { tag, kind, count, at })
        };
        Directory { bytes, big_endian: self.big_endian, entries: (0..count).filter_map(entry).collect() }
    }

    fn put(&self, bytes: &mut [u8], at: usize, size: usize, value: u64) {
        let Some(field) = bytes.get_mut(at..at + size) else { return };
        if self.big_endian {
            field.copy_from_slice(&value.to_be_bytes()[8 - size..]);
        } else {
            field.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }

    /// Where the file says where its first directory is.
    fn first_at(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// Bytes of a directory's count, of an entry, and of a value inside an entry.
    fn sizes(&self) -> (usize, usize, usize) {
        if self.wide { (8, 20, 8) } else { (2, 12, 4) }
    }

    fn offset(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let size = if self.wide { 8 } else { 4 };
        unsigned(bytes, at, size, self.big_endian).and_then(|offset| usize::try_from(offset).ok())
    }

    /// The position behind the entries of a directory, if they are all in the file.
    fn end_of(&self, bytes: &[u8], position: usize) -> Option<usize> {
        let (count_size, entry_size, _) = self.sizes();
        let count = usize::try_from(unsigned(bytes, position, count_size, self.big_endian)?).ok()?;
        let end = count.checked_mul(entry_size)?.checked_add(position)?.checked_add(count_size)?;
        (end <= bytes.len()).then_some(end)
    }
}

impl Directory<'_> {
    /// The first value of an unsigned entry.
    pub(super) fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag).next()
    }

    /// All values of an unsigned entry; none if there is no such entry.
    pub(super) fn numbers(&self, tag: u16) -> impl Iterator<Item = u64> + '_ {
        let entry =
            self.entries.iter().find(|entry| entry.tag == tag && matches!(entry.kind, 1 | 3 | 4 | 16));
        entry.into_iter().flat_map(move |entry| {
            let size = kind_size(entry.kind).unwrap_or(1);
            (0..entry.count)
                .filter_map(move |i| unsigned(self.bytes, entry.at + i * size, size, self.big_endian))
        })
    }

    /// The quotient of a rational entry.
    pub(super) fn quotient(&self, tag: u16) -> Option<f64> {
        let entry =
            self.entries.iter().find(|entry| entry.tag == tag && entry.kind == 5 && entry.count > 0)?;
        let part = |offset| unsigned(self.bytes, entry.at + offset, 4, self.big_endian);
        Some(part(0)? as f64 / part(4)? as f64)
    }

    /// Every text under a tag; some writers use a tag twice.
    pub(super) fn texts(&self, tag: u16) -> impl Iterator<Item = String> + '_ {
        self.entries.iter().filter(move |entry| entry.tag == tag && entry.kind == 2).filter_map(|entry| {
            let text = self.bytes.get(entry.at..entry.at + entry.count)?;
            // ImageJ writes Latin-1 in some versions, others write UTF-8.
            let text = match std::str::from_utf8(text) {
                Ok(text) => text.to_owned(),
                Err(_) => text.iter().map(|&byte| char::from(byte)).collect(),
            };
            Some(text.trim_end_matches('\0').to_owned())
        })
    }

    /// Position and size of the first value of an entry of short or long integers.
    pub(super) fn slot(&self, tag: u16) -> Option<(usize, usize)> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.tag == tag && matches!(entry.kind, 3 | 4) && entry.count > 0)?;
        Some((entry.at, kind_size(entry.kind)?))
    }
}

/// Bytes of one value of a field type.
fn kind_size(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}
