use crate::unet::Statistics;
use crate::weights::{Parameter, numbers};
use crate::{NetworkError, Shape, Weights};
use adatom_convolution::{conv2d_double, conv2d_norm_relu, conv2d_relu, max_pool_2x2};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use std::collections::BTreeMap;

/// Added to variances before their square root.
const EPSILON: f64 = 1e-5;

/// The arrays of a network on a device, and the layers that networks have in common.
pub struct Arrays {
    vectors: BTreeMap<String, Tensor<1>>,
    kernels: BTreeMap<String, Tensor<4>>,
    /// Statistics that batch norms are told, without gradients; where there are none they take those of the batch.
    fixed: BTreeMap<String, Tensor<1>>,
}

impl Arrays {
    /// For inference: batch norms folded into the convolutions.
    pub(crate) fn for_inference<S: Shape>(weights: &Weights<S>, device: &Device) -> Self {
        let mut arrays = Self::empty();
        for (name, parameter) in folded(weights) {
            if parameter.shape.len() == 4 {
                arrays.kernels.insert(name, tensor4(&parameter, device));
            } else {
                arrays.vectors.insert(name, vector(&parameter, device));
            }
        }
        arrays
    }

    fn empty() -> Self {
        Self { vectors: BTreeMap::new(), kernels: BTreeMap::new(), fixed: BTreeMap::new() }
    }

    /// For training: every learnt array is a leaf that gathers gradients. Batch norms use the statistics of the weights
    /// if these are `fixed`, else those of the batch.
    pub(crate) fn for_training<S: Shape>(weights: &Weights<S>, fixed: bool, device: &Device) -> Self {
        let mut arrays = Self::empty();
        for (name, parameter) in weights.parameters().iter().filter(|(_, p)| p.learnt || fixed) {
            if !parameter.learnt {
                arrays.fixed.insert(name.clone(), vector(parameter, device));
            } else if parameter.shape.len() == 4 {
                arrays.kernels.insert(name.clone(), tensor4(parameter, device).require_grad());
            } else {
                arrays.vectors.insert(name.clone(), vector(parameter, device).require_grad());
            }
        }
        arrays
    }

    /// The gradient of every leaf.
    pub(crate) fn gather(&self, gradients: &Gradients) -> Result<BTreeMap<String, Vec<f32>>, NetworkError> {
        let missing = |name: &str| NetworkError::Compute(format!("no gradient for {name}"));
        let mut all = BTreeMap::new();
        for (name, leaf) in &self.vectors {
            let gradient = leaf.grad(gradients).ok_or_else(|| missing(name))?;
            all.insert(name.clone(), numbers(gradient)?);
        }
        for (name, leaf) in &self.kernels {
            let gradient = leaf.grad(gradients).ok_or_else(|| missing(name))?;
            let count = gradient.shape().num_elements();
            all.insert(name.clone(), numbers(gradient.reshape([count]))?);
        }
        Ok(all)
    }

    /// The kernel of layer `name`; both constructors insert every one of the layout.
    pub(crate) fn kernel(&self, name: &str) -> Tensor<4> {
        self.kernels[&format!("{name}.weight")].clone()
    }

    /// The bias of layer `name`.
    pub(crate) fn bias(&self, name: &str) -> Tensor<1> {
        self.vectors[&format!("{name}.bias")].clone()
    }

    /// Convolution, batch norm and rectifier of the channels of `x` and then of `second`, which
    /// need not be joined.
    pub(crate) fn norm_relu(
        &self,
        name: &str,
        x: Tensor<4>,
        second: Option<Tensor<4>>,
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        let kernel = self.kernel(name);
        match self.vectors.get(&format!("{name}.bias")) {
            Some(folded) => conv2d_relu(x, second, kernel, folded.clone()),
            None => {
                let gamma = self.vectors[&format!("{name}.gamma")].clone();
                let beta = self.vectors[&format!("{name}.beta")].clone();
                let fixed = |part: &str| self.fixed.get(&format!("{name}.{part}")).cloned();
                if let (Some(mean), Some(variance)) = (fixed("running_mean"), fixed("running_var")) {
                    let scale = gamma / (variance + EPSILON).sqrt();
                    let bias = beta - mean * scale.clone();
                    let channels = scale.dims()[0];
                    return conv2d_relu(x, second, kernel * scale.reshape([channels, 1, 1, 1]), bias);
                }
                let normalized = conv2d_norm_relu(x, second, kernel, gamma, beta, EPSILON);
                statistics.push((name.to_owned(), normalized.mean, normalized.variance));
                normalized.output
            }
        }
    }

    /// Down through `levels` levels and up again to level `top`: two convolutions a level and
    /// direction, poolings, up-convolutions and skip connections.
    ///
    /// # Errors
    /// When the input has not one channel or its sides can't be halved so often.
    pub(crate) fn trunk(
        &self,
        levels: usize,
        top: usize,
        input: Tensor<4>,
        statistics: &mut Statistics,
    ) -> Result<Tensor<4>, NetworkError> {
        let ([_, channels, height, width], stride) = (input.dims(), 1_usize << (levels - 1));
        if channels != 1 || !height.is_multiple_of(stride) || !width.is_multiple_of(stride) {
            return Err(NetworkError::Setting {
                name: "network input",
                value: format!("{channels} channels of {width} × {height} px"),
                expected: "one channel with sides that are multiples of the network's stride",
            });
        }
        let mut block = |name: String, x, second| {
            let x = self.norm_relu(&format!("{name}.0"), x, second, statistics);
            self.norm_relu(&format!("{name}.1"), x, None, statistics)
        };
        let mut skips = Vec::with_capacity(levels);
        let mut x = input;
        for level in 0..levels {
            if level > 0 {
                x = max_pool_2x2(x);
            }
            x = block(format!("down.{level}"), x, None);
            if (top..levels - 1).contains(&level) {
                skips.push(x.clone());
            }
        }
        for level in (top..levels - 1).rev() {
            let raise = format!("raise.{level}");
            let raised = conv2d_double(x, self.kernel(&raise), self.bias(&raise));
            let name = format!("up.{level}");
            x = match skips.pop() {
                Some(skip) => block(name, skip, Some(raised)),
                None => block(name, raised, None),
            };
        }
        Ok(x)
    }
}

/// The `weight` and `bias` of every convolution, batch norms folded into them.
pub(crate) fn folded<S: Shape>(weights: &Weights<S>) -> BTreeMap<String, Parameter> {
    let parameters = weights.parameters();
    let mut arrays = BTreeMap::new();
    for (name, parameter) in parameters {
        let Some(block) = name.strip_suffix(".weight") else {
            if name.ends_with(".bias") {
                arrays.insert(name.clone(), parameter.clone());
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
            arrays.insert(format!("{block}.bias"), bias);
        }
        arrays.insert(name.clone(), kernel);
    }
    arrays
}

/// Names and sizes of the arrays of [`Arrays::norm_relu`].
pub(crate) fn norm_relu_arrays(
    arrays: &mut Vec<(String, Vec<usize>)>,
    name: &str,
    input: usize,
    output: usize,
) {
    arrays.push((format!("{name}.weight"), vec![output, input, 3, 3]));
    for part in ["gamma", "beta", "running_mean", "running_var"] {
        arrays.push((format!("{name}.{part}"), vec![output]));
    }
}

/// Names and sizes of the arrays of [`Arrays::trunk`].
pub(crate) fn trunk_arrays(widths: &[usize], top: usize) -> Vec<(String, Vec<usize>)> {
    let mut arrays = Vec::new();
    let block = |arrays: &mut Vec<_>, name: String, input: usize, output: usize| {
        norm_relu_arrays(arrays, &format!("{name}.0"), input, output);
        norm_relu_arrays(arrays, &format!("{name}.1"), output, output);
    };
    for (level, &width) in widths.iter().enumerate() {
        let input = if level == 0 { 1 } else { widths[level - 1] };
        block(&mut arrays, format!("down.{level}"), input, width);
    }
    for level in top..widths.len() - 1 {
        // A 2×2 up-convolution of stride 2 is a 1×1 convolution to four times the channels.
        arrays.push((format!("raise.{level}.weight"), vec![4 * widths[level], widths[level + 1], 1, 1]));
        arrays.push((format!("raise.{level}.bias"), vec![4 * widths[level]]));
        block(&mut arrays, format!("up.{level}"), 2 * widths[level], widths[level]);
    }
    arrays
}

fn vector(parameter: &Parameter, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(parameter.values.clone(), [parameter.values.len()]), device)
}

fn tensor4(parameter: &Parameter, device: &Device) -> Tensor<4> {
    let shape: [usize; 4] = std::array::from_fn(|axis| parameter.shape.get(axis).copied().unwrap_or(1));
    Tensor::from_data(TensorData::new(parameter.values.clone(), shape), device)
}
