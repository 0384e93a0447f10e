//! From maps to columns: how far apart the columns of an image are, resampling to another scale,
//! the paper's localiser and the weighted one, fits to the image itself with error bars, bounds of
//! the precision, and scoring against truth.
//!
//! Images are `Array2<f32>` indexed `[row, column]`; positions are `(x, y)` in pixels, x to the
//! right, y down, the first pixel's centre at (0, 0).

mod blob;
mod bound;
mod calibration;
mod column;
mod components;
mod detection;
mod expected;
mod features;
mod fit;
mod median;
mod neighbours;
mod otsu;
mod repeats;
mod resample;
mod score;
mod spacing;

pub use blob::{spot_sigma, standing_out};
pub use bound::{Information, cramer_rao, displaced_rows, jitter_floor};
pub use calibration::Calibration;
pub use column::{Column, Flag, Method, Settings, locate, median_nearest_distance, nearest_distances};
pub use components::Components;
pub use detection::{Detectability, detection_threshold};
pub use expected::expected;
pub use features::{FEATURES_OF_ORDER, Features, features, features_beside};
pub use fit::{
    Fit, FitSettings, FittedColumn, NoiseModel, Reason, Sampling, Shape, Start, Statistics, fit_columns,
};
pub use median::median;
pub use otsu::otsu_threshold;
pub use resample::{Resampling, moved};
pub use score::{Score, Truth, pairs, score};
pub use spacing::{Spacing, column_spacing};
