//! The HDF5 family: Velox, Berkeley and HyperSpy files, and any other HDF5.

mod berkeley;
mod file;
mod filter;
mod links;
mod storage;
mod velox;
mod velox_metadata;
mod velox_names;
mod velox_stream;
mod write;

use std::sync::Arc;

use hdf5_pure::AttrValue;

use crate::dataset::{Contents, guarded};
use crate::error::ReadError;
use crate::input::Input;
use crate::reader::Reader;
use crate::{hyperspy, plain};

pub use write::{write_emd, write_hspy};

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// One flavour of HDF5.
#[derive(Clone, Copy)]
pub(crate) enum Hdf5 {
    /// Files of FEI's and Thermo Fisher's Velox.
    Velox,
    /// The Electron Microscopy Dataset of Berkeley, also of py4DSTEM and Prismatic.
    Berkeley,
    /// Files of HyperSpy.
    HyperSpy,
    /// Any other.
    Plain,
}

impl Hdf5 {
    /// The flavour of a file, from its root.
    fn of(input: &Arc<Input>) -> Result<Self, ReadError> {
        let root = file::open(input)?.root();
        let attributes = root.attrs().map_err(file::refused)?;
        let has_group = |name: &str| root.group(name).is_ok();
        Ok(if has_group("Data") && velox_wrote(&root, input) {
            Self::Velox
        } else if attributes.get("file_format").and_then(AttrValue::as_str) == Some("HyperSpy")
            || has_group("Experiments") && hyperspy_wrote(&root)
        {
            Self::HyperSpy
        } else if attributes.contains_key("version_major") || berkeley::is_inside(&root, berkeley::DEPTH) {
            Self::Berkeley
        } else {
            Self::Plain
        })
    }
}

/// Whether the version names Velox, or the kit whose files have the same form.
fn velox_wrote(root: &hdf5_pure::Group, input: &Input) -> bool {
    let version = root.dataset("Version").ok().and_then(|version| storage::texts(&version, input));
    version.is_some_and(|texts| {
        texts.iter().any(|text| text.contains("Velox") || text.contains("DevelopersKit"))
    })
}

/// Whether the experiments have what HyperSpy gives them; its first files have no other mark.
fn hyperspy_wrote(root: &hdf5_pure::Group) -> bool {
    let experiments = root.group("Experiments").and_then(|group| Ok(group.iter_groups()?.collect()));
    let experiments: Vec<_> = experiments.unwrap_or_default();
    let tags = ["mapped_parameters", "metadata"];
    experiments.iter().any(|(_, group)| {
        group.groups().is_ok_and(|names| names.iter().any(|name| tags.contains(&&name[..])))
    })
}

impl Reader for Hdf5 {
    fn name(&self) -> &'static str {
        match self {
            Self::Velox => "Velox EMD",
            Self::Berkeley => "Berkeley EMD",
            Self::HyperSpy => "HyperSpy",
            Self::Plain => "HDF5",
        }
    }

    fn names(&self) -> Vec<&'static str> {
        [Self::Velox, Self::HyperSpy, Self::Berkeley, Self::Plain].map(|flavour| flavour.name()).to_vec()
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        // A block of the user's own may come first.
        let starts = [0, 512, 1024, 2048];
        starts.iter().any(|&at| input.head().get(at..).is_some_and(|rest| rest.starts_with(SIGNATURE)))
    }

    fn flavour(&self, input: &Arc<Input>) -> Option<&'static dyn Reader> {
        // A file too broken to tell is reported as what it is for sure.
        Some(match guarded(|| Self::of(input)).unwrap_or(Self::Plain) {
            Self::Velox => &Self::Velox,
            Self::Berkeley => &Self::Berkeley,
            Self::HyperSpy => &Self::HyperSpy,
            Self::Plain => &Self::Plain,
        })
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let tree = file::tree(&input)?;
        match self {
            Self::Velox => velox::contents(&tree),
            Self::Berkeley => berkeley::contents(&tree),
            Self::HyperSpy => hyperspy::contents(&tree),
            Self::Plain => plain::contents(&tree),
        }
    }
}
