//! From maps to columns: how far apart the columns of an image are, resampling to another scale,
//! the paper's localiser and the weighted one, and scoring against truth.
//!
//! Images are `Array2<f32>` indexed `[row, column]`; positions are `(x, y)` in pixels, x to the
//! right, y down, the first pixel's centre at (0, 0).

mod blob;
mod calibration;
mod column;
mod components;
mod otsu;
mod resample;
mod score;
mod spacing;

pub use blob::spot_sigma;
pub use calibration::{Calibration, Features, features};
pub use column::{Column, Flag, Method, Settings, locate, median_nearest_distance, nearest_distances};
pub use components::Components;
pub use otsu::otsu_threshold;
pub use resample::Resampling;
pub use score::{Score, Truth, score};
pub use spacing::{Spacing, column_spacing};
