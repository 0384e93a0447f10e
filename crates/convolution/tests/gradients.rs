//! The operation against Burn's own convolution, with and without gradients.

#![allow(clippy::unwrap_used)]

use adatom_convolution::{batch_norm_relu, conv2d_same, max_pool_2x2, upsample_2x};
use burn::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm_train, conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions};
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

#[test]
fn upsampling_agrees_with_stock() {
    for shape in [[2, 3, 8, 10], [1, 2, 7, 9], [1, 1, 1, 1]] {
        compare_layers(shape, upsample_2x, |x| {
            let [_, _, h, w] = x.dims();
            let options = InterpolateOptions::new(InterpolateMode::Nearest);
            interpolate(x, options.with_output_size([2 * h, 2 * w]))
        });
    }
}

#[test]
fn normalisation_agrees_with_stock() {
    let device = Device::flex().autodiff();
    for shape in [[2, 3, 8, 10], [4, 5, 7, 9], [2, 1, 40, 61]] {
        let gamma = random([shape[1]], &device).require_grad();
        let beta = random([shape[1]], &device).require_grad();
        compare_layers(
            shape,
            |x| {
                let (gamma, beta) = (gamma.clone(), beta.clone());
                if x.device().is_autodiff() {
                    batch_norm_relu(x * 3.0 + 7.0, gamma, beta, 1e-5).output
                } else {
                    batch_norm_relu(x * 3.0 + 7.0, gamma.inner(), beta.inner(), 1e-5).output
                }
            },
            |x| relu(batch_norm_train(x * 3.0 + 7.0, gamma.clone(), beta.clone(), 1e-5).output),
        );
        let x = random(shape, &device);
        let scale = random(shape, &device);
        let ours = batch_norm_relu(x.clone(), gamma.clone(), beta.clone(), 1e-5);
        let theirs = batch_norm_train(x, gamma.clone(), beta.clone(), 1e-5);
        assert_close(ours.mean.inner(), theirs.mean.inner());
        assert_close(ours.variance.inner(), theirs.variance.inner());
        let ours = (ours.output * scale.clone()).sum().backward();
        let theirs = (relu(theirs.output) * scale).sum().backward();
        assert_close(gamma.grad(&ours).unwrap(), gamma.grad(&theirs).unwrap());
        assert_close(beta.grad(&ours).unwrap(), beta.grad(&theirs).unwrap());
    }
}
