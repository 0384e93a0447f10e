//! Every kernel on every instruction set against plain loops in `f64`.

#![allow(clippy::unwrap_used)]

use adatom_convolution::kernels::{InstructionSet, Kernels, Shape};
use proptest::prelude::*;

/// A small linear congruential generator of numbers in -1..1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn numbers(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next() as f32 / (1u64 << 30) as f32 - 1.0).collect()
    }
}

/// Calls `f` with the indices of output, input and weight of every product.
fn products(side: usize, s: Shape, mut f: impl FnMut(usize, usize, usize)) {
    let at = |n, channels, c, y, x| ((n * channels + c) * s.h + y) * s.w + x;
    let border = side / 2;
    for n in 0..s.n {
        for o in 0..s.c_out {
            for i in 0..s.c_in {
                for y in 0..s.h {
                    for x in 0..s.w {
                        for ky in 0..side {
                            for kx in 0..side {
                                let (Some(v), Some(u)) =
                                    ((y + ky).checked_sub(border), (x + kx).checked_sub(border))
                                else {
                                    continue;
                                };
                                if v < s.h && u < s.w {
                                    f(
                                        at(n, s.c_out, o, y, x),
                                        at(n, s.c_in, i, v, u),
                                        ((o * s.c_in + i) * side + ky) * side + kx,
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

const SETS: [InstructionSet; 4] =
    [InstructionSet::Avx512, InstructionSet::Avx2, InstructionSet::Neon, InstructionSet::Portable];

#[track_caller]
fn assert_close(what: &str, got: &[f32], expected: &[f64], terms: usize) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let tolerance = 2e-6 * (terms as f64).sqrt().max(1.0) * 4.0;
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(*g) - e).abs() < tolerance, "{what}[{i}]: {g} instead of {e}");
    }
}

/// The two arrays that hold the first `channels` and the other channels.
fn parted(x: &[f32], s: Shape, channels: usize) -> [Vec<f32>; 2] {
    let image = s.h * s.w;
    let part = |range: std::ops::Range<usize>| {
        x.chunks(s.c_in * image).flat_map(|x| x[range.start * image..range.end * image].to_vec()).collect()
    };
    [part(0..channels), part(channels..s.c_in)]
}

fn compare<const SIDE: usize>(s: Shape, seed: u64) {
    let mut random = Random(seed);
    let x = random.numbers(s.n * s.c_in * s.h * s.w);
    let w = random.numbers(s.c_out * s.c_in * SIDE * SIDE);
    let b = random.numbers(s.c_out);
    let dy = random.numbers(s.n * s.c_out * s.h * s.w);
    let image = s.h * s.w;
    let bias = |i: usize| i / image % s.c_out;
    let mut plain = vec![0.0; dy.len()];
    let mut dx = vec![0.0; x.len()];
    let mut dw = vec![0.0; w.len()];
    let mut db = vec![0.0; s.c_out];
    products(SIDE, s, |o, i, k| {
        plain[o] += f64::from(x[i]) * f64::from(w[k]);
        dx[i] += f64::from(dy[o]) * f64::from(w[k]);
        dw[k] += f64::from(dy[o]) * f64::from(x[i]);
    });
    for (i, d) in dy.iter().enumerate() {
        db[bias(i)] += f64::from(*d);
    }
    let y: Vec<f64> = plain.iter().enumerate().map(|(i, v)| v + f64::from(b[bias(i)])).collect();
    let relu: Vec<f64> = y.iter().map(|y| y.max(0.0)).collect();
    let pixels = (s.n * image) as f64;
    let (mut mean, mut variance) = (vec![0.0; s.c_out], vec![0.0; s.c_out]);
    for (i, v) in plain.iter().enumerate() {
        mean[bias(i)] += v / pixels;
    }
    for (i, v) in plain.iter().enumerate() {
        variance[bias(i)] += (v - mean[bias(i)]).powi(2) / pixels;
    }
    let split = [s.c_in / 3, s.c_in - s.c_in / 3];
    let [first, second] = parted(&x, s, split[0]);
    let parts = [&first[..], &second[..]];
    let terms = s.c_in * SIDE * SIDE;

    for set in SETS {
        let Some(kernels) = Kernels::<SIDE>::new(set) else {
            continue;
        };
        let what = |name| format!("{name} of {SIDE}x{SIDE} {s:?} on {set:?}");
        assert_close(&what("output"), &kernels.forward(&[&x], &w, Some(&b), false, s), &y, terms);
        assert_close(&what("rectified"), &kernels.forward(&parts, &w, Some(&b), true, s), &relu, terms);
        let (got, m, v) = kernels.forward_moments(&parts, &w, s);
        assert_close(&what("output without bias"), &got, &plain, terms);
        assert_close(&what("mean"), &m, &mean, terms);
        assert_close(&what("variance"), &v, &variance, terms * terms);
        let got = kernels.backward_input(&dy, &w, &[s.c_in], s);
        assert_close(&what("input gradient"), &got[0], &dx, s.c_out * SIDE * SIDE);
        let expected = parted(&got[0], s, split[0]);
        assert_eq!(kernels.backward_input(&dy, &w, &split, s), expected, "{}", what("parted gradient"));
        let got = kernels.backward_weight(&parts, &dy, s);
        assert_close(&what("weight gradient"), &got, &dw, s.n * image);
        assert_eq!(got, kernels.backward_weight(&[&x], &dy, s), "{}", what("weight gradient of parts"));
        assert_close(&what("bias gradient"), &kernels.backward_bias(&dy, s), &db, s.n * image);
    }
}

/// The doubling kernels against the plain ones, whose results they reorder.
fn compare_doubling(s: Shape, seed: u64) {
    let mut random = Random(seed);
    let s = Shape { c_out: 4 * s.c_out, ..s };
    let x = random.numbers(s.n * s.c_in * s.h * s.w);
    let w = random.numbers(s.c_out * s.c_in);
    let b = random.numbers(s.c_out);
    let dy = random.numbers(s.n * s.c_out * s.h * s.w);
    // Where each number of the large image is found among the channels.
    let place = |i: usize| {
        let (column, row) = (i % (2 * s.w), i / (2 * s.w) % (2 * s.h));
        let plane = i / (4 * s.h * s.w);
        (((plane * 2 + row % 2) * 2 + column % 2) * s.h + row / 2) * s.w + column / 2
    };
    let mut apart = vec![0.0; dy.len()];
    for (i, d) in dy.iter().enumerate() {
        apart[place(i)] = *d;
    }
    for set in SETS {
        let Some(plain) = Kernels::<1>::new(set) else {
            continue;
        };
        let kernels = plain.doubling();
        let y = plain.forward(&[&x], &w, Some(&b), false, s);
        let large = kernels.forward(&[&x], &w, Some(&b), false, s);
        for (i, v) in large.iter().enumerate() {
            assert_eq!(*v, y[place(i)], "{i} of {s:?} on {set:?}");
        }
        assert_eq!(
            kernels.backward_input(&dy, &w, &[s.c_in], s),
            plain.backward_input(&apart, &w, &[s.c_in], s)
        );
        assert_eq!(kernels.backward_weight(&[&x], &dy, s), plain.backward_weight(&[&x], &apart, s));
        let sums = plain.backward_bias(&apart, s).iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        assert_close("bias gradient", &kernels.backward_bias(&dy, s), &sums, s.n * s.h * s.w);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_shapes(n in 1..4_usize, c_in in 1..20_usize, c_out in 1..20_usize, h in 1..24_usize, w in 1..38_usize, seed: u64) {
        let s = Shape { n, c_in, c_out, h, w };
        compare::<3>(s, seed);
        compare::<1>(s, seed);
    }

    #[test]
    fn random_doublings(n in 1..3_usize, c_in in 1..12_usize, c_out in 1..6_usize, h in 1..12_usize, w in 1..38_usize, seed: u64) {
        compare_doubling(Shape { n, c_in, c_out, h, w }, seed);
    }
}

#[test]
fn edge_shapes() {
    for (n, c_in, c_out, h, w) in [
        (1, 1, 1, 1, 1),
        (2, 3, 5, 1, 7),
        (2, 5, 3, 7, 1),
        (1, 1, 8, 64, 64),
        (1, 8, 5, 33, 65),
        (1, 40, 8, 16, 16),
        (1, 70, 9, 8, 12),
        (9, 2, 9, 5, 16),
        (1, 1, 1, 100, 130),
    ] {
        let s = Shape { n, c_in, c_out, h, w };
        compare::<3>(s, 2);
        compare::<1>(s, 2);
    }
}

/// A sum along a random direction is differentiated by finite differences.
#[test]
fn gradients_are_those_of_finite_differences() {
    let s = Shape { n: 2, c_in: 3, c_out: 4, h: 6, w: 9 };
    let mut random = Random(5);
    let x = random.numbers(s.n * s.c_in * s.h * s.w);
    let w = random.numbers(s.c_out * s.c_in * 9);
    let dy = random.numbers(s.n * s.c_out * s.h * s.w);
    let kernels = Kernels::<3>::detect();
    let value = |x: &[f32], w: &[f32]| -> f64 {
        let y = kernels.forward(&[x], w, None, false, s);
        y.iter().zip(&dy).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum()
    };
    let step = 0.0625;
    let moved = |from: &[f32], i: usize, by: f32| {
        let mut to = from.to_vec();
        to[i] += by;
        to
    };
    let dx = kernels.backward_input(&dy, &w, &[s.c_in], s);
    for (i, dx) in dx[0].iter().enumerate() {
        let slope =
            (value(&moved(&x, i, step), &w) - value(&moved(&x, i, -step), &w)) / f64::from(2.0 * step);
        assert!((slope - f64::from(*dx)).abs() < 1e-3, "input {i}: {slope} and {dx}");
    }
    let dw = kernels.backward_weight(&[&x], &dy, s);
    for (i, dw) in dw.iter().enumerate() {
        let slope =
            (value(&x, &moved(&w, i, step)) - value(&x, &moved(&w, i, -step))) / f64::from(2.0 * step);
        assert!((slope - f64::from(*dw)).abs() < 1e-3, "weight {i}: {slope} and {dw}");
    }
}

/// Nothing may depend on how many threads there are.
#[test]
fn the_number_of_threads_changes_no_bit() {
    let s = Shape { n: 1, c_in: 5, c_out: 20, h: 37, w: 29 };
    let mut random = Random(6);
    let x = random.numbers(s.n * s.c_in * s.h * s.w);
    let w = random.numbers(s.c_out * s.c_in * 9);
    let dy = random.numbers(s.n * s.c_out * s.h * s.w);
    let results = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let kernels = Kernels::<3>::detect();
            let forward = kernels.forward_moments(&[&x], &w, s);
            let input = kernels.backward_input(&dy, &w, &[s.c_in], s);
            (forward, input, kernels.backward_weight(&[&x], &dy, s))
        })
    };
    assert_eq!(results(1), results(3));
    assert_eq!(results(1), results(16));
}

#[test]
fn no_number_goes_in_and_comes_out() {
    let s = Shape { n: 1, c_in: 1, c_out: 1, h: 8, w: 8 };
    let mut x = [1.0; 64];
    x[27] = f32::NAN;
    for set in SETS {
        if let Some(kernels) = Kernels::<3>::new(set) {
            assert!(kernels.forward(&[&x], &[1.0; 9], None, true, s)[27].is_nan(), "{set:?}");
        }
    }
}

#[test]
fn nothing_to_sum() {
    let s = Shape { n: 1, c_in: 0, c_out: 2, h: 2, w: 2 };
    let y = Kernels::<3>::detect().forward(&[&[]], &[], Some(&[1.0, 2.0]), false, s);
    assert_eq!(y, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
}

#[test]
#[should_panic(expected = "the weights must hold 9 numbers")]
fn wrong_length() {
    let s = Shape { n: 1, c_in: 1, c_out: 1, h: 2, w: 2 };
    Kernels::<3>::detect().forward(&[&[0.0; 4]], &[0.0; 8], None, false, s);
}
