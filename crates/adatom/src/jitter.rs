//! The spectrum of a scan's jitter: how much rows are displaced at each frequency, and the lines that stand out of it,
//! as of mains or a pump.

use adatom_locate::median;
use serde::Serialize;

/// Rows below which a spectrum tells nothing.
const FEWEST: usize = 32;
/// Chance that noise alone makes a line anywhere in a spectrum.
const FALSE_ALARM: f64 = 1e-3;
/// Frequencies on either side that the noise at one is compared with.
const AROUND: usize = 24;
/// Half the width of a line that Hann's window makes, in steps of frequency.
const LOBE: usize = 2;
/// Frequencies tried between two steps for a line's own.
const FINER: usize = 16;

/// How the displacements of an image's rows divide over frequencies. What varies as slowly as drift was left to the
/// columns and isn't in them.
#[derive(Debug, Clone, Serialize)]
pub struct JitterSpectrum {
    /// Standard deviation of the displacements along x and y \[px\].
    pub rms_px: [f64; 2],
    /// From the lowest frequency to a half.
    #[serde(skip)]
    pub steps: Vec<JitterStep>,
    /// What noise would make once in a thousand spectra, the strongest first.
    pub lines: Vec<JitterLine>,
}

/// One frequency.
#[derive(Debug, Clone, Copy)]
pub struct JitterStep {
    /// Periods from one row to the next.
    pub cycles_per_row: f64,
    /// Amplitude of the sine along x and y \[px\].
    pub amplitude_px: [f64; 2],
}

/// A line of the spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct JitterLine {
    /// The direction of the displacement, `x` or `y`.
    pub along: char,
    /// Periods from one row to the next; one that is shorter than two rows appears at the alias below a half.
    pub cycles_per_row: f64,
    /// Amplitude of the sine \[px\].
    pub amplitude_px: f64,
}

/// The displacements along one axis, without their mean, in Hann's window.
struct Series {
    values: Vec<f64>,
    /// Sum of the window.
    weight: f64,
}

impl Series {
    fn new(rows: &[[f64; 2]], axis: usize) -> Self {
        let n = rows.len() as f64;
        let mean = rows.iter().map(|row| row[axis]).sum::<f64>() / n;
        let window = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 0.5) / n).cos();
        let values = rows.iter().enumerate().map(|(i, row)| window(i) * (row[axis] - mean)).collect();
        Self { values, weight: 0.5 * n }
    }

    /// Amplitude of the sine of a frequency in periods a row.
    fn amplitude(&self, frequency: f64) -> f64 {
        let (step_sin, step_cos) = (std::f64::consts::TAU * frequency).sin_cos();
        let (mut sin, mut cos) = (0.0, 1.0);
        let (mut odd, mut even) = (0.0, 0.0);
        for value in &self.values {
            odd += value * sin;
            even += value * cos;
            (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
        }
        2.0 * odd.hypot(even) / self.weight
    }

    /// The lines of its spectrum `amplitudes`, frequency `i + 1` over the number of rows each: powers above what is
    /// exponentially distributed about the median around would reach once in [`FALSE_ALARM`]⁻¹ spectra.
    fn lines(&self, amplitudes: &[f64], along: char) -> Vec<JitterLine> {
        let n = self.values.len() as f64;
        let highest = (amplitudes.len() as f64 / FALSE_ALARM).ln();
        let around = |i: usize, by: usize| i.saturating_sub(by)..(i + by + 1).min(amplitudes.len());
        let stands_out = |i: &usize| {
            let power = amplitudes[*i].powi(2);
            let others = around(*i, AROUND).filter(|j| j.abs_diff(*i) > LOBE).map(|j| amplitudes[j].powi(2));
            let noise = median(&mut others.collect::<Vec<_>>()).unwrap_or(0.0) / std::f64::consts::LN_2;
            power > highest * noise && around(*i, LOBE).all(|j| j == *i || amplitudes[j] < amplitudes[*i])
        };
        let finest = |i: usize| {
            let tried = (0..=2 * FINER).map(|k| (i as f64 + k as f64 / FINER as f64) / n);
            tried.map(|f| (f, self.amplitude(f))).max_by(|a, b| a.1.total_cmp(&b.1))
        };
        (0..amplitudes.len())
            .filter(stands_out)
            .filter_map(finest)
            .map(|(cycles_per_row, amplitude_px)| JitterLine { along, cycles_per_row, amplitude_px })
            .collect()
    }
}

impl JitterSpectrum {
    /// The spectrum of the displacement along x and y \[px\] of every row, or of every `apart` rows together; `None` of
    /// too few.
    pub fn of(rows: &[[f64; 2]], apart: usize) -> Option<Self> {
        if rows.len() < FEWEST {
            return None;
        }
        let n = rows.len() as f64;
        let series = [Series::new(rows, 0), Series::new(rows, 1)];
        let amplitudes = series
            .each_ref()
            .map(|series| (1..=rows.len() / 2).map(|i| series.amplitude(i as f64 / n)).collect::<Vec<f64>>());
        let mut lines: Vec<JitterLine> = series
            .iter()
            .zip(&amplitudes)
            .zip(['x', 'y'])
            .flat_map(|((series, amplitudes), along)| series.lines(amplitudes, along))
            .collect();
        lines.iter_mut().for_each(|line| line.cycles_per_row /= apart as f64);
        lines.sort_by(|a, b| b.amplitude_px.total_cmp(&a.amplitude_px));
        let steps = amplitudes[0].iter().zip(&amplitudes[1]).enumerate().map(|(i, (x, y))| JitterStep {
            cycles_per_row: (i + 1) as f64 / (n * apart as f64),
            amplitude_px: [*x, *y],
        });
        let rms = |axis: usize| {
            let mean = rows.iter().map(|row| row[axis]).sum::<f64>() / n;
            (rows.iter().map(|row| (row[axis] - mean).powi(2)).sum::<f64>() / n).sqrt()
        };
        Some(Self { rms_px: [rms(0), rms(1)], steps: steps.collect(), lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White noise of standard deviation 0.2 px along x and y.
    fn noise(rows: usize, seed: u64) -> Vec<[f64; 2]> {
        let mut state = seed;
        let mut uniform = || {
            // Steele, Lea and Flood's SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as f64 / 2.0_f64.powi(64)
        };
        // The sum of twelve uniform numbers has variance one.
        let mut normal = || 0.2 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0);
        (0..rows).map(|_| [normal(), normal()]).collect()
    }

    /// A sine's amplitude is known from n rows of noise σ to σ√(2·1.5/n) under Hann's window, 0.015 px here, its
    /// frequency to less than a tenth of a step; four and three times that is asked for.
    #[test]
    fn a_line_between_two_steps_is_found_with_its_frequency_and_amplitude() {
        for (seed, frequency, amplitude) in [(1, 0.1234, 0.15), (2, 0.4071, 0.3), (3, 0.01701, 0.2)] {
            let mut rows = noise(512, seed);
            for (i, row) in rows.iter_mut().enumerate() {
                row[0] += amplitude * (std::f64::consts::TAU * frequency * i as f64 + 0.7).sin();
            }
            let spectrum = JitterSpectrum::of(&rows, 1).unwrap();
            let [line] = spectrum.lines[..] else { panic!("{:?}", spectrum.lines) };
            assert_eq!(line.along, 'x');
            assert!((line.cycles_per_row - frequency).abs() < 0.3 / 512.0, "{line:?}");
            assert!((line.amplitude_px - amplitude).abs() < 0.06, "{line:?}");
            let rms = (0.04 + 0.5 * amplitude * amplitude).sqrt();
            assert!((spectrum.rms_px[0] / rms - 1.0).abs() < 0.15, "{:?}", spectrum.rms_px);
            assert_eq!(spectrum.steps.len(), 256);
            // Of rows three by three it is a third of the frequency.
            let thirds = JitterSpectrum::of(&rows, 3).unwrap();
            assert_eq!(thirds.lines[0].cycles_per_row, line.cycles_per_row / 3.0);
            assert_eq!(thirds.steps[255].cycles_per_row, 0.5 / 3.0);
        }
    }

    /// Of 400 spectra (200 series, two axes) 0.4 are expected to have a line; the median around is known to a sixth.
    #[test]
    fn noise_alone_has_no_lines() {
        let lines = (0..200).filter_map(|seed| JitterSpectrum::of(&noise(256, seed), 1));
        let count: usize = lines.map(|spectrum| spectrum.lines.len()).sum();
        assert!(count <= 6, "{count}");
        assert!(JitterSpectrum::of(&noise(16, 1), 1).is_none());
        let still = JitterSpectrum::of(&[[0.0; 2]; 64], 1).unwrap();
        assert!(still.lines.is_empty() && still.rms_px == [0.0; 2]);
    }
}
