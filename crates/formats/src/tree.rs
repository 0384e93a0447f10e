//! Groups of arrays with attributes: what HDF5 and zarr have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::array::Array;
use crate::dataset::{Contents, Pixels};
use crate::error::ReadError;
use crate::signal::Signal;

type Result<T> = std::result::Result<T, ReadError>;

/// Arrays with at most so many elements are shown among the tags.
const SMALL: usize = 32;

/// A group: attributes, groups and arrays by name.
#[derive(Clone, Default)]
pub(crate) struct Group {
    pub attributes: Map<String, Value>,
    pub groups: BTreeMap<String, Group>,
    pub arrays: BTreeMap<String, Arc<Array>>,
}

impl Group {
    /// The group at `path`, names separated by `/`.
    pub(crate) fn group(&self, path: &str) -> Option<&Group> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(self, |group, name| group.groups.get(name))
    }

    /// The array at `path`, names separated by `/`.
    pub(crate) fn array(&self, path: &str) -> Option<&Arc<Array>> {
        match path.rsplit_once('/') {
            Some((group, name)) => self.group(group)?.arrays.get(name),
            None => self.arrays.get(path),
        }
    }

    /// The group at `path` to be filled.
    pub(crate) fn group_mut(&mut self, path: &str) -> Option<&mut Group> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(self, |group, name| group.groups.get_mut(name))
    }

    /// Number of groups and arrays in it, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + self.arrays.len() + self.groups.values().map(Self::size).sum::<usize>()
    }

    /// An attribute that is a text with content; HyperSpy writes `_None_` for none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str().filter(|text| !text.is_empty() && *text != "_None_")
    }

    /// An attribute that is a number or a truth value.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        number(self.attributes.get(name)?)
    }

    /// Calls `visit` with the path and the group of every array, in the order of their names.
    pub(crate) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, &'a Group, &'a Arc<Array>)) {
        self.walk("", visit);
    }

    fn walk<'a>(&'a self, path: &str, visit: &mut dyn FnMut(&str, &'a Group, &'a Arc<Array>)) {
        let mut names: Vec<_> = self.groups.keys().chain(self.arrays.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let path = format!("{path}/{name}");
            if let Some(array) = self.arrays.get(name) {
                visit(&path, self, array);
            }
            if let Some(group) = self.groups.get(name) {
                group.walk(&path, visit);
            }
        }
    }

    /// All tags: attributes, groups, and what the arrays are; the small ones with their elements.
    pub(crate) fn tags(&self) -> Value {
        let mut tags = self.attributes.clone();
        tags.extend(self.groups.iter().map(|(name, group)| (name.clone(), group.tags())));
        tags.extend(self.arrays.iter().map(|(name, array)| (name.clone(), described(array))));
        Value::Object(tags)
    }
}

/// The number, if it is one; 0 or 1 for a truth value, also as the first of several.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) => text.trim().parse().ok(),
        Value::Array(several) => several.first().and_then(number),
        other => other.as_f64(),
    }
}

/// The elements of a small array, otherwise its type and shape.
pub(crate) fn described(array: &Array) -> Value {
    let single = |values: Vec<Value>| match <[Value; 1]>::try_from(values) {
        Ok([value]) => value,
        Err(values) => Value::Array(values),
    };
    if let Some(texts) = array.texts() {
        return single(texts.into_iter().map(Value::from).collect());
    }
    match array.numbers(SMALL) {
        Ok(Some(numbers)) if array.dtype().samples() == 1 => {
            single(numbers.into_iter().map(Value::from).collect())
        }
        _ => {
            let sides: Vec<_> = array.shape().iter().map(usize::to_string).collect();
            json!(format!("{} ({})", array.dtype().numpy(), sides.join(" × ")))
        }
    }
}

/// Reads the planes of one signal.
pub(crate) trait Planes: Send + Sync {
    /// As [`Pixels::plane`] of this signal.
    fn plane(&self, plane: usize) -> Result<Vec<u8>>;
}

/// Axes of arrays as a signal has them. Axes that no axis of the signal stands for stay at 0.
pub(crate) struct View {
    /// One array, or several of one shape that the signal's first axis counts.
    pub parts: Vec<Arc<Array>>,
    /// Which axis of an array each further axis of the signal is.
    pub axes: Vec<usize>,
    /// Whether the first axis of the signal counts the parts.
    pub stacked: bool,
}

impl View {
    /// The axes of one array, in an order.
    pub(crate) fn of(array: &Arc<Array>, axes: Vec<usize>) -> Self {
        Self { parts: vec![Arc::clone(array)], axes, stacked: false }
    }

    /// The elements of the last axes of one part, as many as `inner` says; `leading` counts along
    /// those before.
    fn read(&self, part: &Array, mut leading: usize, inner: usize) -> Result<Vec<u8>> {
        let shape = part.shape();
        let (mut start, mut count) = (vec![0; shape.len()], vec![1; shape.len()]);
        let (outer, inner) = self.axes.split_at(self.axes.len().saturating_sub(inner));
        for &axis in outer.iter().rev() {
            start[axis] = leading % shape[axis].max(1);
            leading /= shape[axis].max(1);
        }
        inner.iter().for_each(|&axis| count[axis] = shape[axis]);
        let elements = part.read(&start, &count)?;
        match inner {
            &[slow, fast] if slow > fast => {
                Ok(transposed(&elements, [shape[fast], shape[slow]], part.dtype().size()))
            }
            _ => Ok(elements),
        }
    }
}

impl Planes for View {
    fn plane(&self, plane: usize) -> Result<Vec<u8>> {
        if self.stacked && self.axes.len() < 2 {
            let mut whole = Vec::new();
            for part in &self.parts {
                whole.extend(self.read(part, 0, 2)?);
            }
            return Ok(whole);
        }
        let each: usize = self.axes.iter().rev().skip(2).map(|&axis| self.parts[0].shape()[axis]).product();
        let part =
            self.parts.get(plane / each.max(1)).ok_or_else(|| ReadError::damaged("a frame too many"))?;
        self.read(part, plane % each.max(1), 2)
    }
}

/// Exchanges rows and columns of elements of `size` bytes.
fn transposed(elements: &[u8], [rows, columns]: [usize; 2], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(elements.len());
    for column in 0..columns {
        for row in 0..rows {
            let at = (row * columns + column) * size;
            out.extend_from_slice(&elements[at..at + size]);
        }
    }
    out
}

/// Collects signals with the planes of each.
#[derive(Default)]
pub(crate) struct Found {
    pub signals: Vec<Signal>,
    planes: Vec<Box<dyn Planes>>,
    pub warnings: Vec<String>,
}

impl Found {
    /// Adds a signal.
    pub(crate) fn push(&mut self, signal: Signal, planes: impl Planes + 'static) {
        self.signals.push(signal);
        self.planes.push(Box::new(planes));
    }

    /// What a reader gives back.
    pub(crate) fn contents(self, original: Value) -> Contents {
        let pixels = Box::new(All(self.planes));
        Contents { signals: self.signals, pixels, original, warnings: self.warnings }
    }
}

struct All(Vec<Box<dyn Planes>>);

impl Pixels for All {
    fn plane(&self, signal: usize, plane: usize) -> Result<Vec<u8>> {
        self.0[signal].plane(plane)
    }
}
