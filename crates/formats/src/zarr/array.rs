//! Arrays of zarr, versions 2 and 3: blocks under keys, through a chain of codecs.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::store::{Store, join};
use super::{Result, json};
use crate::array::{Array, Blocks, bytes};
use crate::codec::{self, blosc::blosc};
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::Endian;

/// A block may take so many bytes more than its elements.
const SLACK: usize = 1 << 20;

/// One step from elements to bytes.
enum Codec {
    Blosc,
    Zlib,
    Gzip,
    Zstd,
    /// LZ4 after the number of bytes.
    Lz4,
    /// Shuffled bytes of elements of this size.
    Shuffle(usize),
    /// A checksum behind the bytes.
    Checksum,
}

/// What a description says of an array, in either version.
struct Described {
    attributes: Map<String, Value>,
    shape: Vec<usize>,
    block: Vec<usize>,
    element: (DType, Endian),
    /// The axes in the order they are stored in, slowest first.
    order: Vec<usize>,
    /// As they were applied, or why they can't be undone.
    codecs: std::result::Result<Vec<Codec>, String>,
    /// What all keys of blocks start with, and what stands between their numbers.
    prefix: &'static str,
    separator: String,
    fill: Value,
}

struct Chunks {
    store: Arc<Store>,
    path: String,
    prefix: &'static str,
    separator: String,
    block: Vec<usize>,
    size: usize,
    order: Vec<usize>,
    codecs: std::result::Result<Vec<Codec>, String>,
    fill: Vec<u8>,
}

/// The array at `path`; nothing if there is none.
pub(super) fn open(store: &Arc<Store>, path: &str) -> Result<Option<Array>> {
    if let Some(described) = json(store, &join(path, ".zarray"))? {
        let attributes = json(store, &join(path, ".zattrs"))?.unwrap_or_default();
        return version_2(path, &Value::Object(described), attributes)?.array(store, path).map(Some);
    }
    match json(store, &join(path, "zarr.json"))? {
        Some(described) if described.get("node_type").and_then(Value::as_str) == Some("array") => {
            version_3(path, described)?.array(store, path).map(Some)
        }
        _ => Ok(None),
    }
}

fn sides(value: &Value, path: &str) -> Result<Vec<usize>> {
    let wrong = || ReadError::damaged(format!("{path} has no shape or no blocks"));
    let side = |side: &Value| side.as_u64().and_then(|side| usize::try_from(side).ok()).ok_or_else(wrong);
    value.as_array().ok_or_else(wrong)?.iter().map(side).collect()
}

fn version_2(path: &str, described: &Value, attributes: Map<String, Value>) -> Result<Described> {
    let block = sides(&described["chunks"], path)?;
    let steps = described["filters"].as_array().into_iter().flatten().chain(described.get("compressor"));
    let is_reversed = described["order"].as_str() == Some("F");
    Ok(Described {
        attributes,
        shape: sides(&described["shape"], path)?,
        element: element(&described["dtype"]),
        order: if is_reversed { (0..block.len()).rev().collect() } else { (0..block.len()).collect() },
        block,
        codecs: steps.filter(|step| !step.is_null()).map(|step| codec(step, "id", step)).collect(),
        prefix: "",
        separator: described["dimension_separator"].as_str().unwrap_or(".").to_owned(),
        fill: described["fill_value"].clone(),
    })
}

fn version_3(path: &str, mut described: Map<String, Value>) -> Result<Described> {
    let attributes = match described.remove("attributes") {
        Some(Value::Object(attributes)) => attributes,
        _ => Map::new(),
    };
    let described = Value::Object(described);
    let block = sides(&described["chunk_grid"]["configuration"]["chunk_shape"], path)?;
    let name = described["data_type"].as_str().unwrap_or_default();
    let dtype = DType::NUMBERS.into_iter().find(|dtype| dtype.numpy() == name).unwrap_or(DType::Object);
    let mut endian = Endian::Little;
    let mut order: Vec<_> = (0..block.len()).collect();
    let mut codecs = Ok(Vec::new());
    for step in described["codecs"].as_array().into_iter().flatten() {
        let settings = &step["configuration"];
        match step["name"].as_str() {
            Some("bytes") if settings["endian"].as_str() == Some("big") => endian = Endian::Big,
            Some("bytes") => {}
            Some("transpose") => order = sides(&settings["order"], path)?,
            _ => {
                let step = codec(step, "name", settings);
                codecs = codecs.and_then(|mut codecs: Vec<Codec>| {
                    codecs.push(step?);
                    Ok(codecs)
                });
            }
        }
    }
    let keys = &described["chunk_key_encoding"];
    let is_default = keys["name"].as_str() != Some("v2");
    let separator = keys["configuration"]["separator"].as_str();
    Ok(Described {
        attributes,
        shape: sides(&described["shape"], path)?,
        block,
        element: (dtype, endian),
        order,
        codecs,
        prefix: if is_default { "c" } else { "" },
        separator: separator.unwrap_or(if is_default { "/" } else { "." }).to_owned(),
        fill: described["fill_value"].clone(),
    })
}

impl Described {
    fn array(self, store: &Arc<Store>, path: &str) -> Result<Array> {
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.block.len()) {
            let (axes, order) = (self.block.len(), &self.order);
            return Err(ReadError::damaged(format!("{path} has {axes} axes, stored in the order {order:?}")));
        }
        let (dtype, endian) = self.element;
        let chunks = Chunks {
            store: Arc::clone(store),
            path: path.to_owned(),
            prefix: self.prefix,
            separator: self.separator,
            block: self.block.clone(),
            size: dtype.size(),
            order: self.order,
            codecs: self.codecs,
            fill: fill(&self.fill, dtype, endian),
        };
        Array::new(self.shape, self.element, self.block, Box::new(chunks), self.attributes)
    }
}

/// A codec by the name that `described` has under `key`.
fn codec(described: &Value, key: &str, settings: &Value) -> std::result::Result<Codec, String> {
    match described[key].as_str().unwrap_or_default() {
        "blosc" => Ok(Codec::Blosc),
        "zlib" => Ok(Codec::Zlib),
        "gzip" => Ok(Codec::Gzip),
        "zstd" => Ok(Codec::Zstd),
        "lz4" => Ok(Codec::Lz4),
        "shuffle" => Ok(Codec::Shuffle(settings["elementsize"].as_u64().unwrap_or(4) as usize)),
        "crc32c" => Ok(Codec::Checksum),
        other => Err(format!("its elements went through the zarr codec {other:?}")),
    }
}

/// The type that NumPy describes; colours are lists of their channels.
fn element(described: &Value) -> (DType, Endian) {
    let one = |text: &Value| text.as_str().and_then(DType::from_numpy);
    let none = (DType::Object, Endian::Little);
    let Some(channels) = described.as_array() else { return one(described).unwrap_or(none) };
    let names: String = channels.iter().filter_map(|channel| channel[0].as_str()).collect();
    let first = channels.first().and_then(|channel| one(&channel[1]));
    if channels.iter().any(|channel| one(&channel[1]) != first) {
        return none;
    }
    match (&names[..], first) {
        ("RGB" | "RGBA", Some((channel, endian))) => {
            DType::colour(channel, names.len()).map_or(none, |colour| (colour, endian))
        }
        _ => none,
    }
}

/// The bytes of the element that stands for blocks that are left out; empty for zero.
fn fill(value: &Value, dtype: DType, endian: Endian) -> Vec<u8> {
    let number = match value {
        Value::String(text) => text.parse().unwrap_or(0.0),
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        value => value.as_f64().unwrap_or(0.0),
    };
    let mut bytes = match dtype {
        DType::Bool | DType::U8 => vec![number as u8],
        DType::U16 => (number as u16).to_le_bytes().to_vec(),
        DType::U32 => (number as u32).to_le_bytes().to_vec(),
        DType::U64 => (number as u64).to_le_bytes().to_vec(),
        DType::I8 => (number as i8).to_le_bytes().to_vec(),
        DType::I16 => (number as i16).to_le_bytes().to_vec(),
        DType::I32 => (number as i32).to_le_bytes().to_vec(),
        DType::I64 => (number as i64).to_le_bytes().to_vec(),
        DType::F16 => half::f16::from_f64(number).to_le_bytes().to_vec(),
        DType::F32 => (number as f32).to_le_bytes().to_vec(),
        DType::F64 => number.to_le_bytes().to_vec(),
        _ => Vec::new(),
    };
    dtype.to_little_endian(endian, &mut bytes);
    bytes
}

impl Chunks {
    fn key(&self, index: &[usize]) -> String {
        let numbers: Vec<_> = index.iter().map(usize::to_string).collect();
        let numbers = numbers.join(&self.separator);
        let name = match (self.prefix, index) {
            ("", []) => "0".to_owned(),
            ("", _) => numbers,
            (prefix, []) => prefix.to_owned(),
            (prefix, _) => format!("{prefix}{}{numbers}", self.separator),
        };
        join(&self.path, &name)
    }

    /// Elements as they are stored, in C order of the array's axes.
    fn in_order(&self, elements: Vec<u8>) -> Vec<u8> {
        if self.order.is_sorted() {
            return elements;
        }
        // How far apart neighbours on each axis are in the stored elements.
        let mut steps = vec![0; self.block.len()];
        let mut step = self.size;
        for &axis in self.order.iter().rev() {
            steps[axis] = step;
            step *= self.block[axis];
        }
        let mut out = Vec::with_capacity(elements.len());
        for element in 0..elements.len() / self.size {
            let (mut left, mut at) = (element, 0);
            for axis in (0..self.block.len()).rev() {
                at += left % self.block[axis] * steps[axis];
                left /= self.block[axis];
            }
            out.extend_from_slice(&elements[at..at + self.size]);
        }
        out
    }
}

impl Blocks for Chunks {
    fn stored(&self, index: &[usize]) -> Result<u64> {
        Ok(self.store.size(&self.key(index))?.unwrap_or(0))
    }

    fn block(&self, index: &[usize]) -> Result<Option<Vec<u8>>> {
        let codecs = self.codecs.as_ref().map_err(ReadError::packed)?;
        let length =
            bytes(&self.block, self.size).ok_or_else(|| ReadError::damaged("its blocks are too large"))?;
        let most = length.saturating_add(SLACK);
        let Some(mut elements) = self.store.bytes(&self.key(index), most)? else { return Ok(None) };
        for codec in codecs.iter().rev() {
            elements = match codec {
                Codec::Blosc => blosc(&elements, most)?,
                Codec::Zlib => codec::zlib(&elements, most)?,
                Codec::Gzip => codec::gzip(&elements, most)?,
                Codec::Zstd => codec::zstd(&elements, most)?,
                Codec::Lz4 => codec::lz4(elements.get(4..).unwrap_or_default(), most)?,
                Codec::Shuffle(size) => codec::unshuffle(&elements, *size),
                Codec::Checksum => elements[..elements.len().saturating_sub(4)].to_vec(),
            };
        }
        if elements.len() != length {
            return Err(ReadError::damaged(format!(
                "{} has {} bytes, not {length}",
                self.key(index),
                elements.len()
            )));
        }
        Ok(Some(self.in_order(elements)))
    }

    fn fill(&self, _: &[usize]) -> Result<Vec<u8>> {
        Ok(self.fill.clone())
    }
}
