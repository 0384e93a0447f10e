//! Velox's spectrum images: for every position, the channels of the X-rays that were counted there.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::array::Array;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::tree::{Group, Planes, number};

type Result<T> = std::result::Result<T, ReadError>;

/// Ends a position.
const NEXT: u16 = u16::MAX;
/// Numbers read at once.
const PIECE: usize = 1 << 18;

/// The sum of the streams of all detectors, over all frames.
pub(super) struct SpectrumImage {
    streams: Vec<Stream>,
    field: [usize; 2],
    channels: usize,
    frames: usize,
    dtype: DType,
}

struct Stream {
    numbers: Arc<Array>,
    /// Where each row of each frame starts, found by the first who asks.
    rows: OnceLock<std::result::Result<Vec<usize>, String>>,
}

impl SpectrumImage {
    /// The streams of a file whose map has `field` rows and columns; `None` if it has none.
    pub(super) fn new(streams: &Group, images: &Group, field: [usize; 2]) -> Result<Option<Self>> {
        let Some(first) = streams.groups.values().next() else { return Ok(None) };
        let json = |group: &Group, name: &str| -> Value {
            let text = group.arrays.get(name).and_then(|array| array.texts()?.into_iter().next());
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        let settings = json(first, "AcquisitionSettings");
        let channels = number(&settings["bincount"]).filter(|&count| (1.0..65_536.0).contains(&count));
        let channels =
            channels.ok_or_else(|| ReadError::damaged("the number of channels isn't stated"))? as usize;
        let dtype = match settings["StreamEncoding"].as_str() {
            Some("uint8") => DType::U8,
            Some("uint32") => DType::U32,
            _ => DType::U16,
        };
        let last = images.groups.values().next().map(|image| json(image, "SpectrumImageSettings"));
        let frames = last.and_then(|settings| number(&settings["endFramePosition"]));
        let frames = frames.filter(|&frames| frames >= 1.0).map_or(usize::MAX, |frames| frames as usize);
        let stream = |group: &Group| {
            let numbers = group
                .arrays
                .get("Data")
                .filter(|array| array.dtype() == DType::U16 && matches!(array.shape(), [_, 1]))?;
            Some(Stream { numbers: Arc::clone(numbers), rows: OnceLock::new() })
        };
        let streams: Vec<_> = streams.groups.values().filter_map(stream).collect();
        if streams.is_empty() || field.contains(&0) {
            return Ok(None);
        }
        Ok(Some(Self { streams, field, channels, frames, dtype }))
    }

    /// Rows and columns.
    pub(super) fn field(&self) -> [usize; 2] {
        self.field
    }

    /// Channels of a spectrum.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Type of the counts.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }
}

impl Stream {
    fn read(&self, from: usize, to: usize) -> Result<Vec<u16>> {
        let bytes = self.numbers.read(&[from, 0], &[to - from, 1])?;
        Ok(bytes.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect())
    }

    /// Calls `visit` with all numbers between two places, and where they are.
    fn scan(&self, from: usize, to: usize, mut visit: impl FnMut(usize, u16)) -> Result<()> {
        for start in (from..to).step_by(PIECE) {
            let numbers = self.read(start, to.min(start + PIECE))?;
            numbers.into_iter().enumerate().for_each(|(i, number)| visit(start + i, number));
        }
        Ok(())
    }

    /// Where the rows of the frames start, and the last ends.
    fn rows(&self, [height, width]: [usize; 2], frames: usize) -> Result<&[usize]> {
        let find = || {
            let length = self.numbers.shape()[0];
            let (mut rows, mut position) = (vec![0], 0_usize);
            let most = frames.saturating_mul(height);
            self.scan(0, length, |at, number| {
                if number == NEXT && rows.len() <= most {
                    position += 1;
                    if position.is_multiple_of(width) {
                        rows.push(at + 1);
                    }
                }
            })?;
            if rows.len() <= most && rows.last() != Some(&length) {
                rows.push(length);
            }
            Ok(rows)
        };
        let rows = self.rows.get_or_init(|| find().map_err(|error: ReadError| error.to_string()));
        rows.as_deref().map_err(ReadError::damaged)
    }
}

impl Planes for SpectrumImage {
    /// A row of the map: `[column, channel]`.
    fn plane(&self, row: usize) -> Result<Vec<u8>> {
        let [height, width] = self.field;
        let mut counts = vec![0_u32; width * self.channels];
        for stream in &self.streams {
            let rows = stream.rows(self.field, self.frames)?;
            for span in rows.windows(2).skip(row).step_by(height) {
                let mut column = 0;
                stream.scan(span[0], span[1], |_, number| match usize::from(number) {
                    _ if number == NEXT => column += 1,
                    channel if channel < self.channels && column < width => {
                        counts[column * self.channels + channel] += 1;
                    }
                    _ => {}
                })?;
            }
        }
        let bytes = counts.into_iter();
        Ok(match self.dtype {
            DType::U8 => bytes.map(|count| count.min(u8::MAX.into()) as u8).collect(),
            DType::U16 => bytes.flat_map(|count| (count.min(u16::MAX.into()) as u16).to_le_bytes()).collect(),
            _ => bytes.flat_map(u32::to_le_bytes).collect(),
        })
    }
}
