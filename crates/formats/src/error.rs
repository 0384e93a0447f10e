//! What can go wrong between a file and an image.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Result of reading or writing a file.
pub type Result<T> = std::result::Result<T, FormatError>;

/// Why a file could not be read, used or written; every message is one line that starts with the path.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Nothing is there.
    #[error("{}: no such file; check the name and the folder", line(path))]
    NotFound {
        /// The file asked for.
        path: PathBuf,
    },
    /// A folder or a device is there, not a file.
    #[error("{}: this is {found}, not a file; give an image file", line(path))]
    NotAFile {
        /// The file asked for.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The operating system refused to read.
    #[error("{}: cannot be read ({source}); check its permissions", line(path))]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file has no bytes.
    #[error("{}: the file is empty; copy it again from where it was recorded", line(path))]
    Empty {
        /// The file asked for.
        path: PathBuf,
    },
    /// The content is of no format that is read.
    #[error("{}: {found}; a file of one of these formats is needed: {formats}", line(path))]
    UnknownFormat {
        /// The file asked for.
        path: PathBuf,
        /// What the content looks like.
        found: String,
        /// The formats that are read.
        formats: String,
    },
    /// The content breaks the rules of its own format.
    #[error("{}: damaged or incomplete {format} file: {reason}; copy or export it again", line(path))]
    Damaged {
        /// The file asked for.
        path: PathBuf,
        /// The format it claims to be.
        format: &'static str,
        /// What was found.
        reason: String,
    },
    /// A valid variant of the format that is not read.
    #[error("{}: this kind of {format} is not read: {reason}; {advice}", line(path))]
    Unsupported {
        /// The file asked for.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// What was found.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The header claims more pixels than are read.
    #[error(
        "{}: the {format} header claims {width} × {height} pixels; at most {limit} pixels can be read",
        line(path)
    )]
    TooManyPixels {
        /// The file asked for.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// Columns claimed.
        width: u64,
        /// Rows claimed.
        height: u64,
        /// Pixels that are read at most.
        limit: u64,
    },
    /// The file holds nothing that could be taken for an image, or not what was asked for.
    #[error("{}: {}", line(path), one_line(reason))]
    NoImage {
        /// The file asked for.
        path: PathBuf,
        /// What it holds, and what to ask for.
        reason: String,
    },
    /// The signal asked for does not exist.
    #[error("{}: signal {asked:?} was asked for, but the file has {}", line(path), one_line(listed))]
    NoSuchSignal {
        /// The file asked for.
        path: PathBuf,
        /// The name or number asked for.
        asked: String,
        /// What there is.
        listed: String,
    },
    /// The frame asked for does not exist.
    #[error("{}: frame {frame} was asked for, but the file has {}", line(path), frame_range(*frames))]
    NoSuchFrame {
        /// The file asked for.
        path: PathBuf,
        /// The frame asked for, counted from 0.
        frame: usize,
        /// How many there are.
        frames: usize,
    },
    /// Some pixels are not finite numbers.
    #[error(
        "{}: {count} pixels are NaN or infinite, the first at row {row}, column {column}; every pixel must be a number",
        line(path)
    )]
    NotFinite {
        /// The file it was read from.
        path: PathBuf,
        /// How many pixels.
        count: usize,
        /// Row of the first.
        row: usize,
        /// Column of the first.
        column: usize,
    },
    /// The image is too small for the work at hand.
    #[error(
        "{}: the image has {width} × {height} pixels; at least {min_side} × {min_side} are needed",
        line(path)
    )]
    TooSmall {
        /// The file it was read from.
        path: PathBuf,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Smallest side that is accepted.
        min_side: usize,
    },
    /// All pixels have one value.
    #[error("{}: all pixels have the same value, {value}; an image with contrast is needed", line(path))]
    Flat {
        /// The file it was read from.
        path: PathBuf,
        /// The value.
        value: f32,
    },
    /// The operating system refused to write.
    #[error(
        "{}: cannot be written ({source}); check the folder, its permissions and the free space",
        line(path)
    )]
    Unwritable {
        /// The file or folder that was to be written.
        path: PathBuf,
        /// What the operating system or the encoder said.
        source: io::Error,
    },
    /// Something is in the place of a result folder that must not be replaced.
    #[error(
        "{}: {found} is already there and is not a result of this program; choose another folder",
        line(path)
    )]
    Occupied {
        /// The folder asked for.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
}

impl FormatError {
    pub(crate) fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source }
    }
}

fn frame_range(frames: usize) -> String {
    match frames {
        1 => "only one, frame 0".to_owned(),
        _ => format!("{frames} frames; use 0 to {}", frames.saturating_sub(1)),
    }
}

fn line(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// The text without characters that would break a line or move the cursor.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What a reader of one format found wrong; [`crate::open`] adds the path.
#[derive(Debug)]
pub(crate) enum ReadError {
    Damaged(String),
    Unsupported {
        reason: String,
        advice: &'static str,
    },
    /// There is nothing that could be an image.
    NoImage(String),
    TooManyPixels {
        width: u64,
        height: u64,
        limit: u64,
    },
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(reason) | Self::Unsupported { reason, .. } | Self::NoImage(reason) => {
                f.write_str(reason)
            }
            Self::TooManyPixels { width, height, limit } => {
                write!(f, "{width} × {height} pixels are claimed; at most {limit} can be read")
            }
            Self::Io(source) => write!(f, "{source}"),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl ReadError {
    pub(crate) fn damaged(reason: impl fmt::Display) -> Self {
        Self::Damaged(one_line(&reason.to_string()))
    }

    /// Of an image in a form that isn't read, but that its program can export.
    pub(crate) fn unsupported(reason: impl fmt::Display) -> Self {
        Self::unsupported_but(reason, "export it as an uncompressed 16-bit or 32-bit TIFF")
    }

    /// Of elements that were packed in a way that isn't known.
    pub(crate) fn packed(reason: impl fmt::Display) -> Self {
        Self::unsupported_but(reason, "save it again with gzip or without compression")
    }

    /// Of what isn't read, with what to do instead.
    pub(crate) fn unsupported_but(reason: impl fmt::Display, advice: &'static str) -> Self {
        Self::Unsupported { reason: one_line(&reason.to_string()), advice }
    }

    pub(crate) fn no_image(reason: impl fmt::Display) -> Self {
        Self::NoImage(one_line(&reason.to_string()))
    }

    pub(crate) fn at(self, path: &Path, format: &'static str) -> FormatError {
        let path = path.to_owned();
        match self {
            Self::Damaged(reason) => FormatError::Damaged { path, format, reason },
            Self::Unsupported { reason, advice } => FormatError::Unsupported { path, format, reason, advice },
            Self::NoImage(reason) => FormatError::NoImage { path, reason: format!("{format}: {reason}") },
            Self::TooManyPixels { width, height, limit } => {
                FormatError::TooManyPixels { path, format, width, height, limit }
            }
            Self::Io(source) => FormatError::Unreadable { path, source },
        }
    }
}
