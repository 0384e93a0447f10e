//! MRC and CCP4 maps: images, stacks and volumes with a header of 1024 bytes.

mod extended;
mod header;

use std::sync::Arc;

use self::header::Header;
use crate::dataset::{Contents, Pixels};
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::{Endian, Input};
use crate::raster::file_stem;
use crate::reader::Reader;
use crate::series::keep_whole;
use crate::signal::{Axis, Kind, Signal};

/// Pixel sizes that an extended header may give in all seriousness (m).
const BELIEVABLE_METRES: std::ops::Range<f64> = 1e-14..1e-3;

/// The MRC format.
pub(crate) struct Mrc;

impl Reader for Mrc {
    fn name(&self) -> &'static str {
        "MRC"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        match Header::parse(input.head()) {
            // Without the mark, only a length that fits to the byte is convincing.
            Some(header) => header.marked || header.file_length() == Some(input.len()),
            None => Header::is_marked(input.head()),
        }
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let header = Header::parse(input.head()).ok_or_else(|| {
            ReadError::damaged(
                "the numbers of columns, rows, sections and the mode in its header can't be true",
            )
        })?;
        let needed =
            header.data_bytes().ok_or_else(|| ReadError::damaged("its header claims too many pixels"))?;
        let at = header::BYTES + header.extended_bytes;
        let extended = extended::read(&input, &header)?;
        let mut axes = axes(&header, extended.pixel_m.filter(|size| BELIEVABLE_METRES.contains(size)));
        let warning = keep_whole(&mut axes, needed, input.len().saturating_sub(at))?;
        let signal = Signal {
            name: file_stem(&input),
            dtype: header.mode.dtype(),
            axes,
            kind: Kind::Image,
            metadata: extended.metadata,
            notes: header.notes(),
        };
        let original = header.tags();
        let frame = needed / u64::from(header.sides[2]);
        let pixels =
            Frames { input, at, frame, endian: header.endian, mode: header.mode, columns: header.sides[0] };
        Ok(Contents {
            signals: vec![signal],
            pixels: Box::new(pixels),
            original,
            warnings: warning.into_iter().collect(),
        })
    }
}

/// Sections, rows and columns in nm; a single section has no axis.
fn axes(header: &Header, pixel_m: Option<f64>) -> Vec<Axis> {
    let axis = |name: &str, direction: usize| {
        let size = header.sides[direction] as usize;
        let along = header.along(direction);
        let origin = f64::from(header.origin[along]) / 10.0;
        let step = f64::from(header.cell[along]) / f64::from(header.grid[along]) / 10.0;
        match pixel_m {
            Some(metres) if direction < 2 => Axis::new(name, size, metres * 1e9, 0.0, "nm"),
            _ if step.is_finite() && step != 0.0 => Axis::new(name, size, step, origin, "nm"),
            _ => Axis::counting(name, size),
        }
    };
    let mut axes = vec![axis("y", 1), axis("x", 0)];
    if header.sides[2] > 1 {
        let depth =
            if header.is_volume() { axis("z", 2) } else { Axis::counting("z", header.sides[2] as usize) };
        axes.insert(0, depth);
    }
    axes
}

struct Frames {
    input: Arc<Input>,
    at: u64,
    /// Bytes of a section.
    frame: u64,
    endian: Endian,
    mode: Mode,
    columns: u32,
}

impl Pixels for Frames {
    fn plane(&self, _: usize, plane: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = self.input.read(self.at + plane as u64 * self.frame, self.frame)?;
        match self.mode {
            Mode::ShortComplex => {
                DType::I16.to_little_endian(self.endian, &mut bytes);
                let (shorts, _) = bytes.as_chunks::<2>();
                Ok(shorts
                    .iter()
                    .flat_map(|&short| f32::from(i16::from_le_bytes(short)).to_le_bytes())
                    .collect())
            }
            Mode::FourBit => {
                let columns = self.columns as usize;
                let rows = bytes.chunks_exact(columns.div_ceil(2));
                Ok(rows.flat_map(|row| row.iter().flat_map(|b| [b & 15, b >> 4]).take(columns)).collect())
            }
            mode => {
                mode.dtype().to_little_endian(self.endian, &mut bytes);
                Ok(bytes)
            }
        }
    }
}

/// How a file stores a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    SignedByte,
    Byte,
    Short,
    Float,
    ShortComplex,
    Complex,
    UnsignedShort,
    Half,
    Colour,
    FourBit,
}

impl Mode {
    fn dtype(self) -> DType {
        match self {
            Self::SignedByte => DType::I8,
            Self::Byte | Self::FourBit => DType::U8,
            Self::Short => DType::I16,
            Self::Float => DType::F32,
            Self::ShortComplex | Self::Complex => DType::C64,
            Self::UnsignedShort => DType::U16,
            Self::Half => DType::F16,
            Self::Colour => DType::Rgb8,
        }
    }

    /// Bytes of a row of `columns` pixels.
    fn row(self, columns: u32) -> u64 {
        let columns = u64::from(columns);
        match self {
            Self::FourBit => columns.div_ceil(2),
            Self::ShortComplex => columns * 4,
            _ => columns * self.dtype().size() as u64,
        }
    }
}
