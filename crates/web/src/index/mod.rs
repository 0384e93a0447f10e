//! The index of a library: an SQLite file with a column of numbers a facet, which are held in memory to be counted,
//! and the words by which text finds samples.

pub(crate) mod bits;
mod build;
mod entry;
mod open;
mod place;
mod series;
mod words;

pub use build::{Builder, Stamp};
pub use entry::Entry;
pub use open::Index;
pub(crate) use open::{Column, Options};
pub use place::{index_library, refresh};
pub(crate) use series::checksum;
pub(crate) use words::{file_name, morphology, plain_digits};

/// `ADTM`, by which the file says whose it is.
pub(crate) const APPLICATION: i64 = 0x4144_544d;
/// Version of what is in the file; another one is built anew.
pub(crate) const VERSION: i64 = 3;
/// What the index is called beside `library.json`.
pub(crate) const NAME: &str = "index.sqlite";
