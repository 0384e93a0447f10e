use super::{Pack, Spool};
use flate2::Crc;
use std::io::{self, Write};

/// A ZIP archive whose files are stored as they are: pictures don't get smaller. With the extensions for more than
/// 4 GB or 65,535 files (zip64) where they are needed. The directory waits for the end on disk.
pub(crate) struct Zip<W> {
    out: W,
    at: u64,
    count: u64,
    directory: Spool,
}

/// 1 January 1980, the earliest time there is, so that the same selection is the same bytes.
const DATE: u16 = 0x0021;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
const MAX: u32 = u32::MAX;

impl<W: Write> Zip<W> {
    pub fn new(out: W) -> Self {
        Self { out, at: 0, count: 0, directory: Spool::default() }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn begin(&mut self, name: &str, crc: u32, size: u64) -> io::Result<()> {
        let offset = self.at;
        let big_size = size >= u64::from(MAX);
        let big_offset = offset >= u64::from(MAX);
        let short = |value: u64| u32::try_from(value).unwrap_or(MAX).to_le_bytes();
        let version: u16 = if big_size || big_offset { 45 } else { 20 };
        let mut extra = Vec::new();
        if big_size {
            extra.extend(size.to_le_bytes());
            extra.extend(size.to_le_bytes());
        }
        let extended = |extra: &[u8]| {
            let mut field = Vec::new();
            if !extra.is_empty() {
                field.extend(1_u16.to_le_bytes());
                field.extend((extra.len() as u16).to_le_bytes());
                field.extend(extra);
            }
            field
        };
        // What both headers have: versions, flags, no compression, time, sum, sizes, length of the name.
        let mut common = Vec::new();
        for value in [version, FLAGS, 0, 0, DATE] {
            common.extend(value.to_le_bytes());
        }
        common.extend(crc.to_le_bytes());
        common.extend(short(size));
        common.extend(short(size));
        common.extend((name.len() as u16).to_le_bytes());
        let local = extended(&extra);
        if big_offset {
            extra.extend(offset.to_le_bytes());
        }
        let central = extended(&extra);

        let mut header = b"PK\x03\x04".to_vec();
        header.extend(&common);
        header.extend((local.len() as u16).to_le_bytes());
        header.extend(name.as_bytes());
        header.extend(&local);
        self.write(&header)?;

        let mut entry = b"PK\x01\x02".to_vec();
        // Made by Unix, so that the permissions below count.
        entry.extend((0x0300 | version).to_le_bytes());
        entry.extend(&common);
        entry.extend((central.len() as u16).to_le_bytes());
        entry.extend([0; 6]);
        entry.extend((0o100_644_u32 << 16).to_le_bytes());
        entry.extend(if big_offset { MAX.to_le_bytes() } else { short(offset) });
        entry.extend(name.as_bytes());
        entry.extend(&central);
        self.count += 1;
        self.directory.write_all(&entry)
    }
}

impl<W: Write> Pack for Zip<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut crc = Crc::new();
        crc.update(bytes);
        self.begin(name, crc.sum(), bytes.len() as u64)?;
        self.write(bytes)
    }

    fn add_spool(&mut self, name: &str, spool: &mut Spool) -> io::Result<()> {
        let mut crc = Crc::new();
        spool.read(&mut |piece| {
            crc.update(piece);
            Ok(())
        })?;
        self.begin(name, crc.sum(), spool.len())?;
        spool.read(&mut |piece| self.write(piece))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let (start, count) = (self.at, self.count);
        let mut directory = std::mem::take(&mut self.directory);
        let size = directory.len();
        directory.read(&mut |piece| self.write(piece))?;
        let mut end = Vec::new();
        if count >= 0xffff || start >= u64::from(MAX) || size >= u64::from(MAX) {
            let place = self.at;
            end.extend(b"PK\x06\x06");
            end.extend(44_u64.to_le_bytes());
            end.extend([45, 3, 45, 0]);
            end.extend([0; 8]);
            for value in [count, count, size, start] {
                end.extend(value.to_le_bytes());
            }
            end.extend(b"PK\x06\x07");
            end.extend([0; 4]);
            end.extend(place.to_le_bytes());
            end.extend(1_u32.to_le_bytes());
        }
        let few = u16::try_from(count).unwrap_or(u16::MAX);
        let short = |value: u64| u32::try_from(value).unwrap_or(MAX);
        end.extend(b"PK\x05\x06");
        end.extend([0; 4]);
        end.extend(few.to_le_bytes());
        end.extend(few.to_le_bytes());
        end.extend(short(size).to_le_bytes());
        end.extend(short(start).to_le_bytes());
        end.extend([0; 2]);
        self.write(&end)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks Python, which is not us, what is in an archive; `None` where there is no Python.
    fn listed(path: &std::path::Path) -> Option<String> {
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); i = z.infolist(); \
                      print(len(i), i[-1].filename, z.read(i[-1]).decode(), i[-1].header_offset > 2**32)";
        let output = std::process::Command::new("python3").args(["-c", script]).arg(path).output();
        let Ok(output) = output else {
            eprintln!("SKIPPED: there is no python3");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    #[test]
    fn more_files_than_sixteen_bits_count_are_all_listed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = Zip::new(std::io::BufWriter::new(file.reopen().unwrap()));
        for at in 0..70_000 {
            zip.add(&format!("{at:05}.txt"), if at == 69_999 { b"end" } else { b"" }).unwrap();
        }
        Box::new(zip).finish().unwrap();
        if let Some(listed) = listed(file.path()) {
            assert_eq!(listed, "70000 69999.txt end False");
        }
    }

    /// Where `part` is in `bytes`.
    fn place(bytes: &[u8], part: &[u8]) -> usize {
        bytes.windows(part.len()).position(|window| window == part).unwrap()
    }

    #[test]
    fn sizes_and_places_of_more_than_four_gigabytes_are_extended() {
        let (size, offset): (u64, u64) = (6 << 30, 5 << 30);
        let mut out = Vec::new();
        let mut zip = Zip { at: offset, ..Zip::new(&mut out) };
        zip.begin("big", 7, size).unwrap();
        zip.at += size;
        let start = zip.at;
        Box::new(zip).finish().unwrap();
        let number = |at: usize, width: usize| {
            out[at..at + width].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let local = place(&out, b"big") + 3;
        assert_eq!([number(local, 2), number(local + 2, 2)], [1, 16]);
        assert_eq!([number(local + 4, 8), number(local + 12, 8)], [size; 2]);
        let entry = place(&out, b"PK\x01\x02");
        assert_eq!([20, 24, 42].map(|at| number(entry + at, 4)), [u64::from(MAX); 3]);
        let extra = entry + 46 + 3;
        assert_eq!([number(extra, 2), number(extra + 2, 2)], [1, 24]);
        assert_eq!([4, 12, 20].map(|at| number(extra + at, 8)), [size, size, offset]);
        let end = place(&out, b"PK\x06\x06");
        assert_eq!([number(end + 24, 8), number(end + 32, 8), number(end + 48, 8)], [1, 1, start]);
        let last = place(&out, b"PK\x05\x06");
        assert_eq!(number(last + 16, 4), u64::from(MAX), "where the directory is stands in the extension");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_behind_four_gigabytes_is_found() {
        use std::io::Seek;
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = Zip::new(file.reopen().unwrap());
        // What is skipped is a hole that takes no room on the disk.
        let size = 5 << 30;
        zip.begin("big.bin", 0, size).unwrap();
        zip.at += size;
        zip.out.seek(io::SeekFrom::Start(zip.at)).unwrap();
        zip.add("last.txt", b"end").unwrap();
        Box::new(zip).finish().unwrap();
        if let Some(listed) = listed(file.path()) {
            assert_eq!(listed, "2 last.txt end True");
        }
    }
}
