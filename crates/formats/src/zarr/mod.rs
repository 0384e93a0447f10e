//! Zarr stores, in a folder or in a ZIP archive: HyperSpy's `.zspy`, and any other.

mod array;
mod store;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dataset::{Contents, guarded};
use crate::error::ReadError;
use crate::input::Input;
use crate::reader::Reader;
use crate::tree::Group;
use crate::{hyperspy, plain};
use store::Store;

type Result<T> = std::result::Result<T, ReadError>;

/// Deeper folders are taken for a circle of links.
const DEEPEST: usize = 40;
/// A store with more groups and arrays is not read.
const MOST_OBJECTS: usize = 200_000;

/// One flavour of zarr.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zarr {
    /// Files of HyperSpy.
    HyperSpy,
    /// Any other.
    Plain,
}

impl Zarr {
    /// The flavour of a store, from its root; `None` if it is no store.
    fn of(input: &Arc<Input>) -> Result<Option<Self>> {
        let store = Store::open(input)?;
        if !store.is_zarr() {
            return Ok(None);
        }
        let mut left = 1;
        let root = node(&Arc::new(store), "", 1, &mut left)?;
        let is_hyperspy = root.text("file_format") == Some("ZSpy");
        Ok(Some(if is_hyperspy { Self::HyperSpy } else { Self::Plain }))
    }
}

impl Reader for Zarr {
    fn name(&self) -> &'static str {
        match self {
            Self::HyperSpy => "zspy",
            Self::Plain => "zarr",
        }
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        let can_be = input.is_folder() || input.head().starts_with(b"PK\x03\x04");
        // What looks like a store and is broken is reported by the last of the flavours.
        can_be && guarded(|| Self::of(input)).ok().flatten() == Some(*self)
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents> {
        let mut left = MOST_OBJECTS;
        let tree = node(&Arc::new(Store::open(&input)?), "", DEEPEST, &mut left)?;
        match self {
            Self::HyperSpy => hyperspy::contents(&tree),
            Self::Plain => plain::contents(&tree),
        }
    }
}

/// The JSON of a key; nothing if the key is missing.
fn json(store: &Store, key: &str) -> Result<Option<Map<String, Value>>> {
    let Some(text) = store.text(key)? else { return Ok(None) };
    let wrong = |error| ReadError::damaged(format!("{key}: {error}"));
    serde_json::from_slice(&text).map(Some).map_err(wrong)
}

/// Reads a group down to `depth`; arrays are only described. `left` more objects may follow.
fn node(store: &Arc<Store>, path: &str, depth: usize, left: &mut usize) -> Result<Group> {
    if *left == 0 {
        return Err(ReadError::damaged("its groups are too many"));
    }
    *left -= 1;
    let mut group = Group::default();
    let key = |name: &str| store::join(path, name);
    if let Some(mut own) = json(store, &key("zarr.json"))? {
        if let Some(Value::Object(attributes)) = own.remove("attributes") {
            group.attributes = attributes;
        }
    } else if let Some(attributes) = json(store, &key(".zattrs"))? {
        group.attributes = attributes;
    }
    if depth <= 1 {
        return Ok(group);
    }
    for name in store.children(path)? {
        let child = key(&name);
        if let Some(array) = array::open(store, &child)? {
            *left = left.saturating_sub(1);
            group.arrays.insert(name, Arc::new(array));
        } else {
            group.groups.insert(name, node(store, &child, depth - 1, left)?);
        }
    }
    Ok(group)
}
