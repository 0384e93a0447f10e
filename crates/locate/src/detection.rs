//! How likely a column of known shape is to be seen at all.

use crate::Information;
use ndarray::Array2;
use std::f64::consts::PI;

/// Height, in standard deviations of the noise, that the filtered noise of an area the size of a column exceeds
/// in a maximum with the chance `false_alarms`, at most 0.1; the filter is matched to the column.
///
/// A Gaussian column's matched filter makes of white noise a random field whose correlation over a distance d
/// is exp(−d²/4σ²). Its maxima above a high u have the density u exp(−u²/2) / (2σ² (2π)^{3/2}) (R. J. Adler, The
/// Geometry of Random Fields, 1981, section 6.9), so that in the area 2πσ² there are u exp(−u²/2) / √(8π) of
/// them: 3.63 for one in a thousand. σ drops out.
pub fn detection_threshold(false_alarms: f64) -> f64 {
    let wanted = false_alarms.clamp(1e-300, 0.1) * (8.0 * PI).sqrt();
    // Beyond one the density falls with the height.
    let (mut low, mut high) = (1.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if middle * f64::exp(-0.5 * middle * middle) > wanted { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// How well the height of a column of known shape and place is measured, in units of its height, at one
/// electron where an image says one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detectability {
    /// Standard deviation of the estimate where the column is missing.
    pub without: f64,
    /// The same where it is there, whose own noise comes on top.
    pub with: f64,
}

impl Detectability {
    /// For a column whose image is `column`, on pixels that are `expected` to have so many electrons without it;
    /// `others` are the derivatives by what else isn't known. The filter is the best linear one for Poisson
    /// numbers, that of generalised least squares without the column. `None` if the height isn't determined.
    pub fn new(column: &Array2<f64>, others: &[Array2<f64>], expected: &Array2<f64>) -> Option<Self> {
        let derivatives: Vec<Array2<f64>> = std::iter::once(column).chain(others).cloned().collect();
        let information = Information::new(&derivatives, expected)?;
        let weights = information.weights(0);
        let with = (&weights * &weights * (expected + column)).sum().sqrt();
        Some(Self { without: information.std(0), with })
    }

    /// The chance that the measured height stays below `threshold` standard deviations of the noise, with
    /// `electrons` times as many electrons: the normal distribution's, which holds for some ten electrons in the
    /// column's area and more.
    pub fn missed(&self, electrons: f64, threshold: f64) -> f64 {
        let below = (threshold * self.without - electrons.sqrt()) / self.with;
        0.5 * libm::erfc(-below / std::f64::consts::SQRT_2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_imaging::{SampleRng, poisson};

    fn bell(sigma: f64, size: usize) -> Array2<f64> {
        let centre = (size / 2) as f64;
        Array2::from_shape_fn((size, size), |(r, c)| {
            (-((c as f64 - centre).powi(2) + (r as f64 - centre).powi(2)) / (2.0 * sigma * sigma)).exp()
        })
    }

    /// White noise through the filter: the maxima above the threshold, counted. Some 300 are expected where one
    /// in a hundred is allowed; 15 % for their statistics and the discrete pixels.
    #[test]
    fn false_alarms_are_as_rare_as_asked_for() {
        let (sigma, size, allowed) = (3.0, 400_usize, 0.01);
        let threshold = detection_threshold(allowed);
        assert!((detection_threshold(1e-3) - 3.63).abs() < 0.01);
        let reach = 12_usize;
        let kernel: Vec<f64> = (0..=2 * reach)
            .map(|i| (-(i as f64 - reach as f64).powi(2) / (2.0 * sigma * sigma)).exp())
            .collect();
        let norm: f64 = kernel.iter().map(|v| v * v).sum();
        let mut rng = SampleRng::new(2, 0);
        let (mut alarms, mut area) = (0, 0.0);
        for _ in 0..12 {
            let noise = Array2::from_shape_fn((size, size), |_| rng.normal());
            let inner = size - 2 * reach;
            let rows = Array2::from_shape_fn((size, inner), |(r, c)| {
                kernel.iter().enumerate().map(|(i, k)| k * noise[(r, c + i)]).sum::<f64>()
            });
            let field = Array2::from_shape_fn((inner, inner), |(r, c)| {
                kernel.iter().enumerate().map(|(i, k)| k * rows[(r + i, c)]).sum::<f64>() / norm
            });
            for r in 1..inner - 1 {
                for c in 1..inner - 1 {
                    let around = field.slice(ndarray::s![r - 1..r + 2, c - 1..c + 2]);
                    let top = around.iter().all(|v| *v <= field[(r, c)]);
                    alarms += usize::from(top && field[(r, c)] > threshold);
                }
            }
            area += ((inner - 2) * (inner - 2)) as f64;
        }
        let rate = alarms as f64 / (area / (2.0 * PI * sigma * sigma));
        assert!((rate / allowed - 1.0).abs() < 0.15, "{rate} with {alarms}");
    }

    /// Poisson images with the column, filtered, against the formula; 4000 images tell a chance to 0.008, and the
    /// normal distribution is off by 0.02 at these counts.
    #[test]
    fn dim_columns_are_missed_as_often_as_predicted() {
        let (sigma, background) = (2.0, 2.0);
        let shape = bell(sigma, 21);
        let mut rng = SampleRng::new(5, 0);
        let threshold = detection_threshold(1e-3);
        for height in [1.2, 1.8, 2.6] {
            let column = shape.mapv(|v| height * v);
            let expected = Array2::from_elem(shape.dim(), background);
            // The background isn't known either.
            let flat = [Array2::ones(shape.dim())];
            let detectability = Detectability::new(&column, &flat, &expected).unwrap();
            let derivatives = [column.clone(), flat[0].clone()];
            let weights = Information::new(&derivatives, &expected).unwrap().weights(0);
            let missed = (0..4000)
                .filter(|_| {
                    let estimate: f64 = weights
                        .iter()
                        .zip(&column)
                        .map(|(w, v)| w * f64::from(poisson((v + background) as f32, &mut rng)))
                        .sum();
                    estimate < threshold * detectability.without
                })
                .count();
            let (counted, predicted) = (missed as f64 / 4000.0, detectability.missed(1.0, threshold));
            assert!((counted - predicted).abs() < 0.03, "height {height}: {counted}, {predicted}");
        }
    }
}
