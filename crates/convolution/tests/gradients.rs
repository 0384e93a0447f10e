//! The operation against Burn's own convolution, with and without gradients.

#![allow(clippy::unwrap_used)]

use adatom_convolution::{conv2d_double, conv2d_norm_relu, conv2d_relu, conv2d_same, max_pool_2x2};
use burn::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm_train, conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Distribution, Tolerance};

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

fn stock(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    let border = weight.dims()[2] / 2;
    conv2d(x, weight, bias, ConvOptions::new([1, 1], [border, border], [1, 1], 1))
}

#[track_caller]
fn assert_close<const D: usize>(a: Tensor<D>, b: Tensor<D>) {
    a.into_data().assert_approx_eq::<f32>(&b.into_data(), Tolerance::absolute(2e-4));
}

fn compare(side: usize, shape: [usize; 4], c_out: usize, bias: bool) {
    let device = Device::flex().autodiff();
    let x = random(shape, &device).require_grad();
    let w = random([c_out, shape[1], side, side], &device).require_grad();
    let b = bias.then(|| random([c_out], &device).require_grad());
    let ours = conv2d_same(x.clone(), w.clone(), b.clone());
    let theirs = stock(x.clone(), w.clone(), b.clone());
    assert_close(ours.clone().inner(), theirs.clone().inner());
    assert_close(
        conv2d_same(x.clone().inner(), w.clone().inner(), b.clone().map(Tensor::inner)),
        theirs.clone().inner(),
    );
    let scale = random(ours.dims(), &device);
    let ours = (ours * scale.clone()).sum().backward();
    let theirs = (theirs * scale).sum().backward();
    assert_close(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
    assert_close(w.grad(&ours).unwrap(), w.grad(&theirs).unwrap());
    if let Some(b) = b {
        assert_close(b.grad(&ours).unwrap(), b.grad(&theirs).unwrap());
    }
}

#[test]
fn agrees_with_stock_convolution() {
    for bias in [true, false] {
        compare(3, [2, 3, 9, 17], 5, bias);
        compare(3, [1, 8, 16, 16], 8, bias);
        compare(1, [2, 7, 5, 11], 4, bias);
    }
}

#[test]
fn takes_views() {
    let device = Device::flex();
    let x = random([2, 6, 9, 8], &device).swap_dims(2, 3).narrow(1, 1, 3);
    let w = random([3, 4, 3, 3], &device).swap_dims(0, 1);
    assert_close(conv2d_same(x.clone(), w.clone(), None), stock(x, w, None));
}

#[test]
fn gradients_only_where_asked_for() {
    let device = Device::flex().autodiff();
    let x = random([1, 2, 4, 4], &device);
    let w = random([3, 2, 3, 3], &device).require_grad();
    let grads = conv2d_same(x.clone(), w.clone(), None).sum().backward();
    assert!(x.grad(&grads).is_none());
    assert!(w.grad(&grads).is_some());
}

#[test]
#[should_panic(expected = "1x1 or 3x3")]
fn other_kernels_are_refused() {
    let device = Device::flex();
    conv2d_same(random([1, 1, 8, 8], &device), random([1, 1, 5, 5], &device), None);
}

/// Compares an operation and its input gradient with another.
fn compare_layers(
    shape: [usize; 4],
    ours: impl Fn(Tensor<4>) -> Tensor<4>,
    theirs: impl Fn(Tensor<4>) -> Tensor<4>,
) {
    let device = Device::flex().autodiff();
    let x = random(shape, &device).require_grad();
    let (y, z) = (ours(x.clone()), theirs(x.clone()));
    assert_close(y.clone().inner(), z.clone().inner());
    assert_close(ours(x.clone().inner()), z.clone().inner());
    let scale = random(y.dims(), &device);
    let y = (y * scale.clone()).sum().backward();
    let z = (z * scale).sum().backward();
    assert_close(x.grad(&y).unwrap(), x.grad(&z).unwrap());
}

#[test]
fn pooling_agrees_with_stock() {
    for shape in [[2, 3, 8, 10], [1, 2, 7, 9], [1, 1, 2, 2], [2, 1, 3, 64]] {
        compare_layers(shape, max_pool_2x2, |x| max_pool2d(x, MaxPoolOptions::new([2, 2])));
    }
}

/// Leaves of the given shapes.
struct Operands {
    x: Tensor<4>,
    second: Option<Tensor<4>>,
    weight: Tensor<4>,
    vectors: [Tensor<1>; 2],
}

impl Operands {
    fn new([n, c, h, w]: [usize; 4], second: usize, c_out: usize, side: usize, device: &Device) -> Self {
        Self {
            x: random([n, c, h, w], device).require_grad(),
            second: (second > 0).then(|| random([n, second, h, w], device).require_grad()),
            weight: random([c_out, c + second, side, side], device).require_grad(),
            vectors: [0, 1].map(|_| random([c_out], device).require_grad()),
        }
    }

    fn joined(&self) -> Tensor<4> {
        match &self.second {
            Some(second) => Tensor::cat(vec![self.x.clone(), second.clone()], 1),
            None => self.x.clone(),
        }
    }

    /// Compares two results and the gradients of the operands, the second vector only if it was used.
    fn compare(&self, ours: Tensor<4>, theirs: Tensor<4>, vectors: usize) {
        assert_close(ours.clone().inner(), theirs.clone().inner());
        let scale = random(ours.dims(), &ours.device());
        let ours = (ours * scale.clone()).sum().backward();
        let theirs = (theirs * scale).sum().backward();
        for x in [Some(&self.x), self.second.as_ref(), Some(&self.weight)].into_iter().flatten() {
            assert_close(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        }
        for x in &self.vectors[..vectors] {
            assert_close(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        }
    }
}

#[test]
fn rectified_convolution_agrees_with_stock() {
    let device = Device::flex().autodiff();
    for second in [0, 3] {
        let o = Operands::new([2, 4, 9, 10], second, 6, 3, &device);
        let [bias, _] = o.vectors.clone();
        let theirs = relu(stock(o.joined(), o.weight.clone(), Some(bias.clone())));
        let inner = conv2d_relu(
            o.x.clone().inner(),
            o.second.clone().map(Tensor::inner),
            o.weight.clone().inner(),
            bias.clone().inner(),
        );
        assert_close(inner, theirs.clone().inner());
        o.compare(conv2d_relu(o.x.clone(), o.second.clone(), o.weight.clone(), bias), theirs, 1);
    }
}

#[test]
fn normalised_convolution_agrees_with_stock() {
    let device = Device::flex().autodiff();
    for (shape, second, c_out) in
        [([2, 3, 8, 10], 0, 5), ([4, 5, 7, 9], 2, 3), ([2, 1, 40, 61], 0, 9), ([1, 16, 12, 20], 16, 16)]
    {
        let o = Operands::new(shape, second, c_out, 3, &device);
        let [gamma, beta] = o.vectors.clone();
        let ours = conv2d_norm_relu(
            o.x.clone(),
            o.second.clone(),
            o.weight.clone(),
            gamma.clone(),
            beta.clone(),
            1e-5,
        );
        let theirs = batch_norm_train(stock(o.joined(), o.weight.clone(), None), gamma, beta, 1e-5);
        assert_close(ours.mean.inner(), theirs.mean.inner());
        assert_close(ours.variance.inner(), theirs.variance.inner());
        o.compare(ours.output, relu(theirs.output), 2);
    }
}

#[test]
fn up_convolution_agrees_with_reordered_channels() {
    let device = Device::flex().autodiff();
    for (shape, c_out) in [([2, 3, 5, 7], 8), ([1, 9, 4, 16], 12)] {
        let o = Operands::new(shape, 0, c_out, 1, &device);
        let [bias, _] = o.vectors.clone();
        let [n, _, h, w] = shape;
        let theirs = stock(o.x.clone(), o.weight.clone(), Some(bias.clone()))
            .reshape([n, c_out / 4, 2, 2, h, w])
            .permute([0, 1, 4, 2, 5, 3])
            .reshape([n, c_out / 4, 2 * h, 2 * w]);
        o.compare(conv2d_double(o.x.clone(), o.weight.clone(), bias), theirs, 1);
    }
}
