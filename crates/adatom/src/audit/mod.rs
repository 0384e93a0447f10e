//! The denoiser's own bias: positions from the recorded image against those from the restored one.
//!
//! Known sub-pixel shifts are injected, into samples whose truth is known by rendering them elsewhere, into other
//! images by moving them with their noise. The same localisers look at both images.

mod errors;
mod estimate;

pub use errors::{Added, AuditRow, Phase};

use crate::evaluate::{column_sigma_px, required};
use crate::locate::sigma_of_radius;
use crate::{Error, LoadedModel, LocateSettings, Scale, locate};
use adatom_formats::PixelSize;
use adatom_library::{Draw, Generator, Recipe, Sample};
use adatom_locate::{Flag, median, moved, nearest_distances};
use errors::Errors;
use estimate::{Estimates, Target, estimate};
use ndarray::Array2;
use serde::Serialize;

/// Shifts, each column going through as many places within a pixel along either axis.
const SHIFTS: usize = 8;
/// Displacement of single columns from their lattice, by which the pull towards it is measured \[Å\].
const DISPLACEMENT_ANGSTROM: f64 = 0.1;
/// So small a displacement that columns stay, and the random numbers after it the same.
const STILL_ANGSTROM: f64 = 1e-9;
/// Part of the distance to the nearest neighbour within which a found column is the one that is looked for.
const SAME: f64 = 0.25;
/// What moving an image affects at its borders \[px\].
const BORDER_PX: f64 = 16.0;

/// What the denoiser does to positions.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// The recipe's name, or nothing for an image.
    pub recipe: Option<String>,
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// PSNR of the samples' shot noise \[dB\].
    pub psnr_db: Option<f64>,
    /// Samples, or one image.
    pub images: u64,
    /// Shifts along x and y that were injected \[px\].
    pub shifts_px: Vec<[f64; 2]>,
    /// By localiser, recorded before restored image.
    pub rows: Vec<AuditRow>,
}

/// Audits the denoiser on samples of a recipe at a PSNR of the shot noise, where the truth is known.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn audit_recipe(
    recipe: &Recipe,
    psnr_db: f64,
    count: u64,
    seed: u64,
    model: &LoadedModel,
    progress: &mut dyn FnMut(f64),
) -> Result<Audit, Error> {
    let generator = Generator::new(recipe.clone(), seed)?;
    let displaced = |by: f64| {
        let mut recipe = recipe.clone();
        let disorder = recipe.disorder.get_or_insert_default();
        disorder.displacement_angstrom = Draw::Fixed(by);
        Generator::new(recipe, seed)
    };
    let (still, loose) = (displaced(STILL_ANGSTROM)?, displaced(DISPLACEMENT_ANGSTROM)?);
    let mut errors = Errors::default();
    let renders = (count * (SHIFTS as u64 + 1)) as f64;
    let mut done = 0.0;
    let mut step = || {
        done += 1.0;
        progress(done / renders);
    };
    for index in 0..count {
        let mut factor = None;
        for shift in shifts() {
            let sample = generator.sample_moved(index, psnr_db, shift)?;
            let seen = see(&sample, model, &mut factor)?;
            errors.add(&seen, shift, [100.0 * sample.grid.pixel_x_angstrom; 2]);
            step();
        }
        errors.next_image();
        let lattice = still.sample_at(index, psnr_db)?;
        let sample = loose.sample_at(index, psnr_db)?;
        errors.add_pull(&see(&sample, model, &mut factor)?, &lattice);
        step();
    }
    Ok(audit(errors, model, Some(recipe.name.clone()), Some(psnr_db), count))
}

/// Audits the denoiser on a recorded image: how far the columns seem to move when the image is moved by known
/// parts of a pixel, as against where they are found in the image as it is.
///
/// # Errors
/// When no columns are found or the network can't be run.
pub fn audit_image(
    image: &Array2<f32>,
    pixel_size: PixelSize,
    model: &LoadedModel,
    settings: &LocateSettings,
    progress: &mut dyn FnMut(f64),
) -> Result<Audit, Error> {
    let located = locate(image, Some(pixel_size), model, settings, &mut |_| {})?;
    let factor = located.scale.factor;
    let positions: Vec<(f64, f64)> = located.columns.iter().map(|c| (c.x, c.y)).collect();
    let mut widths: Vec<f64> =
        located.columns.iter().map(|c| sigma_of_radius(c.radius_px)).filter(|s| s.is_finite()).collect();
    let (height, width) = image.dim();
    let inside = |x: f64, y: f64| {
        let to_border = x.min(y).min(width as f64 - 1.0 - x).min(height as f64 - 1.0 - y);
        to_border >= BORDER_PX
    };
    let mut targets: Vec<Target> = located
        .columns
        .iter()
        .zip(nearest_distances(&positions))
        .map(|(c, nearest)| {
            let counts = inside(c.x, c.y) && !c.flags.contains(&Flag::Border) && nearest.is_finite();
            Target { x: c.x, y: c.y, radius: SAME * nearest, counts }
        })
        .collect();
    let (Some(sigma), true) = (median(&mut widths), targets.iter().any(|t| t.counts)) else {
        return Err(Error::Setting {
            name: "image",
            value: format!("one with {} columns found", targets.len()),
            expected: "an image with columns farther than 16 px from its border",
        });
    };
    let aspect = pixel_size.y_angstrom / pixel_size.x_angstrom;
    let see =
        |image: &Array2<f32>, targets: &[Target]| estimate(image, aspect, targets, sigma, factor, model);
    let reference = see(image, &targets)?;
    let mut errors = Errors::default();
    let unmoved: Vec<(f64, f64)> = targets.iter().map(|t| (t.x, t.y)).collect();
    for (number, [dx, dy]) in shifts().into_iter().enumerate() {
        targets.iter_mut().zip(&unmoved).for_each(|(t, (x, y))| (t.x, t.y) = (x + dx, y + dy));
        let mut seen = see(&moved(image, dx, dy), &targets)?;
        seen.subtract_reference(&reference, [dx, dy], &targets);
        errors.add(&seen, [dx, dy], [100.0 * pixel_size.x_angstrom, 100.0 * pixel_size.y_angstrom]);
        progress((number + 1) as f64 / SHIFTS as f64);
    }
    Ok(audit(errors, model, None, None, 1))
}

fn audit(
    errors: Errors,
    model: &LoadedModel,
    recipe: Option<String>,
    psnr_db: Option<f64>,
    images: u64,
) -> Audit {
    let weights_sha256 = model.sha256.clone();
    Audit { recipe, weights_sha256, psnr_db, images, shifts_px: shifts(), rows: errors.rows() }
}

/// Every eighth of a pixel along x, and along y in another order.
fn shifts() -> Vec<[f64; 2]> {
    let part = |k: usize| (k % SHIFTS) as f64 / SHIFTS as f64;
    (0..SHIFTS).map(|k| [part(k), part(3 * k)]).collect()
}

/// Errors of all estimates of a sample's columns; the scale for the network is chosen at the first.
fn see(sample: &Sample, model: &LoadedModel, factor: &mut Option<f64>) -> Result<Estimates, Error> {
    let factor = match *factor {
        Some(factor) => factor,
        None => {
            let located = locate(&sample.image, None, model, &LocateSettings::default(), &mut |_| {})?;
            *factor.insert(located.scale.factor)
        }
    };
    let labelled = sample.columns.iter().map(|c| (c.x, c.y)).zip(required(sample));
    let ignored = sample.ignored.iter().map(|c| ((c.x, c.y), false));
    let (positions, counts): (Vec<(f64, f64)>, Vec<bool>) = labelled.chain(ignored).unzip();
    let targets: Vec<Target> = positions
        .iter()
        .zip(nearest_distances(&positions))
        .zip(counts)
        .map(|((&(x, y), nearest), counts)| Target { x, y, radius: SAME * nearest.min(1e3), counts })
        .collect();
    let mut seen = estimate(&sample.image, 1.0, &targets, column_sigma_px(sample), factor, model)?;
    seen.subtract_truth(&targets);
    Ok(seen)
}

/// Settings at a scale that is chosen already.
fn at_scale(factor: f64) -> LocateSettings {
    LocateSettings { scale: Scale::Fixed(factor), ..LocateSettings::default() }
}
