use adatom_library::LibraryError;
use std::path::PathBuf;
use thiserror::Error;

/// What keeps a network from being loaded, run or trained.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// A file that can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A weights or checkpoint file whose content is not what it should be.
    #[error("{origin}: {message}")]
    Weights {
        /// The file, or the built-in weights.
        origin: String,
        /// What was found and what would be right.
        message: String,
    },
    /// A setting that can't be used.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The loss or a weight is no longer a number.
    #[error(
        "the loss became {loss} at step {step}; the checkpoint of step {checkpoint} is the last good one: \
         resume from it with a lower learning rate"
    )]
    Diverged {
        /// Step at which it happened.
        step: u64,
        /// The loss.
        loss: f32,
        /// Step of the last checkpoint that was written.
        checkpoint: u64,
    },
    /// A training sample that can't be made.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The device that was asked for is not there.
    #[error("no {wanted} device: {reason}")]
    Device {
        /// What was asked for.
        wanted: &'static str,
        /// Why there is none.
        reason: String,
    },
    /// The caller asked it to stop.
    #[error("stopped")]
    Stopped,
    /// A tensor operation failed.
    #[error("the network could not be run: {0}")]
    Compute(String),
}
