//! The tree of tags that a DM3 or DM4 file is.
//!
//! A file is a tag group in big-endian framing whose values are in the byte order that the header
//! states. Sizes and counts are 32 bits wide in DM3 and 64 bits in DM4.

use serde_json::{Map, Number, Value};

use crate::error::ReadError;
use crate::input::{Endian, Input, Scanner};

/// Groups within groups deeper than this are no file of Digital Micrograph.
const MAX_DEPTH: usize = 64;
/// Fields of a structure, or numbers that describe a value's type: more are refused.
const MAX_FIELDS: u64 = 4096;
/// Arrays of at most this many elements are shown among the original tags.
const SHOWN_ELEMENTS: u64 = 64;
/// Arrays of 16-bit numbers of at most this many elements may be texts.
const TEXT_ELEMENTS: u64 = 1 << 16;

/// A tag's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tag {
    Group(Vec<(String, Tag)>),
    Integer(i64),
    Unsigned(u64),
    Real(f64),
    Bool(bool),
    Text(String),
    Struct(Vec<Tag>),
    /// Numbers that stay in the file, and the text that they may be.
    Array(Array, Option<String>),
    /// Structures that stay in the file, and how many there are.
    Structs(u64),
}

/// Where an array of numbers lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Array {
    pub element: Simple,
    pub position: u64,
    pub count: u64,
}

/// The simple types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simple {
    I16,
    I32,
    U16,
    U32,
    F32,
    F64,
    Bool,
    I8,
    U8,
    I64,
    U64,
}

impl Simple {
    fn from_code(code: u64) -> Result<Self, ReadError> {
        Ok(match code {
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::U16,
            5 => Self::U32,
            6 => Self::F32,
            7 => Self::F64,
            8 => Self::Bool,
            9 => Self::I8,
            10 => Self::U8,
            11 => Self::I64,
            12 => Self::U64,
            _ => return Err(ReadError::damaged(format!("a tag is of the unknown type {code}"))),
        })
    }

    /// Bytes of a value.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    fn read(self, scanner: &mut Scanner<'_>, endian: Endian) -> Result<Tag, ReadError> {
        Ok(match self {
            Self::I16 => Tag::Integer(scanner.number::<i16>(endian)?.into()),
            Self::I32 => Tag::Integer(scanner.number::<i32>(endian)?.into()),
            Self::I8 => Tag::Integer(scanner.number::<i8>(endian)?.into()),
            Self::I64 => Tag::Integer(scanner.number(endian)?),
            Self::U16 => Tag::Unsigned(scanner.number::<u16>(endian)?.into()),
            Self::U32 => Tag::Unsigned(scanner.number::<u32>(endian)?.into()),
            Self::U8 => Tag::Unsigned(scanner.number::<u8>(endian)?.into()),
            Self::U64 => Tag::Unsigned(scanner.number(endian)?),
            Self::F32 => Tag::Real(scanner.number::<f32>(endian)?.into()),
            Self::F64 => Tag::Real(scanner.number(endian)?),
            Self::Bool => Tag::Bool(scanner.number::<u8>(endian)? != 0),
        })
    }
}

/// What stands in front of the tags.
pub(super) struct Header {
    pub version: u32,
    /// Byte order of the values.
    pub endian: Endian,
}

impl Header {
    /// The header of a file that starts like this, if it is one of Digital Micrograph.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let long = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let version = long(0).filter(|version| matches!(version, 3 | 4))?;
        let order_at = if version == 3 { 8 } else { 12 };
        let endian = match long(order_at)? {
            0 => Endian::Big,
            1 => Endian::Little,
            _ => return None,
        };
        // The first group: sorted and open are flags.
        let flags = matches!(head.get(order_at + 4..order_at + 6)?, [0 | 1, 0 | 1]);
        // Behind its count, the kind of the first tag.
        let kind = head.get(order_at + if version == 3 { 10 } else { 14 })?;
        (flags && matches!(kind, 20 | 21)).then_some(Self { version, endian })
    }

    fn tags_at(&self) -> u64 {
        if self.version == 3 { 12 } else { 16 }
    }
}

/// Reads all tags. A file that ends early gives those before the end, and why there are no more.
pub(super) fn read(input: &Input, header: &Header) -> (Tag, Option<ReadError>) {
    let scanner = Scanner::new(input, header.tags_at());
    let mut reader = Reader { scanner, endian: header.endian, wide: header.version == 4, broken: None };
    let root = reader.group(0);
    (root, reader.broken)
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    endian: Endian,
    /// 64-bit counts (DM4).
    wide: bool,
    broken: Option<ReadError>,
}

impl Reader<'_> {
    /// A group's tags; stops for good where the file breaks.
    fn group(&mut self, depth: usize) -> Tag {
        let mut tags = Vec::new();
        match self.group_head(depth) {
            Ok(count) => {
                let mut left = count;
                while left > 0 && self.broken.is_none() {
                    left -= 1;
                    match self.tag(depth) {
                        Ok(tag) => tags.push(tag),
                        Err(error) => self.broken = Some(error),
                    }
                }
            }
            Err(error) => self.broken = Some(error),
        }
        Tag::Group(tags)
    }

    /// Flags and number of the tags that follow.
    fn group_head(&mut self, depth: usize) -> Result<u64, ReadError> {
        if depth > MAX_DEPTH {
            return Err(ReadError::damaged("its groups of tags are nested too deep"));
        }
        self.scanner.skip(2)?;
        self.count()
    }

    fn count(&mut self) -> Result<u64, ReadError> {
        if self.wide {
            self.scanner.number(Endian::Big)
        } else {
            Ok(self.scanner.number::<u32>(Endian::Big)?.into())
        }
    }

    fn tag(&mut self, depth: usize) -> Result<(String, Tag), ReadError> {
        let kind: u8 = self.scanner.number(Endian::Big)?;
        let length: u16 = self.scanner.number(Endian::Big)?;
        let name = latin(self.scanner.take(length.into())?);
        if self.wide {
            // Length of the tag, which its content tells too.
            self.scanner.skip(8)?;
        }
        match kind {
            20 => Ok((name, self.group(depth + 1))),
            21 => {
                let value =
                    self.value().map_err(|error| ReadError::damaged(format!("tag {name:?}: {error}")))?;
                Ok((name, value))
            }
            other => Err(ReadError::damaged(format!("a tag of kind {other} instead of 20 or 21"))),
        }
    }

    fn value(&mut self) -> Result<Tag, ReadError> {
        if self.scanner.take(4)? != b"%%%%" {
            return Err(ReadError::damaged("the mark %%%% of a value is missing"));
        }
        let length = self.count()?;
        if length > MAX_FIELDS {
            return Err(ReadError::damaged(format!("its type is described by {length} numbers")));
        }
        let mut described = Vec::new();
        for _ in 0..length {
            described.push(self.count()?);
        }
        match described[..] {
            [18, length] => self.text(length),
            [15, ..] => {
                let fields = fields(&described[1..])?.0;
                fields
                    .into_iter()
                    .map(|f| f.read(&mut self.scanner, self.endian))
                    .collect::<Result<_, _>>()
                    .map(Tag::Struct)
            }
            [20, 15, ..] => {
                let (fields, rest) = fields(&described[2..])?;
                let &[count] = rest else { return Err(wrong(&described)) };
                match fields[..] {
                    // Complex numbers and the like.
                    [first, ref others @ ..] if others.iter().all(|field| *field == first) => {
                        self.array(first, count.saturating_mul(fields.len() as u64))
                    }
                    _ => {
                        self.leave(count, fields.iter().map(|field| field.size()).sum::<u64>())?;
                        Ok(Tag::Structs(count))
                    }
                }
            }
            [20, code, count] => self.array(Simple::from_code(code)?, count),
            [code] => Simple::from_code(code)?.read(&mut self.scanner, self.endian),
            _ => Err(wrong(&described)),
        }
    }

    fn array(&mut self, element: Simple, count: u64) -> Result<Tag, ReadError> {
        let array = Array { element, position: self.scanner.position(), count };
        if element == Simple::U16 && count <= TEXT_ELEMENTS {
            let text = utf16(self.scanner.take(count * 2)?, self.endian);
            return Ok(Tag::Array(array, text.filter(|text| is_readable(text))));
        }
        // Pixels that the file should have and hasn't are for whoever asks for them.
        if let Err(error) = self.leave(count, element.size()) {
            self.broken = Some(error);
        }
        Ok(Tag::Array(array, None))
    }

    /// Passes over `count` elements of `size` bytes.
    fn leave(&mut self, count: u64, size: u64) -> Result<(), ReadError> {
        self.scanner.skip(count.saturating_mul(size))
    }

    fn text(&mut self, length: u64) -> Result<Tag, ReadError> {
        let bytes = self.scanner.take(length.saturating_mul(2))?.to_vec();
        Ok(Tag::Text(utf16(&bytes, self.endian).unwrap_or_default()))
    }
}

fn wrong(described: &[u64]) -> ReadError {
    let shown: Vec<_> = described.iter().take(8).map(u64::to_string).collect();
    ReadError::damaged(format!("its type is described as {}", shown.join(" ")))
}

/// Types of a structure's fields, and what follows their description: length of the structure's
/// name, number of fields, and for each the length of its name and its type.
fn fields(described: &[u64]) -> Result<(Vec<Simple>, &[u64]), ReadError> {
    let &[_, count, ref rest @ ..] = described else { return Err(wrong(described)) };
    let (pairs, rest) = usize::try_from(count)
        .ok()
        .and_then(|count| rest.split_at_checked(count.checked_mul(2)?))
        .ok_or_else(|| wrong(described))?;
    let fields = pairs.chunks_exact(2).map(|pair| Simple::from_code(pair[1])).collect::<Result<_, _>>()?;
    Ok((fields, rest))
}

/// Text in Latin-1, or in UTF-8 where it is valid and older programs would write something odd.
fn latin(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn utf16(bytes: &[u8], endian: Endian) -> Option<String> {
    let units = bytes.as_chunks::<2>().0.iter().map(|&pair| match endian {
        Endian::Little => u16::from_le_bytes(pair),
        Endian::Big => u16::from_be_bytes(pair),
    });
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

fn is_readable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || "\t\r\n\0".contains(c))
}

impl Tag {
    /// The tag at the end of a path such as `ImageData:Calibrations`; groups without names count.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split(':').try_fold(self, |tag, name| tag.child(name))
    }

    /// The tag of this name in a group.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find(|(other, _)| other == name).map(|(_, tag)| tag)
    }

    /// The tags of a group; none of any other.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Group(tags) => tags,
            _ => &[],
        }
    }

    /// The number of a tag that is one.
    pub(super) fn number(&self) -> Option<f64> {
        match *self {
            Self::Integer(value) => Some(value as f64),
            Self::Unsigned(value) => Some(value as f64),
            Self::Real(value) => Some(value),
            _ => None,
        }
    }

    /// The number of a tag that counts something.
    pub(super) fn count(&self) -> Option<u64> {
        match *self {
            Self::Integer(value) => value.try_into().ok(),
            Self::Unsigned(value) => Some(value),
            _ => None,
        }
    }

    /// The text of a tag that is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Array(_, Some(text)) => Some(text.trim_end_matches('\0')),
            _ => None,
        }
    }

    /// The tree for people: groups without names as lists, long arrays by their size.
    pub(super) fn to_json(&self, input: &Input, endian: Endian) -> Value {
        match self {
            Self::Group(tags) if !tags.is_empty() && tags.iter().all(|(name, _)| name.is_empty()) => {
                tags.iter().map(|(_, tag)| tag.to_json(input, endian)).collect()
            }
            Self::Group(tags) => {
                let mut map = Map::new();
                for (number, (name, tag)) in tags.iter().enumerate() {
                    let name = if name.is_empty() { number.to_string() } else { name.clone() };
                    map.insert(name, tag.to_json(input, endian));
                }
                Value::Object(map)
            }
            Self::Integer(value) => Value::from(*value),
            Self::Unsigned(value) => Value::from(*value),
            Self::Real(value) => {
                Number::from_f64(*value).map_or_else(|| value.to_string().into(), Value::Number)
            }
            Self::Bool(value) => Value::from(*value),
            Self::Text(text) | Self::Array(_, Some(text)) => Value::from(text.trim_end_matches('\0')),
            Self::Struct(fields) => fields.iter().map(|field| field.to_json(input, endian)).collect(),
            Self::Array(array, None) if array.count <= SHOWN_ELEMENTS => {
                let mut scanner = Scanner::new(input, array.position);
                (0..array.count)
                    .map_while(|_| array.element.read(&mut scanner, endian).ok())
                    .map(|tag| tag.to_json(input, endian))
                    .collect()
            }
            Self::Array(array, None) => format!("{} numbers ({:?})", array.count, array.element).into(),
            Self::Structs(count) => format!("{count} structures").into(),
        }
    }
}
