//! The layers between the convolutions as differentiable operations on Burn's
//! tensors.

use crate::kernels::layers::{self as kernels, Planes};
use crate::op::{Ordered, tensor};
use burn::Tensor;
#[cfg(feature = "gpu")]
use burn::backend::Cube;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::IntDType;
use burn_flex::FlexTensor;

/// The layers as methods of a backend.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Autodiff)]
pub trait LayerBackend: Backend {
    /// The largest of each two by two pixels.
    fn max_pool_2x2(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The layers and their gradients on a backend that does not differentiate,
/// unless overridden composed of Burn's own operations.
pub trait LayerGradients: Backend {
    /// See [`LayerBackend::max_pool_2x2`].
    fn pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::pool::<Self>(x)
    }

    /// The gradient of [`LayerGradients::pool`].
    fn pool_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::pool_backward::<Self>(x, grad)
    }
}

/// The layers composed of Burn's own operations.
mod composed {
    use super::*;

    pub(super) fn pool<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
        B::max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false)
    }

    pub(super) fn pool_backward<B: Backend>(x: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
        let (two, zero, one) = ([2, 2], [0, 0], [1, 1]);
        let indices =
            B::max_pool2d_with_indices(x.clone(), two, two, zero, one, false, IntDType::I32).indices;
        B::max_pool2d_with_indices_backward(x, two, two, zero, one, false, grad, indices).x_grad
    }
}

fn planes(x: &FlexTensor) -> Planes {
    let shape = x.shape();
    Planes { n: shape[0], c: shape[1], h: shape[2], w: shape[3] }
}

impl LayerGradients for Flex {
    fn pool(x: FlexTensor) -> FlexTensor {
        let s = planes(&x);
        let Some(ordered) = Ordered::new([&x]) else {
            return composed::pool::<Self>(x);
        };
        tensor(kernels::max_pool_2x2(ordered.slices()[0], s), [s.n, s.c, s.h / 2, s.w / 2])
    }

    fn pool_backward(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let s = planes(&x);
        let Some(ordered) = Ordered::new([&x, &grad]) else {
            return composed::pool_backward::<Self>(x, grad);
        };
        let slices = ordered.slices();
        tensor(kernels::max_pool_2x2_backward(slices[0], slices[1], s), [s.n, s.c, s.h, s.w])
    }
}

impl LayerBackend for Flex {
    fn max_pool_2x2(x: FlexTensor) -> FlexTensor {
        <Self as LayerGradients>::pool(x)
    }
}

#[cfg(feature = "gpu")]
impl LayerGradients for Cube {}

#[cfg(feature = "gpu")]
impl LayerBackend for Cube {
    fn max_pool_2x2(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as LayerGradients>::pool(x)
    }
}

#[derive(Debug)]
struct PoolStep;

impl<B: LayerGradients> Backward<B, 1> for PoolStep {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::pool_backward(ops.state, grad));
        }
    }
}

impl<B: LayerGradients, C: CheckpointStrategy> LayerBackend for Autodiff<B, C> {
    fn max_pool_2x2(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        match PoolStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.clone(), B::pool(x)),
            OpsKind::UnTracked(prep) => prep.finish(B::pool(x)),
        }
    }
}

/// The largest of each two by two pixels; a last odd row or column is left out.
pub fn max_pool_2x2(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as LayerBackend>::max_pool_2x2(x.into_dispatch()))
}
