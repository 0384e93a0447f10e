//! Where samples' files go: a folder a label, or tar shards.

use crate::encode::Files;
use crate::zarr::chunk_path;
use crate::{ArchiveError, Label, Layout, Manifest, Record};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, Header};

/// Samples in a shard.
pub(crate) const SHARD: u64 = 1000;
/// Folder for files that are not complete.
const PARTIAL: &str = ".partial";

/// A library's files as they are written. Each appears under its name when it is complete; after a build
/// was stopped or killed nothing else is left than a folder `.partial`, which the next one clears.
pub(crate) struct Store<'a> {
    folder: &'a Path,
    partial: PathBuf,
    manifest: &'a Manifest,
    shard: Option<Shard>,
}

struct Shard {
    partial: PathBuf,
    builder: Builder<BufWriter<File>>,
    lines: Vec<String>,
}

impl<'a> Store<'a> {
    pub(crate) fn open(folder: &'a Path, manifest: &'a Manifest) -> Result<Self, ArchiveError> {
        let partial = folder.join(PARTIAL);
        clear(&partial)?;
        let mut folders = vec![partial.clone()];
        if manifest.format != Layout::Webdataset {
            folders.extend(manifest.files().map(|label| folder.join(label.name())));
        }
        for path in folders {
            fs::create_dir_all(&path).map_err(ArchiveError::io(&path))?;
        }
        Ok(Self { folder, partial, manifest, shard: None })
    }

    /// Writes a sample's files, the next one's after those of the last call. Returns the lines of all
    /// samples that are complete with it.
    pub(crate) fn put(&mut self, sample: Files) -> Result<Vec<String>, ArchiveError> {
        match self.manifest.format {
            Layout::Temimagenet | Layout::Zarr => {
                for (label, bytes) in &sample.files {
                    self.write(&file_path(self.folder, self.manifest, *label, sample.id), bytes)?;
                }
                Ok(vec![sample.line])
            }
            Layout::Webdataset => self.pack(sample),
        }
    }

    /// Removes what is only needed while building.
    pub(crate) fn finish(self) -> Result<(), ArchiveError> {
        clear(&self.partial)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
        let partial = self.partial.join("file");
        fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(ArchiveError::io(path))
    }

    fn pack(&mut self, sample: Files) -> Result<Vec<String>, ArchiveError> {
        let path = shard_path(self.folder, sample.id);
        let io = ArchiveError::io;
        let mut shard = match self.shard.take() {
            Some(shard) => shard,
            None => {
                let partial = self.partial.join("shard.tar");
                let file = File::create(&partial).map_err(io(&path))?;
                Shard { partial, builder: Builder::new(BufWriter::new(file)), lines: Vec::new() }
            }
        };
        let mut add = |name: String, bytes: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            shard.builder.append_data(&mut header, name, bytes).map_err(io(&path))
        };
        for (label, bytes) in &sample.files {
            add(member_name(self.manifest, *label, sample.id), bytes)?;
        }
        add(member_of_record(sample.id), sample.line.trim_end().as_bytes())?;
        shard.lines.push(sample.line);
        if !sample.id.is_multiple_of(SHARD) && sample.id != self.manifest.last {
            self.shard = Some(shard);
            return Ok(Vec::new());
        }
        let closed = shard.builder.into_inner().and_then(|mut file| file.flush());
        closed.and_then(|()| fs::rename(&shard.partial, &path)).map_err(io(&path))?;
        Ok(shard.lines)
    }
}

fn clear(partial: &Path) -> Result<(), ArchiveError> {
    match fs::remove_dir_all(partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ArchiveError::io(partial)(error)),
        _ => Ok(()),
    }
}

/// A sample's file of one label.
pub(crate) fn file_path(folder: &Path, manifest: &Manifest, label: Label, id: u64) -> PathBuf {
    if manifest.format == Layout::Zarr {
        return chunk_path(folder, manifest, label, id);
    }
    let name = format!("{}.{}", Record::stem(id), manifest.depth.extension_of(label));
    folder.join(label.name()).join(name)
}

/// What a sample's file of one label is called in a shard.
pub(crate) fn member_name(manifest: &Manifest, label: Label, id: u64) -> String {
    format!("{}.{label}.{}", Record::stem(id), manifest.depth.extension_of(label))
}

/// What a sample's record is called in a shard, its last member.
pub(crate) fn member_of_record(id: u64) -> String {
    format!("{}.json", Record::stem(id))
}

/// The shard that a sample is in.
pub(crate) fn shard_path(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("shard-{:06}.tar", id.saturating_sub(1) / SHARD))
}

/// Every file of a library's samples, relative to its folder, and what it is called in the library that this one
/// is a part of.
pub(crate) fn all_files(part: &Manifest, whole: &Manifest) -> Vec<(PathBuf, PathBuf)> {
    let here = Path::new("");
    let ids = part.first..=part.last;
    match part.format {
        Layout::Temimagenet | Layout::Zarr => ids
            .flat_map(|id| {
                let path = move |manifest, label| file_path(here, manifest, label, id);
                part.files().map(move |label| (path(part, label), path(whole, label)))
            })
            .collect(),
        Layout::Webdataset => {
            let mut paths: Vec<PathBuf> = ids.map(|id| shard_path(here, id)).collect();
            paths.dedup();
            paths.into_iter().map(|path| (path.clone(), path)).collect()
        }
    }
}
