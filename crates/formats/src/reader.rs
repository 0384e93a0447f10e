//! The one way in: each format is a [`Reader`], and [`open`] lets the content choose.

use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ndarray::Array2;

use crate::error::{FormatError, ReadError, Result};
use crate::image::{Image, ImageInfo};
use crate::jpeg::Jpeg;
use crate::pixel_size::PixelSize;
use crate::png::Png;
use crate::tiff::Tiff;

/// Longest file that is read into memory (bytes).
const MAX_FILE_BYTES: u64 = 4 << 30;

/// A file format that holds images.
pub(crate) trait Reader: Sync {
    /// The format's name as users know it.
    fn name(&self) -> &'static str;
    /// Whether a file that starts like this is of the format.
    fn recognises(&self, bytes: &[u8]) -> bool;
    /// Decodes one frame (counted from 0) of a whole file.
    fn read(&self, bytes: Vec<u8>, frame: usize) -> std::result::Result<Decoded, ReadError>;
}

/// What a [`Reader`] gives back.
pub(crate) struct Decoded {
    pub data: Array2<f32>,
    pub pixel_size: Option<PixelSize>,
    pub sample_type: String,
    pub frames: usize,
    pub notes: Vec<String>,
}

const READERS: &[&dyn Reader] = &[&Png, &Tiff, &Jpeg];

/// Reads an image; its content decides on the format, never its name.
///
/// `frame` counts from 0 and is for files with several; `None` takes the first. Pixels that are
/// NaN or infinite are kept and counted in the notes.
///
/// # Errors
/// [`FormatError`], one line that starts with the path, for anything that is not a whole, valid
/// image with at most 2²⁸ pixels.
pub fn open(path: &Path, frame: Option<usize>) -> Result<Image> {
    let bytes = read_file(path)?;
    let reader =
        READERS.iter().find(|reader| reader.recognises(&bytes)).ok_or_else(|| unknown(path, &bytes))?;
    let format = reader.name();
    let frame = frame.unwrap_or(0);
    // The decoders are other people's; one that gives up by panicking has met a broken file.
    let decoded = catch_unwind(AssertUnwindSafe(|| reader.read(bytes, frame)))
        .unwrap_or_else(|_| Err(ReadError::damaged("the decoder stopped at an impossible value")))
        .map_err(|error| error.at(path, format))?;
    let Decoded { data, pixel_size, sample_type, frames, mut notes } = decoded;
    match data.iter().filter(|value| !value.is_finite()).count() {
        0 => {}
        count => notes.push(format!("{count} of {} pixels are NaN or infinite", data.len())),
    }
    let source = ImageInfo { path: path.to_owned(), format, sample_type, frames, frame, notes };
    Ok(Image { data, pixel_size, source })
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FormatError::NotFound { path: path.to_owned() },
        _ => FormatError::Unreadable { path: path.to_owned(), source },
    };
    // Asked before opening, because opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(FormatError::NotAFile { path: path.to_owned(), found });
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(FormatError::TooLong {
            path: path.to_owned(),
            bytes: metadata.len(),
            limit: MAX_FILE_BYTES,
        });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.is_empty() { Err(FormatError::Empty { path: path.to_owned() }) } else { Ok(bytes) }
}

/// Formats that are recognised only to say what was found.
const STRANGERS: &[(&[u8], &str)] = &[
    (b"\x89HDF\r\n\x1a\n", "this is an HDF5 file (EMD, HyperSpy or similar)"),
    (b"\0\0\0\x03", "this looks like a Gatan DM3 file"),
    (b"\0\0\0\x04", "this looks like a Gatan DM4 file"),
    (b"II\x97\x01", "this looks like a TIA SER file"),
    (b"\x93NUMPY", "this is a NumPy array"),
    (b"BM", "this looks like a BMP image"),
    (b"GIF8", "this is a GIF image"),
    (b"RIFF", "this is a RIFF file (WebP or similar)"),
    (b"%PDF", "this is a PDF document"),
    (b"PK\x03\x04", "this is a ZIP archive"),
    (b"\x1f\x8b", "this is a gzip archive"),
];

fn unknown(path: &Path, bytes: &[u8]) -> FormatError {
    let head = &bytes[..bytes.len().min(512)];
    let is_text = |bytes: &[u8]| bytes.iter().all(|&b| b >= b' ' || b"\t\r\n\x0c".contains(&b));
    let found = match STRANGERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, found)) => (*found).to_owned(),
        None if is_text(head) => "this is a text file".to_owned(),
        None if bytes.iter().all(|&b| b == 0) => "the file holds only zero bytes".to_owned(),
        None => {
            let start: Vec<_> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("the content starts with the bytes {}, which no known image does", start.join(" "))
        }
    };
    let names: Vec<_> = READERS.iter().map(|reader| reader.name()).collect();
    let formats = match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    };
    FormatError::UnknownFormat { path: path.to_owned(), found, formats }
}
