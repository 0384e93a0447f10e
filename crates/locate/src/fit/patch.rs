//! One column refined on its part of the image.

use super::gaussian::{Gaussian, MOST, Model, REACH};
use super::noise::NoiseModel;
use super::{Shape, Statistics, Symmetric};
use ndarray::Array2;

/// Narrowest and widest column, over the typical one.
const WIDTHS: (f64, f64) = (0.3, 3.0);

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
    /// How many times more than independent noise what is left moves a column, as a variance.
    pub misfit: f64,
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

    /// The pixels of a window: row, column, and where they look.
    pub(super) fn pixels_of(
        &self,
        window: &Window,
    ) -> impl Iterator<Item = (usize, usize, f64, f64)> + use<'_> {
        let Window { x, y, radius, .. } = *window;
        let [top, bottom, left, right] = self.box_around(x, y, radius);
        (top..bottom)
            .flat_map(move |row| (left..right).map(move |col| (row, col)))
            .map(|(row, col)| {
                let (x, y) = self.place(row, col);
                (row, col, x, y)
            })
            .filter(move |(_, _, px, py)| (px - x).hypot(py - y) <= radius)
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

/// A pixel of a window.
struct Pixel {
    x: f64,
    y: f64,
    /// The image without the other columns.
    data: f64,
    /// The other columns' part.
    others: f64,
}

/// Cost, gradient and matrix of the normal equations.
struct Normal {
    cost: f64,
    gradient: [f64; MOST],
    matrix: [[f64; MOST]; MOST],
}

impl Patch {
    /// Adds `sign` times a column's image.
    pub(super) fn add(&mut self, context: &Context<'_>, column: &Gaussian, sign: f64) {
        let (height, width) = self.residual.dim();
        let reach = REACH * column.axes().0;
        let [top, bottom, left, right] = context.box_around(column.x, column.y, reach);
        for row in top.max(self.top)..bottom.min(self.top + height) {
            for col in left.max(self.left)..right.min(self.left + width) {
                let (x, y) = context.place(row, col);
                self.residual[(row - self.top, col - self.left)] += sign * column.at(x, y, &context.model);
            }
        }
    }

    /// Refines a column by at most `iterations` steps, and keeps the patch in agreement. Returns how far it
    /// moved, or `None` if its pixels don't determine it.
    pub(super) fn refine(
        &mut self,
        context: &Context<'_>,
        column: &mut Gaussian,
        window: &Window,
        iterations: usize,
    ) -> Option<f64> {
        let pixels = self.pixels(context, column, window);
        let before = *column;
        let refined = match (context.model.shape, window.crowded) {
            (Shape::Round, true) => minimise::<4>(context, &pixels, *column, window, iterations),
            (Shape::Round, false) => minimise::<7>(context, &pixels, *column, window, iterations),
            (Shape::Elliptical, true) => minimise::<6>(context, &pixels, *column, window, iterations),
            (Shape::Elliptical, false) => minimise::<9>(context, &pixels, *column, window, iterations),
        }?;
        *column = refined;
        self.add(context, &before, 1.0);
        self.add(context, column, -1.0);
        Some((column.x - before.x).hypot(column.y - before.y))
    }

    /// Variances of a column's parameters by its pixels alone, weighted as now; `None` if they don't
    /// determine it.
    pub(super) fn variances(
        &self,
        context: &Context<'_>,
        column: &Gaussian,
        window: &Window,
    ) -> Option<Vec<f64>> {
        let pixels = self.pixels(context, column, window);
        match (context.model.shape, window.crowded) {
            (Shape::Round, true) => inverse_diagonal::<4>(context, &pixels, column, window),
            (Shape::Round, false) => inverse_diagonal::<7>(context, &pixels, column, window),
            (Shape::Elliptical, true) => inverse_diagonal::<6>(context, &pixels, column, window),
            (Shape::Elliptical, false) => inverse_diagonal::<9>(context, &pixels, column, window),
        }
    }

    fn pixels(&self, context: &Context<'_>, column: &Gaussian, window: &Window) -> Vec<Pixel> {
        let side = 2.0 * window.radius + 1.0;
        let mut pixels = Vec::with_capacity((side * side) as usize);
        for (row, col, x, y) in context.pixels_of(window) {
            let data = self.residual[(row - self.top, col - self.left)] + column.at(x, y, &context.model);
            let value = f64::from(context.image[(row, col)]);
            if value.is_finite() {
                pixels.push(Pixel { x, y, data, others: value - data });
            }
        }
        pixels
    }
}

/// Levenberg's and Marquardt's way down, at most `iterations` steps.
fn minimise<const N: usize>(
    context: &Context<'_>,
    pixels: &[Pixel],
    start: Gaussian,
    window: &Window,
    iterations: usize,
) -> Option<Gaussian> {
    if pixels.len() < N + 2 {
        return None;
    }
    if iterations == 0 {
        return with_height::<N>(context, pixels, start, window);
    }
    let mut column = start;
    let mut normal = with_beliefs::<N>(context, pixels, &column, window);
    let mut damping = 1e-3;
    for _ in 0..iterations {
        let Some(step) = solve::<N>(&normal, damping) else {
            damping *= 10.0;
            if damping > 1e3 {
                return None;
            }
            continue;
        };
        let trial = context.held(column.stepped(&step, context.model.shape), window);
        let tried = with_beliefs::<N>(context, pixels, &trial, window);
        if tried.cost.is_finite() && tried.cost <= normal.cost {
            let moved = (trial.x - column.x).hypot(trial.y - column.y);
            let gained = normal.cost - tried.cost;
            (column, damping) = (trial, damping * 0.2);
            normal = tried;
            if moved < 1e-4 && gained <= 1e-9 * normal.cost {
                break;
            }
        } else {
            damping *= 10.0;
        }
    }
    Some(column)
}

/// The best height and plane with everything else as it is.
fn with_height<const N: usize>(
    context: &Context<'_>,
    pixels: &[Pixel],
    column: Gaussian,
    window: &Window,
) -> Option<Gaussian> {
    let normal = with_beliefs::<N>(context, pixels, &column, window);
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
    pixels: &[Pixel],
    column: &Gaussian,
    window: &Window,
) -> Option<Vec<f64>> {
    let factor = full::<N>(&normal_equations::<N>(context, pixels, column, window)).factor(0.0)?;
    let diagonal = (0..N).map(|i| factor.inverse_column(i)[i]);
    Some(diagonal.collect())
}

fn with_beliefs<const N: usize>(
    context: &Context<'_>,
    pixels: &[Pixel],
    column: &Gaussian,
    window: &Window,
) -> Normal {
    let mut normal = normal_equations::<N>(context, pixels, column, window);
    believe::<N>(context, column, window, &mut normal);
    normal
}

fn normal_equations<const N: usize>(
    context: &Context<'_>,
    pixels: &[Pixel],
    column: &Gaussian,
    window: &Window,
) -> Normal {
    let mut normal = Normal { cost: 0.0, gradient: [0.0; MOST], matrix: [[0.0; MOST]; MOST] };
    let (own, noise) = (context.model.shape.own(), context.noise);
    // As in `Window::terms`, with the division out of the innermost loop.
    let scale = 1.0 / window.radius;
    for pixel in pixels {
        let value = column.values(pixel.x, pixel.y, &context.model);
        let (u, v) = (scale * (pixel.x - window.x), scale * (pixel.y - window.y));
        let mut by = [0.0; N];
        by[..own].copy_from_slice(&value.by[..own]);
        by[own..].iter_mut().zip([1.0, u, v]).for_each(|(by, plane)| *by = plane);
        let model = value.value + column.plane[0] + column.plane[1] * u + column.plane[2] * v;
        let off = pixel.data - model;
        let (weight, cost) = match context.statistics {
            Statistics::LeastSquares => (1.0, off * off),
            Statistics::Poisson => (
                1.0 / noise.variance(pixel.others + model),
                noise.deviance(pixel.others + pixel.data, pixel.others + model),
            ),
        };
        normal.cost += cost;
        for row in 0..N {
            let scaled = weight * by[row];
            normal.gradient[row] += scaled * off;
            let line = normal.matrix[row][row..].iter_mut().zip(&by[row..]);
            line.for_each(|(value, by)| *value += scaled * by);
        }
    }
    normal
}

/// Adds what is known beforehand: of the place, the height and the shape.
fn believe<const N: usize>(context: &Context<'_>, column: &Gaussian, window: &Window, normal: &mut Normal) {
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
