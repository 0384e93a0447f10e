//! The binary part: a header with dimensions, a table of offsets, and one element a frame or
//! spectrum.

use std::sync::Arc;

use serde_json::{Value, json};

use super::header::{Dimension, Element};
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::{Endian::Little, Input, Scanner};
use crate::series::missing;
use crate::signal::{Axis, Kind};
use crate::time::from_unix_seconds;

/// `DataTypeID` of spectra; images have 0x4122.
const CURVES: u32 = 0x4120;
const IMAGES: u32 = 0x4122;
/// `TagTypeID` of elements that know their position.
const POSITION_TAG: u32 = 0x4142;
/// Newest version whose offsets have 32 bits.
const LAST_SHORT_VERSION: u16 = 0x0210;
/// Real files have up to two dimensions; more is a sign of damage.
const MOST_DIMENSIONS: u32 = 8;

/// A series of elements of one size.
pub(super) struct Series {
    input: Arc<Input>,
    version: u16,
    data_type: u32,
    tag_type: u32,
    total: u32,
    valid: u32,
    dimensions: Vec<Dimension>,
    first: Element,
    /// Positions of the elements that are whole.
    offsets: Vec<u64>,
    /// Time (s since 1970) and position (m) of the first two.
    tags: Vec<(u32, [f64; 2])>,
    /// Elements in one plane of the signal.
    per_plane: usize,
}

impl Series {
    pub(super) fn open(input: Arc<Input>) -> Result<Self, ReadError> {
        let mut scanner = Scanner::new(&input, 4);
        let version: u16 = scanner.number(Little)?;
        let (data_type, tag_type): (u32, u32) = (scanner.number(Little)?, scanner.number(Little)?);
        let (total, valid): (u32, u32) = (scanner.number(Little)?, scanner.number(Little)?);
        let wide = version > LAST_SHORT_VERSION;
        let table = offset(&mut scanner, wide)?;
        let count: u32 = scanner.number(Little)?;
        if count > MOST_DIMENSIONS {
            return Err(ReadError::damaged(format!("the header claims {count} dimensions")));
        }
        let dimensions = (0..count).map(|_| Dimension::read(&mut scanner)).collect::<Result<Vec<_>, _>>()?;
        if ![CURVES, IMAGES].contains(&data_type) {
            let reason = format!("its elements are of kind {data_type:#06x}, neither spectra nor images");
            return Err(ReadError::unsupported(reason));
        }
        if valid == 0 {
            return Err(ReadError::damaged("nothing was recorded: it has no valid element"));
        }
        scanner.seek(table);
        let first = Element::read(&input, offset(&mut scanner, wide)?, data_type == IMAGES)?;
        scanner.seek(table);
        // No more than could be there without overlapping, whatever the header says.
        let most = (input.len() / first.length()).min(valid.into());
        let mut offsets = Vec::new();
        for _ in 0..most {
            let Ok(at) = offset(&mut scanner, wide) else { break };
            if at.checked_add(first.length()).is_none_or(|end| end > input.len()) {
                break;
            }
            offsets.push(at);
        }
        if offsets.is_empty() {
            return Err(ReadError::damaged("the file ends before its first frame does"));
        }
        let width = if wide { 8 } else { 4 };
        let tags_at = table.saturating_add(u64::from(total) * width);
        let tags = (0..2).map_while(|i| tag(&input, tags_at + i * width, wide, tag_type).ok()).collect();
        drop(scanner);
        let per_plane = 1;
        Ok(Self {
            input,
            version,
            data_type,
            tag_type,
            total,
            valid,
            dimensions,
            first,
            offsets,
            tags,
            per_plane,
        })
    }

    pub(super) fn dtype(&self) -> DType {
        self.first.dtype
    }

    fn is_image(&self) -> bool {
        self.data_type == IMAGES
    }

    /// Whether the elements were taken at places, and are not just counted.
    pub(super) fn scans_a_map(&self) -> bool {
        self.dimensions.first().is_some_and(|first| first.size > 1 && !first.unit.is_empty())
    }

    /// When the first element was taken, in ISO 8601 (UTC).
    pub(super) fn date(&self) -> Option<String> {
        self.tags
            .first()
            .filter(|(time, _)| *time != 0)
            .and_then(|(time, _)| from_unix_seconds((*time).into()))
            .map(|date| date + "Z")
    }

    /// The axes, slowest first, their meaning, and what is missing. Fixes how many elements are in
    /// one plane.
    pub(super) fn axes(&mut self, reciprocal: bool) -> (Vec<Axis>, Kind, Option<String>) {
        let (mut axes, warning) = self.leading();
        let before = axes.len();
        if self.is_image() {
            let unit = if reciprocal { "1/meters" } else { "meters" };
            for ((name, &size), calibration) in
                ["y", "x"].iter().zip(&self.first.shape).zip(&self.first.calibrations)
            {
                axes.push(calibration.axis(name, size, unit));
            }
        } else {
            self.per_plane = axes.last().map_or(1, |axis| axis.size);
            let lines = self.first.shape.iter().zip(&self.first.calibrations);
            axes.extend(lines.map(|(&size, calibration)| calibration.axis("Energy", size, "eV")));
        }
        let kind = match (self.is_image(), before) {
            (true, 2) => Kind::Pattern,
            (true, _) => Kind::Image,
            (false, 0) => Kind::Other,
            (false, axis) => Kind::Spectrum { axis },
        };
        (axes, kind, warning)
    }

    /// The axes along which elements were taken, fitted to those that are there.
    fn leading(&self) -> (Vec<Axis>, Option<String>) {
        // Where the first two elements lie in one row, the first dimension is the fastest.
        let row_first = matches!(self.tags[..], [(_, [_, y0]), (_, [_, y1])] if y0 == y1)
            && self.tag_type == POSITION_TAG;
        let mut spatial = vec!["x", "y"];
        spatial.truncate(self.dimensions.len());
        let mut axes = Vec::new();
        let mut ordered: Vec<_> = self.dimensions.iter().collect();
        if row_first {
            ordered.reverse();
        }
        for dimension in ordered {
            if self.is_image() && dimension.size == 1 {
                continue;
            }
            let name = if dimension.unit == "meters" { spatial.pop().unwrap_or_default() } else { "" };
            axes.push(dimension.calibration.axis(name, dimension.size as usize, &dimension.unit));
        }
        let there = self.offsets.len();
        if let [_] = self.dimensions[..]
            && self.total != self.valid
        {
            // A series that was stopped early: what was taken is all that was meant.
            if self.valid == 1 {
                axes.clear();
            }
            axes.iter_mut().for_each(|axis| axis.size = self.valid as usize);
        }
        if axes.is_empty() && self.valid > 1 {
            axes.push(Axis::counting("", self.valid as usize));
        }
        let expected = axes.iter().fold(1_usize, |product, axis| product.saturating_mul(axis.size));
        if expected == 0 {
            return (vec![Axis::counting("", there)], None);
        }
        if expected <= there {
            return (axes, None);
        }
        let row: usize = axes.iter().skip(1).fold(1, |product, axis| product.saturating_mul(axis.size));
        if there >= row.max(1) {
            axes[0].size = there / row.max(1);
        } else {
            axes.drain(..axes.len() - 1);
            axes[0].size = there;
        }
        let kept: usize = axes.iter().map(|axis| axis.size).product();
        let what = if self.is_image() { "frames" } else { "spectra" };
        let warning = (expected > kept).then(|| missing(expected - kept, expected, what));
        (axes, warning)
    }

    /// One image with its first row on top, or the spectra of one row.
    pub(super) fn plane(&self, plane: usize) -> Result<Vec<u8>, ReadError> {
        if self.is_image() {
            let bytes = self.element(plane)?;
            let row = self.first.shape[1] * self.first.dtype.size();
            // The file starts with the lowest row.
            return Ok(bytes.rchunks_exact(row).flatten().copied().collect());
        }
        let mut all = Vec::new();
        for index in plane * self.per_plane..(plane + 1) * self.per_plane {
            all.extend(self.element(index)?);
        }
        Ok(all)
    }

    fn element(&self, index: usize) -> Result<Vec<u8>, ReadError> {
        let at = *self
            .offsets
            .get(index)
            .ok_or_else(|| ReadError::damaged(format!("element {index} of {} is missing", self.valid)))?;
        let mut bytes = self.input.read(at, self.first.length())?;
        if !self.first.is_like(&bytes[..self.first.header.len()]) {
            let reason = format!("element {index} has another size or type than the first");
            return Err(ReadError::damaged(reason));
        }
        bytes.drain(..self.first.header.len());
        Ok(bytes)
    }

    /// The file's own tags.
    pub(super) fn tags(&self) -> Value {
        let dimensions: Vec<_> = self
            .dimensions
            .iter()
            .map(|dimension| {
                json!({
                    "DimensionSize": dimension.size,
                    "CalibrationOffset": dimension.calibration.offset,
                    "CalibrationDelta": dimension.calibration.delta,
                    "CalibrationElement": dimension.calibration.at,
                    "Description": dimension.description,
                    "Units": dimension.unit,
                })
            })
            .collect();
        let first = self.tags.first();
        json!({
            "SeriesVersion": self.version,
            "DataTypeID": self.data_type,
            "TagTypeID": self.tag_type,
            "TotalNumberElements": self.total,
            "ValidNumberElements": self.valid,
            "Dimensions": dimensions,
            "Time": first.map(|(time, _)| time),
            "Position": first.filter(|_| self.tag_type == POSITION_TAG).map(|(_, position)| position),
        })
    }
}

fn offset(scanner: &mut Scanner<'_>, wide: bool) -> Result<u64, ReadError> {
    if wide { scanner.number(Little) } else { Ok(scanner.number::<u32>(Little)?.into()) }
}

/// Time (s since 1970) and position (m) in the tag whose offset is in the table at `entry`.
fn tag(input: &Input, entry: u64, wide: bool, tag_type: u32) -> Result<(u32, [f64; 2]), ReadError> {
    let mut scanner = Scanner::new(input, entry);
    let at = offset(&mut scanner, wide)?;
    scanner.seek(at);
    scanner.skip(4)?;
    let time = scanner.number(Little)?;
    if tag_type == POSITION_TAG {
        return Ok((time, [scanner.number(Little)?, scanner.number(Little)?]));
    }
    Ok((time, [0.0; 2]))
}
