use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that stay in memory; more go to a file.
const IN_MEMORY: usize = 256 * 1024;

/// Bytes that are written once and then read: in memory while they are few, else in a temporary file.
#[derive(Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<Temporary>,
    length: u64,
}

struct Temporary {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Spool {
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Calls `take` with all bytes, in pieces. Can be done again.
    pub fn read(&mut self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(temporary) = &mut self.file {
            temporary.file.flush()?;
            let file = temporary.file.get_mut();
            file.seek(SeekFrom::Start(0))?;
            let mut piece = vec![0; 64 * 1024];
            loop {
                match file.read(&mut piece)? {
                    0 => break,
                    n => take(&piece[..n])?,
                }
            }
        }
        take(&self.memory)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.memory.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        if self.memory.len() > IN_MEMORY {
            let temporary = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(Temporary::new()?),
            };
            temporary.file.write_all(&self.memory)?;
            self.memory.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Temporary {
    fn new() -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("adatom-{}-{number}.spool", std::process::id()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        // On Unix the file lives on without its name until it is closed, whatever happens to the program.
        #[cfg(unix)]
        fs::remove_file(&path)?;
        Ok(Self { path, file: BufWriter::new(file) })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if cfg!(not(unix)) {
            // There is nothing to be done about a file that stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_from_memory_and_from_disk() {
        for size in [0, 10, IN_MEMORY, 3 * IN_MEMORY + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut spool = Spool::default();
            bytes.chunks(10_007).for_each(|chunk| spool.write_all(chunk).unwrap());
            assert_eq!((spool.len() as usize, spool.file.is_some()), (size, size > IN_MEMORY));
            for _ in 0..2 {
                let mut read = Vec::new();
                let mut take = |piece: &[u8]| {
                    read.extend_from_slice(piece);
                    Ok(())
                };
                spool.read(&mut take).unwrap();
                assert_eq!(read, bytes);
            }
        }
    }
}
