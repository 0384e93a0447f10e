//! How precisely localisers find the columns of simulated samples, against the noise and against the
//! physical bound: Fig. 6 of the paper.

mod bounds;
mod figure;

use crate::evaluate::{column_sigma_px, score_positions};
use crate::localiser::refine;
use crate::{
    Error, FitOptions, LoadedModel, Localiser, LocateSettings, LocatedColumn, Scale, detect, locate,
};
use adatom_library::{Generator, Recipe, Sample, TruthColumn};
use adatom_locate::{FitSettings, Start, Statistics, fit_columns};
use adatom_network::{Detector, DetectorConfig, DeviceChoice, Weights};
use serde::Serialize;

/// The name of the physical bound among the methods.
const BOUND: &str = "bound";
/// Least score of a box that counts: what a Faster R-CNN is evaluated at.
const SURE: f64 = 0.5;

/// Depth in the image from which on nothing outside it matters to a column, in the columns' widths: its window and a
/// column's reach.
const INTERIOR: f64 = 7.0;

/// What is measured.
#[derive(Debug, Clone, Serialize)]
pub struct LocalisationSettings {
    /// PSNRs of the shot noise alone \[dB\].
    pub psnr_db: Vec<f64>,
    /// Samples at each.
    pub count: u64,
    /// The seed.
    pub seed: u64,
}

/// How precisely every method finds columns.
#[derive(Debug, Clone, Serialize)]
pub struct Localisation {
    /// The recipe's name.
    pub recipe: String,
    /// Its hash.
    pub recipe_sha256: String,
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// What was measured.
    pub settings: LocalisationSettings,
    /// By jitter, PSNR and method.
    pub rows: Vec<LocalisationRow>,
    /// Every sample's own numbers.
    pub samples: Vec<LocalisedSample>,
}

/// One method on one sample.
#[derive(Debug, Clone, Serialize)]
pub struct LocalisedSample {
    /// The sample's number in the recipe.
    pub index: u64,
    /// Material and zone axis.
    pub structure: String,
    /// The method's numbers.
    #[serde(flatten)]
    pub row: LocalisationRow,
}

/// One method at one PSNR.
#[derive(Debug, Clone, Serialize)]
pub struct LocalisationRow {
    /// Whether rows are displaced as the recipe says; the bound is that without.
    pub jitter: bool,
    /// PSNR of the shot noise alone \[dB\].
    pub psnr_db: f64,
    /// Who found the columns, or `bound`.
    pub method: String,
    /// Root-mean-square distance to the truth \[px\].
    pub rmse_px: f64,
    /// The same \[pm\].
    pub rmse_pm: f64,
    /// The same over the columns' width σ.
    pub rmse_sigma: f64,
    /// The same in pm of the columns farther from the border than what stands outside the image reaches, if there
    /// are any.
    pub interior_pm: Option<f64>,
    /// Mean error along x and y \[px\].
    pub bias_px: [f64; 2],
    /// Harmonic mean of precision and recall, mean over samples.
    pub f1: f64,
    /// Columns that were found.
    pub matched: usize,
    /// Part of the coordinates that are within their one and two standard deviations of the truth, where
    /// a method gives these.
    pub within: Option<[f64; 2]>,
}

/// A found column: its place, and standard deviations if the method gives them.
struct Found {
    x: f64,
    y: f64,
    std_px: Option<[f64; 2]>,
}

#[derive(Default)]
struct Sums {
    px2: f64,
    pm2: f64,
    sigma2: f64,
    interior_pm2: f64,
    interior: usize,
    bias: [f64; 2],
    f1: f64,
    samples: usize,
    matched: usize,
    coordinates: usize,
    within: [usize; 2],
}

/// Sums by method, in the order of the methods.
type Methods = Vec<(&'static str, Sums)>;

impl Sums {
    /// Counts a `column` that is off by `square` px², in a sample whose columns are of width `sigma`.
    fn count(&mut self, square: f64, column: &TruthColumn, sample: &Sample, sigma: f64) {
        let pm = 100.0 * sample.grid.pixel_x_angstrom;
        self.px2 += square;
        self.pm2 += square * pm * pm;
        self.sigma2 += square / (sigma * sigma);
        self.matched += 1;
        let (right, bottom) = (sample.grid.width as f64 - 1.0, sample.grid.height as f64 - 1.0);
        if column.x.min(column.y).min(right - column.x).min(bottom - column.y) > INTERIOR * sigma {
            self.interior_pm2 += square * pm * pm;
            self.interior += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.px2 += other.px2;
        self.pm2 += other.pm2;
        self.sigma2 += other.sigma2;
        self.f1 += other.f1;
        self.samples += other.samples;
        self.matched += other.matched;
        self.coordinates += other.coordinates;
        self.interior_pm2 += other.interior_pm2;
        self.interior += other.interior;
        for axis in 0..2 {
            self.bias[axis] += other.bias[axis];
            self.within[axis] += other.within[axis];
        }
    }

    fn row(&self, jitter: bool, psnr_db: f64, method: &str) -> LocalisationRow {
        let n = self.matched.max(1) as f64;
        let coordinates = self.coordinates as f64;
        LocalisationRow {
            jitter,
            psnr_db,
            method: method.to_owned(),
            rmse_px: (self.px2 / n).sqrt(),
            rmse_pm: (self.pm2 / n).sqrt(),
            rmse_sigma: (self.sigma2 / n).sqrt(),
            interior_pm: (self.interior > 0).then(|| (self.interior_pm2 / self.interior as f64).sqrt()),
            bias_px: self.bias.map(|sum| sum / n),
            f1: self.f1 / self.samples.max(1) as f64,
            matched: self.matched,
            within: (self.coordinates > 0).then(|| self.within.map(|count| count as f64 / coordinates)),
        }
    }
}

/// Runs every method on the samples of a recipe at every PSNR, with the recipe's jitter and without; the `detector`, a
/// Faster R-CNN, if there is one.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn localisation(
    recipe: &Recipe,
    model: &LoadedModel,
    detector: Option<(&Weights<DetectorConfig>, DeviceChoice)>,
    settings: &LocalisationSettings,
    progress: &mut dyn FnMut(f64),
) -> Result<Localisation, Error> {
    let detector = match detector {
        Some((weights, device)) => Some(Detector::new(weights, &device.open()?)),
        None => None,
    };
    let mut still = recipe.clone();
    still.scan.sigma_jitter_angstrom = adatom_library::Draw::Fixed(0.0);
    let mut cases = Vec::new();
    for (jitter, recipe) in [(false, still), (true, recipe.clone())] {
        let sums: Vec<Methods> = settings.psnr_db.iter().map(|_| Vec::new()).collect();
        cases.push((jitter, Generator::new(recipe, settings.seed)?, sums));
    }
    let all = 2.0 * settings.psnr_db.len() as f64 * settings.count as f64;
    let mut done = 0.0;
    let mut samples = Vec::new();
    for index in 0..settings.count {
        // The columns are the same at every dose, in displaced rows and in others.
        let mut single = None;
        for (jitter, generator, sums) in &mut cases {
            for (&psnr_db, sums) in settings.psnr_db.iter().zip(sums) {
                let sample = generator.sample_at(index, psnr_db)?;
                let sigma = column_sigma_px(&sample);
                let columns = match single.take() {
                    Some(columns) => columns,
                    None => bounds::single_columns(&sample, sigma, generator)?,
                };
                let mut results: Methods = methods(&sample, sigma, model, detector.as_ref())?
                    .into_iter()
                    .map(|(method, found)| (method, located(&sample, sigma, &found)))
                    .collect();
                results.push((BOUND, bounds::of_sample(&sample, sigma, &columns)));
                single = Some(columns);
                for (method, result) in results {
                    samples.push(LocalisedSample {
                        index,
                        structure: sample.settings.structure(),
                        row: result.row(*jitter, psnr_db, method),
                    });
                    of(sums, method).merge(&result);
                }
                done += 1.0;
                progress(done / all);
            }
        }
    }
    let rows =
        cases.iter().flat_map(|(jitter, _, sums)| {
            settings.psnr_db.iter().zip(sums).flat_map(|(psnr_db, sums)| {
                sums.iter().map(|(method, sums)| sums.row(*jitter, *psnr_db, method))
            })
        });
    let rows = rows.collect();
    Ok(Localisation {
        recipe: recipe.name.clone(),
        recipe_sha256: recipe.hash(),
        weights_sha256: model.sha256.clone(),
        settings: settings.clone(),
        rows,
        samples,
    })
}

/// The sums of a method.
fn of<'a>(all: &'a mut Methods, method: &'static str) -> &'a mut Sums {
    let at = all.iter().position(|(name, _)| *name == method).unwrap_or_else(|| {
        all.push((method, Sums::default()));
        all.len() - 1
    });
    &mut all[at].1
}

/// Every method's columns of a sample.
fn methods(
    sample: &Sample,
    sigma: f64,
    model: &LoadedModel,
    detector: Option<&Detector>,
) -> Result<Vec<(&'static str, Vec<Found>)>, Error> {
    let settings = LocateSettings::default();
    let located = locate(&sample.image, None, model, &settings, &mut |_| {})?;
    // At the same scale, which takes most of the time to choose.
    let scale = Scale::Fixed(located.scale.factor);
    let otsu = LocateSettings { method: Localiser::Otsu, scale, ..settings };
    let otsu = locate(&sample.image, None, model, &otsu, &mut |_| {})?;
    let mut results = vec![("otsu", found(&otsu.columns)), ("centroid", found(&located.columns))];
    for (name, method, descan) in [
        ("gaussian", Localiser::Gaussian, false),
        ("mle", Localiser::Mle, false),
        ("mle --descan", Localiser::Mle, true),
    ] {
        let mut columns = located.columns.clone();
        let fit = FitOptions { descan, ..FitOptions::default() };
        refine(&sample.image, None, &mut columns, &LocateSettings { method, fit, ..settings });
        results.push((name, found(&columns)));
    }
    if let Some(detector) = detector {
        let sure = LocateSettings { threshold: SURE, scale, ..settings };
        let (boxes, _) = detect(&sample.image, None, detector, model, &sure)?;
        results.push(("faster-rcnn", boxes.iter().map(|b| Found { x: b.x, y: b.y, std_px: None }).collect()));
    }
    let places = sample.columns.iter().map(|c| (c.x, c.y)).chain(sample.ignored.iter().map(|c| (c.x, c.y)));
    let starts: Vec<Start> =
        places.map(|(x, y)| Start { x: x.round(), y: y.round(), sigma, background: None }).collect();
    // Its starting points are the true columns, to the pixel; where it fails nothing is found.
    let fit = FitSettings { statistics: Statistics::LeastSquares, ..FitSettings::default() };
    let fit = fit_columns(&sample.image, &starts, &fit);
    let fitted = fit.columns.iter().filter(|c| c.reason.is_none());
    results.push((
        "gaussian, true starts",
        fitted.map(|c| Found { x: c.x, y: c.y, std_px: c.std_px() }).collect(),
    ));
    Ok(results)
}

fn found(columns: &[LocatedColumn]) -> Vec<Found> {
    columns.iter().map(|c| Found { x: c.x, y: c.y, std_px: c.fit.map(|fit| fit.std_px) }).collect()
}

fn located(sample: &Sample, sigma: f64, found: &[Found]) -> Sums {
    let positions: Vec<(f64, f64)> = found.iter().map(|f| (f.x, f.y)).collect();
    let (score, pairs) = score_positions(sample, &positions);
    let mut sums = Sums { samples: 1, f1: score.f1(), ..Sums::default() };
    for (of, truth) in pairs {
        let (found, truth) = (&found[of], &sample.columns[truth]);
        let off = [found.x - truth.x, found.y - truth.y];
        sums.count(off[0].powi(2) + off[1].powi(2), truth, sample, sigma);
        for axis in 0..2 {
            sums.bias[axis] += off[axis];
            if let Some(std) = found.std_px {
                sums.coordinates += 1;
                for (count, widths) in sums.within.iter_mut().zip([1.0, 2.0]) {
                    *count += usize::from(off[axis].abs() <= widths * std[axis]);
                }
            }
        }
    }
    sums
}
