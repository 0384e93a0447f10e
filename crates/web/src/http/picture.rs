//! Samples' files as they are downloaded, and pictures of them as browsers show them.

use super::problem::Problem;
use super::site::Site;
use crate::WebError;
use adatom_archive::{Depth, Label, Layout, Record};
use adatom_formats::{PixelSize, encode_png_gray8, encode_png_gray16, encode_tiff};
use adatom_library::hexadecimal;
use axum::body::Bytes;
use ndarray::Array2;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Sides of a thumbnail that can be asked for \[px\].
pub(crate) const SIDES: [usize; 2] = [128, 256];

/// A file of a sample.
pub(crate) struct SampleFile {
    /// `00012.png`.
    pub name: String,
    pub kind: &'static str,
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes, where the record has it.
    sum: Option<String>,
}

impl SampleFile {
    /// SHA-256 of the bytes.
    pub fn sha256(&self) -> String {
        self.sum.clone().unwrap_or_else(|| hexadecimal(&Sha256::digest(&self.bytes)))
    }
}

/// The elements of an image as they are in its file, little-endian, row by row.
pub(crate) struct Pixels {
    pub rows: usize,
    pub columns: usize,
    /// `uint8`, `uint16` or `float32`.
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

impl Site {
    /// A sample's file of a label, if its sum is the record's. A zarr store has none: there images become PNG or TIFF
    /// with the same values, and texts follow from the record.
    pub(crate) fn file(&self, label: Label, record: &Record) -> Result<SampleFile, Problem> {
        let depth = self.manifest().depth;
        let name = format!("{}.{}", Record::stem(record.id), depth.extension_of(label));
        let kind = match depth.extension_of(label) {
            "png" => "image/png",
            "tif" => "image/tiff",
            _ => "text/plain; charset=utf-8",
        };
        let bytes = match (self.manifest().format, label.is_image()) {
            (Layout::Zarr, true) => self.encoded(label, record)?,
            (Layout::Zarr, false) => record.text(label).map(String::into_bytes).ok_or_else(|| {
                Problem::not_found(format!("Sample {} has no {label}: its settings are unknown.", record.id))
            })?,
            _ => {
                let bytes = self.library().checked_bytes(label, record.id, &record.files);
                bytes.map_err(|error| self.unreadable(error))?
            }
        };
        // Of a zarr store records have the sums of chunks.
        let sum = record.files.get(&label).filter(|_| self.manifest().format != Layout::Zarr).cloned();
        Ok(SampleFile { name, kind, bytes, sum })
    }

    /// An image of the sample at a place in the index, in the levels of its file, if its sum is the record's.
    pub(crate) fn image(&self, label: Label, at: usize) -> Result<Array2<f32>, Problem> {
        if !label.is_image() {
            return Err(Problem::not_found(format!("{label} is a text and has no pixels.")));
        }
        self.decoded(label, self.index().id(at), &self.sums_of(at)?)
    }

    fn decoded(&self, label: Label, id: u64, sums: &BTreeMap<Label, String>) -> Result<Array2<f32>, Problem> {
        let library = self.library();
        let bytes = library.checked_bytes(label, id, sums);
        let image = bytes.and_then(|bytes| library.image_of(label, id, bytes));
        image.map_err(|error| self.unreadable(error))
    }

    /// Width and height of a sample's image, also where only other labels are kept \[px\]; `None` if nobody knows.
    pub(crate) fn size(&self, at: usize) -> Result<Option<(usize, usize)>, Problem> {
        let Some(label) = self.pictured() else {
            let recipe = self.manifest().recipe.as_ref();
            return Ok(recipe.map(|recipe| (recipe.image.width, recipe.image.height)));
        };
        let (rows, columns) = self.image(label, at)?.dim();
        Ok(Some((columns / label.factor(), rows / label.factor())))
    }

    fn encoded(&self, label: Label, record: &Record) -> Result<Vec<u8>, Problem> {
        let image = self.decoded(label, record.id, &record.files)?;
        let bytes = match self.manifest().depth {
            Depth::Eight => encode_png_gray8(&image.mapv(|value| value as u8)),
            Depth::Sixteen => encode_png_gray16(&image.mapv(|value| value as u16)),
            Depth::Float => {
                let size = PixelSize::square(record.pixel_angstrom / label.factor() as f64).ok();
                encode_tiff(&image, size)
            }
        };
        bytes.map_err(|error| WebError::io(Path::new(label.name()))(error).into())
    }

    /// The values of an image for the viewer.
    pub(crate) fn pixels(&self, label: Label, at: usize) -> Result<Pixels, Problem> {
        let image = self.image(label, at)?;
        let (rows, columns) = image.dim();
        let (kind, bytes) = match self.manifest().depth {
            Depth::Eight => ("uint8", image.iter().map(|value| *value as u8).collect()),
            Depth::Sixteen => {
                ("uint16", image.iter().flat_map(|value| (*value as u16).to_le_bytes()).collect())
            }
            Depth::Float => ("float32", image.iter().flat_map(|value| value.to_le_bytes()).collect()),
        };
        Ok(Pixels { rows, columns, kind, bytes })
    }

    /// An image as every browser shows it, no larger than `side`.
    pub(crate) fn picture(&self, label: Label, at: usize, side: usize) -> Result<Bytes, Problem> {
        let key = format!("{label} {at} {side}");
        if let Some(bytes) = self.pictures.get(&key) {
            return Ok(bytes);
        }
        let image = shrunk(&self.image(label, at)?, side);
        let white = match self.manifest().depth {
            Depth::Eight => (0.0, 255.0),
            Depth::Sixteen => (0.0, 65_535.0),
            Depth::Float => {
                image.iter().fold((0.0_f32, 1e-9_f32), |(low, high), v| (low.min(*v), high.max(*v)))
            }
        };
        let level =
            |value: f32| ((value - white.0) / (white.1 - white.0) * 255.0).clamp(0.0, 255.0).round() as u8;
        let bytes = encode_png_gray8(&image.mapv(level)).map_err(WebError::io(Path::new("thumbnail")))?;
        let bytes = Bytes::from(bytes);
        self.pictures.put(key, bytes.clone(), bytes.len());
        Ok(bytes)
    }
}

/// An image no larger than `side`, every pixel the mean of a block.
fn shrunk(image: &Array2<f32>, side: usize) -> Array2<f32> {
    let (rows, columns) = image.dim();
    let block = rows.max(columns).div_ceil(side.max(1)).max(1);
    if block == 1 {
        return image.clone();
    }
    Array2::from_shape_fn((rows.div_ceil(block), columns.div_ceil(block)), |(row, column)| {
        let (top, left) = (row * block, column * block);
        let part = image.slice(ndarray::s![top..rows.min(top + block), left..columns.min(left + block)]);
        part.sum() / part.len().max(1) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_image_has_the_means_of_blocks() {
        let image = Array2::from_shape_fn((5, 6), |(row, column)| (row * 6 + column) as f32);
        let small = shrunk(&image, 3);
        assert_eq!(small.dim(), (3, 3));
        assert_eq!(small[(0, 0)], (0.0 + 1.0 + 6.0 + 7.0) / 4.0);
        assert_eq!(small[(2, 2)], (28.0 + 29.0) / 2.0, "what is left at the edge");
        assert_eq!(shrunk(&image, 6), image);
    }
}
