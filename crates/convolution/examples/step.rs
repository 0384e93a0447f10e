//! Times a training step of a small U-Net with Burn's own operations and with
//! those of this crate.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use adatom_convolution::{batch_norm_relu, conv2d_same, keep_freed_memory, max_pool_2x2, upsample_2x};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::module::{interpolate, max_pool2d};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Distribution, Tensor};
use std::time::{Duration, Instant};

#[derive(Module, Debug)]
struct Layer {
    convolution: Conv2d,
    norm: BatchNorm,
    fast: bool,
}

impl Layer {
    fn new(c_in: usize, c_out: usize, fast: bool, device: &Device) -> Self {
        Self {
            convolution: Conv2dConfig::new([c_in, c_out], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device),
            norm: BatchNormConfig::new(c_out).init(device),
            fast,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = convolve(&self.convolution, x, self.fast);
        if !self.fast {
            return relu(self.norm.forward(x));
        }
        let norm = &self.norm;
        let result = batch_norm_relu(x, norm.gamma.val(), norm.beta.val(), norm.epsilon);
        for (running, batch) in [(&norm.running_mean, result.mean), (&norm.running_var, result.variance)] {
            let old = running.value_sync().mul_scalar(1.0 - norm.momentum);
            running.update(old.add(batch.detach().mul_scalar(norm.momentum)).detach());
        }
        result.output
    }
}

fn convolve(layer: &Conv2d, x: Tensor<4>, fast: bool) -> Tensor<4> {
    if fast {
        conv2d_same(x, layer.weight.val(), layer.bias.as_ref().map(|b| b.val()))
    } else {
        layer.forward(x)
    }
}

#[derive(Module, Debug)]
struct Net {
    down: Vec<Layer>,
    up: Vec<Layer>,
    last: Conv2d,
    fast: bool,
}

const LEVELS: usize = 4;

impl Net {
    fn new(channels: usize, fast: bool, device: &Device) -> Self {
        let (mut down, mut up) = (Vec::new(), Vec::new());
        let mut c_in = 1;
        for level in 0..LEVELS {
            let c = channels << level;
            down.push(Layer::new(c_in, c, fast, device));
            down.push(Layer::new(c, c, fast, device));
            c_in = c;
        }
        for level in (0..LEVELS - 1).rev() {
            let c = channels << level;
            up.push(Layer::new(3 * c, c, fast, device));
            up.push(Layer::new(c, c, fast, device));
        }
        let last = Conv2dConfig::new([channels, 5], [1, 1]).init(device);
        Self { down, up, last, fast }
    }

    fn forward(&self, mut x: Tensor<4>) -> Tensor<4> {
        let mut kept = Vec::new();
        for (level, pair) in self.down.chunks(2).enumerate() {
            x = pair[1].forward(pair[0].forward(x));
            if level + 1 < LEVELS {
                kept.push(x.clone());
                x = if self.fast { max_pool_2x2(x) } else { max_pool2d(x, MaxPoolOptions::new([2, 2])) };
            }
        }
        for pair in self.up.chunks(2) {
            let skip = kept.pop().unwrap();
            let [_, _, h, w] = skip.dims();
            let large = if self.fast {
                upsample_2x(x)
            } else {
                let nearest = InterpolateOptions::new(InterpolateMode::Nearest);
                interpolate(x, nearest.with_output_size([h, w]))
            };
            x = pair[1].forward(pair[0].forward(Tensor::cat(vec![skip, large], 1)));
        }
        convolve(&self.last, x, self.fast)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>().unwrap());
    let channels = arguments.next().unwrap_or(16);
    let size = arguments.next().unwrap_or(128);
    let batch = arguments.next().unwrap_or(8);
    println!("{channels} channels at first, {LEVELS} levels, {batch} images of {size}x{size}");
    let device = Device::flex().autodiff();
    let x = Tensor::<4>::random([batch, 1, size, size], Distribution::Default, &device);
    let target = Tensor::<4>::random([batch, 5, size, size], Distribution::Default, &device);
    for (fast, keep) in [(false, false), (true, false), (false, true), (true, true)] {
        if keep {
            keep_freed_memory();
        }
        let mut net = Net::new(channels, fast, &device);
        let mut optimizer = AdamWConfig::new().init();
        let mut times = [Duration::MAX; 3];
        for _ in 0..if fast { 8 } else { 3 } {
            let start = Instant::now();
            let loss = (net.forward(x.clone()) - target.clone()).square().mean();
            times[0] = times[0].min(start.elapsed());
            let start = Instant::now();
            let grads = GradientsParams::from_grads(loss.backward(), &net);
            times[1] = times[1].min(start.elapsed());
            let start = Instant::now();
            net = optimizer.step(1e-3, net, grads);
            times[2] = times[2].min(start.elapsed());
        }
        let name = if fast { "this crate" } else { "stock Burn" };
        let memory = if keep { " keeping memory" } else { "" };
        println!("{name}{memory}: forward {:?}, backward {:?}, update {:?}", times[0], times[1], times[2]);
    }
}
