//! Columns that nobody reported, whose light would pull at those that were.

use super::Start;
use super::outside::Silent;
use super::sweep::Fitting;
use crate::median;
use ndarray::{Array2, aview1};
use rayon::prelude::*;

/// Standard deviations of the noise, and part of the median height, by which a hidden column stands out.
const SURE: f64 = 6.0;
const LEAST_HEIGHT: f64 = 0.05;
/// Distance from other columns, in widths, below which what is left is their misfit.
const APART: f64 = 1.4;

/// Standard deviation of a place, in widths.
const SPREAD: f64 = 0.3;
/// What is seen nearer to the border than this, in widths, is more likely outside: this far, give or take, in widths.
const BORDER: f64 = 0.5;
const OUTSIDE: (f64, f64) = (0.8, 0.7);

/// Peaks of what a fit leaves, found with the typical column as a filter.
pub(super) fn find(fitting: &Fitting<'_>) -> Vec<Silent> {
    let sigma = fitting.context.typical;
    let left = fitting.left();
    let filter = Filter::new(sigma);
    let filtered = filter.heights(&left);
    let displaced = filter.displaced(fitting);
    let mut heights: Vec<f64> =
        (0..fitting.inside).filter(|i| fitting.is_used(*i)).map(|i| fitting.columns[i].height).collect();
    let Some(median) = median(&mut heights) else { return Vec::new() };
    let (rows, columns) = filtered.dim();
    let reach = (APART * sigma).ceil() as usize;
    let mut peaks: Vec<(f32, usize, usize)> = filtered
        .indexed_iter()
        .filter(|((row, column), value)| {
            let local = fitting.context.noise.variance(f64::from(fitting.context.image[(*row, *column)]));
            let noise = (local / filter.square + f64::from(displaced[(*row, *column)])).sqrt();
            f64::from(**value) > (SURE * noise).max(LEAST_HEIGHT * median)
        })
        .filter(|((row, column), value)| {
            (row.saturating_sub(1)..(row + 2).min(rows)).all(|r| {
                (column.saturating_sub(1)..(column + 2).min(columns)).all(|c| filtered[(r, c)] <= **value)
            })
        })
        .map(|((row, column), value)| (*value, row, column))
        .collect();
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken = Array2::from_elem((rows, columns), false);
    let mut mark = |x: f64, y: f64| {
        let nearest = |at: f64, size: usize| at.round().clamp(0.0, size as f64 - 1.0) as usize;
        let (row, column) = (nearest(y, rows), nearest(x, columns));
        let range = |at: usize, size: usize| at.saturating_sub(reach)..(at + reach + 1).min(size);
        let near = range(row, rows).any(|r| {
            range(column, columns)
                .any(|c| taken[(r, c)] && (c as f64 - x).hypot(r as f64 - y) < APART * sigma)
        });
        taken[(row, column)] |= !near;
        !near
    };
    for column in &fitting.columns {
        mark(column.x, column.y);
    }
    peaks
        .into_iter()
        .map(|(_, row, column)| (column as f64, row as f64))
        .filter(|(x, y)| mark(*x, *y))
        .map(|(x, y)| {
            let out = |at: f64, size: usize| match at {
                at if at < BORDER * sigma => -OUTSIDE.0 * sigma,
                at if at > size as f64 - 1.0 - BORDER * sigma => size as f64 - 1.0 + OUTSIDE.0 * sigma,
                at => at,
            };
            let (outer_x, outer_y) = (out(x, columns), out(y, rows));
            let spread = if (outer_x, outer_y) == (x, y) { SPREAD } else { OUTSIDE.1 };
            let start = Start { x: outer_x, y: outer_y, sigma, background: None };
            Silent { start, spread: spread * sigma, like: Vec::new() }
        })
        .collect()
}

/// A Gaussian column, to be found wherever it is.
struct Filter {
    kernel: Vec<f32>,
    /// The sum of the column's squares.
    square: f64,
}

impl Filter {
    fn new(sigma: f64) -> Self {
        let reach = (3.0 * sigma).ceil() as isize;
        let kernel: Vec<f32> =
            (-reach..=reach).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp() as f32).collect();
        let square = kernel.iter().map(|k| f64::from(k * k)).sum::<f64>().powi(2);
        Self { kernel, square }
    }

    /// The height of the column that fits best at every pixel.
    fn heights(&self, image: &Array2<f32>) -> Array2<f32> {
        let mut heights = along(&down(image, &self.kernel), &self.kernel);
        heights.mapv_inplace(|v| v / self.square as f32);
        heights
    }

    /// The variance of that height by the rows' displacements: pixels of a row are off together.
    fn displaced(&self, fitting: &Fitting<'_>) -> Array2<f32> {
        let jitter = fitting.context.noise.jitter_px;
        let mut variance = Array2::zeros(fitting.residual.dim());
        if jitter.iter().all(|j| *j <= 0.0) {
            return variance;
        }
        let squares: Vec<f32> = self.kernel.iter().map(|k| k * k).collect();
        for (slopes, jitter) in fitting.maps().slopes.iter().zip(jitter) {
            let row = along(slopes, &self.kernel).mapv(|v| v * v);
            variance.scaled_add((jitter / self.square).powi(2) as f32, &down(&row, &squares));
        }
        variance
    }
}

/// An image filtered down its columns; nothing lies outside.
fn down(image: &Array2<f32>, kernel: &[f32]) -> Array2<f32> {
    let reach = kernel.len() as isize / 2;
    let mut result = Array2::<f32>::zeros(image.dim());
    result.outer_iter_mut().enumerate().par_bridge().for_each(|(row, mut to)| {
        for (weight, from) in kernel.iter().zip(row as isize - reach..) {
            if let Some(from) = usize::try_from(from).ok().filter(|from| *from < image.nrows()) {
                to.scaled_add(*weight, &image.row(from));
            }
        }
    });
    result
}

/// An image filtered along its rows; nothing lies outside.
fn along(image: &Array2<f32>, kernel: &[f32]) -> Array2<f32> {
    let reach = kernel.len() / 2;
    let mut result = Array2::<f32>::zeros(image.dim());
    result.outer_iter_mut().zip(image.outer_iter()).par_bridge().for_each(|(mut to, from)| {
        let mut padded = vec![0.0; image.ncols() + 2 * reach];
        padded[reach..].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        for (weight, from) in kernel.iter().zip(padded.windows(image.ncols().max(1))) {
            to.scaled_add(*weight, &aview1(from));
        }
    });
    result
}
