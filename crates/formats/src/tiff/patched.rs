//! A file with a few bytes changed, without changing or copying it.

use std::io::{self, Read, Seek, SeekFrom};

use crate::input::Input;

/// A file to read and seek in, some bytes of which are replaced.
pub(super) struct Patched<'a> {
    pub input: &'a Input,
    /// Where the next byte comes from.
    pub at: u64,
    /// Positions and what stands there instead.
    pub patches: Vec<(u64, Vec<u8>)>,
}

impl Read for Patched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (buffer.len() as u64).min(self.input.len().saturating_sub(self.at));
        let mut bytes = self.input.read(self.at, length).map_err(|e| io::Error::other(e.to_string()))?;
        for (position, patch) in &self.patches {
            for (byte, place) in patch.iter().zip(*position..) {
                if let Some(old) = place.checked_sub(self.at).and_then(|i| bytes.get_mut(i as usize)) {
                    *old = *byte;
                }
            }
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.input.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the start"))?;
        Ok(self.at)
    }
}
