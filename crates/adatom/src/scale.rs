//! The scale at which the network sees an image.

use crate::locate::{Found, MAX_WORKING_PIXELS, MAX_WORKING_SIDE, Seen};
use crate::watch::Aside;
use crate::{Error, LoadedModel, Localiser, LocateSettings, Watch};
use adatom_locate::{Flag, Spacing, column_spacing, median_nearest_distance, spot_sigma};
use ndarray::{Array2, s};
use serde::Serialize;
use std::str::FromStr;

/// Images are resampled so that the shortest vector of their lattice has this length \[px\].
pub const WORKING_SPACING_PX: f64 = 22.0;
/// Smallest and largest scale.
const SCALES: (f64, f64) = (0.02, 8.0);
/// Shortest and longest spacing that can be asked for \[px\].
const SPACINGS: (f64, f64) = (2.0, 200.0);
/// Parts of the scale by the spacing that are tried too: smaller ones average noise away and let
/// the network see more of the lattice at a time.
const SMALLER: [f64; 2] = [0.7, 0.5];
/// A lattice is tried magnified by this, too: columns may be much closer than its vectors are long.
const MAGNIFIED: f64 = 1.36;
/// Where there is no lattice, this multiple is tried as well: the spacing of a few columns may be that
/// of the background.
const LARGER: f64 = 1.5;
/// Where there is no lattice, scales are tried at which the spots that stand out have these σ \[px\].
const SPOT_SIGMAS_PX: [f64; 3] = [2.0, 2.8, 4.0];
/// Where nobody is sure of anything at any scale, but spots stand out, they should have a σ in this range \[px\].
const SPOTS_PX: (f64, f64) = (1.9, 6.0);
/// Such a scale is at most this, and at most this multiple of that by the spacing.
const MOST_BY_SPOTS: (f64, f64) = (2.2, 4.0);
/// Scales that are tried where there is no lattice.
const LADDER: [f64; 10] = [1.0, 0.06, 0.09, 0.13, 0.19, 0.27, 0.4, 0.57, 0.8, 1.5];
/// With columns closer than the first or farther than the second \[px\], the scale at which they
/// are at the third is tried as well.
const NEAREST_PX: (f64, f64, f64) = (8.5, 30.0, 14.0);
/// Columns needed for that, and of a lattice.
const ENOUGH_COLUMNS: usize = 6;
/// Scales are tried on the middle of the image: so much of it at the scale by a lattice \[px\], or
/// the second number \[px of the image\] where there is none.
pub(crate) const TRIAL_PX: (f64, f64) = (256.0, 512.0);
/// Another scale is taken when it is worth more by this part, and by this number of columns.
const BETTER: (f64, f64) = (0.05, 0.5);

/// Columns of a lower score count against a scale. Low enough for two doubtful columns to be worth
/// more than the sure one that they are merged into at a smaller scale.
const DOUBT: f64 = 0.1;

/// By so many times the variance of a column's being there its worth is less where doubt counts, and the least worth
/// that it has.
const UNSURE: f64 = 4.0;
const WORST: f64 = -0.3;
/// What columns are worth that can't be any.
const NONSENSE: f64 = -1e9;

/// Columns closer than this in the image \[px\] are the grains of its noise, seen at too large a
/// scale.
const CLOSEST_PX: f64 = 4.0;

/// How an image is scaled for the network.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Scale {
    /// By its own column spacing and by trials.
    #[default]
    Auto,
    /// By its own column spacing alone, which becomes so long \[px\]; 1 where there is none.
    Spacing(f64),
    /// By this factor.
    Fixed(f64),
}

/// What a scale may be.
const EXPECTED: &str = "auto, a number from 0.02 to 8, or the spacing at the network's scale, 2px to 200px";

impl FromStr for Scale {
    type Err = Error;

    /// Reads `auto`, a factor such as `0.5`, or a spacing such as `22px`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (number, kind): (_, fn(f64) -> Self) = match text.strip_suffix("px") {
            _ if text == "auto" => return Ok(Self::Auto),
            Some(length) => (length, Self::Spacing),
            None => (text, Self::Fixed),
        };
        let wrong = |_| Error::Setting { name: "scale", value: text.to_owned(), expected: EXPECTED };
        number.trim().parse().map(kind).map_err(wrong)
    }
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

/// What the columns of a trial at `factor` are worth, doubtful ones, too: each its score beyond [`DOUBT`]; where `strict`, each less the more
/// it is in doubt, and those that the border cuts nothing: at too large a scale the network sees many doubtful columns
/// in one that is wide, or in noise. [`NONSENSE`] when they are too close to each other.
fn worth(columns: &[Found], factor: f64, strict: bool) -> f64 {
    let own = |found: &Found| {
        let score = found.score;
        match strict {
            false => score - DOUBT,
            true if found.column.flags.contains(&Flag::Border) => 0.0,
            true => (score - DOUBT - UNSURE * score * (1.0 - score)).max(WORST),
        }
    };
    match nearest(columns) {
        Some(nearest) if nearest < CLOSEST_PX * factor => NONSENSE,
        _ => columns.iter().map(own).sum(),
    }
}

/// Median distance of a column to its nearest neighbour \[px of the network's image\].
fn nearest(columns: &[Found]) -> Option<f64> {
    let positions: Vec<(f64, f64)> = columns.iter().map(|found| (found.column.x, found.column.y)).collect();
    median_nearest_distance(&positions)
}

/// Chooses the scale for `image`: the one at which the network is surest of its columns among that
/// by the measured spacing and smaller ones and, where there is no lattice, larger ones, those by the width of its
/// spots and those of a ladder. Where it is sure of nothing, but spots stand out, these decide.
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
            return Err(Error::Setting { name: "scale", value: factor.to_string(), expected: EXPECTED });
        }
        Scale::Spacing(length) if (SPACINGS.0..=SPACINGS.1).contains(&length) => {
            let measured = column_spacing(image);
            let factor = measured.map_or(1.0, |spacing| limited(length / spacing.pixels));
            return Ok(ScaleChoice { factor, measured, corrected: false });
        }
        Scale::Spacing(length) => {
            return Err(Error::Setting { name: "scale", value: format!("{length}px"), expected: EXPECTED });
        }
        Scale::Auto => column_spacing(image),
    };
    let trials = Trials { image, aspect, model, method: settings.method, watch };
    let by_spacing = |spacing: Spacing| {
        let parts = std::iter::once(1.0).chain(SMALLER);
        parts.map(|part| limited(part * WORKING_SPACING_PX / spacing.pixels)).collect::<Vec<f64>>()
    };
    if let Some(spacing) = measured.filter(|spacing| spacing.lattice) {
        let side = TRIAL_PX.0 * spacing.pixels / WORKING_SPACING_PX;
        let candidates = by_spacing(spacing);
        let (found, mut tried) = trials.surest(&candidates, side, true, limited)?;
        if found.worth > NONSENSE && found.columns.len() >= ENOUGH_COLUMNS {
            let mut factor = found.factor;
            if found.worth <= 0.0
                && let Some(sigma) = spot_sigma(&middle(image, TRIAL_PX.1))
            {
                let part = middle(image, side);
                for width in SPOT_SIGMAS_PX {
                    let trial = trials.at(&part, limited(width / sigma), false)?;
                    tried.push((trial.factor, trial.worth));
                }
                factor = by_spots(&tried, sigma).unwrap_or(factor);
            }
            return Ok(ScaleChoice { factor, measured, corrected: factor != candidates[0] });
        }
    }
    // Rows that were displaced, or noise, can have a spacing, too: with few columns it is no lattice.
    let measured = measured.filter(|spacing| !spacing.lattice);
    // Spots without a lattice: larger, and by their width, too.
    let mut candidates = measured.map_or_else(Vec::new, by_spacing);
    let first = candidates.first().copied();
    candidates.extend(first.map(|by_spacing| limited(LARGER * by_spacing)));
    let spots = spot_sigma(&middle(image, TRIAL_PX.1));
    if let Some(sigma) = spots {
        // Spots much smaller than the spacing are noise.
        let (most, multiple) = MOST_BY_SPOTS;
        let largest = first.map_or(most, |by_spacing| most.min(multiple * by_spacing));
        let spots = SPOT_SIGMAS_PX.map(|width| width / sigma).into_iter();
        candidates.extend(spots.filter(|factor| *factor <= largest).map(limited));
    }
    if candidates.is_empty() {
        warnings.push(
            "no column spacing could be measured: the scale is the one at which the network is \
             surest of its columns; see --scale"
                .into(),
        );
    }
    // The spacing may be that of a few columns' background, and the spots noise.
    candidates.extend(LADDER.map(limited));
    let (found, tried) = trials.surest(&candidates, TRIAL_PX.1, false, limited)?;
    let unsure = spots.filter(|_| found.worth <= 0.0);
    let factor = unsure.and_then(|sigma| by_spots(&tried, sigma)).unwrap_or(found.factor);
    Ok(ScaleChoice { factor, measured, corrected: factor != candidates[0] })
}

/// The scale of those `tried`, each with what it is worth though all is in doubt, that is worth most and lets the network see
/// spots of this σ \[px of the image\] well: single atoms on a support are as doubtful one by one as noise is, but together
/// they stand out from it.
fn by_spots(tried: &[(f64, f64)], sigma: f64) -> Option<f64> {
    let seen_well = tried.iter().filter(|(factor, _)| (SPOTS_PX.0..=SPOTS_PX.1).contains(&(factor * sigma)));
    seen_well.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, worth)| *worth > 0.0).map(|(factor, _)| *factor)
}

/// Looks at the middle of an image at several scales.
struct Trials<'a> {
    image: &'a Array2<f32>,
    aspect: f64,
    model: &'a LoadedModel,
    method: Localiser,
    watch: &'a dyn Watch,
}

/// What was seen at a scale.
struct Trial {
    factor: f64,
    worth: f64,
    columns: Vec<Found>,
}

impl Trial {
    /// The other one if it is worth clearly more.
    fn or(self, other: Self) -> Self {
        let better = match self.columns.is_empty() {
            true => other.worth > self.worth,
            false => other.worth > self.worth + BETTER.0 * self.worth.abs() + BETTER.1,
        };
        if better { other } else { self }
    }
}

impl Trials<'_> {
    /// What the network sees of a part of the image at `factor`.
    fn at(&self, part: &Array2<f32>, factor: f64, strict: bool) -> Result<Trial, Error> {
        let seen = Seen::new(part, self.aspect, factor, self.model, &mut Aside(self.watch))?;
        let columns = seen.peaks(self.model, self.method);
        Ok(Trial { factor, worth: worth(&columns, factor, strict), columns })
    }

    /// The trial that is worth most of those at `candidates`, of a `lattice` magnified, and at one at which the columns are
    /// about as far apart as the network likes them. Where there is no `lattice` doubt counts against all, else against
    /// the last two. `side` is that of the part that is looked at \[px of the image\]. With it the `candidates` and what each
    /// is worth though all is in doubt.
    fn surest(
        &self,
        candidates: &[f64],
        side: f64,
        lattice: bool,
        limited: impl Fn(f64) -> f64,
    ) -> Result<(Trial, Vec<(f64, f64)>), Error> {
        let part = middle(self.image, side);
        let hope = |trial: &Trial| (trial.factor, worth(&trial.columns, trial.factor, false));
        let mut best = self.at(&part, candidates[0], !lattice)?;
        let mut tried = vec![hope(&best)];
        for &factor in &candidates[1..] {
            let trial = self.at(&part, factor, !lattice)?;
            tried.push(hope(&trial));
            best = best.or(trial);
        }
        // No lattice's vector stands for these scales. In noise all may be in doubt: few columns are no better for that.
        best.worth = worth(&best.columns, best.factor, true);
        let or_at = |best: Trial, factor: f64| -> Result<Trial, Error> {
            let other = self.at(&part, limited(factor), true)?;
            Ok(if other.worth > 0.0 { best.or(other) } else { best })
        };
        if lattice {
            best = or_at(best, MAGNIFIED * candidates[0])?;
        }
        if let Some(nearest) = nearest(&best.columns)
            && best.columns.len() >= ENOUGH_COLUMNS
            && !(NEAREST_PX.0..=NEAREST_PX.1).contains(&nearest)
        {
            let factor = best.factor * NEAREST_PX.2 / nearest;
            best = or_at(best, factor)?;
        }
        Ok((best, tried))
    }
}

/// The middle of an image, at most `side` pixels high and wide.
pub(crate) fn middle(image: &Array2<f32>, side: f64) -> Array2<f32> {
    let (height, width) = image.dim();
    let part = |size: usize| {
        let kept = (side.ceil() as usize).clamp(1, size);
        ((size - kept) / 2)..((size - kept) / 2 + kept)
    };
    image.slice(s![part(height), part(width)]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spots of 2 px: at 0.06 they can't be seen, at 4 they are 8 px wide.
    #[test]
    fn spots_decide_where_nobody_is_sure() {
        let tried = [(0.06, 9.0), (1.0, 3.0), (1.4, 5.0), (4.0, 20.0)];
        assert_eq!(by_spots(&tried, 2.0), Some(1.4));
        assert_eq!(by_spots(&tried, 20.0), None);
        assert_eq!(by_spots(&[(1.0, -2.0)], 2.0), None);
    }
}
