use crate::folder::LibraryFolder;
use crate::plot::{Series, loss_curves};
use crate::{Error, Model, WORKING_SPACING_PX, write_card};
use adatom_formats::{write_atomically, write_png_rgb8};
use adatom_library::Generator;
use adatom_network::{
    Checkpoint, DeviceChoice, ModelCard, NetworkError, Observer, OnTheFly, Outcome, ScoreCalibration,
    StepReport, TrainConfig, Trainer, validation_loss,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const CHECKPOINT: &str = "checkpoint.safetensors";
const CURVE: &str = "curve.csv";
/// Points of a plotted curve at most; more are averaged.
const PLOT_POINTS: usize = 400;
/// Samples of the held-back part of a library that are tested after training.
const TEST_SAMPLES: usize = 64;

/// Where samples come from.
pub enum TrainSource<'a> {
    /// Rendered on the fly.
    Recipe(&'a Generator),
    /// Read from a library on disk, three quarters of it.
    Library(&'a LibraryFolder),
}

/// A training to be run.
pub struct TrainRequest<'a> {
    /// Folder for checkpoints, the curve and the weights.
    pub folder: &'a Path,
    /// Samples.
    pub source: TrainSource<'a>,
    /// Settings of a fresh training; a resumed one keeps its own.
    pub config: TrainConfig,
    /// Go on from the folder's checkpoint.
    pub resume: bool,
    /// Start from this network's weights instead of random ones.
    pub initial: Option<Model>,
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
pub fn checkpoint_seed(folder: &Path) -> Result<u64, Error> {
    let path = folder.join(CHECKPOINT);
    let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
    Ok(Checkpoint::from_bytes(&bytes, &path.display().to_string())?.config().seed)
}

/// Trains a network, keeping a checkpoint, `curve.csv`, `curve.png` and the network so far
/// (`weights.safetensors` and `card.json`) in the folder. `stop` is looked at after every step.
///
/// # Errors
/// When the folder can't be used, the checkpoint belongs to another training, or training fails.
pub fn train(
    request: TrainRequest<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(Outcome, Option<f32>), Error> {
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
            Some(model) => Trainer::from_weights(
                request.config.clone(),
                model.weights().clone(),
                identity.clone(),
                &device,
            )?,
            None => Trainer::new(request.config.clone(), identity.clone(), &device)?,
        }
    };
    let config = trainer.state().config().clone();
    let task_names: Vec<&str> = config.network.tasks.iter().map(|task| task.name()).collect();
    let trained_on = match &request.source {
        TrainSource::Recipe(generator) => format!("recipe {}", generator.recipe().name),
        TrainSource::Library(library) => format!("library {}", library.path().display()),
    };
    let trained_on = match &request.initial {
        Some(model) => {
            let card = model.card();
            format!(
                "{trained_on}; before that {} steps on {} (weights {})",
                card.steps,
                card.trained_on,
                model.sha256()
            )
        }
        None => trained_on,
    };
    let mut keeper = Keeper {
        folder: folder.to_owned(),
        name: request.name.clone(),
        trained_on,
        curve: Curve::open(&folder.join(CURVE), &task_names, trainer.state().step())?,
        stop,
        progress,
        steps: config.schedule.total_steps,
        started: Instant::now(),
        first_step: trainer.state().step(),
        recent: 0.0,
    };
    let outcome = match &request.source {
        TrainSource::Recipe(generator) => {
            let source = OnTheFly { generator, tasks: &config.network.tasks, loss: config.loss };
            trainer.run(&source, &mut keeper)?
        }
        TrainSource::Library(library) => {
            trainer.run(&library.training(&config.network.tasks, config.loss), &mut keeper)?
        }
    };
    let mut test_loss = None;
    if let (Outcome::Finished, TrainSource::Library(library)) = (outcome, &request.source) {
        let samples = library.test(&config.network.tasks, config.loss, TEST_SAMPLES)?;
        test_loss = Some(validation_loss(trainer.state().average(), &samples, &device)?);
    }
    Ok((outcome, test_loss))
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
    fn write_weights(&self, state: &Checkpoint) -> Result<(), Error> {
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
            validation: serde_json::Value::Null,
            limits: Vec::new(),
        };
        write_atomically(&self.folder.join("weights.safetensors"), |file| file.write_all(&bytes))?;
        write_card(&card, &self.folder.join("card.json"))
    }
}

impl Observer for Keeper<'_> {
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

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), NetworkError> {
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

/// The rows of `curve.csv`: step, loss, rate, gradient norm and each task's loss.
struct Curve {
    names: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Curve {
    /// A new curve, or that of a resumed training up to `step`.
    fn open(path: &Path, tasks: &[&str], step: u64) -> Result<Self, Error> {
        let names = ["step", "loss", "rate", "gradient_norm"].into_iter().chain(tasks.iter().copied());
        let mut curve = Self { names: names.map(str::to_owned).collect(), rows: Vec::new() };
        if step == 0 || !path.exists() {
            return Ok(curve);
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        for (number, line) in text.lines().enumerate().skip(1) {
            let row: Result<Vec<f64>, _> = line.split(',').map(str::parse).collect();
            match row {
                Ok(row) if row.len() == curve.names.len() && row[0] <= step as f64 => curve.rows.push(row),
                Ok(row) if row.len() == curve.names.len() => break,
                _ => {
                    let message = format!("line {}: expected {} numbers", number + 1, curve.names.len());
                    return Err(Error::Input { path: path.to_owned(), message });
                }
            }
        }
        Ok(curve)
    }

    fn add(&mut self, report: &StepReport) {
        let mut row = vec![report.step as f64, f64::from(report.loss), report.rate, report.gradient_norm];
        row.extend(report.task_losses.iter().map(|loss| f64::from(*loss)));
        self.rows.push(row);
    }

    fn csv(&self) -> String {
        let mut text = self.names.join(",");
        for row in &self.rows {
            // Writing to a string can't fail; the shortest form that reads back exactly.
            let _ = write!(text, "\n{}", row[0]);
            row[1..].iter().for_each(|value| {
                let _ = write!(text, ",{value:e}");
            });
        }
        text.push('\n');
        text
    }

    fn mean_of_last(&self, count: usize) -> f32 {
        let rows = &self.rows[self.rows.len().saturating_sub(count)..];
        (rows.iter().map(|row| row[1]).sum::<f64>() / rows.len().max(1) as f64) as f32
    }

    /// The losses, averaged over neighbouring steps.
    fn series(&self) -> Vec<Series> {
        let chunk = self.rows.len().div_ceil(PLOT_POINTS).max(1);
        (0..self.names.len())
            .filter(|column| *column == 1 || *column >= 4)
            .map(|column| Series {
                name: self.names[column].clone(),
                points: self
                    .rows
                    .chunks(chunk)
                    .map(|rows| {
                        let mean =
                            |column: usize| rows.iter().map(|r| r[column]).sum::<f64>() / rows.len() as f64;
                        (mean(0), mean(column))
                    })
                    .collect(),
            })
            .collect()
    }
}
