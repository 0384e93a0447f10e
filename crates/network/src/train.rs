use crate::batch::{Batch, Prefetch, Source};
use crate::optimiser::{MOMENTUM, Optimiser, renewal, update_statistics};
use crate::{Checkpoint, NetworkError, TrainConfig, TrainingSample, Unet, Weights};
use burn::tensor::{Device, Gradients, Tensor};
use std::collections::BTreeMap;

/// What happened in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The step, counted from one.
    pub step: u64,
    /// The loss, a mean over tasks.
    pub loss: f32,
    /// The loss of each task, in the network's order.
    pub task_losses: Vec<f32>,
    /// Learning rate.
    pub rate: f64,
    /// Norm of the gradient before it was limited.
    pub gradient_norm: f64,
}

/// Follows a training.
pub trait Observer {
    /// A step was done.
    fn step(&mut self, report: &StepReport);

    /// A checkpoint is due.
    ///
    /// # Errors
    /// When it can't be kept: training ends.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), NetworkError>;

    /// Whether to stop after a last checkpoint.
    fn stop(&mut self) -> bool {
        false
    }
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// The observer asked to stop.
    Stopped,
}

/// Trains a network.
pub struct Trainer {
    state: Checkpoint,
    device: Device,
}

impl Trainer {
    /// A fresh training; `source` identifies the samples in checkpoints.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub fn new(config: TrainConfig, source: String, device: &Device) -> Result<Self, NetworkError> {
        config.check()?;
        let weights = Weights::new(config.network.clone(), config.seed)?;
        Self::from_weights(config, weights, source, device)
    }

    /// A training that starts from given weights.
    ///
    /// # Errors
    /// When the configuration can't be used or is that of another network.
    pub fn from_weights(
        config: TrainConfig,
        weights: Weights,
        source: String,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        config.check()?;
        if *weights.config() != config.network {
            return Err(NetworkError::Setting {
                name: "network of the initial weights",
                value: format!("{:?}", weights.config()),
                expected: "the network to be trained (same widths and tasks)",
            });
        }
        let average = weights.clone();
        let state = Checkpoint { config, source, step: 0, weights, average, optimiser: Optimiser::default() };
        Ok(Self::resume(state, device))
    }

    /// Goes on from a checkpoint.
    pub fn resume(state: Checkpoint, device: &Device) -> Self {
        Self { state, device: device.clone().autodiff() }
    }

    /// Where training stands.
    pub fn state(&self) -> &Checkpoint {
        &self.state
    }

    /// Trains until the schedule's last step.
    ///
    /// # Errors
    /// When a sample can't be made, a checkpoint can't be kept, or the loss stops being a number.
    pub fn run(&mut self, source: &dyn Source, observer: &mut dyn Observer) -> Result<Outcome, NetworkError> {
        let config = self.state.config.clone();
        let mut kept = self.state.step;
        if self.state.step == 0 {
            observer.checkpoint(&self.state)?;
        }
        std::thread::scope(|scope| {
            let mut samples = Prefetch::start(scope, source, self.state.step, config.batch, config.workers);
            while self.state.step < config.schedule.total_steps {
                let report = self.step(&samples.next()?, kept)?;
                observer.step(&report);
                let stop = observer.stop();
                let step = self.state.step;
                if stop || step == config.schedule.total_steps || step.is_multiple_of(config.checkpoint_steps)
                {
                    observer.checkpoint(&self.state)?;
                    kept = step;
                }
                if stop && step < config.schedule.total_steps {
                    return Ok(Outcome::Stopped);
                }
            }
            Ok(Outcome::Finished)
        })
    }

    fn step(&mut self, samples: &[TrainingSample], kept: u64) -> Result<StepReport, NetworkError> {
        let state = &mut self.state;
        let config = &state.config;
        let tasks = config.network.tasks.len();
        let batch = Batch::new(samples, tasks, &self.device)?;
        let network = Unet::for_training(&state.weights, &self.device);
        let (output, statistics) = network.forward(batch.input)?;
        let [size, _, height, width] = output.dims();
        let error = output - batch.targets;
        let weighted = error.clone() * error * batch.weights;
        let by_task = weighted.reshape([size, tasks, height * width]).mean_dim(2).mean_dim(0);
        let task_losses = numbers(by_task.clone().inner().reshape([tasks]))?;
        let loss = task_losses.iter().sum::<f32>() / tasks as f32;
        if !loss.is_finite() {
            return Err(NetworkError::Diverged { step: state.step + 1, loss, checkpoint: kept });
        }
        let gradients = gather(&network, &by_task.mean().backward())?;
        let gradient_norm =
            state.optimiser.step(&mut state.weights, &mut state.average, &gradients, state.step, config);
        for (name, mean, variance) in statistics {
            let (mean, variance) = (numbers(mean.inner())?, numbers(variance.inner())?);
            update_statistics(&mut state.weights, &name, &mean, &variance, MOMENTUM);
            update_statistics(&mut state.average, &name, &mean, &variance, renewal(state.step, config));
        }
        if !(gradient_norm.is_finite() && state.weights.is_finite()) {
            return Err(NetworkError::Diverged { step: state.step + 1, loss: f32::NAN, checkpoint: kept });
        }
        let rate = config.schedule.rate(state.step);
        state.step += 1;
        Ok(StepReport { step: state.step, loss, task_losses, rate, gradient_norm })
    }
}

/// Mean loss of `weights` over samples, one at a time, as the network is used: with its running
/// statistics.
///
/// # Errors
/// When there are no samples or the network can't be run.
pub fn validation_loss(
    weights: &Weights,
    samples: &[TrainingSample],
    device: &Device,
) -> Result<f32, NetworkError> {
    let network = Unet::for_inference(weights, device);
    let tasks = weights.config().tasks.len();
    let mut total = 0.0;
    for sample in samples {
        let batch = Batch::new(std::slice::from_ref(sample), tasks, device)?;
        let error = network.forward(batch.input)?.0 - batch.targets;
        total += numbers((error.clone() * error * batch.weights).mean().reshape([1]))?[0];
    }
    Ok(total / samples.len().max(1) as f32)
}

fn numbers(tensor: Tensor<1>) -> Result<Vec<f32>, NetworkError> {
    tensor.into_data().try_to_vec::<f32>().map_err(|e| NetworkError::Compute(format!("{e:?}")))
}

/// The gradient of every leaf.
fn gather(network: &Unet, gradients: &Gradients) -> Result<BTreeMap<String, Vec<f32>>, NetworkError> {
    let (vectors, kernels) = network.leaves();
    let missing = |name: &str| NetworkError::Compute(format!("no gradient for {name}"));
    let mut all = BTreeMap::new();
    for (name, leaf) in vectors {
        let gradient = leaf.grad(gradients).ok_or_else(|| missing(name))?;
        all.insert(name.clone(), numbers(gradient)?);
    }
    for (name, leaf) in kernels {
        let gradient = leaf.grad(gradients).ok_or_else(|| missing(name))?;
        let count = gradient.shape().num_elements();
        all.insert(name.clone(), numbers(gradient.reshape([count]))?);
    }
    Ok(all)
}
