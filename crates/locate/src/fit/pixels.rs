//! The pixels of a window, and the normal equations of the column that is fitted to them.
//!
//! These are the innermost loops of every fit: one list of numbers after the other, compiled for the widest
//! registers that the processor has.

use super::gaussian::{Gaussian, MOST, Model, REACH};
use super::noise::NoiseModel;
use super::patch::{Context, Patch, Window};
use super::{Sampling, Shape, Statistics};
use pulp::{Arch, Simd, WithSimd};

/// Lists are filled up to a multiple of this many numbers.
const LANES: usize = 8;

/// Runs a loop compiled for the processor at hand.
#[inline(always)]
pub(super) fn wide<R>(run: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(run)
}

/// The pixels of a window that hold numbers, as lists, and room for what is made of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pixels {
    pub count: usize,
    /// Places beside the window's middle.
    x: Vec<f64>,
    y: Vec<f64>,
    /// The image without the other columns.
    data: Vec<f64>,
    /// The other columns' part.
    others: Vec<f64>,
    /// One, or zero for those that only fill the lists.
    counts: Vec<f64>,
    /// What is expected of the column and its plane, and its derivatives.
    expected: Vec<f64>,
    slopes: Vec<f64>,
    by: [Vec<f64>; MOST],
    /// How far off that the data are, how much that matters, and what it costs.
    off: Vec<f64>,
    weight: Vec<f64>,
    cost: Vec<f64>,
}

/// Cost, gradient and matrix of the normal equations, of which the upper half is used.
pub(super) struct Normal {
    pub cost: f64,
    pub gradient: [f64; MOST],
    pub matrix: [[f64; MOST]; MOST],
}

impl Pixels {
    /// Takes the pixels of a window from what a patch leaves unexplained and `column` explains so far.
    pub(super) fn fill(&mut self, context: &Context<'_>, patch: &Patch, column: &Gaussian, window: &Window) {
        let Self { x, y, data, others, counts, .. } = self;
        for list in [&mut *x, y, data, others, counts] {
            list.clear();
        }
        context.disc((window.x, window.y), window.radius, |row, columns, from, at| {
            let (image, residual) = (context.image.row(row), patch.residual.row(row - patch.top));
            for (step, col) in columns.enumerate() {
                let value = f64::from(image[col]);
                if value.is_finite() {
                    x.push(from + step as f64 - window.x);
                    y.push(at - window.y);
                    data.push(residual[col - patch.left]);
                    others.push(value);
                }
            }
        });
        self.count = x.len();
        counts.resize(self.count, 1.0);
        let length = self.count.next_multiple_of(LANES);
        for list in [x, y, data, others, counts] {
            list.resize(length, 0.0);
        }
        let made = [&mut self.expected, &mut self.slopes, &mut self.off, &mut self.weight, &mut self.cost];
        for list in made.into_iter().chain(&mut self.by) {
            list.resize(length, 0.0);
        }
        self.expect(&Gaussian { plane: [0.0; 3], ..*column }, window, &context.model);
        for ((data, others), own) in self.data.iter_mut().zip(&mut self.others).zip(&self.expected) {
            *data += own;
            *others -= *data;
        }
    }

    /// The cost alone.
    pub(super) fn cost(&mut self, context: &Context<'_>, column: &Gaussian, window: &Window) -> Normal {
        self.expect(column, window, &context.model);
        self.compare(context);
        let cost = self.cost.iter().sum();
        Normal { cost, gradient: [0.0; MOST], matrix: [[0.0; MOST]; MOST] }
    }

    /// The normal equations of a column with `N` parameters.
    pub(super) fn normal<const N: usize>(
        &mut self,
        context: &Context<'_>,
        column: &Gaussian,
        window: &Window,
    ) -> Normal {
        self.derive(column, window, &context.model);
        if context.model.shape.own() < N {
            let scale = 1.0 / window.radius;
            self.by[N - 3].fill(1.0);
            self.by[N - 2].iter_mut().zip(&self.x).for_each(|(by, x)| *by = scale * x);
            self.by[N - 1].iter_mut().zip(&self.y).for_each(|(by, y)| *by = scale * y);
        }
        self.compare(context);
        Arch::new().dispatch(Products::<N>(self))
    }

    /// What is expected of a column and its plane.
    fn expect(&mut self, column: &Gaussian, window: &Window, model: &Model) {
        let Self { x, y, expected, .. } = self;
        match model.sampling {
            Sampling::Integrated => {
                for ((x, y), expected) in x.iter().zip(&*y).zip(&mut *expected) {
                    *expected = column.at(window.x + x, window.y + y, model);
                }
            }
            Sampling::Point => wide(
                #[inline(always)]
                || {
                    let (cx, cy, [xx, xy, yy]) = (column.x - window.x, column.y - window.y, column.inverse);
                    for ((x, y), expected) in x.iter().zip(&*y).zip(&mut *expected) {
                        let (dx, dy) = (x - cx, y - cy);
                        let square = dx * (xx * dx + xy * dy) + dy * (xy * dx + yy * dy);
                        *expected = column.height * model.profile.at(square).0;
                    }
                },
            ),
        }
        self.add_plane(column, window);
    }

    /// The same, and the column's derivatives as in [`super::gaussian::Value`].
    fn derive(&mut self, column: &Gaussian, window: &Window, model: &Model) {
        let Self { x, y, expected, slopes, by, .. } = self;
        let places = x.iter().zip(&*y);
        if model.sampling == Sampling::Integrated {
            for (k, (x, y)) in places.enumerate() {
                let value = column.values(window.x + x, window.y + y, model);
                expected[k] = value.value;
                by.iter_mut().zip(value.by).for_each(|(by, value)| by[k] = value);
            }
            return self.add_plane(column, window);
        }
        let (cx, cy, [xx, xy, yy], height) =
            (column.x - window.x, column.y - window.y, column.inverse, column.height);
        let [by_x, by_y, by_height, shape @ ..] = by;
        wide(
            #[inline(always)]
            || {
                for (((x, y), unit), slope) in places.clone().zip(&mut *by_height).zip(&mut *slopes) {
                    let (dx, dy) = (x - cx, y - cy);
                    let square = dx * (xx * dx + xy * dy) + dy * (xy * dx + yy * dy);
                    (*unit, *slope) = model.profile.at(square);
                }
                expected.iter_mut().zip(&*by_height).for_each(|(value, unit)| *value = height * unit);
                for (((x, y), slope), (by_x, by_y)) in
                    places.clone().zip(&*slopes).zip(by_x.iter_mut().zip(&mut *by_y))
                {
                    let (dx, dy, falling) = (x - cx, y - cy, -2.0 * height * slope);
                    *by_x = falling * (xx * dx + xy * dy);
                    *by_y = falling * (xy * dx + yy * dy);
                }
                let [first, second, third, ..] = shape;
                match model.shape {
                    Shape::Round => {
                        for (((x, y), (by_x, by_y)), by) in places.zip(by_x.iter().zip(&*by_y)).zip(first) {
                            *by = (x - cx) * by_x + (y - cy) * by_y;
                        }
                    }
                    Shape::Elliptical => {
                        for ((((x, y), slope), xx), (xy, yy)) in
                            places.zip(&*slopes).zip(first).zip(second.iter_mut().zip(third))
                        {
                            let (dx, dy, half) = (x - cx, y - cy, height * slope);
                            *xx = half * dx * dx;
                            *xy = 2.0 * half * dx * dy;
                            *yy = half * dy * dy;
                        }
                    }
                }
            },
        );
        self.add_plane(column, window);
    }

    /// Adds the plane beneath a column. As in [`Window::terms`], with the division out of the loop.
    fn add_plane(&mut self, column: &Gaussian, window: &Window) {
        let (scale, [level, across, down]) = (1.0 / window.radius, column.plane);
        for ((expected, x), y) in self.expected.iter_mut().zip(&self.x).zip(&self.y) {
            *expected += level + scale * (across * x + down * y);
        }
    }

    /// Compares the data with what is expected.
    fn compare(&mut self, context: &Context<'_>) {
        match context.statistics {
            Statistics::LeastSquares => wide(
                #[inline(always)]
                || self.weigh::<false>(&context.noise),
            ),
            Statistics::Poisson => wide(
                #[inline(always)]
                || self.weigh::<true>(&context.noise),
            ),
        }
    }

    #[inline(always)]
    fn weigh<const POISSON: bool>(&mut self, noise: &NoiseModel) {
        let Self { data, others, counts, expected, off, weight, cost, .. } = self;
        let seen = data.iter().zip(&*others).zip(&*counts).zip(&*expected);
        let out = off.iter_mut().zip(weight).zip(cost);
        for ((((data, others), counts), expected), ((off, weight), cost)) in seen.zip(out) {
            *off = data - expected;
            let (share, price) = if POISSON {
                let mean = others + expected;
                (1.0 / noise.variance(mean), noise.deviance(others + data, mean))
            } else {
                (1.0, *off * *off)
            };
            *weight = counts * share;
            *cost = counts * price;
        }
    }
}

/// The sums of products that normal equations of `N` parameters are.
struct Products<'a, const N: usize>(&'a mut Pixels);

impl<const N: usize> WithSimd for Products<'_, N> {
    type Output = Normal;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Normal {
        let Pixels { by, off, weight, cost, slopes: scaled, counts, .. } = self.0;
        let dot = |a: &[f64], b: &[f64]| dot(simd, a, b);
        let mut normal =
            Normal { cost: dot(cost, counts), gradient: [0.0; MOST], matrix: [[0.0; MOST]; MOST] };
        for i in 0..N {
            for ((scaled, weight), by) in scaled.iter_mut().zip(&*weight).zip(&by[i]) {
                *scaled = weight * by;
            }
            normal.gradient[i] = dot(scaled, off);
            for (sum, by) in normal.matrix[i][i..N].iter_mut().zip(&by[i..N]) {
                *sum = dot(scaled, by);
            }
        }
        normal
    }
}

/// The sum of the products of two lists.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f64], b: &[f64]) -> f64 {
    // Lists have a multiple of the lanes: no rest.
    let ((a, _), (b, _)) = (S::as_simd_f64s(a), S::as_simd_f64s(b));
    let mut sums = [simd.splat_f64s(0.0); 4];
    let (fours, rest) = a.as_chunks::<4>();
    let (others, other_rest) = b.as_chunks::<4>();
    for (a, b) in fours.iter().zip(others) {
        for k in 0..4 {
            sums[k] = simd.mul_add_e_f64s(a[k], b[k], sums[k]);
        }
    }
    for (a, b) in rest.iter().zip(other_rest) {
        sums[0] = simd.mul_add_e_f64s(*a, *b, sums[0]);
    }
    let [a, b, c, d] = sums;
    simd.reduce_sum_f64s(simd.add_f64s(simd.add_f64s(a, b), simd.add_f64s(c, d)))
}

/// Adds `sign` times a column's image to a patch.
pub(super) fn paint(patch: &mut Patch, context: &Context<'_>, column: &Gaussian, sign: f64) {
    let (rows, width) = (patch.top..patch.top + patch.residual.nrows(), patch.residual.ncols());
    wide(
        #[inline(always)]
        move || {
            context.disc(
                (column.x, column.y),
                REACH * column.axes().0,
                #[inline(always)]
                |row, columns, x, y| {
                    if !rows.contains(&row) {
                        return;
                    }
                    let (from, to) = (columns.start.max(patch.left), columns.end.min(patch.left + width));
                    let first = x + from as f64 - columns.start as f64;
                    let mut line = patch.residual.row_mut(row - patch.top);
                    if let Some(line) = line.as_slice_mut().filter(|_| from < to) {
                        add_row(
                            &mut line[from - patch.left..to - patch.left],
                            first,
                            y,
                            column,
                            sign,
                            &context.model,
                        );
                    }
                },
            );
        },
    );
}

/// Adds `sign` times a column's image to pixels that look at `y` and, the first of them, at `x`.
#[inline(always)]
fn add_row(line: &mut [f64], x: f64, y: f64, column: &Gaussian, sign: f64, model: &Model) {
    if model.sampling == Sampling::Integrated {
        for (k, value) in line.iter_mut().enumerate() {
            *value += sign * column.at(x + k as f64, y, model);
        }
        return;
    }
    let ([xx, xy, yy], height) = (column.inverse, sign * column.height);
    let (first, dy) = (x - column.x, y - column.y);
    for (chunk, line) in line.chunks_mut(LANES).enumerate() {
        let mut values = [0.0; LANES];
        for (k, value) in values.iter_mut().enumerate() {
            let dx = first + (chunk * LANES + k) as f64;
            let square = dx * (xx * dx + xy * dy) + dy * (xy * dx + yy * dy);
            *value = height * model.profile.at(square).0;
        }
        line.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
}

/// Adds the derivatives of a column's image by x and y to pixels as in [`add_row`].
#[inline(always)]
pub(super) fn add_slopes([by_x, by_y]: [&mut [f32]; 2], x: f64, y: f64, column: &Gaussian, model: &Model) {
    if model.sampling == Sampling::Integrated {
        for (k, (by_x, by_y)) in by_x.iter_mut().zip(by_y).enumerate() {
            let value = column.values(x + k as f64, y, model);
            *by_x += value.by[0] as f32;
            *by_y += value.by[1] as f32;
        }
        return;
    }
    let ([xx, xy, yy], height) = (column.inverse, -2.0 * column.height);
    let (first, dy) = (x - column.x, y - column.y);
    for (k, (by_x, by_y)) in by_x.iter_mut().zip(by_y).enumerate() {
        let dx = first + k as f64;
        let (along_x, along_y) = (xx * dx + xy * dy, xy * dx + yy * dy);
        let falling = height * model.profile.at(dx * along_x + dy * along_y).1;
        *by_x += (falling * along_x) as f32;
        *by_y += (falling * along_y) as f32;
    }
}
