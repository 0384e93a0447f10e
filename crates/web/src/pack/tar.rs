use super::{Pack, Spool};
use std::io::{self, Write};

const BLOCK: usize = 512;
/// Sizes from 8 GiB on have more than eleven octal digits; they are written in binary, as GNU's tar does.
const OCTAL: u64 = 1 << 33;

/// A tar archive (ustar); all its files are of the same time, so that the same selection is the same bytes.
pub(crate) struct Tar<W> {
    out: W,
}

impl<W: Write> Tar<W> {
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = (size % BLOCK as u64) as usize;
        self.out.write_all(&[0; BLOCK][..if rest == 0 { 0 } else { BLOCK - rest }])
    }
}

/// A file's header.
fn header(name: &str, size: u64) -> io::Result<[u8; BLOCK]> {
    let mut block = [0_u8; BLOCK];
    let too_long = || io::Error::other(format!("{name}: longer than 100 bytes"));
    block
        .get_mut(..name.len())
        .filter(|_| name.len() <= 100)
        .ok_or_else(too_long)?
        .copy_from_slice(name.as_bytes());
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(100, b"0000644");
    put(108, b"0000000");
    put(116, b"0000000");
    if size < OCTAL {
        put(124, format!("{size:011o}").as_bytes());
    } else {
        put(124, &[0x80]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar");
    put(263, b"00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    Ok(block)
}

impl<W: Write> Pack for Tar<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(&header(name, bytes.len() as u64)?)?;
        self.out.write_all(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn add_spool(&mut self, name: &str, spool: &mut Spool) -> io::Result<()> {
        self.out.write_all(&header(name, spool.len())?)?;
        spool.read(&mut |piece| self.out.write_all(piece))?;
        self.pad(spool.len())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_sizes_up_to_the_largest() {
        for size in [0, 511, OCTAL - 1, OCTAL, 5 << 40, u64::MAX] {
            let block = header("folder/image/00001.png", size).unwrap();
            let read = tar::Header::from_byte_slice(&block);
            assert_eq!(read.entry_size().unwrap(), size);
            assert_eq!(read.path().unwrap().to_str(), Some("folder/image/00001.png"));
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
            assert_eq!(read.cksum().unwrap(), sum - own + 8 * u32::from(b' '));
        }
        assert!(header(&"x".repeat(101), 1).is_err());
    }
}
