//! The layers between the convolutions as differentiable operations on Burn's
//! tensors.

use crate::kernels::layers as kernels;
use crate::kernels::layers::{Norm, Planes};
use crate::op::{tensor, with_slices};
use burn::Tensor;
#[cfg(feature = "gpu")]
use burn::backend::Cube;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::IntDType;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn_flex::FlexTensor;

/// The layers as methods of a backend.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Autodiff)]
pub trait LayerBackend: Backend {
    /// The output, the mean and the variance.
    fn batch_norm_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The largest of each two by two pixels.
    fn max_pool_2x2(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Every pixel as two by two pixels.
    fn upsample_2x(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The layers and their gradients on a backend that does not differentiate,
/// unless overridden composed of Burn's own operations.
pub trait LayerGradients: Backend {
    /// See [`LayerBackend::batch_norm_relu`].
    fn norm([x, gamma, beta]: [FloatTensor<Self>; 3], epsilon: f64) -> [FloatTensor<Self>; 3] {
        composed::norm::<Self>([x, gamma, beta], epsilon)
    }

    /// The gradients of the three operands; `statistics` are mean and variance.
    fn norm_backward(
        operands: [FloatTensor<Self>; 3],
        statistics: [FloatTensor<Self>; 2],
        epsilon: f64,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        composed::norm_backward::<Self>(operands, statistics, epsilon, grad)
    }

    /// See [`LayerBackend::max_pool_2x2`].
    fn pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::pool::<Self>(x)
    }

    /// The gradient of [`LayerGradients::pool`].
    fn pool_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::pool_backward::<Self>(x, grad)
    }

    /// See [`LayerBackend::upsample_2x`].
    fn upsample(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::upsample::<Self>(x)
    }

    /// The gradient of [`LayerGradients::upsample`].
    fn upsample_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::upsample_backward::<Self>(x, grad)
    }
}

/// The layers composed of Burn's own operations.
mod composed {
    use super::*;

    pub(super) fn norm<B: Backend>(
        [x, gamma, beta]: [FloatTensor<B>; 3],
        epsilon: f64,
    ) -> [FloatTensor<B>; 3] {
        let result = B::batch_norm_train(x, gamma, beta, epsilon);
        [B::relu(result.output), result.mean, result.variance]
    }

    pub(super) fn norm_backward<B: Backend>(
        [x, gamma, beta]: [FloatTensor<B>; 3],
        [mean, variance]: [FloatTensor<B>; 2],
        epsilon: f64,
        grad: FloatTensor<B>,
    ) -> [FloatTensor<B>; 3] {
        let y = B::batch_norm_train(x.clone(), gamma.clone(), beta, epsilon).output;
        let grad = B::relu_backward(B::relu(y), grad);
        let grads = B::batch_norm_train_backward(x, gamma, mean, variance, epsilon, grad);
        [grads.x_grad, grads.gamma_grad, grads.beta_grad]
    }

    pub(super) fn pool<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
        B::max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false)
    }

    pub(super) fn pool_backward<B: Backend>(x: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
        let (two, zero, one) = ([2, 2], [0, 0], [1, 1]);
        let indices =
            B::max_pool2d_with_indices(x.clone(), two, two, zero, one, false, IntDType::I32).indices;
        B::max_pool2d_with_indices_backward(x, two, two, zero, one, false, grad, indices).x_grad
    }

    fn doubled(x: &impl TensorMetadata) -> ([usize; 2], InterpolateOptions) {
        let shape = x.shape();
        ([2 * shape[2], 2 * shape[3]], InterpolateOptions::new(InterpolateMode::Nearest))
    }

    pub(super) fn upsample<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
        let (size, options) = doubled(&x);
        B::interpolate(x, size, options)
    }

    pub(super) fn upsample_backward<B: Backend>(x: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
        let (size, options) = doubled(&x);
        B::interpolate_backward(x, grad, size, options)
    }
}

fn planes(x: &FlexTensor) -> Planes {
    let shape = x.shape();
    Planes { n: shape[0], c: shape[1], h: shape[2], w: shape[3] }
}

impl LayerGradients for Flex {
    fn norm(operands: [FlexTensor; 3], epsilon: f64) -> [FlexTensor; 3] {
        let [x, gamma, beta] = &operands;
        let s = planes(x);
        with_slices([x, gamma, beta], |[x, gamma, beta]| {
            let mut y = vec![0.0; s.len()];
            let (mut mean, mut variance) = (vec![0.0; s.c], vec![0.0; s.c]);
            let norm = Norm { gamma, beta, epsilon };
            kernels::batch_norm_relu_forward(x, norm, &mut y, &mut mean, &mut variance, s);
            [tensor(y, [s.n, s.c, s.h, s.w]), tensor(mean, [s.c]), tensor(variance, [s.c])]
        })
        .unwrap_or_else(|| composed::norm::<Self>(operands.clone(), epsilon))
    }

    fn norm_backward(
        operands: [FlexTensor; 3],
        statistics: [FlexTensor; 2],
        epsilon: f64,
        grad: FlexTensor,
    ) -> [FlexTensor; 3] {
        let ([x, gamma, beta], [mean, variance]) = (&operands, &statistics);
        let s = planes(x);
        let all = [x, &grad, gamma, beta, mean, variance];
        with_slices(all, |[x, dy, gamma, beta, mean, variance]| {
            let mut dx = vec![0.0; s.len()];
            let (mut dgamma, mut dbeta) = (vec![0.0; s.c], vec![0.0; s.c]);
            let norm = Norm { gamma, beta, epsilon };
            kernels::batch_norm_relu_backward(
                x,
                dy,
                norm,
                mean,
                variance,
                &mut dx,
                &mut dgamma,
                &mut dbeta,
                s,
            );
            [tensor(dx, [s.n, s.c, s.h, s.w]), tensor(dgamma, [s.c]), tensor(dbeta, [s.c])]
        })
        .unwrap_or_else(|| {
            let (operands, statistics) = (operands.clone(), statistics.clone());
            composed::norm_backward::<Self>(operands, statistics, epsilon, grad.clone())
        })
    }

    fn pool(x: FlexTensor) -> FlexTensor {
        let s = planes(&x);
        let (h, w) = (s.h / 2, s.w / 2);
        with_slices([&x], |[x]| {
            let mut y = vec![0.0; s.n * s.c * h * w];
            kernels::max_pool_2x2_forward(x, &mut y, s);
            tensor(y, [s.n, s.c, h, w])
        })
        .unwrap_or_else(|| composed::pool::<Self>(x))
    }

    fn pool_backward(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let s = planes(&x);
        with_slices([&x, &grad], |[x, dy]| {
            let mut dx = vec![0.0; s.len()];
            kernels::max_pool_2x2_backward(x, dy, &mut dx, s);
            tensor(dx, [s.n, s.c, s.h, s.w])
        })
        .unwrap_or_else(|| composed::pool_backward::<Self>(x, grad))
    }

    fn upsample(x: FlexTensor) -> FlexTensor {
        let s = planes(&x);
        with_slices([&x], |[x]| {
            let mut y = vec![0.0; 4 * s.len()];
            kernels::upsample_2x_forward(x, &mut y, s);
            tensor(y, [s.n, s.c, 2 * s.h, 2 * s.w])
        })
        .unwrap_or_else(|| composed::upsample::<Self>(x))
    }

    fn upsample_backward(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let s = planes(&x);
        with_slices([&grad], |[dy]| {
            let mut dx = vec![0.0; s.len()];
            kernels::upsample_2x_backward(dy, &mut dx, s);
            tensor(dx, [s.n, s.c, s.h, s.w])
        })
        .unwrap_or_else(|| composed::upsample_backward::<Self>(x, grad))
    }
}

impl LayerBackend for Flex {
    fn batch_norm_relu(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        <Self as LayerGradients>::norm([x, gamma, beta], epsilon).into()
    }

    fn max_pool_2x2(x: FlexTensor) -> FlexTensor {
        <Self as LayerGradients>::pool(x)
    }

    fn upsample_2x(x: FlexTensor) -> FlexTensor {
        <Self as LayerGradients>::upsample(x)
    }
}

#[cfg(feature = "gpu")]
impl LayerGradients for Cube {}

#[cfg(feature = "gpu")]
impl LayerBackend for Cube {
    fn batch_norm_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        <Self as LayerGradients>::norm([x, gamma, beta], epsilon).into()
    }

    fn max_pool_2x2(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as LayerGradients>::pool(x)
    }

    fn upsample_2x(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as LayerGradients>::upsample(x)
    }
}

#[derive(Debug)]
struct NormStep;

impl<B: LayerGradients> Backward<B, 3> for NormStep {
    type State = ([FloatTensor<B>; 3], [FloatTensor<B>; 2], f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (operands, statistics, epsilon) = ops.state;
        let results = B::norm_backward(operands, statistics, epsilon, grad);
        for (node, result) in ops.parents.into_iter().zip(results) {
            if let Some(node) = node {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

/// Defines the backward step of a layer of one operand.
macro_rules! step {
    ($name:ident, $backward:ident) => {
        #[derive(Debug)]
        struct $name;

        impl<B: LayerGradients> Backward<B, 1> for $name {
            type State = FloatTensor<B>;

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let grad = grads.consume::<B>(&ops.node);
                if let [Some(node)] = ops.parents {
                    grads.register::<B>(node.id, B::$backward(ops.state, grad));
                }
            }
        }
    };
}

step!(PoolStep, pool_backward);
step!(UpsampleStep, upsample_backward);

impl<B: LayerGradients, C: CheckpointStrategy> LayerBackend for Autodiff<B, C> {
    fn batch_norm_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let operands = [x.into_primitive(), gamma.into_primitive(), beta.into_primitive()];
        let [y, mean, variance] = B::norm(operands.clone(), epsilon);
        let y = match NormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let statistics = [mean.clone(), variance.clone()];
                prep.finish((operands, statistics, epsilon), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn max_pool_2x2(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        match PoolStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.clone(), B::pool(x)),
            OpsKind::UnTracked(prep) => prep.finish(B::pool(x)),
        }
    }

    fn upsample_2x(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        match UpsampleStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.clone(), B::upsample(x)),
            OpsKind::UnTracked(prep) => prep.finish(B::upsample(x)),
        }
    }
}

/// What [`batch_norm_relu`] gives.
#[derive(Clone, Debug)]
pub struct Normalized {
    /// The normalised images without their negative part.
    pub output: Tensor<4>,
    /// The mean of each channel over the batch, not differentiable.
    pub mean: Tensor<1>,
    /// The (biased) variance of each channel over the batch, not
    /// differentiable.
    pub variance: Tensor<1>,
}

/// Batch normalisation as in training, with the statistics of the batch
/// itself, followed by a rectifier.
///
/// # Panics
/// If `gamma` and `beta` do not hold one number for each channel of `x`.
pub fn batch_norm_relu(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Normalized {
    let channels = x.dims()[1];
    assert!(
        gamma.dims() == [channels] && beta.dims() == [channels],
        "gamma and beta must hold one number for each of the {channels} channels"
    );
    let (output, mean, variance) = <Dispatch as LayerBackend>::batch_norm_relu(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    );
    Normalized {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// The largest of each two by two pixels; a last odd row or column is left out.
pub fn max_pool_2x2(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as LayerBackend>::max_pool_2x2(x.into_dispatch()))
}

/// Every pixel as two by two pixels.
pub fn upsample_2x(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as LayerBackend>::upsample_2x(x.into_dispatch()))
}
