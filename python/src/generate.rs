//! Samples of recipes.

use crate::errors::{exception, failed, wrong};
use crate::model::task;
use crate::run::{PATIENCE, run};
use adatom::{Error, SampleStream};
use adatom_library::{FullSample, LibraryError, Recipe, Sample};
use adatom_network::{Loss, Task, prepare};
use ndarray::{Array1, Array2, Array4};
use numpy::{IntoPyArray, PyArray4};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Most samples of a batch.
const MOST: usize = 4096;

/// A recipe by its name or path, or from the JSON text of its resolved form.
pub fn recipe(text: &str) -> PyResult<Recipe> {
    if !text.trim_start().starts_with('{') {
        return Recipe::open(text).map_err(exception);
    }
    let recipe: Recipe = serde_json::from_str(text).map_err(|error| wrong(format!("recipe: {error}")))?;
    recipe.checked("recipe").map_err(exception)
}

/// A recipe, ready to make samples.
#[pyclass(frozen, module = "adatom._adatom")]
pub struct Generator {
    generator: Arc<adatom_library::Generator>,
}

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, recipe: &str, seed: u64) -> PyResult<Self> {
        let recipe = self::recipe(recipe)?;
        let generator = py.detach(|| adatom_library::Generator::new(recipe, seed)).map_err(exception)?;
        Ok(Self { generator: Arc::new(generator) })
    }

    /// The resolved recipe as JSON.
    fn recipe(&self) -> String {
        serde_json::to_string(self.generator.recipe()).unwrap_or_default()
    }

    /// A hash that with the seed decides every sample.
    fn identity(&self) -> &str {
        self.generator.identity()
    }

    /// What the multislice simulations that samples need will cost, as JSON.
    fn plan(&self) -> String {
        let plans = self.generator.simulations().map(|simulation| {
            let plan = simulation.plan();
            json!({
                "simulation": simulation.title(),
                "seconds": plan.seconds,
                "memory_bytes": plan.memory_bytes,
                "strain": simulation.strain(),
            })
        });
        json!(plans.collect::<Vec<_>>()).to_string()
    }

    /// Runs the multislice simulations that samples need and that haven't run.
    #[pyo3(signature = (progress))]
    fn simulate(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        run(py, progress, |caller| {
            let count = self.generator.simulations().len() as f64;
            for (number, simulation) in self.generator.simulations().enumerate() {
                let units = simulation.units() as f64;
                let mut done = 0.0;
                simulation
                    .run(Vec::new(), &mut |_| {
                        done += 1.0;
                        caller.part((number as f64 + done / units) / count);
                        !caller.stopped()
                    })
                    .map_err(Error::from)
                    .map_err(|error| if caller.stopped() { Error::Stopped } else { error })?;
            }
            Ok(())
        })
    }

    /// A sample: its images by name, its columns by name, and the rest as JSON.
    fn sample<'py>(
        &self,
        py: Python<'py>,
        index: u64,
    ) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>, String)> {
        let full = run(py, None, |_| Ok(self.generator.full_sample(index)?))?;
        of_sample(py, full)
    }
}

fn of_sample(py: Python<'_>, full: FullSample) -> PyResult<(Bound<'_, PyDict>, Bound<'_, PyDict>, String)> {
    let sample = full.sample;
    let rest = json!({
        "index": sample.index,
        "pixel_angstrom": [sample.grid.pixel_x_angstrom, sample.grid.pixel_y_angstrom],
        "radius_px": sample.radius_px,
        "small_radius_px": full.small_radius_px,
        "psnr_db": sample.psnr_db,
        "settings": sample.settings,
        "species": species(&full.species),
        "ignored": sample.ignored,
        "ignored_species": species(&full.ignored_species),
    });
    let columns = PyDict::new(py);
    let column = |of: fn(&adatom_library::TruthColumn) -> f64| {
        sample.columns.iter().map(of).collect::<Array1<f64>>().into_pyarray(py)
    };
    columns.set_item("x_px", column(|c| c.x))?;
    columns.set_item("y_px", column(|c| c.y))?;
    columns.set_item("intensity", column(|c| c.intensity))?;
    columns.set_item("atoms", column(|c| c.atoms))?;
    let labels = sample.labels;
    let images = PyDict::new(py);
    let named: [(&str, Array2<f32>); 9] = [
        ("image", sample.image),
        (Task::CircularMask.name(), labels.circular_mask),
        (Task::GaussianMask.name(), labels.gaussian_mask),
        (Task::NoNoise.name(), labels.no_noise),
        (Task::NoBackgroundNoNoise.name(), labels.no_background_no_noise),
        (Task::Superresolution.name(), labels.superresolution),
        ("smallcircularMask", full.small_circular_mask),
        ("noNoiseUpinterpolation2x", full.no_noise_2x),
        ("noNoiseNoBackgroundUpinterpolation2x", full.no_background_no_noise_2x),
    ];
    for (name, image) in named {
        images.set_item(name, image.into_pyarray(py))?;
    }
    Ok((images, columns, rest.to_string()))
}

fn species(columns: &[Vec<(adatom_library::Element, f64)>]) -> serde_json::Value {
    let atoms = |column: &Vec<(adatom_library::Element, f64)>| -> serde_json::Map<String, serde_json::Value> {
        column.iter().map(|(element, atoms)| (element.symbol().to_owned(), json!(atoms))).collect()
    };
    columns.iter().map(atoms).collect::<Vec<_>>().into()
}

/// Endless batches of a recipe's samples.
#[pyclass(frozen, module = "adatom._adatom")]
pub struct Stream {
    /// Where its threads are: a forked child has none of its parent's.
    process: u32,
    stream: Arc<Mutex<SampleStream>>,
    /// A batch that was asked for when Ctrl-C ended the wait: the next one to give.
    waiting: Mutex<Option<Receiver<Made>>>,
    tasks: Vec<Task>,
    normalised: bool,
}

type Made = Result<Option<Vec<Sample>>, LibraryError>;

type Batch<'py> =
    (Bound<'py, PyArray4<f32>>, Bound<'py, PyArray4<f32>>, Option<Bound<'py, PyArray4<f32>>>, String);

#[pymethods]
impl Stream {
    #[new]
    fn new(
        generator: &Generator,
        first: u64,
        batch: usize,
        workers: usize,
        tasks: Vec<String>,
        normalised: bool,
    ) -> PyResult<Self> {
        if !(1..=MOST).contains(&batch) {
            return Err(wrong(format!("batch is {batch}; it must be 1 to {MOST}")));
        }
        if !(1..=256).contains(&workers) {
            return Err(wrong(format!("workers is {workers}; it must be 1 to 256")));
        }
        let tasks = tasks.iter().map(|name| task(name)).collect::<PyResult<Vec<_>>>()?;
        if tasks.is_empty() {
            return Err(wrong("labels is empty; it must name at least one"));
        }
        let stream = Arc::new(Mutex::new(SampleStream::new(&generator.generator, first, batch, workers)));
        Ok(Self { process: std::process::id(), stream, waiting: Mutex::new(None), tasks, normalised })
    }

    /// The next batch: images `[batch, 1, height, width]`, labels `[batch, label, height, width]`, with `normalised`
    /// the weights of the labels' errors, and what is known of the samples as JSON.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Batch<'py>> {
        if self.process != std::process::id() {
            let message =
                "the stream was made in another process, and its threads are there; make one in each worker";
            return Err(failed(message));
        }
        let (images, labels, weights, known) = py.detach(|| {
            let samples = self.wait()?.map_err(exception)?;
            self.stack(&samples.ok_or_else(|| failed("a thread that makes samples has died"))?)
        })?;
        let weights = weights.map(|weights| weights.into_pyarray(py));
        Ok((images.into_pyarray(py), labels.into_pyarray(py), weights, known))
    }
}

type Stacked = (Array4<f32>, Array4<f32>, Option<Array4<f32>>, String);

impl Stream {
    /// The next batch, or the exception of a signal such as Ctrl-C.
    fn wait(&self) -> PyResult<Made> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let made = waiting.take().unwrap_or_else(|| self.ask());
        loop {
            match made.recv_timeout(PATIENCE) {
                Ok(made) => return Ok(made),
                Err(RecvTimeoutError::Disconnected) => return Ok(Ok(None)),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(signal) = Python::attach(|py| py.check_signals()) {
                        *waiting = Some(made);
                        return Err(signal);
                    }
                }
            }
        }
    }

    fn ask(&self) -> Receiver<Made> {
        let (sender, receiver) = channel();
        let stream = Arc::clone(&self.stream);
        thread::spawn(move || {
            // Nobody hears it once the stream is gone.
            let _ = sender.send(stream.lock().unwrap_or_else(PoisonError::into_inner).next_batch());
        });
        receiver
    }

    fn stack(&self, samples: &[Sample]) -> PyResult<Stacked> {
        let [height, width] = [samples[0].grid.height, samples[0].grid.width];
        let (mut images, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for sample in samples {
            if self.normalised {
                let mut prepared = prepare(sample, &self.tasks, Loss::default());
                images.append(&mut prepared.input);
                labels.append(&mut prepared.targets);
                weights.append(&mut prepared.weights);
            } else {
                images.extend(&sample.image);
                self.tasks.iter().for_each(|task| labels.extend(task.label(sample)));
            }
        }
        let known: Vec<_> = samples
            .iter()
            .map(|s| {
                json!({
                    "index": s.index,
                    "pixel_angstrom": s.grid.pixel_x_angstrom,
                    "psnr_db": s.psnr_db,
                    "settings": s.settings,
                    "columns": s.columns,
                })
            })
            .collect();
        let shaped = |channels: usize, values: Vec<f32>| {
            Array4::from_shape_vec((samples.len(), channels, height, width), values)
                .map_err(|error| failed(error.to_string()))
        };
        let weights = self.normalised.then(|| shaped(self.tasks.len(), weights)).transpose()?;
        Ok((shaped(1, images)?, shaped(self.tasks.len(), labels)?, weights, json!(known).to_string()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // Locks in it may be held by threads that this process lacks.
            std::mem::forget(Arc::clone(&self.stream));
            std::mem::forget(self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
