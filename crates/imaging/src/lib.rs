//! From projected columns to an image and its labels: the linear ADF-STEM model, backgrounds,
//! scan and shot noise, and the ground truth that belongs to them.
//!
//! Images are `Array2<f32>` indexed `[row, column]`, row 0 on top; positions are `(x, y)` with
//! pixel centres at integers, so the first pixel's centre is (0, 0). Lengths are in ångström
//! where a name says so. Randomness comes from a [`SampleRng`], one counter-based stream a sample.

mod background;
mod dose;
mod double;
mod error;
mod grid;
mod labels;
mod linear;
mod poisson;
mod random;
mod scan;
mod single;

pub use background::{Background, BackgroundKind};
pub use dose::{Detector, Dose, expose};
pub use double::double;
pub use error::ImagingError;
pub use grid::Grid;
pub use labels::{Spot, circular_mask, gaussian_mask, superresolution};
pub use linear::{LinearModel, Spectrum};
pub use poisson::poisson;
pub use random::SampleRng;
pub use scan::{RowShift, ScanNoise};
pub use single::ColumnImage;
