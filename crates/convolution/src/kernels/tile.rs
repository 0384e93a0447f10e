//! The register tiles and the loops around them, generic over the instruction
//! set.
//!
//! Lines of an image (its rows, or what the transform of `winograd` makes of
//! them) are laid out flat with one zero between them, which serves as the
//! right border of one line and the left border of the next. In this layout
//! every tap of the kernel along a line is a constant offset, so the inner
//! loops run over whole vectors and know no edges. What they compute at the
//! zero column is thrown away.

#![allow(unsafe_code)]

use super::simd::Simd;

/// How many vectors of pixels a tile of the forward pass holds.
const WIDE: usize = 3;

/// How many vectors are summed in registers for the weights before the lanes
/// are added up: enough to make that sum cheap, few enough for a block of
/// channels to stay in the first-level cache.
const RUN: usize = 64;

/// How many input channels are summed before a tile is put aside, so that
/// their weights and lines stay in the first-level cache.
const DEEP: usize = 64;

/// The flat layout of some lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Numbers in a line.
    pub width: usize,
    /// Distance between lines.
    pub pitch: usize,
    /// Length of the output, without the rounding to whole vectors.
    pub flat: usize,
    /// Distance between channels of the input.
    pub input: usize,
    /// Distance between channels of the output.
    pub output: usize,
}

impl Layout {
    /// `lines` lines of `width` numbers for kernels of `taps` along a line.
    pub(super) fn new(lines: usize, width: usize, taps: usize) -> Self {
        let border = taps / 2;
        let pitch = width + border;
        let flat = lines * pitch;
        let output = flat.next_multiple_of(16);
        // An odd number of cache lines keeps the channels from falling into
        // the same few cache sets.
        let odd = |n: usize| (n.div_ceil(16) | 1) * 16;
        Self { width, pitch, flat, input: odd(output + 2 * border), output: odd(output) }
    }
}

/// One tile of the forward pass: `OUT` channels of `W` vectors of pixels,
/// added to what `out` holds unless it is the `first`.
///
/// # Safety
/// `x` must be readable for `c_in` channels at every tap, `weights` for
/// `c_in * TAPS * OUT` numbers, and `out` writable for `OUT` channels.
#[inline(always)]
unsafe fn forward_tile<S: Simd, const OUT: usize, const W: usize, const TAPS: usize>(
    layout: &Layout,
    c_in: usize,
    x: *const f32,
    weights: *const f32,
    first: bool,
    out: *mut f32,
) {
    // SAFETY: all addresses are inside the ranges of the contract.
    unsafe {
        let mut sum = [[S::zero(); W]; OUT];
        if !first {
            for (o, row) in sum.iter_mut().enumerate() {
                for (i, v) in row.iter_mut().enumerate() {
                    *v = S::load(out.add(o * layout.output + i * S::LANES));
                }
            }
        }
        let mut weight = weights;
        let mut channel = x;
        for _ in 0..c_in {
            for tap in 0..TAPS {
                let at = channel.add(tap);
                let mut pixels = [S::zero(); W];
                for (i, p) in pixels.iter_mut().enumerate() {
                    *p = S::load(at.add(i * S::LANES));
                }
                for (o, row) in sum.iter_mut().enumerate() {
                    let w = S::set(*weight.add(o));
                    for (v, p) in row.iter_mut().zip(pixels) {
                        *v = S::multiply_add(p, w, *v);
                    }
                }
                weight = weight.add(OUT);
            }
            channel = channel.add(layout.input);
        }
        for (o, row) in sum.iter().enumerate() {
            for (i, v) in row.iter().enumerate() {
                S::store(out.add(o * layout.output + i * S::LANES), *v);
            }
        }
    }
}

/// One block of `OUT` output channels.
///
/// # Safety
/// `x` must hold `c_in` channels, `weights` `c_in * TAPS * OUT` numbers and
/// `out` `OUT` channels, all in the given layout.
#[inline(always)]
pub(super) unsafe fn forward_block<S: Simd, const OUT: usize, const TAPS: usize>(
    layout: &Layout,
    c_in: usize,
    x: *const f32,
    weights: *const f32,
    out: *mut f32,
) {
    let vectors = layout.flat.div_ceil(S::LANES);
    let mut first = 0;
    while first < c_in {
        let deep = DEEP.min(c_in - first);
        // SAFETY: `first + deep <= c_in`, and the tiles end at `vectors`, for
        // which the layout has room.
        unsafe {
            let x = x.add(first * layout.input);
            let w = weights.add(first * TAPS * OUT);
            let new = first == 0;
            let mut v = 0;
            while v + WIDE <= vectors {
                let at = v * S::LANES;
                forward_tile::<S, OUT, WIDE, TAPS>(layout, deep, x.add(at), w, new, out.add(at));
                v += WIDE;
            }
            let at = v * S::LANES;
            match vectors - v {
                2 => forward_tile::<S, OUT, 2, TAPS>(layout, deep, x.add(at), w, new, out.add(at)),
                1 => forward_tile::<S, OUT, 1, TAPS>(layout, deep, x.add(at), w, new, out.add(at)),
                _ => {}
            }
        }
        first += deep;
    }
}

/// Sums of products of `OUT` channels of the output gradient with three
/// streams of the input, over `vectors` vectors, added to `total` (stream by
/// stream, then by channel).
///
/// # Safety
/// All streams must be readable for `vectors` vectors and `total` writable for
/// `3 * OUT` numbers.
#[inline(always)]
unsafe fn weight_tile<S: Simd, const OUT: usize>(
    x: [*const f32; 3],
    dy: *const f32,
    stride: usize,
    vectors: usize,
    total: *mut f32,
) {
    // SAFETY: all addresses are inside the ranges of the contract.
    unsafe {
        let mut sum = [[S::zero(); OUT]; 3];
        let mut at = 0;
        for _ in 0..vectors {
            let shifts = [S::load(x[0].add(at)), S::load(x[1].add(at)), S::load(x[2].add(at))];
            for o in 0..OUT {
                let d = S::load(dy.add(o * stride + at));
                for (row, shift) in sum.iter_mut().zip(shifts) {
                    row[o] = S::multiply_add(shift, d, row[o]);
                }
            }
            at += S::LANES;
        }
        // The sums go through memory: the instructions that add up lanes reach
        // only half of the registers, and without this barrier the compiler
        // would squeeze the sums into that half throughout the loop above.
        let mut memory = [S::zero(); 24];
        for (to, from) in memory.chunks_exact_mut(OUT).zip(&sum) {
            to.copy_from_slice(from);
        }
        let memory = core::hint::black_box(&memory);
        for (g, eight) in memory.as_chunks::<8>().0.iter().enumerate() {
            if g * 8 >= 3 * OUT {
                break;
            }
            // `OUT` is 4 or 8: what lies past the last sum is zero and has no
            // place in the total.
            let sums = S::sums(eight);
            for (i, s) in sums.iter().enumerate().take(3 * OUT - g * 8) {
                *total.add(g * 8 + i) += s;
            }
        }
    }
}

/// The weight gradient, added to `total`.
///
/// `total` is ordered by block of output channels, then by input channel (or by
/// group of three input channels where the kernel has one tap), then as in
/// [`weight_tile`].
///
/// # Safety
/// `x` must hold `c_in` channels and `dy` `blocks * OUT` in the given layout,
/// and `total` the numbers described above.
#[inline(always)]
pub(super) unsafe fn weight_blocks<S: Simd, const OUT: usize, const TAPS: usize>(
    layout: &Layout,
    c_in: usize,
    blocks: usize,
    x: *const f32,
    dy: *const f32,
    total: *mut f32,
) {
    let vectors = layout.flat.div_ceil(S::LANES);
    let rows = weight_rows(c_in, TAPS);
    let mut first = 0;
    while first < vectors {
        let run = RUN.min(vectors - first);
        for block in 0..blocks {
            // SAFETY: the runs end at `vectors`, for which the layout has room;
            // channels past the last are replaced by the last.
            unsafe {
                let dy = dy.add(block * OUT * layout.output + first * S::LANES);
                for row in 0..rows {
                    let x = x.add(first * S::LANES);
                    let streams = if TAPS == 3 {
                        let at = x.add(row * layout.input);
                        [at, at.add(1), at.add(2)]
                    } else {
                        let at = |i: usize| x.add((row * 3 + i).min(c_in - 1) * layout.input);
                        [at(0), at(1), at(2)]
                    };
                    let total = total.add((block * rows + row) * 3 * OUT);
                    weight_tile::<S, OUT>(streams, dy, layout.output, run, total);
                }
            }
        }
        first += run;
    }
}

/// How many groups of three streams [`weight_blocks`] reads.
pub(super) fn weight_rows(c_in: usize, taps: usize) -> usize {
    if taps == 3 { c_in } else { c_in.div_ceil(3) }
}
