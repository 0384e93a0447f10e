//! The skeleton of a TIFF file: its byte order, its chain of directories and the entries of one.
//!
//! This looks at every number before anything is allocated for it.

use std::collections::HashSet;

use crate::error::ReadError;
use crate::input::{Endian, Input};

/// Tags that matter here.
pub(super) mod tag {
    pub const SUBFILE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const DESCRIPTION: u16 = 270;
    pub const MAKE: u16 = 271;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR: u16 = 284;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const DATE_TIME: u16 = 306;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SAMPLE_FORMAT: u16 = 339;
    /// Olympus's block, wherever it is.
    pub const SIS: u16 = 33_560;
    /// Zeiss's text.
    pub const ZEISS: u16 = 34_118;
    /// FEI's texts.
    pub const FEI: [u16; 2] = [34_682, 34_680];
    /// TVIPS's block.
    pub const TVIPS: u16 = 37_706;
    /// Digital Micrograph: units, first values and steps of x, y and z.
    pub const DM_UNIT: u16 = 65_003;
    pub const DM_OFFSET: u16 = 65_006;
    pub const DM_SCALE: u16 = 65_009;
}

/// Tags up to this one are the standard's, and decoders look at them.
const LAST_STANDARD: u16 = 999;
/// Texts of at most this many bytes are shown among the original tags.
const SHOWN_TEXT: u64 = 1 << 16;
/// Lists of at most this many numbers are shown among the original tags.
const SHOWN_NUMBERS: u64 = 16;

/// Where things are in a TIFF file.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub endian: Endian,
    /// 64-bit offsets (BigTIFF).
    pub wide: bool,
}

/// The directories of a file.
pub(super) struct Layout {
    /// Positions of the directories, one a page.
    pub directories: Vec<u64>,
    /// Why the chain of directories stops early, if it does.
    pub broken: Option<String>,
}

/// One entry of a directory.
#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Position of the first value.
    at: u64,
}

/// The entries of one directory whose values lie inside the file.
pub(super) struct Directory<'a> {
    input: &'a Input,
    form: Form,
    entries: Vec<Entry>,
    /// The first tag that a decoder must not see: one of the standard whose values would lie outside the
    /// file, or of an unknown type in a BigTIFF file, after which decoders lose their place.
    pub(super) unfit: Option<u16>,
}

fn unsigned(bytes: &[u8], endian: Endian) -> u64 {
    let join = |value: u64, &byte: &u8| (value << 8) | u64::from(byte);
    match endian {
        Endian::Big => bytes.iter().fold(0, join),
        Endian::Little => bytes.iter().rev().fold(0, join),
    }
}

impl Form {
    /// The form of a file that starts like this, if it is TIFF or BigTIFF.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let (endian, wide) = match head.get(..4)? {
            b"II*\0" => (Endian::Little, false),
            b"MM\0*" => (Endian::Big, false),
            b"II+\0" => (Endian::Little, true),
            b"MM\0+" => (Endian::Big, true),
            _ => return None,
        };
        Some(Self { endian, wide })
    }

    /// The chain of directories; loops and ends outside the file stop it.
    pub(super) fn layout(self, input: &Input) -> Result<Layout, ReadError> {
        let mut layout = Layout { directories: Vec::new(), broken: None };
        let mut seen = HashSet::new();
        let mut next = self.offset(input, self.first_at());
        let mut total = 0;
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
            let Some(end) = self.end_of(input, position) else {
                layout.broken =
                    Some(format!("frame {} lies beyond the end of the file", layout.directories.len()));
                break;
            };
            total += end - position;
            if total > input.len() {
                layout.broken = Some("the descriptions of the frames lie over each other".to_owned());
                break;
            }
            layout.directories.push(position);
            next = self.offset(input, end);
        }
        if layout.directories.is_empty() {
            let reason = layout.broken.unwrap_or_else(|| "it has no frame".to_owned());
            return Err(ReadError::damaged(reason));
        }
        Ok(layout)
    }

    /// The entries of the directory at `position`.
    pub(super) fn directory(self, input: &Input, position: u64) -> Directory<'_> {
        let (count_size, entry_size, inline) = self.sizes();
        let block = self
            .end_of(input, position)
            .and_then(|end| input.read(position + count_size, end - position - count_size).ok())
            .unwrap_or_default();
        let mut unfit = None;
        let mut entry = |(i, bytes): (usize, &[u8])| {
            let read = |from: usize, size: usize| Some(unsigned(bytes.get(from..from + size)?, self.endian));
            let (tag, kind) = (read(0, 2)? as u16, read(2, 2)? as u16);
            let count = read(4, inline as usize)?;
            let Some(size) = kind_size(kind) else {
                unfit = unfit.or(self.wide.then_some(tag));
                return None;
            };
            let length = count.saturating_mul(size);
            let value = read(4 + inline as usize, inline as usize)?;
            let inside = position + count_size + i as u64 * entry_size + 4 + inline;
            let at = if length <= inline { inside } else { value };
            let is_inside = at.checked_add(length).is_some_and(|end| end <= input.len());
            if !is_inside && tag <= LAST_STANDARD {
                unfit.get_or_insert(tag);
            }
            is_inside.then_some(Entry { tag, kind, count, at })
        };
        let entries = block.chunks_exact(entry_size as usize).enumerate().filter_map(&mut entry).collect();
        Directory { input, form: self, entries, unfit }
    }

    /// The bytes of an offset as this form writes it.
    pub(super) fn offset_bytes(self, value: u64) -> Vec<u8> {
        self.bytes(value, if self.wide { 8 } else { 4 })
    }

    /// The bytes of an unsigned number of `size` bytes.
    pub(super) fn bytes(self, value: u64, size: usize) -> Vec<u8> {
        match self.endian {
            Endian::Big => value.to_be_bytes()[8 - size..].to_vec(),
            Endian::Little => value.to_le_bytes()[..size].to_vec(),
        }
    }

    /// Where the file says where its first directory is.
    pub(super) fn first_at(self) -> u64 {
        if self.wide { 8 } else { 4 }
    }

    /// Bytes of a directory's count, of an entry, and of a value inside an entry.
    fn sizes(self) -> (u64, u64, u64) {
        if self.wide { (8, 20, 8) } else { (2, 12, 4) }
    }

    fn offset(self, input: &Input, at: u64) -> Option<u64> {
        let bytes = input.read(at, if self.wide { 8 } else { 4 }).ok()?;
        Some(unsigned(&bytes, self.endian))
    }

    /// The position behind the entries of a directory, if they are all in the file.
    fn end_of(self, input: &Input, position: u64) -> Option<u64> {
        let (count_size, entry_size, _) = self.sizes();
        let count = unsigned(&input.read(position, count_size).ok()?, self.endian);
        let end = count.checked_mul(entry_size)?.checked_add(position)?.checked_add(count_size)?;
        (end <= input.len()).then_some(end)
    }
}

impl Directory<'_> {
    fn entry(&self, tag: u16, kinds: &[u16]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag && kinds.contains(&entry.kind) && entry.count > 0)
    }

    fn bytes_of(&self, entry: &Entry) -> Vec<u8> {
        let length = entry.count.saturating_mul(kind_size(entry.kind).unwrap_or(1));
        self.input.read(entry.at, length).unwrap_or_default()
    }

    /// The first value of an unsigned entry.
    pub(super) fn number(&self, tag: u16) -> Option<u64> {
        let entry = self.entry(tag, UNSIGNED)?;
        let bytes = self.input.read(entry.at, kind_size(entry.kind)?).ok()?;
        Some(unsigned(&bytes, self.form.endian))
    }

    /// All values of an unsigned entry; none if there is no such entry.
    pub(super) fn numbers(&self, tag: u16) -> Vec<u64> {
        let Some(entry) = self.entry(tag, UNSIGNED) else { return Vec::new() };
        let size = kind_size(entry.kind).unwrap_or(1) as usize;
        self.bytes_of(entry).chunks_exact(size).map(|bytes| unsigned(bytes, self.form.endian)).collect()
    }

    /// The quotient of a rational entry.
    pub(super) fn quotient(&self, tag: u16) -> Option<f64> {
        let entry = self.entry(tag, &[5])?;
        let bytes = self.input.read(entry.at, 8).ok()?;
        let part = |from: usize| unsigned(&bytes[from..from + 4], self.form.endian) as f64;
        Some(part(0) / part(4))
    }

    /// The first value of an entry of 32- or 64-bit floats.
    pub(super) fn float(&self, tag: u16) -> Option<f64> {
        let entry = self.entry(tag, &[11, 12])?;
        let size = kind_size(entry.kind)?;
        let bits = unsigned(&self.input.read(entry.at, size).ok()?, self.form.endian);
        Some(if size == 8 { f64::from_bits(bits) } else { f32::from_bits(bits as u32).into() })
    }

    /// Every text under a tag; some writers use a tag twice.
    pub(super) fn texts(&self, tag: u16) -> impl Iterator<Item = String> + '_ {
        self.entries.iter().filter(move |entry| entry.tag == tag && entry.kind == 2).map(|entry| {
            let bytes = self.bytes_of(entry);
            // ImageJ writes Latin-1 in some versions, others write UTF-8.
            let text = match std::str::from_utf8(&bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
            };
            text.trim_end_matches('\0').to_owned()
        })
    }

    /// The first text under a tag.
    pub(super) fn text(&self, tag: u16) -> Option<String> {
        self.texts(tag).next()
    }

    /// Whether there is an entry of this tag.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }

    /// Position and size of the value of an entry that is one short or long integer.
    pub(super) fn slot(&self, tag: u16) -> Option<(u64, usize)> {
        let entry = self.entry(tag, &[3, 4]).filter(|entry| entry.count == 1)?;
        Some((entry.at, kind_size(entry.kind)? as usize))
    }

    /// The tags that people may want to see, by their number.
    pub(super) fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut shown = serde_json::Map::new();
        for entry in &self.entries {
            let value = match entry.kind {
                2 if entry.count <= SHOWN_TEXT => self.text(entry.tag).map(Into::into),
                5 if entry.count == 1 => self.quotient(entry.tag).map(Into::into),
                11 | 12 if entry.count == 1 => self.float(entry.tag).map(Into::into),
                kind if UNSIGNED.contains(&kind) && entry.count <= SHOWN_NUMBERS => {
                    match self.numbers(entry.tag)[..] {
                        [one] => Some(one.into()),
                        ref many => Some(many.into()),
                    }
                }
                _ => None,
            };
            if let Some(value) = value {
                shown.insert(entry.tag.to_string(), value);
            }
        }
        shown
    }
}

/// The kinds of entries whose values are unsigned integers.
const UNSIGNED: &[u16] = &[1, 3, 4, 13, 16, 18];

/// Bytes of one value of a field type.
fn kind_size(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}
