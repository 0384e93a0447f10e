//! The parts of a series' header, and the headers of its elements.

use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::{Endian::Little, Input, Scanner};
use crate::series::bytes_of;
use crate::signal::Axis;

/// Units and descriptions are short; more is a sign of damage.
const LONGEST_TEXT: u32 = 4096;
/// Bytes of a calibration in a file.
const CALIBRATION_BYTES: usize = 20;

/// Where one axis of an element or of the series lies: element `at` is at `offset`.
pub(super) struct Calibration {
    pub offset: f64,
    pub delta: f64,
    pub at: i32,
}

impl Calibration {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            offset: scanner.number(Little)?,
            delta: scanner.number(Little)?,
            at: scanner.number(Little)?,
        })
    }

    /// Metres become nanometres: the step does. The offset keeps the number that the file has, as in
    /// the listings of other readers of the format.
    pub(super) fn axis(&self, name: &str, size: usize, unit: &str) -> Axis {
        let (unit, scale) = match unit {
            "meters" => ("nm", self.delta * 1e9),
            "1/meters" => ("1 / nm", self.delta / 1e9),
            _ => (unit, self.delta),
        };
        Axis::new(name, size, scale, self.offset, unit)
    }

    /// The same scale, told by its first element.
    pub(super) fn at_first(self) -> Self {
        Self { offset: self.offset - f64::from(self.at) * self.delta, delta: self.delta, at: 0 }
    }
}

/// One dimension along which elements were taken.
pub(super) struct Dimension {
    pub size: u32,
    pub calibration: Calibration,
    pub description: String,
    pub unit: String,
}

impl Dimension {
    pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<Self, ReadError> {
        let size = scanner.number(Little)?;
        let calibration = Calibration::read(scanner)?;
        let mut text = || {
            let length: u32 = scanner.number(Little)?;
            if length > LONGEST_TEXT {
                return Err(ReadError::damaged(format!("a dimension's text has {length} bytes")));
            }
            Ok(String::from_utf8_lossy(scanner.take(length.into())?).into_owned())
        };
        Ok(Self { size, calibration, description: text()?, unit: text()? })
    }
}

/// What an element's own header says.
pub(super) struct Element {
    /// Of the rows, if it is an image, and of the columns or channels.
    pub calibrations: Vec<Calibration>,
    pub dtype: DType,
    /// Rows and columns, or channels.
    pub shape: Vec<usize>,
    /// Its header.
    pub header: Vec<u8>,
    /// Bytes of the data behind it.
    pub bytes: u64,
}

impl Element {
    pub(super) fn read(input: &Input, offset: u64, is_image: bool) -> Result<Self, ReadError> {
        let mut scanner = Scanner::new(input, offset);
        let sides = if is_image { 2 } else { 1 };
        let mut calibrations = Vec::new();
        for _ in 0..sides {
            calibrations.push(Calibration::read(&mut scanner)?.at_first());
        }
        let dtype = match scanner.number::<u16>(Little)? {
            1 => DType::U8,
            2 => DType::U16,
            3 => DType::U32,
            4 => DType::I8,
            5 => DType::I16,
            6 => DType::I32,
            7 => DType::F32,
            8 => DType::F64,
            9 => DType::C64,
            10 => DType::C128,
            other => return Err(ReadError::damaged(format!("data type {other}; there are types 1 to 10"))),
        };
        let mut shape = Vec::new();
        for _ in 0..sides {
            shape.push(scanner.number::<u32>(Little)? as usize);
        }
        // The file has x before y.
        shape.reverse();
        calibrations.reverse();
        let bytes = bytes_of(&shape, dtype.size())?;
        let header = input.read(offset, scanner.position() - offset)?;
        Ok(Self { calibrations, dtype, shape, header, bytes })
    }

    /// Bytes of its header and its data.
    pub(super) fn length(&self) -> u64 {
        (self.header.len() as u64).saturating_add(self.bytes)
    }

    /// Whether another element's header states the same type and size.
    pub(super) fn is_like(&self, header: &[u8]) -> bool {
        let calibrations = CALIBRATION_BYTES * self.calibrations.len();
        self.header.get(calibrations..) == header.get(calibrations..)
    }
}
