use crate::encode::hexadecimal;
use crate::{ArchiveError, Manifest, Record};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// The file with a line a sample.
const NAME: &str = "samples.jsonl";

/// `samples.jsonl` while a library is being built. A sample's line is appended when its files are in place, in
/// the order of the numbers: the lines are what is done.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Lines written.
    pub done: u64,
}

impl Journal {
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }

    /// Opens the journal of a library, empty or as a former build left it; what a kill left of a line is
    /// cut off.
    pub(crate) fn open(folder: &Path, manifest: &Manifest) -> Result<Self, ArchiveError> {
        let path = Self::path(folder);
        let io = ArchiveError::io;
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(io(&path))?;
        let (mut done, mut length) = (0, 0);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(io(&path))? > 0 && line.ends_with(b"\n") {
            let id = serde_json::from_slice::<Numbered>(&line).map(|numbered| numbered.id);
            if !id.as_ref().is_ok_and(|id| *id == manifest.first + done) {
                let message = format!("line {} is not that of sample {}", done + 1, manifest.first + done);
                return Err(ArchiveError::content(&path, message));
            }
            done += 1;
            length += line.len() as u64;
            line.clear();
        }
        file.set_len(length).map_err(io(&path))?;
        Ok(Self { path, file, done })
    }

    /// Appends lines of samples whose files are in place.
    pub(crate) fn append(&mut self, lines: &[String]) -> Result<(), ArchiveError> {
        for line in lines {
            self.file.write_all(line.as_bytes()).map_err(ArchiveError::io(&self.path))?;
            self.done += 1;
        }
        Ok(())
    }

    /// Makes sure that all lines are on the disk.
    pub(crate) fn sync(&self) -> Result<(), ArchiveError> {
        self.file.sync_all().map_err(ArchiveError::io(&self.path))
    }
}

#[derive(serde::Deserialize)]
struct Numbered {
    id: u64,
}

/// The records of a library, one at a time.
pub(crate) fn records(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<Record, ArchiveError>> + use<>, ArchiveError> {
    let path = Journal::path(folder);
    let file = File::open(&path).map_err(ArchiveError::io(&path))?;
    Ok(BufReader::new(file).lines().enumerate().map(move |(number, line)| {
        let line = line.map_err(ArchiveError::io(&path))?;
        serde_json::from_str(&line)
            .map_err(|error| ArchiveError::content(&path, format!("line {}: {error}", number + 1)))
    }))
}

/// SHA-256 of a library's `samples.jsonl`.
pub(crate) fn digest(folder: &Path) -> Result<String, ArchiveError> {
    let path = Journal::path(folder);
    let mut hash = Sha256::new();
    let mut file = File::open(&path).map_err(ArchiveError::io(&path))?;
    std::io::copy(&mut file, &mut hash).map_err(ArchiveError::io(&path))?;
    Ok(hexadecimal(&hash.finalize()))
}
