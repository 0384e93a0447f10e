use crate::curve::Curve;
use crate::folder::LibraryFolder;
use crate::plot::loss_curves;
use crate::{Error, Model, WORKING_SPACING_PX, write_card};
use adatom_formats::{write_atomically, write_png_rgb8};
use adatom_library::Generator;
use adatom_network::{
    Checkpoint, Detections, DetectorConfig, DeviceChoice, Learner, Loss, ModelCard, NetworkConfig,
    NetworkError, Observer, OnTheFly, Outcome, ScoreCalibration, Shape, Source, StepReport, TrainConfig,
    Trainer, Weights, validation_loss,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const CHECKPOINT: &str = "checkpoint.safetensors";
const CURVE: &str = "curve.csv";
const CARD: &str = "card.json";
/// Samples of the held-back part of a library that are tested after training.
const TEST_SAMPLES: usize = 64;

/// Where samples come from.
#[derive(Clone, Copy)]
pub enum TrainSource<'a> {
    /// Rendered on the fly.
    Recipe(&'a Generator),
    /// Read from a library on disk, three quarters of it.
    Library(&'a LibraryFolder),
}

/// Weights that a training starts from.
#[derive(Debug, Clone)]
pub struct Initial<S = NetworkConfig> {
    /// The weights.
    pub weights: Weights<S>,
    /// How they were made, for the model card.
    pub history: String,
}

impl<S: Shape> Initial<S> {
    /// Weights that belong to a model card.
    pub fn new(weights: Weights<S>, card: &ModelCard<S>) -> Self {
        let history =
            format!("{} steps on {} (weights {})", card.steps, card.trained_on, card.weights_sha256);
        Self { weights, history }
    }
}

impl From<&Model> for Initial {
    fn from(model: &Model) -> Self {
        Self::new(model.weights().clone(), model.card())
    }
}

/// A training to be run.
pub struct TrainRequest<'a, S = NetworkConfig> {
    /// Folder for checkpoints, the curve and the weights.
    pub folder: &'a Path,
    /// Samples.
    pub source: TrainSource<'a>,
    /// Settings of a fresh training; a resumed one keeps its own.
    pub config: TrainConfig<S>,
    /// Go on from the folder's checkpoint.
    pub resume: bool,
    /// Start from these weights instead of random ones.
    pub initial: Option<Initial<S>>,
    /// Where to run.
    pub device: DeviceChoice,
    /// Name in the model card.
    pub name: String,
}

/// What a face shows while a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The step, counted from one.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean loss over the last steps.
    pub loss: f32,
    /// Learning rate.
    pub rate: f64,
    /// Seconds until the end at the present pace.
    pub seconds_left: f64,
}

/// The seed of the training in `folder`, with which it must be resumed.
///
/// # Errors
/// When there is no readable checkpoint.
pub fn checkpoint_seed<S: Shape>(folder: &Path) -> Result<u64, Error> {
    let path = folder.join(CHECKPOINT);
    let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
    Ok(Checkpoint::<S>::from_bytes(&bytes, &path.display().to_string())?.config().seed)
}

/// Trains a U-Net, keeping a checkpoint, `curve.csv`, `curve.png` and the network so far
/// (`weights.safetensors` and `card.json`) in the folder. `stop` is looked at after every step. Of a
/// library the loss on the held-back part is measured at the end.
///
/// # Errors
/// When the folder can't be used, the checkpoint belongs to another training, or training fails.
pub fn train(
    request: TrainRequest<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(Outcome, Option<f32>), Error> {
    let (device, source) = (request.device.open()?, request.source);
    let (outcome, trainer) = run(request, stop, progress, |config, run| {
        let (tasks, loss) = (&config.network.tasks, config.loss);
        match &source {
            TrainSource::Recipe(generator) => run(&OnTheFly { generator, tasks, loss }),
            TrainSource::Library(library) => run(&library.training(tasks, loss)),
        }
    })?;
    let mut test_loss = None;
    if let (Outcome::Finished, TrainSource::Library(library)) = (outcome, &source) {
        let config = trainer.state().config();
        let samples = library.test(&config.network.tasks, config.loss, TEST_SAMPLES)?;
        test_loss = Some(validation_loss(trainer.state().average(), &samples, &device)?);
    }
    Ok((outcome, test_loss))
}

/// Trains a Faster R-CNN as [`train`] does a U-Net; only on samples rendered on the fly, since
/// libraries on disk hold no positions.
///
/// # Errors
/// As [`train`], and for a library.
pub fn train_detector(
    request: TrainRequest<'_, DetectorConfig>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Outcome, Error> {
    let generator = match request.source {
        TrainSource::Recipe(generator) => generator,
        TrainSource::Library(library) => {
            let message = "a faster-rcnn learns positions, which a library on disk does not hold".to_owned();
            return Err(Error::Input { path: library.path().to_owned(), message });
        }
    };
    let done =
        run(request, stop, progress, |config, run| run(&Detections { generator, config: &config.network }))?;
    Ok(done.0)
}

/// What trains on a source.
type Run<'a, T> = dyn FnMut(&dyn Source<T>) -> Result<Outcome, NetworkError> + 'a;

/// Trains a network on the source that `sources` makes of the settings.
fn run<S: Learner>(
    request: TrainRequest<'_, S>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
    sources: impl FnOnce(&TrainConfig<S>, &mut Run<'_, S::Sample>) -> Result<Outcome, NetworkError>,
) -> Result<(Outcome, Trainer<S>), Error> {
    let folder = request.folder;
    let kept = folder.join(CHECKPOINT);
    let wrong = |message: String| Error::Input { path: kept.clone(), message };
    let identity = match &request.source {
        TrainSource::Recipe(generator) => generator.identity().to_owned(),
        TrainSource::Library(library) => library.identity(),
    };
    let device = request.device.open()?;
    let mut trainer = if request.resume {
        let bytes = std::fs::read(&kept).map_err(|e| Error::io(&kept, e))?;
        let checkpoint = Checkpoint::from_bytes(&bytes, &kept.display().to_string())?;
        if checkpoint.source() != identity {
            return Err(wrong(format!(
                "it was trained on {}, not on {identity}: resume with the same recipe or library",
                checkpoint.source()
            )));
        }
        Trainer::resume(checkpoint, &device)
    } else {
        if kept.exists() {
            return Err(wrong("there is a checkpoint already: give --resume, or another folder".to_owned()));
        }
        request.config.check()?;
        if let TrainSource::Recipe(generator) = &request.source {
            let (image, stride) = (&generator.recipe().image, request.config.network.stride());
            if image.width % stride != 0 || image.height % stride != 0 {
                return Err(Error::Setting {
                    name: "image size of the recipe",
                    value: format!("{} × {}", image.width, image.height),
                    expected: "of sides that the network's poolings divide: a multiple of 2 for each level but the first",
                });
            }
        }
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        match &request.initial {
            Some(initial) => Trainer::from_weights(
                request.config.clone(),
                initial.weights.clone(),
                identity.clone(),
                &device,
            )?,
            None => Trainer::new(request.config.clone(), identity.clone(), &device)?,
        }
    };
    let config = trainer.state().config().clone();
    let trained_on = match &request.source {
        TrainSource::Recipe(generator) => format!("recipe {}", generator.recipe().name),
        TrainSource::Library(library) => format!("library {}", library.path().display()),
    };
    let trained_on = match config.loss {
        Loss::ChiSquare => trained_on,
        Loss::Mse => format!("{trained_on} by the mean squared error"),
        Loss::Mixed => {
            format!("{trained_on} by the mean squared error of the masks and the chi-square of the images")
        }
    };
    let trained_on = match (&request.initial, kept_history::<S>(folder).filter(|_| request.resume)) {
        (_, Some(kept)) => kept,
        (Some(initial), None) => format!("{trained_on}; before that {}", initial.history),
        (None, None) => trained_on,
    };
    let mut keeper = Keeper {
        folder: folder.to_owned(),
        name: request.name.clone(),
        trained_on,
        curve: Curve::open(&folder.join(CURVE), &config.network.parts(), trainer.state().step())?,
        stop,
        progress,
        steps: config.schedule.total_steps,
        started: Instant::now(),
        first_step: trainer.state().step(),
        recent: 0.0,
    };
    let outcome = sources(&config, &mut |source| trainer.run(source, &mut keeper))?;
    Ok((outcome, trainer))
}

/// What the card in a training's folder says that it was trained on.
fn kept_history<S: Shape>(folder: &Path) -> Option<String> {
    let card = std::fs::read_to_string(folder.join(CARD)).ok()?;
    Some(serde_json::from_str::<ModelCard<S>>(&card).ok()?.trained_on)
}

/// Keeps what a training leaves behind.
struct Keeper<'a> {
    folder: PathBuf,
    name: String,
    trained_on: String,
    curve: Curve,
    stop: &'a AtomicBool,
    progress: &'a mut dyn FnMut(&Progress),
    steps: u64,
    started: Instant,
    first_step: u64,
    recent: f32,
}

impl Keeper<'_> {
    /// The network as it stands, and its card: the folder is a model that can be used.
    fn write_weights<S: Shape>(&self, state: &Checkpoint<S>) -> Result<(), Error> {
        let weights = state.average();
        let bytes = weights.to_bytes()?;
        let card = ModelCard {
            name: self.name.clone(),
            weights_sha256: weights.hash()?,
            licence: "MIT OR Apache-2.0".to_owned(),
            learnt_weights: weights.count(),
            network: weights.config().clone(),
            trained_on: self.trained_on.clone(),
            recipe_sha256: state.source().to_owned(),
            seed: state.config().seed,
            steps: state.step(),
            batch: state.config().batch,
            final_loss: self.curve.mean_of_last(100),
            working_spacing_px: WORKING_SPACING_PX,
            input_normalisation:
                "(image - mean) / standard deviation, both over the whole image after resampling".to_owned(),
            calibration: ScoreCalibration::default(),
            expected_calibration: None,
            validation: serde_json::Value::Null,
            limits: Vec::new(),
        };
        write_atomically(&self.folder.join("weights.safetensors"), |file| file.write_all(&bytes))?;
        write_card(&card, &self.folder.join(CARD))
    }
}

impl<S: Shape> Observer<S> for Keeper<'_> {
    fn step(&mut self, report: &StepReport) {
        self.curve.add(report);
        self.recent = self.curve.mean_of_last(50);
        let pace = self.started.elapsed().as_secs_f64() / (report.step - self.first_step).max(1) as f64;
        (self.progress)(&Progress {
            step: report.step,
            steps: self.steps,
            loss: self.recent,
            rate: report.rate,
            seconds_left: pace * (self.steps - report.step) as f64,
        });
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint<S>) -> Result<(), NetworkError> {
        let path = self.folder.join(CHECKPOINT);
        let lost = |path: &Path, e: &dyn std::fmt::Display| NetworkError::Io {
            path: path.to_owned(),
            source: std::io::Error::other(e.to_string()),
        };
        // The curve first: on resuming, rows beyond the checkpoint are dropped.
        let curve = self.folder.join(CURVE);
        write_atomically(&curve, |file| file.write_all(self.curve.csv().as_bytes()))
            .map_err(|e| lost(&curve, &e))?;
        let bytes = checkpoint.to_bytes()?;
        write_atomically(&path, |file| file.write_all(&bytes)).map_err(|e| lost(&path, &e))?;
        self.write_weights(checkpoint).map_err(|e| lost(&self.folder, &e))?;
        let plot = self.folder.join("curve.png");
        write_png_rgb8(&plot, &loss_curves(&self.curve.series())).map_err(|e| lost(&plot, &e))
    }

    fn stop(&mut self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
