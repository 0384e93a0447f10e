//! Reads greyscale scientific images in their full depth and writes results so that they appear
//! complete or not at all.
//!
//! Image arrays are `[row, column]` with row 0 on top; lengths are in ångström.
//!
//! ```
//! use adatom_formats::{PixelSize, open, write_tiff};
//! use ndarray::array;
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("map.tif");
//! let size = PixelSize::parse("9.4pm")?;
//! write_tiff(&path, &array![[0.5, -1.0], [2.0, 3.25]], Some(size))?;
//!
//! let image = open(&path, None)?;
//! assert_eq!(image.data, array![[0.5, -1.0], [2.0, 3.25]]);
//! assert_eq!(image.source.sample_type, "32-bit float");
//! assert_eq!(image.pixel_size.map(|size| size.to_string()).as_deref(), Some("0.094 Å"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod error;
mod folder;
mod grey;
mod image;
mod jpeg;
mod pixel_size;
mod png;
mod reader;
mod tiff;

pub use atomic::write_atomically;
pub use error::{FormatError, Result};
pub use folder::OutputFolder;
pub use image::{Image, ImageInfo};
pub use pixel_size::{PixelSize, PixelSizeError};
pub use png::{write_png_gray8, write_png_rgb8};
pub use reader::open;
pub use tiff::{write_tiff, write_tiff_u16};
