//! Where samples begin in tar shards, so that one sample can be read without reading all before it.

use crate::ArchiveError;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tar::Header;

/// Size of a header, and what members are padded to.
const BLOCK: u64 = 512;

/// Bytes of a header that hold its own sum.
const SUM: std::ops::Range<usize> = 148..156;

/// The shards seen so far; 16 bytes a sample.
#[derive(Default)]
pub(crate) struct Shards {
    tables: Mutex<HashMap<PathBuf, (Version, Arc<Table>)>>,
}

/// Length and time of a file: another one, such as one that was still being copied, is read anew.
type Version = (u64, Option<SystemTime>);

/// The samples' numbers, in order, and where the first member of each is.
type Table = Vec<(u64, u64)>;

/// A member's name and size.
struct Member {
    name: String,
    size: u64,
}

impl Shards {
    /// The bytes of the member `wanted`, `None` if it isn't among its sample's.
    pub(crate) fn bytes(&self, path: &Path, wanted: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let io = ArchiveError::io;
        let mut file = File::open(path).map_err(io(path))?;
        let table = self.table(path, &mut file)?;
        let place = sample(wanted).and_then(|id| table.binary_search_by_key(&id, |(known, _)| *known).ok());
        let Some(mut at) = place.map(|place| table[place].1) else { return Ok(None) };
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

    fn table(&self, path: &Path, file: &mut File) -> Result<Arc<Table>, ArchiveError> {
        let tables = || self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = file.metadata().map_err(ArchiveError::io(path))?;
        let version = (metadata.len(), metadata.modified().ok());
        if let Some((_, table)) = tables().get(path).filter(|(known, _)| *known == version) {
            return Ok(Arc::clone(table));
        }
        let (mut table, mut at) = (Table::new(), 0);
        while let Some(member) = header(path, file, at)? {
            if let Some(id) =
                sample(&member.name).filter(|id| table.last().is_none_or(|(last, _)| last != id))
            {
                table.push((id, at));
            }
            at = after(at, &member);
        }
        // Stable: of a sample that comes twice the first place stays.
        table.sort_by_key(|(id, _)| *id);
        table.dedup_by_key(|(id, _)| *id);
        let table = Arc::new(table);
        tables().insert(path.to_owned(), (version, Arc::clone(&table)));
        Ok(table)
    }
}

/// The number before the first dot of a member's name, which says which sample it is of.
fn sample(name: &str) -> Option<u64> {
    name.split('.').next()?.parse().ok()
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
    if header.cksum().map_err(wrong)? != sum(&block) {
        return Err(wrong(std::io::Error::other("its sum is wrong")));
    }
    let name = header.path().map_err(wrong)?.to_string_lossy().into_owned();
    Ok(Some(Member { name, size: header.entry_size().map_err(wrong)? }))
}

/// The sum of a header's bytes, those of the sum itself taken for spaces.
fn sum(block: &[u8]) -> u32 {
    let own = |at| SUM.contains(&at);
    block.iter().enumerate().map(|(at, byte)| u32::from(if own(at) { b' ' } else { *byte })).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A shard of samples with two members each.
    fn shard(ids: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for id in ids {
            for name in [format!("{id:05}.image.png"), format!("{id:05}.json")] {
                let mut header = Header::new_ustar();
                header.set_size(name.len() as u64);
                header.set_mode(0o644);
                builder.append_data(&mut header, &name, name.as_bytes()).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_shard_that_was_still_being_copied_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-000000.tar");
        let (shards, whole) = (Shards::default(), shard(1..=3));
        fs::write(&path, &whole[..4 * 512]).unwrap();
        assert_eq!(shards.bytes(&path, "00003.json").unwrap(), None);
        fs::write(&path, &whole).unwrap();
        assert_eq!(shards.bytes(&path, "00003.json").unwrap().as_deref(), Some(b"00003.json".as_slice()));
        assert_eq!(shards.bytes(&path, "00001.params.txt").unwrap(), None);
    }

    #[test]
    fn a_damaged_header_is_refused_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-000000.tar");
        let mut bytes = shard(1..=3);
        bytes[2 * 512 + 3] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let message = Shards::default().bytes(&path, "00001.json").unwrap_err().to_string();
        assert!(message.contains("no tar header at 1024"), "{message}");
    }
}
