use crate::locate::{half_height_radius, sigma_of_radius};
use crate::{Error, LoadedModel, LocateSettings, locate};
use adatom_library::{Generator, Sample, TruthColumn, psnr_db};
use adatom_locate::{Score, Truth, median, nearest_distances, pairs, score};
use adatom_network::Task;
use serde::Serialize;
use std::collections::BTreeMap;

/// How well samples of a recipe are located and restored.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The recipe's name.
    pub recipe: String,
    /// Its hash.
    pub recipe_sha256: String,
    /// The seed.
    pub seed: u64,
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// All samples.
    #[serde(flatten)]
    pub overall: Group,
    /// By PSNR, then by material.
    pub groups: Vec<Group>,
    /// How often columns of a score are right.
    pub reliability: Vec<Reliability>,
    /// Every sample's own numbers.
    pub samples: Vec<SampleResult>,
}

/// The columns found with scores in a range of a tenth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reliability {
    /// Their mean score.
    pub score: f64,
    /// Part of them that is right.
    pub right: f64,
    /// Their number.
    pub count: usize,
}

/// One sample's numbers.
#[derive(Debug, Clone, Serialize)]
pub struct SampleResult {
    /// The sample's number in the recipe.
    pub index: u64,
    /// Material and zone axis.
    pub structure: String,
    /// PSNR of the noisy image \[dB\].
    pub psnr_in_db: f64,
    /// PSNR of the denoised image \[dB\]; no number for a detector.
    pub psnr_out_db: f64,
    /// Columns that had to be found.
    pub columns: usize,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Part of the found columns that are true.
    pub precision: f64,
    /// Part of the true columns that were found.
    pub recall: f64,
    /// Root-mean-square position error \[px\].
    pub rmse_px: f64,
    /// Factor from the sample's pixels to the network's.
    pub scale: f64,
}

/// Results over some samples. F1, precision, recall and the PSNRs are means over samples, the
/// position error is over all matched columns.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Group {
    /// What the samples have in common.
    pub name: String,
    /// Number of samples.
    pub count: usize,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Part of the found columns that are true.
    pub precision: f64,
    /// Part of the true columns that were found.
    pub recall: f64,
    /// Root-mean-square position error \[px of the sample\].
    pub rmse_px: f64,
    /// The same in ångström.
    pub rmse_angstrom: f64,
    /// The same in units of the columns' own width: the σ of a Gaussian that falls to half where
    /// the noise-free columns of the sample do.
    pub rmse_sigma: f64,
    /// PSNR of the noisy image \[dB\].
    pub psnr_in_db: f64,
    /// PSNR of the denoised image \[dB\]; no number for a detector.
    pub psnr_out_db: f64,
    /// Columns that had to be found.
    pub columns: usize,
    /// Lowest F1 and the sample it belongs to.
    pub worst_f1: f64,
    /// That sample's index.
    pub worst_sample: u64,
}

/// One sample's results.
struct Result1 {
    index: u64,
    structure: String,
    score: Score,
    /// Score of each found column that counts, and whether it is right.
    verdicts: Vec<(f64, bool)>,
    pixel_angstrom: f64,
    sigma_px: f64,
    psnr_in_db: f64,
    psnr_out_db: f64,
    scale: f64,
}

/// Evaluates `count` samples of a generator, each through the whole pipeline as a user's image
/// would go: a found column is right within a quarter of the true distance to the column's nearest
/// neighbour. Columns within that distance of the border, and columns without a label, need not
/// be found and do no harm.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn evaluate(
    generator: &Generator,
    count: u64,
    model: &LoadedModel,
    settings: &LocateSettings,
    progress: &mut dyn FnMut(u64),
) -> Result<Evaluation, Error> {
    let see = |sample: &Sample| {
        let located = locate(&sample.image, None, model, settings, &mut |_| {})?;
        let labels = &sample.labels;
        let psnr = |map| psnr_db(&labels.no_background_no_noise, map, &labels.no_noise);
        Ok(Seen {
            columns: located.columns.iter().map(|c| (c.x, c.y, c.score)).collect(),
            psnr_out_db: located.maps.get(&Task::NoNoise).map_or(f64::NAN, psnr),
            scale: located.scale.factor,
        })
    };
    evaluate_by(generator, count, model.sha256.clone(), see, progress)
}

/// What a method makes of a sample.
pub(crate) struct Seen {
    /// Positions and scores of columns \[px of the sample\].
    pub(crate) columns: Vec<(f64, f64, f64)>,
    /// PSNR of the denoised image \[dB\].
    pub(crate) psnr_out_db: f64,
    /// Factor from the sample's pixels to the network's.
    pub(crate) scale: f64,
}

/// Evaluates the method `see` whose weights have this hash.
pub(crate) fn evaluate_by(
    generator: &Generator,
    count: u64,
    weights_sha256: String,
    see: impl Fn(&Sample) -> Result<Seen, Error>,
    progress: &mut dyn FnMut(u64),
) -> Result<Evaluation, Error> {
    let mut by_group: BTreeMap<(u8, String), Vec<usize>> = BTreeMap::new();
    let mut results = Vec::new();
    for (done, index) in (1..).zip(generator.representative(count)) {
        let sample = generator.sample(index)?;
        let result = judge(&sample, &see(&sample)?);
        let bin = match result.psnr_in_db {
            p if p >= 20.0 => "PSNR 20 dB and more",
            p if p >= 15.0 => "PSNR 15 to 20 dB",
            _ => "PSNR below 15 dB",
        };
        for key in [(0, bin.to_owned()), (1, result.structure.clone())] {
            by_group.entry(key).or_default().push(results.len());
        }
        results.push(result);
        progress(done);
    }
    let group = |name: String, members: &[usize]| summarise(name, members.iter().map(|i| &results[*i]));
    let all: Vec<usize> = (0..results.len()).collect();
    Ok(Evaluation {
        recipe: generator.recipe().name.clone(),
        recipe_sha256: generator.recipe().hash(),
        seed: generator.seed(),
        weights_sha256,
        overall: group("all".to_owned(), &all),
        groups: by_group.into_iter().map(|((_, name), members)| group(name, &members)).collect(),
        reliability: reliability(results.iter().flat_map(|r| &r.verdicts)),
        samples: results.iter().map(Result1::numbers).collect(),
    })
}

fn judge(sample: &Sample, seen: &Seen) -> Result1 {
    let (score, verdicts) = score_sample(sample, seen.columns.iter().map(|c| (c.0, c.1)));
    let scores = seen.columns.iter().map(|c| c.2);
    let verdicts = scores.zip(verdicts).filter_map(|(score, right)| Some((score, right?))).collect();
    Result1 {
        index: sample.index,
        structure: sample.settings.structure(),
        score,
        verdicts,
        pixel_angstrom: sample.grid.pixel_x_angstrom,
        sigma_px: column_sigma_px(sample),
        psnr_in_db: sample.psnr_db,
        psnr_out_db: seen.psnr_out_db,
        scale: seen.scale,
    }
}

/// Median σ of the noise-free columns of a sample \[px\], from the radius at half their height;
/// that of its mask without columns.
pub(crate) fn column_sigma_px(sample: &Sample) -> f64 {
    let bare = &sample.labels.no_background_no_noise;
    let (right, bottom) = (sample.grid.width as f64 - 1.0, sample.grid.height as f64 - 1.0);
    let inside = |c: &&TruthColumn| c.x >= 0.0 && c.y >= 0.0 && c.x <= right && c.y <= bottom;
    let mut radii: Vec<f64> =
        sample.columns.iter().filter(inside).map(|c| half_height_radius(bare, c.x, c.y)).collect();
    let radius = median(&mut radii).unwrap_or(sample.radius_px).max(0.5);
    sigma_of_radius(radius)
}

impl Result1 {
    fn numbers(&self) -> SampleResult {
        SampleResult {
            index: self.index,
            structure: self.structure.clone(),
            psnr_in_db: self.psnr_in_db,
            psnr_out_db: self.psnr_out_db,
            columns: self.score.truth,
            f1: self.score.f1(),
            precision: self.score.precision(),
            recall: self.score.recall(),
            rmse_px: self.score.rmse_px(),
            scale: self.scale,
        }
    }
}

/// Scores in tenths against the part that is right; empty tenths are left out.
fn reliability<'a>(verdicts: impl Iterator<Item = &'a (f64, bool)>) -> Vec<Reliability> {
    const BINS: usize = 10;
    let mut bins = [(0.0, 0_usize, 0_usize); BINS];
    for (score, right) in verdicts {
        let bin = &mut bins[((score * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + score, bin.1 + usize::from(*right), bin.2 + 1);
    }
    bins.iter()
        .filter(|bin| bin.2 > 0)
        .map(|&(score, right, count)| Reliability {
            score: score / count as f64,
            right: right as f64 / count as f64,
            count,
        })
        .collect()
}

/// Found columns against the truth of a sample, by the rules of [`evaluate`], and of every
/// column whether it is right; `None` where it does not count.
pub(crate) fn score_sample(
    sample: &Sample,
    found: impl Iterator<Item = (f64, f64)>,
) -> (Score, Vec<Option<bool>>) {
    let found: Vec<(f64, f64)> = found.collect();
    let (truth, exempt) = truth_of(sample);
    score(&found, &truth, exempt)
}

/// Positions against the truth of a sample by the same rules, and the pairs of found and true columns
/// that count.
pub(crate) fn score_positions(sample: &Sample, found: &[(f64, f64)]) -> (Score, Vec<(usize, usize)>) {
    let (truth, exempt) = truth_of(sample);
    let (score, _) = score(found, &truth, exempt);
    let required = pairs(found, &truth).into_iter().filter(|(_, t)| truth[*t].required).collect();
    (score, required)
}

/// Which labelled columns of a sample have to be found.
pub(crate) fn required(sample: &Sample) -> Vec<bool> {
    truth_of(sample).0.iter().take(sample.columns.len()).map(|t| t.required).collect()
}

/// The labelled columns of a sample, then those without a label, and where findings without a partner do no
/// harm.
fn truth_of(sample: &Sample) -> (Vec<Truth>, impl Fn((f64, f64)) -> bool) {
    let positions: Vec<(f64, f64)> = sample.columns.iter().map(|c| (c.x, c.y)).collect();
    let quarter = |nearest: f64| if nearest.is_finite() { 0.25 * nearest } else { sample.radius_px };
    let (right, bottom) = (sample.grid.width as f64 - 0.5, sample.grid.height as f64 - 0.5);
    let to_border = move |x: f64, y: f64| (x + 0.5).min(y + 0.5).min(right - x).min(bottom - y);
    let mut truth: Vec<Truth> = positions
        .iter()
        .zip(nearest_distances(&positions))
        .map(|(&(x, y), nearest)| {
            let radius = quarter(nearest);
            Truth { x, y, radius, required: to_border(x, y) >= radius }
        })
        .collect();
    let typical = truth.iter().map(|t| t.radius).fold(sample.radius_px, f64::min);
    truth.extend(sample.ignored.iter().map(|c| Truth { x: c.x, y: c.y, radius: typical, required: false }));
    (truth, move |(x, y)| to_border(x, y) < typical)
}

fn summarise<'a>(name: String, results: impl Iterator<Item = &'a Result1> + Clone) -> Group {
    let count = results.clone().count();
    let mean = |of: fn(&Result1) -> f64| results.clone().map(of).sum::<f64>() / count.max(1) as f64;
    let pairs = results.clone().map(|r| r.score.matched).sum::<usize>().max(1) as f64;
    let root = |of: fn(&Result1) -> f64| (results.clone().map(of).sum::<f64>() / pairs).sqrt();
    let worst = results.clone().min_by(|a, b| a.score.f1().total_cmp(&b.score.f1()));
    Group {
        name,
        count,
        f1: mean(|r| r.score.f1()),
        precision: mean(|r| r.score.precision()),
        recall: mean(|r| r.score.recall()),
        rmse_px: root(|r| r.score.squared_error_px2),
        rmse_angstrom: root(|r| r.score.squared_error_px2 * r.pixel_angstrom.powi(2)),
        rmse_sigma: root(|r| r.score.squared_error_px2 / r.sigma_px.powi(2)),
        psnr_in_db: mean(|r| r.psnr_in_db),
        psnr_out_db: mean(|r| r.psnr_out_db),
        columns: results.clone().map(|r| r.score.truth).sum(),
        worst_f1: worst.map_or(1.0, |r| r.score.f1()),
        worst_sample: worst.map_or(0, |r| r.index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_average_over_samples_and_errors_over_columns() {
        let result = |truth, found, matched, squared_error_px2| Result1 {
            index: 0,
            structure: String::new(),
            score: Score { truth, found, matched, squared_error_px2 },
            verdicts: Vec::new(),
            pixel_angstrom: 0.5,
            sigma_px: 4.0,
            psnr_in_db: 20.0,
            psnr_out_db: 30.0,
            scale: 1.0,
        };
        let results = [result(10, 10, 10, 10.0), result(30, 30, 15, 15.0)];
        let group = summarise("x".to_owned(), results.iter());
        assert!((group.f1 - 0.75).abs() < 1e-12);
        assert!((group.rmse_px - 1.0).abs() < 1e-12 && (group.rmse_angstrom - 0.5).abs() < 1e-12);
        assert!((group.rmse_sigma - 0.25).abs() < 1e-12);
        assert_eq!(group.worst_f1, 0.5);
    }

    #[test]
    fn reliability_is_by_tenths_of_the_score() {
        let bins = reliability([(0.92, true), (0.98, false), (1.0, true), (0.31, false)].iter());
        assert_eq!(bins.len(), 2);
        assert!((bins[0].score, bins[0].right, bins[0].count) == (0.31, 0.0, 1));
        assert!((bins[1].right - 2.0 / 3.0).abs() < 1e-12 && bins[1].count == 3);
    }
}
