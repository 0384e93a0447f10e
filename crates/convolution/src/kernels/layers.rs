//! The cheap layers between the convolutions, which move more memory than they
//! compute: each passes over its numbers as few times as it can.

#![allow(unsafe_code)]
// The operands of a layer are many slices, each with a role of its own.
#![allow(clippy::too_many_arguments)]

use super::{InstructionSet, Output, check, written};
use core::mem::MaybeUninit;
use rayon::prelude::*;

/// Numbers summed in single precision before the sum goes on in double.
const CHUNK: usize = 2048;

/// Independent sums, so that the compiler can keep them in vectors.
const LANES: usize = 32;

/// Pooled numbers whose gradient is computed together.
const POOLED: usize = 16;

/// `dy` at the first largest of two by two pixels, zero at the others.
#[inline(always)]
fn pooled_gradient(a: [f32; 2], b: [f32; 2], dy: f32) -> [[f32; 2]; 2] {
    let first = (a[0] >= a[1]) & (a[0] >= b[0]) & (a[0] >= b[1]);
    let second = !first & (a[1] >= b[0]) & (a[1] >= b[1]);
    let third = !first & !second & (b[0] >= b[1]);
    let fourth = !first & !second & !third;
    let keep = |wanted: bool| if wanted { dy } else { 0.0 };
    [[keep(first), keep(second)], [keep(third), keep(fourth)]]
}

/// Defines functions whose bodies are compiled for each instruction set.
macro_rules! multiversion {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {
        $($(#[$doc])*
        pub(super) fn $name(set: InstructionSet, $($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            fn avx512($($arg: $type),*) $(-> $result)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) $(-> $result)? { body($($arg),*) }
            match set {
                // SAFETY: sets other than the portable one are only made where
                // the processor has them.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        })*
    };
}

/// The sum of `f` over two slices of the same length, in lanes.
#[inline(always)]
fn sum(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (y, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x.iter().zip(y) {
        for i in 0..LANES {
            sums[i] += f(x[i], y[i]);
        }
    }
    for ((s, x), y) in sums.iter_mut().zip(x_rest).zip(y_rest) {
        *s += f(*x, *y);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

multiversion! {
    /// The mean of `x` and the sum of the squared deviations from it.
    fn moments(x: &[f32]) -> (f64, f64) {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for chunk in x.chunks(CHUNK) {
            let n = chunk.len() as f64;
            let m = sum(chunk, chunk, |x, _| x) / chunk.len() as f32;
            let s = sum(chunk, chunk, |x, _| (x - m) * (x - m));
            let difference = f64::from(m) - mean;
            let total = count + n;
            mean += difference * n / total;
            squares += f64::from(s) + difference * difference * count * n / total;
            count = total;
        }
        (mean, squares)
    }

    /// `max(0, a * x + b)`.
    fn rectify(x: &[f32], a: f32, b: f32, y: &mut [MaybeUninit<f32>]) {
        for (y, x) in y.iter_mut().zip(x) {
            let v = a * x + b;
            y.write(if v > 0.0 { v } else { 0.0 });
        }
    }

    /// The sums, over the places where `a * x + b` is positive, of `dy` and of
    /// `dy * (x - mean)`.
    fn rectified_sums(x: &[f32], dy: &[f32], a: f32, b: f32, mean: f32) -> (f64, f64) {
        let (mut plain, mut product) = (0.0, 0.0);
        for (x, dy) in x.chunks(CHUNK).zip(dy.chunks(CHUNK)) {
            let dz = |x: f32, dy: f32| if a * x + b > 0.0 { dy } else { 0.0 };
            plain += f64::from(sum(x, dy, dz));
            product += f64::from(sum(x, dy, |x, dy| dz(x, dy) * (x - mean)));
        }
        (plain, product)
    }

    /// `a * dz - k0 - k1 * (x - mean)` with `dz` as in the sums.
    fn rectified_gradient(
        x: &[f32], dy: &[f32], a: f32, b: f32, mean: f32, k0: f32, k1: f32, dx: &mut [MaybeUninit<f32>]
    ) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            let dz = if a * x + b > 0.0 { *dy } else { 0.0 };
            dx.write(a * dz - k0 - k1 * (x - mean));
        }
    }

    /// The larger of each two by two pixels of two rows.
    fn pool_row(above: &[f32], below: &[f32], y: &mut [MaybeUninit<f32>]) {
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        for ((y, a), b) in y.iter_mut().zip(above.as_chunks::<2>().0).zip(below.as_chunks::<2>().0) {
            y.write(larger(larger(a[0], a[1]), larger(b[0], b[1])));
        }
    }

    /// Gives each number of `dy` to the first largest of two by two pixels.
    fn pool_row_gradient(
        above: &[f32],
        below: &[f32],
        dy: &[f32],
        to_above: &mut [MaybeUninit<f32>],
        to_below: &mut [MaybeUninit<f32>]
    ) {
        let n = dy.len();
        let (above, below) = (&above.as_chunks::<2>().0[..n], &below.as_chunks::<2>().0[..n]);
        let to_above = &mut to_above.as_chunks_mut::<2>().0[..n];
        let to_below = &mut to_below.as_chunks_mut::<2>().0[..n];
        let mut done = 0;
        // In groups whose size is known, the compiler separates the columns in
        // registers; bits decide which number is kept, for want of branches.
        while done + POOLED <= n {
            let mut to = [[[0.0f32; 2]; 2]; POOLED];
            for (i, to) in to.iter_mut().enumerate() {
                let at = done + i;
                *to = pooled_gradient(above[at], below[at], dy[at]);
            }
            for (i, [a, b]) in to.into_iter().enumerate() {
                to_above[done + i] = a.map(MaybeUninit::new);
                to_below[done + i] = b.map(MaybeUninit::new);
            }
            done += POOLED;
        }
        for at in done..n {
            let [a, b] = pooled_gradient(above[at], below[at], dy[at]);
            to_above[at] = a.map(MaybeUninit::new);
            to_below[at] = b.map(MaybeUninit::new);
        }
    }

    /// The sum of the numbers.
    fn plane_sum(x: &[f32]) -> f64 {
        x.chunks(CHUNK).map(|x| f64::from(sum(x, x, |x, _| x))).sum()
    }
}

/// The sums over the places of each two by two pixels of planes with rows of
/// `2 * w` numbers.
pub(super) fn phase_sums<'a>(planes: impl Iterator<Item = &'a [f32]>, w: usize) -> Vec<f32> {
    let mut sums = [0.0f64; 4];
    for plane in planes {
        for (y, row) in plane.chunks_exact(2 * w).enumerate() {
            let mut lanes = [0.0f32; LANES];
            let (chunks, rest) = row.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, v) in lanes.iter_mut().zip(chunk) {
                    *lane += v;
                }
            }
            for (lane, v) in lanes.iter_mut().zip(rest) {
                *lane += v;
            }
            for (i, lane) in lanes.iter().enumerate() {
                sums[y % 2 * 2 + i % 2] += f64::from(*lane);
            }
        }
    }
    sums.map(|s| s as f32).to_vec()
}

/// The sizes of a batch of images for a layer that keeps channels apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Images in the batch.
    pub n: usize,
    /// Channels.
    pub c: usize,
    /// Rows of an image.
    pub h: usize,
    /// Columns of an image.
    pub w: usize,
}

impl Planes {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.n * self.c * self.h * self.w
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parts of all images that belong to channel `c`.
    fn ranges(&self, c: usize) -> impl Iterator<Item = core::ops::Range<usize>> + use<> {
        let (channels, image) = (self.c, self.h * self.w);
        (0..self.n).map(move |n| {
            let start = (n * channels + c) * image;
            start..start + image
        })
    }
}

/// What a batch normalisation is about, apart from the images.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// The factor of each channel.
    pub gamma: &'a [f32],
    /// The offset of each channel.
    pub beta: &'a [f32],
    /// What is added to the variance before the root is taken.
    pub epsilon: f64,
}

impl Norm<'_> {
    fn check(&self, channels: usize) {
        check("gamma", self.gamma.len(), channels);
        check("beta", self.beta.len(), channels);
    }

    /// Factor and offset applied to the numbers of channel `c`.
    fn affine(&self, c: usize, mean: f32, variance: f32) -> (f32, f32) {
        let a = f64::from(self.gamma[c]) / (f64::from(variance) + self.epsilon).sqrt();
        let b = f64::from(self.beta[c]) - f64::from(mean) * a;
        (a as f32, b as f32)
    }
}

/// Normalises each channel with the given mean and variance and cuts off what
/// is negative.
///
/// # Panics
/// If the length of a slice does not fit the shape.
pub fn normalize_relu(x: &[f32], norm: Norm<'_>, mean: &[f32], variance: &[f32], shape: Planes) -> Vec<f32> {
    check("the input", x.len(), shape.len());
    check("the mean", mean.len(), shape.c);
    check("the variance", variance.len(), shape.c);
    norm.check(shape.c);
    let (set, image) = (InstructionSet::detect(), shape.h * shape.w);
    let fill = |out: Output| {
        (0..shape.n * shape.c).into_par_iter().for_each(|plane| {
            let c = plane % shape.c;
            let (a, b) = norm.affine(c, mean[c], variance[c]);
            // SAFETY: each plane belongs to one task.
            let y = unsafe { out.part(plane * image, image) };
            rectify(set, &x[plane * image..][..image], a, b, y);
        });
    };
    // SAFETY: the planes cover the output.
    unsafe { written(shape.len(), fill) }.0
}

/// The gradients of [`normalize_relu`] where mean and variance are those of the
/// input: of the input, and one number for each channel for gamma and beta.
///
/// # Panics
/// If the length of a slice does not fit the shape.
pub fn normalize_relu_backward(
    x: &[f32],
    dy: &[f32],
    norm: Norm<'_>,
    mean: &[f32],
    variance: &[f32],
    shape: Planes,
) -> [Vec<f32>; 3] {
    check("the input", x.len(), shape.len());
    check("the output gradient", dy.len(), shape.len());
    check("the mean", mean.len(), shape.c);
    check("the variance", variance.len(), shape.c);
    norm.check(shape.c);
    let set = InstructionSet::detect();
    let count = (shape.n * shape.h * shape.w).max(1) as f64;
    let fill = |out: Output| -> Vec<(f32, f32)> {
        let channel = |c: usize| {
            let mean = mean[c];
            let (a, b) = norm.affine(c, mean, variance[c]);
            let (mut plain, mut product) = (0.0, 0.0);
            for range in shape.ranges(c) {
                let sums = rectified_sums(set, &x[range.clone()], &dy[range], a, b, mean);
                plain += sums.0;
                product += sums.1;
            }
            let precision = 1.0 / (f64::from(variance[c]) + norm.epsilon);
            let k0 = (f64::from(a) * plain / count) as f32;
            let k1 = (f64::from(a) * product * precision / count) as f32;
            for range in shape.ranges(c) {
                // SAFETY: the planes of a channel belong to its task alone.
                let dx = unsafe { out.part(range.start, range.len()) };
                let (x, dy) = (&x[range.clone()], &dy[range]);
                rectified_gradient(set, x, dy, a, b, mean, k0, k1, dx);
            }
            ((product * precision.sqrt()) as f32, plain as f32)
        };
        (0..shape.c).into_par_iter().with_max_len(1).map(channel).collect()
    };
    // SAFETY: the planes of all channels cover the output.
    let (dx, sums) = unsafe { written(shape.len(), fill) };
    let (dgamma, dbeta) = sums.into_iter().unzip();
    [dx, dgamma, dbeta]
}

/// The largest of each two by two pixels; a last odd row or column is left out.
///
/// # Panics
/// If the length of the slice does not fit the shape, which is that of `x`.
pub fn max_pool_2x2(x: &[f32], shape: Planes) -> Vec<f32> {
    check("the input", x.len(), shape.len());
    let (h, w, set) = (shape.h / 2, shape.w / 2, InstructionSet::detect());
    let fill = |out: Output| {
        (0..shape.n * shape.c).into_par_iter().for_each(|plane| {
            let x = &x[plane * shape.h * shape.w..];
            for y in 0..h {
                let (above, below) = x[2 * y * shape.w..][..2 * shape.w].split_at(shape.w);
                // SAFETY: a row of this task's plane.
                let row = unsafe { out.part((plane * h + y) * w, w) };
                pool_row(set, above, below, row);
            }
        });
    };
    // SAFETY: the rows of all planes cover the output.
    unsafe { written(shape.n * shape.c * h * w, fill) }.0
}

/// The gradient of [`max_pool_2x2`]; among equals the first gets it.
///
/// # Panics
/// If the length of a slice does not fit the shape, which is that of `x`.
pub fn max_pool_2x2_backward(x: &[f32], dy: &[f32], shape: Planes) -> Vec<f32> {
    let (h, w) = (shape.h / 2, shape.w / 2);
    check("the input", x.len(), shape.len());
    check("the output gradient", dy.len(), shape.n * shape.c * h * w);
    let set = InstructionSet::detect();
    let fill = |out: Output| {
        (0..shape.n * shape.c).into_par_iter().for_each(|plane| {
            let start = plane * shape.h * shape.w;
            for y in 0..h {
                let at = start + 2 * y * shape.w;
                let (above, below) = x[at..][..2 * shape.w].split_at(shape.w);
                // SAFETY: two rows of this task's plane.
                let (to_above, to_below) = unsafe { out.part(at, 2 * shape.w) }.split_at_mut(shape.w);
                pool_row_gradient(set, above, below, &dy[(plane * h + y) * w..][..w], to_above, to_below);
                if shape.w > 2 * w {
                    to_above[2 * w].write(0.0);
                    to_below[2 * w].write(0.0);
                }
            }
            let done = 2 * h * shape.w;
            // SAFETY: the rest of this task's plane.
            let rest = unsafe { out.part(start + done, shape.h * shape.w - done) };
            rest.iter_mut().for_each(|dx| {
                dx.write(0.0);
            });
        });
    };
    // SAFETY: the rows of all planes cover the output.
    unsafe { written(shape.len(), fill) }.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin()).collect()
    }

    /// Everything the row functions give for rows of `n` numbers.
    fn results(set: InstructionSet, n: usize) -> Vec<f32> {
        let (x, z, dy) = (numbers(n, 0.7), numbers(n, 1.3), numbers(n, 2.1));
        let (a, b, mean) = (0.8, 0.1, 0.2);
        let (m, squares) = moments(set, &x);
        let sums = rectified_sums(set, &x, &dy, a, b, mean);
        let mut all = [m, squares, sums.0, sums.1].map(|v| v as f32).to_vec();
        let mut row = |n: usize, f: &mut dyn FnMut(&mut [MaybeUninit<f32>])| {
            let mut out = vec![MaybeUninit::new(0.0); n];
            f(&mut out);
            // SAFETY: made of numbers.
            all.extend(out.iter().map(|v| unsafe { v.assume_init() }));
        };
        row(n, &mut |y| rectify(set, &x, a, b, y));
        row(n, &mut |dx| {
            rectified_gradient(set, &x, &dy, a, b, mean, 0.1, 0.2, dx);
        });
        row(n / 2, &mut |y| pool_row(set, &x, &z, y));
        row(2 * n, &mut |dx| {
            let (above, below) = dx.split_at_mut(n);
            pool_row_gradient(set, &x, &z, &dy[..n / 2], above, below);
        });
        all.push(plane_sum(set, &x) as f32);
        all
    }

    #[test]
    fn instruction_sets_agree() {
        for n in [1, 2, 31, 64, 100, 5000] {
            let expected = results(InstructionSet::Portable, n);
            for set in [InstructionSet::Avx2, InstructionSet::Avx512] {
                if set.is_available() {
                    for (a, b) in results(set, n).iter().zip(&expected) {
                        let scale = b.abs().max(1.0);
                        assert!((a - b).abs() < 1e-5 * scale, "{a} {b} for {n} on {set:?}");
                    }
                }
            }
        }
    }
}
