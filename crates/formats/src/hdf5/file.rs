//! An HDF5 file as a tree of groups and arrays, read from where its bytes are.

use std::collections::HashMap;
use std::sync::Arc;

use hdf5_pure::{AttrValue, Dataset, Datatype, DatatypeByteOrder, Error, File, FormatError, Source};
use serde_json::{Map, Value};

use super::links::{Links, Target};
use super::storage::Stored;
use crate::array::Array;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::{Endian, Input};
use crate::tree::Group;

type Result<T> = std::result::Result<T, ReadError>;

/// Deeper groups are taken for a circle of links.
const DEEPEST: usize = 40;
/// A file with more objects is taken for one with a circle of links.
pub(super) const MOST_OBJECTS: usize = 200_000;
/// Soft links that lead to soft links are followed so far.
const MOST_LINKS_IN_A_ROW: usize = 8;

/// What to do about a file in a form that only some programs write.
pub(super) const ANOTHER_WRITER: &str = "save it again with a current h5py or HyperSpy";

/// Lets the HDF5 library read parts of a file.
struct Bytes(Arc<Input>);

impl Source for Bytes {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<(), FormatError> {
        let bytes = self.0.read(offset, buffer.len() as u64).map_err(|_| FormatError::UnexpectedEof {
            expected: buffer.len(),
            available: usize::try_from(self.0.len().saturating_sub(offset)).unwrap_or(usize::MAX),
        })?;
        buffer.copy_from_slice(&bytes);
        Ok(())
    }
}

/// Opens a file; what its first block says is read, and whether its groups can be believed.
pub(crate) fn open(input: &Arc<Input>) -> Result<File> {
    let file = File::from_source(Bytes(Arc::clone(input))).map_err(refused)?;
    let (needed, length) = (file.superblock().eof_address, input.len());
    if needed > length {
        return Err(ReadError::damaged(format!(
            "it should have {needed} bytes, but only {length} are there"
        )));
    }
    Links::new(input, file.superblock()).check()?;
    Ok(file)
}

/// What the HDF5 library found wrong, or doesn't know.
pub(crate) fn refused(error: Error) -> ReadError {
    match error {
        Error::Format(
            FormatError::UnsupportedVersion(_)
            | FormatError::UnsupportedMessage(_)
            | FormatError::UnsupportedVirtualLayout
            | FormatError::UnsupportedExternalStorage
            | FormatError::UnsupportedFilteredHeapObject
            | FormatError::UnsupportedSohmReference,
        ) => ReadError::unsupported_but(error, ANOTHER_WRITER),
        _ => ReadError::damaged(error),
    }
}

/// Reads all groups and attributes, and what the arrays are, but none of their elements.
pub(crate) fn tree(input: &Arc<Input>) -> Result<Group> {
    let file = open(input)?;
    let links = Links::new(input, file.superblock());
    let mut walk = Walk { input, links, left: MOST_OBJECTS, soft: Vec::new() };
    let mut tree = walk.group(&file.root(), Some(walk.links.root), "", DEEPEST)?;
    follow(&mut tree, walk.soft, walk.left);
    Ok(tree)
}

/// A soft link: the path of its group, its name, and the path that it leads to.
type Soft = (String, String, String);

struct Walk<'a> {
    input: &'a Arc<Input>,
    links: Links,
    /// So many more objects are read.
    left: usize,
    soft: Vec<Soft>,
}

impl Walk<'_> {
    /// Reads a group whose header is at `address`, if that is known.
    fn group(
        &mut self,
        from: &hdf5_pure::Group,
        address: Option<u64>,
        path: &str,
        depth: usize,
    ) -> Result<Group> {
        if depth == 0 || self.left == 0 {
            return Err(ReadError::damaged("its groups contain each other, or are too many"));
        }
        self.left -= 1;
        let mut group = Group {
            attributes: attributes(from.attrs().map_err(refused)?, &from.attr_datatypes().map_err(refused)?),
            ..Group::default()
        };
        let links = address.and_then(|address| self.links.of(address)).unwrap_or_default();
        let mut objects = HashMap::new();
        let mut has_soft = false;
        for (name, target) in links {
            match target {
                Target::Object(address) => drop(objects.insert(name, address)),
                Target::Path(target) => {
                    has_soft = true;
                    self.soft.push((path.to_owned(), name, target));
                }
            }
        }
        let (mut datasets, mut children) = (Vec::new(), Vec::new());
        if has_soft {
            // The library can't list such a group in its old form.
            let mut names: Vec<_> = objects.keys().cloned().collect();
            names.sort();
            for name in names {
                match from.dataset(&name) {
                    Ok(dataset) => datasets.push((name, dataset)),
                    Err(Error::NotADataset(_)) => match from.group(&name) {
                        Ok(child) => children.push((name, child)),
                        // A type with a name.
                        Err(Error::NotAGroup(_)) => {}
                        Err(error) => return Err(refused(error)),
                    },
                    Err(error) => return Err(refused(error)),
                }
            }
        } else {
            datasets.extend(from.iter_datasets().map_err(refused)?);
            children.extend(from.iter_groups().map_err(refused)?);
        }
        for (name, dataset) in datasets {
            self.left = self.left.saturating_sub(1);
            group.arrays.insert(name, Arc::new(array(dataset, self.input)?));
        }
        for (name, child) in children {
            let path = format!("{path}/{name}");
            let address = objects.get(&name).copied();
            group.groups.insert(name, self.group(&child, address, &path, depth - 1)?);
        }
        Ok(group)
    }
}

/// Puts what soft links lead to in their place, at most `left` objects. Those that lead nowhere, to
/// other files or around in a circle are left out.
fn follow(tree: &mut Group, mut soft: Vec<Soft>, mut left: usize) {
    // A link may lead to another, or through a group that is one.
    for _ in 0..MOST_LINKS_IN_A_ROW {
        let before = soft.len();
        soft.retain(|(folder, name, target)| {
            let array = tree.array(&absolute(folder, target)).cloned().filter(|_| left > 0);
            let Some((array, place)) = array.zip(tree.group_mut(folder)) else { return true };
            place.arrays.insert(name.clone(), array);
            left -= 1;
            false
        });
        if soft.len() < before {
            continue;
        }
        // Groups wait until all arrays in them are there.
        soft.retain(|(folder, name, target)| {
            let target = absolute(folder, target);
            let is_circle = format!("{folder}/").starts_with(&format!("{target}/"));
            let Some(group) = tree.group(&target).filter(|_| !is_circle && left > 0) else { return true };
            // Too many end the following of links.
            let Some(rest) = left.checked_sub(group.size()) else {
                left = 0;
                return true;
            };
            let group = group.clone();
            let Some(place) = tree.group_mut(folder) else { return true };
            left = rest;
            place.groups.insert(name.clone(), group);
            false
        });
        if soft.len() == before {
            return;
        }
    }
}

/// The path that a link in the group `folder` means, without `.` and with a `/` before each name.
fn absolute(folder: &str, target: &str) -> String {
    let start = if target.starts_with('/') { "" } else { folder };
    let names = start.split('/').chain(target.split('/'));
    names.filter(|name| !matches!(*name, "" | ".")).fold(String::new(), |path, name| path + "/" + name)
}

fn array(dataset: Dataset, input: &Arc<Input>) -> Result<Array> {
    let dtype = element(&dataset.datatype().map_err(refused)?);
    let shape = dataset
        .shape()
        .map_err(refused)?
        .into_iter()
        .map(|side| usize::try_from(side).map_err(ReadError::damaged))
        .collect::<Result<Vec<_>>>()?;
    let attributes =
        attributes(dataset.attrs().map_err(refused)?, &dataset.attr_datatypes().map_err(refused)?);
    let (block, stored) = Stored::new(dataset, Arc::clone(input), &shape, dtype.0.size())?;
    Array::new(shape, dtype, block, Box::new(stored), attributes)
}

fn attributes(values: HashMap<String, AttrValue>, types: &HashMap<String, Datatype>) -> Map<String, Value> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(|a, b| a.0.cmp(&b.0));
    let one = |(name, value): (String, AttrValue)| {
        let is_truth = types.get(&name).is_some_and(|datatype| element(datatype).0 == DType::Bool);
        let value = json(&value);
        let value = match value.as_u64() {
            Some(number) if is_truth => Value::Bool(number != 0),
            _ => value,
        };
        (name, value)
    };
    values.into_iter().map(one).collect()
}

fn json(value: &AttrValue) -> Value {
    if let Some(text) = value.as_str() {
        return text.trim_end_matches('\0').into();
    }
    if let Some(texts) = value.as_strings() {
        return texts.iter().map(|text| Value::from(text.trim_end_matches('\0'))).collect();
    }
    if let Some(number) = value.as_i64() {
        return number.into();
    }
    if let Some(number) = value.as_f64() {
        return number.into();
    }
    if let Some(numbers) = value.to_i64s() {
        return numbers.into_iter().map(Value::from).collect();
    }
    value.to_f64s().unwrap_or_default().into_iter().map(Value::from).collect()
}

/// What an element is; [`DType::Object`] if it is no number.
fn element(datatype: &Datatype) -> (DType, Endian) {
    const NONE: (DType, Endian) = (DType::Object, Endian::Little);
    let endian = |order: &DatatypeByteOrder| match order {
        DatatypeByteOrder::LittleEndian => Some(Endian::Little),
        DatatypeByteOrder::BigEndian => Some(Endian::Big),
        DatatypeByteOrder::Vax => None,
    };
    let (dtype, order) = match datatype {
        Datatype::FixedPoint { size, byte_order, layout } => {
            if u64::from(layout.bit_precision) != u64::from(*size) * 8 {
                return NONE;
            }
            let dtype = match (size, layout.signed) {
                (1, false) => DType::U8,
                (2, false) => DType::U16,
                (4, false) => DType::U32,
                (8, false) => DType::U64,
                (1, true) => DType::I8,
                (2, true) => DType::I16,
                (4, true) => DType::I32,
                (8, true) => DType::I64,
                _ => return NONE,
            };
            (dtype, byte_order)
        }
        Datatype::FloatingPoint { size, byte_order, layout } => {
            let dtype = match (size, layout.mantissa_size, layout.exponent_bias) {
                (2, 10, 15) => DType::F16,
                (4, 23, 127) => DType::F32,
                (8, 52, 1023) => DType::F64,
                _ => return NONE,
            };
            (dtype, byte_order)
        }
        Datatype::BitField { size: 1, byte_order, .. } => (DType::U8, byte_order),
        Datatype::Enumeration { size: 1, members, .. } => {
            let is_truth = members.len() == 2
                && members.iter().all(|member| matches!(&member.name[..], "FALSE" | "TRUE"));
            return if is_truth { (DType::Bool, Endian::Little) } else { (DType::U8, Endian::Little) };
        }
        Datatype::Compound { size, members } => return compound(*size, members),
        _ => return NONE,
    };
    endian(order).map_or(NONE, |endian| (dtype, endian))
}

/// Complex numbers and colours are compounds of like members without gaps.
fn compound(size: u32, members: &[hdf5_pure::CompoundMember]) -> (DType, Endian) {
    const NONE: (DType, Endian) = (DType::Object, Endian::Little);
    let Some((first, endian)) = members.first().map(|member| element(&member.datatype)) else { return NONE };
    let alike = members.iter().enumerate().all(|(i, member)| {
        member.byte_offset == (i * first.size()) as u64 && element(&member.datatype) == (first, endian)
    });
    if !alike || size as usize != members.len() * first.size() {
        return NONE;
    }
    let names: Vec<_> = members.iter().map(|member| member.name.to_lowercase()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let dtype = match (first, &names[..]) {
        (DType::F32, [re, im]) if re.starts_with('r') && im.starts_with('i') => DType::C64,
        (DType::F64, [re, im]) if re.starts_with('r') && im.starts_with('i') => DType::C128,
        (_, ["r", "g", "b"] | ["r", "g", "b", "a"]) => match DType::colour(first, names.len()) {
            Some(colour) => colour,
            None => return NONE,
        },
        _ => return NONE,
    };
    (dtype, endian)
}
