//! An image's noise, measured from what a fit leaves.

use super::solve::Symmetric;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Least part of the mean variance that a pixel is believed to have.
pub(super) const LEAST: f64 = 0.03;

/// Variance of a pixel as a function of its expected value m, and of the rows' places.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoiseModel {
    /// Image units an electron: the variance grows by this for every unit of m.
    pub gain: f64,
    /// Variance at m = 0 \[image unit²\]: of the reading, less gain × the value without electrons.
    pub floor: f64,
    /// Smallest variance \[image unit²\].
    pub least: f64,
    /// Standard deviation of the rows' displacement along x and y \[px\].
    pub jitter_px: [f64; 2],
}

impl NoiseModel {
    /// Of an image that counts: `gain` image units an electron, `offset` without any, `read` the standard
    /// deviation of the reading \[image unit\]; rows in their places.
    pub fn counting(gain: f64, offset: f64, read: f64) -> Self {
        let floor = read * read - gain * offset;
        Self { gain, floor, least: (1e-3 * gain * gain).max(read * read).max(1e-30), jitter_px: [0.0; 2] }
    }

    /// White noise.
    pub(super) fn white(variance: f64) -> Self {
        let variance = variance.max(1e-30);
        Self { gain: 0.0, floor: variance, least: variance, jitter_px: [0.0; 2] }
    }

    /// Variance of a pixel that is expected to be `value`.
    #[inline(always)]
    pub fn variance(&self, value: f64) -> f64 {
        (self.floor + self.gain * value).max(self.least)
    }

    /// Deviance of a pixel: twice the logarithm of how much likelier its own value would make it.
    #[inline(always)]
    pub(super) fn deviance(&self, value: f64, expected: f64) -> f64 {
        let (variance, off, square) = (self.variance(expected), value - expected, self.gain * self.gain);
        // As numbers of electrons, shifted so that their variance is their mean.
        let mean = variance / square;
        let count = mean + off / self.gain;
        let poisson = 2.0 * (mean - count + count * logarithm(count / mean));
        // Below zero the logarithm's term is gone, and the reading noise alone is left.
        let below = 2.0 * (mean - count) + count * count / mean;
        let normal = off * off / variance;
        let counted = if count > 0.0 { poisson } else { below };
        if square < 1e-6 * variance { normal } else { counted }
    }

    /// Measures the noise from `residual` at the pixels where `used`: its squares are explained by a
    /// constant, the expected value, and the squared slopes, which tell how far rows are displaced.
    /// `freedom` is the number of fitted parameters.
    pub(super) fn measure(
        image: &Array2<f32>,
        residual: &Array2<f32>,
        slopes: &[Array2<f32>; 2],
        used: &[(usize, usize)],
        freedom: usize,
    ) -> Self {
        // A thousand pixels a parameter are plenty.
        let step = (used.len() / 200_000).max(1);
        let rows: Vec<([f64; 4], f64)> = used
            .iter()
            .step_by(step)
            .map(|&at| {
                let off = f64::from(residual[at]);
                let expected = f64::from(image[at]) - off;
                let slope = |axis: usize| f64::from(slopes[axis][at]).powi(2);
                ([1.0, expected, slope(0), slope(1)], off * off)
            })
            .filter(|(terms, square)| square.is_finite() && terms[1].is_finite())
            .collect();
        let mean = rows.iter().map(|row| row.1).sum::<f64>() / rows.len().max(1) as f64;
        if rows.len() < 50 || mean <= 0.0 {
            return Self::white(mean);
        }
        let kept = used.len().saturating_sub(freedom).max(used.len() / 4).max(1);
        let correction = used.len() as f64 / kept as f64;
        let mut terms = [true; 4];
        let mut found = [mean, 0.0, 0.0, 0.0];
        // Weights by the variance so far; terms that come out negative are left out.
        for _ in 0..8 {
            let predicted =
                |x: &[f64; 4]| x.iter().zip(&found).map(|(x, c)| x * c).sum::<f64>().max(LEAST * mean);
            let chosen: Vec<usize> = (0..4).filter(|i| terms[*i]).collect();
            let mut matrix = Symmetric::zeros(chosen.len());
            let mut right = vec![0.0; chosen.len()];
            let mut part = [0.0; 4];
            for (x, square) in &rows {
                let expected = predicted(x);
                let weight = expected.powi(-2);
                chosen.iter().zip(&mut part).for_each(|(i, p)| *p = x[*i]);
                // A few outliers, columns nobody found, are not noise.
                let square = square.min(25.0 * expected);
                part.iter().zip(&mut right).for_each(|(p, r)| *r += weight * p * square);
                matrix.add_outer(&part[..chosen.len()], weight);
            }
            let Some(factor) = matrix.factor(1e-9) else { break };
            let solved = factor.solve(&right);
            found = [0.0; 4];
            chosen.iter().zip(&solved).for_each(|(i, value)| found[*i] = *value);
            // The constant may be negative: an offset without electrons.
            if let Some(worst) =
                (1..4).filter(|i| found[*i] < 0.0).min_by(|a, b| found[*a].total_cmp(&found[*b]))
            {
                terms[worst] = false;
                found[worst] = 0.0;
            }
            if !terms[1] && found[0] < 0.0 {
                found[0] = mean;
            }
        }
        let [floor, gain, x, y] = found.map(|value| value * correction);
        Self { gain, floor, least: LEAST * mean, jitter_px: [x.max(0.0).sqrt(), y.max(0.0).sqrt()] }
    }
}

/// The natural logarithm of a positive number, without branches, to 4e-16 and two units in the last place.
#[inline(always)]
fn logarithm(value: f64) -> f64 {
    // value = m 2ⁿ, m from √½ to √2, and ln m = 2 artanh((m − 1)/(m + 1)).
    const HALF_ROOT: u64 = 0x3fe6_a09e_667f_3bcd;
    let bits = value.to_bits().wrapping_sub(HALF_ROOT);
    let power = (bits.cast_signed() >> 52).cast_unsigned();
    let m = f64::from_bits(value.to_bits().wrapping_sub(power << 52));
    // The exponent as a number: added to the last bits of 1.5 × 2⁵².
    const BIG: f64 = 6_755_399_441_055_744.0;
    let n = f64::from_bits(BIG.to_bits().wrapping_add(power)) - BIG;
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut series = 1.0 / 21.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        series = series * z + 1.0 / odd;
    }
    n * std::f64::consts::LN_2 + (2.0 * s + 2.0 * s * z * series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_library() {
        for i in -4000..4000 {
            let value = (f64::from(i) * 0.05).exp() * 1.01;
            assert!((logarithm(value) - value.ln()).abs() < 4e-16 + 5e-16 * value.ln().abs(), "{value}");
        }
    }

    /// The deviance is zero at its own mean, grows as (k − μ)²/μ near it, and is continuous at zero counts.
    #[test]
    fn deviance_is_that_of_poisson_numbers() {
        let noise = NoiseModel::counting(2.0, 10.0, 0.0);
        assert!(noise.deviance(50.0, 50.0).abs() < 1e-12);
        // 100 electrons expected, 101 seen: value 212 for 210.
        assert!((noise.deviance(212.0, 210.0) - 0.01).abs() < 1e-4);
        let (above, below) = (noise.deviance(10.0 + 1e-9, 50.0), noise.deviance(10.0 - 1e-9, 50.0));
        assert!((above - below).abs() < 1e-6 && (above - 40.0).abs() < 1e-6, "{above} {below}");
    }
}
