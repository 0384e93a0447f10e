//! Fine-tuning of a model on one crystal under the user's own conditions.

use crate::conditions::{Conditions, measure_conditions};
use crate::locate::locate;
use crate::{
    Error, Evaluation, LabelScore, Labelled, LoadedModel, LocateSettings, Model, Progress, TrainRequest,
    TrainSource, calibrate, evaluate, train, write_card,
};
use adatom_formats::{OutputFolder, PixelSize, write_atomically};
use adatom_imaging::BackgroundKind;
use adatom_library::{
    BackgroundRecipe, DoseRecipe, Draw, Form, Generator, ImageRecipe, OpticsRecipe, Recipe, ScanRecipe,
};
use adatom_network::{DeviceChoice, Loss, Outcome, Schedule, TrainConfig};
use ndarray::Array2;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Seeds of the samples trained on, calibrated on and held back.
const SEEDS: [u64; 3] = [101, 102, 103];
/// Side of a sample for training \[px\].
const SIDE: usize = 128;
/// Columns of lattice that a sample to be judged by shows, about, and its sides \[px\].
const JUDGED: (f64, f64, f64) = (10.0, 128.0, 512.0);
/// Samples that tell at which scales the network sees this crystal: noise decides between some.
const LOOKED_AT: u64 = 8;
/// Steps that the pace is measured with.
const PACE_STEPS: u64 = 6;
/// Highest learning rate: a quarter of a fresh training's.
const RATE: f64 = 5e-4;
/// A model got worse when its F1 fell by more than this, or its error grew by the second part
/// while F1 did not rise by as much as the first.
const WORSE: (f64, f64) = (5e-4, 0.01);

/// A crystal and the conditions it is imaged under.
pub struct AdaptRequest<'a> {
    /// A built-in material or the path of a CIF file.
    pub structure: String,
    /// Zone axis, such as `110`.
    pub zone: String,
    /// Beam energy \[kV\].
    pub energy_kv: f64,
    /// Convergence semi-angle \[mrad\].
    pub semiangle_mrad: f64,
    /// Pixel size of the images to come.
    pub pixel_size: PixelSize,
    /// An image of the session, from which dose, jitter, background and probe width are taken.
    pub image: Option<&'a Array2<f32>>,
    /// An image of the session whose columns were labelled by hand; a model that finds them worse is not written.
    pub labels: Option<&'a Labelled>,
    /// Time to train \[min\].
    pub minutes: f64,
    /// Held-back samples that the models are judged by; as many others calibrate the new one.
    pub samples: u64,
    /// Where to write the new model.
    pub folder: &'a Path,
    /// The model to start from.
    pub model: Model,
    /// Where to run.
    pub device: DeviceChoice,
}

/// What became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Adaptation {
    /// What the samples were made with.
    pub conditions: Conditions,
    /// Training steps.
    pub steps: u64,
    /// Held-back samples, with the model as it was.
    pub before: Judgement,
    /// The same with the adapted one.
    pub after: Judgement,
    /// The columns labelled by hand, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<[LabelScore; 2]>,
    /// The folder, if the model was worth keeping.
    pub folder: Option<PathBuf>,
}

/// How well held-back samples are located and restored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judgement {
    /// Mean F1.
    pub f1: f64,
    /// Root-mean-square position error \[Å\].
    pub rmse_angstrom: f64,
    /// PSNR of the denoised images \[dB\].
    pub psnr_out_db: f64,
}

impl Judgement {
    fn of(evaluation: &Evaluation) -> Self {
        let all = &evaluation.overall;
        Self { f1: all.f1, rmse_angstrom: all.rmse_angstrom, psnr_out_db: all.psnr_out_db }
    }

    fn is_worse_than(&self, before: &Self) -> bool {
        self.f1 < before.f1 - WORSE.0
            || (self.f1 < before.f1 + WORSE.0 && self.rmse_angstrom > before.rmse_angstrom * (1.0 + WORSE.1))
    }
}

/// Fine-tunes a model on samples of one crystal and judges it, before and after, on held-back
/// ones. A model that got worse is not written.
///
/// # Errors
/// When the crystal or a setting can't be used, the folder can't be written, or training fails.
pub fn adapt(
    request: AdaptRequest<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Adaptation, Error> {
    if !(0.05..=1440.0).contains(&request.minutes) {
        return Err(Error::Setting {
            name: "minutes",
            value: request.minutes.to_string(),
            expected: "0.05 to 1440",
        });
    }
    if !(1..=10_000).contains(&request.samples) {
        return Err(Error::Setting {
            name: "samples",
            value: request.samples.to_string(),
            expected: "1 to 10000",
        });
    }
    let output = OutputFolder::create(request.folder)?;
    let device = request.device;
    let model = request.model.clone().open(device)?;
    let first = judged_recipe(&request, &Conditions::default(), 256)?;
    let settings = LocateSettings::default();
    let see = |image: &Array2<f32>| locate(image, Some(request.pixel_size), &model, &settings, &mut |_| {});
    let seen = request.image.or(request.labels.map(|labelled| &labelled.image.data));
    let (conditions, factor) = match seen {
        Some(image) => {
            let located = see(image)?;
            (measure_conditions(image, request.pixel_size, &located, &first)?, located.scale.factor)
        }
        None => {
            let sample = Generator::new(first, SEEDS[0])?.sample(0)?;
            (Conditions::default(), see(&sample.image)?.scale.factor)
        }
    };
    let side = (JUDGED.0 * crate::WORKING_SPACING_PX / factor).clamp(JUDGED.1, JUDGED.2) as usize;
    let judged = judged_recipe(&request, &conditions, side)?;
    let held_back = Generator::new(judged.clone(), SEEDS[2])?;
    let judge = |model: &LoadedModel| -> Result<Judgement, Error> {
        Ok(Judgement::of(&evaluate(&held_back, request.samples, model, &settings, &mut |_| {})?))
    };
    let before = judge(&model)?;
    let mut scales = (factor, factor);
    let looked_at = Generator::new(judged.clone(), SEEDS[0])?;
    for index in 0..LOOKED_AT {
        let factor = see(&looked_at.sample(index)?.image)?.scale.factor;
        scales = (scales.0.min(factor), scales.1.max(factor));
    }
    let generator =
        Generator::new(training_recipe(judged.clone(), &request, &conditions, scales)?, SEEDS[0])?;
    let work = tempfile::tempdir_in(output.path()).map_err(|e| Error::io(output.path(), e))?;
    let config = |steps: u64| TrainConfig {
        network: request.model.weights().config().clone(),
        schedule: Schedule { peak_rate: RATE, warmup_steps: 20, total_steps: steps },
        average_decay: 0.99,
        // Of one crystal the batches' statistics are other ones: the denoised image was 2 dB worse for them alone.
        fixed_statistics: true,
        // As the shipped weights were trained.
        loss: Loss::Mixed,
        seed: SEEDS[0],
        checkpoint_steps: steps.max(1),
        ..TrainConfig::default()
    };
    let run = |name: &str, steps: u64, progress: &mut dyn FnMut(&Progress)| {
        let request = TrainRequest {
            folder: &work.path().join(name),
            source: TrainSource::Recipe(&generator),
            config: config(steps),
            resume: false,
            initial: Some((&request.model).into()),
            device,
            name: format!("{} [{}]", request.structure, request.zone),
        };
        train(request, stop, progress)
    };
    let started = Instant::now();
    run("pace", PACE_STEPS, &mut |_| {})?;
    let pace = started.elapsed().as_secs_f64() / PACE_STEPS as f64;
    let steps = ((60.0 * request.minutes - started.elapsed().as_secs_f64()) / pace).max(20.0) as u64;
    let (outcome, _) = run("run", steps, progress)?;
    if outcome == Outcome::Stopped {
        return Err(Error::Setting {
            name: "training",
            value: "stopped".to_owned(),
            expected: "left to finish for a model to be written",
        });
    }
    let trained = work.path().join("run");
    let mut adapted = Model::from_path(&trained)?.open(device)?;
    calibrate(&mut adapted, &[&Generator::new(judged, SEEDS[1])?], request.samples, &mut |_| {})?;
    let after = judge(&adapted)?;
    let labels = match request.labels {
        Some(labelled) => {
            let judge = |model: &LoadedModel| labelled.judge(model, request.pixel_size);
            Some([judge(&model)?, judge(&adapted)?])
        }
        None => None,
    };
    let misses = labels.is_some_and(|[before, after]| after.f1 < before.f1 - WORSE.0);
    let mut adaptation = Adaptation { conditions, steps, before, after, labels, folder: None };
    if misses || after.is_worse_than(&before) {
        return Ok(adaptation);
    }
    for file in ["weights.safetensors", "curve.csv", "curve.png"] {
        let (from, to) = (trained.join(file), output.path().join(file));
        std::fs::rename(&from, &to).map_err(|e| Error::io(&from, e))?;
    }
    write_card(adapted.card(), &output.path().join("card.json"))?;
    adaptation.folder = Some(request.folder.to_owned());
    let report = serde_json::to_string_pretty(&adaptation).unwrap_or_default();
    write_atomically(&output.path().join("report.json"), |file| writeln!(file, "{report}"))?;
    work.close().map_err(|e| Error::io(output.path(), e))?;
    output.commit()?;
    Ok(adaptation)
}

/// The user's crystal in the user's pixels.
fn judged_recipe(request: &AdaptRequest<'_>, conditions: &Conditions, side: usize) -> Result<Recipe, Error> {
    let mut recipe = Recipe::open("extended")?;
    let mut structure = recipe.structure[0].clone();
    structure.material.clone_from(&request.structure);
    structure.zone.clone_from(&request.zone);
    structure.form = Form::Slab;
    structure.optics = Vec::new();
    let about = |value: f64, by: f64| Draw::Range { low: value / by, high: value * by, log: true };
    recipe.name = format!("{} [{}]", request.structure, request.zone);
    recipe.description = "One crystal under the conditions of one session".to_owned();
    recipe.structure = vec![structure];
    recipe.disorder = None;
    recipe.image = ImageRecipe {
        width: side,
        height: side,
        field_of_view_angstrom: Some(Draw::Fixed(side as f64 * request.pixel_size.x_angstrom)),
        nearest_distance_px: None,
        rotation_deg: Draw::Range { low: 0.0, high: 360.0, log: false },
    };
    recipe.optics = vec![OpticsRecipe {
        source_fwhm_angstrom: about(conditions.source_fwhm_angstrom, 1.15),
        ..OpticsRecipe::perfect("session", request.energy_kv, request.semiangle_mrad)
    }];
    recipe.background = BackgroundRecipe {
        kinds: vec![BackgroundKind::Constant, BackgroundKind::Linear, BackgroundKind::Nonlinear],
        level: Draw::Range { low: 0.0, high: 2.0 * conditions.background_level, log: false },
        ..BackgroundRecipe::default()
    };
    recipe.scan = ScanRecipe {
        sigma_jitter_angstrom: about(conditions.jitter_angstrom.max(1e-3), 1.5),
        ..ScanRecipe::default()
    };
    recipe.dose = dose(conditions.peak_electrons / 1.5, conditions.peak_electrons * 1.5);
    recipe.detector = adatom_library::DetectorRecipe::default();
    Ok(recipe.checked("of the session")?)
}

/// A dose of so many electrons at the brightest point.
fn dose(low: f64, high: f64) -> DoseRecipe {
    // 30 pA, of which a tenth is scattered there: 18.7 electrons a microsecond.
    let (current, fraction) = (30.0, 0.1);
    let per_us = adatom_imaging::Dose { current_pa: current, dwell_us: 1.0 }.electrons_per_pixel() * fraction;
    DoseRecipe {
        current_pa: Draw::Fixed(current),
        dwell_us: Draw::Range { low: low / per_us, high: high / per_us, log: true },
        peak_fraction: Draw::Fixed(fraction),
    }
}

/// The same at the scales at which the network may see it, smallest and largest, under somewhat wider conditions, with
/// part of the columns missing or of other brightness, and at other thicknesses.
fn training_recipe(
    mut recipe: Recipe,
    request: &AdaptRequest<'_>,
    conditions: &Conditions,
    (smallest, largest): (f64, f64),
) -> Result<Recipe, Error> {
    let general = Recipe::open("extended")?;
    let field = |factor: f64| SIDE as f64 * request.pixel_size.x_angstrom / factor;
    recipe.image = ImageRecipe {
        width: SIDE,
        height: SIDE,
        field_of_view_angstrom: Some(Draw::Range {
            low: 0.85 * field(largest),
            high: 2.1 * field(smallest),
            log: true,
        }),
        ..recipe.image
    };
    recipe.disorder = general.disorder;
    recipe.labels.gaussian_sigma_px = general.labels.gaussian_sigma_px;
    recipe.detector.blur_px = general.detector.blur_px;
    let electrons = |factor: f64| conditions.peak_electrons / (factor * factor);
    recipe.dose = dose(0.5 * electrons(largest), 8.0 * electrons(smallest));
    let mut cluster = recipe.structure[0].clone();
    cluster.form = Form::Cluster;
    cluster.weight = 0.25;
    recipe.structure.push(cluster);
    Ok(recipe.checked("of the session")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_in_many_thousands_is_not_worth_places_that_are_worse() {
        let judged = |f1: f64, rmse_angstrom: f64| Judgement { f1, rmse_angstrom, psnr_out_db: 33.0 };
        let before = judged(0.998, 0.043);
        assert!(
            !judged(0.998, 0.0433).is_worse_than(&before) && !judged(0.9976, 0.040).is_worse_than(&before)
        );
        assert!(
            judged(0.9981, 0.050).is_worse_than(&before) && !judged(0.9990, 0.050).is_worse_than(&before)
        );
        assert!(judged(0.9970, 0.030).is_worse_than(&before));
    }
}
