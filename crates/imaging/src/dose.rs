use crate::{ImagingError, SampleRng};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Elementary charge \[C\].
const ELEMENTARY_CHARGE: f64 = 1.602_176_634e-19;
/// Above this mean a Poisson number is drawn by transformed rejection instead of inversion.
const INVERSION_LIMIT: f32 = 12.0;

/// Beam current and dwell time: how many electrons reach a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dose {
    /// Beam current \[pA\].
    pub current_pa: f64,
    /// Dwell time \[µs\].
    pub dwell_us: f64,
}

impl Detector {
    /// How far the response drags the image along the row, on average \[px\]: an exponential tail
    /// that keeps the part q of each pixel for the next has its mean at q/(1 − q).
    pub fn delay_px(&self) -> f64 {
        if self.response_px > 0.0 { 1.0 / ((1.0 / self.response_px).exp() - 1.0) } else { 0.0 }
    }
}

impl Dose {
    /// Electrons a pixel, t_dwell × I / e.
    pub fn electrons_per_pixel(&self) -> f64 {
        self.dwell_us * 1e-6 * self.current_pa * 1e-12 / ELEMENTARY_CHARGE
    }
}

/// What the detector does to the counts after the shot noise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Detector {
    /// Standard deviation of the additive noise, in counts.
    pub read_noise_counts: f64,
    /// Exponential response time along the row, in pixels.
    pub response_px: f64,
}

/// Records an image: `expected` (in any unit) times `counts_per_unit` electrons are expected in a
/// pixel, a Poisson number of them arrives, and the result is returned in the unit of `expected`.
/// Negative expectations (ringing of a band limit) count as zero.
///
/// # Errors
/// When `counts_per_unit` is not positive and finite.
pub fn expose(
    expected: &Array2<f32>,
    counts_per_unit: f64,
    detector: &Detector,
    rng: &mut SampleRng,
) -> Result<Array2<f32>, ImagingError> {
    ImagingError::check("counts per unit", counts_per_unit, 1e-9, 1e12, "positive and at most 1e12")?;
    let scale = counts_per_unit as f32;
    let mut image = expected.mapv(|v| poisson(v.max(0.0) * scale, rng));
    if detector.response_px > 0.0 {
        let keep = (-1.0 / detector.response_px).exp() as f32;
        for mut row in image.rows_mut() {
            let mut state = row[0];
            for value in &mut row {
                state = keep * state + (1.0 - keep) * *value;
                *value = state;
            }
        }
    }
    if detector.read_noise_counts > 0.0 {
        let sigma = detector.read_noise_counts;
        image.mapv_inplace(|v| v + (sigma * rng.normal()) as f32);
    }
    image.mapv_inplace(|v| v / scale);
    Ok(image)
}

/// A Poisson number with the given mean. Small means by inversion, larger ones by Hörmann's
/// transformed rejection with squeeze (PTRS, Insurance: Math. Econ. 12, 39, 1993).
pub fn poisson(mean: f32, rng: &mut SampleRng) -> f32 {
    if mean <= 0.0 || mean.is_nan() {
        return 0.0;
    }
    if mean < INVERSION_LIMIT {
        let mut left = rng.uniform_f32() - (-mean).exp();
        let mut term = (-mean).exp();
        let mut k = 0.0_f32;
        // Beyond mean + 60 the terms have vanished in f32: the bound ends rounding's last drop.
        while left > 0.0 && k < mean + 60.0 {
            k += 1.0;
            term *= mean / k;
            left -= term;
        }
        return k;
    }
    let mean = f64::from(mean);
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = f64::from(rng.uniform_f32()) - 0.5;
        let v = f64::from(rng.uniform_f32());
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k as f32;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let accept = (v * inverse_alpha / (a / (us * us) + b)).ln();
        if accept <= k * mean.ln() - mean - ln_factorial(k) {
            return k as f32;
        }
    }
}

/// ln k! by Stirling's series, to 1e-9 for k ≥ 8, by the product below.
fn ln_factorial(k: f64) -> f64 {
    if k < 8.0 {
        return (2..=k as u32).map(|i| f64::from(i).ln()).sum();
    }
    let x = k + 1.0;
    let half_ln_2pi = 0.918_938_533_204_672_7;
    (x - 0.5) * x.ln() - x + half_ln_2pi + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
        + 1.0 / (1260.0 * x.powi(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 pA for 1 µs is 6.24 electrons.
    #[test]
    fn electrons_follow_from_current_and_dwell_time() {
        assert!((Dose { current_pa: 1.0, dwell_us: 1.0 }.electrons_per_pixel() - 6.241_509).abs() < 1e-5);
    }

    /// Chi-square of the histogram against the exact probabilities, on both sides of the switch
    /// of methods; the limit is mean + 5 standard deviations of the statistic.
    #[test]
    fn poisson_numbers_have_poissons_distribution() {
        let draws = 200_000;
        for (index, mean) in [0.05_f32, 0.7, 4.0, 11.9, 12.1, 40.0, 300.0].into_iter().enumerate() {
            let mut rng = SampleRng::new(9, index as u64);
            let mut histogram = std::collections::BTreeMap::<u64, f64>::new();
            for _ in 0..draws {
                *histogram.entry(poisson(mean, &mut rng) as u64).or_default() += 1.0;
            }
            let (mut statistic, mut classes) = (0.0, 0.0);
            for k in 0..1000_u64 {
                let ln_p = k as f64 * f64::from(mean).ln() - f64::from(mean) - ln_factorial(k as f64);
                let expected = draws as f64 * ln_p.exp();
                if expected >= 10.0 {
                    let seen = histogram.get(&k).copied().unwrap_or(0.0);
                    statistic += (seen - expected).powi(2) / expected;
                    classes += 1.0;
                }
            }
            assert!(
                statistic < classes + 5.0 * (2.0_f64 * classes).sqrt(),
                "mean {mean}: χ² {statistic} of {classes}"
            );
        }
    }

    /// The mean of a recorded impulse lies behind it by the stated delay.
    #[test]
    fn the_response_drags_an_impulse_by_its_delay() {
        let mut impulse = Array2::zeros((1, 200));
        impulse[(0, 20)] = 1.0;
        let detector = Detector { response_px: 1.7, ..Default::default() };
        let image = expose(&impulse, 1e9, &detector, &mut SampleRng::new(1, 1)).unwrap();
        let mean = image.iter().enumerate().map(|(x, v)| x as f64 * f64::from(*v)).sum::<f64>()
            / f64::from(image.sum());
        assert!((mean - 20.0 - detector.delay_px()).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn exposure_keeps_the_mean_and_gives_shot_noise() {
        let expected = Array2::from_elem((300, 300), 0.5_f32);
        let image = expose(&expected, 80.0, &Detector::default(), &mut SampleRng::new(2, 2)).unwrap();
        let mean = f64::from(image.sum()) / 9e4;
        let variance = image.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / 9e4;
        // 40 counts a pixel: standard error of the mean √40/300/80, of the variance √2/300.
        assert!((mean - 0.5).abs() < 5.0 * 40.0_f64.sqrt() / 300.0 / 80.0);
        assert!((variance / (40.0 / 6400.0) - 1.0).abs() < 5.0 * 2.0_f64.sqrt() / 300.0);
        assert!(expose(&expected, f64::NAN, &Detector::default(), &mut SampleRng::new(2, 2)).is_err());
    }
}
