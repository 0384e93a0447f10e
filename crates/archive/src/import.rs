use crate::encode::hash;
use crate::journal::{Journal, digest};
use crate::store::file_path;
use crate::text::parse_rows;
use crate::verify::number;
use crate::{ArchiveError, ColumnRecord, Depth, Label, Layout, Manifest, Record};
use adatom_formats::write_atomically;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file of parameters.
pub(crate) const PARAMS: usize = 13;

/// Makes a library of a folder with files of the published form, such as a download of TEMImageNet: adds
/// `library.json` and `samples.jsonl` and touches nothing else.
///
/// # Errors
/// When the folder is a library already, has no `image` folder, or a file is not what its name says.
pub fn import(folder: &Path, progress: &mut dyn FnMut(f64)) -> Result<Manifest, ArchiveError> {
    if let Some(found) = Manifest::read(folder)? {
        return Err(ArchiveError::content(folder, format!("is a library already ({})", found.title())));
    }
    if !folder.join(Label::Image.name()).is_dir() {
        let message = "has no folder image; give the folder that holds image, position and so on";
        return Err(ArchiveError::content(folder, message));
    }
    let ids = numbers(&folder.join(Label::Image.name()), "png")?;
    let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else {
        let message = "no images; a library has image/00001.png and so on";
        return Err(ArchiveError::content(&folder.join(Label::Image.name()), message));
    };
    let labels: Vec<Label> =
        Label::ALL.into_iter().filter(|label| folder.join(label.name()).is_dir()).collect();
    let name = fs::canonicalize(folder).map_err(ArchiveError::io(folder))?;
    let mut manifest = Manifest {
        program: concat!("adatom ", env!("CARGO_PKG_VERSION")).to_owned(),
        name: name.file_name().map_or("library".to_owned(), |name| name.to_string_lossy().into_owned()),
        recipe: None,
        identity: None,
        seed: None,
        format: Layout::Temimagenet,
        depth: Depth::Eight,
        labels,
        first,
        last,
        samples_sha256: None,
    };
    let mut failed = None;
    let written = write_atomically(&Journal::path(folder), |file| {
        for (at, id) in ids.iter().enumerate() {
            match record(folder, &manifest, *id) {
                Ok(record) => writeln!(file, "{}", serde_json::to_string(&record)?)?,
                Err(error) => {
                    failed = Some(error);
                    return Err(std::io::Error::other("a sample can't be read"));
                }
            }
            progress((at + 1) as f64 / ids.len() as f64);
        }
        Ok(())
    });
    if let Some(error) = failed {
        return Err(error);
    }
    written?;
    manifest.samples_sha256 = Some(digest(folder)?);
    manifest.write(folder)?;
    Ok(manifest)
}

/// The numbers of the files in a folder.
fn numbers(folder: &Path, extension: &str) -> Result<BTreeSet<u64>, ArchiveError> {
    let io = ArchiveError::io;
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            numbers.extend(number(&path));
        }
    }
    Ok(numbers)
}

/// What a sample's files say of it.
fn record(folder: &Path, manifest: &Manifest, id: u64) -> Result<Record, ArchiveError> {
    let mut files = BTreeMap::new();
    let mut texts: BTreeMap<Label, (PathBuf, Vec<Vec<f64>>)> = BTreeMap::new();
    let mut width = 0;
    for &label in &manifest.labels {
        let path = file_path(folder, manifest, label, id);
        let bytes = fs::read(&path).map_err(ArchiveError::io(&path))?;
        files.insert(label, hash(&bytes));
        if label == Label::Image {
            width = png_width(&bytes).ok_or_else(|| ArchiveError::content(&path, "is no PNG"))?;
        } else if !label.is_image() {
            let rows = parse_rows(&String::from_utf8_lossy(&bytes));
            let rows = rows.map_err(|message| ArchiveError::content(&path, message))?;
            texts.insert(label, (path, rows));
        }
    }
    let field = match texts.get(&Label::Params) {
        Some((path, rows)) if rows.len() != PARAMS => {
            let message = format!("{} lines; there must be {PARAMS}", rows.len());
            return Err(ArchiveError::content(path, message));
        }
        Some((path, rows)) => positive(path, &rows[..1])?,
        None => 0.0,
    };
    let radius = |label| texts.get(&label).map_or(Ok(0.0), |(path, rows)| positive(path, rows));
    let mut columns = Vec::new();
    if let Some((path, rows)) = texts.get(&Label::Position).or_else(|| texts.get(&Label::PositionRadius)) {
        for (line, row) in rows.iter().enumerate() {
            let [y, x, ..] = row[..] else {
                let message = format!("line {}: {} numbers; there must be 2 or more", line + 1, row.len());
                return Err(ArchiveError::content(path, message));
            };
            columns.push(ColumnRecord { x: x - 1.0, y: y - 1.0, intensity: 0.0, atoms: BTreeMap::new() });
        }
    }
    Ok(Record {
        id,
        settings: None,
        psnr_db: None,
        pixel_angstrom: field / f64::from(width),
        radius_px: radius(Label::Radius)?,
        small_radius_px: radius(Label::SmallRadius)?,
        grey: None,
        columns,
        unlabelled: Vec::new(),
        files,
    })
}

/// The only number of a file.
fn positive(path: &Path, rows: &[Vec<f64>]) -> Result<f64, ArchiveError> {
    match rows {
        [row] if row.len() == 1 && row[0] > 0.0 => Ok(row[0]),
        _ => Err(ArchiveError::content(path, "must be one positive number")),
    }
}

/// The width in a PNG's header.
fn png_width(bytes: &[u8]) -> Option<u32> {
    let header = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let width = header.get(8..12)?;
    Some(u32::from_be_bytes([width[0], width[1], width[2], width[3]])).filter(|width| *width > 0)
}
