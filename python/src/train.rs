//! Training and adapting networks.

use crate::errors::{exception, wrong};
use crate::generate::recipe;
use crate::images::{Sides, pixel_size, usable};
use crate::model::{device, read, task};
use crate::run::{Caller, run};
use adatom::{AdaptRequest, Error, Labelled, LibraryFolder, Progress, TrainRequest, TrainSource};
use adatom_library::Generator;
use adatom_network::{Loss, NetworkConfig, NetworkError, Outcome, Schedule, Task, TrainConfig};
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;

fn report(caller: &Caller, p: &Progress) {
    let told = json!({
        "step": p.step, "steps": p.steps, "loss": p.loss, "rate": p.rate, "seconds_left": p.seconds_left,
    });
    caller.report(told.to_string());
}

/// A training, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    folder: PathBuf,
    recipe: String,
    library: Option<PathBuf>,
    resume: bool,
    init: Option<PathBuf>,
    steps: u64,
    batch: usize,
    widths: Vec<usize>,
    tasks: Vec<String>,
    loss: Loss,
    rate: f64,
    warmup: u64,
    seed: u64,
    checkpoint: u64,
    workers: usize,
    device: String,
}

impl Training {
    fn config(&self) -> PyResult<TrainConfig> {
        let tasks = self.tasks.iter().map(|name| task(name)).collect::<PyResult<Vec<_>>>()?;
        let tasks = if tasks.is_empty() { Task::ALL.to_vec() } else { tasks };
        Ok(TrainConfig {
            network: NetworkConfig { widths: self.widths.clone(), tasks },
            batch: self.batch,
            loss: self.loss,
            schedule: Schedule { peak_rate: self.rate, warmup_steps: self.warmup, total_steps: self.steps },
            seed: self.seed,
            checkpoint_steps: self.checkpoint,
            workers: self.workers,
            ..TrainConfig::default()
        })
    }
}

/// Trains a network; the loss on the held-back part of a library as JSON. Ctrl-C leaves a checkpoint.
#[pyfunction]
#[pyo3(signature = (training, progress))]
pub fn train(py: Python<'_>, training: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let training: Training =
        serde_json::from_str(training).map_err(|error| wrong(format!("training: {error}")))?;
    let config = training.config()?;
    let device = device(&training.device)?;
    let initial = training.init.as_ref().map(|path| read(Some(path))).transpose()?;
    let recipe = training.library.is_none().then(|| recipe(&training.recipe)).transpose()?;
    adatom_convolution::keep_freed_memory();
    let loss = run(py, progress, |caller| {
        // A resumed training sees the samples that it would have seen.
        let seed = match training.resume {
            true => adatom::checkpoint_seed::<NetworkConfig>(&training.folder)?,
            false => training.seed,
        };
        let generator = recipe.map(|recipe| Generator::new(recipe, seed)).transpose()?;
        let library = training.library.as_ref().map(|path| LibraryFolder::open(path, seed)).transpose()?;
        let source = match (&generator, &library) {
            (_, Some(library)) => TrainSource::Library(library),
            (Some(generator), None) => TrainSource::Recipe(generator),
            (None, None) => return Err(NetworkError::Compute("there are no samples".to_owned()).into()),
        };
        let name = training.folder.file_name().map_or("model".into(), |name| name.to_string_lossy());
        let request = TrainRequest {
            folder: &training.folder,
            source,
            config,
            resume: training.resume,
            initial: initial.as_ref().map(Into::into),
            device,
            name: name.into_owned(),
        };
        match adatom::train(request, &caller.stop, &mut |p| report(caller, p))? {
            (Outcome::Finished, loss) => Ok(loss),
            (Outcome::Stopped, _) => Err(Error::Stopped),
        }
    })?;
    Ok(json!(loss).to_string())
}

/// A crystal and its conditions, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adapting {
    structure: String,
    zone: String,
    energy_kv: f64,
    semiangle_mrad: f64,
    minutes: f64,
    samples: u64,
    labels: Option<PathBuf>,
    folder: PathBuf,
    model: Option<PathBuf>,
    device: String,
}

/// Fine-tunes a model on one crystal; what became of it as JSON.
#[pyfunction]
#[pyo3(signature = (adapting, image, name, pixel, progress))]
pub fn adapt(
    py: Python<'_>,
    adapting: &str,
    image: Option<PyReadonlyArray2<'_, f32>>,
    name: PathBuf,
    pixel: Sides,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let adapting: Adapting =
        serde_json::from_str(adapting).map_err(|error| wrong(format!("adapting: {error}")))?;
    let size = pixel_size(pixel)?
        .ok_or_else(|| wrong("the pixel size is unknown; give pixel_size, such as \"0.1A\""))?;
    let image = image.map(|image| usable(py, &image, name)).transpose()?;
    let labels = adapting.labels.as_deref().map(Labelled::read).transpose().map_err(exception)?;
    let model = read(adapting.model.as_ref())?;
    let device = device(&adapting.device)?;
    adatom_convolution::keep_freed_memory();
    let adaptation = run(py, progress, |caller| {
        let request = AdaptRequest {
            structure: adapting.structure.clone(),
            zone: adapting.zone.clone(),
            energy_kv: adapting.energy_kv,
            semiangle_mrad: adapting.semiangle_mrad,
            pixel_size: size,
            image: image.as_ref(),
            labels: labels.as_ref(),
            minutes: adapting.minutes,
            samples: adapting.samples,
            folder: &adapting.folder,
            model,
            device,
        };
        adatom::adapt(request, &caller.stop, &mut |p| report(caller, p))
    })?;
    Ok(json!(adaptation).to_string())
}
