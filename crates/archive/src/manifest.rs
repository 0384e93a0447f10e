use crate::{ArchiveError, Depth, Label};
use adatom_library::Recipe;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that says what a library is.
const NAME: &str = "library.json";
/// The same while it is written: always by this name, so that a build after a kill takes it over.
pub(crate) const PARTIAL: &str = ".library.json.partial";

/// How samples lie in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A folder a label, a file a sample, as the published library.
    Temimagenet,
    /// Tar shards of a thousand samples, as WebDataset reads them.
    Webdataset,
    /// A zarr store (version 3): an array a label, a chunk a sample.
    Zarr,
}

impl Layout {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Temimagenet => "temimagenet",
            Self::Webdataset => "webdataset",
            Self::Zarr => "zarr",
        }
    }
}

/// `library.json`: what a library is. With the program it decides every byte of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The program that wrote it.
    pub program: String,
    /// Name of the recipe; of an imported library, the folder's.
    pub name: String,
    /// The recipe; unknown for an imported library.
    pub recipe: Option<Recipe>,
    /// SHA-256 of the recipe and its crystals.
    pub identity: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// How samples lie in the folder.
    pub format: Layout,
    /// How images are kept.
    pub depth: Depth,
    /// What is kept of each sample.
    pub labels: Vec<Label>,
    /// Number of the first sample.
    pub first: u64,
    /// Number of the last one.
    pub last: u64,
    /// SHA-256 of `samples.jsonl`; `None` as long as the library is being built.
    pub samples_sha256: Option<String>,
}

impl Manifest {
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether all samples are there.
    pub fn is_complete(&self) -> bool {
        self.samples_sha256.is_some()
    }

    /// Labels of which every sample has a file: in a zarr store the images.
    pub(crate) fn files(&self) -> impl Iterator<Item = Label> + use<'_> {
        self.labels.iter().copied().filter(|label| self.format != Layout::Zarr || label.is_image())
    }

    /// A few words by which a user knows the library.
    pub fn title(&self) -> String {
        let seed = self.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
        format!("{}{seed}, samples {} to {}", self.name, self.first, self.last)
    }

    /// The manifest of the library in `folder`, `None` if there is no library.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ArchiveError> {
        let path = Self::path(folder);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str::<Self>(&text)
                .map_err(|error| error.to_string())
                .and_then(|manifest| {
                    let (first, last) = (manifest.first, manifest.last);
                    let fits = 1 <= first && first <= last;
                    fits.then_some(manifest).ok_or_else(|| format!("samples {first} to {last} are no range"))
                })
                .map(Some)
                .map_err(|error| {
                    ArchiveError::content(&path, format!("not a library's description: {error}"))
                }),
            Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
                Ok(None)
            }
            Err(error) => Err(ArchiveError::io(&path)(error)),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), ArchiveError> {
        let path = Self::path(folder);
        let text =
            serde_json::to_string_pretty(self).map_err(|error| ArchiveError::io(&path)(error.into()))?;
        let partial = folder.join(PARTIAL);
        File::create(&partial)
            .and_then(|mut file| {
                writeln!(file, "{text}")?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(ArchiveError::io(&path))
    }
}
