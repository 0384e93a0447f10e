//! Files that appear complete or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{FormatError, Result};

/// Writes a file under a temporary name in its own folder and renames it when it is complete.
///
/// A file that was there before is replaced in one step, or left as it was on failure.
///
/// # Errors
/// [`FormatError::Unwritable`] if the folder refuses, the disk is full, or `write` fails; the
/// temporary file is gone then.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let temporary = temporary_sibling(path).map_err(|error| FormatError::unwritable(path, error))?;
    let written = fill(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // Whatever is left of it; there may be nothing.
        let _ = fs::remove_file(&temporary);
        FormatError::unwritable(path, error)
    })
}

fn fill(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut buffered = BufWriter::new(file);
    write(&mut buffered)?;
    buffered.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A name beside `path` that nobody else uses: hidden, and telling what it belongs to.
pub(crate) fn temporary_sibling(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".partial-{}-{}", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(hidden))
}
