//! Any HDF5 or zarr: every array of numbers is a signal that is called by its path.

use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::metadata::Metadata;
use crate::signal::{Axis, Kind, Signal};
use crate::tree::{Found, Group, View};

/// All arrays of numbers; single numbers are among the tags.
pub(crate) fn contents(tree: &Group) -> Result<Contents, ReadError> {
    let mut found = Found::default();
    tree.visit(&mut |path, _, array| {
        let shape = array.shape();
        if shape.is_empty() || shape.contains(&0) || array.dtype() == DType::Object {
            return;
        }
        let signal = Signal {
            name: path.to_owned(),
            dtype: array.dtype(),
            axes: shape.iter().map(|&size| Axis::counting("", size)).collect(),
            kind: Kind::of_bare_array(shape.len()),
            metadata: Metadata::default(),
            notes: Vec::new(),
        };
        found.push(signal, View::of(array, (0..shape.len()).collect()));
    });
    if found.signals.is_empty() {
        return Err(ReadError::no_image("it has no arrays of numbers"));
    }
    Ok(found.contents(tree.tags()))
}
