//! What an image says about the conditions it was recorded under.

use crate::locate::half_height_radius;
use crate::{Error, Located};
use adatom_formats::PixelSize;
use adatom_library::{Draw, Generator, Recipe};
use adatom_locate::{Flag, median};
use adatom_network::Task;
use ndarray::Array2;
use serde::Serialize;

/// Source sizes that are tried \[Å\].
const SOURCES: [f64; 8] = [0.3, 0.5, 0.7, 0.9, 1.1, 1.4, 1.8, 2.3];
/// Part of the pixels that are brighter than what counts as the peak.
const PEAK: f64 = 0.002;

/// Conditions of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Conditions {
    /// Electrons at the brightest point of the background-free image, a pixel of the file.
    pub peak_electrons: f64,
    /// Root-mean-square displacement of the rows along them \[Å\].
    pub jitter_angstrom: f64,
    /// Range of the background over the peak.
    pub background_level: f64,
    /// Full width at half maximum of the source, standing for all that widens the probe \[Å\].
    pub source_fwhm_angstrom: f64,
}

impl Default for Conditions {
    /// A usual aberration-corrected recording.
    fn default() -> Self {
        Self { peak_electrons: 150.0, jitter_angstrom: 0.1, background_level: 0.2, source_fwhm_angstrom: 0.8 }
    }
}

/// Measures the conditions of `image` from what was `located` in it; `recipe` images the
/// same crystal in pixels of the same size, and its columns are compared with those of the image
/// for the probe's width.
///
/// The denoised image is a model's opinion: jitter and dose are estimates to choose training
/// samples by.
///
/// # Errors
/// When no whole columns were found or a sample can't be made.
pub fn measure_conditions(
    image: &Array2<f32>,
    pixel_size: PixelSize,
    located: &Located,
    recipe: &Recipe,
) -> Result<Conditions, Error> {
    let whole = |c: &&crate::LocatedColumn| !c.flags.contains(&Flag::Border) && c.radius_px.is_finite();
    let mut radii: Vec<f64> = located.columns.iter().filter(whole).map(|c| c.radius_px).collect();
    let (clean, bare) = (located.maps.get(&Task::NoNoise), located.maps.get(&Task::NoBackgroundNoNoise));
    let (Some(clean), Some(bare), Some(radius)) = (clean, bare, median(&mut radii)) else {
        return Err(Error::Setting {
            name: "image",
            value: format!("one with {} columns found", located.columns.len()),
            expected: "an image of the crystal whose columns can be found",
        });
    };
    let mut sorted: Vec<f32> = bare.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    let peak = f64::from(sorted[((1.0 - PEAK) * (sorted.len() - 1) as f64) as usize]).max(1e-12);
    let (shift2, variance) = rows(image, clean);
    let beneath = clean - bare;
    let (low, high) = beneath.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let level = (f64::from(high - low) / peak).clamp(0.02, 2.0);
    let mean = f64::from(bare.mean().unwrap_or(0.0)).max(0.0) / peak + 0.5 * level;
    Ok(Conditions {
        peak_electrons: (mean * peak * peak / variance.max(1e-12 * peak * peak)).clamp(1.0, 1e6),
        jitter_angstrom: (shift2.sqrt() * pixel_size.x_angstrom).clamp(0.0, 1.0),
        background_level: level,
        source_fwhm_angstrom: source(radius, recipe)?,
    })
}

/// The mean square of the rows' displacements along x \[px²\] and the variance of the noise, from
/// an image and its denoised form: to first order a row moved by δ differs by −δ times its slope,
/// and noise of variance σ² makes δ uncertain by σ² over the sum of the squared slopes.
fn rows(image: &Array2<f32>, clean: &Array2<f32>) -> (f64, f64) {
    let (mut shifts, mut certainty, mut squares, mut count) = (Vec::new(), Vec::new(), 0.0, 0.0);
    for (noisy, clean) in image.rows().into_iter().zip(clean.rows()) {
        let n = clean.len();
        let slope = |i: usize| f64::from(clean[(i + 1).min(n - 1)] - clean[i.saturating_sub(1)]) / 2.0;
        let difference = |i: usize| f64::from(noisy[i] - clean[i]);
        let slopes2: f64 = (0..n).map(|i| slope(i).powi(2)).sum();
        let along: f64 = (0..n).map(|i| slope(i) * difference(i)).sum();
        let shift = if slopes2 > 0.0 { -along / slopes2 } else { 0.0 };
        squares += (0..n).map(|i| (difference(i) + shift * slope(i)).powi(2)).sum::<f64>();
        count += n as f64;
        shifts.push(shift);
        certainty.push(slopes2);
    }
    let variance = squares / f64::max(count, 1.0);
    // Every row counts by what it knows.
    let total: f64 = certainty.iter().sum();
    let mean_square = shifts.iter().zip(&certainty).map(|(s, c)| s * s * c).sum::<f64>() / total.max(1e-300);
    let of_noise = variance * certainty.len() as f64 / total.max(1e-300);
    ((mean_square - of_noise).max(0.0), variance)
}

/// The source size at which simulated columns are as wide as `radius` \[px\].
fn source(radius: f64, recipe: &Recipe) -> Result<f64, Error> {
    let mut before: Option<(f64, f64)> = None;
    for fwhm in SOURCES {
        let mut recipe = recipe.clone();
        recipe.optics.iter_mut().for_each(|optics| optics.source_fwhm_angstrom = Draw::Fixed(fwhm));
        let sample = Generator::new(recipe, 1)?.sample(0)?;
        let ideal = &sample.labels.no_background_no_noise;
        let mut radii: Vec<f64> =
            sample.columns.iter().map(|c| half_height_radius(ideal, c.x, c.y)).collect();
        let Some(simulated) = median(&mut radii) else { continue };
        if simulated >= radius {
            return Ok(match before {
                Some((small, narrow)) => {
                    small + (fwhm - small) * ((radius - narrow) / (simulated - narrow)).clamp(0.0, 1.0)
                }
                None => fwhm,
            });
        }
        before = Some((fwhm, simulated));
    }
    Ok(before.map_or(Conditions::default().source_fwhm_angstrom, |(fwhm, _)| fwhm))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a cosine moved by ±0.4 px, with noise of known variance: the mean square is 0.16.
    #[test]
    fn jitter_and_noise_are_told_apart() {
        let wave = |x: f64| 10.0 * (x * 0.3).cos();
        let clean = Array2::from_shape_fn((200, 200), |(_, c)| wave(c as f64) as f32);
        let mut hash = 1_u32;
        let image = Array2::from_shape_fn((200, 200), |(r, c)| {
            let shift = if r % 2 == 0 { 0.4 } else { -0.4 };
            hash = hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let uniform = f64::from(hash >> 8) / f64::from(1 << 24) - 0.5;
            (wave(c as f64 - shift) + 6.0 * uniform) as f32
        });
        let (shift2, variance) = rows(&image, &clean);
        assert!((shift2.sqrt() - 0.4).abs() < 0.02, "{shift2}");
        // A uniform number over a width of 6 has variance 3.
        assert!((variance - 3.0).abs() < 0.15, "{variance}");
    }
}
