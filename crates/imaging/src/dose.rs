use crate::{ImagingError, SampleRng, poisson};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Elementary charge \[C\].
const ELEMENTARY_CHARGE: f64 = 1.602_176_634e-19;
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
    let mut image = expected.mapv(|v| poisson(v * scale, rng));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 pA for 1 µs is 6.24 electrons.
    #[test]
    fn electrons_follow_from_current_and_dwell_time() {
        assert!((Dose { current_pa: 1.0, dwell_us: 1.0 }.electrons_per_pixel() - 6.241_509).abs() < 1e-5);
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
