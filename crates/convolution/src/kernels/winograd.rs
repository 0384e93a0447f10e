//! The transforms of Winograd's minimal filtering F(4, 3) along the columns of
//! an image: six products in place of twelve give three taps at four rows.
//!
//! The points are 0, 1, -1, 2, -2 and infinity. Only rows are combined, so that
//! the transforms are plain arithmetic on whole vectors of neighbours, and the
//! error stays at twice that of the direct sum.

#![allow(unsafe_code)]

use super::simd::{Simd, Single};

/// Rows of output computed together.
pub(super) const ROWS: usize = 4;
/// Products for them, and rows of input they depend on.
pub(super) const LINES: usize = 6;

/// From the three taps to the factors of the products.
const FILTER: [[f64; 3]; LINES] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// The factors of the products for the three taps of a column of the kernel.
pub(super) fn filter(taps: [f32; 3]) -> [f32; LINES] {
    FILTER.map(|row| row.iter().zip(taps).map(|(f, t)| f * f64::from(t)).sum::<f64>() as f32)
}

/// The gradients of three taps from those of the factors.
pub(super) fn filter_gradient(factors: [f32; LINES]) -> [f32; 3] {
    let products = |tap: usize| FILTER.iter().zip(factors).map(move |(row, g)| row[tap] * f64::from(g));
    core::array::from_fn(|tap| products(tap).sum::<f64>() as f32)
}

/// Something computed at each place along rows.
pub(super) trait Along {
    /// Computes `S::LANES` places from `at` on.
    ///
    /// # Safety
    /// The places must be inside the rows, and the processor have the set.
    unsafe fn compute<S: Simd>(&self, at: usize);
}

/// Computes all places of rows of `width` numbers. A last incomplete vector
/// begins earlier and computes some places again.
///
/// # Safety
/// See [`Along::compute`]; what is written must not be read.
#[inline(always)]
pub(super) unsafe fn along<S: Simd>(rows: &impl Along, width: usize) {
    let mut at = 0;
    // SAFETY: all places are below `width`.
    unsafe {
        while at + S::LANES <= width {
            rows.compute::<S>(at);
            at += S::LANES;
        }
        if at < width && width >= S::LANES {
            rows.compute::<S>(width - S::LANES);
            return;
        }
        while at < width {
            rows.compute::<Single>(at);
            at += 1;
        }
    }
}

/// Six rows of input to the six lines of the products.
pub(super) struct InputRows {
    pub from: [*const f32; LINES],
    pub to: *mut f32,
    /// Distance between the lines of the products.
    pub step: usize,
}

impl Along for InputRows {
    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, at: usize) {
        // SAFETY: by contract.
        unsafe {
            let d = self.from.map(|row| S::load(row.add(at)));
            let (four, five, two) = (S::set(-4.0), S::set(-5.0), S::set(2.0));
            let plus = S::set(4.0);
            let even = S::multiply_add(d[2], four, d[4]);
            let odd = S::multiply_add(d[1], four, d[3]);
            let near = S::subtract(d[4], d[2]);
            let far = S::subtract(d[3], d[1]);
            let minus = S::set(-2.0);
            let lines = [
                S::multiply_add(d[0], plus, S::multiply_add(d[2], five, d[4])),
                S::add(even, odd),
                S::subtract(even, odd),
                S::multiply_add(far, two, near),
                S::multiply_add(far, minus, near),
                S::multiply_add(d[1], plus, S::multiply_add(d[3], five, d[5])),
            ];
            for (f, line) in lines.into_iter().enumerate() {
                S::store(self.to.add(f * self.step + at), line);
            }
        }
    }
}

/// Four rows of an output gradient to the six lines whose products with those
/// of the input are the gradients of the factors.
pub(super) struct GradientRows {
    pub from: [*const f32; ROWS],
    pub to: *mut f32,
    /// Distance between the lines of the products.
    pub step: usize,
}

impl Along for GradientRows {
    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, at: usize) {
        // SAFETY: by contract.
        unsafe {
            let y = self.from.map(|row| S::load(row.add(at)));
            let (two, four) = (S::set(2.0), S::set(4.0));
            let even = S::add(y[0], y[2]);
            let odd = S::add(y[1], y[3]);
            let wide_even = S::multiply_add(y[2], four, y[0]);
            let wide_odd = S::multiply_add(y[3], four, y[1]);
            let lines = [
                y[0],
                S::add(even, odd),
                S::subtract(even, odd),
                S::multiply_add(wide_odd, two, wide_even),
                S::multiply_add(wide_odd, S::set(-2.0), wide_even),
                y[3],
            ];
            for (f, line) in lines.into_iter().enumerate() {
                S::store(self.to.add(f * self.step + at), line);
            }
        }
    }
}

/// The six lines of products to four rows of output.
pub(super) struct OutputRows {
    pub from: *const f32,
    /// Distance between the lines of the products.
    pub step: usize,
    pub to: [*mut f32; ROWS],
    /// Added to the output.
    pub bias: f32,
    /// The output is at least this.
    pub floor: f32,
}

impl Along for OutputRows {
    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, at: usize) {
        // SAFETY: by contract.
        unsafe {
            let m: [S::Vector; LINES] = core::array::from_fn(|f| S::load(self.from.add(f * self.step + at)));
            let (bias, floor) = (S::set(self.bias), S::set(self.floor));
            let sum = S::add(S::add(m[1], m[2]), bias);
            let difference = S::add(S::subtract(m[1], m[2]), bias);
            let wide_sum = S::add(m[3], m[4]);
            let wide_difference = S::subtract(m[3], m[4]);
            let rows = [
                S::add(S::add(m[0], sum), wide_sum),
                S::multiply_add(wide_difference, S::set(2.0), difference),
                S::multiply_add(wide_sum, S::set(4.0), sum),
                S::add(S::multiply_add(wide_difference, S::set(8.0), difference), m[5]),
            ];
            for (to, row) in self.to.into_iter().zip(rows) {
                S::store(to.add(at), S::larger(floor, row));
            }
        }
    }
}

/// A row with an offset and a floor.
pub(super) struct OffsetRow {
    pub from: *const f32,
    pub to: *mut f32,
    /// Added to the row.
    pub bias: f32,
    /// The result is at least this.
    pub floor: f32,
}

impl Along for OffsetRow {
    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, at: usize) {
        // SAFETY: by contract.
        unsafe {
            let v = S::add(S::load(self.from.add(at)), S::set(self.bias));
            S::store(self.to.add(at), S::larger(S::set(self.floor), v));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Portable;

    /// Three taps at four rows, through the transforms.
    #[test]
    fn products_give_the_sums() {
        let (d, g) = ([0.3_f32, -1.2, 2.0, 0.7, -0.4, 1.1], [0.5_f32, -0.8, 1.3]);
        let mut lines = [0.0_f32; LINES];
        let from = core::array::from_fn(|i| &raw const d[i]);
        // SAFETY: rows of one number.
        unsafe { along::<Portable>(&InputRows { from, to: lines.as_mut_ptr(), step: 1 }, 1) };
        lines.iter_mut().zip(filter(g)).for_each(|(l, g)| *l *= g);
        let mut y = [0.0_f32; ROWS];
        let to = y.each_mut().map(|y| y as *mut f32);
        let rows = OutputRows { from: lines.as_ptr(), step: 1, to, bias: 0.25, floor: -9.0 };
        // SAFETY: as above.
        unsafe { along::<Portable>(&rows, 1) };
        for (i, y) in y.iter().enumerate() {
            let expected: f32 = (0..3).map(|k| d[i + k] * g[k]).sum();
            assert!((y - 0.25 - expected).abs() < 1e-5, "row {i}: {y} and {expected}");
        }
    }
}
