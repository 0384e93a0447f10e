use crate::{ImagingError, SampleRng};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How far a whole row was displaced \[Å\].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RowShift {
    /// Along x, the fast scan direction \[Å\].
    pub x_angstrom: f64,
    /// Along y \[Å\].
    pub y_angstrom: f64,
}

/// The paper's scan noise: row i is displaced by δx = N(0, 1) σ sin(2πft) and
/// δy = N(0, 1) σ sin(2πft + φ₀), f the mains frequency and t the time at which the row is scanned.
/// With a correlation the normal numbers of neighbouring rows are alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanNoise {
    /// σ_jitter \[Å\].
    pub sigma_angstrom: f64,
    /// Mains frequency \[Hz\].
    pub mains_hz: f64,
    /// Time from one row to the next, flyback included \[s\].
    pub line_time_s: f64,
    /// Phase of the mains at the first row \[rad\].
    pub start_phase_rad: f64,
    /// φ₀ between the two directions \[rad\].
    pub xy_phase_rad: f64,
    /// Correlation of a row's normal numbers with those of the row before, 0 to below 1.
    #[serde(default)]
    pub correlation: f64,
}

impl ScanNoise {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`ImagingError::OutOfRange`] naming the setting.
    pub fn check(&self) -> Result<(), ImagingError> {
        ImagingError::check("sigma_jitter in Å", self.sigma_angstrom, 0.0, 10.0, "0 to 10 Å")?;
        ImagingError::check("mains_hz", self.mains_hz, 0.0, 1e4, "0 to 10000 Hz")?;
        ImagingError::check("line time in s", self.line_time_s, 0.0, 100.0, "0 to 100 s")?;
        ImagingError::check("row correlation", self.correlation, 0.0, 0.999, "0 to 0.999")
    }

    /// The displacement of each of `rows` rows.
    pub fn rows(&self, rows: usize, rng: &mut SampleRng) -> Vec<RowShift> {
        let fresh = (1.0 - self.correlation * self.correlation).sqrt();
        let mut before: Option<[f64; 2]> = None;
        (0..rows)
            .map(|row| {
                let now = [rng.normal(), rng.normal()];
                let [x, y] = match before {
                    Some(before) => [0, 1].map(|i| self.correlation * before[i] + fresh * now[i]),
                    None => now,
                };
                before = Some([x, y]);
                let phase = 2.0 * PI * self.mains_hz * self.line_time_s * row as f64 + self.start_phase_rad;
                RowShift {
                    x_angstrom: x * self.sigma_angstrom * phase.sin(),
                    y_angstrom: y * self.sigma_angstrom * (phase + self.xy_phase_rad).sin(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of sin² is one half, so the rms displacement is σ/√2; and it vanishes wherever
    /// the mains goes through zero.
    #[test]
    fn rows_are_normal_and_follow_the_mains() {
        let noise = ScanNoise {
            sigma_angstrom: 0.2,
            mains_hz: 50.0,
            line_time_s: 0.0025,
            start_phase_rad: 0.0,
            xy_phase_rad: PI / 2.0,
            correlation: 0.0,
        };
        let rows = noise.rows(40_000, &mut SampleRng::new(1, 1));
        let rms = |of: fn(&RowShift) -> f64| (rows.iter().map(|r| of(r).powi(2)).sum::<f64>() / 4e4).sqrt();
        let expected = 0.2 / 2.0_f64.sqrt();
        assert!((rms(|r| r.x_angstrom) / expected - 1.0).abs() < 0.02);
        assert!((rms(|r| r.y_angstrom) / expected - 1.0).abs() < 0.02);
        // Correlated rows are as far off, and alike: E[x y] = ρσ² without the mains.
        let steady = ScanNoise { mains_hz: 0.0, start_phase_rad: PI / 2.0, correlation: 0.8, ..noise };
        let rows_alike = steady.rows(40_000, &mut SampleRng::new(1, 1));
        let product = rows_alike.windows(2).map(|w| w[0].x_angstrom * w[1].x_angstrom).sum::<f64>() / 4e4;
        assert!((product / (0.8 * 0.04) - 1.0).abs() < 0.08, "{product}");
        // 50 Hz × 2.5 ms is an eighth of a turn: every fourth row is at a zero of the sine.
        assert!(rows.iter().step_by(4).all(|r| r.x_angstrom.abs() < 1e-9));
        assert!(rows.iter().skip(2).step_by(4).all(|r| r.y_angstrom.abs() < 1e-9));
    }
}
