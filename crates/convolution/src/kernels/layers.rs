//! The cheap layers between the convolutions, which move more memory than they
//! compute: each passes over its numbers as few times as it can.

#![allow(unsafe_code)]
// The operands of a layer are many slices, each with a role of its own.
#![allow(clippy::too_many_arguments)]

use super::{InstructionSet, Output, check};
use rayon::prelude::*;

/// Numbers summed in single precision before the sum goes on in double.
const CHUNK: usize = 2048;

/// Independent sums, so that the compiler can keep them in vectors.
const LANES: usize = 32;

/// Defines functions whose bodies are compiled for each instruction set.
macro_rules! multiversion {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {
        $($(#[$doc])*
        fn $name(set: InstructionSet, $($arg: $type),*) $(-> $result)? {
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
    fn rectify(x: &[f32], a: f32, b: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            let v = a * x + b;
            *y = if v > 0.0 { v } else { 0.0 };
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
        x: &[f32], dy: &[f32], a: f32, b: f32, mean: f32, k0: f32, k1: f32, dx: &mut [f32]
    ) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            let dz = if a * x + b > 0.0 { *dy } else { 0.0 };
            *dx = a * dz - k0 - k1 * (x - mean);
        }
    }

    /// The larger of each two by two pixels of two rows.
    fn pool_row(above: &[f32], below: &[f32], y: &mut [f32]) {
        for ((y, a), b) in y.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
            let larger = |a: f32, b: f32| if b > a { b } else { a };
            *y = larger(larger(a[0], a[1]), larger(b[0], b[1]));
        }
    }

    /// Gives each number of `dy` to the first largest of two by two pixels.
    fn pool_row_gradient(
        above: &[f32], below: &[f32], dy: &[f32], to_above: &mut [f32], to_below: &mut [f32]
    ) {
        let from = above.chunks_exact(2).zip(below.chunks_exact(2));
        let to = to_above.chunks_exact_mut(2).zip(to_below.chunks_exact_mut(2));
        for ((dy, (a, b)), (da, db)) in dy.iter().zip(from).zip(to) {
            let first = a[0] >= a[1] && a[0] >= b[0] && a[0] >= b[1];
            let second = !first && a[1] >= b[0] && a[1] >= b[1];
            let third = !first && !second && b[0] >= b[1];
            da[0] = if first { *dy } else { 0.0 };
            da[1] = if second { *dy } else { 0.0 };
            db[0] = if third { *dy } else { 0.0 };
            db[1] = if first || second || third { 0.0 } else { *dy };
        }
    }

    /// Every number twice.
    fn double_row(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.chunks_exact_mut(2).zip(x) {
            y[0] = *x;
            y[1] = *x;
        }
    }

    /// The sum of each two by two pixels of two rows.
    fn double_row_gradient(above: &[f32], below: &[f32], dx: &mut [f32]) {
        for ((d, a), b) in dx.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
            *d = (a[0] + a[1]) + (b[0] + b[1]);
        }
    }
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

/// Normalises each channel over the batch and cuts off what is negative; also
/// gives the mean and the (biased) variance of each channel.
///
/// # Panics
/// If the length of a slice does not fit the shape.
pub fn batch_norm_relu_forward(
    x: &[f32],
    norm: Norm<'_>,
    y: &mut [f32],
    mean: &mut [f32],
    variance: &mut [f32],
    shape: Planes,
) {
    check("the input", x.len(), shape.len());
    check("the output", y.len(), shape.len());
    check("the mean", mean.len(), shape.c);
    check("the variance", variance.len(), shape.c);
    norm.check(shape.c);
    let set = InstructionSet::detect();
    let out = Output(y.as_mut_ptr());
    mean.par_iter_mut().zip(variance).enumerate().with_max_len(1).for_each(|(c, (mean, variance))| {
        let (mut count, mut m, mut squares) = (0.0, 0.0, 0.0);
        for range in shape.ranges(c) {
            let n = range.len() as f64;
            let (one, s) = moments(set, &x[range]);
            let (difference, total) = (one - m, count + n);
            if total > 0.0 {
                m += difference * n / total;
                squares += s + difference * difference * count * n / total;
            }
            count = total;
        }
        *mean = m as f32;
        *variance = (squares / count.max(1.0)) as f32;
        let (a, b) = norm.affine(c, *mean, *variance);
        for range in shape.ranges(c) {
            // SAFETY: the planes of a channel belong to its task alone.
            let y = unsafe { out.part(range.start, range.len()) };
            rectify(set, &x[range], a, b, y);
        }
    });
}

/// The gradients of [`batch_norm_relu_forward`]: `dx`, and one number for each
/// channel in `dgamma` and `dbeta`, from `dy` and the statistics it gave.
///
/// # Panics
/// If the length of a slice does not fit the shape.
pub fn batch_norm_relu_backward(
    x: &[f32],
    dy: &[f32],
    norm: Norm<'_>,
    mean: &[f32],
    variance: &[f32],
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    shape: Planes,
) {
    check("the input", x.len(), shape.len());
    check("the output gradient", dy.len(), shape.len());
    check("the input gradient", dx.len(), shape.len());
    check("the mean", mean.len(), shape.c);
    check("the variance", variance.len(), shape.c);
    check("the gradient of gamma", dgamma.len(), shape.c);
    check("the gradient of beta", dbeta.len(), shape.c);
    norm.check(shape.c);
    let set = InstructionSet::detect();
    let out = Output(dx.as_mut_ptr());
    let count = (shape.n * shape.h * shape.w).max(1) as f64;
    dgamma.par_iter_mut().zip(dbeta).enumerate().with_max_len(1).for_each(|(c, (dgamma, dbeta))| {
        let mean = mean[c];
        let (a, b) = norm.affine(c, mean, variance[c]);
        let (mut plain, mut product) = (0.0, 0.0);
        for range in shape.ranges(c) {
            let sums = rectified_sums(set, &x[range.clone()], &dy[range], a, b, mean);
            plain += sums.0;
            product += sums.1;
        }
        let precision = 1.0 / (f64::from(variance[c]) + norm.epsilon);
        *dbeta = plain as f32;
        *dgamma = (product * precision.sqrt()) as f32;
        let k0 = (f64::from(a) * plain / count) as f32;
        let k1 = (f64::from(a) * product * precision / count) as f32;
        for range in shape.ranges(c) {
            // SAFETY: the planes of a channel belong to its task alone.
            let dx = unsafe { out.part(range.start, range.len()) };
            let (x, dy) = (&x[range.clone()], &dy[range]);
            rectified_gradient(set, x, dy, a, b, mean, k0, k1, dx);
        }
    });
}

/// The largest of each two by two pixels; a last odd row or column is left out.
///
/// # Panics
/// If the length of a slice does not fit the shape, which is that of `x`.
pub fn max_pool_2x2_forward(x: &[f32], y: &mut [f32], shape: Planes) {
    let (h, w) = (shape.h / 2, shape.w / 2);
    check("the input", x.len(), shape.len());
    check("the output", y.len(), shape.n * shape.c * h * w);
    if y.is_empty() {
        return;
    }
    let set = InstructionSet::detect();
    y.par_chunks_mut(h * w).zip(x.par_chunks(shape.h * shape.w)).for_each(|(y, x)| {
        for (y, x) in y.chunks_mut(w).zip(x.chunks(2 * shape.w)) {
            let (above, below) = x.split_at(shape.w);
            pool_row(set, above, below, y);
        }
    });
}

/// The gradient of [`max_pool_2x2_forward`]; among equals the first gets it.
///
/// # Panics
/// If the length of a slice does not fit the shape, which is that of `x`.
pub fn max_pool_2x2_backward(x: &[f32], dy: &[f32], dx: &mut [f32], shape: Planes) {
    let (h, w) = (shape.h / 2, shape.w / 2);
    check("the input", x.len(), shape.len());
    check("the input gradient", dx.len(), shape.len());
    check("the output gradient", dy.len(), shape.n * shape.c * h * w);
    if dy.is_empty() || !shape.w.is_multiple_of(2) || !shape.h.is_multiple_of(2) {
        dx.fill(0.0);
    }
    if dy.is_empty() {
        return;
    }
    let set = InstructionSet::detect();
    let image = shape.h * shape.w;
    dx.par_chunks_mut(image).zip(x.par_chunks(image)).zip(dy.par_chunks(h * w)).for_each(|((dx, x), dy)| {
        let rows = dx.chunks_mut(2 * shape.w).zip(x.chunks(2 * shape.w));
        for ((dx, x), dy) in rows.zip(dy.chunks(w)) {
            let (above, below) = x.split_at(shape.w);
            let (to_above, to_below) = dx.split_at_mut(shape.w);
            pool_row_gradient(set, above, below, dy, to_above, to_below);
        }
    });
}

/// Every pixel as two by two pixels.
///
/// # Panics
/// If the length of a slice does not fit the shape, which is that of `x`.
pub fn upsample_2x_forward(x: &[f32], y: &mut [f32], shape: Planes) {
    check("the input", x.len(), shape.len());
    check("the output", y.len(), 4 * shape.len());
    if x.is_empty() {
        return;
    }
    let set = InstructionSet::detect();
    let image = shape.h * shape.w;
    y.par_chunks_mut(4 * image).zip(x.par_chunks(image)).for_each(|(y, x)| {
        for (y, x) in y.chunks_mut(4 * shape.w).zip(x.chunks(shape.w)) {
            let (above, below) = y.split_at_mut(2 * shape.w);
            double_row(set, x, above);
            below.copy_from_slice(above);
        }
    });
}

/// The gradient of [`upsample_2x_forward`].
///
/// # Panics
/// If the length of a slice does not fit the shape, which is that of `x`.
pub fn upsample_2x_backward(dy: &[f32], dx: &mut [f32], shape: Planes) {
    check("the input gradient", dx.len(), shape.len());
    check("the output gradient", dy.len(), 4 * shape.len());
    if dx.is_empty() {
        return;
    }
    let set = InstructionSet::detect();
    let image = shape.h * shape.w;
    dx.par_chunks_mut(image).zip(dy.par_chunks(4 * image)).for_each(|(dx, dy)| {
        for (dx, dy) in dx.chunks_mut(shape.w).zip(dy.chunks(4 * shape.w)) {
            let (above, below) = dy.split_at(2 * shape.w);
            double_row_gradient(set, above, below, dx);
        }
    });
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
        let mut row = |n: usize, f: &mut dyn FnMut(&mut [f32])| {
            let mut out = vec![0.0; n];
            f(&mut out);
            all.extend(out);
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
        row(2 * n, &mut |y| double_row(set, &x, y));
        row(n / 2, &mut |dx| double_row_gradient(set, &x, &z, dx));
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
