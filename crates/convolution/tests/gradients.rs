//! The operations on every device against Burn's own on the CPU, with and without gradients.

#![allow(clippy::unwrap_used)]

mod support;

use adatom_convolution::{conv2d_double, conv2d_norm_relu, conv2d_relu, conv2d_same, max_pool_2x2};
use burn::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm_train, conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, TensorData, Tolerance};
use support::on_every_device;

/// The same pseudo-random numbers from -1 to 1 on any device.
fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f32 / (1u64 << 30) as f32 - 1.0
    };
    let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

fn stock(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    let border = weight.dims()[2] / 2;
    conv2d(x, weight, bias, ConvOptions::new([1, 1], [border, border], [1, 1], 1))
}

/// Every device computes in `f32` and rounds sums and products alike, so what may differ is the
/// order of the sums: of up to 5000 terms up to 1 in size here, which leaves some 1e-5 apart.
#[track_caller]
fn assert_close<const D: usize>(a: Tensor<D>, b: Tensor<D>) {
    a.into_data().assert_approx_eq::<f32>(&b.into_data(), Tolerance::absolute(1e-4));
}

fn compare(device: &Device, side: usize, shape: [usize; 4], c_out: usize, bias: bool) {
    let operands = |device: &Device| {
        let bias = bias.then(|| random(3, [c_out], device));
        (random(1, shape, device), random(2, [c_out, shape[1], side, side], device), bias)
    };
    let outcome = |device: &Device, convolve: fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>) -> Tensor<4>| {
        let device = device.clone().autodiff();
        let (x, w, b) = operands(&device);
        let (x, w, b) = (x.require_grad(), w.require_grad(), b.map(Tensor::require_grad));
        let y = convolve(x.clone(), w.clone(), b.clone());
        let grads = (y.clone() * random(4, y.dims(), &device)).sum().backward();
        (y.inner(), x.grad(&grads).unwrap(), w.grad(&grads).unwrap(), b.map(|b| b.grad(&grads).unwrap()))
    };
    let (y, dx, dw, db) = outcome(device, conv2d_same);
    let (expected, expected_dx, expected_dw, expected_db) = outcome(&Device::flex(), stock);
    assert_close(y, expected.clone());
    assert_close(dx, expected_dx);
    assert_close(dw, expected_dw);
    if let (Some(db), Some(expected_db)) = (db, expected_db) {
        assert_close(db, expected_db);
    }
    let (x, w, b) = operands(device);
    assert_close(conv2d_same(x, w, b), expected);
}

#[test]
fn convolution_agrees_with_stock() {
    on_every_device(|device| {
        for bias in [true, false] {
            compare(device, 3, [2, 3, 9, 17], 5, bias);
            compare(device, 3, [1, 8, 16, 16], 8, bias);
            compare(device, 1, [2, 7, 5, 11], 4, bias);
        }
    });
}

#[test]
fn takes_views() {
    let on = |device: &Device| {
        let x = random(1, [2, 6, 9, 8], device).swap_dims(2, 3).narrow(1, 1, 3);
        (x, random(2, [3, 4, 3, 3], device).swap_dims(0, 1))
    };
    on_every_device(|device| {
        let ((x, w), (same_x, same_w)) = (on(device), on(&Device::flex()));
        assert_close(conv2d_same(x, w, None), stock(same_x, same_w, None));
    });
}

#[test]
fn gradients_only_where_asked_for() {
    on_every_device(|device| {
        let device = device.clone().autodiff();
        let x = random(1, [1, 2, 4, 4], &device);
        let w = random(2, [3, 2, 3, 3], &device).require_grad();
        let grads = conv2d_same(x.clone(), w.clone(), None).sum().backward();
        assert!(x.grad(&grads).is_none());
        assert!(w.grad(&grads).is_some());
    });
}

#[test]
#[should_panic(expected = "1x1 or 3x3")]
fn other_kernels_are_refused() {
    let device = Device::flex();
    conv2d_same(random(1, [1, 1, 8, 8], &device), random(2, [1, 1, 5, 5], &device), None);
}

/// An operation's result and input gradient.
fn outcome(device: &Device, shape: [usize; 4], f: impl Fn(Tensor<4>) -> Tensor<4>) -> [Tensor<4>; 2] {
    let device = device.clone().autodiff();
    let x = random(1, shape, &device).require_grad();
    let y = f(x.clone());
    let grads = (y.clone() * random(2, y.dims(), &device)).sum().backward();
    [y.inner(), x.grad(&grads).unwrap()]
}

/// Compares an operation and its input gradient with another on the CPU.
fn compare_layers(
    device: &Device,
    shape: [usize; 4],
    ours: impl Fn(Tensor<4>) -> Tensor<4>,
    theirs: impl Fn(Tensor<4>) -> Tensor<4>,
) {
    let ([y, dx], [expected, expected_dx]) =
        (outcome(device, shape, &ours), outcome(&Device::flex(), shape, theirs));
    assert_close(y, expected.clone());
    assert_close(dx, expected_dx);
    assert_close(ours(random(1, shape, device)), expected);
}

#[test]
fn pooling_agrees_with_stock() {
    on_every_device(|device| {
        for shape in [[2, 3, 8, 10], [1, 2, 7, 9], [1, 1, 2, 2], [2, 1, 3, 64]] {
            let stock = |x| max_pool2d(x, MaxPoolOptions::new([2, 2]));
            compare_layers(device, shape, max_pool_2x2, stock);
        }
    });
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
            x: random(1, [n, c, h, w], device).require_grad(),
            second: (second > 0).then(|| random(2, [n, second, h, w], device).require_grad()),
            weight: random(3, [c_out, c + second, side, side], device).require_grad(),
            vectors: [4, 5].map(|seed| random(seed, [c_out], device).require_grad()),
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
        let scale = random(6, ours.dims(), &ours.device());
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
    on_every_device(|device| {
        let device = device.clone().autodiff();
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
    });
}

#[test]
fn normalised_convolution_agrees_with_stock() {
    on_every_device(|device| {
        let device = device.clone().autodiff();
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
    });
}

#[test]
fn up_convolution_agrees_with_reordered_channels() {
    on_every_device(|device| {
        let device = device.clone().autodiff();
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
    });
}
