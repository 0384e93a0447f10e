//! The session file: a zip archive with `session.json`, the image and the maps (docs/desktop.md).

use crate::document::{Document, Found};
use crate::edit::History;
use crate::settings::RunSettings;
use adatom::LocatedColumn;
use adatom_formats::{Image, ImageInfo, PixelSize, Selection, encode_tiff, open_bytes, write_atomically};
use adatom_network::{Maps, Task};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Version of the form described in docs/desktop.md.
pub const VERSION: u32 = 1;
const JSON: &str = "session.json";
const IMAGE: &str = "image.tif";
/// Largest member that is read (bytes).
const MOST: u64 = 4 << 30;

/// Why a session can't be read or written.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The file can't be read, or isn't one.
    #[error("{}: {message}", path.display())]
    File {
        /// The session file.
        path: PathBuf,
        /// What was found and what would be right.
        message: String,
    },
    /// An image that can't be read or written.
    #[error(transparent)]
    Format(#[from] adatom_formats::FormatError),
}

/// What `session.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    format: String,
    version: u32,
    program: String,
    input: Input,
    pixel_size_angstrom: Option<[f64; 2]>,
    settings: RunSettings,
    found: Option<FoundContent>,
    edits: History,
}

/// Where the image came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Input {
    path: PathBuf,
    signal: String,
    frame: usize,
    frames: usize,
    sample_type: String,
    notes: Vec<String>,
}

/// What was found in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FoundContent {
    scale: f64,
    settings: RunSettings,
    warnings: Vec<String>,
    columns: Vec<LocatedColumn>,
}

/// Writes a session. Without `images` image and maps are left out: the image is read from its own file, and the
/// maps are computed again.
///
/// # Errors
/// When the file can't be written.
pub fn save(document: &Document, path: &Path, images: bool) -> Result<(), SessionError> {
    let info = &document.image.source;
    let content = Content {
        format: "adatom-session".to_owned(),
        version: VERSION,
        program: concat!("adatom ", env!("CARGO_PKG_VERSION")).to_owned(),
        input: Input {
            path: std::path::absolute(&info.path).unwrap_or_else(|_| info.path.clone()),
            signal: info.signal.clone(),
            frame: info.frame,
            frames: info.frames,
            sample_type: info.sample_type.clone(),
            notes: info.notes.clone(),
        },
        pixel_size_angstrom: document.pixel_size.map(|size| [size.x_angstrom, size.y_angstrom]),
        settings: document.settings,
        found: document.found.as_ref().map(|found| FoundContent {
            scale: found.scale,
            settings: found.settings,
            warnings: found.warnings.clone(),
            columns: found.columns.clone(),
        }),
        edits: document.history.clone(),
    };
    let mut members = vec![(JSON.to_owned(), serde_json::to_vec_pretty(&content).unwrap_or_default())];
    if images {
        let tiff = |image: &Array2<f32>| {
            encode_tiff(image, document.pixel_size)
                .map_err(|source| adatom_formats::FormatError::Unwritable { path: path.to_owned(), source })
        };
        members.push((IMAGE.to_owned(), tiff(&document.image.data)?));
        for (task, map) in document.found.iter().flat_map(|found| found.maps.iter()) {
            members.push((format!("maps/{}.tif", task.name()), tiff(map)?));
        }
    }
    let zipped = zipped(&members).map_err(|source| file(path, &format!("can't be packed ({source})")))?;
    Ok(write_atomically(path, |file| file.write_all(&zipped))?)
}

fn zipped(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .large_file(true);
    for (name, bytes) in members {
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn file(path: &Path, message: &str) -> SessionError {
    SessionError::File { path: path.to_owned(), message: message.to_owned() }
}

/// Whether a path is called as sessions are.
pub fn is_session(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("adatom"))
}

/// Reads a session.
///
/// # Errors
/// When it can't be read, or is not a session; when it has no image of its own and that can't be read.
pub fn load(path: &Path) -> Result<Document, SessionError> {
    let bytes = std::fs::File::open(path).map_err(|e| file(path, &e.to_string()))?;
    let mut zip = ZipArchive::new(bytes)
        .map_err(|e| file(path, &format!("is no session of adatom, which is a zip archive ({e})")))?;
    let mut member = |name: &str| -> Result<Option<Vec<u8>>, SessionError> {
        let mut member = match zip.by_name(name) {
            Ok(member) => member,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(file(path, &format!("{name}: {e}"))),
        };
        if member.size() > MOST {
            return Err(file(path, &format!("{name} claims {} bytes, more than are read", member.size())));
        }
        let mut bytes = Vec::new();
        member
            .by_ref()
            .take(MOST)
            .read_to_end(&mut bytes)
            .map_err(|e| file(path, &format!("{name}: {e}")))?;
        Ok(Some(bytes))
    };
    let json = member(JSON)?.ok_or_else(|| file(path, "has no session.json: it is no session of adatom"))?;
    let content: Content =
        serde_json::from_slice(&json).map_err(|e| file(path, &format!("session.json: {e}")))?;
    if content.format != "adatom-session" || content.version > VERSION {
        let found = format!("{} of version {}", content.format, content.version);
        let message = format!("session.json is {found}; this program reads adatom-session up to {VERSION}");
        return Err(file(path, &message));
    }
    let mut tiff = |name: &str| -> Result<Option<Image>, SessionError> {
        let Some(bytes) = member(name)? else { return Ok(None) };
        let image = open_bytes(&path.join(name), bytes)?.image(&Selection::default())?;
        Ok(Some(image))
    };
    let input = content.input;
    let image = match tiff(IMAGE)? {
        Some(image) => Image { source: restored_info(input, image.source), ..image },
        None => {
            let selection = Selection {
                signal: Some(input.signal).filter(|name| !name.is_empty()),
                frame: Some(input.frame).filter(|_| input.frames > 1),
                virtual_image: None,
            };
            adatom_formats::read_image(&input.path, &selection)?
        }
    };
    image.check_finite()?;
    image.check_usable(8)?;
    let mut maps = Maps::new();
    for task in Task::ALL {
        if let Some(map) = tiff(&format!("maps/{}.tif", task.name()))? {
            if map.data.dim() != image.data.dim() {
                return Err(file(path, &format!("maps/{}.tif has another size than the image", task.name())));
            }
            maps.insert(task, map.data);
        }
    }
    let pixel_size = content
        .pixel_size_angstrom
        .map(|[x, y]| PixelSize::new(x, y))
        .transpose()
        .map_err(|e| file(path, &e.to_string()))?;
    let mut document = Document::new(image);
    document.pixel_size = pixel_size;
    document.settings = content.settings;
    document.history = content.edits;
    document.found = content.found.map(|found| {
        Arc::new(Found {
            columns: found.columns,
            maps: Arc::new(maps),
            scale: found.scale,
            settings: found.settings,
            warnings: found.warnings,
            fit: None,
        })
    });
    document.session = Some(path.to_owned());
    document.refresh();
    document.saved();
    Ok(document)
}

/// What the session remembers of the file, and what the image in it says.
fn restored_info(input: Input, image: ImageInfo) -> ImageInfo {
    ImageInfo {
        path: input.path,
        signal: input.signal,
        frame: input.frame,
        frames: input.frames,
        sample_type: input.sample_type,
        notes: input.notes,
        ..image
    }
}
