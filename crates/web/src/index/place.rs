use super::{Builder, Entry, Index, NAME, Stamp};
use crate::WebError;
use adatom_archive::{Label, Library, parse_rows};
use adatom_library::hexadecimal;
use sha2::{Digest, Sha256};
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The index of a library, built if there is none or the one there is stale or damaged. It lies beside
/// `library.json`, or in the user's cache folder if nothing can be written there.
///
/// # Errors
/// When the library's records can't be read, or the index can't be written anywhere.
pub fn index_library(library: &Library, progress: &mut dyn FnMut(f64)) -> Result<Index, WebError> {
    let mut places = vec![library.folder().join(NAME)];
    places.extend(cached(library.folder()));
    for path in places.iter().filter(|path| path.is_file()) {
        match Index::open(path) {
            Ok(index) if is_fresh(library, path, index.stamp())? => return Ok(index),
            Ok(_) => tracing::info!(path = %path.display(), "the index is stale and built anew"),
            Err(error) => tracing::warn!(%error, "the index is built anew"),
        }
    }
    let (builder, stamp) = read(library, progress)?;
    let mut failed = None;
    for path in &places {
        match write(&builder, path, &stamp) {
            Ok(()) => return Index::open(path),
            Err(error) => {
                tracing::info!(%error, "no index there");
                failed.get_or_insert(error);
            }
        }
    }
    Err(failed.unwrap_or_else(|| WebError::content(library.folder(), "nowhere to write an index")))
}

/// Makes sure that a library has an index, and returns where it is.
///
/// # Errors
/// As [`index_library`].
pub fn refresh(library: &Library, progress: &mut dyn FnMut(f64)) -> Result<PathBuf, WebError> {
    index_library(library, progress).map(|index| index.path().to_owned())
}

/// Where the index of a library is that is on a disk for reading only.
fn cached(folder: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(folder).ok()?;
    let key = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let name = hexadecimal(&key[..8]);
    let home = || env::home_dir().map(|home| home.join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(cache.or_else(home)?.join("adatom").join(format!("index-{name}.sqlite")))
}

fn journal(library: &Library) -> PathBuf {
    library.folder().join("samples.jsonl")
}

/// Size and time of the records, without reading them.
fn seen(path: &Path) -> Result<(u64, i64), WebError> {
    let metadata = fs::metadata(path).map_err(WebError::io(path))?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((metadata.len(), modified.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))))
}

/// Whether an index is that of the library. Size, time and the sum in `library.json` tell without reading the
/// records; where only the time is another one, as after copying, their sum does.
fn is_fresh(library: &Library, index: &Path, stamp: &Stamp) -> Result<bool, WebError> {
    let path = journal(library);
    let (size, modified_ns) = seen(&path)?;
    if size != stamp.size || library.manifest().samples_sha256.as_ref() != Some(&stamp.sha256) {
        return Ok(false);
    }
    if modified_ns == stamp.modified_ns {
        return Ok(true);
    }
    let mut hash = Sha256::new();
    let mut file = File::open(&path).map_err(WebError::io(&path))?;
    std::io::copy(&mut file, &mut hash).map_err(WebError::io(&path))?;
    let same = hexadecimal(&hash.finalize()) == stamp.sha256;
    if same && let Err(error) = restamp(index, modified_ns) {
        tracing::debug!(%error, "the records' time can't be kept; they are read again the next time");
    }
    Ok(same)
}

/// Keeps the time of records whose content is known.
fn restamp(index: &Path, modified_ns: i64) -> rusqlite::Result<()> {
    let connection =
        rusqlite::Connection::open_with_flags(index, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute("UPDATE stamp SET modified_ns = ?1", [modified_ns]).map(drop)
}

fn write(builder: &Builder, path: &Path, stamp: &Stamp) -> Result<(), WebError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(WebError::io(parent))?;
    }
    builder.finish(path, stamp)
}

/// What the records say, and whose they are.
fn read(library: &Library, progress: &mut dyn FnMut(f64)) -> Result<(Builder, Stamp), WebError> {
    let source = journal(library);
    let (size, modified_ns) = seen(&source)?;
    let file = File::open(&source).map_err(WebError::io(&source))?;
    // What is appended meanwhile is not of this library.
    let mut reader = BufReader::with_capacity(1 << 20, file.take(size));
    let (mut builder, mut hash) = (Builder::default(), Sha256::new());
    let (mut line, mut offset, mut number) = (Vec::new(), 0, 0_u64);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(WebError::io(&source))? == 0 {
            break;
        }
        number += 1;
        hash.update(&line);
        let wrong = |message: String| WebError::content(&source, format!("line {number}: {message}"));
        let text = std::str::from_utf8(&line).map_err(|error| wrong(error.to_string()))?;
        let mut entry = Entry::from_line(text.trim_end(), offset).map_err(&wrong)?;
        if !entry.numbers.contains_key(&crate::Facet::Energy) {
            add_params(library, &mut entry);
        }
        builder.add(&entry).map_err(wrong)?;
        offset += line.len() as u64;
        if number.is_multiple_of(256) {
            progress(offset as f64 / size.max(1) as f64);
        }
    }
    let sha256 = hexadecimal(&hash.finalize());
    if library.manifest().samples_sha256.as_ref() != Some(&sha256) {
        let message = "its SHA-256 is not the one in library.json; `adatom library verify` tells more";
        return Err(WebError::content(&source, message));
    }
    Ok((builder, Stamp { sha256, size, modified_ns }))
}

/// Of an imported library the files of parameters tell field, energy and semi-angle.
fn add_params(library: &Library, entry: &mut Entry) {
    if !library.manifest().labels.contains(&Label::Params) {
        return;
    }
    let rows = library.bytes(Label::Params, entry.id).ok();
    if let Some(rows) = rows.and_then(|bytes| parse_rows(&String::from_utf8_lossy(&bytes)).ok()) {
        entry.add_params(&rows.into_iter().flatten().collect::<Vec<_>>());
    }
}
