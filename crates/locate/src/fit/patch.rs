//! One column refined on its part of the image.

use super::gaussian::{Gaussian, MOST, Model};
use super::noise::NoiseModel;
use super::pixels::{Normal, Pixels, paint};
use super::{Shape, Statistics, Symmetric};
use ndarray::Array2;
use std::ops::Range;

/// Narrowest and widest column, over the typical one.
const WIDTHS: (f64, f64) = (0.3, 3.0);

/// Steps of less than this \[px\], and this part of a height or a width, are not taken.
const SMALL_PX: f64 = 1e-4;
const SMALL_PART: f64 = 2e-5;

/// What all fits of an image have in common.
#[derive(Clone)]
pub(super) struct Context<'a> {
    pub image: &'a Array2<f32>,
    /// Displacement of each row along x and y \[px\], empty if none is: row r shows what lies at
    /// (x − rows\[r\]\[0\], y − rows\[r\]\[1\]).
    pub rows: Vec<[f64; 2]>,
    pub model: Model,
    pub statistics: Statistics,
    pub noise: NoiseModel,
    /// The width that columns have if their pixels don't say otherwise \[px\], and how much widths differ,
    /// as a logarithm: what a fit starts from believing, not more than the column's own pixels tell.
    pub typical: f64,
    /// Largest height that a column can have \[image unit\].
    pub highest: f64,
    pub width_spread: f64,
    /// Variance of a pixel, where all count alike.
    pub variance: f64,
    /// How many times more than independent noise what is left moves a column, as a variance: one whose window is
    /// in the image, and one at the border.
    pub misfit: [f64; 2],
}

impl Context<'_> {
    /// Where a pixel looks.
    pub(super) fn place(&self, row: usize, column: usize) -> (f64, f64) {
        match self.rows.get(row) {
            Some([dx, dy]) => (column as f64 - dx, row as f64 - dy),
            None => (column as f64, row as f64),
        }
    }

    /// Rows and columns of the pixels within `reach` of a point, a little more where rows are displaced.
    pub(super) fn box_around(&self, x: f64, y: f64, reach: f64) -> [usize; 4] {
        let (height, width) = self.image.dim();
        let slack = if self.rows.is_empty() { 0.0 } else { 2.0 };
        let range = |centre: f64, size: usize| {
            let from = (centre - reach - slack).ceil().max(0.0) as usize;
            let to = ((centre + reach + slack).floor() + 1.0).clamp(0.0, size as f64) as usize;
            (from.min(to), to)
        };
        let ((top, bottom), (left, right)) = (range(y, height), range(x, width));
        [top, bottom, left, right]
    }

    /// The pixels within `reach` of a point, row by row: the row, its columns, and where the first of them looks.
    #[inline(always)]
    pub(super) fn disc(
        &self,
        (x, y): (f64, f64),
        reach: f64,
        mut each: impl FnMut(usize, Range<usize>, f64, f64),
    ) {
        let [top, bottom, left, right] = self.box_around(x, y, reach);
        for row in top..bottom {
            let (first, at) = self.place(row, 0);
            let square = reach * reach - (at - y) * (at - y);
            if square < 0.0 {
                continue;
            }
            let (half, middle) = (square.sqrt(), x - first);
            let from = ((middle - half).ceil().max(0.0) as usize).max(left);
            let to = (((middle + half).floor() + 1.0).max(0.0) as usize).min(right);
            if from < to {
                each(row, from..to, first + from as f64, at);
            }
        }
    }

    /// A column no farther away, no higher and no deeper, no wider and no narrower than it may be.
    fn held(&self, mut column: Gaussian, window: &Window) -> Gaussian {
        let (dx, dy) = (column.x - window.x, column.y - window.y);
        let part = window.leash / dx.hypot(dy);
        if part < 1.0 {
            (column.x, column.y) = (window.x + part * dx, window.y + part * dy);
        }
        column.height = column.height.clamp(-self.highest, self.highest);
        let (narrow, wide) = (WIDTHS.0 * self.typical, WIDTHS.1 * self.typical);
        let sigma = column.sigma();
        let factor = (sigma / sigma.clamp(narrow, wide)).powi(2);
        column.inverse.iter_mut().for_each(|value| *value *= factor);
        column
    }

    /// How far a point lies inside the image \[px\]; negative outside.
    pub(super) fn depth(&self, x: f64, y: f64) -> f64 {
        depth(x, y, self.image.dim())
    }

    /// Whether all pixels of a window are in the image.
    pub(super) fn is_inner(&self, window: &Window) -> bool {
        self.depth(window.x, window.y) >= window.radius
    }

    /// How many times more than independent noise what is left moves the column of a window, as a variance.
    pub(super) fn misfit(&self, window: &Window) -> f64 {
        self.misfit[usize::from(!self.is_inner(window))]
    }

    /// What a believed precision weighs beside the pixels.
    pub(super) fn unit(&self) -> f64 {
        match self.statistics {
            Statistics::LeastSquares => self.variance,
            Statistics::Poisson => 1.0,
        }
    }
}

/// How far a point lies inside an image of `size` (rows, columns) \[px\]; negative outside.
pub(super) fn depth(x: f64, y: f64, (height, width): (usize, usize)) -> f64 {
    x.min(y).min(width as f64 - 1.0 - x).min(height as f64 - 1.0 - y)
}

/// The pixels that a column is fitted to: a disc that stays where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub x: f64,
    pub y: f64,
    pub radius: f64,
    /// How far the column may leave the window's middle \[px\].
    pub leash: f64,
    /// The column has no plane of its own to be fitted: neighbours take up most of the window, or the image's
    /// background is known.
    pub crowded: bool,
    /// What the start tells of the place.
    pub place: Option<Place>,
    /// The height as far as it is known beforehand, and its standard deviation.
    pub height: Option<[f64; 2]>,
}

impl Window {
    /// What a plane's numbers count with at a point: one, and the way from the middle over the radius.
    pub(super) fn terms(&self, x: f64, y: f64) -> [f64; 3] {
        [1.0, (x - self.x) / self.radius, (y - self.y) / self.radius]
    }
}

/// What a start tells of a column's place, beyond the column's pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Variance that the start counts with \[px²\].
    pub variance: f64,
    /// How much less the variance of the place becomes by it \[px²\].
    pub gain: f64,
}

/// A rectangle of what no column explains yet.
pub(super) struct Patch {
    pub top: usize,
    pub left: usize,
    pub residual: Array2<f64>,
}

impl Patch {
    /// Refines a column by at most `iterations` steps, and keeps the patch in agreement. Returns how far it
    /// moved, or `None` if its pixels don't determine it. What `pixels` holds is replaced.
    pub(super) fn refine(
        &mut self,
        context: &Context<'_>,
        column: &mut Gaussian,
        window: &Window,
        iterations: usize,
        pixels: &mut Pixels,
    ) -> Option<f64> {
        pixels.fill(context, self, column, window);
        let before = *column;
        let refined = match (context.model.shape, window.crowded) {
            (Shape::Round, true) => minimise::<4>(context, pixels, *column, window, iterations),
            (Shape::Round, false) => minimise::<7>(context, pixels, *column, window, iterations),
            (Shape::Elliptical, true) => minimise::<6>(context, pixels, *column, window, iterations),
            (Shape::Elliptical, false) => minimise::<9>(context, pixels, *column, window, iterations),
        }?;
        *column = refined;
        if *column != before {
            paint(self, context, &before, 1.0);
            paint(self, context, column, -1.0);
        }
        Some((column.x - before.x).hypot(column.y - before.y))
    }

    /// Variances of a column's parameters by its pixels alone, weighted as now; `None` if they don't
    /// determine it. What `pixels` holds is replaced.
    pub(super) fn variances(
        &self,
        context: &Context<'_>,
        column: &Gaussian,
        window: &Window,
        pixels: &mut Pixels,
    ) -> Option<Vec<f64>> {
        pixels.fill(context, self, column, window);
        match (context.model.shape, window.crowded) {
            (Shape::Round, true) => inverse_diagonal::<4>(context, pixels, column, window),
            (Shape::Round, false) => inverse_diagonal::<7>(context, pixels, column, window),
            (Shape::Elliptical, true) => inverse_diagonal::<6>(context, pixels, column, window),
            (Shape::Elliptical, false) => inverse_diagonal::<9>(context, pixels, column, window),
        }
    }
}

/// Levenberg's and Marquardt's way down, at most `iterations` steps.
fn minimise<const N: usize>(
    context: &Context<'_>,
    pixels: &mut Pixels,
    start: Gaussian,
    window: &Window,
    iterations: usize,
) -> Option<Gaussian> {
    if pixels.count < N + 2 {
        return None;
    }
    if iterations == 0 {
        return with_height::<N>(context, pixels, start, window);
    }
    let mut column = start;
    let mut normal = with_beliefs(context, &column, window, pixels.normal::<N>(context, &column, window));
    let mut damping = 1e-3;
    for iteration in 1..=iterations {
        let Some(step) = solve::<N>(&normal, damping) else {
            damping *= 10.0;
            if damping > 1e3 {
                return None;
            }
            continue;
        };
        if is_small(&step, &column, context.model.shape) {
            break;
        }
        let trial = context.held(column.stepped(&step, context.model.shape), window);
        // Nobody asks for the derivatives after the last step.
        let tried = if iteration < iterations {
            pixels.normal::<N>(context, &trial, window)
        } else {
            pixels.cost(context, &trial, window)
        };
        let tried = with_beliefs(context, &trial, window, tried);
        if tried.cost.is_finite() && tried.cost <= normal.cost {
            (column, damping, normal) = (trial, damping * 0.2, tried);
        } else {
            damping *= 10.0;
        }
    }
    Some(column)
}

/// Whether a step is not worth taking.
fn is_small(step: &[f64], column: &Gaussian, shape: Shape) -> bool {
    let within = |steps: &[f64], least: f64| steps.iter().all(|step| step.abs() < least);
    let height = SMALL_PART * column.height.abs();
    let of_shape = match shape {
        Shape::Round => SMALL_PART,
        Shape::Elliptical => SMALL_PART * column.inverse[0].min(column.inverse[2]),
    };
    let own = shape.own();
    within(&step[..2], SMALL_PX)
        && within(&step[2..3], height)
        && within(&step[3..own], of_shape)
        && within(&step[own..], height)
}

/// The best height and plane with everything else as it is.
fn with_height<const N: usize>(
    context: &Context<'_>,
    pixels: &mut Pixels,
    column: Gaussian,
    window: &Window,
) -> Option<Gaussian> {
    let normal = with_beliefs(context, &column, window, pixels.normal::<N>(context, &column, window));
    let own = context.model.shape.own();
    let chosen: Vec<usize> = std::iter::once(2).chain(own..N).collect();
    let mut matrix = Symmetric::zeros(chosen.len());
    for (row, i) in chosen.iter().enumerate() {
        for (column, j) in chosen.iter().enumerate() {
            matrix.add(row, column, normal.matrix[*i.min(j)][*i.max(j)]);
        }
    }
    let right: Vec<f64> = chosen.iter().map(|i| normal.gradient[*i]).collect();
    let solved = matrix.factor(1e-9)?.solve(&right);
    let mut step = [0.0; MOST];
    chosen.iter().zip(solved).for_each(|(i, value)| step[*i] = value);
    Some(column.stepped(&step, context.model.shape))
}

fn solve<const N: usize>(normal: &Normal, damping: f64) -> Option<Vec<f64>> {
    Some(full::<N>(normal).factor(damping)?.solve(&normal.gradient))
}

/// Both halves of the matrix.
fn full<const N: usize>(normal: &Normal) -> Symmetric {
    let mut matrix = Symmetric::zeros(N);
    for row in 0..N {
        for column in 0..N {
            let (low, high) = (row.min(column), row.max(column));
            matrix.add(row, column, normal.matrix[low][high]);
        }
    }
    matrix
}

fn inverse_diagonal<const N: usize>(
    context: &Context<'_>,
    pixels: &mut Pixels,
    column: &Gaussian,
    window: &Window,
) -> Option<Vec<f64>> {
    let factor = full::<N>(&pixels.normal::<N>(context, column, window)).factor(0.0)?;
    let diagonal = (0..N).map(|i| factor.inverse_column(i)[i]);
    Some(diagonal.collect())
}

/// Adds what is known beforehand: of the place, the height and the shape.
fn with_beliefs(context: &Context<'_>, column: &Gaussian, window: &Window, mut normal: Normal) -> Normal {
    for (index, precision) in precisions(context, window) {
        let inverse = context.typical.powi(-2);
        let off = match (index, context.model.shape) {
            (0, _) => window.place.map_or(0.0, |place| place.x - column.x),
            (1, _) => window.place.map_or(0.0, |place| place.y - column.y),
            (2, _) => window.height.map_or(0.0, |[height, _]| height - column.height),
            (3, Shape::Round) => (context.typical / column.sigma()).ln(),
            (4, Shape::Elliptical) => -column.inverse[1],
            (3 | 5, Shape::Elliptical) => inverse - column.inverse[index - 3],
            _ => 0.0,
        };
        let precision = context.unit() * precision;
        normal.cost += precision * off * off;
        normal.gradient[index] += precision * off;
        normal.matrix[index][index] += precision;
    }
    normal
}

/// How sure is what is known beforehand of the parameters of a column: their numbers, and inverse
/// variances.
pub(super) fn precisions(context: &Context<'_>, window: &Window) -> impl Iterator<Item = (usize, f64)> {
    let place = window.place.map(|place| [(0, 1.0 / place.variance), (1, 1.0 / place.variance)]);
    let height = window.height.map(|[_, std]| (2, std.powi(-2)));
    let width = context.width_spread.powi(-2);
    let shape: &[usize] = match context.model.shape {
        Shape::Round => &[3],
        Shape::Elliptical => &[3, 4, 5],
    };
    let of_shape = match context.model.shape {
        Shape::Round => width,
        // The inverse of the shape changes by twice the relative change of the width.
        Shape::Elliptical => 0.25 * width * context.typical.powi(4),
    };
    let shape = shape.iter().map(move |i| (*i, of_shape));
    place.into_iter().flatten().chain(height).chain(shape)
}
