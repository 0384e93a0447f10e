//! Arrays that are stored in blocks, of which any part can be read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::Endian;

type Result<T> = std::result::Result<T, ReadError>;

/// Where the blocks of an array come from. All blocks have one shape; together they cover the array.
pub(crate) trait Blocks: Send + Sync {
    /// How many bytes of the file a block takes; 0 if it is left out.
    fn stored(&self, index: &[usize]) -> Result<u64>;

    /// How many bytes there are for all blocks together.
    fn available(&self) -> u64 {
        u64::MAX
    }

    /// The elements of a block in C order, also those beyond the array's end, or `None` if the file
    /// leaves it out.
    fn block(&self, index: &[usize]) -> Result<Option<Vec<u8>>>;

    /// The bytes of an element of this block, which is left out; empty for zero.
    fn fill(&self, index: &[usize]) -> Result<Vec<u8>>;

    /// The elements as texts, if they are texts and few.
    fn texts(&self) -> Option<Vec<String>> {
        None
    }
}

/// Any array is trusted to have so many bytes.
const ALWAYS_TRUSTED: u64 = 64 << 20;
/// Larger ones must have a byte in the file for so many.
const MOST_PACKED: u64 = 1100;
/// No array is read in more pieces.
const MOST_BLOCKS: usize = 1 << 22;
/// Blocks are kept for the next plane while they take fewer bytes than this.
const CACHE_BYTES: usize = 32 << 20;

/// A block and its index.
type Cached = (Vec<usize>, Arc<Vec<u8>>);

/// An array of a hierarchical file.
pub(crate) struct Array {
    /// Its own attributes.
    pub attributes: Map<String, Value>,
    shape: Vec<usize>,
    dtype: DType,
    endian: Endian,
    block: Vec<usize>,
    blocks: Box<dyn Blocks>,
    /// The blocks that were read last, by their index.
    cache: Mutex<VecDeque<Cached>>,
}

impl Array {
    /// An array of `shape` in blocks of the shape `block`.
    pub(crate) fn new(
        shape: Vec<usize>,
        (dtype, endian): (DType, Endian),
        block: Vec<usize>,
        blocks: Box<dyn Blocks>,
        attributes: Map<String, Value>,
    ) -> Result<Self> {
        let possible = bytes(&shape, dtype.size().max(1)).is_some_and(|bytes| bytes < 1 << 50);
        if !possible || block.len() != shape.len() || block.contains(&0) {
            return Err(ReadError::damaged(format!("an array of {shape:?} in blocks of {block:?}")));
        }
        Ok(Self { attributes, shape, dtype, endian, block, blocks, cache: Mutex::default() })
    }

    /// Sizes of the axes, slowest first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the elements.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The elements as texts, if they are texts and few.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        self.blocks.texts()
    }

    /// All elements as numbers, if there are at most `most`.
    pub(crate) fn numbers(&self, most: usize) -> Result<Option<Vec<f64>>> {
        if bytes(&self.shape, 1).is_none_or(|count| count > most) || self.dtype == DType::Object {
            return Ok(None);
        }
        let whole = self.read(&vec![0; self.shape.len()], &self.shape)?;
        Ok(Some(self.dtype.numbers(&whole)))
    }

    /// The little-endian elements from `start` to `start + count` on each axis, in C order.
    pub(crate) fn read(&self, start: &[usize], count: &[usize]) -> Result<Vec<u8>> {
        let inside = start.iter().zip(count).zip(&self.shape);
        if inside
            .clone()
            .any(|((start, count), size)| start.checked_add(*count).is_none_or(|end| end > *size))
        {
            return Err(ReadError::damaged(format!(
                "elements from {start:?} on are needed, but the array has {:?}",
                self.shape
            )));
        }
        let size = self.dtype.size();
        let length = bytes(count, size).ok_or_else(|| too_large(count))?;
        if length == 0 {
            return Ok(Vec::new());
        }
        let blocks: Vec<_> = start
            .iter()
            .zip(count)
            .zip(&self.block)
            .map(|((start, count), block)| (start / block, (start + count - 1) / block + 1))
            .collect();
        self.check(&blocks, length as u64)?;
        let mut out = vec![0; length];
        each(&blocks, |index| self.copy(index, start, count, &mut out))?;
        self.dtype.to_little_endian(self.endian, &mut out);
        Ok(out)
    }

    /// Refuses claims that the stored bytes cannot fulfil.
    fn check(&self, blocks: &[(usize, usize)], length: u64) -> Result<()> {
        let pieces = bytes(&blocks.iter().map(|(from, to)| to - from).collect::<Vec<_>>(), 1);
        if pieces.is_none_or(|pieces| pieces > MOST_BLOCKS) {
            let reason = format!("an array in blocks of {:?}", self.block);
            return Err(ReadError::unsupported_but(reason, "save it again in larger blocks"));
        }
        let block = bytes(&self.block, self.dtype.size()).map_or(u64::MAX, |bytes| bytes as u64);
        if length.max(block) <= ALWAYS_TRUSTED {
            return Ok(());
        }
        let (mut total, mut largest) = (0_u64, 0);
        each(blocks, |index| {
            let stored = self.blocks.stored(index)?;
            total = total.saturating_add(stored);
            largest = stored.max(largest);
            Ok(())
        })?;
        // Blocks of a damaged file may lie over each other.
        let total = total.min(self.blocks.available());
        let trusted = |stored: u64| stored.saturating_mul(MOST_PACKED).saturating_add(ALWAYS_TRUSTED);
        if length > trusted(total) || block > trusted(largest) {
            return Err(ReadError::damaged(format!(
                "an array of {:?} in blocks of {:?} is claimed, but only {total} bytes of it are there",
                self.shape, self.block
            )));
        }
        Ok(())
    }

    /// Copies what a block has of a part.
    fn copy(&self, index: &[usize], start: &[usize], count: &[usize], out: &mut [u8]) -> Result<()> {
        let size = self.dtype.size();
        let stored = self.cached(index)?;
        let fill = match &stored {
            Some(_) => Vec::new(),
            None => self.blocks.fill(index)?,
        };
        if stored.is_none() && fill.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        // From and to on each axis, counted in the whole array.
        let overlap: Vec<_> = (0..index.len())
            .map(|axis| {
                let first = index[axis] * self.block[axis];
                (first.max(start[axis]), (first + self.block[axis]).min(start[axis] + count[axis]))
            })
            .collect();
        // Behind this axis the part has the whole block and nothing else, so its elements are together.
        let is_whole = |axis: usize| {
            let (from, to) = overlap[axis];
            to - from == self.block[axis] && to - from == count[axis]
        };
        let Some(last) = overlap.len().checked_sub(1) else {
            let element = stored.as_ref().map_or(&fill[..], |block| block);
            out.copy_from_slice(element.get(..size).ok_or_else(short)?);
            return Ok(());
        };
        let together = (0..last).rev().take_while(|&axis| is_whole(axis + 1)).last().unwrap_or(last);
        let behind: usize = count[together + 1..].iter().product();
        let (from, to) = overlap[together];
        each(&overlap[..together], |at| {
            let (mut source, mut target) = (0, 0);
            for axis in 0..together {
                source = source * self.block[axis] + at[axis] - index[axis] * self.block[axis];
                target = target * count[axis] + at[axis] - start[axis];
            }
            source = source * self.block[together] + from - index[together] * self.block[together];
            target = target * count[together] + from - start[together];
            let (source, target) = (source * behind * size, target * behind * size);
            let run = (to - from) * behind * size;
            let target = &mut out[target..target + run];
            match &stored {
                Some(block) => target.copy_from_slice(block.get(source..source + run).ok_or_else(short)?),
                None => target.chunks_exact_mut(size).for_each(|element| element.copy_from_slice(&fill)),
            }
            Ok(())
        })
    }

    fn cached(&self, index: &[usize]) -> Result<Option<Arc<Vec<u8>>>> {
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = lock().iter().find(|(of, _)| of == index) {
            return Ok(Some(Arc::clone(block)));
        }
        let Some(block) = self.blocks.block(index)? else { return Ok(None) };
        let block = Arc::new(block);
        if block.len() <= CACHE_BYTES {
            let mut cache = lock();
            cache.push_back((index.to_vec(), Arc::clone(&block)));
            let mut total: usize = cache.iter().map(|(_, block)| block.len()).sum();
            while total > CACHE_BYTES {
                total -= cache.pop_front().map_or(total, |(_, block)| block.len());
            }
        }
        Ok(Some(block))
    }
}

/// Bytes of so many elements of `size` bytes.
pub(crate) fn bytes(shape: &[usize], size: usize) -> Option<usize> {
    shape.iter().try_fold(size, |product, &side| product.checked_mul(side))
}

fn short() -> ReadError {
    ReadError::damaged("a block of an array has too few bytes")
}

fn too_large(count: &[usize]) -> ReadError {
    ReadError::damaged(format!("an array of {count:?} elements"))
}

/// Calls `visit` with every index inside the ranges, the last counting fastest.
fn each(ranges: &[(usize, usize)], mut visit: impl FnMut(&[usize]) -> Result<()>) -> Result<()> {
    if ranges.iter().any(|(from, to)| from >= to) {
        return Ok(());
    }
    let mut index: Vec<_> = ranges.iter().map(|range| range.0).collect();
    loop {
        visit(&index)?;
        let Some(axis) = (0..ranges.len()).rev().find(|&axis| index[axis] + 1 < ranges[axis].1) else {
            return Ok(());
        };
        index[axis] += 1;
        for later in axis + 1..ranges.len() {
            index[later] = ranges[later].0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks that all claim the same 7000 bytes of a file.
    struct Overlaid;

    impl Blocks for Overlaid {
        fn stored(&self, _: &[usize]) -> Result<u64> {
            Ok(7000)
        }

        fn available(&self) -> u64 {
            7408
        }

        fn block(&self, _: &[usize]) -> Result<Option<Vec<u8>>> {
            Ok(None)
        }

        fn fill(&self, _: &[usize]) -> Result<Vec<u8>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn blocks_over_each_other_fulfil_no_claim_twice() {
        let array = |columns: usize| {
            let (number, block) = ((DType::U8, Endian::Little), vec![1, 1 << 20]);
            Array::new(vec![3, columns], number, block, Box::new(Overlaid), Map::new()).unwrap()
        };
        let error = array(50_331_652).read(&[0, 0], &[3, 50_331_652]).unwrap_err();
        assert!(error.to_string().contains("only 7408 bytes of it are there"), "{error}");
        assert_eq!(array(10).read(&[0, 0], &[3, 10]).unwrap(), vec![0; 30]);
    }

    /// Counts its elements in C order, in blocks of 2 × 3, with the block `[1, 0]` left out.
    struct Counting;

    impl Blocks for Counting {
        fn stored(&self, index: &[usize]) -> Result<u64> {
            Ok(if index == [1, 0] { 0 } else { 12 })
        }

        fn block(&self, index: &[usize]) -> Result<Option<Vec<u8>>> {
            let element = |y: usize, x: usize| ((index[0] * 2 + y) * 5 + index[1] * 3 + x) as u16;
            let elements = (0..6).flat_map(|i| element(i / 3, i % 3).to_be_bytes());
            Ok((index != [1, 0]).then(|| elements.collect()))
        }

        fn fill(&self, _: &[usize]) -> Result<Vec<u8>> {
            Ok(vec![0, 77])
        }
    }

    #[test]
    fn any_part_is_put_together_from_its_blocks() {
        let dtype = (DType::U16, Endian::Big);
        let array = Array::new(vec![4, 5], dtype, vec![2, 3], Box::new(Counting), Map::new()).unwrap();
        let part =
            |start: [usize; 2], count: [usize; 2]| DType::U16.numbers(&array.read(&start, &count).unwrap());
        assert_eq!(part([0, 0], [2, 5]), (0..10).map(f64::from).collect::<Vec<_>>());
        assert_eq!(part([1, 2], [2, 3]), [7.0, 8.0, 9.0, 77.0, 13.0, 14.0]);
        assert_eq!(part([3, 4], [1, 1]), [19.0]);
        assert_eq!(part([3, 4], [0, 1]), [0.0; 0]);
        assert!(array.read(&[3, 4], &[1, 2]).is_err());
        assert!(array.read(&[usize::MAX, 4], &[2, 1]).is_err());
    }

    #[test]
    fn every_part_of_every_shape_is_copied() {
        /// Blocks of three axes whose elements count in C order of the array.
        struct Solid([usize; 3], [usize; 3]);

        impl Blocks for Solid {
            fn stored(&self, _: &[usize]) -> Result<u64> {
                Ok(1000)
            }

            fn block(&self, index: &[usize]) -> Result<Option<Vec<u8>>> {
                let Self(shape, block) = self;
                let mut elements = Vec::new();
                for i in 0..block.iter().product() {
                    let at = [i / block[2] / block[1], i / block[2] % block[1], i % block[2]];
                    let place: Vec<_> = (0..3).map(|axis| index[axis] * block[axis] + at[axis]).collect();
                    elements.push(((place[0] * shape[1] + place[1]) * shape[2] + place[2]) as u8);
                }
                Ok(Some(elements))
            }

            fn fill(&self, _: &[usize]) -> Result<Vec<u8>> {
                Ok(Vec::new())
            }
        }

        let shape = [3, 4, 5];
        let blocks = [[3, 4, 1], [1, 4, 5], [3, 4, 5], [2, 2, 5], [1, 3, 2], [2, 4, 5], [1, 1, 1]];
        let parts = [[0, 3], [1, 1], [1, 2], [0, 2]];
        for block in blocks {
            let dtype = (DType::U8, Endian::Little);
            let solid = Box::new(Solid(shape, block));
            let array = Array::new(shape.to_vec(), dtype, block.to_vec(), solid, Map::new()).unwrap();
            for [z, depth] in parts {
                for [y, height] in [[0, 4], [1, 3], [2, 1]] {
                    for [x, width] in [[0, 5], [1, 4], [3, 1]] {
                        let read = array.read(&[z, y, x], &[depth, height, width]).unwrap();
                        let mut expected = Vec::new();
                        for i in 0..depth * height * width {
                            let (z, y) = (z + i / width / height, y + i / width % height);
                            expected.push(((z * 4 + y) * 5 + x + i % width) as u8);
                        }
                        assert_eq!(read, expected, "{block:?} {z} {y} {x} {depth} {height} {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn claims_beyond_what_is_stored_are_refused() {
        let side = 1 << 16;
        let dtype = (DType::U16, Endian::Little);
        let array = Array::new(vec![side, side], dtype, vec![2, 3], Box::new(Counting), Map::new()).unwrap();
        assert!(array.read(&[0, 0], &[side, side]).is_err());
        let array =
            Array::new(vec![side, side], dtype, vec![side, side], Box::new(Counting), Map::new()).unwrap();
        let error = array.read(&[0, 0], &[1, 1]).unwrap_err();
        assert!(matches!(error, ReadError::Damaged(reason) if reason.contains("only 12 bytes")));
        assert!(Array::new(vec![4], dtype, vec![0], Box::new(Counting), Map::new()).is_err());
    }
}
