//! The kernels as a differentiable operation on Burn's tensors.

use crate::kernels::{Kernels, Shape};
use burn::Tensor;
#[cfg(feature = "gpu")]
use burn::backend::Cube;
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, TensorData};
use burn_flex::FlexTensor;

/// The convolution as a method of a backend.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Autodiff)]
pub trait ConvolutionBackend: Backend {
    /// Convolution with stride one that keeps the size of the image.
    fn conv2d_same(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The convolution and its gradients on a backend that does not differentiate,
/// unless overridden composed of Burn's own operations.
pub trait ConvolutionGradients: Backend {
    /// See [`ConvolutionBackend::conv2d_same`].
    fn forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let options = same(&weight);
        Self::conv2d(x, weight, Some(bias), options)
    }

    /// The gradient with respect to the input.
    fn backward_input(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let options = same(&weight);
        Self::conv2d_x_backward(x, weight, grad, options)
    }

    /// The gradients with respect to the weights and to the bias.
    fn backward_weight(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let options = same(&weight);
        (
            Self::conv2d_weight_backward(x.clone(), weight, grad.clone(), options),
            Self::conv2d_bias_backward(x, bias, grad),
        )
    }
}

fn same(weight: &impl TensorMetadata) -> ConvOptions<2> {
    let border = weight.shape()[2] / 2;
    ConvOptions::new([1, 1], [border, border], [1, 1], 1)
}

/// The numbers of a tensor in order, if it holds `f32`.
fn contiguous(tensor: &FlexTensor) -> Option<FlexTensor> {
    (tensor.dtype() == DType::F32).then(|| match tensor.as_slice::<f32>() {
        Some(_) => tensor.clone(),
        None => tensor.to_contiguous(),
    })
}

/// The operands as slices; `None` where a tensor is not of `f32`.
pub(crate) fn with_slices<const N: usize, R>(
    tensors: [&FlexTensor; N],
    f: impl FnOnce([&[f32]; N]) -> R,
) -> Option<R> {
    let mut ordered = Vec::with_capacity(N);
    for tensor in tensors {
        ordered.push(contiguous(tensor)?);
    }
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, tensor) in slices.iter_mut().zip(&ordered) {
        *slice = tensor.as_slice::<f32>()?;
    }
    Some(f(slices))
}

fn sizes(x: &FlexTensor, weight: &FlexTensor) -> (Shape, usize) {
    let (x, weight) = (x.shape(), weight.shape());
    let shape = Shape { n: x[0], c_in: x[1], c_out: weight[0], h: x[2], w: x[3] };
    (shape, weight[2])
}

pub(crate) fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// Calls a method of the kernels of the size at hand.
macro_rules! with_side {
    ($side:expr, $method:ident($($arg:expr),*)) => {
        if $side == 1 {
            Kernels::<1>::detect().$method($($arg),*)
        } else {
            Kernels::<3>::detect().$method($($arg),*)
        }
    };
}

impl ConvolutionGradients for Flex {
    fn forward(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let (s, side) = sizes(&x, &weight);
        with_slices([&x, &weight, &bias], |[x, w, b]| {
            let mut y = vec![0.0; s.n * s.c_out * s.h * s.w];
            with_side!(side, forward(x, w, Some(b), &mut y, s));
            tensor(y, [s.n, s.c_out, s.h, s.w])
        })
        .unwrap_or_else(|| {
            let options = same(&weight);
            Flex::conv2d(x, weight, Some(bias), options)
        })
    }

    fn backward_input(x: FlexTensor, weight: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (s, side) = sizes(&x, &weight);
        with_slices([&grad, &weight], |[dy, w]| {
            let mut dx = vec![0.0; s.n * s.c_in * s.h * s.w];
            with_side!(side, backward_input(dy, w, &mut dx, s));
            tensor(dx, [s.n, s.c_in, s.h, s.w])
        })
        .unwrap_or_else(|| {
            let options = same(&weight);
            Flex::conv2d_x_backward(x, weight, grad, options)
        })
    }

    fn backward_weight(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        grad: FlexTensor,
    ) -> (FlexTensor, FlexTensor) {
        let (s, side) = sizes(&x, &weight);
        with_slices([&x, &grad], |[x, dy]| {
            let mut dw = vec![0.0; s.c_out * s.c_in * side * side];
            let mut db = vec![0.0; s.c_out];
            with_side!(side, backward_weight(x, dy, &mut dw, &mut db, s));
            (tensor(dw, [s.c_out, s.c_in, side, side]), tensor(db, [s.c_out]))
        })
        .unwrap_or_else(|| {
            let options = same(&weight);
            (
                Flex::conv2d_weight_backward(x.clone(), weight, grad.clone(), options),
                Flex::conv2d_bias_backward(x, bias, grad),
            )
        })
    }
}

impl ConvolutionBackend for Flex {
    fn conv2d_same(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        <Self as ConvolutionGradients>::forward(x, weight, bias)
    }
}

#[cfg(feature = "gpu")]
impl ConvolutionGradients for Cube {}

#[cfg(feature = "gpu")]
impl ConvolutionBackend for Cube {
    fn conv2d_same(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        <Self as ConvolutionGradients>::forward(x, weight, bias)
    }
}

#[derive(Debug)]
struct ConvolutionStep;

impl<B: ConvolutionGradients> Backward<B, 3> for ConvolutionStep {
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [node_x, node_weight, node_bias] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight, bias] = ops.state;
        // The first layer of a network needs no gradient of its input.
        if let Some(node) = node_x {
            let dx = B::backward_input(x.clone(), weight.clone(), grad.clone());
            grads.register::<B>(node.id, dx);
        }
        if node_weight.is_some() || node_bias.is_some() {
            let (dw, db) = B::backward_weight(x, weight, bias, grad);
            if let Some(node) = node_weight {
                grads.register::<B>(node.id, dw);
            }
            if let Some(node) = node_bias {
                grads.register::<B>(node.id, db);
            }
        }
    }
}

impl<B: ConvolutionGradients, C: CheckpointStrategy> ConvolutionBackend for Autodiff<B, C> {
    fn conv2d_same(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let operands = [x.into_primitive(), weight.into_primitive(), bias.into_primitive()];
        let forward = |[x, weight, bias]: [FloatTensor<B>; 3]| B::forward(x, weight, bias);
        match ConvolutionStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = forward(operands.clone());
                prep.finish(operands, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(forward(operands)),
        }
    }
}

/// Convolution with stride one and, for a 3x3 kernel, one pixel of zero
/// padding, so that the image keeps its size.
///
/// `x` is `[batch, channels_in, height, width]`, `weight`
/// `[channels_out, channels_in, side, side]` with a side of 1 or 3, and `bias`
/// `[channels_out]`.
///
/// # Panics
/// If the shapes do not fit or the kernel has another size.
pub fn conv2d_same(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    let [c_out, c_in, rows, columns] = weight.dims();
    assert!(
        rows == columns && (rows == 1 || rows == 3),
        "the kernel must be 1x1 or 3x3, not {rows}x{columns}"
    );
    let channels = x.dims()[1];
    assert!(channels == c_in, "the input has {channels} channels, but the weights are for {c_in}");
    let bias = bias.unwrap_or_else(|| Tensor::zeros([c_out], &x.device()));
    assert!(
        bias.dims() == [c_out],
        "the bias has {} numbers, but there are {c_out} output channels",
        bias.dims()[0]
    );
    Tensor::from_dispatch(<Dispatch as ConvolutionBackend>::conv2d_same(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}
