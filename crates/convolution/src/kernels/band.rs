//! One band of an image: from its rows to the flat lines the tiles work on and
//! back, generic over the instruction set.

#![allow(unsafe_code)]

use super::simd::Simd;
use super::tile::{Layout, forward_block, weight_blocks, weight_rows};
use super::winograd::{GradientRows, InputRows, LINES, OffsetRow, OutputRows, ROWS, along};

/// Rows of the image that make one line of the layout.
pub(super) const fn rows_of(side: usize) -> usize {
    if side == 3 { ROWS } else { 1 }
}

/// Lines of the layout for each of them.
pub(super) const fn lines_of(side: usize) -> usize {
    if side == 3 { LINES } else { 1 }
}

/// Some rows of an image, and where they go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    /// Rows of the image.
    pub height: usize,
    /// The first row of the band.
    pub top: usize,
    /// Rows of the band.
    pub rows: usize,
    /// How the lines are laid out.
    pub layout: Layout,
}

/// One channel of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    /// Its first number.
    pub start: *const f32,
    /// Where every second number of every second row is the channel: row and
    /// column of the first.
    pub phase: Option<[usize; 2]>,
}

/// Lays a band of an input channel out; the lines of different products are
/// `step` apart.
///
/// # Safety
/// `plane` must be readable for the image, `zeros` for a row, and `to` writable
/// for a channel at each multiple of `step`.
#[inline(always)]
pub(super) unsafe fn pack_input<S: Simd, const OUT: usize, const SIDE: usize>(
    band: &Band,
    plane: Plane,
    to: *mut f32,
    step: usize,
    zeros: *const f32,
) {
    let Layout { width, pitch, flat, input, .. } = band.layout;
    // SAFETY: rows are inside the image, lines inside the layout.
    unsafe {
        if SIDE == 3 {
            for group in 0..flat / pitch {
                let row = |i: usize| match (band.top + group * ROWS + i).checked_sub(1) {
                    Some(y) if y < band.height => plane.start.add(y * width),
                    _ => zeros,
                };
                let from = core::array::from_fn(row);
                let to = to.add(group * pitch);
                along::<S>(&InputRows { from, to: to.add(1), step }, width);
                for line in 0..LINES {
                    *to.add(line * step) = 0.0;
                }
            }
        } else {
            copy_rows(band, plane, to);
        }
        for line in 0..lines_of(SIDE) {
            to.add(line * step + flat).write_bytes(0, input - flat);
        }
    }
}

/// Lays a band of a channel of the output gradient out for the gradient of the
/// weights; the lines of different products are `step` apart.
///
/// # Safety
/// As for [`pack_input`].
#[inline(always)]
pub(super) unsafe fn pack_gradient<S: Simd, const OUT: usize, const SIDE: usize>(
    band: &Band,
    plane: Plane,
    to: *mut f32,
    step: usize,
    zeros: *const f32,
) {
    let Layout { width, pitch, flat, output, .. } = band.layout;
    // SAFETY: as in `pack_input`.
    unsafe {
        if SIDE == 3 {
            for group in 0..flat / pitch {
                let row = |i: usize| match band.top + group * ROWS + i {
                    y if y < band.height => plane.start.add(y * width),
                    _ => zeros,
                };
                let from = core::array::from_fn(row);
                let to = to.add(group * pitch);
                along::<S>(&GradientRows { from, to, step }, width);
                for line in 0..LINES {
                    *to.add(line * step + width) = 0.0;
                }
            }
        } else {
            copy_rows(band, plane, to);
        }
        for line in 0..lines_of(SIDE) {
            to.add(line * step + flat).write_bytes(0, output - flat);
        }
    }
}

/// Copies the rows of a band without gaps.
///
/// # Safety
/// As for [`pack_input`].
#[inline(always)]
unsafe fn copy_rows(band: &Band, plane: Plane, to: *mut f32) {
    let (width, count) = (band.layout.width, band.rows * band.layout.width);
    // SAFETY: by contract.
    unsafe {
        let Some([down, right]) = plane.phase else {
            return to.copy_from_nonoverlapping(plane.start.add(band.top * width), count);
        };
        for row in 0..band.rows {
            let from = plane.start.add((2 * (band.top + row) + down) * 2 * width + right);
            let to = to.add(row * width);
            for i in 0..width {
                *to.add(i) = *from.add(2 * i);
            }
        }
    }
}

/// What is done to the sums of a block of output channels, and where they go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The first number of the plane of each channel; where `doubled`, four
    /// channels share a plane.
    pub planes: &'a [*mut f32],
    /// Added to each channel.
    pub bias: &'a [f32],
    /// The output is at least this.
    pub floor: f32,
    /// Whether four channels are the pixels of two rows and columns of an image
    /// twice as large.
    pub doubled: bool,
    /// Takes a row of the output that is below the image.
    pub spare: *mut f32,
}

/// Computes a block of output channels of a band.
///
/// # Safety
/// `x` must hold the lines of `c_in` channels, `weights` those of the block;
/// `sums` must be writable for `OUT` channels of each line, the spare row of the
/// target for a row, and its planes for the image.
#[inline(always)]
pub(super) unsafe fn compute_block<S: Simd, const OUT: usize, const SIDE: usize>(
    band: &Band,
    c_in: usize,
    x: *const f32,
    weights: *const f32,
    sums: *mut f32,
    target: &Target<'_>,
) {
    let layout = &band.layout;
    let Layout { width, pitch, flat, input, output, .. } = *layout;
    // SAFETY: by contract.
    unsafe {
        for line in 0..lines_of(SIDE) {
            let x = x.add(line * c_in * input);
            let weights = weights.add(line * c_in * SIDE * OUT);
            forward_block::<S, OUT, SIDE>(layout, c_in, x, weights, sums.add(line * OUT * output));
        }
        let floor = target.floor;
        for (o, (&plane, &bias)) in target.planes.iter().zip(target.bias).enumerate() {
            let from = sums.add(o * output);
            if SIDE == 3 {
                for group in 0..flat / pitch {
                    let to = core::array::from_fn(|i| match band.top + group * ROWS + i {
                        y if y < band.height => plane.add(y * width),
                        _ => target.spare,
                    });
                    let from = from.add(group * pitch);
                    along::<S>(&OutputRows { from, step: OUT * output, to, bias, floor }, width);
                }
            } else if !target.doubled {
                let to = plane.add(band.top * width);
                along::<S>(&OffsetRow { from, to, bias, floor }, flat);
            } else if o % 2 == 0 {
                let (right, right_bias) = (from.add(output), target.bias[o + 1]);
                for row in 0..band.rows {
                    let to = plane.add((2 * (band.top + row) + o / 2 % 2) * 2 * width);
                    let (left, right) = (from.add(row * width), right.add(row * width));
                    for i in 0..width {
                        *to.add(2 * i) = *left.add(i) + bias;
                        *to.add(2 * i + 1) = *right.add(i) + right_bias;
                    }
                }
            }
        }
    }
}

/// Adds the gradient of the weights from a band to `total`, line by line as
/// [`weight_blocks`] does.
///
/// # Safety
/// `x` must hold the lines of `c_in` channels, `dy` those of `blocks * OUT`,
/// and `total` the numbers of each line.
#[inline(always)]
pub(super) unsafe fn weight_band<S: Simd, const OUT: usize, const SIDE: usize>(
    band: &Band,
    c_in: usize,
    blocks: usize,
    x: *const f32,
    dy: *const f32,
    total: *mut f32,
) {
    let layout = &band.layout;
    for line in 0..lines_of(SIDE) {
        // SAFETY: by contract.
        unsafe {
            let x = x.add(line * c_in * layout.input);
            let dy = dy.add(line * blocks * OUT * layout.output);
            let total = total.add(line * blocks * weight_rows(c_in, SIDE) * 3 * OUT);
            weight_blocks::<S, OUT, SIDE>(layout, c_in, blocks, x, dy, total);
        }
    }
}
