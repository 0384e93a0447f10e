use adatom_analysis::AnalysisError;
use adatom_archive::ArchiveError;
use adatom_formats::FormatError;
use adatom_library::LibraryError;
use adatom_network::NetworkError;
use std::path::PathBuf;
use thiserror::Error;

/// What stops the pipeline. Every message is one line.
#[derive(Debug, Error)]
pub enum Error {
    /// A file that can't be read or written, or is not what it should be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A recipe or a structure that can't be used.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A library on disk that can't be built or read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Weights, a setting or a computation of the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Columns without the lattice that was asked for.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// A folder or file that is not what a command needs.
    #[error("{path}: {message}")]
    Input {
        /// The file or folder.
        path: PathBuf,
        /// What was found and what would be right.
        message: String,
    },
    /// Whoever watched wanted no more of it.
    #[error("stopped")]
    Stopped,
    /// A setting outside what makes sense.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl Error {
    /// Whether the user's input is to blame rather than the computation.
    pub fn is_input(&self) -> bool {
        let computation =
            matches!(self, Self::Network(NetworkError::Compute(_) | NetworkError::Diverged { .. }));
        !computation && !self.is_stop()
    }

    /// Whether the caller asked for the end.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped | Self::Network(NetworkError::Stopped))
    }

    /// A file system error at `path`.
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Input { path: path.into(), message: source.to_string() }
    }
}
