//! The U-Net that restores images and maps columns, and the Faster R-CNN that it is compared with:
//! their weights, their training on samples made on the fly, and their tiled inference.
//!
//! What is kept is [`Weights`], a list of named arrays stored as safetensors; [`Unet`] and [`Detector`]
//! are their executable forms on a device. Nothing here prints: training reports through [`Observer`].

mod arrays;
mod batch;
mod checkpoint;
mod config;
mod detector;
mod device;
mod error;
mod infer;
mod normalise;
mod onnx;
mod optimiser;
mod shape;
mod train;
mod unet;
mod weights;

pub use arrays::Arrays;
pub use batch::{Batch, OnTheFly, Source, TrainingSample, prepare, weigh};
pub use checkpoint::Checkpoint;
pub use config::{Loss, NetworkConfig, Schedule, Task, TrainConfig};
pub use detector::{Detection, DetectionSample, Detections, Detector, DetectorConfig};
pub use device::DeviceChoice;
pub use error::NetworkError;
pub use infer::{Inference, Maps};
pub use normalise::Normalisation;
pub use shape::{Learner, Losses, Shape};
pub use train::{Observer, Outcome, StepReport, Trainer, validation_loss};
pub use unet::Unet;
pub use weights::{ModelCard, Parameter, ScoreCalibration, Weights};
