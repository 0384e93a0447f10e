//! NumPy arrays: one in an `.npy` file, several in an `.npz` archive.

mod array;
mod encode;
mod header;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::array::{Array, Source};
use self::header::{Found, Header};
use crate::dataset::{Contents, Pixels};
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::Input;
use crate::metadata::Metadata;
use crate::raster::file_stem;
use crate::reader::Reader;
use crate::series::{bytes_of, keep_whole};
use crate::signal::{Axis, Kind, Signal};
use crate::zip;

pub use self::encode::write_npy;

/// More arrays are not listed.
const MOST_MEMBERS: u64 = 10_000;

/// One array.
pub(crate) struct Npy;

impl Reader for Npy {
    fn name(&self) -> &'static str {
        "NumPy NPY"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        input.head().starts_with(header::MAGIC)
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let name = file_stem(&input);
        let length = input.len();
        let source = Source::Stored { input, at: 0, length };
        match Header::read(&source)? {
            Found::Array(header) => {
                let (signal, array, warning) = opened(&name, &header, source)?;
                Ok(Contents {
                    signals: vec![signal],
                    original: header.tags(),
                    pixels: Box::new(Arrays(vec![Some(array)])),
                    warnings: warning.into_iter().collect(),
                })
            }
            Found::Strange(reason) => Err(ReadError::no_image(reason)),
        }
    }
}

/// Several arrays in a ZIP archive.
pub(crate) struct Npz;

impl Reader for Npz {
    fn name(&self) -> &'static str {
        "NumPy NPZ"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        zip::first_name(input.head()).is_some_and(|name| name.ends_with(b".npy"))
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let (mut signals, mut arrays, mut tags, mut warnings) =
            (Vec::new(), Vec::new(), Map::new(), Vec::new());
        for member in zip::members(&input, MOST_MEMBERS)? {
            let Some(name) = member.name.strip_suffix(".npy").map(str::to_owned) else { continue };
            let read = || {
                let source = Source::of(&member, &input)?;
                let found = Header::read(&source)?;
                Ok((source, found))
            };
            let opened = match read() {
                Ok((source, Found::Array(header))) => {
                    tags.insert(name.clone(), header.tags());
                    opened(&name, &header, source)
                }
                Ok((_, Found::Strange(reason))) => {
                    signals.push(strange(&name, reason));
                    arrays.push(None);
                    continue;
                }
                Err(error) => Err(error),
            };
            match opened {
                Ok((signal, array, warning)) => {
                    warnings.extend(warning.map(|warning| format!("{name}: {warning}")));
                    signals.push(signal);
                    arrays.push(Some(array));
                }
                Err(ReadError::Damaged(reason) | ReadError::Unsupported { reason, .. }) => {
                    warnings.push(format!("array {name:?} is left out: {reason}"));
                }
                Err(error) => return Err(error),
            }
        }
        if signals.is_empty() {
            let reasons =
                if warnings.is_empty() { "it has no arrays".to_owned() } else { warnings.join("; ") };
            return Err(ReadError::damaged(reasons));
        }
        let pixels = Box::new(Arrays(arrays));
        Ok(Contents { signals, pixels, original: Value::Object(tags), warnings })
    }
}

struct Arrays(Vec<Option<Array>>);

impl Pixels for Arrays {
    fn plane(&self, signal: usize, plane: usize) -> Result<Vec<u8>, ReadError> {
        match &self.0[signal] {
            Some(array) => array.plane(plane),
            None => Err(ReadError::no_image("this array holds no numbers")),
        }
    }
}

/// The signal of an array, the array itself, and what is missing of it.
fn opened(name: &str, header: &Header, source: Source) -> Result<(Signal, Array, Option<String>), ReadError> {
    let colour = match header.shape[..] {
        [_, _, channels] => DType::colour(header.dtype, channels),
        _ => None,
    };
    let sizes = if colour.is_some() { &header.shape[..2] } else { &header.shape[..] };
    let mut axes: Vec<_> = sizes.iter().map(|&size| Axis::counting("", size)).collect();
    let needed = bytes_of(&header.shape, header.dtype.size())?;
    let available = source.length().saturating_sub(header.data_at);
    // In Fortran's order every frame is spread over the whole file.
    if header.fortran && needed > available {
        let reason = format!("the header claims {needed} bytes of data, but only {available} are there");
        return Err(ReadError::damaged(reason));
    }
    let warning = keep_whole(&mut axes, needed, available)?;
    let signal = Signal {
        name: name.to_owned(),
        dtype: colour.unwrap_or(header.dtype),
        kind: Kind::of_bare_array(axes.len()),
        axes,
        metadata: Metadata::default(),
        notes: Vec::new(),
    };
    let array = Array::new(header, source, if colour.is_some() { 3 } else { 2 });
    Ok((signal, array, warning))
}

/// What is listed for an array that holds no numbers.
fn strange(name: &str, reason: String) -> Signal {
    Signal {
        name: name.to_owned(),
        dtype: DType::Object,
        axes: Vec::new(),
        kind: Kind::Other,
        metadata: Metadata::default(),
        notes: vec![reason],
    }
}

impl Header {
    fn tags(&self) -> Value {
        json!({"descr": self.descr, "fortran_order": self.fortran, "shape": self.shape})
    }
}
