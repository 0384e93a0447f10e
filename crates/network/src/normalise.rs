use crate::Task;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Part of the superresolution image's unit that the network works in: its narrow peaks are
/// several times as high as the image's own.
const SUPERRESOLUTION_SCALE: f32 = 0.25;

/// An image has no contrast when its standard deviation is at most this part of its mean.
pub(crate) const FLAT: f64 = 1e-7;

/// The input normalisation, part of the model: an image enters as (I − mean)/σ, with mean and
/// standard deviation over the whole image; restored images leave through the inverse, the two
/// masks as they are. An image without contrast has σ = 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Mean of the image.
    pub mean: f32,
    /// Standard deviation of the image.
    pub sigma: f32,
}

impl Normalisation {
    /// Measures `image`.
    pub fn of(image: &Array2<f32>) -> Self {
        let n = image.len().max(1) as f64;
        let mean = image.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = image.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        let sigma = variance.sqrt();
        let sigma =
            if sigma.is_finite() && sigma > FLAT * mean.abs() && sigma > 0.0 { sigma as f32 } else { 1.0 };
        Self { mean: mean as f32, sigma }
    }

    /// Offset and scale from the network's unit to the image's, for an output of `task`.
    fn affine(&self, task: Task) -> (f32, f32) {
        let (means, sigmas) = Self::unit(task);
        (means * self.mean, sigmas.map_or(1.0, |sigmas| sigmas * self.sigma))
    }

    /// Offset and scale for an output of `task`, in units of the mean and of σ; no scale for what has no unit.
    pub(crate) fn unit(task: Task) -> (f32, Option<f32>) {
        match task {
            Task::CircularMask | Task::GaussianMask => (0.0, None),
            Task::NoNoise => (1.0, Some(1.0)),
            Task::NoBackgroundNoNoise => (0.0, Some(1.0)),
            Task::Superresolution => (0.0, Some(1.0 / SUPERRESOLUTION_SCALE)),
        }
    }

    /// The image in the network's unit.
    pub fn input(&self, value: f32) -> f32 {
        (value - self.mean) / self.sigma
    }

    /// A label of `task` in the network's unit.
    pub fn target(&self, task: Task, value: f32) -> f32 {
        let (offset, scale) = self.affine(task);
        (value - offset) / scale
    }

    /// An output of `task` in the image's unit.
    pub fn output(&self, task: Task, value: f32) -> f32 {
        let (offset, scale) = self.affine(task);
        value * scale + offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_and_output_are_inverse() {
        let image = Array2::from_shape_fn((5, 7), |(r, c)| 100.0 + (r * 3 + c) as f32);
        let n = Normalisation::of(&image);
        for task in Task::ALL {
            assert!((n.output(task, n.target(task, 123.0)) - 123.0).abs() < 1e-3, "{task:?}");
        }
        let normalised = image.mapv(|v| n.input(v));
        assert!(normalised.mean().unwrap().abs() < 1e-5);
    }

    #[test]
    fn a_flat_image_has_unit_sigma() {
        assert_eq!(Normalisation::of(&Array2::from_elem((4, 4), 7.0)).sigma, 1.0);
    }
}
