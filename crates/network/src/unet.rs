use crate::weights::Parameter;
use crate::{NetworkConfig, NetworkError, Weights};
use adatom_convolution::{conv2d_double, conv2d_norm_relu, conv2d_relu, conv2d_same, max_pool_2x2};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;

/// Added to variances before their square root.
const EPSILON: f64 = 1e-5;

/// A network on a device: two 3×3 convolutions with batch norm and rectifier a level, 2×2 max
/// pooling on the way down, up-convolutions on the way up, skip connections by concatenation, and
/// a 1×1 convolution with one output a task.
pub struct Unet {
    config: NetworkConfig,
    vectors: BTreeMap<String, Tensor<1>>,
    kernels: BTreeMap<String, Tensor<4>>,
}

/// Batch statistics measured by a training pass: (name of the block, mean, variance).
pub type Statistics = Vec<(String, Tensor<1>, Tensor<1>)>;

impl Unet {
    /// For inference: batch norms folded into the convolutions.
    pub fn for_inference(weights: &Weights, device: &Device) -> Self {
        let mut network =
            Self { config: weights.config().clone(), vectors: BTreeMap::new(), kernels: BTreeMap::new() };
        let parameters = weights.parameters();
        for (name, parameter) in parameters {
            let Some(block) = name.strip_suffix(".weight") else {
                if name.ends_with(".bias") {
                    network.vectors.insert(name.clone(), vector(parameter, device));
                }
                continue;
            };
            let part = |part: &str| parameters.get(&format!("{block}.{part}")).map(|p| &p.values);
            let mut kernel = parameter.clone();
            if let (Some(gamma), Some(beta), Some(mean), Some(variance)) =
                (part("gamma"), part("beta"), part("running_mean"), part("running_var"))
            {
                let per_output = kernel.values.len() / gamma.len();
                let mut bias = Parameter { shape: vec![gamma.len()], values: beta.clone(), learnt: true };
                for (channel, values) in kernel.values.chunks_exact_mut(per_output).enumerate() {
                    let scale = gamma[channel] / (variance[channel] + EPSILON as f32).sqrt();
                    values.iter_mut().for_each(|v| *v *= scale);
                    bias.values[channel] -= mean[channel] * scale;
                }
                network.vectors.insert(format!("{block}.bias"), vector(&bias, device));
            }
            network.kernels.insert(name.clone(), tensor4(&kernel, device));
        }
        network
    }

    /// For training: every learnt array is a leaf that gathers gradients.
    pub fn for_training(weights: &Weights, device: &Device) -> Self {
        let mut network =
            Self { config: weights.config().clone(), vectors: BTreeMap::new(), kernels: BTreeMap::new() };
        for (name, parameter) in weights.parameters().iter().filter(|(_, p)| p.learnt) {
            if parameter.shape.len() == 4 {
                network.kernels.insert(name.clone(), tensor4(parameter, device).require_grad());
            } else {
                network.vectors.insert(name.clone(), vector(parameter, device).require_grad());
            }
        }
        network
    }

    /// The leaves that gather gradients.
    pub(crate) fn leaves(&self) -> (&BTreeMap<String, Tensor<1>>, &BTreeMap<String, Tensor<4>>) {
        (&self.vectors, &self.kernels)
    }

    /// `[batch, 1, height, width]` to `[batch, tasks, height, width]`; sides must be multiples of
    /// [`NetworkConfig::stride`]. Statistics are empty at inference.
    ///
    /// # Errors
    /// When the sides are no such multiples.
    pub fn forward(&self, input: Tensor<4>) -> Result<(Tensor<4>, Statistics), NetworkError> {
        let [_, channels, height, width] = input.dims();
        let stride = self.config.stride();
        if channels != 1 || !height.is_multiple_of(stride) || !width.is_multiple_of(stride) {
            return Err(NetworkError::Setting {
                name: "network input",
                value: format!("{channels} channels of {width} × {height} px"),
                expected: "one channel with sides that are multiples of the network's stride",
            });
        }
        let mut statistics = Vec::new();
        let levels = self.config.widths.len();
        let mut skips = Vec::with_capacity(levels);
        let mut x = input;
        for level in 0..levels {
            if level > 0 {
                x = max_pool_2x2(x);
            }
            x = self.block(&format!("down.{level}"), x, None, &mut statistics);
            if level + 1 < levels {
                skips.push(x.clone());
            }
        }
        for level in (0..levels - 1).rev() {
            let raised = self.raise(level, x);
            let name = format!("up.{level}");
            x = match skips.pop() {
                Some(skip) => self.block(&name, skip, Some(raised), &mut statistics),
                None => self.block(&name, raised, None, &mut statistics),
            };
        }
        let output = conv2d_same(x, self.kernel("head.weight"), self.vectors.get("head.bias").cloned());
        Ok((output, statistics))
    }

    fn kernel(&self, name: &str) -> Tensor<4> {
        // Both constructors insert every name of the layout that `forward` asks for.
        self.kernels[name].clone()
    }

    /// Two convolutions of the channels of `x` and then of `second`, which need not be joined.
    fn block(
        &self,
        name: &str,
        mut x: Tensor<4>,
        mut second: Option<Tensor<4>>,
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        for index in 0..2 {
            let convolution = format!("{name}.{index}");
            let kernel = self.kernel(&format!("{convolution}.weight"));
            let second = second.take();
            x = match self.vectors.get(&format!("{convolution}.bias")) {
                Some(folded) => conv2d_relu(x, second, kernel, folded.clone()),
                None => {
                    let gamma = self.vectors[&format!("{convolution}.gamma")].clone();
                    let beta = self.vectors[&format!("{convolution}.beta")].clone();
                    let normalized = conv2d_norm_relu(x, second, kernel, gamma, beta, EPSILON);
                    statistics.push((convolution, normalized.mean, normalized.variance));
                    normalized.output
                }
            };
        }
        x
    }

    /// The 2×2 up-convolution to `level`: four output pixels for every input pixel.
    fn raise(&self, level: usize, x: Tensor<4>) -> Tensor<4> {
        let bias = self.vectors[&format!("raise.{level}.bias")].clone();
        conv2d_double(x, self.kernel(&format!("raise.{level}.weight")), bias)
    }
}

fn vector(parameter: &Parameter, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(parameter.values.clone(), [parameter.values.len()]), device)
}

fn tensor4(parameter: &Parameter, device: &Device) -> Tensor<4> {
    let shape: [usize; 4] = std::array::from_fn(|axis| parameter.shape.get(axis).copied().unwrap_or(1));
    Tensor::from_data(TensorData::new(parameter.values.clone(), shape), device)
}
