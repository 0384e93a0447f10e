//! The least variance that any unbiased estimate can have.

use crate::fit::Symmetric;
use ndarray::Array2;

/// Standard deviations of the Cramér–Rao bound: `derivatives` are those of the expected image by each
/// unknown, `variance` is that of each pixel. The bound of unknown i is √(F⁻¹)ᵢᵢ, with Fisher's
/// information Fᵢⱼ = Σ ∂ᵢm ∂ⱼm / σ² for pixels that are independent and nearly normal, or Poisson numbers
/// with σ² = m. `None` if the pixels don't determine the unknowns.
pub fn cramer_rao(derivatives: &[Array2<f64>], variance: &Array2<f64>) -> Option<Vec<f64>> {
    let n = derivatives.len();
    let mut information = Symmetric::zeros(n);
    let mut by = vec![0.0; n];
    for (at, variance) in variance.indexed_iter() {
        by.iter_mut().zip(derivatives).for_each(|(value, derivative)| *value = derivative[at]);
        information.add_outer(&by, 1.0 / variance);
    }
    let factor = information.factor(0.0)?;
    (0..n)
        .map(|unknown| {
            let variance = factor.inverse_column(unknown)[unknown];
            (variance > 0.0).then(|| variance.sqrt())
        })
        .collect()
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

    #[test]
    fn what_is_not_determined_has_no_bound() {
        let flat = Array2::zeros((5, 5));
        assert_eq!(cramer_rao(&[flat], &Array2::ones((5, 5))), None);
    }
}
