use super::build::{Stamp, is_series_of};
use super::series::{Number, checksum, from_bytes, text_checksum};
use super::{APPLICATION, VERSION};
use crate::query::Sort;
use crate::{Facet, Kind, WebError};
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Values of a facet of numbers that are listed one by one at most; more are put into bins.
const MAX_LISTED: usize = 24;
/// Bins, about.
const BINS: f64 = 20.0;
/// Bins at most, whatever rounding makes of them.
const MAX_BINS: usize = 64;
/// Connections to the file that are kept.
const MAX_CONNECTIONS: usize = 4;
/// Time that a search for text may take.
const MAX_SEARCH: Duration = Duration::from_secs(5);

/// The index of a library, in memory but for the text.
pub struct Index {
    path: PathBuf,
    stamp: Stamp,
    ids: Vec<u32>,
    offsets: Vec<u64>,
    lengths: Vec<u32>,
    crcs: Vec<u32>,
    columns: Vec<Column>,
    text_of: Vec<u32>,
    texts: usize,
    orders: Vec<(Sort, Vec<u32>)>,
    connections: Mutex<Vec<Connection>>,
    /// How many samples each option of each facet has in the whole library.
    pub(crate) totals: OnceLock<Vec<Vec<usize>>>,
}

/// A facet's values, one a sample.
pub(crate) struct Column {
    /// For each sample a code, 0 where nothing is known.
    pub codes: Vec<u16>,
    /// For each code the options that it stands for: none, one, or of elements several.
    pub stands_for: Vec<Vec<u16>>,
    pub options: Options,
    /// Of a facet of numbers.
    pub numbers: Vec<f32>,
    /// The smallest and the largest of them.
    pub bounds: Option<(f32, f32)>,
}

/// What can be chosen.
pub(crate) enum Options {
    Words(Vec<String>),
    /// Every number that there is.
    Numbers(Vec<f32>),
    /// From, to below; `edges` has one more than there are bins.
    Bins(Vec<f32>),
}

impl Options {
    pub fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Bins(edges) => edges.len().saturating_sub(1),
        }
    }
}

impl Index {
    /// Opens the index at `path`.
    ///
    /// # Errors
    /// When there is none, it is of another version, or damaged.
    pub fn open(path: &Path) -> Result<Self, WebError> {
        let connection = connect(path)?;
        let sql = WebError::index;
        let (stamp, samples, texts, words_crc) = connection
            .query_row("SELECT sha256, size, modified_ns, samples, texts, words_crc FROM stamp", [], |row| {
                let size = row.get::<_, i64>(1)?.unsigned_abs();
                let stamp = Stamp { sha256: row.get(0)?, size, modified_ns: row.get(2)? };
                let count = |value: i64| usize::try_from(value).unwrap_or_default();
                Ok((stamp, count(row.get(3)?), count(row.get(4)?), row.get::<_, u32>(5)?))
            })
            .map_err(sql(path))?;
        let reader = Reader { path, connection: &connection, samples };
        let (ids, offsets, lengths) =
            (reader.series("id")?, reader.series("offset")?, reader.series("length")?);
        let text_of: Vec<u32> = reader.series("text")?;
        let columns = Facet::ALL.map(|facet| reader.column(facet));
        let columns = columns.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut orders = Vec::new();
        for sort in Sort::STORED {
            let order: Vec<u32> = reader.series(&format!("by {}", sort.key()))?;
            if order.iter().any(|at| *at as usize >= samples) {
                return Err(reader.damaged(sort.key()));
            }
            orders.push((sort, order));
        }
        // Every text is one of a sample's at least.
        let known = text_of.iter().max().map_or(0, |last| *last as usize + 1);
        if texts != known || texts > samples || text_checksum(&connection).map_err(sql(path))? != words_crc {
            return Err(reader.damaged("text"));
        }
        Ok(Self {
            path: path.to_owned(),
            stamp,
            ids,
            offsets,
            lengths,
            crcs: reader.series("crc")?,
            columns,
            text_of,
            texts,
            orders,
            connections: Mutex::new(vec![connection]),
            totals: OnceLock::new(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which library it is of.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The place of sample `id` in the index.
    pub fn find(&self, id: u64) -> Option<usize> {
        self.ids.binary_search(&u32::try_from(id).ok()?).ok()
    }

    /// The number of the sample at a place.
    pub fn id(&self, at: usize) -> u64 {
        u64::from(self.ids[at])
    }

    /// Where the sample's line begins in `samples.jsonl`, and its length \[bytes\].
    pub fn line(&self, at: usize) -> (u64, u64) {
        (self.offsets[at], u64::from(self.lengths[at]))
    }

    /// CRC-32 of the sample's line.
    pub(crate) fn line_crc(&self, at: usize) -> u32 {
        self.crcs[at]
    }

    pub(crate) fn column(&self, facet: Facet) -> &Column {
        &self.columns[facet.at()]
    }

    /// A sample's value of a facet of words, empty where unknown; of elements their symbols.
    pub fn words(&self, facet: Facet, at: usize) -> Vec<&str> {
        let column = self.column(facet);
        let Options::Words(words) = &column.options else { return Vec::new() };
        column.stands_for[column.codes[at] as usize]
            .iter()
            .map(|word| words[*word as usize].as_str())
            .collect()
    }

    /// A sample's value of a facet of numbers, `None` where unknown.
    pub fn number(&self, facet: Facet, at: usize) -> Option<f32> {
        self.column(facet).numbers.get(at).copied().filter(|value| !value.is_nan())
    }

    /// Places by a stored order; `None` for the order of the numbers, which is that of the index.
    pub(crate) fn order(&self, sort: Sort) -> Option<&[u32]> {
        self.orders.iter().find(|(known, _)| *known == sort).map(|(_, order)| order.as_slice())
    }

    /// For each sample whether its words match a search.
    ///
    /// # Errors
    /// When the file can't be read any more, or is another library's by now.
    pub(crate) fn matching(&self, search: &str) -> Result<super::bits::Bits, WebError> {
        let sql = WebError::index;
        let connections = || self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = connections().pop();
        let connection = kept.map_or_else(|| connect(&self.path), Ok)?;
        let mut found = vec![false; self.texts];
        let run = || {
            let sha256: String = connection.query_row("SELECT sha256 FROM stamp", [], |row| row.get(0))?;
            if sha256 != self.stamp.sha256 {
                return Ok(false);
            }
            let mut statement = connection.prepare("SELECT rowid FROM text WHERE text MATCH ?1")?;
            let mut rows = statement.query(params![search])?;
            while let Some(row) = rows.next()? {
                let text = usize::try_from(row.get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
                if let Some(found) = found.get_mut(text) {
                    *found = true;
                }
            }
            Ok(true)
        };
        let interrupt = connection.get_interrupt_handle();
        if !within(MAX_SEARCH, move || interrupt.interrupt(), run).map_err(sql(&self.path))? {
            let message = "it was replaced by another library's; the server must be started anew";
            return Err(WebError::content(&self.path, message));
        }
        let mut kept = connections();
        if kept.len() < MAX_CONNECTIONS {
            kept.push(connection);
        }
        Ok(super::bits::Bits::of(&self.text_of, |text| found[text as usize]))
    }
}

/// Runs `work`; calls `stop` from another thread, if there is one to be had, when it takes longer than `limit`.
fn within<T>(limit: Duration, stop: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let watch = move || {
            if ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                stop();
            }
        };
        if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, watch) {
            tracing::warn!(%error, "nobody watches how long a search takes");
        }
        let result = work();
        drop(done);
        result
    })
}

/// A connection to an index of this program's version: another program may have replaced it while it is served.
fn connect(path: &Path) -> Result<Connection, WebError> {
    // Without this check the message would be that a file can't be opened.
    std::fs::metadata(path).map_err(WebError::io(path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(WebError::index(path))?;
    let number = |pragma: &str| {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .map_err(WebError::index(path))
    };
    let found = (number("application_id")?, number("user_version")?);
    if found != (APPLICATION, VERSION) {
        let message = format!("an index of version {}; this program's have version {VERSION}", found.1);
        return Err(WebError::content(path, message));
    }
    Ok(connection)
}

struct Reader<'a> {
    path: &'a Path,
    connection: &'a Connection,
    samples: usize,
}

impl Reader<'_> {
    fn damaged(&self, what: &str) -> WebError {
        WebError::content(self.path, format!("its column {what:?} is damaged; the index must be built anew"))
    }

    fn series<T: Number>(&self, name: &str) -> Result<Vec<T>, WebError> {
        let values = self
            .connection
            .query_row("SELECT crc, data FROM series WHERE name = ?1", params![name], |row| {
                let bytes = row.get_ref(1)?.as_blob()?;
                let whole =
                    is_series_of::<T>(bytes, self.samples) && checksum(bytes) == row.get::<_, u32>(0)?;
                Ok(whole.then(|| from_bytes(bytes)))
            })
            .map_err(WebError::index(self.path))?;
        values.ok_or_else(|| self.damaged(name))
    }

    fn column(&self, facet: Facet) -> Result<Column, WebError> {
        match facet.kind() {
            Kind::Words => self.words(facet),
            Kind::Numbers => Ok(numbers(self.series(facet.key())?)),
        }
    }

    fn words(&self, facet: Facet) -> Result<Column, WebError> {
        let codes: Vec<u16> = self.series(facet.key())?;
        let values = self
            .connection
            .prepare("SELECT value FROM word WHERE facet = ?1 ORDER BY code")
            .and_then(|mut statement| {
                statement
                    .query_map(params![facet.key()], |row| row.get(0))?
                    .collect::<Result<Vec<String>, _>>()
            })
            .map_err(WebError::index(self.path))?;
        if codes.iter().any(|code| usize::from(*code) > values.len()) {
            return Err(self.damaged(facet.key()));
        }
        let mut options: Vec<String> = if facet == Facet::Elements {
            values.iter().flat_map(|value| value.split(' ')).map(str::to_owned).collect()
        } else {
            values.clone()
        };
        options.sort_unstable();
        options.dedup();
        let option = |value: &str| options.binary_search_by(|known| known.as_str().cmp(value)).ok();
        let stands_for = |value: &String| -> Vec<u16> {
            let parts: Vec<&str> =
                if facet == Facet::Elements { value.split(' ').collect() } else { vec![value.as_str()] };
            parts.into_iter().filter_map(option).map(|at| at as u16).collect()
        };
        let stands_for = std::iter::once(Vec::new()).chain(values.iter().map(stands_for)).collect();
        Ok(Column { codes, stands_for, options: Options::Words(options), numbers: Vec::new(), bounds: None })
    }
}

/// A column of numbers with its options: the numbers, where they are few, or bins.
fn numbers(numbers: Vec<f32>) -> Column {
    let mut listed: Vec<f32> = Vec::new();
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for value in numbers.iter().copied().filter(|value| value.is_finite()) {
        (low, high) = (low.min(value), high.max(value));
        if listed.len() <= MAX_LISTED
            && let Err(at) = listed.binary_search_by(|known| known.total_cmp(&value))
        {
            listed.insert(at, value);
        }
    }
    let options =
        if listed.len() <= MAX_LISTED { Options::Numbers(listed) } else { Options::Bins(edges(low, high)) };
    let codes = match &options {
        Options::Numbers(listed) => {
            let code = |v: &f32| listed.binary_search_by(|known| known.total_cmp(v)).map_or(0, |at| at + 1);
            numbers.iter().map(|value| code(value) as u16).collect()
        }
        Options::Bins(edges) => {
            // By comparison, as for whoever asks for the bin's range.
            let code = |value: &f32| edges.partition_point(|edge| edge <= value);
            let known = |value: &f32| if value.is_finite() { code(value) as u16 } else { 0 };
            numbers.iter().map(known).collect()
        }
        Options::Words(_) => Vec::new(),
    };
    let stands_for =
        std::iter::once(Vec::new()).chain((0..options.len()).map(|at| vec![at as u16])).collect();
    let bounds = (low <= high).then_some((low, high));
    Column { codes, stands_for, options, numbers, bounds }
}

/// Round numbers that rise, from `low` or below it to above `high`.
fn edges(low: f32, high: f32) -> Vec<f32> {
    let (bottom, top) = (f64::from(low), f64::from(high));
    let rough = (top - bottom) / BINS;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((bottom / step).floor(), (top / step).floor() + 1.0);
    let bins = ((last - first) as usize).min(MAX_BINS);
    // From whole numbers, so that the edges are as round as they can be.
    let exact = |n: f64| (if step < 1.0 { n / (1.0 / step).round() } else { n * step.round() }) as f32;
    let mut edges: Vec<f32> = (0..=bins).map(|at| exact(first + at as f64)).collect();
    // Rounding must leave no value outside.
    edges.dedup();
    if let Some(first) = edges.first_mut() {
        *first = first.min(low);
    }
    if edges.last().is_none_or(|last| *last <= high) {
        edges.push(high.next_up());
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_are_put_into_round_bins_that_hold_them() {
        let values: Vec<f32> = (0..1000).map(|at| 8.13 + at as f32 * 0.0217).chain([f32::NAN]).collect();
        let column = numbers(values.clone());
        let Options::Bins(edges) = &column.options else { panic!("no bins") };
        assert!((10..=30).contains(&column.options.len()), "{edges:?}");
        assert_eq!((edges[0], edges[1]), (8.0, 10.0));
        for (value, code) in values.iter().zip(&column.codes).take(1000) {
            let bin = usize::from(*code) - 1;
            assert!(edges[bin] <= *value && *value < edges[bin + 1], "{value} in bin {bin}");
        }
        assert_eq!(column.codes[1000], 0);
    }

    #[test]
    fn bins_hold_the_strangest_numbers() {
        for (low, step) in
            [(0.0, 1e-45), (1e8, 8.0), (-1.5e38, 5e36), (0.3, 0.1), (-7.0, 0.5), (1e-30, 1e-32)]
        {
            let values: Vec<f32> = (0..60).map(|at| low + at as f32 * step).collect();
            let column = numbers(values.clone());
            let Options::Bins(edges) = &column.options else { panic!("no bins for {low}") };
            assert!(edges.is_sorted_by(|a, b| a < b) && edges.len() <= MAX_BINS + 2, "{edges:?}");
            for (value, code) in values.iter().zip(&column.codes) {
                let bin = usize::from(*code) - 1;
                assert!(edges[bin] <= *value && *value < edges[bin + 1], "{value} of {edges:?}");
            }
        }
    }

    #[test]
    fn an_index_of_another_version_that_replaces_this_one_is_not_searched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let stamp = Stamp { sha256: "0".repeat(64), size: 0, modified_ns: 0 };
        let mut builder = crate::Builder::default();
        let (words, numbers) = Default::default();
        builder.add(&crate::Entry { id: 1, offset: 0, length: 0, crc: 0, words, numbers }).unwrap();
        builder.finish(&path, &stamp).unwrap();
        let index = Index::open(&path).unwrap();
        Connection::open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        index.connections.lock().unwrap().clear();
        let message = index.matching("platinum").err().unwrap().to_string();
        assert!(message.contains(&format!("version {}", VERSION + 1)), "{message}");
    }

    #[test]
    fn few_numbers_are_listed() {
        let column = numbers(vec![20.0, 8.0, 20.0, f32::NAN]);
        assert!(matches!(&column.options, Options::Numbers(listed) if *listed == [8.0, 20.0]));
        assert_eq!(column.codes, [2, 1, 2, 0]);
    }

    #[test]
    fn work_that_takes_too_long_is_told_to_stop() {
        let stopped = std::sync::atomic::AtomicBool::new(false);
        let set = || stopped.store(true, std::sync::atomic::Ordering::SeqCst);
        let is_set = || stopped.load(std::sync::atomic::Ordering::SeqCst);
        within(Duration::from_millis(5), set, || {
            while !is_set() {
                std::thread::yield_now();
            }
        });
        stopped.store(false, std::sync::atomic::Ordering::SeqCst);
        within(Duration::from_secs(60), set, || ());
        assert!(!is_set());
    }
}
