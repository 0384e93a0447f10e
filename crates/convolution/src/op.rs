//! The kernels as differentiable operations on Burn's tensors.

use crate::kernels::layers::{self, Norm, Planes};
use crate::kernels::{Kernels, Shape};
use burn::Tensor;
#[cfg(feature = "gpu")]
use burn::backend::Cube;
use burn::backend::Flex;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::{ActivationOps, FloatTensorOps, ModuleOps};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Shape as BurnShape, Slice, TensorData};
use burn_flex::FlexTensor;

/// The operations as methods of a backend.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Autodiff)]
pub trait ConvolutionBackend: Backend {
    /// Convolution with stride one that keeps the size of the image.
    fn conv2d_same(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Convolution and rectifier.
    fn conv2d_relu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Convolution and rectifier of the channels of two images.
    fn conv2d_pair_relu(
        x: FloatTensor<Self>,
        second: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Convolution, batch norm and rectifier: the output, the mean and the
    /// variance.
    fn conv2d_norm_relu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same of the channels of two images.
    fn conv2d_pair_norm_relu(
        x: FloatTensor<Self>,
        second: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Up-convolution to an image twice as large.
    fn conv2d_double(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// What is needed to go back through convolution, batch norm and rectifier.
#[derive(Clone, Debug)]
pub struct NormState<B: Backend> {
    /// The images whose channels are convolved.
    inputs: Vec<FloatTensor<B>>,
    weight: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    /// The result of the convolution, and its mean and variance.
    sums: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    epsilon: f64,
}

/// The gradients of the inputs, the weights, gamma and beta.
type NormGradients<B> = (Vec<FloatTensor<B>>, [FloatTensor<B>; 3]);

/// The operations and their gradients on a backend that does not differentiate,
/// unless overridden composed of Burn's own operations.
pub trait ConvolutionGradients: Backend {
    /// Convolution of the channels of the inputs, if asked for with rectifier.
    fn forward(
        inputs: Vec<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        composed::forward::<Self>(inputs, weight, bias, relu)
    }

    /// The gradient with respect to the input.
    fn backward_input(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        composed::backward_input::<Self>(x, weight, grad)
    }

    /// The gradient with respect to the weights.
    fn backward_weight(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        composed::backward_weight::<Self>(x, weight, grad)
    }

    /// The gradient with respect to the bias.
    fn backward_bias(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::conv2d_bias_backward(x, bias, grad)
    }

    /// Convolution, batch norm and rectifier.
    fn norm(
        inputs: Vec<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, NormState<Self>) {
        composed::norm::<Self>(inputs, weight, gamma, beta, epsilon)
    }

    /// The gradients of [`ConvolutionGradients::norm`]; those of the inputs only
    /// if asked for.
    fn norm_backward(
        state: NormState<Self>,
        grad: FloatTensor<Self>,
        with_inputs: bool,
    ) -> NormGradients<Self> {
        composed::norm_backward::<Self>(state, grad, with_inputs)
    }

    /// Up-convolution.
    fn double(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::double::<Self>(x, weight, bias)
    }

    /// The gradients of [`ConvolutionGradients::double`].
    fn double_backward(operands: [FloatTensor<Self>; 3], grad: FloatTensor<Self>) -> [FloatTensor<Self>; 3] {
        composed::double_backward::<Self>(operands, grad)
    }
}

/// The operations composed of Burn's own.
mod composed {
    use super::*;

    fn joined<B: Backend>(mut inputs: Vec<FloatTensor<B>>) -> FloatTensor<B> {
        if inputs.len() == 1 { inputs.swap_remove(0) } else { B::float_cat(inputs, 1) }
    }

    pub(super) fn forward<B: Backend>(
        inputs: Vec<FloatTensor<B>>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
        relu: bool,
    ) -> FloatTensor<B> {
        let options = same(&weight);
        let y = B::conv2d(joined::<B>(inputs), weight, Some(bias), options);
        if relu { B::relu(y) } else { y }
    }

    pub(super) fn backward_input<B: Backend>(
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        grad: FloatTensor<B>,
    ) -> FloatTensor<B> {
        let options = same(&weight);
        B::conv2d_x_backward(x, weight, grad, options)
    }

    pub(super) fn backward_weight<B: Backend>(
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        grad: FloatTensor<B>,
    ) -> FloatTensor<B> {
        let options = same(&weight);
        B::conv2d_weight_backward(x, weight, grad, options)
    }

    pub(super) fn norm<B: Backend>(
        inputs: Vec<FloatTensor<B>>,
        weight: FloatTensor<B>,
        gamma: FloatTensor<B>,
        beta: FloatTensor<B>,
        epsilon: f64,
    ) -> (FloatTensor<B>, NormState<B>) {
        let options = same(&weight);
        let sums = B::conv2d(joined::<B>(inputs.clone()), weight.clone(), None, options);
        let result = B::batch_norm_train(sums.clone(), gamma.clone(), beta.clone(), epsilon);
        let (mean, variance) = (result.mean, result.variance);
        (B::relu(result.output), NormState { inputs, weight, gamma, beta, sums, mean, variance, epsilon })
    }

    pub(super) fn norm_backward<B: Backend>(
        state: NormState<B>,
        grad: FloatTensor<B>,
        with_inputs: bool,
    ) -> NormGradients<B> {
        let NormState { inputs, weight, gamma, beta, sums, mean, variance, epsilon } = state;
        let y = B::batch_norm_train(sums.clone(), gamma.clone(), beta, epsilon).output;
        let grad = B::relu_backward(B::relu(y), grad);
        let grads = B::batch_norm_train_backward(sums, gamma, mean, variance, epsilon, grad);
        let channels: Vec<usize> = inputs.iter().map(|x| x.shape()[1]).collect();
        let x = joined::<B>(inputs);
        let dw = backward_weight::<B>(x.clone(), weight.clone(), grads.x_grad.clone());
        let mut parts = Vec::new();
        if with_inputs {
            let dx = backward_input::<B>(x, weight, grads.x_grad);
            let [n, _, h, w] = core::array::from_fn(|axis| dx.shape()[axis]);
            let mut first = 0;
            for channels in channels {
                let range = [(0, n), (first, first + channels), (0, h), (0, w)];
                let slices: Vec<Slice> = range.map(|(from, to)| Slice::from(from..to)).to_vec();
                parts.push(B::float_slice(dx.clone(), &slices));
                first += channels;
            }
        }
        (parts, [dw, grads.gamma_grad, grads.beta_grad])
    }

    pub(super) fn double<B: Backend>(
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
    ) -> FloatTensor<B> {
        let options = same(&weight);
        let y = B::conv2d(x, weight, Some(bias), options);
        let [n, c, h, w] = core::array::from_fn(|axis| y.shape()[axis]);
        let y = B::float_reshape(y, BurnShape::from([n, c / 4, 2, 2, h, w]));
        let y = B::float_permute(y, &[0, 1, 4, 2, 5, 3]);
        B::float_reshape(y, BurnShape::from([n, c / 4, 2 * h, 2 * w]))
    }

    pub(super) fn double_backward<B: Backend>(
        [x, weight, bias]: [FloatTensor<B>; 3],
        grad: FloatTensor<B>,
    ) -> [FloatTensor<B>; 3] {
        let [n, _, h, w] = core::array::from_fn(|axis| x.shape()[axis]);
        let c = weight.shape()[0];
        let grad = B::float_reshape(grad, BurnShape::from([n, c / 4, h, 2, w, 2]));
        let grad = B::float_permute(grad, &[0, 1, 3, 5, 2, 4]);
        let grad = B::float_reshape(grad, BurnShape::from([n, c, h, w]));
        [
            backward_input::<B>(x.clone(), weight.clone(), grad.clone()),
            backward_weight::<B>(x.clone(), weight, grad.clone()),
            B::conv2d_bias_backward(x, bias, grad),
        ]
    }
}

fn same(weight: &impl TensorMetadata) -> ConvOptions<2> {
    let border = weight.shape()[2] / 2;
    ConvOptions::new([1, 1], [border, border], [1, 1], 1)
}

/// Tensors of `f32` whose numbers are in order.
pub(crate) struct Ordered(Vec<FlexTensor>);

impl Ordered {
    /// `None` where a tensor is not of `f32`.
    pub(crate) fn new<'a>(tensors: impl IntoIterator<Item = &'a FlexTensor>) -> Option<Self> {
        let ordered = |tensor: &FlexTensor| {
            (tensor.dtype() == DType::F32).then(|| match tensor.as_slice::<f32>() {
                Some(_) => tensor.clone(),
                None => tensor.to_contiguous(),
            })
        };
        tensors.into_iter().map(ordered).collect::<Option<_>>().map(Self)
    }

    /// Their numbers.
    pub(crate) fn slices(&self) -> Vec<&[f32]> {
        self.0.iter().map(|tensor| tensor.as_slice::<f32>().unwrap_or_default()).collect()
    }
}

fn sizes(inputs: &[FlexTensor], weight: &FlexTensor) -> (Shape, usize) {
    let (x, weight) = (inputs[0].shape(), weight.shape());
    (Shape { n: x[0], c_in: weight[1], c_out: weight[0], h: x[2], w: x[3] }, weight[2])
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
    fn forward(inputs: Vec<FlexTensor>, weight: FlexTensor, bias: FlexTensor, relu: bool) -> FlexTensor {
        let (s, side) = sizes(&inputs, &weight);
        let Some(ordered) = Ordered::new([&weight, &bias].into_iter().chain(&inputs)) else {
            return composed::forward::<Self>(inputs, weight, bias, relu);
        };
        let slices = ordered.slices();
        let y = with_side!(side, forward(&slices[2..], slices[0], Some(slices[1]), relu, s));
        tensor(y, [s.n, s.c_out, s.h, s.w])
    }

    fn backward_input(x: FlexTensor, weight: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (s, side) = sizes(std::slice::from_ref(&x), &weight);
        let Some(ordered) = Ordered::new([&grad, &weight]) else {
            return composed::backward_input::<Self>(x, weight, grad);
        };
        let slices = ordered.slices();
        let mut dx = with_side!(side, backward_input(slices[0], slices[1], &[s.c_in], s));
        tensor(dx.pop().unwrap_or_default(), [s.n, s.c_in, s.h, s.w])
    }

    fn backward_weight(x: FlexTensor, weight: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (s, side) = sizes(std::slice::from_ref(&x), &weight);
        let Some(ordered) = Ordered::new([&grad, &x]) else {
            return composed::backward_weight::<Self>(x, weight, grad);
        };
        let slices = ordered.slices();
        let dw = with_side!(side, backward_weight(&slices[1..], slices[0], s));
        tensor(dw, [s.c_out, s.c_in, side, side])
    }

    fn backward_bias(x: FlexTensor, bias: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let Some(ordered) = Ordered::new([&grad]) else {
            return Flex::conv2d_bias_backward(x, bias, grad);
        };
        let g = grad.shape();
        let s = Shape { n: g[0], c_in: 1, c_out: g[1], h: g[2], w: g[3] };
        tensor(Kernels::<1>::detect().backward_bias(ordered.slices()[0], s), [s.c_out])
    }

    fn norm(
        inputs: Vec<FlexTensor>,
        weight: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, NormState<Self>) {
        let (s, side) = sizes(&inputs, &weight);
        let Some(ordered) = Ordered::new([&weight, &gamma, &beta].into_iter().chain(&inputs)) else {
            return composed::norm::<Self>(inputs, weight, gamma, beta, epsilon);
        };
        let slices = ordered.slices();
        let (sums, mean, variance) = with_side!(side, forward_moments(&slices[3..], slices[0], s));
        let norm = Norm { gamma: slices[1], beta: slices[2], epsilon };
        let planes = Planes { n: s.n, c: s.c_out, h: s.h, w: s.w };
        let y = layers::normalize_relu(&sums, norm, &mean, &variance, planes);
        let shape = [s.n, s.c_out, s.h, s.w];
        let (mean, variance) = (tensor(mean, [s.c_out]), tensor(variance, [s.c_out]));
        let sums = tensor(sums, shape);
        let state = NormState { inputs, weight, gamma, beta, sums, mean, variance, epsilon };
        (tensor(y, shape), state)
    }

    fn norm_backward(state: NormState<Self>, grad: FlexTensor, with_inputs: bool) -> NormGradients<Self> {
        let (s, side) = sizes(&state.inputs, &state.weight);
        let NormState { weight, gamma, beta, sums, mean, variance, .. } = &state;
        let others = [weight, gamma, beta, sums, mean, variance, &grad];
        let Some(ordered) = Ordered::new(others.into_iter().chain(&state.inputs)) else {
            return composed::norm_backward::<Self>(state, grad, with_inputs);
        };
        let slices = ordered.slices();
        let [w, gamma, beta, sums, mean, variance, dy] = core::array::from_fn(|i| slices[i]);
        let norm = Norm { gamma, beta, epsilon: state.epsilon };
        let planes = Planes { n: s.n, c: s.c_out, h: s.h, w: s.w };
        let [dy, dgamma, dbeta] = layers::normalize_relu_backward(sums, dy, norm, mean, variance, planes);
        let mut parts = Vec::new();
        if with_inputs {
            let split: Vec<usize> = state.inputs.iter().map(|x| x.shape()[1]).collect();
            let dx = with_side!(side, backward_input(&dy, w, &split, s));
            let shaped = |(dx, c): (Vec<f32>, &usize)| tensor(dx, [s.n, *c, s.h, s.w]);
            parts = dx.into_iter().zip(&split).map(shaped).collect();
        }
        let dw = with_side!(side, backward_weight(&slices[7..], &dy, s));
        let vectors = [tensor(dgamma, [s.c_out]), tensor(dbeta, [s.c_out])];
        let [dgamma, dbeta] = vectors;
        (parts, [tensor(dw, [s.c_out, s.c_in, side, side]), dgamma, dbeta])
    }

    fn double(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let (s, _) = sizes(std::slice::from_ref(&x), &weight);
        let Some(ordered) = Ordered::new([&x, &weight, &bias]) else {
            return composed::double::<Self>(x, weight, bias);
        };
        let slices = ordered.slices();
        let kernels = Kernels::<1>::detect().doubling();
        let y = kernels.forward(&slices[..1], slices[1], Some(slices[2]), false, s);
        tensor(y, [s.n, s.c_out / 4, 2 * s.h, 2 * s.w])
    }

    fn double_backward(operands: [FlexTensor; 3], grad: FlexTensor) -> [FlexTensor; 3] {
        let [x, weight, _] = &operands;
        let (s, _) = sizes(std::slice::from_ref(x), weight);
        let Some(ordered) = Ordered::new([x, weight, &grad]) else {
            return composed::double_backward::<Self>(operands, grad);
        };
        let slices = ordered.slices();
        let kernels = Kernels::<1>::detect().doubling();
        let mut dx = kernels.backward_input(slices[2], slices[1], &[s.c_in], s);
        [
            tensor(dx.pop().unwrap_or_default(), [s.n, s.c_in, s.h, s.w]),
            tensor(kernels.backward_weight(&slices[..1], slices[2], s), [s.c_out, s.c_in, 1, 1]),
            tensor(kernels.backward_bias(slices[2], s), [s.c_out]),
        ]
    }
}

#[cfg(feature = "gpu")]
impl ConvolutionGradients for Cube {}

/// The operations of a backend that does not differentiate.
macro_rules! plain_operations {
    ($backend:ty) => {
        impl ConvolutionBackend for $backend {
            fn conv2d_same(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                <Self as ConvolutionGradients>::forward(vec![x], weight, bias, false)
            }

            fn conv2d_relu(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                <Self as ConvolutionGradients>::forward(vec![x], weight, bias, true)
            }

            fn conv2d_pair_relu(
                x: FloatTensor<Self>,
                second: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                <Self as ConvolutionGradients>::forward(vec![x, second], weight, bias, true)
            }

            fn conv2d_norm_relu(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                epsilon: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let (y, state) = <Self as ConvolutionGradients>::norm(vec![x], weight, gamma, beta, epsilon);
                (y, state.mean, state.variance)
            }

            fn conv2d_pair_norm_relu(
                x: FloatTensor<Self>,
                second: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                epsilon: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let (y, state) =
                    <Self as ConvolutionGradients>::norm(vec![x, second], weight, gamma, beta, epsilon);
                (y, state.mean, state.variance)
            }

            fn conv2d_double(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                <Self as ConvolutionGradients>::double(x, weight, bias)
            }
        }
    };
}

plain_operations!(Flex);
#[cfg(feature = "gpu")]
plain_operations!(Cube);

/// Hands a gradient to its node, if there is one.
fn register<B: Backend>(
    grads: &mut Gradients,
    node: Option<NodeId>,
    gradient: impl FnOnce() -> FloatTensor<B>,
) {
    if let Some(node) = node {
        grads.register::<B>(node, gradient());
    }
}

#[derive(Debug)]
struct ConvolutionStep;

impl<B: ConvolutionGradients> Backward<B, 3> for ConvolutionStep {
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [node_x, node_weight, node_bias] = ops.parents.map(|node| node.map(|node| node.id));
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight, bias] = ops.state;
        register::<B>(grads, node_x, || B::backward_input(x.clone(), weight.clone(), grad.clone()));
        register::<B>(grads, node_weight, || B::backward_weight(x.clone(), weight, grad.clone()));
        register::<B>(grads, node_bias, || B::backward_bias(x, bias, grad));
    }
}

#[derive(Debug)]
struct DoubleStep;

impl<B: ConvolutionGradients> Backward<B, 3> for DoubleStep {
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        for (node, gradient) in ops.parents.into_iter().zip(B::double_backward(ops.state, grad)) {
            register::<B>(grads, node.map(|node| node.id), || gradient);
        }
    }
}

/// The operands are the inputs, the weights, gamma and beta.
#[derive(Debug)]
struct NormStep;

impl<B: ConvolutionGradients, const N: usize> Backward<B, N> for NormStep {
    type State = NormState<B>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let inputs = N - 3;
        // The first layer of a network needs no gradient of its input.
        let with_inputs = ops.parents[..inputs].iter().any(Option::is_some);
        let (parts, others) = B::norm_backward(ops.state, grad, with_inputs);
        let mut nodes = ops.parents.into_iter();
        let of_inputs: Vec<_> = nodes.by_ref().take(inputs).collect();
        for (node, gradient) in of_inputs.into_iter().zip(parts).chain(nodes.zip(others)) {
            register::<B>(grads, node.map(|node| node.id), || gradient);
        }
    }
}

/// Convolution, batch norm and rectifier with the means to go back.
fn norm<B: ConvolutionGradients, C: CheckpointStrategy, const N: usize>(
    operands: [FloatTensor<Autodiff<B, C>>; N],
    epsilon: f64,
) -> [FloatTensor<Autodiff<B, C>>; 3] {
    let nodes = core::array::from_fn(|i| operands[i].node());
    let mut inputs: Vec<FloatTensor<B>> = operands.into_iter().map(|o| o.into_primitive()).collect();
    let mut others = inputs.split_off(N - 3).into_iter();
    let (Some(weight), Some(gamma), Some(beta)) = (others.next(), others.next(), others.next()) else {
        unreachable!("there are three operands besides the inputs")
    };
    let (y, state) = B::norm(inputs, weight, gamma, beta, epsilon);
    let (mean, variance) = (state.mean.clone(), state.variance.clone());
    let y = match Backward::<B, N>::prepare::<C>(NormStep, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    [y, Autodiff::<B, C>::from_inner(mean), Autodiff::<B, C>::from_inner(variance)]
}

impl<B: ConvolutionGradients, C: CheckpointStrategy> ConvolutionBackend for Autodiff<B, C> {
    fn conv2d_same(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let operands = [x.into_primitive(), weight.into_primitive(), bias.into_primitive()];
        let [x, weight, bias] = operands.clone();
        let y = B::forward(vec![x], weight, bias, false);
        match ConvolutionStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(operands, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn conv2d_relu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::relu(<Self as ConvolutionBackend>::conv2d_same(x, weight, bias))
    }

    fn conv2d_pair_relu(
        x: FloatTensor<Self>,
        second: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        <Self as ConvolutionBackend>::conv2d_relu(Self::float_cat(vec![x, second], 1), weight, bias)
    }

    fn conv2d_norm_relu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        norm::<B, C, 4>([x, weight, gamma, beta], epsilon).into()
    }

    fn conv2d_pair_norm_relu(
        x: FloatTensor<Self>,
        second: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        norm::<B, C, 5>([x, second, weight, gamma, beta], epsilon).into()
    }

    fn conv2d_double(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let operands = [x.into_primitive(), weight.into_primitive(), bias.into_primitive()];
        let [x, weight, bias] = operands.clone();
        let y = B::double(x, weight, bias);
        match DoubleStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(operands, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}

/// # Panics
/// If the shapes do not fit or the kernel has another size than 1 or 3.
#[track_caller]
fn check(x: &Tensor<4>, second: Option<&Tensor<4>>, weight: &Tensor<4>, vectors: &[&Tensor<1>]) {
    let [c_out, c_in, rows, columns] = weight.dims();
    assert!(
        rows == columns && (rows == 1 || rows == 3),
        "the kernel must be 1x1 or 3x3, not {rows}x{columns}"
    );
    let [n, mut channels, h, w] = x.dims();
    if let Some(second) = second {
        let [n2, channels2, h2, w2] = second.dims();
        assert!([n, h, w] == [n2, h2, w2], "the two inputs must have the same number and size of images");
        channels += channels2;
    }
    assert!(channels == c_in, "the input has {channels} channels, but the weights are for {c_in}");
    for vector in vectors {
        let [length] = vector.dims();
        assert!(
            length == c_out,
            "the vector for the output has {length} numbers, but there are {c_out} output channels"
        );
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
    let bias = bias.unwrap_or_else(|| Tensor::zeros([weight.dims()[0]], &x.device()));
    check(&x, None, &weight, &[&bias]);
    Tensor::from_dispatch(<Dispatch as ConvolutionBackend>::conv2d_same(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// [`conv2d_same`] of the channels of `x` and then of `second`, followed by a
/// rectifier.
///
/// # Panics
/// As [`conv2d_same`].
pub fn conv2d_relu(x: Tensor<4>, second: Option<Tensor<4>>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    check(&x, second.as_ref(), &weight, &[&bias]);
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(match second {
        Some(second) => {
            <Dispatch as ConvolutionBackend>::conv2d_pair_relu(x, second.into_dispatch(), weight, bias)
        }
        None => <Dispatch as ConvolutionBackend>::conv2d_relu(x, weight, bias),
    })
}

/// What [`conv2d_norm_relu`] gives.
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

/// [`conv2d_same`] of the channels of `x` and then of `second`, followed by
/// batch normalisation as in training, with the statistics of the batch itself,
/// and a rectifier.
///
/// # Panics
/// As [`conv2d_same`].
pub fn conv2d_norm_relu(
    x: Tensor<4>,
    second: Option<Tensor<4>>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Normalized {
    check(&x, second.as_ref(), &weight, &[&gamma, &beta]);
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    let (output, mean, variance) = match second {
        Some(second) => {
            let second = second.into_dispatch();
            <Dispatch as ConvolutionBackend>::conv2d_pair_norm_relu(x, second, weight, gamma, beta, epsilon)
        }
        None => <Dispatch as ConvolutionBackend>::conv2d_norm_relu(x, weight, gamma, beta, epsilon),
    };
    Normalized {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// A 2x2 up-convolution of stride two, written as a 1x1 convolution to four
/// times the channels: four that follow one another are the two by two pixels
/// of one channel of the output.
///
/// # Panics
/// As [`conv2d_same`], or if the kernel is not 1x1 or the number of its output
/// channels no multiple of four.
pub fn conv2d_double(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    check(&x, None, &weight, &[&bias]);
    let [c_out, _, side, _] = weight.dims();
    assert!(side == 1 && c_out.is_multiple_of(4), "an up-convolution is 1x1 to a multiple of four channels");
    Tensor::from_dispatch(<Dispatch as ConvolutionBackend>::conv2d_double(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}
