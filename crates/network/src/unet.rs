use crate::arrays::trunk_arrays;
use crate::batch::Batch;
use crate::shape::{Learner, Losses, Shape};
use crate::{Arrays, NetworkConfig, NetworkError, Task, TrainConfig, TrainingSample, Weights};
use adatom_convolution::conv2d_same;
use burn::tensor::{Device, Tensor};

/// A network on a device: two 3×3 convolutions with batch norm and rectifier a level, 2×2 max
/// pooling on the way down, up-convolutions on the way up, skip connections by concatenation, and
/// a 1×1 convolution with one output a task.
pub struct Unet {
    config: NetworkConfig,
    arrays: Arrays,
}

/// Batch statistics measured by a training pass: (name of the block, mean, variance).
pub type Statistics = Vec<(String, Tensor<1>, Tensor<1>)>;

impl Unet {
    /// For inference: batch norms folded into the convolutions.
    pub fn for_inference(weights: &Weights, device: &Device) -> Self {
        Self { config: weights.config().clone(), arrays: Arrays::for_inference(weights, device) }
    }

    /// For training: every learnt array is a leaf that gathers gradients.
    pub fn for_training(weights: &Weights, device: &Device) -> Self {
        Self { config: weights.config().clone(), arrays: Arrays::for_training(weights, false, device) }
    }

    /// `[batch, 1, height, width]` to `[batch, tasks, height, width]`; sides must be multiples of
    /// the network's stride. Statistics are empty at inference.
    ///
    /// # Errors
    /// When the sides are no such multiples.
    pub fn forward(&self, input: Tensor<4>) -> Result<(Tensor<4>, Statistics), NetworkError> {
        let mut statistics = Vec::new();
        let x = self.arrays.trunk(self.config.widths.len(), 0, input, &mut statistics)?;
        let output = conv2d_same(x, self.arrays.kernel("head"), Some(self.arrays.bias("head")));
        Ok((output, statistics))
    }
}

impl Shape for NetworkConfig {
    const NAME: &'static str = "unet";
    const WEIGHTS_KEY: &'static str = "adatom.network";
    const CHECKPOINT_KEY: &'static str = "adatom.checkpoint";

    fn check(&self) -> Result<(), NetworkError> {
        NetworkConfig::check(self)
    }

    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let mut arrays = trunk_arrays(&self.widths, 0);
        arrays.push(("head.weight".to_owned(), vec![self.tasks.len(), self.widths[0], 1, 1]));
        arrays.push(("head.bias".to_owned(), vec![self.tasks.len()]));
        arrays
    }

    fn stride(&self) -> usize {
        NetworkConfig::stride(self)
    }
}

impl Learner for NetworkConfig {
    type Sample = TrainingSample;

    fn parts(&self) -> Vec<&'static str> {
        self.tasks.iter().map(|task| Task::name(*task)).collect()
    }

    fn losses(
        config: &TrainConfig,
        _step: u64,
        arrays: Arrays,
        samples: &[TrainingSample],
        device: &Device,
    ) -> Result<Losses, NetworkError> {
        let tasks = config.network.tasks.len();
        let batch = Batch::new(samples, tasks, device)?;
        let network = Unet { config: config.network.clone(), arrays };
        let (output, statistics) = network.forward(batch.input)?;
        let [size, _, height, width] = output.dims();
        let error = output - batch.targets;
        let weighted = error.clone() * error * batch.weights;
        let by_task = weighted.reshape([size, tasks, height * width]).mean_dim(2).mean_dim(0);
        Ok(Losses { parts: by_task.reshape([tasks]), arrays: network.arrays, statistics })
    }
}
