use crate::{Loss, NetworkError, Normalisation, Task};
use adatom_library::{Generator, Sample};
use burn::tensor::{Device, Tensor, TensorData};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Weight in the masks' losses of a pixel on a column that is seen and yet has no label (oxygen
/// beside cations): the network is nearly free there.
const UNLABELLED_WEIGHT: f32 = 0.1;

/// One sample in the network's units.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSample {
    /// Rows and columns.
    pub size: [usize; 2],
    /// The normalised image.
    pub input: Vec<f32>,
    /// The normalised labels, one task after the other.
    pub targets: Vec<f32>,
    /// Weight of each squared error, such that their mean is the loss.
    pub weights: Vec<f32>,
}

/// Where training samples come from: sample `index` must always be the same.
pub trait Source<T = TrainingSample>: Sync {
    /// Makes or reads sample `index`.
    ///
    /// # Errors
    /// When it can't be made or read.
    fn sample(&self, index: u64) -> Result<T, NetworkError>;
}

/// Samples rendered on the fly.
pub struct OnTheFly<'a> {
    /// Renders them.
    pub generator: &'a Generator,
    /// Which labels are wanted.
    pub tasks: &'a [Task],
    /// What is minimised.
    pub loss: Loss,
}

impl Source for OnTheFly<'_> {
    fn sample(&self, index: u64) -> Result<TrainingSample, NetworkError> {
        Ok(prepare(&self.generator.sample(index)?, self.tasks, self.loss))
    }
}

/// Normalises a sample and weighs its errors.
pub fn prepare(sample: &Sample, tasks: &[Task], loss: Loss) -> TrainingSample {
    let normalisation = Normalisation::of(&sample.image);
    let mut targets = Vec::with_capacity(tasks.len() * sample.image.len());
    let mut weights = Vec::with_capacity(targets.capacity());
    for &task in tasks {
        let label = task.label(sample);
        let first = targets.len();
        targets.extend(label.iter().map(|v| normalisation.target(task, *v)));
        weigh(task, &targets[first..], loss, &mut weights);
        if task.is_mask() {
            spare_unlabelled(sample, &mut weights[first..]);
        }
    }
    TrainingSample {
        size: [sample.grid.height, sample.grid.width],
        input: sample.image.iter().map(|v| normalisation.input(*v)).collect(),
        targets,
        weights,
    }
}

/// Smallest range of a label in the network's unit that is scaled up to one: a signal that
/// drowns in its background and noise should not outweigh all others.
const LEAST_RANGE: f32 = 1.0;

/// Weight of the masks' squared errors beside the images' chi-square.
const MASKS: f32 = 4.0;

/// The weights that turn squared errors against `target` into the task's part of the loss: with t
/// the truth and R its largest value, 1/((t + R/10) R) for the modified chi-square, 1/R² for the mean squared error.
/// Mixed, the masks' squared errors count [`MASKS`] times.
/// Normalisation shifts the noisy image's zero, so its truth counts from its smallest value.
pub fn weigh(task: Task, target: &[f32], loss: Loss, weights: &mut Vec<f32>) {
    let (low, high) = target.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let zero = if task == Task::NoNoise { low } else { 0.0 };
    let range = (high - zero).max(LEAST_RANGE);
    let chi_square = |t: f32| 1.0 / (((t - zero).max(0.0) + 0.1 * range) * range);
    let squared = 1.0 / (range * range);
    weights.extend(target.iter().map(|t| {
        task.loss_weight()
            * match loss {
                Loss::Mse => squared,
                Loss::Mixed if task.is_mask() => MASKS * squared,
                Loss::ChiSquare | Loss::Mixed => chi_square(*t),
            }
    }));
}

/// Lowers the weights within 0.7 column radii of columns that are bright enough to be seen
/// but have no label.
fn spare_unlabelled(sample: &Sample, weights: &mut [f32]) {
    const SEEN: f64 = 0.08;
    let (height, width) = (sample.grid.height as isize, sample.grid.width as isize);
    let radius = 0.7 * sample.radius_px;
    let reach = radius.ceil() as isize;
    for column in sample.ignored.iter().filter(|c| c.contrast >= SEEN) {
        let (x, y) = (column.x.round() as isize, column.y.round() as isize);
        for row in (y - reach).max(0)..=(y + reach).min(height - 1) {
            for col in (x - reach).max(0)..=(x + reach).min(width - 1) {
                if (col as f64 - column.x).hypot(row as f64 - column.y) <= radius {
                    weights[(row * width + col) as usize] *= UNLABELLED_WEIGHT;
                }
            }
        }
    }
}

/// Several samples on a device.
pub struct Batch {
    /// `[batch, 1, height, width]`.
    pub input: Tensor<4>,
    /// `[batch, tasks, height, width]`.
    pub targets: Tensor<4>,
    /// As the targets.
    pub weights: Tensor<4>,
}

impl Batch {
    /// Stacks samples of one size.
    ///
    /// # Errors
    /// When there are none or their sizes differ.
    pub fn new(samples: &[TrainingSample], tasks: usize, device: &Device) -> Result<Self, NetworkError> {
        let [height, width] = common_size(samples.iter().map(|s| s.size))?;
        let stack = |channels: usize, of: fn(&TrainingSample) -> &[f32]| {
            let values: Vec<f32> = samples.iter().flat_map(|s| of(s).iter().copied()).collect();
            Tensor::<4>::from_data(TensorData::new(values, [samples.len(), channels, height, width]), device)
        };
        Ok(Self {
            input: stack(1, |s| &s.input),
            targets: stack(tasks, |s| &s.targets),
            weights: stack(tasks, |s| &s.weights),
        })
    }
}

/// The size that all samples have.
///
/// # Errors
/// When there are none or their sizes differ.
pub(crate) fn common_size(
    mut sizes: impl ExactSizeIterator<Item = [usize; 2]>,
) -> Result<[usize; 2], NetworkError> {
    let count = sizes.len();
    let first = sizes.next();
    first.filter(|first| sizes.all(|size| size == *first)).ok_or_else(|| NetworkError::Setting {
        name: "batch",
        value: format!("{count} samples of different sizes"),
        expected: "at least one sample, all of one size",
    })
}

/// What a worker hands over: the samples of one step.
type StepSamples<T> = Result<Vec<T>, NetworkError>;

/// Makes the samples of consecutive steps on worker threads, a few steps ahead. Worker w of n
/// makes the steps w, w + n, …, so that their order is fixed.
pub(crate) struct Prefetch<T> {
    lanes: Vec<Receiver<StepSamples<T>>>,
    next: usize,
}

impl<T: Send> Prefetch<T> {
    /// Starts `workers` threads in `scope` for the steps from `first` on.
    pub(crate) fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        source: &'env dyn Source<T>,
        first: u64,
        batch: usize,
        workers: usize,
    ) -> Self
    where
        T: 'scope,
    {
        let lanes = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(1);
                scope.spawn(move || {
                    let mut step = first + worker as u64;
                    loop {
                        let make =
                            || (0..batch as u64).map(|i| source.sample(step * batch as u64 + i)).collect();
                        let samples = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| {
                            Err(NetworkError::Compute(format!(
                                "a sample of step {} could not be made",
                                step + 1
                            )))
                        });
                        // The receiver is gone when training has ended.
                        if sender.send(samples).is_err() {
                            return;
                        }
                        step += workers as u64;
                    }
                });
                receiver
            })
            .collect();
        Self { lanes, next: 0 }
    }

    /// The samples of the next step.
    pub(crate) fn next(&mut self) -> StepSamples<T> {
        let lane = &self.lanes[self.next];
        self.next = (self.next + 1) % self.lanes.len();
        lane.recv().unwrap_or_else(|_| Err(NetworkError::Compute("a sample worker has died".to_owned())))
    }
}
