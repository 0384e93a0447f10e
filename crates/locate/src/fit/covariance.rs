//! How well a column's place is known: the noise of its pixels, and that of the rows' places, carried
//! through the fit.

use super::gaussian::Gaussian;
use super::patch::{Window, precisions};
use super::sweep::Fitting;
use super::{Statistics, Symmetric};
use ndarray::Array2;
use std::collections::HashSet;

/// Neighbours within this many widths are uncertain together with the column.
const TOGETHER: f64 = 3.6;
/// Neighbours that are taken along at most.
const MOST_NEIGHBOURS: usize = 8;

/// Covariance of a column's position, xx, xy, yy \[px²\].
///
/// The estimate's response to the pixels is H⁻¹JᵀW; with the pixels' covariance V (noise of each, and
/// rows displaced together) the covariance is H⁻¹ JᵀWVWJ H⁻¹. For the best weights and rows in their
/// places that is the inverse of Fisher's information.
/// `jitter_px` is that of the rows if they were not solved for.
pub(super) fn of(
    fitting: &Fitting<'_>,
    index: usize,
    slopes: &[Array2<f32>; 2],
    jitter_px: [f64; 2],
) -> Option<[f64; 3]> {
    let context = &fitting.context;
    let centre = &fitting.columns[index];
    let reach = TOGETHER * centre.sigma();
    let distance = |other: &Gaussian| (other.x - centre.x).hypot(other.y - centre.y);
    let mut near: Vec<usize> =
        fitting.near[index].iter().copied().filter(|i| distance(&fitting.columns[*i]) < reach).collect();
    near.sort_by(|a, b| distance(&fitting.columns[*a]).total_cmp(&distance(&fitting.columns[*b])));
    near.truncate(MOST_NEIGHBOURS);
    let members: Vec<usize> = std::iter::once(index).chain(near).collect();
    let own = context.model.shape.own();
    let window = &fitting.windows[index];
    let misfit = context.misfit(window);
    let plane = if window.crowded { 0 } else { 3 };
    // Every member's own numbers, then one plane for all.
    let n = own * members.len() + plane;
    let mut pixels: Vec<(usize, usize)> = Vec::new();
    let mut seen = HashSet::new();
    for &member in &members {
        let Window { x, y, radius, .. } = fitting.windows[member];
        context.disc((x, y), radius, |row, columns, _, _| {
            let new = columns.map(|col| (row, col)).filter(|at| members.len() == 1 || seen.insert(*at));
            pixels.extend(new);
        });
    }
    pixels.sort_unstable();
    let mut information = Symmetric::zeros(n);
    let mut spread = Symmetric::zeros(n);
    let (mut by_row, mut row_before) = ([vec![0.0; n], vec![0.0; n]], usize::MAX);
    let [jitter_x, jitter_y] = jitter_px.map(|j| j * j);
    let flush = |sums: &mut [Vec<f64>; 2], spread: &mut Symmetric| {
        spread.add_outer(&sums[0], jitter_x);
        spread.add_outer(&sums[1], jitter_y);
        sums.iter_mut().for_each(|sum| sum.fill(0.0));
    };
    let mut by = vec![0.0; n];
    for (row, col) in pixels {
        if row != row_before {
            flush(&mut by_row, &mut spread);
            row_before = row;
        }
        let (x, y) = context.place(row, col);
        let mut expected = 0.0;
        for (slot, &member) in members.iter().enumerate() {
            let value = fitting.columns[member].values(x, y, &context.model);
            by[slot * own..(slot + 1) * own].copy_from_slice(&value.by[..own]);
            expected += value.value;
        }
        let terms = window.terms(x, y);
        by[n - plane..].copy_from_slice(&terms[..plane]);
        expected += centre.background(terms) + fitting.background(row, col);
        let variance = context.noise.variance(expected);
        let weight = match context.statistics {
            Statistics::LeastSquares => 1.0,
            Statistics::Poisson => 1.0 / variance,
        };
        information.add_outer(&by, weight);
        spread.add_outer(&by, misfit * weight * weight * variance);
        for (axis, sums) in by_row.iter_mut().enumerate() {
            let slope = weight * f64::from(slopes[axis][(row, col)]);
            sums.iter_mut().zip(&by).for_each(|(sum, b)| *sum += slope * b);
        }
    }
    flush(&mut by_row, &mut spread);
    // What was believed beforehand is as uncertain as it says. A start isn't independent of the pixels: what it
    // tells is dealt with at the end, but for those outside the image.
    let unit = context.unit();
    let mut believe = |index: usize, precision: f64| {
        information.add(index, index, unit * precision);
        spread.add(index, index, unit * unit * precision);
    };
    for (slot, &member) in members.iter().enumerate() {
        let known = precisions(context, &fitting.windows[member]);
        for (index, precision) in known.filter(|(index, _)| *index > 1 || member >= fitting.inside) {
            believe(slot * own + index, precision);
        }
    }
    let factor = information.factor(0.0)?;
    // The rows of H⁻¹ for x and y.
    let response = [factor.inverse_column(0), factor.inverse_column(1)];
    let product = |a: &[f64], b: &[f64]| -> f64 {
        (0..n).map(|i| a[i] * (0..n).map(|j| spread.get(i, j) * b[j]).sum::<f64>()).sum()
    };
    let covariance = [
        product(&response[0], &response[0]),
        product(&response[0], &response[1]),
        product(&response[1], &response[1]),
    ];
    let gain = window.place.map_or(0.0, |place| place.gain);
    let [xx, xy, yy] = covariance;
    let less = |value: f64| (value - gain).max(0.3 * value);
    let (x, y) = (less(xx), less(yy));
    let covariance = [x, xy * ((x / xx) * (y / yy)).sqrt(), y];
    covariance.iter().all(|value| value.is_finite()).then_some(covariance)
}
