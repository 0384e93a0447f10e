//! The scale at which the network sees an image.

use crate::locate::{Found, MAX_WORKING_PIXELS, MAX_WORKING_SIDE, Seen};
use crate::watch::Aside;
use crate::{Error, LoadedModel, LocateSettings, Watch};
use adatom_locate::{Spacing, column_spacing, median_nearest_distance, spot_sigma};
use ndarray::{Array2, s};
use serde::Serialize;

/// Images are resampled so that the shortest vector of their lattice has this length \[px\].
pub const WORKING_SPACING_PX: f64 = 22.0;
/// Smallest and largest scale.
const SCALES: (f64, f64) = (0.02, 8.0);
/// Parts of the scale by the spacing that are tried too: smaller ones average noise away and let
/// the network see more of the lattice at a time.
const SMALLER: [f64; 2] = [0.7, 0.5];
/// Where there is no lattice, this multiple is tried as well: the spacing of a few columns may be that
/// of the background.
const LARGER: f64 = 1.5;
/// Where there is no lattice, scales are tried at which the spots that stand out have these σ \[px\].
const SPOT_SIGMAS_PX: [f64; 3] = [2.0, 2.8, 4.0];
/// Such a scale is at most this, and at most this multiple of that by the spacing.
const MOST_BY_SPOTS: (f64, f64) = (2.2, 4.0);
/// Scales that are tried where no spacing can be measured.
const LADDER: [f64; 10] = [1.0, 0.06, 0.09, 0.13, 0.19, 0.27, 0.4, 0.57, 0.8, 1.5];
/// With columns closer than the first or farther than the second \[px\], the scale at which they
/// are at the third is tried as well.
const NEAREST_PX: (f64, f64, f64) = (8.5, 30.0, 14.0);
/// Columns needed for that.
const ENOUGH_COLUMNS: usize = 6;
/// Scales are tried on the middle of the image: so much of it at the scale by a lattice \[px\], or
/// the second number \[px of the image\] where there is none.
const TRIAL_PX: (f64, f64) = (256.0, 512.0);
/// Another scale is taken when it is worth more by this part, and by this number of columns.
const BETTER: (f64, f64) = (0.05, 0.5);

/// Columns of a lower score count against a scale. Low enough for two doubtful columns to be worth
/// more than the sure one that they are merged into at a smaller scale.
const DOUBT: f64 = 0.1;

/// Columns closer than this in the image \[px\] are the grains of its noise, seen at too large a
/// scale.
const CLOSEST_PX: f64 = 4.0;

/// How an image is scaled for the network.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Scale {
    /// By its own column spacing and by trials.
    #[default]
    Auto,
    /// By its own column spacing alone, or 1 where there is none.
    Spacing,
    /// By this factor.
    Fixed(f64),
}

/// The scale that was used and why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScaleChoice {
    /// Factor from the file's pixels to the network's.
    pub factor: f64,
    /// What was measured, in the file's pixels.
    pub measured: Option<Spacing>,
    /// Whether the columns that the network sees led to another scale than the measured spacing.
    pub corrected: bool,
}

/// What the columns of a trial at `factor` are worth: each its score beyond [`DOUBT`], but nothing
/// when they are too close to each other.
fn worth(columns: &[Found], factor: f64) -> f64 {
    match nearest(columns) {
        Some(nearest) if nearest < CLOSEST_PX * factor => 0.0,
        _ => columns.iter().map(|found| found.score - DOUBT).sum(),
    }
}

/// Median distance of a column to its nearest neighbour \[px of the network's image\].
fn nearest(columns: &[Found]) -> Option<f64> {
    let positions: Vec<(f64, f64)> = columns.iter().map(|found| (found.column.x, found.column.y)).collect();
    median_nearest_distance(&positions)
}

/// Chooses the scale for `image`: the one at which the network is surest of its columns among that
/// by the measured spacing and smaller ones, those by the width of its spots where there is no
/// lattice, or those of a ladder where nothing can be measured.
///
/// # Errors
/// When a fixed scale makes no sense, the network can't be run, or the watcher stops it.
pub(crate) fn choose(
    image: &Array2<f32>,
    aspect: f64,
    model: &LoadedModel,
    settings: &LocateSettings,
    warnings: &mut Vec<String>,
    watch: &dyn Watch,
) -> Result<ScaleChoice, Error> {
    // An automatic scale never asks for more than can be computed.
    let longest = image.nrows().max(image.ncols()) as f64;
    let largest = (MAX_WORKING_PIXELS / image.len() as f64).sqrt().min(MAX_WORKING_SIDE / longest);
    let limited = |factor: f64| factor.clamp(SCALES.0, SCALES.1.min(0.9 * largest).max(SCALES.0));
    let measured = match settings.scale {
        Scale::Fixed(factor) if (SCALES.0..=SCALES.1).contains(&factor) => {
            return Ok(ScaleChoice { factor, measured: None, corrected: false });
        }
        Scale::Fixed(factor) => {
            return Err(Error::Setting {
                name: "scale",
                value: factor.to_string(),
                expected: "auto or a number from 0.02 to 8",
            });
        }
        Scale::Spacing => {
            let measured = column_spacing(image);
            let factor = measured.map_or(1.0, |spacing| limited(WORKING_SPACING_PX / spacing.pixels));
            return Ok(ScaleChoice { factor, measured, corrected: false });
        }
        Scale::Auto => column_spacing(image),
    };
    let spacings = measured.map_or_else(Vec::new, |spacing| {
        std::iter::once(1.0).chain(SMALLER).map(|part| part * WORKING_SPACING_PX / spacing.pixels).collect()
    });
    let (mut candidates, side) = match measured {
        Some(spacing) if spacing.lattice => (spacings, TRIAL_PX.0 * spacing.pixels / WORKING_SPACING_PX),
        // Spots without a lattice: larger, and by their width, too.
        _ => {
            let sigma = spot_sigma(&middle(image, TRIAL_PX.1));
            let spots = sigma.iter().flat_map(|sigma| SPOT_SIGMAS_PX.map(|width| width / sigma));
            // Spots much smaller than the spacing are noise.
            let (most, multiple) = MOST_BY_SPOTS;
            let largest = spacings.first().map_or(most, |by_spacing| most.min(multiple * by_spacing));
            let spots = spots.filter(|factor| *factor <= largest);
            let larger = spacings.first().map(|by_spacing| LARGER * by_spacing);
            (spacings.iter().copied().chain(larger).chain(spots).collect(), TRIAL_PX.1)
        }
    };
    if candidates.is_empty() {
        warnings.push(
            "no column spacing could be measured: the scale is the one at which the network is \
             surest of its columns; see --scale"
                .into(),
        );
        candidates = LADDER.to_vec();
    }
    candidates.iter_mut().for_each(|factor| *factor = limited(*factor));
    let middle = middle(image, side);
    // Doubtful columns count against a scale.
    let settings = LocateSettings { threshold: 0.0, ..*settings };
    let trial = |factor: f64| -> Result<(f64, f64, Vec<Found>), Error> {
        let columns = Seen::new(&middle, aspect, factor, model, &mut Aside(watch))?.find(model, &settings);
        Ok((factor, worth(&columns, factor), columns))
    };
    let mut best = trial(candidates[0])?;
    let first = best.0;
    let better = |new: f64, old: f64| new > old + BETTER.0 * old.abs() + BETTER.1;
    for factor in &candidates[1..] {
        let other = trial(*factor)?;
        if better(other.1, best.1) {
            best = other;
        }
    }
    if let Some(nearest) = nearest(&best.2)
        && best.2.len() >= ENOUGH_COLUMNS
        && !(NEAREST_PX.0..=NEAREST_PX.1).contains(&nearest)
    {
        let other = trial(limited(best.0 * NEAREST_PX.2 / nearest))?;
        if better(other.1, best.1) {
            best = other;
        }
    }
    Ok(ScaleChoice { factor: best.0, measured, corrected: best.0 != first })
}

/// The middle of an image, at most `side` pixels high and wide.
fn middle(image: &Array2<f32>, side: f64) -> Array2<f32> {
    let (height, width) = image.dim();
    let part = |size: usize| {
        let kept = (side.ceil() as usize).clamp(1, size);
        ((size - kept) / 2)..((size - kept) / 2 + kept)
    };
    image.slice(s![part(height), part(width)]).to_owned()
}
