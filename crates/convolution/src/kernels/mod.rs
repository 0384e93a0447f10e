//! Convolution kernels on plain slices, which know nothing of Burn.
//!
//! All images are contiguous and ordered batch, channel, row, column; weights
//! are ordered output channel, input channel, row, column. The stride is one
//! and the 3x3 kernels pad with one pixel of zeros, so that the image keeps its
//! size. The work is spread over Rayon's current thread pool.

#![allow(unsafe_code)]

pub mod layers;
mod simd;
mod tile;

use core::cell::Cell;
use rayon::prelude::*;
use tile::Layout;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images in the batch.
    pub n: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Rows of an image.
    pub h: usize,
    /// Columns of an image.
    pub w: usize,
}

impl Shape {
    fn image(&self) -> usize {
        self.h * self.w
    }

    fn is_empty(&self) -> bool {
        self.n * self.c_in * self.c_out * self.image() == 0
    }
}

/// A set of processor instructions for which there are kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512F on x86-64.
    Avx512,
    /// AVX2 with FMA on x86-64.
    Avx2,
    /// What every processor has.
    Portable,
}

impl InstructionSet {
    /// The best set this processor has.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|set| set.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor has the set.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// Output channels computed together.
    fn block(self) -> usize {
        match self {
            Self::Avx512 => 8,
            Self::Avx2 | Self::Portable => 4,
        }
    }
}

/// Numbers of a band kept at a time, so that it stays in the second-level
/// cache.
const BAND: usize = 80 * 1024;

/// Pixels of a band of one channel, so that a block of output channels stays
/// there too.
const BAND_PIXELS: usize = 4096;

/// The rows of a band and the number of bands in an image.
fn bands(shape: &Shape, channels: usize, side: usize) -> (usize, usize) {
    let pitch = shape.w + side / 2;
    let fits = (BAND / (channels * pitch)).saturating_sub(side - 1);
    // Enough bands for all threads, even for a single image.
    let share = (shape.n * shape.h).div_ceil(2 * rayon::current_num_threads());
    let rows = fits.min(BAND_PIXELS / pitch).min(share).max(4).min(shape.h);
    (rows, shape.h.div_ceil(rows))
}

/// A pointer to an output of which each task writes a part of its own.
#[derive(Clone, Copy)]
struct Output(*mut f32);

// SAFETY: the tasks that share an `Output` write disjoint ranges of it.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

impl Output {
    /// The part of `len` numbers from `start` on.
    ///
    /// # Safety
    /// The range must lie in the output and belong to the calling task alone.
    unsafe fn part<'a>(self, start: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: by contract.
        unsafe { core::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

thread_local! {
    /// Working memory of a thread, kept because fresh memory is slow to touch.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with `len` numbers of working memory at the start of a cache line;
/// what they hold is left from before.
fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut memory = SCRATCH.take();
    if memory.len() < len + 16 {
        memory.resize(len + 16, 0.0);
    }
    let start = memory.as_ptr().align_offset(64).min(16);
    let result = f(&mut memory[start..start + len]);
    SCRATCH.set(memory);
    result
}

/// Writes rows `top..` of an image of one channel in the layout of the input.
fn pack_input(layout: &Layout, border: usize, top: usize, image: &[f32], to: &mut [f32]) {
    let (w, h) = (layout.width, image.len() / layout.width);
    for (r, row) in to.chunks_mut(layout.pitch).take(layout.rows + 2 * border).enumerate() {
        match (top + r).checked_sub(border) {
            Some(y) if y < h => {
                row[..border].fill(0.0);
                row[border..].copy_from_slice(&image[y * w..][..w]);
            }
            _ => row.fill(0.0),
        }
    }
    to[(layout.rows + 2 * border) * layout.pitch..].fill(0.0);
}

/// Writes rows `top..` of a gradient of one channel in the layout of the output
/// and returns their sum.
fn pack_gradient(layout: &Layout, top: usize, image: &[f32], to: &mut [f32]) -> f32 {
    let w = layout.width;
    let mut sums = [0.0f32; 16];
    for (r, row) in to.chunks_mut(layout.pitch).take(layout.rows).enumerate() {
        let from = &image[(top + r) * w..][..w];
        row[..w].copy_from_slice(from);
        row[w..].fill(0.0);
        let mut chunks = from.chunks_exact(16);
        for chunk in &mut chunks {
            for (s, v) in sums.iter_mut().zip(chunk) {
                *s += v;
            }
        }
        for (s, v) in sums.iter_mut().zip(chunks.remainder()) {
            *s += v;
        }
    }
    to[layout.flat..].fill(0.0);
    sums.iter().sum()
}

/// Calls the named generic function, compiled for each instruction set.
macro_rules! dispatch {
    ($name:ident, $function:ident, ($($arg:ident: $type:ty),*)) => {
        /// # Safety
        /// The processor must have the set; for the rest see the function called.
        unsafe fn $name<const SIDE: usize>(set: InstructionSet, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512<const SIDE: usize>($($arg: $type),*) {
                // SAFETY: by contract.
                unsafe { tile::$function::<simd::Avx512, 8, SIDE>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<const SIDE: usize>($($arg: $type),*) {
                // SAFETY: by contract.
                unsafe { tile::$function::<simd::Avx2, 4, SIDE>($($arg),*) }
            }
            // SAFETY: by contract.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => avx512::<SIDE>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => avx2::<SIDE>($($arg),*),
                    _ => tile::$function::<simd::Portable, 4, SIDE>($($arg),*),
                }
            }
        }
    };
}

dispatch!(forward_block, forward_block, (
    layout: &Layout, c_in: usize, x: *const f32, weights: *const f32, bias: *const f32, out: *mut f32
));
dispatch!(weight_band, weight_band, (
    layout: &Layout, c_in: usize, blocks: usize, x: *const f32, dy: *const f32, total: *mut f32
));

/// The convolution of `x` with weights given as a function of output channel,
/// input channel and tap.
fn convolve<const SIDE: usize>(
    set: InstructionSet,
    x: &[f32],
    weight: impl Fn(usize, usize, usize) -> f32,
    bias: Option<&[f32]>,
    y: &mut [f32],
    shape: &Shape,
) {
    let Shape { n, c_in, c_out, .. } = *shape;
    let (block, taps) = (set.block(), SIDE * SIDE);
    let blocks = c_out.div_ceil(block);
    let mut weights = vec![0.0; blocks * c_in * taps * block];
    for o in 0..c_out {
        for i in 0..c_in {
            for t in 0..taps {
                weights[((o / block * c_in + i) * taps + t) * block + o % block] = weight(o, i, t);
            }
        }
    }
    let mut biases = vec![0.0; blocks * block];
    if let Some(bias) = bias {
        biases[..c_out].copy_from_slice(bias);
    }

    let (band_rows, bands) = bands(shape, c_in, SIDE);
    // Where there are few bands, the output channels are split as well.
    let threads = rayon::current_num_threads();
    let groups = (2 * threads).div_ceil(n * bands).min(blocks);
    let out = Output(y.as_mut_ptr());
    (0..n * bands * groups).into_par_iter().for_each(|task| {
        let (image, band, group) = (task / groups / bands, task / groups % bands, task % groups);
        let top = band * band_rows;
        let layout = Layout::new(band_rows.min(shape.h - top), shape.w, SIDE);
        with_scratch(c_in * layout.input + block * layout.output, |scratch| {
            let (input, sums) = scratch.split_at_mut(c_in * layout.input);
            let channels = x[image * c_in * shape.image()..].chunks(shape.image());
            for (channel, to) in channels.zip(input.chunks_mut(layout.input)) {
                pack_input(&layout, SIDE / 2, top, channel, to);
            }
            for b in group * blocks / groups..(group + 1) * blocks / groups {
                // SAFETY: the public functions check that the processor has the
                // set; the buffers were made in the sizes asked for.
                unsafe {
                    forward_block::<SIDE>(
                        set,
                        &layout,
                        c_in,
                        input.as_ptr(),
                        weights[b * c_in * taps * block..].as_ptr(),
                        biases[b * block..].as_ptr(),
                        sums.as_mut_ptr(),
                    );
                }
                for o in b * block..c_out.min((b + 1) * block) {
                    let from = &sums[o % block * layout.output..];
                    let start = (image * c_out + o) * shape.image() + top * shape.w;
                    // SAFETY: these rows of this channel belong to this task.
                    let to = unsafe { out.part(start, layout.rows * shape.w) };
                    if SIDE == 1 {
                        to.copy_from_slice(&from[..to.len()]);
                    } else {
                        for (to, from) in to.chunks_mut(shape.w).zip(from.chunks(layout.pitch)) {
                            to.copy_from_slice(&from[..shape.w]);
                        }
                    }
                }
            }
        });
    });
}

/// The gradients of the weights and of the bias.
fn gradients<const SIDE: usize>(
    set: InstructionSet,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
    shape: &Shape,
) {
    let Shape { n, c_in, c_out, .. } = *shape;
    let (block, taps) = (set.block(), SIDE * SIDE);
    let blocks = c_out.div_ceil(block);
    let rows = if SIDE == 3 { c_in * 3 } else { c_in.div_ceil(3) };
    let (band_rows, bands) = bands(shape, c_in + blocks * block, SIDE);
    // A fixed division of the work keeps the result the same from run to run.
    let tasks = n * bands;
    let shares = tasks.min(4 * rayon::current_num_threads());
    let parts: Vec<(Vec<f32>, Vec<f32>)> = (0..shares)
        .into_par_iter()
        .map(|share| {
            let mut total = vec![0.0; blocks * rows * 3 * block];
            let mut bias = vec![0.0; c_out];
            for task in share * tasks / shares..(share + 1) * tasks / shares {
                let (image, top) = (task / bands, task % bands * band_rows);
                let layout = Layout::new(band_rows.min(shape.h - top), shape.w, SIDE);
                let split = c_in * layout.input;
                with_scratch(split + blocks * block * layout.output, |scratch| {
                    let (input, output) = scratch.split_at_mut(split);
                    let channels = x[image * c_in * shape.image()..].chunks(shape.image());
                    for (channel, to) in channels.zip(input.chunks_mut(layout.input)) {
                        pack_input(&layout, SIDE / 2, top, channel, to);
                    }
                    for (o, to) in output.chunks_mut(layout.output).enumerate() {
                        if o < c_out {
                            let channel = &dy[(image * c_out + o) * shape.image()..];
                            bias[o] += pack_gradient(&layout, top, channel, to);
                        } else {
                            to.fill(0.0);
                        }
                    }
                    // SAFETY: as in `convolve`.
                    unsafe {
                        weight_band::<SIDE>(
                            set,
                            &layout,
                            c_in,
                            blocks,
                            input.as_ptr(),
                            output.as_ptr(),
                            total.as_mut_ptr(),
                        );
                    }
                });
            }
            (total, bias)
        })
        .collect();

    let per_row = c_in * taps;
    dw.par_chunks_mut(per_row).enumerate().for_each(|(o, dw)| {
        for (k, dw) in dw.iter_mut().enumerate() {
            // Three neighbours in a kernel row, or three input channels.
            let at = ((o / block * rows + k / 3) * 3 + k % 3) * block + o % block;
            *dw = parts.iter().map(|(total, _)| total[at]).sum();
        }
    });
    for (o, db) in db.iter_mut().enumerate() {
        *db = parts.iter().map(|(_, bias)| bias[o]).sum();
    }
}

#[track_caller]
fn check(what: &str, len: usize, expected: usize) {
    assert!(len == expected, "{what} must hold {expected} numbers for this shape, but holds {len}");
}

/// The kernels of one size (`SIDE` 1 or 3) on one instruction set.
///
/// The free functions of this module do the same on the best set there is.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<const SIDE: usize> {
    set: InstructionSet,
}

impl<const SIDE: usize> Kernels<SIDE> {
    const SUPPORTED: () = assert!(SIDE == 1 || SIDE == 3, "only 1x1 and 3x3 kernels");

    /// The kernels on the given instruction set, or `None` where the processor
    /// lacks it.
    pub fn new(set: InstructionSet) -> Option<Self> {
        let () = Self::SUPPORTED;
        set.is_available().then_some(Self { set })
    }

    /// The kernels on the best instruction set.
    pub fn detect() -> Self {
        let () = Self::SUPPORTED;
        Self { set: InstructionSet::detect() }
    }

    /// Convolution of `x` with `w`, plus the bias, into `y`.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn forward(&self, x: &[f32], w: &[f32], b: Option<&[f32]>, y: &mut [f32], shape: Shape) {
        let taps = SIDE * SIDE;
        check("the input", x.len(), shape.n * shape.c_in * shape.image());
        check("the weights", w.len(), shape.c_out * shape.c_in * taps);
        check("the output", y.len(), shape.n * shape.c_out * shape.image());
        if let Some(b) = b {
            check("the bias", b.len(), shape.c_out);
        }
        if shape.is_empty() {
            for (i, y) in y.iter_mut().enumerate() {
                *y = b.map_or(0.0, |b| b[i / shape.image() % shape.c_out]);
            }
            return;
        }
        let weight = |o: usize, i: usize, t: usize| w[(o * shape.c_in + i) * taps + t];
        convolve::<SIDE>(self.set, x, weight, b, y, &shape);
    }

    /// The gradient `dx` with respect to the input, from the gradient `dy` with
    /// respect to the output.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn backward_input(&self, dy: &[f32], w: &[f32], dx: &mut [f32], shape: Shape) {
        let taps = SIDE * SIDE;
        let (n, image) = (shape.n, shape.image());
        check("the output gradient", dy.len(), n * shape.c_out * image);
        check("the weights", w.len(), shape.c_out * shape.c_in * taps);
        check("the input gradient", dx.len(), n * shape.c_in * image);
        if shape.is_empty() {
            return dx.fill(0.0);
        }
        // A convolution with the kernel turned around and its channels swapped.
        let swapped = Shape { c_in: shape.c_out, c_out: shape.c_in, ..shape };
        let weight = |o: usize, i: usize, t: usize| w[(i * shape.c_in + o) * taps + (taps - 1 - t)];
        convolve::<SIDE>(self.set, dy, weight, None, dx, &swapped);
    }

    /// The gradients `dw` and `db` with respect to the weights and the bias,
    /// from the gradient `dy` with respect to the output.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn backward_weight(&self, x: &[f32], dy: &[f32], dw: &mut [f32], db: &mut [f32], shape: Shape) {
        let (n, image) = (shape.n, shape.image());
        check("the input", x.len(), n * shape.c_in * image);
        check("the output gradient", dy.len(), n * shape.c_out * image);
        let weights = shape.c_out * shape.c_in * SIDE * SIDE;
        check("the weight gradient", dw.len(), weights);
        check("the bias gradient", db.len(), shape.c_out);
        if shape.is_empty() {
            dw.fill(0.0);
            return db.fill(0.0);
        }
        gradients::<SIDE>(self.set, x, dy, dw, db, &shape);
    }
}

macro_rules! free_functions {
    ($side:literal, $forward:ident, $backward_input:ident, $backward_weight:ident) => {
        #[doc = concat!("[`Kernels::forward`] of a ", $side, "x", $side, " kernel.")]
        ///
        /// # Panics
        /// If the length of a slice does not fit the shape.
        pub fn $forward(x: &[f32], w: &[f32], b: Option<&[f32]>, y: &mut [f32], shape: Shape) {
            Kernels::<$side>::detect().forward(x, w, b, y, shape);
        }

        #[doc = concat!("[`Kernels::backward_input`] of a ", $side, "x", $side, " kernel.")]
        ///
        /// # Panics
        /// If the length of a slice does not fit the shape.
        pub fn $backward_input(dy: &[f32], w: &[f32], dx: &mut [f32], shape: Shape) {
            Kernels::<$side>::detect().backward_input(dy, w, dx, shape);
        }

        #[doc = concat!("[`Kernels::backward_weight`] of a ", $side, "x", $side, " kernel.")]
        ///
        /// # Panics
        /// If the length of a slice does not fit the shape.
        pub fn $backward_weight(x: &[f32], dy: &[f32], dw: &mut [f32], db: &mut [f32], shape: Shape) {
            Kernels::<$side>::detect().backward_weight(x, dy, dw, db, shape);
        }
    };
}

free_functions!(3, conv3x3_forward, conv3x3_backward_input, conv3x3_backward_weight);
free_functions!(1, conv1x1_forward, conv1x1_backward_input, conv1x1_backward_weight);
