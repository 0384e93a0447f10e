//! Where samples begin in tar shards, so that one sample can be read without reading all before it.

use crate::ArchiveError;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tar::Header;

/// Size of a header, and what members are padded to.
const BLOCK: u64 = 512;

/// The shards seen so far; a few kilobytes each.
#[derive(Default)]
pub(crate) struct Shards {
    tables: Mutex<HashMap<PathBuf, Arc<Table>>>,
}

/// Where the first member of each sample is, by the part of its name before the first dot.
type Table = BTreeMap<String, u64>;

/// A member's name and size.
struct Member {
    name: String,
    size: u64,
}

impl Shards {
    /// The bytes of the member `wanted`, `None` if it isn't among its sample's.
    pub(crate) fn bytes(&self, path: &Path, wanted: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let table = self.table(path)?;
        let Some(&first) = table.get(sample(wanted)) else { return Ok(None) };
        let io = ArchiveError::io;
        let mut file = File::open(path).map_err(io(path))?;
        let mut at = first;
        while let Some(member) = header(path, &mut file, at)? {
            if member.name == wanted {
                let mut bytes = Vec::new();
                (&mut file).take(member.size).read_to_end(&mut bytes).map_err(io(path))?;
                if bytes.len() as u64 != member.size {
                    return Err(ArchiveError::content(path, format!("ends within {wanted}")));
                }
                return Ok(Some(bytes));
            }
            if sample(&member.name) != sample(wanted) {
                break;
            }
            at = after(at, &member);
        }
        Ok(None)
    }

    fn table(&self, path: &Path) -> Result<Arc<Table>, ArchiveError> {
        let tables = || self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables().get(path) {
            return Ok(Arc::clone(table));
        }
        let mut file = File::open(path).map_err(ArchiveError::io(path))?;
        let (mut table, mut at) = (Table::new(), 0);
        while let Some(member) = header(path, &mut file, at)? {
            table.entry(sample(&member.name).to_owned()).or_insert(at);
            at = after(at, &member);
        }
        let table = Arc::new(table);
        tables().insert(path.to_owned(), Arc::clone(&table));
        Ok(table)
    }
}

/// The part of a member's name that says which sample it is of.
fn sample(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Where the next member is; past every file when the size is nonsense.
fn after(at: u64, member: &Member) -> u64 {
    at.saturating_add(BLOCK)
        .saturating_add(member.size.div_ceil(BLOCK).saturating_mul(BLOCK))
        .min(i64::MAX as u64)
}

/// The header at `at`, behind which the file then stands; `None` at the end.
fn header(path: &Path, file: &mut File, at: u64) -> Result<Option<Member>, ArchiveError> {
    let mut block = [0; BLOCK as usize];
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut block));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.map_err(ArchiveError::io(path))?,
    }
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let header = Header::from_byte_slice(&block);
    let wrong =
        |error: std::io::Error| ArchiveError::content(path, format!("no tar header at {at}: {error}"));
    let name = header.path().map_err(wrong)?.to_string_lossy().into_owned();
    Ok(Some(Member { name, size: header.entry_size().map_err(wrong)? }))
}
