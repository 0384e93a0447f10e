//! An image as it came from a file, and the checks that work on it needs.

use std::path::PathBuf;

use ndarray::Array2;

use crate::error::{FormatError, Result};
use crate::metadata::Metadata;
use crate::pixel_size::PixelSize;

/// One greyscale image in the depth of its file.
///
/// Integers of up to 24 bits and 32-bit floats are exact; wider integers and 64-bit floats are
/// rounded to the nearest `f32`.
#[derive(Clone, Debug)]
pub struct Image {
    /// Pixel values, `[row, column]`, row 0 on top.
    pub data: Array2<f32>,
    /// Size of a pixel, if the file states one that can be true.
    pub pixel_size: Option<PixelSize>,
    /// Where the image came from.
    pub source: ImageInfo,
}

/// What the file said about an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageInfo {
    /// The file.
    pub path: PathBuf,
    /// Name of the file's format, such as `TIFF`.
    pub format: &'static str,
    /// Name of the signal.
    pub signal: String,
    /// How the file stores a sample, such as `16-bit unsigned`.
    pub sample_type: String,
    /// How many frames the file has.
    pub frames: usize,
    /// Which of them this is, counted from 0.
    pub frame: usize,
    /// How it was taken.
    pub metadata: Metadata,
    /// What a user should know about the conversion, one sentence each.
    pub notes: Vec<String>,
}

impl Image {
    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.data.ncols()
    }

    /// Number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.data.nrows()
    }

    /// Accepts the image if every pixel is a finite number.
    ///
    /// # Errors
    /// [`FormatError::NotFinite`] with the number of bad pixels and the position of the first.
    pub fn check_finite(&self) -> Result<()> {
        let mut bad = self.data.indexed_iter().filter(|(_, value)| !value.is_finite());
        match bad.next() {
            None => Ok(()),
            Some(((row, column), _)) => Err(FormatError::NotFinite {
                path: self.source.path.clone(),
                count: 1 + bad.count(),
                row,
                column,
            }),
        }
    }

    /// Accepts the image if columns could be looked for in it: at least `min_side` pixels on each
    /// side and more than one value.
    ///
    /// # Errors
    /// [`FormatError::TooSmall`] or [`FormatError::Flat`].
    pub fn check_usable(&self, min_side: usize) -> Result<()> {
        let (height, width) = self.data.dim();
        let path = || self.source.path.clone();
        if height.min(width) < min_side.max(1) {
            return Err(FormatError::TooSmall { path: path(), width, height, min_side: min_side.max(1) });
        }
        match self.data.first() {
            Some(&value) if self.data.iter().all(|&other| other == value) => {
                Err(FormatError::Flat { path: path(), value })
            }
            _ => Ok(()),
        }
    }
}
