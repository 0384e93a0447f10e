use super::limits::Limits;
use super::problem::Problem;
use super::recent::Recent;
use super::recipe;
use crate::index::{checksum, file_name};
use crate::{Choices, Facet, Index, Query, Selection, WebError, index_library};
use adatom_archive::{Label, Library, Manifest, Record};
use adatom_library::{Recipe, recipe_names};
use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes of small pictures that are kept.
const MAX_PICTURES: usize = 32 << 20;
/// Counts that are kept, as bytes of about that many.
const MAX_COUNTS: usize = 16 << 20;

/// A library, ready to be served.
pub struct Site {
    library: Library,
    index: Index,
    pub(crate) limits: Limits,
    /// Begins anew with another library: part of addresses whose content never changes.
    pub(crate) version: String,
    pub(crate) pictures: Recent<Bytes>,
    counts: Recent<Arc<Vec<Choices>>>,
    pub(crate) archives: Arc<Semaphore>,
    /// The recipe's name, if it is one of the program's.
    pub(crate) built_in: Option<&'static str>,
    /// Names of the crystals' files that the library was made of beside what is in the program.
    pub(crate) crystals: BTreeMap<String, String>,
    /// Where the server listens.
    pub(crate) address: Option<SocketAddr>,
    /// Scheme and host by which people know it, behind a proxy.
    pub(crate) origin: Option<String>,
}

/// A record as far as its files need it.
#[derive(Deserialize)]
struct Sums {
    files: BTreeMap<Label, String>,
}

impl Site {
    /// Opens the library in `folder` with its index, which is built if there is none.
    ///
    /// # Errors
    /// When there is no complete library, or its index can't be built.
    pub fn open(folder: &Path, limits: Limits, progress: &mut dyn FnMut(f64)) -> Result<Self, WebError> {
        let library = Library::open(folder)?;
        let index = index_library(&library, progress)?;
        if index.is_empty() {
            return Err(WebError::content(
                &folder.join("samples.jsonl"),
                "no samples; there is nothing to serve",
            ));
        }
        let version = index.stamp().sha256.chars().take(12).collect();
        let recipe = library.manifest().recipe.as_ref();
        let crystals = recipe.map(recipe::crystals).unwrap_or_default();
        let built_in = recipe
            .and_then(|own| recipe_names().find(|name| Recipe::open(name).is_ok_and(|known| known == *own)));
        Ok(Self {
            library,
            index,
            version,
            pictures: Recent::new(MAX_PICTURES),
            counts: Recent::new(MAX_COUNTS),
            archives: Arc::new(Semaphore::new(limits.archives.min(Semaphore::MAX_PERMITS))),
            limits,
            built_in,
            crystals,
            address: None,
            origin: None,
        })
    }

    /// What the library is.
    pub fn manifest(&self) -> &Manifest {
        self.library.manifest()
    }

    /// Its index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// The place of a sample in the index.
    pub(crate) fn place(&self, id: u64) -> Result<usize, Problem> {
        self.index.find(id).ok_or_else(|| {
            let Manifest { first, last, .. } = self.manifest();
            Problem::not_found(format!("There is no sample {id}; the library has {first} to {last}."))
        })
    }

    /// A sample's record, without the folder where the server has a crystal's file.
    pub(crate) fn record(&self, at: usize) -> Result<Record, Problem> {
        let mut record = self.line::<Record>(at)?;
        if let Some(settings) = &mut record.settings {
            let name =
                self.crystals.get(&settings.material).map_or(file_name(&settings.material), |name| name);
            settings.material = name.to_owned();
        }
        Ok(record)
    }

    /// SHA-256 of a sample's files.
    pub(crate) fn sums_of(&self, at: usize) -> Result<BTreeMap<Label, String>, Problem> {
        self.line::<Sums>(at).map(|sums| sums.files)
    }

    /// What a sample's line of `samples.jsonl` says, which must be the one that was indexed: a damaged one would certify
    /// damaged files, or name wrong columns.
    fn line<T: DeserializeOwned>(&self, at: usize) -> Result<T, Problem> {
        let (offset, length) = self.index.line(at);
        let line = self.library.line(offset, length).map_err(|error| self.unreadable(error))?;
        let whole = Some(&line).filter(|line| checksum(line) == self.index.line_crc(at));
        whole.and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(|| {
            let message = format!(
                "the record of sample {} was changed or damaged while it was served; see `adatom library verify`, and \
                 start the server anew",
                self.index.id(at)
            );
            self.unreadable(WebError::content(&self.library.folder().join("samples.jsonl"), message))
        })
    }

    /// Why a file of the library can't be read: it may be gone altogether.
    pub(crate) fn unreadable(&self, error: impl Into<WebError>) -> Problem {
        let error = error.into();
        let gone = !self.library.folder().join("library.json").is_file();
        tracing::error!(%error, gone, "a file of the library can't be read");
        Problem::busy(if gone {
            "The library's folder is gone or was moved. Whoever runs the server must start it anew."
        } else {
            "A file of the library is missing or damaged. `adatom library verify` tells which."
        })
    }

    /// The choices of a selection with their counts; those of the last searches are kept.
    pub(crate) fn choices(&self, query: &Query, selection: &Selection<'_>) -> Arc<Vec<Choices>> {
        let key = Query { order: Default::default(), ..query.clone() }.address();
        if let Some(choices) = self.counts.get(&key) {
            return choices;
        }
        let choices = Arc::new(selection.choices());
        let size: usize = choices.iter().map(|c| 64 + c.choices.len() * 64).sum();
        self.counts.put(key, Arc::clone(&choices), size);
        choices
    }

    /// Labels of which samples have files, the image first.
    pub(crate) fn labels(&self) -> &[Label] {
        &self.manifest().labels
    }

    /// The label by which a sample is shown: the image, or the first there is; `None` where no images are kept.
    pub(crate) fn pictured(&self) -> Option<Label> {
        self.labels().iter().copied().find(|label| label.is_image())
    }

    pub(crate) fn label(&self, name: &str) -> Result<Label, Problem> {
        let known = || self.labels().iter().map(|label| label.name()).collect::<Vec<_>>().join(", ");
        Label::from_name(name).filter(|label| self.labels().contains(label)).ok_or_else(|| {
            Problem::not_found(format!("There is no label {name:?}; the library has {}.", known()))
        })
    }

    /// What a sample shows, in a line: for captions and alternative texts.
    pub(crate) fn caption(&self, at: usize) -> String {
        let index = &self.index;
        let word = |facet: Facet| index.words(facet, at).first().map(|word| facet.label(word));
        let number = |facet: Facet| index.number(facet, at).map(|value| facet.label(&short(value)));
        let mut parts: Vec<String> = Vec::new();
        match (word(Facet::Material), word(Facet::Zone)) {
            (Some(material), Some(zone)) => parts.push(format!("{material} {zone}")),
            (material, zone) => parts.extend(material.or(zone)),
        }
        parts.extend(word(Facet::Morphology));
        parts.extend(number(Facet::Field).map(|field| format!("{field} field")));
        parts.extend(number(Facet::Psnr).map(|psnr| format!("PSNR {psnr}")));
        parts.extend(number(Facet::Columns).map(|columns| format!("{columns} columns")));
        parts.join(", ")
    }
}

/// A number with a tenth at most, for captions.
pub(crate) fn short(value: f32) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
