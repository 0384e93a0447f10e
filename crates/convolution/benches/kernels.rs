//! The speed of every kernel for the layers of a small U-Net, in multiplications and additions
//! of the direct sum.

#![allow(missing_docs)]

use adatom_convolution::kernels::layers::{Norm, Planes, normalize_relu, normalize_relu_backward};
use adatom_convolution::kernels::layers::{max_pool_2x2, max_pool_2x2_backward};
use adatom_convolution::kernels::{Kernels, Shape};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn convolutions<const SIDE: usize>(c: &mut Criterion, kernels: Kernels<SIDE>, name: &str, shapes: &[Shape]) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    for &s in shapes {
        let x = vec![0.5; s.n * s.c_in * s.h * s.w];
        let w = vec![0.1; s.c_out * s.c_in * SIDE * SIDE];
        let dy = vec![0.5; s.n * s.c_out * s.h * s.w];
        group.throughput(Throughput::Elements((2 * s.n * s.h * s.w * w.len()) as u64));
        let id = |what| BenchmarkId::new(what, format!("{}x{}to{}x{}x{}", s.n, s.c_in, s.c_out, s.h, s.w));
        group.bench_function(id("forward"), |b| b.iter(|| kernels.forward(&[&x], &w, None, true, s)));
        group.bench_function(id("input"), |b| b.iter(|| kernels.backward_input(&dy, &w, &[s.c_in], s)));
        group.bench_function(id("weight"), |b| b.iter(|| kernels.backward_weight(&[&x], &dy, s)));
    }
    group.finish();
}

fn all_convolutions(c: &mut Criterion) {
    let shape = |(c_in, c_out, side)| Shape { n: 4, c_in, c_out, h: side, w: side };
    let large = [(1, 16, 256), (16, 16, 256), (32, 16, 256), (64, 32, 128), (128, 64, 64), (128, 128, 32)];
    convolutions(c, Kernels::<3>::detect(), "3x3", &large.map(shape));
    convolutions(c, Kernels::<1>::detect(), "1x1", &[(16, 5, 256)].map(shape));
    let up = [(32, 64, 128), (128, 256, 32)];
    convolutions(c, Kernels::<1>::detect().doubling(), "doubling", &up.map(shape));
}

fn layers(c: &mut Criterion) {
    let s = Planes { n: 4, c: 16, h: 256, w: 256 };
    let (x, pooled) = (vec![0.5; s.len()], vec![0.5; s.len() / 4]);
    let channel = vec![1.0; s.c];
    let norm = Norm { gamma: &channel, beta: &channel, epsilon: 1e-5 };
    let mut group = c.benchmark_group("layers");
    group.sample_size(10);
    group.throughput(Throughput::Elements(s.len() as u64));
    group.bench_function("norm", |b| b.iter(|| normalize_relu(&x, norm, &channel, &channel, s)));
    group.bench_function("norm gradient", |b| {
        b.iter(|| normalize_relu_backward(&x, &x, norm, &channel, &channel, s));
    });
    group.bench_function("pool", |b| b.iter(|| max_pool_2x2(&x, s)));
    group.bench_function("pool gradient", |b| b.iter(|| max_pool_2x2_backward(&x, &pooled, s)));
    group.finish();
}

criterion_group!(benches, all_convolutions, layers);
criterion_main!(benches);
