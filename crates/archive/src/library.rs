use crate::encode::hash;
use crate::journal::{Journal, RecordIndex, part, records};
use crate::shard::Shards;
use crate::store::{file_path, member_name, shard_path};
use crate::zarr::unpack;
use crate::{ArchiveError, Label, Layout, Manifest, Record};
use adatom_formats::{Selection, open_bytes};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use tar::Archive;

/// A complete library on disk.
pub struct Library {
    folder: PathBuf,
    manifest: Manifest,
    shards: Shards,
}

impl Library {
    /// Opens a library.
    ///
    /// # Errors
    /// When the folder holds none, or an unfinished one.
    pub fn open(folder: &Path) -> Result<Self, ArchiveError> {
        let manifest = Manifest::read(folder)?.ok_or_else(|| {
            let message = if folder.join(Label::Image.name()).is_dir() {
                "no library.json; a download of TEMImageNet must be imported first"
            } else {
                "not a library: there is no library.json"
            };
            ArchiveError::content(folder, message)
        })?;
        if !manifest.is_complete() {
            return Err(ArchiveError::content(folder, "its build is not finished; resume it first"));
        }
        Ok(Self { folder: folder.to_owned(), manifest, shards: Shards::default() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the library is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All records in the order of their numbers, read one at a time.
    ///
    /// # Errors
    /// When `samples.jsonl` can't be opened; items also when a line can't be read.
    pub fn records(
        &self,
    ) -> Result<impl Iterator<Item = Result<Record, ArchiveError>> + use<>, ArchiveError> {
        records(&self.folder)
    }

    /// One sample's record.
    ///
    /// # Errors
    /// When there is no such sample or its line can't be read.
    pub fn record(&self, id: u64) -> Result<Record, ArchiveError> {
        // Imported libraries may have gaps.
        for record in self.records()? {
            let record = record?;
            if record.id == id {
                return Ok(record);
            }
        }
        let Manifest { first, last, .. } = self.manifest;
        let message = format!("has the samples {first} to {last}; sample {id} is none of them");
        Err(ArchiveError::content(&self.folder, message))
    }

    /// Where all records are, for reading single ones in any order.
    ///
    /// # Errors
    /// When `samples.jsonl` can't be read.
    pub fn index(&self) -> Result<RecordIndex, ArchiveError> {
        RecordIndex::open(&self.folder)
    }

    /// `length` bytes of `samples.jsonl` from `offset` on, for those who know where a record is.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn line(&self, offset: u64, length: u64) -> Result<Vec<u8>, ArchiveError> {
        part(&Journal::path(&self.folder), offset, length)
    }

    /// A sample's file of one label, if its SHA-256 is the one that its record has in `files`. A label without a sum
    /// there is not checked.
    ///
    /// # Errors
    /// When it isn't there, can't be read or is another one.
    pub fn checked_bytes(
        &self,
        label: Label,
        id: u64,
        files: &BTreeMap<Label, String>,
    ) -> Result<Vec<u8>, ArchiveError> {
        let bytes = self.bytes(label, id)?;
        if files.get(&label).is_none_or(|sum| *sum == hash(&bytes)) {
            return Ok(bytes);
        }
        Err(ArchiveError::content(&self.path(label, id), "its SHA-256 is not the one in its record"))
    }

    /// The image of one label in the grey levels of the sample's file, of which these are the bytes.
    ///
    /// # Errors
    /// When they are no image.
    pub fn image_of(&self, label: Label, id: u64, bytes: Vec<u8>) -> Result<Array2<f32>, ArchiveError> {
        self.decode(label, &self.path(label, id), bytes)
    }

    /// A sample's file of one label.
    ///
    /// # Errors
    /// When it isn't there or can't be read.
    pub fn bytes(&self, label: Label, id: u64) -> Result<Vec<u8>, ArchiveError> {
        match self.manifest.format {
            Layout::Temimagenet | Layout::Zarr => {
                let path = self.path(label, id);
                fs::read(&path).map_err(ArchiveError::io(&path))
            }
            Layout::Webdataset => {
                let path = shard_path(&self.folder, id);
                let wanted = member_name(&self.manifest, label, id);
                let found = self.shards.bytes(&path, &wanted)?;
                found.ok_or_else(|| ArchiveError::content(&path, format!("has no {wanted}")))
            }
        }
    }

    /// A sample's image of one label, in the file's grey levels.
    ///
    /// # Errors
    /// When it isn't there or can't be read.
    pub fn image(&self, label: Label, id: u64) -> Result<Array2<f32>, ArchiveError> {
        self.image_of(label, id, self.bytes(label, id)?)
    }

    /// A sample's image of one label in units of the ideal image's peak, masks from 0 to 1. Of an imported library,
    /// which doesn't tell what its grey levels mean, white is 1.
    ///
    /// # Errors
    /// As for [`Self::image`].
    pub fn values(&self, label: Label, record: &Record) -> Result<Array2<f32>, ArchiveError> {
        let mut image = self.image(label, record.id)?;
        if let Some(white) = self.manifest.depth.white() {
            let (low, high) = record.grey.map_or((0.0, 1.0), |grey| grey.range(label));
            image.mapv_inplace(|level| low + level / white * (high - low));
        }
        Ok(image)
    }

    /// An image from its file's bytes.
    pub(crate) fn decode(
        &self,
        label: Label,
        path: &Path,
        bytes: Vec<u8>,
    ) -> Result<Array2<f32>, ArchiveError> {
        match self.manifest.format {
            Layout::Zarr => {
                unpack(&bytes, &self.manifest, label).map_err(|message| ArchiveError::content(path, message))
            }
            _ => Ok(open_bytes(path, bytes)?.image(&Selection::default())?.data),
        }
    }

    /// Where a sample's file of one label is, or what messages call it if it is in a shard.
    pub(crate) fn path(&self, label: Label, id: u64) -> PathBuf {
        match self.manifest.format {
            Layout::Temimagenet | Layout::Zarr => file_path(&self.folder, &self.manifest, label, id),
            Layout::Webdataset => shard_path(&self.folder, id).join(member_name(&self.manifest, label, id)),
        }
    }
}

/// The members of a shard, in order, one at a time.
pub(crate) fn members(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(String, Vec<u8>), ArchiveError>> + use<>, ArchiveError> {
    let file = File::open(path).map_err(ArchiveError::io(path))?;
    let mut archive = std::io::BufReader::new(file);
    let path = path.to_owned();
    let mut ended = false;
    Ok(std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let member = next_member(&mut archive);
        ended = !matches!(member, Ok(Some(_)));
        member.map_err(ArchiveError::io(&path)).transpose()
    }))
}

/// The next member; an archive's iterator can't outlive it, so a new one is made for each.
fn next_member(reader: &mut impl Read) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (name, bytes) = {
        let mut archive = Archive::new(&mut *reader);
        let Some(entry) = archive.entries()?.next() else { return Ok(None) };
        let mut entry = entry?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        (entry.path()?.to_string_lossy().into_owned(), bytes)
    };
    let size = bytes.len() as u64;
    let padding = size.next_multiple_of(512) - size;
    std::io::copy(&mut reader.take(padding), &mut std::io::sink())?;
    Ok(Some((name, bytes)))
}
