//! Digital Micrograph's DM3 and DM4.

mod metadata;
mod packed;
mod tags;

use std::sync::Arc;

use crate::dataset::{Contents, Pixels};
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::{Endian, Input};
use crate::raster::file_stem;
use crate::reader::Reader;
use crate::signal::{Axis, Kind, Signal};
use crate::unit::is_energy;
use tags::{Array, Header, Tag};

/// Most dimensions of an image.
const MAX_DIMENSIONS: usize = 8;

/// Digital Micrograph files of version 3 or 4.
pub(crate) struct DigitalMicrograph {
    /// The version.
    pub version: u32,
}

impl Reader for DigitalMicrograph {
    fn name(&self) -> &'static str {
        if self.version == 3 { "Gatan DM3" } else { "Gatan DM4" }
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        Header::of(input.head()).is_some_and(|header| header.version == self.version)
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let header = Header::of(input.head()).ok_or_else(|| ReadError::damaged("it has no header"))?;
        let (root, broken) = tags::read(&input, &header);
        let thumbnails: Vec<u64> = root
            .child("Thumbnails")
            .into_iter()
            .flat_map(Tag::entries)
            .filter_map(|(_, tag)| tag.child("ImageIndex")?.count())
            .collect();
        let images = root.child("ImageList").map_or(&[][..], Tag::entries);
        let (mut signals, mut stored, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (_, image)) in images.iter().enumerate() {
            if thumbnails.contains(&(number as u64)) {
                continue;
            }
            match read_image(image, &input) {
                // Which image is the thumbnail stands behind the images: in a file that was cut off
                // the first one in colour is taken for it.
                Ok((signal, _)) if broken.is_some() && number == 0 && signal.dtype.is_colour() => {}
                Ok((signal, data)) => {
                    signals.push(signal);
                    stored.push(data);
                }
                Err(error) => warnings.push(format!("image {number} of the file is left out: {error}")),
            }
        }
        if let Some(error) = broken {
            if signals.is_empty() {
                return Err(error);
            }
            warnings.push(format!("the file is incomplete ({error}); what follows is missing"));
        }
        if signals.is_empty() {
            let why = warnings.pop().unwrap_or_else(|| "it has no image".to_owned());
            return Err(ReadError::damaged(why));
        }
        let original = root.to_json(&input, header.endian);
        let pixels = Box::new(Stored { input, endian: header.endian, images: stored });
        Ok(Contents { signals, pixels, original, warnings })
    }
}

/// How the elements of an image lie in the file.
#[derive(Clone, Copy)]
enum Packing {
    Plain,
    /// Blue, green, red, alpha.
    Bgra,
    /// One half of a transform, in one of two forms.
    Folded,
    Half,
}

struct StoredImage {
    array: Array,
    dtype: DType,
    packing: Packing,
    /// Rows and columns of a plane.
    plane: [usize; 2],
}

struct Stored {
    input: Arc<Input>,
    endian: Endian,
    images: Vec<StoredImage>,
}

/// An element's type and packing by Digital Micrograph's number.
fn data_type(code: u64) -> Option<(DType, Packing)> {
    Some(match code {
        1 => (DType::I16, Packing::Plain),
        2 => (DType::F32, Packing::Plain),
        3 => (DType::C64, Packing::Plain),
        5 => (DType::C64, Packing::Folded),
        6 => (DType::U8, Packing::Plain),
        7 => (DType::I32, Packing::Plain),
        8 | 23 => (DType::Rgba8, Packing::Bgra),
        9 => (DType::I8, Packing::Plain),
        10 => (DType::U16, Packing::Plain),
        11 => (DType::U32, Packing::Plain),
        12 => (DType::F64, Packing::Plain),
        13 => (DType::C128, Packing::Plain),
        14 => (DType::Bool, Packing::Plain),
        27 => (DType::C64, Packing::Half),
        28 => (DType::C128, Packing::Half),
        39 => (DType::I64, Packing::Plain),
        40 => (DType::U64, Packing::Plain),
        _ => return None,
    })
}

fn read_image(image: &Tag, input: &Input) -> Result<(Signal, StoredImage), ReadError> {
    let missing = |name: &str| ReadError::damaged(format!("its {name} is missing"));
    let data = image.child("ImageData").ok_or_else(|| missing("ImageData"))?;
    let code = data.child("DataType").and_then(Tag::count).ok_or_else(|| missing("DataType"))?;
    let (dtype, packing) =
        data_type(code).ok_or_else(|| ReadError::unsupported(format!("its pixels are of type {code}")))?;
    let array = match data.child("Data") {
        Some(Tag::Array(array, _)) => *array,
        _ => return Err(missing("Data")),
    };
    let axes = axes(data)?;
    let side = |from_end: usize| axes.iter().rev().nth(from_end).map_or(1, |axis| axis.size);
    let plane = [side(1), side(0)];
    if !matches!(packing, Packing::Plain | Packing::Bgra) && axes.len() != 2 {
        return Err(ReadError::unsupported("a packed Fourier transform that is not two-dimensional"));
    }
    let name = match image.child("Name").and_then(Tag::text).map(str::trim) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => file_stem(input),
    };
    let tags = image.child("ImageTags");
    let kind = kind(&axes);
    let metadata = tags.map(|tags| metadata::of(&name, tags)).unwrap_or_default();
    let signal = Signal { name, dtype, axes, kind, metadata, notes: Vec::new() };
    Ok((signal, StoredImage { array, dtype, packing, plane }))
}

/// Axes slowest first; the file lists the fastest first.
fn axes(data: &Tag) -> Result<Vec<Axis>, ReadError> {
    let sizes = data.child("Dimensions").map_or(&[][..], Tag::entries);
    if !(1..=MAX_DIMENSIONS).contains(&sizes.len()) {
        return Err(ReadError::damaged(format!(
            "it has {} dimensions instead of 1 to {MAX_DIMENSIONS}",
            sizes.len()
        )));
    }
    let calibrations = data.at("Calibrations:Dimension").map_or(&[][..], Tag::entries);
    let mut letters = ["x", "y", "z", "t", "u", "v", "w", "s"].into_iter();
    let mut axes = Vec::new();
    for (number, (_, size)) in sizes.iter().enumerate() {
        let size = size
            .count()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size > 0)
            .ok_or_else(|| ReadError::damaged(format!("dimension {number} has no size")))?;
        let calibration = calibrations.get(number).map(|(_, tag)| tag);
        let value = |name: &str| calibration.and_then(|tag| tag.child(name)?.number());
        let unit = calibration.and_then(|tag| tag.child("Units")?.text()).unwrap_or_default();
        // Digital Micrograph shows an axis whose step is zero uncalibrated.
        let scale = value("Scale").filter(|&scale| scale != 0.0).unwrap_or(1.0);
        let offset = -value("Origin").unwrap_or(0.0) * scale;
        let name = if is_energy(unit) { "Energy loss" } else { letters.next().unwrap_or_default() };
        axes.push(Axis::new(name, size, scale, offset, unit));
    }
    axes.reverse();
    let elements = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.size));
    elements.map(|_| axes).ok_or_else(|| ReadError::damaged("it claims more pixels than can be counted"))
}

fn kind(axes: &[Axis]) -> Kind {
    match axes.iter().position(|axis| is_energy(&axis.unit)) {
        Some(axis) => Kind::Spectrum { axis },
        None if axes.len() < 2 => Kind::Other,
        None if axes.len() == 4 => Kind::Pattern,
        None => Kind::Image,
    }
}

impl Pixels for Stored {
    fn plane(&self, signal: usize, plane: usize) -> Result<Vec<u8>, ReadError> {
        let image = &self.images[signal];
        let [rows, columns] = image.plane;
        let stored = match image.packing {
            Packing::Half => rows * (columns / 2 + 1) * image.dtype.size(),
            Packing::Folded => rows * columns * image.dtype.size() / 2,
            Packing::Plain | Packing::Bgra => rows * columns * image.dtype.size(),
        } as u64;
        let start = stored.checked_mul(plane as u64).filter(|start| {
            start
                .checked_add(stored)
                .is_some_and(|end| end <= image.array.count.saturating_mul(image.array.element.size()))
        });
        let start = start.ok_or_else(|| {
            ReadError::damaged(format!(
                "frame {plane} lies beyond the {} numbers that the file has",
                image.array.count
            ))
        })?;
        let mut bytes = self.input.read(image.array.position.saturating_add(start), stored)?;
        match image.packing {
            Packing::Plain => image.dtype.to_little_endian(self.endian, &mut bytes),
            Packing::Bgra => bytes.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2)),
            Packing::Folded | Packing::Half => {
                image.dtype.to_little_endian(self.endian, &mut bytes);
                bytes = match image.dtype {
                    DType::C128 => unpack(&bytes, image, f64::from_le_bytes, f64::to_le_bytes)?,
                    _ => unpack(&bytes, image, f32::from_le_bytes, f32::to_le_bytes)?,
                };
            }
        }
        Ok(bytes)
    }
}

fn unpack<T: Copy + Default + std::ops::Neg<Output = T>, const N: usize>(
    bytes: &[u8],
    image: &StoredImage,
    from: fn([u8; N]) -> T,
    to: fn(T) -> [u8; N],
) -> Result<Vec<u8>, ReadError> {
    let floats: Vec<T> = bytes.as_chunks().0.iter().map(|&chunk| from(chunk)).collect();
    let stored = floats.as_chunks().0;
    let whole = match image.packing {
        Packing::Folded if image.plane[0] == image.plane[1] => packed::unpack_folded(stored, image.plane[0])?,
        Packing::Folded => {
            let [rows, columns] = image.plane;
            return Err(ReadError::unsupported(format!(
                "a packed Fourier transform of {columns} × {rows} values"
            )));
        }
        _ => packed::unpack_half(stored, image.plane)?,
    };
    Ok(whole.into_iter().flatten().flat_map(to).collect())
}
