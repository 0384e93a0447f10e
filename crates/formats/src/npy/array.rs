//! The elements of an array, read a plane at a time.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::header::Header;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::{Endian, Input};
use crate::zip::{DEFLATED, Member, STORED};

/// Deflate cannot make data more than about 1032 times shorter.
const MOST_PACKED: u64 = 1100;
/// Bytes fetched at once to be inflated.
const WINDOW: u64 = 1 << 16;

/// Where the bytes of an array's file are.
pub(super) enum Source {
    /// As they are, in a file or a stored member of an archive.
    Stored { input: Arc<Input>, at: u64, length: u64 },
    /// In a deflated member.
    Deflated(Deflated),
}

impl Source {
    /// The bytes of a member of an archive.
    pub(super) fn of(member: &Member, input: &Arc<Input>) -> Result<Self, ReadError> {
        let at = member.data_at(input)?;
        match member.method {
            STORED if member.packed == member.length => {
                Ok(Self::Stored { input: Arc::clone(input), at, length: member.length })
            }
            DEFLATED if member.length <= member.packed.saturating_mul(MOST_PACKED) => {
                Ok(Self::Deflated(Deflated::new(input, at, member.packed, member.length, member.check)))
            }
            STORED | DEFLATED => Err(ReadError::damaged(format!(
                "the archive claims that {} bytes become {}",
                member.packed, member.length
            ))),
            other => Err(ReadError::packed(format!(
                "it is packed by method {other}; stored and deflated are read"
            ))),
        }
    }

    /// Length of the array's file.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Stored { length, .. } => *length,
            Self::Deflated(deflated) => deflated.length,
        }
    }

    /// The `length` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
        if offset.checked_add(length).is_none_or(|end| end > self.length()) {
            return Err(ReadError::damaged(format!(
                "{length} bytes at position {offset} are needed, but the array has only {}",
                self.length()
            )));
        }
        match self {
            Self::Stored { input, at, .. } => input.read(at + offset, length),
            Self::Deflated(deflated) => deflated.read(offset, length),
        }
    }
}

/// A deflated member of an archive. It is inflated from front to back, and from the start again only
/// for what lies before.
pub(super) struct Deflated {
    input: Arc<Input>,
    at: u64,
    packed: u64,
    length: u64,
    check: u32,
    state: Mutex<Option<State>>,
}

struct State {
    decoder: DeflateDecoder<Packed>,
    position: u64,
    crc: Crc,
}

impl Deflated {
    /// A member with `packed` bytes from `at` that become `length` bytes with the checksum `check`.
    pub(super) fn new(input: &Arc<Input>, at: u64, packed: u64, length: u64, check: u32) -> Self {
        Self { input: Arc::clone(input), at, packed, length, check, state: Mutex::new(None) }
    }

    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
        let mut slot = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // What fails leaves nothing behind.
        let mut state = match slot.take() {
            Some(state) if state.position <= offset => state,
            _ => self.start(),
        };
        state.pass_to(offset)?;
        let mut bytes = Vec::new();
        state.take(length, &mut bytes)?;
        if state.position == self.length && state.crc.sum() != self.check {
            return Err(ReadError::damaged("the checksum of the array is wrong"));
        }
        *slot = Some(state);
        Ok(bytes)
    }

    fn start(&self) -> State {
        let packed = Packed { input: Arc::clone(&self.input), at: self.at, end: self.at + self.packed };
        State { decoder: DeflateDecoder::new(packed), position: 0, crc: Crc::new() }
    }
}

impl State {
    /// Drops bytes up to `offset`.
    fn pass_to(&mut self, offset: u64) -> Result<(), ReadError> {
        let mut dropped = Vec::new();
        while self.position < offset {
            dropped.clear();
            self.take((offset - self.position).min(WINDOW), &mut dropped)?;
        }
        Ok(())
    }

    /// Appends the next `length` bytes.
    fn take(&mut self, length: u64, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let read = Read::by_ref(&mut self.decoder).take(length).read_to_end(bytes);
        let count =
            read.map_err(|error| ReadError::damaged(format!("its packed data are broken ({error})")))?;
        if (count as u64) < length {
            return Err(ReadError::damaged("its packed data end too early"));
        }
        self.crc.update(bytes);
        self.position += length;
        Ok(())
    }
}

/// The packed bytes, fetched in pieces.
struct Packed {
    input: Arc<Input>,
    at: u64,
    end: u64,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (self.end - self.at).min(buffer.len() as u64).min(WINDOW);
        let bytes = self.input.read(self.at, length).map_err(|error| match error {
            ReadError::Io(error) => error,
            _ => io::ErrorKind::UnexpectedEof.into(),
        })?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at += length;
        Ok(bytes.len())
    }
}

/// An array whose last `plane_axes` axes are a plane: two, or three if the last counts colours.
pub(super) struct Array {
    source: Source,
    data_at: u64,
    dtype: DType,
    endian: Endian,
    fortran: bool,
    shape: Vec<usize>,
    plane_axes: usize,
}

impl Array {
    pub(super) fn new(header: &Header, source: Source, plane_axes: usize) -> Self {
        Self {
            source,
            data_at: header.data_at,
            dtype: header.dtype,
            endian: header.endian,
            fortran: header.fortran,
            shape: header.shape.clone(),
            plane_axes,
        }
    }

    pub(super) fn plane(&self, plane: usize) -> Result<Vec<u8>, ReadError> {
        let (before, inner) = self.shape.split_at(self.shape.len().saturating_sub(self.plane_axes));
        let mut bytes = if self.fortran && self.shape.len() > 1 {
            self.gather(plane, before, inner)?
        } else {
            let length = (inner.iter().product::<usize>() * self.dtype.size()) as u64;
            self.source.read(self.data_at + plane as u64 * length, length)?
        };
        self.dtype.to_little_endian(self.endian, &mut bytes);
        Ok(bytes)
    }

    /// A plane of an array in Fortran's order, where the first axis is the fastest: the file is read
    /// from front to back, one line along the plane's first axis at a time.
    fn gather(&self, plane: usize, before: &[usize], inner: &[usize]) -> Result<Vec<u8>, ReadError> {
        let size = self.dtype.size();
        // The plane's number in C order as a position in Fortran's order.
        let (mut rest, mut first) = (plane, 0);
        let mut stride: usize = before.iter().product();
        for &side in before.iter().rev() {
            stride /= side;
            first += rest % side * stride;
            rest /= side;
        }
        let step = before.iter().product::<usize>();
        let (rows, others) = (inner[0], &inner[1..]);
        let columns = others[0];
        let colours = others.get(1).copied().unwrap_or(1);
        let mut bytes = vec![0; rows * columns * colours * size];
        for colour in 0..colours {
            for column in 0..columns {
                let start = first + step * rows * (column + columns * colour);
                let span = step * (rows - 1) + 1;
                let line = self.source.read(self.data_at + (start * size) as u64, (span * size) as u64)?;
                for row in 0..rows {
                    let to = ((row * columns + column) * colours + colour) * size;
                    let from = row * step * size;
                    bytes[to..to + size].copy_from_slice(&line[from..from + size]);
                }
            }
        }
        Ok(bytes)
    }
}
