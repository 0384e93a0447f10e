//! Tagged Image File Format: what microscopes and ImageJ write, and what ImageJ reads.

mod decode;
mod directory;
mod encode;
mod scale;

pub(crate) use decode::Tiff;
pub use encode::{write_tiff, write_tiff_u16};
