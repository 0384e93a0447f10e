//! Columns as Gaussians fitted to the image itself: least squares or maximum likelihood, neighbours
//! together, each with its covariance.
//!
//! The sum of all columns is fitted, each on a plane of its own: one column after the other is
//! refined with the present images of the others taken away, until none moves. That converges to the
//! joint optimum (block Gauss–Seidel), and costs no more than fitting each alone a few times.

mod band;
mod covariance;
mod doubt;
mod gaussian;
mod hidden;
mod learn;
mod maps;
mod noise;
mod outside;
mod patch;
mod pixels;
mod planes;
mod profile;
mod rows;
mod scene;
mod solve;
mod stages;
mod sweep;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use noise::NoiseModel;
pub(crate) use solve::Symmetric;

/// A column's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// One width.
    #[default]
    Round,
    /// Two widths and a direction.
    Elliptical,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// The sum of squares.
    #[default]
    LeastSquares,
    /// The deviance of Poisson numbers with the noise model's gain and offset.
    Poisson,
}

/// What a pixel's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// The image at the pixel's centre, as a scanned probe gives it.
    #[default]
    Point,
    /// The mean over the pixel, as a camera gives it; round columns only.
    Integrated,
}

/// Settings of [`fit_columns`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FitSettings {
    /// The columns' shape.
    pub shape: Shape,
    /// What is minimised.
    pub statistics: Statistics,
    /// What a pixel's value is.
    pub sampling: Sampling,
    /// The image's noise; measured from the image if not given.
    pub noise: Option<NoiseModel>,
    /// Solve for the displacements of the rows too.
    pub descan: bool,
}

/// Where a fit begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Width of the column's Gaussian \[px\].
    pub sigma: f64,
    /// The background beneath, if it is known; used where columns stand so close that their pixels
    /// don't tell.
    pub background: Option<f64>,
}

/// Why a fit isn't used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It left its place by more than its width or a third of the distance to the nearest column.
    Moved,
    /// Its height came out negative.
    Negative,
    /// Its width is less than two fifths or more than two and a half times the median.
    Width,
    /// Too much of it lies outside the image.
    Border,
    /// Its pixels don't determine it.
    Undetermined,
    /// Too few columns to tell what columns have in common, which the fit needs.
    Few,
}

impl Reason {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moved => "fit-moved",
            Self::Negative => "fit-negative",
            Self::Width => "fit-width",
            Self::Border => "fit-border",
            Self::Undetermined => "fit-undetermined",
            Self::Few => "fit-few",
        }
    }
}

/// A fitted column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FittedColumn {
    /// To the right \[px\]; the start's if the fit isn't used.
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Height above the background \[image unit\].
    pub height: f64,
    /// The background beneath it \[image unit\].
    pub background: f64,
    /// Larger and smaller width \[px\]; equal for a round column.
    pub sigma_px: [f64; 2],
    /// Direction of the larger width, from x towards y \[rad\].
    pub angle_rad: f64,
    /// Covariance of the position, xx, xy, yy \[px²\]: of the noise and, where rows are displaced, of
    /// that; `None` if the fit isn't used.
    pub covariance_px2: Option<[f64; 3]>,
    /// Why the fit isn't used.
    pub reason: Option<Reason>,
}

impl FittedColumn {
    /// Standard deviations along x and y \[px\].
    pub fn std_px(&self) -> Option<[f64; 2]> {
        self.covariance_px2.map(|[xx, _, yy]| [xx.max(0.0).sqrt(), yy.max(0.0).sqrt()])
    }
}

/// All columns of an image.
#[derive(Debug, Clone)]
pub struct Fit {
    /// In the order of the starts.
    pub columns: Vec<FittedColumn>,
    /// The noise that weights and covariances are based on.
    pub noise: NoiseModel,
    /// Displacement of each row along x and y \[px\], if they were solved for and don't stand still: row r of
    /// the image shows what lies at (x − rows\[r\]\[0\], y − rows\[r\]\[1\]), and the columns' places
    /// are freed of that.
    pub rows: Option<Vec<[f64; 2]>>,
}

/// Fits a Gaussian to every column of an image, starting at `starts`.
pub fn fit_columns(image: &Array2<f32>, starts: &[Start], settings: &FitSettings) -> Fit {
    stages::run(image, starts, settings)
}
