//! The one way in: each format is a [`Reader`], and [`open`] lets the content choose.

use std::path::Path;
use std::sync::Arc;

use crate::bmp::Bmp;
use crate::dataset::{Contents, Dataset, Selection, guarded};
use crate::dm::DigitalMicrograph;
use crate::error::{FormatError, ReadError, Result};
use crate::hdf5::Hdf5;
use crate::image::Image;
use crate::input::Input;
use crate::jpeg::Jpeg;
use crate::mrc::Mrc;
use crate::npy::{Npy, Npz};
use crate::png::Png;
use crate::ser::{Emi, Ser};
use crate::tiff::Tiff;
use crate::zarr::Zarr;

/// A file format that holds images.
pub(crate) trait Reader: Sync {
    /// The format's name as users know it.
    fn name(&self) -> &'static str;
    /// Every name that [`Reader::flavour`] may lead to.
    fn names(&self) -> Vec<&'static str> {
        vec![self.name()]
    }
    /// Whether a file that starts like this is of the format.
    fn recognises(&self, input: &Arc<Input>) -> bool;
    /// The reader of what a recognised file is more precisely, where a format has flavours.
    fn flavour(&self, _: &Arc<Input>) -> Option<&'static dyn Reader> {
        None
    }
    /// Finds the signals of a file, and reads no pixels where that can wait.
    fn open(&self, input: Arc<Input>) -> std::result::Result<Contents, ReadError>;
}

/// Asked in this order: those with the clearest marks first.
const READERS: &[&dyn Reader] = &[
    &Png,
    &Tiff,
    &Jpeg,
    &Ser,
    &Emi,
    &Npy,
    &Npz,
    &Zarr::HyperSpy,
    &Zarr::Plain,
    &Hdf5::Plain,
    &DigitalMicrograph { version: 3 },
    &DigitalMicrograph { version: 4 },
    &Bmp,
    &Mrc,
];

/// Opens a file of any known format; its content decides which, never its name.
///
/// # Errors
/// [`FormatError`], one line that starts with the path, if it is of no known format or damaged.
pub fn open(path: &Path) -> Result<Dataset> {
    open_input(Input::open(path)?)
}

/// Opens a file that is in memory; `path` is what messages call it.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(path: &Path, bytes: Vec<u8>) -> Result<Dataset> {
    if bytes.is_empty() {
        return Err(FormatError::Empty { path: path.to_owned() });
    }
    open_input(Input::from_bytes(path, bytes))
}

/// Opens a file and reads one image of it.
///
/// # Errors
/// As [`open`] and [`Dataset::image`].
pub fn read_image(path: &Path, selection: &Selection) -> Result<Image> {
    open(path)?.image(selection)
}

fn open_input(input: Input) -> Result<Dataset> {
    let input = Arc::new(input);
    let reader = READERS.iter().find(|reader| reader.recognises(&input)).ok_or_else(|| unknown(&input))?;
    let reader = reader.flavour(&input).unwrap_or(*reader);
    let (path, format) = (input.path().to_owned(), reader.name());
    let contents = guarded(|| reader.open(input)).map_err(|error| error.at(&path, format))?;
    Ok(Dataset::new(&path, format, contents))
}

/// Formats that are recognised only to say what was found.
const STRANGERS: &[(&[u8], &str)] = &[
    (b"GIF8", "this is a GIF image"),
    (b"RIFF", "this is a RIFF file (WebP or similar)"),
    (b"%PDF", "this is a PDF document"),
    (b"PK\x03\x04", "this is a ZIP archive without NumPy or zspy data"),
    (b"\x1f\x8b", "this is a gzip archive"),
    (b"<?xml", "this is an XML file"),
];

fn unknown(input: &Input) -> FormatError {
    let path = input.path();
    let head = &input.head()[..input.head().len().min(512)];
    let is_text = |bytes: &[u8]| bytes.iter().all(|&b| b >= b' ' || b"\t\r\n\x0c".contains(&b));
    let found = match STRANGERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        _ if input.is_folder() => "this is a folder without the files of a zspy store".to_owned(),
        Some((_, found)) => (*found).to_owned(),
        None if is_text(head) => "this is a text file".to_owned(),
        None if head.iter().all(|&b| b == 0) => "the file starts with only zero bytes".to_owned(),
        None => {
            let start: Vec<_> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("the content starts with the bytes {}, which no known image does", start.join(" "))
        }
    };
    let names: Vec<_> = READERS.iter().flat_map(|reader| reader.names()).collect();
    let formats = match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    };
    FormatError::UnknownFormat { path: path.to_owned(), found, formats }
}
