//! Reads greyscale scientific images in their full depth and writes results so that they appear
//! complete or not at all.
//!
//! Image arrays are `[row, column]` with row 0 on top; lengths are in ångström.
//!
//! ```
//! use adatom_formats::{PixelSize, Selection, read_image, write_tiff};
//! use ndarray::array;
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("map.tif");
//! let size = PixelSize::parse("9.4pm")?;
//! write_tiff(&path, &array![[0.5, -1.0], [2.0, 3.25]], Some(size))?;
//!
//! let image = read_image(&path, &Selection::default())?;
//! assert_eq!(image.data, array![[0.5, -1.0], [2.0, 3.25]]);
//! assert_eq!(image.source.sample_type, "32-bit float");
//! assert_eq!(image.pixel_size.map(|size| size.to_string()).as_deref(), Some("0.094 Å"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod array;
mod atomic;
mod bmp;
mod codec;
mod dataset;
mod dm;
mod dtype;
mod error;
mod folder;
mod grey;
mod hdf5;
mod hyperspy;
mod image;
mod input;
mod jpeg;
mod metadata;
mod mrc;
mod npy;
mod pixel_size;
mod plain;
mod png;
mod raster;
mod reader;
mod ser;
mod series;
mod signal;
mod tiff;
mod time;
mod tree;
mod unit;
mod zarr;
mod zip;

pub use atomic::write_atomically;
pub use dataset::{Dataset, Selection, Stats, Virtual};
pub use dtype::DType;
pub use error::{FormatError, Result};
pub use folder::OutputFolder;
pub use hdf5::{write_emd, write_hspy};
pub use image::{Image, ImageInfo};
pub use metadata::Metadata;
pub use npy::write_npy;
pub use pixel_size::{PixelSize, PixelSizeError};
pub use png::{encode_png_gray8, encode_png_gray16, write_png_gray8, write_png_rgb8};
pub use reader::{open, open_bytes, read_image};
pub use signal::{Axis, Kind, Signal};
pub use tiff::{encode_tiff, write_tiff, write_tiff_u16};
