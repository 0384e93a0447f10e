//! The header of an array: a Python dictionary as text.
//!
//! The crates that read it bring a parser of all of Python's literals, or want the whole file; the
//! dictionary has three known keys.

use super::array::Source;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::Endian;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself writes about 100 bytes, and more only for many fields.
const LONGEST: u64 = 1 << 16;
/// NumPy's own limit.
const MOST_AXES: usize = 64;

/// What describes an array.
pub(super) struct Header {
    pub dtype: DType,
    pub endian: Endian,
    /// NumPy's name of the type.
    pub descr: String,
    /// Whether the first axis is the fastest.
    pub fortran: bool,
    pub shape: Vec<usize>,
    /// Where the elements start.
    pub data_at: u64,
}

pub(super) enum Found {
    Array(Header),
    /// An array whose elements are no numbers, and why.
    Strange(String),
}

impl Header {
    pub(super) fn read(source: &Source) -> Result<Found, ReadError> {
        let start = source.read(0, 12.min(source.length()))?;
        let (length, text_at) = match start[..] {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, l0, l1, ..] => {
                (u64::from(u16::from_le_bytes([l0, l1])), 10)
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, l0, l1, l2, l3] => {
                (u64::from(u32::from_le_bytes([l0, l1, l2, l3])), 12)
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', version, ..] => {
                let reason = format!("it has version {version}; 1, 2 and 3 are read");
                return Err(ReadError::unsupported_but(reason, "save it again with numpy.save"));
            }
            _ => return Err(ReadError::damaged("it doesn't start with NumPy's mark")),
        };
        if length > LONGEST {
            return Err(ReadError::damaged(format!(
                "its header has {length} bytes; at most {LONGEST} are read"
            )));
        }
        let bytes = source.read(text_at, length)?;
        let text = String::from_utf8_lossy(&bytes);
        let field = |key| {
            value(&text, key)
                .ok_or_else(|| ReadError::damaged(format!("its header has no {key}: {:?}", shortened(&text))))
        };
        let descr = field("descr")?;
        let unquoted = descr.trim_matches(['\'', '"']);
        if unquoted == descr {
            return Ok(Found::Strange(format!(
                "its elements are records, {}; an array of one number an element is needed",
                shortened(descr)
            )));
        }
        let Some((dtype, endian)) = DType::from_numpy(unquoted) else {
            return Ok(Found::Strange(format!(
                "its elements are of type {unquoted:?}; booleans, integers, floats and complex numbers are read"
            )));
        };
        let fortran = match field("fortran_order")? {
            "True" => true,
            "False" => false,
            other => return Err(ReadError::damaged(format!("its fortran_order is {:?}", shortened(other)))),
        };
        let shape = shape(field("shape")?)?;
        Ok(Found::Array(Self {
            dtype,
            endian,
            descr: unquoted.to_owned(),
            fortran,
            shape,
            data_at: text_at + length,
        }))
    }
}

/// The text of the value that belongs to a key: up to the comma or brace that ends it.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = ['\'', '"'].iter().find_map(|quote| text.find(&format!("{quote}{key}{quote}")))?;
    let rest = text[at + key.len() + 2..].trim_start().strip_prefix(':')?.trim_start();
    let (mut depth, mut quote) = (0_usize, None);
    for (end, c) in rest.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ',' | '}') if depth == 0 => return Some(rest[..end].trim_end()),
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Reads `(3, 4)`, `(3,)` and `()`; Python 2 wrote `3L`.
fn shape(text: &str) -> Result<Vec<usize>, ReadError> {
    let wrong = || ReadError::damaged(format!("its shape is {:?}", shortened(text)));
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
    let sizes: Vec<usize> = inside
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.trim_end_matches('L').parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    if sizes.len() > MOST_AXES { Err(wrong()) } else { Ok(sizes) }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_keys() {
        let text =
            "{'descr': [('a', '<f4'), ('b', '<i2', (2,))], \"shape\": (3L, 4L), 'fortran_order': False}";
        assert_eq!(value(text, "descr"), Some("[('a', '<f4'), ('b', '<i2', (2,))]"));
        assert_eq!(value(text, "fortran_order"), Some("False"));
        assert_eq!(shape(value(text, "shape").unwrap()).unwrap(), [3, 4]);
        assert_eq!(value("{'shape': (3,", "shape"), None);
    }

    #[test]
    fn shapes_are_tuples() {
        assert_eq!(shape("()").unwrap(), [0_usize; 0]);
        assert_eq!(shape("(7,)").unwrap(), [7]);
        for text in ["7", "(-1,)", "(1.5,)", "[1]", "(99999999999999999999,)"] {
            assert!(shape(text).is_err(), "{text}");
        }
    }
}
