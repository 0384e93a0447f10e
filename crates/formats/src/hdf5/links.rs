//! What the links of a group lead to, read here because the HDF5 library passes over soft links, and
//! stumbles over those in groups of the old form.

use std::collections::HashSet;
use std::sync::Arc;

use hdf5_pure::Superblock;

use super::file::MOST_OBJECTS;
use crate::error::ReadError;
use crate::input::{Endian::Little, Input, Scanner};

type Result<T> = std::result::Result<T, ReadError>;

/// Messages of an object's header that speak of links.
const LINK_INFO: u16 = 0x02;
const LINK: u16 = 0x06;
const CONTINUATION: u16 = 0x10;
const SYMBOL_TABLE: u16 = 0x11;
/// A header in more pieces is taken for broken.
const MOST_PIECES: usize = 4096;
/// Names of a group's links take fewer bytes.
const MOST_HEAP: u64 = 64 << 20;
/// The address of nothing.
const NOWHERE: u64 = u64::MAX;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// To an object whose header is here.
    Object(u64),
    /// To whatever has this path.
    Path(String),
}

/// Reads links; addresses count from `base` and have `offset_bytes`, lengths `length_bytes`.
pub(super) struct Links {
    input: Arc<Input>,
    base: u64,
    offset_bytes: u8,
    length_bytes: u8,
    /// Address of the root group's header.
    pub root: u64,
}

impl Links {
    pub(super) fn new(input: &Arc<Input>, superblock: &Superblock) -> Self {
        Self {
            input: Arc::clone(input),
            base: superblock.base_address.get(),
            offset_bytes: superblock.offset_size,
            length_bytes: superblock.length_size,
            root: superblock.root_group_address,
        }
    }

    /// Refuses a file whose groups of the old form say more than it can hold: the library would believe them.
    pub(super) fn check(&self) -> Result<()> {
        let mut left = self.input.len();
        let (mut waiting, mut seen) = (vec![self.root], HashSet::new());
        while let Some(address) = waiting.pop() {
            if seen.len() == MOST_OBJECTS || !seen.insert(address) {
                continue;
            }
            let Ok(messages) = self.messages(address, &mut left) else { continue };
            let old = messages.iter().any(|(kind, _)| *kind == SYMBOL_TABLE);
            match self.in_messages(&messages, &mut left) {
                Some(links) => waiting.extend(links.iter().filter_map(|(_, target)| match target {
                    Target::Object(address) => Some(*address),
                    Target::Path(_) => None,
                })),
                None if old => {
                    return Err(ReadError::damaged("the links of a group are broken, or overlap each other"));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The links of the group whose header is at `address`; `None` if they are kept in a form that only the library
    /// reads, or if anything is odd.
    pub(super) fn of(&self, address: u64) -> Option<Vec<(String, Target)>> {
        let mut left = self.input.len();
        let messages = self.messages(address, &mut left).ok()?;
        self.in_messages(&messages, &mut left)
    }

    fn in_messages(&self, messages: &[(u16, Vec<u8>)], left: &mut u64) -> Option<Vec<(String, Target)>> {
        let mut links = Vec::new();
        for &(kind, ref data) in messages {
            let mut message = Bytes { links: self, data };
            match kind {
                // Flags, then the highest order of creation if it is kept, then the heap of many links.
                LINK_INFO => {
                    let flags = message.take(2)?[1];
                    message.take(if flags & 1 == 1 { 8 } else { 0 })?;
                    if message.offset()? != NOWHERE {
                        return None;
                    }
                }
                LINK => links.extend(message.link()?),
                SYMBOL_TABLE => {
                    let (tree, heap) = (message.offset()?, message.offset()?);
                    let names = self.heap(heap).ok()?;
                    *left = left.checked_sub(names.len() as u64)?;
                    self.symbols(tree, &names, left, &mut links)?;
                }
                _ => {}
            }
        }
        Some(links)
    }

    fn at(&self, address: u64) -> Scanner<'_> {
        Scanner::new(&self.input, self.base.saturating_add(address))
    }

    fn read(&self, address: u64, length: u64) -> Result<Vec<u8>> {
        self.input.read(self.base.saturating_add(address), length)
    }

    /// Kind and content of an object's messages that speak of links; of what the file can hold so much is `left`.
    fn messages(&self, address: u64, left: &mut u64) -> Result<Vec<(u16, Vec<u8>)>> {
        let mut header = self.at(address);
        let is_new = header.take(4)? == b"OHDR";
        header.seek(self.base.saturating_add(address));
        let mut flags = 0;
        let mut pieces = Vec::new();
        if is_new {
            flags = header.take(6)?[5];
            header.skip(if flags & 0x20 == 0 { 0 } else { 16 } + if flags & 0x10 == 0 { 0 } else { 4 })?;
            let length = number(header.take(1 << (flags & 3))?);
            pieces.push((header.position().saturating_sub(self.base), length));
        } else {
            header.skip(8)?;
            let length = header.number::<u32>(Little)?;
            pieces.push((address.saturating_add(16), length.into()));
        }
        let mut messages = Vec::new();
        let mut next = 0;
        while let Some(&(at, length)) = pieces.get(next) {
            next += 1;
            *left = left.checked_sub(length).filter(|_| next <= MOST_PIECES).ok_or_else(|| {
                ReadError::damaged("the header of a group has more pieces than the file can hold")
            })?;
            let piece = self.read(at, length)?;
            let mut rest = &piece[..];
            let head = if !is_new {
                8
            } else if flags & 4 == 0 {
                4
            } else {
                6
            };
            while let Some((message, after)) = rest.split_at_checked(head) {
                let (kind, size) = if is_new {
                    (u16::from(message[0]), number(&message[1..3]))
                } else {
                    (number(&message[..2]) as u16, number(&message[2..4]))
                };
                // What is left at the end of a piece may be a gap.
                let Some((data, after)) = after.split_at_checked(size as usize) else { break };
                rest = after;
                if kind == CONTINUATION {
                    let mut place = Bytes { links: self, data };
                    let place = place.offset().zip(place.length());
                    let (at, length) = place.ok_or_else(|| ReadError::damaged("a header that breaks off"))?;
                    // Newer pieces have a mark in front and a checksum behind.
                    let (front, around) = if is_new { (4, 8) } else { (0, 0) };
                    pieces.push((at.saturating_add(front), length.saturating_sub(around)));
                } else if matches!(kind, LINK_INFO | LINK | SYMBOL_TABLE) {
                    messages.push((kind, data.to_vec()));
                }
            }
        }
        Ok(messages)
    }

    /// The bytes of a heap of names.
    fn heap(&self, address: u64) -> Result<Vec<u8>> {
        let head = self.read(address, 8 + 2 * u64::from(self.length_bytes) + u64::from(self.offset_bytes))?;
        let mut rest = Bytes { links: self, data: &head };
        let places = (rest.take(8), rest.length(), rest.length(), rest.offset());
        match places {
            (Some([b'H', b'E', b'A', b'P', ..]), Some(size), Some(_), Some(at)) if size <= MOST_HEAP => {
                self.read(at, size)
            }
            _ => Err(ReadError::damaged("the names of a group are missing")),
        }
    }

    /// The links in the leaves of a tree of symbols.
    fn symbols(
        &self,
        tree: u64,
        names: &[u8],
        left: &mut u64,
        links: &mut Vec<(String, Target)>,
    ) -> Option<()> {
        // Each text has its own place, so together they are no longer than the heap; and so has each node in the file.
        let mut letters = names.len();
        let mut text = |at: u64| {
            let bytes = names.get(usize::try_from(at).ok()?..)?;
            let end = bytes.iter().position(|&byte| byte == 0)?;
            letters = letters.checked_sub(end + 1)?;
            Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
        };
        let (offset, length) = (u64::from(self.offset_bytes), u64::from(self.length_bytes));
        let mut nodes = vec![tree];
        let mut next = 0;
        while let Some(&node) = nodes.get(next) {
            next += 1;
            let head = self.read(node, 8).ok()?;
            let count = number(&head[6..8]);
            let is_tree = head.starts_with(b"TREE");
            let length_after =
                if is_tree { 2 * offset + count * (length + offset) } else { count * (2 * offset + 24) };
            *left = left.checked_sub(8 + length_after)?;
            let data = self.read(node.saturating_add(8), length_after).ok()?;
            let mut rest = Bytes { links: self, data: &data };
            match &head[..4] {
                b"TREE" => {
                    rest.take(2 * usize::from(self.offset_bytes))?;
                    for _ in 0..count {
                        rest.length()?;
                        nodes.push(rest.offset()?);
                    }
                }
                b"SNOD" => {
                    for _ in 0..count {
                        let (name, header) = (text(rest.offset()?)?, rest.offset()?);
                        let cached = rest.take(24)?;
                        let is_soft = number(&cached[..4]) == 2;
                        let target = if is_soft {
                            Target::Path(text(number(&cached[8..12]))?)
                        } else {
                            Target::Object(header)
                        };
                        links.push((name, target));
                    }
                }
                _ => return None,
            }
        }
        Some(())
    }
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The rest of a message.
struct Bytes<'a> {
    links: &'a Links,
    data: &'a [u8],
}

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.data.split_at_checked(length)?;
        self.data = rest;
        Some(taken)
    }

    fn offset(&mut self) -> Option<u64> {
        let bytes = self.take(self.links.offset_bytes.into())?;
        Some(if bytes.iter().all(|&byte| byte == 0xff) { NOWHERE } else { number(bytes) })
    }

    fn length(&mut self) -> Option<u64> {
        self.take(self.links.length_bytes.into()).map(number)
    }

    /// A link; nothing of one to another file.
    fn link(&mut self) -> Option<Option<(String, Target)>> {
        let flags = self.take(2)?[1];
        let kind = if flags & 8 == 0 { 0 } else { self.take(1)?[0] };
        self.take(if flags & 4 == 0 { 0 } else { 8 } + if flags & 0x10 == 0 { 0 } else { 1 })?;
        let length = number(self.take(1 << (flags & 3))?);
        let name = String::from_utf8_lossy(self.take(usize::try_from(length).ok()?)?).into_owned();
        Some(match kind {
            0 => Some((name, Target::Object(self.offset()?))),
            1 => {
                let length = number(self.take(2)?);
                let path = String::from_utf8_lossy(self.take(length as usize)?).into_owned();
                Some((name, Target::Path(path)))
            }
            _ => None,
        })
    }
}
