//! Every kernel on every instruction set against plain loops in `f64`.

use adatom_convolution::kernels::{InstructionSet, Kernels, Shape};

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

    fn up_to(&mut self, n: usize) -> usize {
        self.next() as usize % n + 1
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

#[track_caller]
fn assert_close(what: &str, got: &[f32], expected: &[f64], terms: usize) {
    let tolerance = 1e-6 * (terms as f64).sqrt().max(1.0) * 4.0;
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(*g) - e).abs() < tolerance, "{what}[{i}]: {g} instead of {e}");
    }
}

fn compare<const SIDE: usize>(s: Shape, random: &mut Random) {
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

    let sets = [InstructionSet::Avx512, InstructionSet::Avx2, InstructionSet::Portable];
    for set in sets {
        let Some(kernels) = Kernels::<SIDE>::new(set) else {
            continue;
        };
        let what = |name| format!("{name} of {SIDE}x{SIDE} {s:?} on {set:?}");
        let mut got = vec![f32::NAN; dy.len()];
        kernels.forward(&x, &w, Some(&b), &mut got, s);
        assert_close(&what("output"), &got, &y, s.c_in * SIDE * SIDE);
        got.fill(f32::NAN);
        kernels.forward(&x, &w, None, &mut got, s);
        assert_close(&what("output without bias"), &got, &plain, s.c_in * SIDE * SIDE);
        let mut got = vec![f32::NAN; x.len()];
        kernels.backward_input(&dy, &w, &mut got, s);
        assert_close(&what("input gradient"), &got, &dx, s.c_out * SIDE * SIDE);
        let (mut gw, mut gb) = (vec![f32::NAN; w.len()], vec![f32::NAN; s.c_out]);
        kernels.backward_weight(&x, &dy, &mut gw, &mut gb, s);
        assert_close(&what("weight gradient"), &gw, &dw, s.n * image);
        assert_close(&what("bias gradient"), &gb, &db, s.n * image);
    }
}

#[test]
fn random_shapes() {
    let mut random = Random(1);
    for _ in 0..40 {
        let s = Shape {
            n: random.up_to(3),
            c_in: random.up_to(19),
            c_out: random.up_to(19),
            h: random.up_to(23),
            w: random.up_to(37),
        };
        compare::<3>(s, &mut random);
        compare::<1>(s, &mut random);
    }
}

#[test]
fn edge_shapes() {
    let mut random = Random(2);
    for (n, c_in, c_out, h, w) in [
        (1, 1, 1, 1, 1),
        (2, 3, 5, 1, 7),
        (2, 5, 3, 7, 1),
        (1, 1, 8, 64, 64),
        (1, 8, 5, 33, 65),
        (1, 40, 8, 16, 16),
        (9, 2, 9, 5, 16),
        (1, 1, 1, 100, 130),
    ] {
        let s = Shape { n, c_in, c_out, h, w };
        compare::<3>(s, &mut random);
        compare::<1>(s, &mut random);
    }
}

#[test]
fn nothing_to_sum() {
    let s = Shape { n: 1, c_in: 0, c_out: 2, h: 2, w: 2 };
    let kernels = Kernels::<3>::detect();
    let mut y = [f32::NAN; 8];
    kernels.forward(&[], &[], Some(&[1.0, 2.0]), &mut y, s);
    assert_eq!(y, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
}

#[test]
#[should_panic(expected = "the weights must hold 9 numbers")]
fn wrong_length() {
    let s = Shape { n: 1, c_in: 1, c_out: 1, h: 2, w: 2 };
    Kernels::<3>::detect().forward(&[0.0; 4], &[0.0; 8], None, &mut [0.0; 4], s);
}
