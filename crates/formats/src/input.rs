//! The bytes of a file, read where they are needed and never beyond its end.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{FormatError, ReadError, Result};

/// Longest file that is read as a whole (bytes); formats that read parts know no limit.
const MAX_WHOLE_BYTES: u64 = 4 << 30;
/// Bytes that the recognisers of formats look at.
const HEAD_BYTES: u64 = 4096;

/// A file or a folder that was opened to be read.
#[derive(Debug)]
pub(crate) struct Input {
    path: PathBuf,
    content: Content,
    length: u64,
    head: Vec<u8>,
}

#[derive(Debug)]
enum Content {
    File(Mutex<File>),
    Memory(Vec<u8>),
    Folder,
}

impl Input {
    /// Opens a file or a folder.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => FormatError::NotFound { path: path.to_owned() },
            _ => FormatError::Unreadable { path: path.to_owned(), source },
        };
        // Asked before opening, because opening a pipe would wait for its other end.
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Ok(Self { path: path.to_owned(), content: Content::Folder, length: 0, head: Vec::new() });
        }
        if !metadata.is_file() {
            return Err(FormatError::NotAFile { path: path.to_owned(), found: "a device or a pipe" });
        }
        if metadata.len() == 0 {
            return Err(FormatError::Empty { path: path.to_owned() });
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
        let content = Content::File(Mutex::new(file));
        Ok(Self { path: path.to_owned(), content, length: metadata.len(), head })
    }

    /// A file whose bytes are already here.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Self {
        let head = bytes[..bytes.len().min(HEAD_BYTES as usize)].to_vec();
        Self { path: path.to_owned(), length: bytes.len() as u64, content: Content::Memory(bytes), head }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a folder, which has no bytes of its own.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.content, Content::Folder)
    }

    /// The files and folders beside it; none for bytes in memory.
    pub(crate) fn siblings(&self) -> Vec<PathBuf> {
        if matches!(self.content, Content::Memory(_)) {
            return Vec::new();
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries = fs::read_dir(folder.unwrap_or(Path::new(".")));
        entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    }

    /// Length of the file in bytes when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// The first 4 KiB, or the whole file if it is shorter.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The `length` bytes from `offset`; an error if the file has fewer, before anything is allocated.
    pub(crate) fn read(&self, offset: u64, length: u64) -> std::result::Result<Vec<u8>, ReadError> {
        if offset.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(ReadError::damaged(format!(
                "{length} bytes at position {offset} are needed, but the file has only {}",
                self.length
            )));
        }
        match &self.content {
            Content::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let mut bytes = vec![0; to_usize(length)?];
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
            Content::Memory(bytes) => Ok(bytes[to_usize(offset)?..to_usize(offset + length)?].to_vec()),
            Content::Folder => Ok(Vec::new()),
        }
    }

    /// All bytes of a file of a moderate length.
    pub(crate) fn whole(&self) -> std::result::Result<Vec<u8>, ReadError> {
        if self.length > MAX_WHOLE_BYTES {
            let reason = format!(
                "it has {} bytes, more than the {MAX_WHOLE_BYTES} that are read at once",
                self.length
            );
            return Err(ReadError::unsupported_but(reason, "save its parts in files of their own"));
        }
        self.read(0, self.length)
    }
}

fn to_usize(value: u64) -> std::result::Result<usize, ReadError> {
    let advice = "use a 64-bit machine";
    usize::try_from(value)
        .map_err(|_| ReadError::unsupported_but("it is larger than this machine can address", advice))
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

/// Bytes fetched at once by a [`Scanner`].
const WINDOW_BYTES: u64 = 1 << 16;

/// Reads a file from front to back in small pieces.
pub(crate) struct Scanner<'a> {
    input: &'a Input,
    position: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Scanner<'a> {
    /// Starts at `position`.
    pub(crate) fn new(input: &'a Input, position: u64) -> Self {
        Self { input, position, window: Vec::new(), window_at: 0 }
    }

    /// Where the next byte comes from.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes the file has from here on.
    pub(crate) fn left(&self) -> u64 {
        self.input.len().saturating_sub(self.position)
    }

    /// Goes on at `position`, which may be beyond the end: the next read tells.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Goes on `bytes` further; an error if that is beyond the end.
    pub(crate) fn skip(&mut self, bytes: u64) -> std::result::Result<(), ReadError> {
        if bytes > self.left() {
            return Err(self.short(bytes));
        }
        self.position += bytes;
        Ok(())
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: u64) -> std::result::Result<&[u8], ReadError> {
        if length > self.left() {
            return Err(self.short(length));
        }
        let inside = self.position >= self.window_at
            && self.position + length <= self.window_at + self.window.len() as u64;
        if !inside {
            self.window = self.input.read(self.position, length.max(WINDOW_BYTES).min(self.left()))?;
            self.window_at = self.position;
        }
        let start = (self.position - self.window_at) as usize;
        self.position += length;
        Ok(&self.window[start..start + length as usize])
    }

    fn array<const N: usize>(&mut self) -> std::result::Result<[u8; N], ReadError> {
        let bytes = self.take(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    /// The next number.
    pub(crate) fn number<T: Number>(&mut self, endian: Endian) -> std::result::Result<T, ReadError> {
        T::read(self, endian)
    }

    fn short(&self, length: u64) -> ReadError {
        ReadError::damaged(format!(
            "{length} bytes at position {} are needed, but the file has only {}",
            self.position,
            self.input.len()
        ))
    }
}

/// A number of a fixed size in a file.
pub(crate) trait Number: Sized {
    /// Reads one.
    fn read(scanner: &mut Scanner<'_>, endian: Endian) -> std::result::Result<Self, ReadError>;
}

macro_rules! numbers {
    ($($kind:ty)*) => {$(
        impl Number for $kind {
            fn read(scanner: &mut Scanner<'_>, endian: Endian) -> std::result::Result<Self, ReadError> {
                let bytes = scanner.array()?;
                Ok(match endian {
                    Endian::Little => Self::from_le_bytes(bytes),
                    Endian::Big => Self::from_be_bytes(bytes),
                })
            }
        }
    )*};
}

numbers!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);
