//! Prints the speed of every kernel for the layers of a small U-Net.

#![allow(clippy::print_stdout)]

use adatom_convolution::kernels::{InstructionSet, Kernels, Shape};
use std::time::Instant;

fn best(mut f: impl FnMut()) -> f64 {
    f();
    let start = Instant::now();
    let mut best = f64::INFINITY;
    while start.elapsed().as_secs_f64() < 0.15 {
        let one = Instant::now();
        f();
        best = best.min(one.elapsed().as_secs_f64());
    }
    best
}

fn measure<const SIDE: usize>(set: InstructionSet, s: Shape) {
    let Some(kernels) = Kernels::<SIDE>::new(set) else {
        return;
    };
    let x = vec![0.5; s.n * s.c_in * s.h * s.w];
    let w = vec![0.1; s.c_out * s.c_in * SIDE * SIDE];
    let b = vec![0.1; s.c_out];
    let dy = vec![0.5; s.n * s.c_out * s.h * s.w];
    let (mut y, mut dx, mut dw, mut db) = (dy.clone(), x.clone(), w.clone(), b.clone());
    let work = 2e-9 * (s.n * s.h * s.w * w.len()) as f64;
    let forward = best(|| kernels.forward(&x, &w, Some(&b), &mut y, s));
    let input = best(|| kernels.backward_input(&dy, &w, &mut dx, s));
    let weight = best(|| kernels.backward_weight(&x, &dy, &mut dw, &mut db, s));
    println!(
        "{set:?} {SIDE}x{SIDE} {}x{:3}->{:3} {:3}x{:3}: forward {:6.1}, input gradient {:6.1}, weight gradient {:6.1} GFLOP/s",
        s.n,
        s.c_in,
        s.c_out,
        s.h,
        s.w,
        work / forward,
        work / input,
        work / weight
    );
}

fn main() {
    let sets = match std::env::args().nth(1).as_deref() {
        Some("all") => vec![InstructionSet::Avx512, InstructionSet::Avx2, InstructionSet::Portable],
        _ => vec![InstructionSet::detect()],
    };
    for set in sets {
        for (c_in, c_out, side) in [
            (1, 16, 128),
            (8, 8, 128),
            (16, 16, 128),
            (32, 16, 128),
            (32, 32, 64),
            (64, 64, 32),
            (128, 128, 16),
            (256, 128, 16),
            (64, 64, 8),
        ] {
            measure::<3>(set, Shape { n: 8, c_in, c_out, h: side, w: side });
        }
        for (c_in, c_out) in [(16, 5), (32, 16), (64, 64)] {
            measure::<1>(set, Shape { n: 8, c_in, c_out, h: 128, w: 128 });
        }
    }
}
