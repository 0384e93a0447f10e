//! What all columns stand on and what they have in common: the background of the whole image and the
//! columns' profile, learnt together.
//!
//! Where columns overlap, no pixel belongs to one alone, and a column's tail looks like background. So the image
//! minus the columns is explained at once by a smooth surface (cubic B-splines), by a change of the profile that
//! all columns share, and by common factors of their heights and widths: one step of Gauss and Newton, with the
//! pixels' variances as weights.

use super::Symmetric;
use super::band::Band;
use super::gaussian::{Gaussian, REACH};
use super::patch::Context;
use super::profile::{KNOTS, Profile};
use super::sweep::Fitting;
use crate::median;
use crate::neighbours::Neighbours;
use ndarray::Array2;
use rayon::prelude::*;

/// Distance between the splines: this many distances between columns, not less and not more than so many widths.
const SPACING: f64 = 2.0;
const WIDTHS: (f64, f64) = (6.0, 10.0);
/// How much the surface is believed to bend and to slope from spline to spline, in heights of columns.
const BEND: f64 = 0.05;
const SLOPE: f64 = 1.0;
/// Residuals of more than this many standard deviations, and this part of a column's height, are something else.
const OUTLIER: f64 = 5.0;
const MISFIT: f64 = 0.1;
/// Pixels that are looked at, at most: a hundred for each number sought.
const ENOUGH: usize = 200_000;
/// Splines that a pixel lies on.
const SPLINES: usize = 16;
/// Numbers that columns have in common: the logarithms of a factor of their heights and of their widths, then the
/// profile's knots but the first and the last, which are zero.
const SHARED: usize = COMMON + KNOTS - 2;
const COMMON: usize = 2;
/// A factor of the widths is at most this far from one, as a logarithm.
const WIDER: f64 = 0.2;
/// Common factors and knots that change less than this have settled.
const SETTLED: f64 = 2e-3;

/// A smooth background.
#[derive(Debug, Clone)]
pub(super) struct Surface {
    spacing: f64,
    /// Splines along a row.
    across: usize,
    coefficients: Vec<f64>,
    /// Its value at every pixel.
    pub image: Array2<f64>,
}

impl Surface {
    fn flat(size: (usize, usize), spacing: f64) -> Self {
        let splines = |pixels: usize| ((pixels.max(1) - 1) as f64 / spacing) as usize + 4;
        let (down, across) = (splines(size.0), splines(size.1));
        Self { spacing, across, coefficients: vec![0.0; down * across], image: Array2::zeros(size) }
    }

    fn down(&self) -> usize {
        self.coefficients.len() / self.across
    }

    /// The first of the four splines at a pixel's row or column, and their values.
    fn splines(&self, pixel: usize) -> (usize, [f64; 4]) {
        let place = pixel as f64 / self.spacing;
        let t = place.fract();
        let (t2, t3, s) = (t * t, t * t * t, 1.0 - t);
        let values = [
            s * s * s / 6.0,
            (3.0 * t3 - 6.0 * t2 + 4.0) / 6.0,
            (-3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0) / 6.0,
            t3 / 6.0,
        ];
        (place as usize, values)
    }

    fn render(&mut self) {
        let (height, width) = self.image.dim();
        let along: Vec<(usize, [f64; 4])> = (0..width).map(|column| self.splines(column)).collect();
        let mut image = std::mem::replace(&mut self.image, Array2::zeros((0, 0)));
        for row in 0..height {
            let (top, of_row) = self.splines(row);
            let line: Vec<f64> = (0..self.across)
                .map(|i| (0..4).map(|k| of_row[k] * self.coefficients[(top + k) * self.across + i]).sum())
                .collect();
            for (value, (left, of_column)) in image.row_mut(row).iter_mut().zip(&along) {
                *value = of_column.iter().zip(&line[*left..]).map(|(s, c)| s * c).sum();
            }
        }
        self.image = image;
    }

    /// What its shape is believed to be, as a matrix with the gradient at the present one.
    fn beliefs(&self, height: f64) -> (Band, Vec<f64>) {
        let (down, across, n) = (self.down(), self.across, self.coefficients.len());
        let mut matrix = Band::zeros(n, 3 * across + 3);
        let mut right = vec![0.0; n];
        let mut believe = |parts: &[(usize, f64)], spread: f64| {
            let precision = (spread * height).powi(-2);
            let now: f64 = parts.iter().map(|(i, part)| part * self.coefficients[*i]).sum();
            for &(i, a) in parts {
                right[i] -= precision * a * now;
                for &(j, b) in parts.iter().filter(|(j, _)| *j <= i) {
                    matrix.add(i, j, precision * a * b);
                }
            }
        };
        for row in 0..down {
            for column in 0..across {
                let at = row * across + column;
                for (step, room) in [(1, across - column), (across, down - row)] {
                    if room > 1 {
                        believe(&[(at, -1.0), (at + step, 1.0)], SLOPE);
                    }
                    if room > 2 {
                        believe(&[(at, 1.0), (at + step, -2.0), (at + 2 * step, 1.0)], BEND);
                    }
                }
            }
        }
        (matrix, right)
    }
}

/// The part of the normal equations that one cell between splines has.
struct Cell {
    /// First spline.
    first: usize,
    /// Splines, then what columns share: lower half.
    matrix: Vec<[f64; SPLINES + SHARED]>,
    right: [f64; SPLINES + SHARED],
}

/// Learns background and, of enough columns, what they share, and takes them from the image anew. Returns whether
/// what columns share has settled.
pub(super) fn learn(fitting: &mut Fitting<'_>, with_shared: bool) -> bool {
    let mut heights: Vec<f64> = (0..fitting.columns.len())
        .filter(|i| fitting.is_used(*i))
        .map(|i| fitting.columns[i].height)
        .collect();
    let height = median(&mut heights).unwrap_or(0.0).max(1e-12);
    let size = fitting.context.image.dim();
    let known = fitting.surface.is_some();
    let mut surface = fitting.surface.take().unwrap_or_else(|| {
        let typical = fitting.context.typical;
        let spacing = (SPACING * fitting.median_apart()).clamp(WIDTHS.0 * typical, WIDTHS.1 * typical);
        Surface::flat(size, spacing)
    });
    let misfit = if known { MISFIT * height } else { f64::INFINITY };
    let cells = cells(fitting, &surface, misfit);
    let (mut matrix, mut right) = surface.beliefs(height);
    let mut own = Symmetric::zeros(SHARED);
    let mut own_right = vec![0.0; SHARED];
    let mut coupling = vec![vec![0.0; right.len()]; SHARED];
    for cell in cells {
        let at = |i: usize| cell.first + i / 4 * surface.across + i % 4;
        for i in 0..SPLINES {
            right[at(i)] += cell.right[i];
            (0..=i).for_each(|j| matrix.add(at(i), at(j), cell.matrix[i][j]));
        }
        for i in 0..SHARED {
            let line = &cell.matrix[SPLINES + i];
            own_right[i] += cell.right[SPLINES + i];
            (0..SPLINES).for_each(|j| coupling[i][at(j)] += line[j]);
            for j in 0..=i {
                own.add(i, j, line[SPLINES + j]);
                if j != i {
                    own.add(j, i, line[SPLINES + j]);
                }
            }
        }
    }
    let step = solve(fitting, matrix, &right, (&own, &own_right), &coupling, with_shared);
    let mut settled = true;
    if let Some((smooth, shared)) = step {
        surface.coefficients.iter_mut().zip(smooth).for_each(|(c, step)| *c += step);
        surface.render();
        let (higher, wider) = (shared[0].clamp(-0.5, 0.5).exp(), shared[1].clamp(-WIDER, WIDER).exp());
        for column in &mut fitting.columns {
            column.height *= higher;
            column.inverse.iter_mut().for_each(|i| *i /= wider * wider);
        }
        fitting.context.typical *= wider;
        fitting.context.model.profile.change(&shared[COMMON..]);
        settled = shared.iter().all(|step| step.abs() < SETTLED);
    }
    fitting.surface = Some(surface);
    fitting.renew();
    settled
}

/// The steps of the splines' coefficients and of what columns share.
fn solve(
    fitting: &Fitting<'_>,
    matrix: Band,
    right: &[f64],
    own: (&Symmetric, &[f64]),
    coupling: &[Vec<f64>],
    with_shared: bool,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let factor = matrix.factor()?;
    let mut smooth = factor.solve(right);
    let mut shared = vec![0.0; SHARED];
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    if with_shared {
        let carried: Vec<Vec<f64>> = coupling.par_iter().map(|line| factor.solve(line)).collect();
        let (mut left, mut rest) = (Symmetric::zeros(SHARED), own.1.to_vec());
        for i in 0..SHARED {
            rest[i] -= dot(&coupling[i], &smooth);
            for (j, carried) in carried.iter().enumerate() {
                left.add(i, j, own.0.get(i, j) - dot(&coupling[i], carried));
            }
        }
        // Hardly anything is believed of the factors.
        (0..COMMON).for_each(|i| left.add(i, i, 1.0));
        fitting.context.model.profile.believe(&mut left, &mut rest, COMMON);
        shared = left.factor(1e-9)?.solve(&rest);
        for (line, by) in carried.iter().zip(&shared) {
            smooth.iter_mut().zip(line).for_each(|(s, l)| *s -= by * l);
        }
    }
    Some((smooth, shared))
}

/// All cells' parts.
fn cells(fitting: &Fitting<'_>, surface: &Surface, misfit: f64) -> Vec<Cell> {
    let (height, width) = surface.image.dim();
    let positions: Vec<(f64, f64)> = fitting.columns.iter().map(|c| (c.x, c.y)).collect();
    let widest = fitting.columns.iter().map(|c| c.axes().0).fold(0.0, f64::max);
    let neighbours = Neighbours::new(&positions, REACH * widest + surface.spacing + 3.0);
    let every = (height * width / ENOUGH).max(1);
    let (down, across) = (surface.down() - 3, surface.across - 3);
    (0..down * across)
        .into_par_iter()
        .map(|number| {
            let (i, j) = (number / across, number % across);
            let range = |cell: usize, size: usize| {
                let border = |at: usize| ((at as f64 * surface.spacing).ceil() as usize).min(size);
                border(cell)..border(cell + 1)
            };
            let (rows, columns) = (range(i, height), range(j, width));
            let middle = |cell: usize| (cell as f64 + 0.5) * surface.spacing;
            let near: Vec<&Gaussian> =
                neighbours.about((middle(j), middle(i))).map(|index| &fitting.columns[index]).collect();
            let mut cell = Cell {
                first: i * surface.across + j,
                matrix: vec![[0.0; SPLINES + SHARED]; SPLINES + SHARED],
                right: [0.0; SPLINES + SHARED],
            };
            for row in rows {
                let (_, of_row) = surface.splines(row);
                for column in columns.clone().filter(|column| (row * 7 + column * 3) % every == 0) {
                    let mut terms = [0.0; SPLINES + SHARED];
                    let (_, of_column) = surface.splines(column);
                    (0..SPLINES).for_each(|k| terms[k] = of_row[k / 4] * of_column[k % 4]);
                    share(&fitting.context, &near, (row, column), &mut terms[SPLINES..]);
                    cell.add(fitting, (row, column), &terms, misfit);
                }
            }
            cell
        })
        .collect()
}

/// How a pixel changes with what columns share.
fn share(context: &Context<'_>, near: &[&Gaussian], (row, column): (usize, usize), terms: &mut [f64]) {
    let (x, y) = context.place(row, column);
    for column in near {
        let square = column.square(x, y);
        if square >= REACH * REACH {
            continue;
        }
        let (value, by_square) = context.model.profile.at(square);
        terms[0] += column.height * value;
        terms[1] -= 2.0 * column.height * by_square * square;
        for (knot, part) in Profile::parts(square.sqrt()) {
            if (1..KNOTS - 1).contains(&knot) {
                terms[COMMON + knot - 1] += column.height * part;
            }
        }
    }
}

impl Cell {
    fn add(
        &mut self,
        fitting: &Fitting<'_>,
        at: (usize, usize),
        terms: &[f64; SPLINES + SHARED],
        misfit: f64,
    ) {
        let off = fitting.residual[at];
        let variance = fitting.context.noise.variance(f64::from(fitting.context.image[at]) - off);
        let weight = 1.0 / variance;
        if !weight.is_finite()
            || !off.is_finite()
            || off * off > OUTLIER * OUTLIER * variance + misfit * misfit
        {
            return;
        }
        for i in 0..terms.len() {
            let scaled = weight * terms[i];
            if scaled == 0.0 {
                continue;
            }
            self.right[i] += scaled * off;
            let line = self.matrix[i].iter_mut().zip(terms).take(i + 1);
            line.for_each(|(sum, term)| *sum += scaled * term);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splines sum to one, so that the same coefficient everywhere is a flat surface, and equal steps a ramp.
    #[test]
    fn a_surface_is_flat_or_a_ramp_as_its_coefficients_are() {
        let mut surface = Surface::flat((41, 57), 13.7);
        let across = surface.across;
        let ramp = |i: usize| 2.0 + 0.5 * (i % across) as f64 - 0.25 * (i / across) as f64;
        surface.coefficients = (0..surface.coefficients.len()).map(ramp).collect();
        surface.render();
        for ((row, column), value) in surface.image.indexed_iter() {
            // The second spline peaks at the first pixel.
            let expected = 2.0 + 0.5 * (1.0 + column as f64 / 13.7) - 0.25 * (1.0 + row as f64 / 13.7);
            assert!((value - expected).abs() < 1e-12, "{row} {column}");
        }
    }
}
