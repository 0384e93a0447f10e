use crate::{ArchiveError, Manifest, Record};
use adatom_library::hexadecimal;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
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

/// Where the records of a library are, so that any of them can be read alone.
pub struct RecordIndex {
    path: PathBuf,
    /// The samples' numbers and where their lines begin.
    lines: Vec<(u64, u64)>,
    /// Where the last one ends.
    end: u64,
}

impl RecordIndex {
    /// Looks through the records of the library in `folder`.
    ///
    /// # Errors
    /// When `samples.jsonl` can't be read or a line is no record.
    pub(crate) fn open(folder: &Path) -> Result<Self, ArchiveError> {
        let path = Journal::path(folder);
        let io = ArchiveError::io;
        let mut reader = BufReader::new(File::open(&path).map_err(io(&path))?);
        let (mut lines, mut at, mut line) = (Vec::new(), 0, Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(io(&path))?;
            if length == 0 {
                return Ok(Self { path, lines, end: at });
            }
            let Numbered { id } = serde_json::from_slice(&line).map_err(|error| {
                ArchiveError::content(&path, format!("line {}: {error}", lines.len() + 1))
            })?;
            lines.push((id, at));
            at += length as u64;
        }
    }

    /// Numbers of the samples, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = u64> {
        self.lines.iter().map(|(id, _)| *id)
    }

    /// The record at `position` in the order of the file, if there are so many.
    ///
    /// # Errors
    /// When its line can't be read.
    pub fn record(&self, position: usize) -> Result<Option<Record>, ArchiveError> {
        let Some(&(_, at)) = self.lines.get(position) else { return Ok(None) };
        let end = self.lines.get(position + 1).map_or(self.end, |&(_, next)| next);
        serde_json::from_slice(&part(&self.path, at, end - at)?)
            .map(Some)
            .map_err(|error| ArchiveError::content(&self.path, format!("line {}: {error}", position + 1)))
    }
}

/// The `length` bytes of a file from `at` on.
pub(crate) fn part(path: &Path, at: u64, length: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut file = File::open(path).map_err(ArchiveError::io(path))?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.take(length).read_to_end(&mut bytes))
        .map_err(ArchiveError::io(path))?;
    if bytes.len() as u64 == length {
        return Ok(bytes);
    }
    let message = format!("ends before byte {}; it was changed while it was read", at.saturating_add(length));
    Err(ArchiveError::content(path, message))
}

/// SHA-256 of a library's `samples.jsonl`.
pub(crate) fn digest(folder: &Path) -> Result<String, ArchiveError> {
    let path = Journal::path(folder);
    let mut hash = Sha256::new();
    let mut file = File::open(&path).map_err(ArchiveError::io(&path))?;
    std::io::copy(&mut file, &mut hash).map_err(ArchiveError::io(&path))?;
    Ok(hexadecimal(&hash.finalize()))
}
