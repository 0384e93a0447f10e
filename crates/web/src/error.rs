use adatom_archive::ArchiveError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What keeps a library from being indexed or served. Every message is one line.
#[derive(Debug, Error)]
pub enum WebError {
    /// A library that can't be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file or a socket that fails.
    #[error("{path}: {source}")]
    Io {
        /// The file, folder or address.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An index that can't be written or read.
    #[error("{path}: {source}")]
    Index {
        /// The index's file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A setting that makes no sense.
    #[error("{name} {value}: {message}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        message: String,
    },
    /// A file that isn't what it should be.
    #[error("{path}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What was found and what would be right.
        message: String,
    },
}

impl WebError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn index(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Index { path: path.to_owned(), source }
    }

    pub(crate) fn content(path: &Path, message: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), message: message.into() }
    }
}
