//! Where the elements of an HDF5 dataset lie.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use hdf5_pure::{ChunkIndex, Dataset, Datatype, Filter, Layout, VlenStringReadOptions};

use super::file::{ANOTHER_WRITER, refused};
use super::filter::unfilter;
use crate::array::{Blocks, bytes};
use crate::error::ReadError;
use crate::input::Input;

type Result<T> = std::result::Result<T, ReadError>;

/// Blocks that contiguous data are read in (bytes).
const CONTIGUOUS_BLOCK: usize = 1 << 20;
/// Text datasets with more elements are not read.
const MOST_TEXTS: usize = 1024;
/// Text datasets with longer elements (bytes) are not read.
const MOST_TEXT_SIZE: u64 = 1 << 16;
/// Rows with more bytes are not read to learn what stands for chunks that are left out.
const MOST_ROW_BYTES: usize = 64 << 20;
/// Text datasets with more bytes are not read.
const MOST_TEXT_BYTES: usize = 64 << 20;

/// The elements of a dataset.
pub(crate) struct Stored {
    dataset: Dataset,
    input: Arc<Input>,
    shape: Vec<usize>,
    block: Vec<usize>,
    size: usize,
    /// Where the elements are, or why that isn't understood.
    layout: std::result::Result<Layout, String>,
    filters: Vec<Filter>,
    fill: OnceLock<Vec<u8>>,
    chunks: OnceLock<std::result::Result<HashMap<Vec<u64>, Piece>, String>>,
}

/// A chunk in the file.
#[derive(Clone, Copy)]
struct Piece {
    address: u64,
    length: u64,
    skipped: u32,
}

impl Stored {
    /// The blocks of a dataset of this shape with elements of `size` bytes, and their shape.
    pub(crate) fn new(
        dataset: Dataset,
        input: Arc<Input>,
        shape: &[usize],
        size: usize,
    ) -> Result<(Vec<usize>, Self)> {
        let layout = dataset.layout().map_err(|error| error.to_string());
        let block = match &layout {
            Ok(Layout::Chunked { chunk_shape, .. }) => chunk_shape
                .iter()
                .map(|&side| usize::try_from(side).map_err(ReadError::damaged))
                .collect::<Result<Vec<_>>>()?,
            Ok(Layout::Contiguous { .. }) => rows(shape, size),
            _ => shape.iter().map(|&side| side.max(1)).collect(),
        };
        let filters = dataset.filter_pipeline();
        let (shape, fill, chunks) = (shape.to_vec(), OnceLock::new(), OnceLock::new());
        Ok((block.clone(), Self { dataset, input, shape, block, size, layout, filters, fill, chunks }))
    }

    fn piece(&self, index: &[usize]) -> Result<Option<Piece>> {
        if let Ok(Layout::Chunked { index: ChunkIndex::BTreeV2, .. }) = self.layout {
            let reason = "several of its axes can grow, and it is written in the form that only HDF5 1.10 and later know";
            return Err(ReadError::unsupported_but(reason, "save it again with axes that cannot grow"));
        }
        let offset: Vec<_> = index.iter().zip(&self.block).map(|(i, side)| (i * side) as u64).collect();
        Ok(self.pieces()?.get(&offset).copied())
    }

    /// All chunks by the place of their first element.
    fn pieces(&self) -> Result<&HashMap<Vec<u64>, Piece>> {
        let pieces = self.chunks.get_or_init(|| {
            let piece = |chunk: hdf5_pure::Chunk| {
                let piece =
                    Piece { address: chunk.address, length: chunk.storage_size, skipped: chunk.filter_mask };
                (chunk.offset, piece)
            };
            Ok(chunks(&self.dataset, &self.input)?.into_iter().map(piece).collect())
        });
        pieces.as_ref().map_err(ReadError::damaged)
    }

    /// The first element of a chunk.
    fn first_of(&self, index: &[usize]) -> Option<Vec<u8>> {
        let rows = self.shape.get(1..)?;
        bytes(rows, self.size).filter(|&length| length <= MOST_ROW_BYTES)?;
        self.pieces().ok()?;
        let at = |axis: usize| index[axis] * self.block[axis];
        let row = self.dataset.read_raw_rows(at(0) as u64, 1).ok()?;
        let element = (1..index.len()).fold(0, |sum, axis| sum * self.shape[axis] + at(axis));
        row.get(element * self.size..(element + 1) * self.size).map(<[u8]>::to_vec)
    }

    /// Where a block of contiguous data starts, and how many bytes it has.
    fn span(&self, index: &[usize]) -> Option<(u64, u64)> {
        let Ok(Layout::Contiguous { address, .. }) = self.layout else { return None };
        let mut first = 0;
        let mut count = self.size;
        for ((&i, &side), &block) in index.iter().zip(&self.shape).zip(&self.block) {
            first = first * side + i * block;
            count *= block.min(side - i * block);
        }
        Some((address?.checked_add((first * self.size) as u64)?, count as u64))
    }
}

/// The chunks of a dataset, none longer than the file: the library makes room for what they claim.
fn chunks(dataset: &Dataset, input: &Input) -> std::result::Result<Vec<hdf5_pure::Chunk>, String> {
    let chunks = dataset.chunks().map_err(|error| error.to_string())?;
    match chunks.iter().find(|chunk| chunk.storage_size > input.len()) {
        Some(chunk) => Err(format!("a chunk should have {} bytes, more than the file", chunk.storage_size)),
        None => Ok(chunks),
    }
}

/// The elements of a dataset of texts; `None` of anything else, or of texts that are too many or too long.
pub(super) fn texts(dataset: &Dataset, input: &Input) -> Option<Vec<String>> {
    let count = dataset.shape().ok()?.iter().try_fold(1, |count: u64, side| count.checked_mul(*side))?;
    if count > MOST_TEXTS as u64 {
        return None;
    }
    let elements_are_short = || dataset.element_size().is_ok_and(|size| size <= MOST_TEXT_SIZE);
    let of_fixed_size = match dataset.datatype().ok()? {
        Datatype::String { .. } if elements_are_short() => true,
        Datatype::VariableLength { is_string: true, .. } => false,
        _ => return None,
    };
    if let Layout::Chunked { .. } = dataset.layout().ok()? {
        chunks(dataset, input).ok()?;
    }
    if of_fixed_size {
        return dataset.read_string().ok();
    }
    let options =
        VlenStringReadOptions::new().with_max_elements(MOST_TEXTS).with_max_payload_bytes(MOST_TEXT_BYTES);
    dataset.read_vlen_strings(options).ok()
}

/// A layout that the HDF5 library doesn't know.
fn unknown(reason: &String) -> ReadError {
    ReadError::unsupported_but(reason, ANOTHER_WRITER)
}

/// A block with whole trailing axes, some of the axis before and one of those before that.
fn rows(shape: &[usize], size: usize) -> Vec<usize> {
    let mut left = (CONTIGUOUS_BLOCK / size.max(1)).max(1);
    let mut block: Vec<_> = shape
        .iter()
        .rev()
        .map(|&side| {
            let taken = side.clamp(1, left);
            // Once an axis is cut, those before it have one row each.
            left = if taken < side { 1 } else { left / taken };
            left = left.max(1);
            taken
        })
        .collect();
    block.reverse();
    block
}

impl Blocks for Stored {
    fn stored(&self, index: &[usize]) -> Result<u64> {
        match self.layout.as_ref().map_err(unknown)? {
            Layout::Chunked { .. } => Ok(self.piece(index)?.map_or(0, |piece| piece.length)),
            Layout::Contiguous { size, .. } => Ok(*size),
            Layout::Compact { size } => Ok(*size),
            _ => Ok(0),
        }
    }

    fn available(&self) -> u64 {
        self.input.len()
    }

    fn block(&self, index: &[usize]) -> Result<Option<Vec<u8>>> {
        let length =
            bytes(&self.block, self.size).ok_or_else(|| ReadError::damaged("its blocks are too large"))?;
        match self.layout.as_ref().map_err(unknown)? {
            Layout::Chunked { .. } => {
                let Some(piece) = self.piece(index)? else { return Ok(None) };
                let packed = self.input.read(piece.address, piece.length)?;
                unfilter(packed, &self.filters, piece.skipped, length).map(Some)
            }
            Layout::Contiguous { .. } => match self.span(index) {
                Some((address, length)) => self.input.read(address, length).map(Some),
                // Nothing was ever written, unless the elements lie in another file.
                None => self.dataset.read_raw_rows(0, 0).map(|_| None).map_err(refused),
            },
            Layout::Compact { .. } => self.dataset.read_raw().map(Some).map_err(refused),
            _ => {
                let reason = "its elements lie in other files (a virtual dataset)";
                Err(ReadError::unsupported_but(reason, "copy them into one file"))
            }
        }
    }

    fn fill(&self, index: &[usize]) -> Result<Vec<u8>> {
        let Ok(Layout::Chunked { .. }) = self.layout else { return Ok(Vec::new()) };
        // The library only tells the value where it reads a row; where it can't, zero is most likely.
        Ok(self.fill.get_or_init(|| self.first_of(index).unwrap_or_default()).clone())
    }

    fn texts(&self) -> Option<Vec<String>> {
        texts(&self.dataset, &self.input)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::path::Path;

    /// The text "Velox 1.0" in a chunk of 16 bytes; made with h5py 3.16.
    const TEXT: &[u8] = include_bytes!("../../tests/common/chunked_text.h5");
    /// Where the size of the chunk is.
    const SIZE: usize = 1424;

    /// Found by fuzzing: the library made room for the four gigabytes that a chunk claimed.
    #[test]
    fn a_chunk_longer_than_the_file_is_not_read() {
        let mut claiming = TEXT.to_vec();
        claiming[SIZE..SIZE + 4].fill(0xff);
        for (bytes, text) in [(TEXT.to_vec(), Some("Velox 1.0")), (claiming, None)] {
            let input = Arc::new(Input::from_bytes(Path::new("text.h5"), bytes));
            let version = crate::hdf5::file::open(&input).unwrap().root().dataset("Version").unwrap();
            assert_eq!(texts(&version, &input), text.map(|text| vec![text.to_owned()]));
            assert_eq!(chunks(&version, &input).is_ok(), text.is_some());
        }
    }
}
