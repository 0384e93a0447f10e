use super::{Pack, Spool};
use std::io::{self, Write};

const BLOCK: usize = 512;

/// A tar archive (ustar); all its files are of the same time, so that the same selection is the same bytes.
pub(crate) struct Tar<W> {
    out: W,
}

impl<W: Write> Tar<W> {
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn header(&mut self, name: &str, size: u64) -> io::Result<()> {
        let mut block = [0_u8; BLOCK];
        let too_long = || io::Error::other(format!("{name}: longer than 100 bytes"));
        block
            .get_mut(..name.len())
            .filter(|_| name.len() <= 100)
            .ok_or_else(too_long)?
            .copy_from_slice(name.as_bytes());
        let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(100, "0000644");
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{size:011o}"));
        put(136, "00000000000");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar");
        put(263, "00");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.out.write_all(&block)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = (size % BLOCK as u64) as usize;
        self.out.write_all(&[0; BLOCK][..if rest == 0 { 0 } else { BLOCK - rest }])
    }
}

impl<W: Write> Pack for Tar<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.header(name, bytes.len() as u64)?;
        self.out.write_all(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn add_spool(&mut self, name: &str, spool: &mut Spool) -> io::Result<()> {
        self.header(name, spool.len())?;
        spool.read(&mut |piece| self.out.write_all(piece))?;
        self.pad(spool.len())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()
    }
}
