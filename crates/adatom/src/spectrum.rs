//! The power spectrum of an image, and its spots.

use adatom_formats::PixelSize;
use ndarray::{Array2, ArrayViewMut1, s};
use rustfft::{Fft, FftPlanner, num_complex::Complex32};

/// Largest side of a spectrum \[px\]; of larger images the middle is taken.
const LARGEST: usize = 2048;
/// A spot is looked for so far from where it was pointed at \[px of the spectrum\].
const REACH: usize = 5;

/// The power spectrum of an image under a Hann window.
#[derive(Debug, Clone)]
pub struct Spectrum {
    /// log₁₀(1 + power), `[row, column]`, square; zero frequency at `(side / 2, side / 2)`.
    pub log_power: Array2<f32>,
    /// Frequency from one pixel to the next along x and y \[1/Å, or 1/px without pixel size\].
    pub step: [f64; 2],
    /// Whether frequencies are in 1/Å.
    pub calibrated: bool,
}

/// A spot of a [`Spectrum`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Where it is in the spectrum, `(x, y)` \[px\].
    pub place: (f64, f64),
    /// Its frequency along x and y \[1/Å or 1/px\].
    pub frequency: [f64; 2],
}

impl Spot {
    /// Length of the reciprocal vector \[1/Å or 1/px\].
    pub fn length(&self) -> f64 {
        self.frequency[0].hypot(self.frequency[1])
    }

    /// Its direction, from x towards y \[°\].
    pub fn angle_deg(&self) -> f64 {
        self.frequency[1].atan2(self.frequency[0]).to_degrees()
    }
}

impl Spectrum {
    /// Computes it from the image less its mean, padded to a square.
    pub fn new(image: &Array2<f32>, pixel_size: Option<PixelSize>) -> Self {
        let (rows, cols) = (image.nrows().min(LARGEST), image.ncols().min(LARGEST));
        let (top, left) = ((image.nrows() - rows) / 2, (image.ncols() - cols) / 2);
        let middle = image.slice(s![top..top + rows, left..left + cols]);
        let side = rows.max(cols);
        let mean = middle.mean().unwrap_or(0.0);
        let hann = |i: usize, n: usize| (std::f32::consts::PI * (i as f32 + 0.5) / n as f32).sin().powi(2);
        let mut field = Array2::<Complex32>::zeros((side, side));
        for ((row, col), value) in middle.indexed_iter() {
            field[(row, col)] = ((value - mean) * hann(row, rows) * hann(col, cols)).into();
        }
        let fft = FftPlanner::new().plan_fft_forward(side);
        field.rows_mut().into_iter().for_each(|line| transform(&*fft, line));
        field.columns_mut().into_iter().for_each(|line| transform(&*fft, line));
        let half = side / 2;
        let log_power = Array2::from_shape_fn((side, side), |(row, col)| {
            let at = ((row + side - half) % side, (col + side - half) % side);
            field[at].norm_sqr().ln_1p() / std::f32::consts::LN_10
        });
        let step = |angstrom: f64| 1.0 / (side as f64 * angstrom);
        let sizes = pixel_size.map_or([1.0; 2], |size| [size.x_angstrom, size.y_angstrom]);
        Self { log_power, step: sizes.map(step), calibrated: pixel_size.is_some() }
    }

    /// Pixel of zero frequency.
    pub fn middle(&self) -> f64 {
        (self.log_power.nrows() / 2) as f64
    }

    /// The frequency at a place `(x, y)` \[px\].
    pub fn at(&self, place: (f64, f64)) -> Spot {
        let frequency = [(place.0 - self.middle()) * self.step[0], (place.1 - self.middle()) * self.step[1]];
        Spot { place, frequency }
    }

    /// The spot nearest to where somebody pointed: the highest pixel around, to a part of a pixel by the parabolas
    /// through its neighbours.
    pub fn spot_near(&self, (x, y): (f64, f64)) -> Spot {
        let side = self.log_power.nrows();
        let range = |v: f64| {
            let centre = (v.round().max(0.0) as usize).min(side - 1);
            centre.saturating_sub(REACH)..(centre + REACH + 1).min(side)
        };
        let pixels = range(y).flat_map(|row| range(x).map(move |col| (row, col)));
        let highest = pixels.max_by(|a, b| self.log_power[*a].total_cmp(&self.log_power[*b]));
        let Some((row, col)) = highest else { return self.at((x, y)) };
        let top = f64::from(self.log_power[(row, col)]);
        let off = |before: Option<&f32>, after: Option<&f32>| {
            let (Some(before), Some(after)) = (before, after) else { return 0.0 };
            let (before, after) = (f64::from(*before), f64::from(*after));
            let curvature = before - 2.0 * top + after;
            if curvature < 0.0 { (0.5 * (before - after) / curvature).clamp(-0.5, 0.5) } else { 0.0 }
        };
        let get = |row: usize, col: usize| self.log_power.get((row, col));
        let dx = off(get(row, col.wrapping_sub(1)), get(row, col + 1));
        let dy = off(get(row.wrapping_sub(1), col), get(row + 1, col));
        self.at((col as f64 + dx, row as f64 + dy))
    }
}

fn transform(fft: &dyn Fft<f32>, mut line: ArrayViewMut1<'_, Complex32>) {
    let mut values = line.to_vec();
    fft.process(&mut values);
    line.iter_mut().zip(values).for_each(|(to, value)| *to = value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves of 12.5 px along x and 20 px along y, in pixels of 0.2 Å and 0.1 Å; a fifth of a pixel of the spectrum.
    #[test]
    fn spots_lie_at_the_waves_frequencies() {
        let image = Array2::from_shape_fn((200, 256), |(r, c)| {
            let wave = |v: usize, period: f64| (std::f64::consts::TAU * v as f64 / period).cos();
            (5.0 + wave(c, 12.5) + wave(r, 20.0)) as f32
        });
        let spectrum = Spectrum::new(&image, PixelSize::new(0.2, 0.1).ok());
        let middle = spectrum.middle();
        assert_eq!(spectrum.log_power.dim(), (256, 256));
        let spot = spectrum.spot_near((middle + 18.0, middle + 2.0));
        assert!((spot.frequency[0] - 1.0 / 2.5).abs() < 0.2 * spectrum.step[0], "{spot:?}");
        assert!(spot.frequency[1].abs() < 0.2 * spectrum.step[1]);
        let spot = spectrum.spot_near((middle, middle + 11.0));
        assert!((spot.length() - 1.0 / 2.0).abs() < 0.2 * spectrum.step[1], "{spot:?}");
        assert!((spot.angle_deg() - 90.0).abs() < 1.0);
    }
}
