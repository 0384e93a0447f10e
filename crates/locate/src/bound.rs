//! The least variance that any unbiased estimate can have.

use crate::fit::Symmetric;
use ndarray::{Array2, Axis};

/// Fisher's information of the unknowns of an expected image, Fᵢⱼ = Σ ∂ᵢm ∂ⱼm / σ², for pixels that are
/// independent and nearly normal, or Poisson numbers with σ² = m.
pub struct Information<'a> {
    derivatives: &'a [Array2<f64>],
    variance: &'a Array2<f64>,
    /// The inverse's rows: the covariance of estimates that reach the bound.
    covariance: Vec<Vec<f64>>,
}

impl<'a> Information<'a> {
    /// `derivatives` are those of the expected image by each unknown, `variance` is that of each pixel. `None` if
    /// the pixels don't determine the unknowns.
    pub fn new(derivatives: &'a [Array2<f64>], variance: &'a Array2<f64>) -> Option<Self> {
        let mut information = Symmetric::zeros(derivatives.len());
        let mut by = vec![0.0; derivatives.len()];
        for (at, variance) in variance.indexed_iter() {
            by.iter_mut().zip(derivatives).for_each(|(value, derivative)| *value = derivative[at]);
            information.add_outer(&by, 1.0 / variance);
        }
        let factor = information.factor(0.0)?;
        let covariance: Vec<Vec<f64>> = (0..derivatives.len()).map(|i| factor.inverse_column(i)).collect();
        let positive = covariance.iter().enumerate().all(|(i, row)| row[i] > 0.0);
        positive.then_some(Self { derivatives, variance, covariance })
    }

    /// The bound of an unknown's standard deviation, √(F⁻¹)ᵢᵢ.
    pub fn std(&self, unknown: usize) -> f64 {
        self.covariance[unknown][unknown].sqrt()
    }

    /// By how much the estimate that reaches the bound of an unknown changes with each pixel,
    /// Σⱼ (F⁻¹)ᵢⱼ ∂ⱼm / σ².
    pub fn weights(&self, unknown: usize) -> Array2<f64> {
        let mut weights = Array2::zeros(self.variance.dim());
        for (derivative, inverse) in self.derivatives.iter().zip(&self.covariance[unknown]) {
            weights.scaled_add(*inverse, derivative);
        }
        weights / self.variance
    }
}

/// Standard deviations of the Cramér–Rao bound of all unknowns; see [`Information`].
pub fn cramer_rao(derivatives: &[Array2<f64>], variance: &Array2<f64>) -> Option<Vec<f64>> {
    let information = Information::new(derivatives, variance)?;
    Some((0..derivatives.len()).map(|unknown| information.std(unknown)).collect())
}

/// Standard deviation that rows displaced independently by `jitter` \[px\] along x and y add to an estimate of
/// these [`weights`](Information::weights), which doesn't know about the rows. `slopes` are the derivatives of
/// the whole expected image by x and y: to first order a row moved by δ differs by −δ times its slope.
pub fn displaced_rows(weights: &Array2<f64>, slopes: &[Array2<f64>; 2], jitter: [f64; 2]) -> f64 {
    let along = |slope: &Array2<f64>| -> f64 {
        let rows = (weights * slope).sum_axis(Axis(1));
        rows.iter().map(|row| row * row).sum()
    };
    let [x, y] = [0, 1].map(|axis| jitter[axis].powi(2) * along(&slopes[axis]));
    (x + y).sqrt()
}

/// Standard deviation that rows displaced independently by `jitter` leave in the mean place of a Gaussian
/// column whose rows all count alike by their intensity, in the unit of `jitter`: a lower floor is reached
/// only by an estimate that knows about the rows. `sigma_rows` is the column's width in rows.
///
/// The rows' weights are a Gaussian of width σ, whose squares sum to 1/(2σ√π).
pub fn jitter_floor(jitter: f64, sigma_rows: f64) -> f64 {
    jitter / (2.0 * sigma_rows * std::f64::consts::PI.sqrt()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    fn gaussian(sigma: f64, height: f64, background: f64) -> (Vec<Array2<f64>>, Array2<f64>) {
        let size = (61, 61);
        let at = |r: usize, c: usize| {
            let (dx, dy) = (c as f64 - 30.2, r as f64 - 29.7);
            (dx, dy, height * (-(dx * dx + dy * dy) / (2.0 * sigma * sigma)).exp())
        };
        let by = |of: &dyn Fn(f64, f64, f64) -> f64| {
            Array2::from_shape_fn(size, |(r, c)| {
                let (dx, dy, value) = at(r, c);
                of(dx, dy, value)
            })
        };
        let s2 = sigma * sigma;
        let derivatives =
            vec![by(&|dx, _, v| v * dx / s2), by(&|_, dy, v| v * dy / s2), by(&|_, _, v| v / height)];
        (derivatives, by(&|_, _, v| v + background))
    }

    /// Without background the bound is σ/√N, N the electrons of the column; tolerance 1e-3, pixels of a
    /// third of σ being fine enough.
    #[test]
    fn poisson_noise_alone_gives_sigma_over_root_n() {
        let (derivatives, expected) = gaussian(3.0, 50.0, 1e-9);
        let bound = cramer_rao(&derivatives, &expected).unwrap();
        let electrons: f64 = 2.0 * PI * 9.0 * 50.0;
        assert!((bound[0] / (3.0 / electrons.sqrt()) - 1.0).abs() < 1e-3, "{bound:?}");
        assert!((bound[1] / bound[0] - 1.0).abs() < 1e-3);
    }

    /// On a high background the noise is white: √(2/π) × √b / height for every width.
    #[test]
    fn white_noise_gives_a_bound_without_the_width() {
        for sigma in [2.0, 4.0] {
            let (derivatives, expected) = gaussian(sigma, 1.0, 1e6);
            let bound = cramer_rao(&derivatives, &expected).unwrap();
            assert!((bound[0] / ((2.0 / PI).sqrt() * 1e3) - 1.0).abs() < 2e-3, "{bound:?}");
        }
    }

    /// Against a brute-force mean of displaced rows: ten thousand columns, 2 % by chance.
    #[test]
    fn the_floor_of_displaced_rows_is_that_of_their_weighted_mean() {
        let sigma: f64 = 4.0;
        let weights: Vec<f64> =
            (-30..=30).map(|r| (-f64::from(r * r) / (2.0 * sigma * sigma)).exp()).collect();
        let total: f64 = weights.iter().sum();
        // Any numbers of variance one do: a linear congruence, twelve summed.
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut sum = 0.0;
        for _ in 0..10_000 {
            let mean: f64 =
                weights.iter().map(|w| w / total * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0)).sum();
            sum += mean * mean;
        }
        assert!(((sum / 10_000.0).sqrt() / jitter_floor(1.0, sigma) - 1.0).abs() < 0.03);
    }

    /// Without background the rows count by their intensity, as in [`jitter_floor`]; on a high one by the square of
    /// their slope, as a Gaussian narrower by √2. Rows displaced along x alone; to 1 %.
    #[test]
    fn displaced_rows_add_the_floor_of_a_gaussian() {
        for (background, narrower) in [(1e-9, 1.0), (1e6, 2.0_f64.sqrt())] {
            let sigma = 3.0;
            let (derivatives, variance) = gaussian(sigma, 1.0, background);
            let information = Information::new(&derivatives, &variance).unwrap();
            let weights = information.weights(0);
            let noise = (&weights * &weights * &variance).sum().sqrt();
            assert!((noise / information.std(0) - 1.0).abs() < 1e-9);
            let slopes = [-&derivatives[0], -&derivatives[1]];
            let floor = displaced_rows(&weights, &slopes, [0.2, 0.0]);
            assert!((floor / jitter_floor(0.2, sigma / narrower) - 1.0).abs() < 0.01, "{floor}");
        }
    }

    #[test]
    fn what_is_not_determined_has_no_bound() {
        let flat = Array2::zeros((5, 5));
        assert_eq!(cramer_rao(&[flat], &Array2::ones((5, 5))), None);
    }
}
