//! Keys and their bytes, from a folder or a ZIP archive.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::codec::deflate;
use crate::error::ReadError;
use crate::input::Input;
use crate::zip::{DEFLATED, Member, STORED, members};

type Result<T> = std::result::Result<T, ReadError>;

/// Descriptions are never longer (bytes).
const MOST_TEXT: usize = 64 << 20;
/// The keys that describe groups and arrays.
const DESCRIPTIONS: [&str; 3] = [".zgroup", ".zarray", "zarr.json"];

/// Where the keys of a store lie.
pub(super) enum Store {
    Folder(PathBuf),
    Zip(Archive),
}

/// A ZIP archive whose directory was read.
pub(super) struct Archive {
    input: Arc<Input>,
    members: HashMap<String, Member>,
}

impl Archive {
    /// Reads the directory. Of several members with one name the last counts.
    fn open(input: &Arc<Input>) -> Result<Self> {
        let named = |member: Member| (member.name.clone(), member);
        let members = members(input, u64::MAX)?.into_iter().map(named).collect();
        Ok(Self { input: Arc::clone(input), members })
    }

    /// The bytes of a member, at most `most`.
    fn bytes(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>> {
        let Some(member) = self.members.get(key) else { return Ok(None) };
        let packed = self.input.read(member.data_at(&self.input)?, member.packed)?;
        let bytes = match member.method {
            STORED => packed,
            DEFLATED => deflate(&packed, usize::try_from(member.length).unwrap_or(usize::MAX).min(most))?,
            method => {
                return Err(ReadError::packed(format!("{key} is packed by the ZIP method {method}")));
            }
        };
        if bytes.len() as u64 == member.length {
            return Ok(Some(bytes));
        }
        Err(ReadError::damaged(format!("{key} has {} bytes, not {}", bytes.len(), member.length)))
    }
}

/// Appends a name to a path of keys.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

impl Store {
    /// Opens a folder, or reads the list of a ZIP archive.
    pub(super) fn open(input: &Arc<Input>) -> Result<Self> {
        if input.is_folder() {
            return Ok(Self::Folder(input.path().to_owned()));
        }
        Archive::open(input).map(Self::Zip)
    }

    /// Whether its root is a group or an array of zarr.
    pub(super) fn is_zarr(&self) -> bool {
        DESCRIPTIONS.iter().any(|name| self.size(name).is_ok_and(|size| size.is_some()))
    }

    /// How many bytes are stored for a key; nothing if there is none.
    pub(super) fn size(&self, key: &str) -> Result<Option<u64>> {
        match self {
            Self::Folder(folder) => match fs::metadata(folder.join(key)) {
                Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Zip(archive) => Ok(archive.members.get(key).map(|member| member.packed)),
        }
    }

    /// The bytes of a key, at most `most`; nothing if there is none.
    pub(super) fn bytes(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>> {
        let Some(size) = self.size(key)? else { return Ok(None) };
        if size > most as u64 {
            return Err(ReadError::damaged(format!(
                "{key} has {size} bytes, more than the {most} that it may have"
            )));
        }
        match self {
            Self::Folder(folder) => Ok(Some(fs::read(folder.join(key))?)),
            Self::Zip(archive) => archive.bytes(key, most),
        }
    }

    /// The text of a description.
    pub(super) fn text(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.bytes(key, MOST_TEXT)
    }

    /// Names of the groups and arrays in a group.
    pub(super) fn children(&self, path: &str) -> Result<BTreeSet<String>> {
        match self {
            Self::Folder(folder) => {
                let mut names = BTreeSet::new();
                for entry in fs::read_dir(folder.join(path))? {
                    let entry = entry?;
                    if entry.path().is_dir() {
                        names.insert(entry.file_name().to_string_lossy().into_owned());
                    }
                }
                Ok(names)
            }
            Self::Zip(archive) => {
                let inside = if path.is_empty() { String::new() } else { format!("{path}/") };
                let described = archive.members.keys().filter_map(|key| {
                    let rest = key.strip_prefix(&inside)?;
                    let (name, below) = rest.split_once('/')?;
                    DESCRIPTIONS.iter().any(|last| below.ends_with(last)).then(|| name.to_owned())
                });
                Ok(described.collect())
            }
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
