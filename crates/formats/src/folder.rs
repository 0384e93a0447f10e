//! A folder of results that appears only when it is complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::temporary_sibling;
use crate::error::{FormatError, Result};

/// The file that marks a folder as written by this program.
const MARK: &str = "report.json";

/// A result folder under construction.
///
/// It has a temporary name beside its final one until [`OutputFolder::commit`]; dropped before
/// that, it is removed with all it holds.
#[derive(Debug)]
pub struct OutputFolder {
    temporary: PathBuf,
    destination: PathBuf,
}

/// What is at the final name.
enum Place {
    Free,
    EmptyFolder,
    OldResult,
}

impl OutputFolder {
    /// Starts a folder that will be called `destination`.
    ///
    /// # Errors
    /// [`FormatError::Occupied`] if a file, or a folder that is neither empty nor holds a
    /// `report.json`, is there; [`FormatError::Unwritable`] if the parent folder is missing or
    /// refuses.
    pub fn create(destination: &Path) -> Result<Self> {
        place(destination)?;
        let unwritable = |error| FormatError::unwritable(destination, error);
        let temporary = temporary_sibling(destination).map_err(unwritable)?;
        fs::create_dir(&temporary).map_err(unwritable)?;
        Ok(Self { temporary, destination: destination.to_owned() })
    }

    /// The folder to write into until it is committed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// The name that the folder will have.
    #[must_use]
    pub fn destination(&self) -> &Path {
        &self.destination
    }

    /// Gives the folder its final name, replacing an older result there.
    ///
    /// # Errors
    /// [`FormatError::Occupied`] if something else has appeared there meanwhile,
    /// [`FormatError::Unwritable`] if renaming fails; what was there before stays.
    pub fn commit(self) -> Result<PathBuf> {
        match place(&self.destination)? {
            Place::Free => self.rename(),
            Place::EmptyFolder => fs::remove_dir(&self.destination).and_then(|()| self.rename()),
            Place::OldResult => self.replace(),
        }
        .map_err(|error| FormatError::unwritable(&self.destination, error))?;
        Ok(self.destination.clone())
    }

    fn rename(&self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.destination)
    }

    /// Moves the old result aside, and back again if the new one cannot take its place.
    fn replace(&self) -> io::Result<()> {
        let aside = temporary_sibling(&self.destination)?;
        fs::rename(&self.destination, &aside)?;
        if let Err(error) = self.rename() {
            let _ = fs::rename(&aside, &self.destination);
            return Err(error);
        }
        // The new result is in place; a leftover of the old one is no failure of this one.
        let _ = fs::remove_dir_all(&aside);
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        // After a commit there is nothing under this name.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

fn place(destination: &Path) -> Result<Place> {
    let occupied = |found| FormatError::Occupied { path: destination.to_owned(), found };
    let unwritable = |error| FormatError::unwritable(destination, error);
    match fs::symlink_metadata(destination) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::Free),
        Err(error) => Err(unwritable(error)),
        Ok(metadata) if metadata.is_symlink() => Err(occupied("a link")),
        Ok(metadata) if !metadata.is_dir() => Err(occupied("a file")),
        Ok(_) if destination.join(MARK).is_file() => Ok(Place::OldResult),
        Ok(_) => match fs::read_dir(destination).map_err(unwritable)?.next() {
            None => Ok(Place::EmptyFolder),
            Some(_) => Err(occupied("a folder with other files")),
        },
    }
}
