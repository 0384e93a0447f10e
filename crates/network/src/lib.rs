//! The U-Net that restores images and maps columns: its weights, its training on samples made on
//! the fly, and its tiled inference.
//!
//! What is kept is [`Weights`], a list of named arrays stored as safetensors; [`Unet`] is their
//! executable form on a device. Nothing here prints: training reports through [`Observer`].

mod batch;
mod checkpoint;
mod config;
mod device;
mod error;
mod infer;
mod normalise;
mod optimiser;
mod train;
mod unet;
mod weights;

pub use batch::{Batch, OnTheFly, Source, TrainingSample, prepare, weigh};
pub use checkpoint::Checkpoint;
pub use config::{Loss, NetworkConfig, Schedule, Task, TrainConfig};
pub use device::DeviceChoice;
pub use error::NetworkError;
pub use infer::{Inference, Maps};
pub use normalise::Normalisation;
pub use train::{Observer, Outcome, StepReport, Trainer, validation_loss};
pub use unet::Unet;
pub use weights::{ModelCard, Parameter, ScoreCalibration, Weights};
