use adatom_formats::FormatError;
use adatom_library::LibraryError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What keeps a library from being built or read. Every message is one line.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// An image or a result that can't be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A sample that can't be made.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A file that can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder that is not what it should be.
    #[error("{path}: {message}")]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What was found and what would be right.
        message: String,
    },
    /// A setting outside what makes sense.
    #[error("{name} {value}: {message}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        message: String,
    },
}

impl ArchiveError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn content(path: &Path, message: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), message: message.into() }
    }
}
