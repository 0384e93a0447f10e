//! Libraries of labelled samples on disk: built, resumed, split over machines, merged, checked.
//!
//! A library is a folder with `library.json` (what it is), `samples.jsonl` (a line a sample: settings, true
//! columns, hashes of its files), `truth.parquet` (a row a column) and the samples' files, laid out as the
//! published TEMImageNet (`image/00001.png`, `position/00001.txt`, …), in tar shards for WebDataset, or as a zarr
//! store. The text files' conventions (row first, counted from 1) stay in this crate.
//!
//! ```
//! use adatom_archive::{Build, Depth, Label, Layout, Library, build};
//! use adatom_library::{Generator, Recipe};
//! use std::sync::atomic::AtomicBool;
//!
//! # let parent = tempfile::tempdir()?;
//! # let folder = &parent.path().join("library");
//! let generator = Generator::new(Recipe::open("temimagenet")?, 1)?;
//! let request = Build {
//!     generator: &generator, folder, range: 1..=3, labels: Label::ALL.to_vec(),
//!     layout: Layout::Temimagenet, depth: Depth::Eight, jobs: 2, resume: false,
//! };
//! build(&request, &AtomicBool::new(false), &mut |_| {})?;
//! assert_eq!(Library::open(folder)?.records()?.count(), 3);
//! assert!(folder.join("gaussianMask/00002.png").is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod encode;
mod error;
mod estimate;
mod import;
mod journal;
mod label;
mod library;
mod manifest;
mod merge;
mod record;
mod shard;
mod store;
mod text;
mod truth;
mod verify;
mod zarr;

pub use build::{Build, Outcome, Progress, build};
pub use encode::Depth;
pub use error::ArchiveError;
pub use estimate::{Estimate, estimate};
pub use import::import;
pub use journal::RecordIndex;
pub use label::Label;
pub use library::Library;
pub use manifest::{Layout, Manifest};
pub use merge::merge;
pub use record::{ColumnRecord, Grey, Record, UnlabelledRecord};
pub use text::{format_rows, parse_rows};
pub use verify::{Issue, verify};
