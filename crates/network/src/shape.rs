use crate::unet::Statistics;
use crate::{Arrays, NetworkError, TrainConfig};
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The shape of a network, from which follow the names and sizes of its arrays.
pub trait Shape: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// What such a network is called.
    const NAME: &'static str;
    /// Key of the safetensors header under which weights keep the shape.
    const WEIGHTS_KEY: &'static str;
    /// Key of the safetensors header under which a checkpoint keeps its state.
    const CHECKPOINT_KEY: &'static str;

    /// Checks the shape.
    ///
    /// # Errors
    /// When it makes no network.
    fn check(&self) -> Result<(), NetworkError>;

    /// Names and sizes of the arrays. A name's last part is its role: `weight`, `bias`, and
    /// `gamma`, `beta`, `running_mean` and `running_var` of a batch norm.
    fn arrays(&self) -> Vec<(String, Vec<usize>)>;

    /// Sides of an input must be a multiple of this.
    fn stride(&self) -> usize;
}

/// A network that can be trained.
pub trait Learner: Shape {
    /// What is learnt from.
    type Sample: Send;

    /// Names of the parts of the loss.
    fn parts(&self) -> Vec<&'static str>;

    /// The loss of step `step` on some samples.
    ///
    /// # Errors
    /// When the samples don't fit the network or each other, or it can't be run.
    fn losses(
        config: &TrainConfig<Self>,
        step: u64,
        arrays: Arrays,
        samples: &[Self::Sample],
        device: &Device,
    ) -> Result<Losses, NetworkError>;
}

/// A loss that can be differentiated.
pub struct Losses {
    /// Its parts; their mean is minimised.
    pub parts: Tensor<1>,
    /// The leaves, by which gradients are asked for.
    pub arrays: Arrays,
    /// Statistics of the batch norms.
    pub statistics: Statistics,
}
