use crate::batch::{Batch, Prefetch, Source};
use crate::optimiser::{MOMENTUM, Optimiser, renewal, update_statistics};
use crate::shape::{Learner, Losses};
use crate::weights::numbers;
use crate::{Arrays, Checkpoint, NetworkConfig, NetworkError, TrainConfig, TrainingSample, Unet, Weights};
use burn::tensor::Device;

/// What happened in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The step, counted from one.
    pub step: u64,
    /// The loss, a mean over its parts.
    pub loss: f32,
    /// Its parts: the loss of each task, or of each part of a detector.
    pub task_losses: Vec<f32>,
    /// Learning rate.
    pub rate: f64,
    /// Norm of the gradient before it was limited.
    pub gradient_norm: f64,
}

/// Follows a training.
pub trait Observer<S = NetworkConfig> {
    /// A step was done.
    fn step(&mut self, report: &StepReport);

    /// A checkpoint is due.
    ///
    /// # Errors
    /// When it can't be kept: training ends.
    fn checkpoint(&mut self, checkpoint: &Checkpoint<S>) -> Result<(), NetworkError>;

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
pub struct Trainer<S = NetworkConfig> {
    state: Checkpoint<S>,
    device: Device,
}

impl<S: Learner> Trainer<S> {
    /// A fresh training; `source` identifies the samples in checkpoints.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub fn new(config: TrainConfig<S>, source: String, device: &Device) -> Result<Self, NetworkError> {
        config.check()?;
        let weights = Weights::new(config.network.clone(), config.seed)?;
        Self::from_weights(config, weights, source, device)
    }

    /// A training that starts from given weights.
    ///
    /// # Errors
    /// When the configuration can't be used or is that of another network.
    pub fn from_weights(
        config: TrainConfig<S>,
        weights: Weights<S>,
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
    pub fn resume(state: Checkpoint<S>, device: &Device) -> Self {
        Self { state, device: device.clone().autodiff() }
    }

    /// Where training stands.
    pub fn state(&self) -> &Checkpoint<S> {
        &self.state
    }

    /// Trains until the schedule's last step.
    ///
    /// # Errors
    /// When a sample can't be made, a checkpoint can't be kept, or the loss stops being a number.
    pub fn run(
        &mut self,
        source: &dyn Source<S::Sample>,
        observer: &mut dyn Observer<S>,
    ) -> Result<Outcome, NetworkError> {
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

    fn step(&mut self, samples: &[S::Sample], kept: u64) -> Result<StepReport, NetworkError> {
        let state = &mut self.state;
        let config = &state.config;
        let leaves = Arrays::for_training(&state.weights, config.fixed_statistics, &self.device);
        let Losses { parts, arrays, statistics } =
            S::losses(config, state.step, leaves, samples, &self.device)?;
        let task_losses = numbers(parts.clone().inner())?;
        let loss = task_losses.iter().sum::<f32>() / task_losses.len() as f32;
        if !loss.is_finite() {
            return Err(NetworkError::Diverged { step: state.step + 1, loss, checkpoint: kept });
        }
        let gradients = arrays.gather(&parts.mean().backward())?;
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
