use super::entry::Entry;
use super::series::{Number, checksum, text_checksum, to_bytes};
use super::{APPLICATION, VERSION};
use crate::query::Sort;
use crate::{Facet, Kind, WebError};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Different values of a facet of words at most; more are kept as unknown.
const MAX_WORDS: usize = u16::MAX as usize;
/// Since then nobody has written to a file that a build has left: it was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Names that are tried for a file that nobody else has.
const TRIES: u64 = 100;

/// What tells whether an index is that of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// SHA-256 of `samples.jsonl`.
    pub sha256: String,
    /// Its size \[bytes\].
    pub size: u64,
    /// When it was changed \[ns since 1970\].
    pub modified_ns: i64,
}

/// Makes an index of entries that are added one by one, in the order of their numbers.
#[derive(Default)]
pub struct Builder {
    ids: Vec<u32>,
    offsets: Vec<u64>,
    lengths: Vec<u32>,
    crcs: Vec<u32>,
    words: HashMap<Facet, Words>,
    numbers: HashMap<Facet, Vec<f32>>,
    texts: HashMap<String, u32>,
    text_of: Vec<u32>,
}

#[derive(Default)]
struct Words {
    known: HashMap<String, u16>,
    codes: Vec<u16>,
}

impl Words {
    fn code(&mut self, value: &str) -> u16 {
        if value.is_empty() {
            return 0;
        }
        if let Some(code) = self.known.get(value) {
            return *code;
        }
        let code = self.known.len() + 1;
        if code > MAX_WORDS {
            return 0;
        }
        self.known.insert(value.to_owned(), code as u16);
        code as u16
    }
}

impl Builder {
    /// Adds a sample.
    ///
    /// # Errors
    /// When its number is not above the last one's, or above four billion.
    pub fn add(&mut self, entry: &Entry) -> Result<(), String> {
        let id = u32::try_from(entry.id).ok().filter(|id| self.ids.last().is_none_or(|last| last < id));
        let id = id.ok_or_else(|| {
            let last = self.ids.last().copied().unwrap_or_default();
            format!("sample {} after sample {last}; numbers must rise, to four billion at most", entry.id)
        })?;
        self.ids.push(id);
        self.offsets.push(entry.offset);
        self.lengths.push(entry.length);
        self.crcs.push(entry.crc);
        for facet in Facet::ALL {
            match facet.kind() {
                Kind::Words => {
                    let words = self.words.entry(facet).or_default();
                    let code = words.code(entry.words.get(&facet).map_or("", String::as_str));
                    words.codes.push(code);
                }
                Kind::Numbers => {
                    let value = entry.numbers.get(&facet).copied().unwrap_or(f32::NAN);
                    self.numbers.entry(facet).or_default().push(value);
                }
            }
        }
        let (text, next) = (entry.text(), self.texts.len() as u32);
        self.text_of.push(*self.texts.entry(text).or_insert(next));
        Ok(())
    }

    /// Writes the index to `path`, where it appears when it is complete.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(&self, path: &Path, stamp: &Stamp) -> Result<(), WebError> {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let prefix = format!(".{name}.partial-");
        let (partial, now) = create(path, (0..TRIES).map(|_| format!("{prefix}{}", unique())))?;
        clear(path, &prefix, now);
        let written = self.write(&partial, stamp).map_err(WebError::index(path)).and_then(|()| {
            fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(WebError::io(&partial))?;
            fs::rename(&partial, path).map_err(WebError::io(path))
        });
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written
    }

    fn write(&self, path: &Path, stamp: &Stamp) -> rusqlite::Result<()> {
        let connection = Connection::open(path)?;
        connection.execute_batch(&format!(
            "PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};
             CREATE TABLE stamp (sha256 TEXT NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
                samples INTEGER NOT NULL, texts INTEGER NOT NULL, words_crc INTEGER NOT NULL);
             CREATE TABLE word (facet TEXT NOT NULL, code INTEGER NOT NULL, value TEXT NOT NULL);
             CREATE TABLE series (name TEXT PRIMARY KEY, crc INTEGER NOT NULL, data BLOB NOT NULL);
             CREATE VIRTUAL TABLE text USING fts5(body, tokenize = 'unicode61 remove_diacritics 2');
             BEGIN;"
        ))?;
        let series = |name: &str, bytes: Vec<u8>| {
            connection
                .execute("INSERT INTO series VALUES (?1, ?2, ?3)", params![name, checksum(&bytes), bytes])
        };
        series("id", to_bytes(&self.ids))?;
        series("offset", to_bytes(&self.offsets))?;
        series("length", to_bytes(&self.lengths))?;
        series("crc", to_bytes(&self.crcs))?;
        series("text", to_bytes(&self.text_of))?;
        for facet in Facet::ALL {
            if let Some(words) = self.words.get(&facet) {
                series(facet.key(), to_bytes(&words.codes))?;
                for (value, code) in &words.known {
                    connection
                        .execute("INSERT INTO word VALUES (?1, ?2, ?3)", params![facet.key(), code, value])?;
                }
            }
            if let Some(values) = self.numbers.get(&facet) {
                series(facet.key(), to_bytes(values))?;
            }
        }
        for sort in Sort::STORED {
            series(&format!("by {}", sort.key()), to_bytes(&self.order(sort)))?;
        }
        for (text, code) in &self.texts {
            let row = i64::from(*code) + 1;
            connection.execute("INSERT INTO text (rowid, body) VALUES (?1, ?2)", params![row, text])?;
        }
        connection.execute_batch("COMMIT; INSERT INTO text (text) VALUES ('optimize');")?;
        let size = i64::try_from(stamp.size).unwrap_or(i64::MAX);
        let (samples, texts) = (self.ids.len() as i64, self.texts.len() as i64);
        connection.execute(
            "INSERT INTO stamp VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![stamp.sha256, size, stamp.modified_ns, samples, texts, text_checksum(&connection)?],
        )?;
        connection.close().map_err(|(_, error)| error)
    }

    /// The samples' places in the index, the smallest value first, unknown ones last.
    fn order(&self, sort: Sort) -> Vec<u32> {
        let mut order: Vec<(u64, u32)> = (0..self.ids.len() as u32)
            .map(|at| {
                let key = match sort.facet() {
                    Some(facet) => {
                        let value = self.numbers.get(&facet).and_then(|values| values.get(at as usize));
                        rank(value.copied().unwrap_or(f32::NAN))
                    }
                    None => shuffled(u64::from(self.ids[at as usize])),
                };
                (key, at)
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, at)| at).collect()
    }
}

/// What no other build's file is called by: process, time, and number of the build in the process. Processes of several
/// computers, or of several containers, may share a folder and have the same number.
fn unique() -> String {
    static BUILDS: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", std::process::id(), since.as_nanos(), BUILDS.fetch_add(1, Ordering::Relaxed))
}

/// Creates an empty file beside `path` by the first of `names` that nobody has; returns it with the time that the file
/// system has.
fn create(path: &Path, names: impl Iterator<Item = String>) -> Result<(PathBuf, SystemTime), WebError> {
    for name in names {
        let partial = path.with_file_name(name);
        let created = fs::OpenOptions::new().write(true).create_new(true).open(&partial);
        match created.and_then(|file| file.metadata()?.modified()) {
            Ok(now) => return Ok((partial, now)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(WebError::io(&partial)(error)),
        }
    }
    let message = format!(
        "all {TRIES} names for a file beside it are taken; remove those with \"partial\" in their names"
    );
    Err(WebError::content(path, message))
}

/// Removes what builds that were killed have left beside `path`. Those of others that run go on. `now` is the file
/// system's, since another computer's clock may be an hour away.
fn clear(path: &Path, prefix: &str, now: SystemTime) {
    let files = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for file in files.into_iter().flatten().flatten() {
        let age = || now.duration_since(file.metadata().ok()?.modified().ok()?).ok();
        if file.file_name().to_string_lossy().starts_with(prefix) && age().is_some_and(|age| age > ABANDONED)
        {
            // Whoever may not remove it can do without.
            let _ = fs::remove_file(file.path());
        }
    }
}

/// A number whose order is the values', NaN last.
fn rank(value: f32) -> u64 {
    let bits = if value.is_nan() { f32::INFINITY.to_bits() + 1 } else { (value + 0.0).to_bits() };
    u64::from(if bits >> 31 == 1 { !bits } else { bits | 1 << 31 })
}

/// A number that looks like chance and is the same everywhere (the finaliser of SplitMix64).
fn shuffled(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Whether bytes are a series of a number a sample.
pub(crate) fn is_series_of<T: Number>(bytes: &[u8], samples: usize) -> bool {
    samples.checked_mul(T::SIZE) == Some(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_of_the_same_name_does_not_stop_a_build() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let names = || ["taken", "free"].into_iter().map(str::to_owned);
        fs::write(folder.path().join("taken"), "another's").unwrap();
        assert_eq!(create(&path, names()).unwrap().0, folder.path().join("free"));
        assert_eq!(fs::read_to_string(folder.path().join("taken")).unwrap(), "another's");
        let message = create(&path, names()).err().unwrap().to_string();
        assert!(message.contains("index.sqlite") && message.contains("partial"), "{message}");
        assert_ne!(unique(), unique());
    }

    #[test]
    fn ranks_have_the_order_of_values() {
        let values = [f32::NEG_INFINITY, -2.0, -1e-9, 0.0, 1e-9, 3.0, f32::INFINITY, f32::NAN];
        assert!(values.windows(2).all(|pair| rank(pair[0]) < rank(pair[1])));
        assert_eq!(rank(-0.0), rank(0.0));
    }
}
