//! Archives that are written while they are sent: nothing is kept but what their ends need, and that on disk.

mod spool;
mod tar;
mod zip;

pub(crate) use self::tar::Tar;
pub(crate) use self::zip::Zip;
pub(crate) use spool::Spool;

use std::io;

/// An archive that takes one file after the other.
pub(crate) trait Pack {
    /// Adds a file.
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Adds a file of which the bytes lie on disk.
    fn add_spool(&mut self, name: &str, spool: &mut Spool) -> io::Result<()>;
    /// Writes the end.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
