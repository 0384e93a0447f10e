//! Convolution kernels on plain slices, which know nothing of Burn.
//!
//! All images are contiguous and ordered batch, channel, row, column; weights
//! are ordered output channel, input channel, row, column. The stride is one
//! and the 3x3 kernels pad with one pixel of zeros, so that the image keeps its
//! size. The channels of an input may lie in several arrays, one after the
//! other, which saves joining them. The work is spread over Rayon's current
//! thread pool; results do not depend on the number of threads.

#![allow(unsafe_code)]

mod band;
pub mod layers;
mod simd;
mod tile;
mod winograd;

use band::{Band, Plane, Target, lines_of, rows_of};
use core::cell::Cell;
use core::mem::MaybeUninit;
use rayon::prelude::*;
use tile::{Layout, weight_rows};
use winograd::{LINES, filter, filter_gradient};

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
    /// NEON on AArch64.
    Neon,
    /// What every processor has.
    Portable,
}

impl InstructionSet {
    /// The best set this processor has.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2, Self::Neon]
            .into_iter()
            .find(|set| set.is_available())
            .unwrap_or(Self::Portable)
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
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Portable => true,
        }
    }

    /// Output channels computed together.
    fn block(self) -> usize {
        match self {
            Self::Avx512 | Self::Neon => 8,
            Self::Avx2 | Self::Portable => 4,
        }
    }
}

/// Numbers of the input of a band, so that it stays in the second-level cache.
const BAND: usize = 128 * 1024;

/// Numbers of a channel of the output of a band, so that a block of output
/// channels stays there too.
const BAND_OUTPUT: usize = 6 * 1024;

/// Bands of a batch at the least, for the threads there may be.
const TASKS: usize = 16;

/// Sums of the gradient of the weights computed apart and then added: a fixed
/// number keeps the result the same for any number of threads.
const SHARES: usize = 8;

/// The division of the images of a batch into bands.
#[derive(Clone, Copy)]
struct Bands {
    height: usize,
    width: usize,
    side: usize,
    /// Rows of a band.
    rows: usize,
    /// Bands of an image.
    count: usize,
}

impl Bands {
    /// For `channels` channels laid out at a time.
    fn new(shape: &Shape, channels: usize, side: usize) -> Self {
        let units = shape.h.div_ceil(rows_of(side));
        let line = lines_of(side) * (shape.w + side / 2);
        let most = (BAND / (channels * line)).min(BAND_OUTPUT / line);
        let lines = most.min((shape.n * units).div_ceil(TASKS)).clamp(1, units);
        let count = units.div_ceil(lines);
        let rows = units.div_ceil(count) * rows_of(side);
        // Rounding may leave fewer bands.
        Self { height: shape.h, width: shape.w, side, rows, count: shape.h.div_ceil(rows) }
    }

    fn get(&self, index: usize) -> Band {
        let top = index * self.rows;
        let rows = self.rows.min(self.height - top);
        let layout = Layout::new(rows.div_ceil(rows_of(self.side)), self.width, self.side);
        Band { height: self.height, top, rows, layout }
    }
}

/// The channels of a batch of images, in one or several arrays.
#[derive(Clone, Copy)]
struct Channels<'a> {
    parts: &'a [&'a [f32]],
    /// Images in the batch.
    n: usize,
    /// Pixels of a channel.
    image: usize,
    /// Whether four channels are the pixels of two rows and columns of an image
    /// twice as large.
    doubled: bool,
}

impl Channels<'_> {
    fn plane(&self, image: usize, channel: usize) -> Plane {
        let (mut at, size, phase) = if self.doubled {
            (channel / 4, 4 * self.image, Some([channel / 2 % 2, channel % 2]))
        } else {
            (channel, self.image, None)
        };
        for part in self.parts {
            let channels = part.len() / (self.n * size);
            if at < channels {
                return Plane { start: part[(image * channels + at) * size..].as_ptr(), phase };
            }
            at -= channels;
        }
        unreachable!("the lengths of the parts were checked")
    }
}

/// A pointer to an output of which each task writes a part of its own.
#[derive(Clone, Copy)]
struct Output(*mut f32);

// SAFETY: the tasks that share an `Output` write disjoint ranges of it.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

impl Output {
    /// The pointer, moved on. (A method, so that closures take all of `self`.)
    ///
    /// # Safety
    /// `start` must lie in the output.
    unsafe fn at(self, start: usize) -> *mut f32 {
        // SAFETY: by contract.
        unsafe { self.0.add(start) }
    }

    /// The part of `len` numbers from `start` on, to be written.
    ///
    /// # Safety
    /// The range must lie in the output and belong to the calling task alone.
    unsafe fn part<'a>(self, start: usize, len: usize) -> &'a mut [MaybeUninit<f32>] {
        // SAFETY: by contract.
        unsafe { core::slice::from_raw_parts_mut(self.at(start).cast(), len) }
    }
}

/// A vector of `len` numbers that `fill` writes. Large vectors are not cleared
/// first, which would cost as much as some layers.
///
/// # Safety
/// `fill` must write all numbers before it reads them.
unsafe fn written<R>(len: usize, fill: impl FnOnce(Output) -> R) -> (Vec<f32>, R) {
    let mut numbers = Vec::with_capacity(len);
    let result = fill(Output(numbers.as_mut_ptr()));
    // SAFETY: all are written, by contract.
    unsafe { numbers.set_len(len) };
    (numbers, result)
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

/// Calls the named generic function, compiled for each instruction set.
macro_rules! dispatch {
    ($function:ident, ($($arg:ident: $type:ty),*)) => {
        /// # Safety
        /// The processor must have the set; for the rest see the function called.
        #[allow(clippy::too_many_arguments)]
        unsafe fn $function<const SIDE: usize>(set: InstructionSet, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512<const SIDE: usize>($($arg: $type),*) {
                // SAFETY: by contract.
                unsafe { band::$function::<simd::Avx512, 8, SIDE>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<const SIDE: usize>($($arg: $type),*) {
                // SAFETY: by contract.
                unsafe { band::$function::<simd::Avx2, 4, SIDE>($($arg),*) }
            }
            // SAFETY: by contract.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => avx512::<SIDE>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => avx2::<SIDE>($($arg),*),
                    // Part of every AArch64 processor Rust runs on.
                    #[cfg(target_arch = "aarch64")]
                    InstructionSet::Neon => band::$function::<simd::Neon, 8, SIDE>($($arg),*),
                    _ => band::$function::<simd::Portable, 4, SIDE>($($arg),*),
                }
            }
        }
    };
}

dispatch!(pack_input, (band: &Band, plane: Plane, to: *mut f32, step: usize, zeros: *const f32));
dispatch!(pack_gradient, (band: &Band, plane: Plane, to: *mut f32, step: usize, zeros: *const f32));
dispatch!(compute_block, (
    band: &Band,
    c_in: usize,
    x: *const f32,
    weights: *const f32,
    sums: *mut f32,
    target: &Target<'_>
));
dispatch!(weight_band, (
    band: &Band, c_in: usize, blocks: usize, x: *const f32, dy: *const f32, total: *mut f32
));

/// The weights in the order in which the tiles read them: by block of output
/// channels, line, input channel, tap along a row, and output channel.
fn arrange<const SIDE: usize>(
    block: usize,
    c_in: usize,
    c_out: usize,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Vec<f32> {
    let size = lines_of(SIDE) * c_in * SIDE * block;
    let mut weights = vec![0.0; c_out.div_ceil(block) * size];
    weights.par_chunks_mut(size).enumerate().for_each(|(b, weights)| {
        for o in b * block..c_out.min((b + 1) * block) {
            for i in 0..c_in {
                if SIDE == 1 {
                    weights[i * block + o % block] = weight(o, i, 0);
                    continue;
                }
                for tap in 0..3 {
                    let lines = filter([weight(o, i, tap), weight(o, i, 3 + tap), weight(o, i, 6 + tap)]);
                    for (line, w) in lines.into_iter().enumerate() {
                        weights[((line * c_in + i) * 3 + tap) * block + o % block] = w;
                    }
                }
            }
        }
    });
    weights
}

/// Mean and sum of squared deviations of some numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(set: InstructionSet, numbers: &[f32]) -> Self {
        let (mean, squares) = layers::moments(set, numbers);
        Self { count: numbers.len() as f64, mean, squares }
    }

    /// Of both together.
    fn join(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let (difference, part) = (other.mean - self.mean, other.count / count);
        Self {
            count,
            mean: self.mean + difference * part,
            squares: self.squares + other.squares + difference * difference * self.count * part,
        }
    }
}

/// What a convolution does besides.
struct Extra<'a> {
    bias: Option<&'a [f32]>,
    /// The output is at least this.
    floor: f32,
    /// Whether the output's [`Moments`] are wanted.
    moments: bool,
    /// Whether the output is an image twice as large with a quarter of the channels.
    doubled: bool,
}

/// The convolution of `x` with weights given as a function of output channel,
/// input channel and tap, in arrays of `split` channels each; and the moments
/// of each output channel.
fn convolve<const SIDE: usize>(
    set: InstructionSet,
    x: Channels<'_>,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    extra: &Extra<'_>,
    split: &[usize],
    shape: &Shape,
) -> (Vec<Vec<f32>>, Vec<Moments>) {
    let Shape { n, c_in, c_out, .. } = *shape;
    let block = set.block();
    let blocks = c_out.div_ceil(block);
    let weights = arrange::<SIDE>(block, c_in, c_out, weight);
    let mut biases = vec![0.0; c_out];
    if let Some(bias) = extra.bias {
        biases.copy_from_slice(bias);
    }

    let bands = Bands::new(shape, c_in, SIDE);
    // Where there are few bands, the output channels are split as well.
    let groups = (2 * rayon::current_num_threads()).div_ceil(n * bands.count).min(blocks);
    let mut outputs: Vec<Vec<f32>> =
        split.iter().map(|channels| Vec::with_capacity(n * channels * shape.image())).collect();
    let starts: Vec<Output> = outputs.iter_mut().map(|part| Output(part.as_mut_ptr())).collect();
    let plane = |image: usize, channel: usize| {
        let mut at = channel;
        for (start, &channels) in starts.iter().zip(split) {
            if at < channels {
                let size = shape.image();
                let first = if extra.doubled { at / 4 * 4 } else { at };
                // SAFETY: a plane of this output.
                return unsafe { start.at((image * channels + first) * size) };
            }
            at -= channels;
        }
        unreachable!("the split was checked")
    };
    let tasks = n * bands.count * groups;
    let moments: Vec<Vec<Moments>> = (0..tasks)
        .into_par_iter()
        .with_max_len(1)
        .map(|task| {
            let (image, at) = (task / groups / bands.count, task / groups % bands.count);
            let group = task % groups;
            let band = bands.get(at);
            let layout = &band.layout;
            let mut moments = Vec::new();
            let (lines, row) = (lines_of(SIDE), shape.w.next_multiple_of(16));
            let sizes = [lines * c_in * layout.input, lines * block * layout.output, row];
            with_scratch(sizes.iter().sum(), |scratch| {
                let (input, rest) = scratch.split_at_mut(sizes[0]);
                let (sums, row) = rest.split_at_mut(sizes[1]);
                row.fill(0.0);
                for (c, to) in input.chunks_mut(layout.input).take(c_in).enumerate() {
                    let (to, step) = (to.as_mut_ptr(), c_in * layout.input);
                    // SAFETY: the public functions check that the processor has
                    // the set; the buffers were made in the sizes asked for.
                    unsafe { pack_input::<SIDE>(set, &band, x.plane(image, c), to, step, row.as_ptr()) };
                }
                for b in group * blocks / groups..(group + 1) * blocks / groups {
                    let channels = b * block..c_out.min((b + 1) * block);
                    let planes: Vec<*mut f32> = channels.clone().map(|o| plane(image, o)).collect();
                    let target = Target {
                        planes: &planes,
                        bias: &biases[channels],
                        floor: extra.floor,
                        doubled: extra.doubled,
                        spare: row.as_mut_ptr(),
                    };
                    let weights = weights[b * lines * c_in * SIDE * block..].as_ptr();
                    let (x, sums) = (input.as_ptr(), sums.as_mut_ptr());
                    // SAFETY: as above; these rows of these channels belong to
                    // this task.
                    unsafe {
                        compute_block::<SIDE>(set, &band, c_in, x, weights, sums, &target);
                    }
                    if extra.moments {
                        moments.extend(planes.iter().map(|plane| {
                            let (start, len) = (band.top * shape.w, band.rows * shape.w);
                            // SAFETY: just written by this task.
                            let rows = unsafe { core::slice::from_raw_parts(plane.add(start), len) };
                            Moments::of(set, rows)
                        }));
                    }
                }
            });
            moments
        })
        .collect();
    for (part, channels) in outputs.iter_mut().zip(split) {
        // SAFETY: the tasks have written every row of every channel.
        unsafe { part.set_len(n * channels * shape.image()) };
    }
    let mut channels = Vec::new();
    if extra.moments {
        channels.resize(c_out, Moments::default());
        for task in moments.chunks(groups) {
            for (all, one) in channels.iter_mut().zip(task.iter().flatten()) {
                *all = all.join(*one);
            }
        }
    }
    (outputs, channels)
}

/// The gradient of the weights.
fn gradient<const SIDE: usize>(
    set: InstructionSet,
    x: Channels<'_>,
    dy: Channels<'_>,
    shape: &Shape,
) -> Vec<f32> {
    let Shape { n, c_in, c_out, .. } = *shape;
    let (block, lines) = (set.block(), lines_of(SIDE));
    let blocks = c_out.div_ceil(block);
    let rows = weight_rows(c_in, SIDE);
    let bands = Bands::new(shape, c_in + blocks * block, SIDE);
    let tasks = n * bands.count;
    let shares = tasks.min(SHARES);
    let groups = (2 * rayon::current_num_threads()).div_ceil(shares).min(blocks);
    let range = |group: usize| group * blocks / groups..(group + 1) * blocks / groups;
    let mut totals: Vec<Vec<f32>> = (0..shares * groups)
        .into_par_iter()
        .with_max_len(1)
        .map(|at| {
            let (share, range) = (at / groups, range(at % groups));
            let mut total = vec![0.0; lines * range.len() * rows * 3 * block];
            for task in share * tasks / shares..(share + 1) * tasks / shares {
                let (image, band) = (task / bands.count, bands.get(task % bands.count));
                let layout = &band.layout;
                let width = shape.w.next_multiple_of(16);
                let channels = range.len() * block;
                let sizes = [lines * c_in * layout.input, lines * channels * layout.output, width];
                with_scratch(sizes.iter().sum(), |scratch| {
                    let (input, rest) = scratch.split_at_mut(sizes[0]);
                    let (output, zeros) = rest.split_at_mut(sizes[1]);
                    zeros.fill(0.0);
                    let zeros = zeros.as_ptr();
                    for (c, to) in input.chunks_mut(layout.input).take(c_in).enumerate() {
                        let (to, step) = (to.as_mut_ptr(), c_in * layout.input);
                        // SAFETY: as in `convolve`.
                        unsafe { pack_input::<SIDE>(set, &band, x.plane(image, c), to, step, zeros) };
                    }
                    for line in 0..lines {
                        // Channels that fill the last block.
                        let absent = (range.end * block).saturating_sub(c_out);
                        let end = (line + 1) * channels;
                        output[(end - absent) * layout.output..end * layout.output].fill(0.0);
                    }
                    for (c, to) in output.chunks_mut(layout.output).take(channels).enumerate() {
                        let o = range.start * block + c;
                        if o >= c_out {
                            break;
                        }
                        let (to, step) = (to.as_mut_ptr(), channels * layout.output);
                        // SAFETY: as in `convolve`.
                        unsafe { pack_gradient::<SIDE>(set, &band, dy.plane(image, o), to, step, zeros) };
                    }
                    let (x, dy, total) = (input.as_ptr(), output.as_ptr(), total.as_mut_ptr());
                    // SAFETY: as in `convolve`.
                    unsafe { weight_band::<SIDE>(set, &band, c_in, range.len(), x, dy, total) };
                });
            }
            total
        })
        .collect();

    // The shares of a group, added to the first.
    let mut others = totals.split_off(groups);
    for (at, total) in totals.iter_mut().enumerate() {
        let parts: Vec<Vec<f32>> = others.iter_mut().skip(at).step_by(groups).map(core::mem::take).collect();
        total.par_chunks_mut(4096).enumerate().for_each(|(chunk, total)| {
            for part in &parts {
                for (sum, v) in total.iter_mut().zip(&part[4096 * chunk..]) {
                    *sum += v;
                }
            }
        });
    }

    let taps = SIDE * SIDE;
    let group_of: Vec<usize> = (0..groups).flat_map(|group| range(group).map(move |_| group)).collect();
    let mut dw = vec![0.0; c_out * c_in * taps];
    dw.par_chunks_mut(c_in * taps).enumerate().for_each(|(o, dw)| {
        let group = group_of[o / block];
        let (range, total) = (range(group), &totals[group]);
        let sum = |line: usize, row: usize, stream: usize| {
            let b = o / block - range.start;
            total[(((line * range.len() + b) * rows + row) * 3 + stream) * block + o % block]
        };
        for (i, dw) in dw.chunks_mut(taps).enumerate() {
            if SIDE == 1 {
                dw[0] = sum(0, i / 3, i % 3);
                continue;
            }
            for tap in 0..3 {
                let lines: [f32; LINES] = core::array::from_fn(|line| sum(line, i, tap));
                for (row, v) in filter_gradient(lines).into_iter().enumerate() {
                    dw[3 * row + tap] = v;
                }
            }
        }
    });
    dw
}

#[track_caller]
fn check(what: &str, len: usize, expected: usize) {
    assert!(len == expected, "{what} must hold {expected} numbers for this shape, but holds {len}");
}

/// The kernels of one size (`SIDE` 1 or 3) on one instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<const SIDE: usize> {
    set: InstructionSet,
    doubled: bool,
}

impl Kernels<1> {
    /// Kernels of an up-convolution: the output is an image twice as large with
    /// a quarter of the channels, whose two by two pixels are the four channels
    /// that follow one another. The shape is that of the small image and counts
    /// all channels.
    pub fn doubling(self) -> Self {
        Self { doubled: true, ..self }
    }
}

impl<const SIDE: usize> Kernels<SIDE> {
    const SUPPORTED: () = assert!(SIDE == 1 || SIDE == 3, "only 1x1 and 3x3 kernels");

    /// The kernels on the given instruction set, or `None` where the processor
    /// lacks it.
    pub fn new(set: InstructionSet) -> Option<Self> {
        let () = Self::SUPPORTED;
        set.is_available().then_some(Self { set, doubled: false })
    }

    /// The kernels on the best instruction set.
    pub fn detect() -> Self {
        let () = Self::SUPPORTED;
        Self { set: InstructionSet::detect(), doubled: false }
    }

    fn channels<'a>(&self, parts: &'a [&'a [f32]], shape: &Shape, doubled: bool) -> Channels<'a> {
        Channels { parts, n: shape.n, image: shape.image(), doubled }
    }

    fn check(&self, x: &[&[f32]], w: &[f32], shape: &Shape) {
        check("the input", x.iter().map(|part| part.len()).sum(), shape.n * shape.c_in * shape.image());
        for part in x {
            let channel = (shape.n * shape.image()).max(1);
            assert!(part.len().is_multiple_of(channel), "each part of the input must hold whole channels");
        }
        check("the weights", w.len(), shape.c_out * shape.c_in * SIDE * SIDE);
        assert!(!self.doubled || shape.c_out.is_multiple_of(4), "an up-convolution needs four channels each");
    }

    /// Convolution of `x` with `w`, plus the bias; with `relu`, what is negative
    /// is then cut off.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn forward(&self, x: &[&[f32]], w: &[f32], b: Option<&[f32]>, relu: bool, shape: Shape) -> Vec<f32> {
        self.check(x, w, &shape);
        if let Some(b) = b {
            check("the bias", b.len(), shape.c_out);
        }
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        if shape.is_empty() {
            let pixels = if self.doubled { 4 * shape.image() } else { shape.image() };
            let channel = |i: usize| b.map_or(0.0, |b| b[i / pixels % shape.c_out]).max(floor);
            return (0..shape.n * shape.c_out * shape.image()).map(channel).collect();
        }
        let extra = Extra { bias: b, floor, moments: false, doubled: self.doubled };
        self.convolve(x, w, &extra, &shape).0
    }

    /// Convolution of `x` with `w`, and the mean and (biased) variance of each
    /// output channel over the batch.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn forward_moments(&self, x: &[&[f32]], w: &[f32], shape: Shape) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        self.check(x, w, &shape);
        if shape.is_empty() {
            let zeros = vec![0.0; shape.c_out];
            return (vec![0.0; shape.n * shape.c_out * shape.image()], zeros.clone(), zeros);
        }
        let extra = Extra { bias: None, floor: f32::NEG_INFINITY, moments: true, doubled: false };
        let (y, moments) = self.convolve(x, w, &extra, &shape);
        let mean = moments.iter().map(|m| m.mean as f32).collect();
        let variance = moments.iter().map(|m| (m.squares / m.count) as f32).collect();
        (y, mean, variance)
    }

    fn convolve(
        &self,
        x: &[&[f32]],
        w: &[f32],
        extra: &Extra<'_>,
        shape: &Shape,
    ) -> (Vec<f32>, Vec<Moments>) {
        let weight = |o: usize, i: usize, t: usize| w[(o * shape.c_in + i) * SIDE * SIDE + t];
        let x = self.channels(x, shape, false);
        let (mut outputs, moments) = convolve::<SIDE>(self.set, x, weight, extra, &[shape.c_out], shape);
        (outputs.pop().unwrap_or_default(), moments)
    }

    /// The gradient with respect to the input, in arrays of as many channels as
    /// `split` says, from the gradient `dy` with respect to the output.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn backward_input(&self, dy: &[f32], w: &[f32], split: &[usize], shape: Shape) -> Vec<Vec<f32>> {
        let taps = SIDE * SIDE;
        let (n, image) = (shape.n, shape.image());
        check("the output gradient", dy.len(), n * shape.c_out * image);
        check("the weights", w.len(), shape.c_out * shape.c_in * taps);
        check("the split", split.iter().sum(), shape.c_in);
        if shape.is_empty() {
            return split.iter().map(|channels| vec![0.0; n * channels * image]).collect();
        }
        // A convolution with the kernel turned around and its channels swapped.
        let swapped = Shape { c_in: shape.c_out, c_out: shape.c_in, ..shape };
        let weight = |o: usize, i: usize, t: usize| w[(i * shape.c_in + o) * taps + (taps - 1 - t)];
        let extra = Extra { bias: None, floor: f32::NEG_INFINITY, moments: false, doubled: false };
        let parts = [dy];
        let dy = self.channels(&parts, &swapped, self.doubled);
        convolve::<SIDE>(self.set, dy, weight, &extra, split, &swapped).0
    }

    /// The gradient with respect to the weights, from the gradient `dy` with
    /// respect to the output.
    ///
    /// # Panics
    /// If the length of a slice does not fit the shape.
    pub fn backward_weight(&self, x: &[&[f32]], dy: &[f32], shape: Shape) -> Vec<f32> {
        check("the output gradient", dy.len(), shape.n * shape.c_out * shape.image());
        check("the input", x.iter().map(|part| part.len()).sum(), shape.n * shape.c_in * shape.image());
        if shape.is_empty() {
            return vec![0.0; shape.c_out * shape.c_in * SIDE * SIDE];
        }
        let (x, parts) = (self.channels(x, &shape, false), [dy]);
        gradient::<SIDE>(self.set, x, self.channels(&parts, &shape, self.doubled), &shape)
    }

    /// The gradient with respect to the bias, from the gradient `dy` with
    /// respect to the output.
    ///
    /// # Panics
    /// If the length of the slice does not fit the shape.
    pub fn backward_bias(&self, dy: &[f32], shape: Shape) -> Vec<f32> {
        check("the output gradient", dy.len(), shape.n * shape.c_out * shape.image());
        if dy.is_empty() {
            return vec![0.0; shape.c_out];
        }
        let (channels, pixels) =
            if self.doubled { (shape.c_out / 4, 4 * shape.image()) } else { (shape.c_out, shape.image()) };
        let planes = |c: usize| (0..shape.n).map(move |n| &dy[(n * channels + c) * pixels..][..pixels]);
        let sums: Vec<Vec<f32>> = (0..channels)
            .into_par_iter()
            .with_max_len(1)
            .map(|c| {
                if self.doubled {
                    layers::phase_sums(planes(c), shape.w)
                } else {
                    vec![planes(c).map(|plane| layers::plane_sum(self.set, plane)).sum::<f64>() as f32]
                }
            })
            .collect();
        sums.concat()
    }
}
