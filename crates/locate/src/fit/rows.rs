//! Where the rows of a scanned image were really taken.
//!
//! Columns that share a row share its displacement, and a column has many rows. The displacements are
//! normal numbers whose spread the image itself tells; rows and columns are sought together, by Newton
//! steps for the rows in which the columns follow (Schur's complement). What columns of the same height in
//! the image can't tell from a step of the crystal, the mean displacement over their rows, is told by the
//! lattice as far as there is one: a column is expected midway between neighbours that lie opposite each
//! other, with the spread that the image shows. Only the rows are told so; columns stay free.

use super::Symmetric;
use super::band::Band;
use super::learn::is_inner;
use super::maps::Maps;
use super::patch::precisions;
use super::sweep::Fitting;
use crate::median::MAD_TO_SIGMA;
use crate::neighbours::Neighbours;
use crate::{median, median_nearest_distance};
use rayon::prelude::*;

/// Rounds at most, and sweeps of the columns after each.
const ROUNDS: usize = 10;
const SWEEPS: usize = 2;
/// Rows are displaced by less than this \[px\]: not worth the trouble.
const STEADY_PX: f64 = 0.02;
/// A step that moves no row by more than this \[px\] is the last.
const SETTLED_PX: f64 = 0.01;
/// Longest step of a row \[px\].
const LONGEST_PX: f64 = 1.5;
/// What varies over more than this many widths of columns is left to these.
const SLOW: f64 = 6.0;
/// What varies so is taken out after every round, and a part of it comes back with the next: in the end as much is missing as
/// if nothing came back and it had been taken out so many times, on 36 simulated images of 20 to 40 dB.
const TAKEN: usize = 4;
/// Opposite neighbours are sought within this many distances to the nearest one, and are opposite to this
/// part of it.
const SHELL: f64 = 3.2;
const OPPOSITE: f64 = 0.22;
/// A lattice is believed to this part of the width at best.
const LATTICE: f64 = 0.03;
/// Columns that tell of rows, and those with opposite neighbours that make a lattice, at least.
const FEW: usize = 20;

/// What rows' displacements and columns know of each other.
pub(super) struct Posterior {
    /// Inverse of the rows' information, the columns following; unknown 2 × row + axis.
    inverse: Band,
    /// Of every column, how its place follows each row's displacement: first row, then for each row and
    /// axis the derivatives of x and y.
    follows: Vec<(usize, Vec<[[f64; 2]; 2]>)>,
    /// Variance of the slow displacement that is taken out of rows \[px²\].
    slow: [f64; 2],
}

impl Posterior {
    /// Covariance of a column's position that comes from the rows' displacements, xx, xy, yy \[px²\].
    pub(super) fn covariance(&self, column: usize) -> [f64; 3] {
        let (top, follows) = &self.follows[column];
        let mut sum = [self.slow[0], 0.0, self.slow[1]];
        for (i, a) in follows.iter().enumerate() {
            for (j, b) in follows.iter().enumerate() {
                for (p, a) in a.iter().enumerate() {
                    for (q, b) in b.iter().enumerate() {
                        let z = self.inverse.get(2 * (top + i) + p, 2 * (top + j) + q);
                        sum[0] += a[0] * z * b[0];
                        sum[1] += a[0] * z * b[1];
                        sum[2] += a[1] * z * b[1];
                    }
                }
            }
        }
        sum
    }
}

/// Solves for rows and columns together; `None`, and nothing changed, if the rows stand still or few columns
/// tell of them.
pub(super) fn solve(fitting: &mut Fitting<'_>) -> Option<Posterior> {
    let mut jitter = fitting.context.noise.jitter_px;
    let telling = (0..fitting.inside).filter(|i| fitting.is_used(*i) && is_inner(fitting, *i)).count();
    if telling < FEW || jitter.iter().all(|j| *j < STEADY_PX) {
        return None;
    }
    fitting.context.rows = vec![[0.0; 2]; fitting.context.image.nrows()];
    let opposite = opposite(fitting);
    let variance = lattice_variance(fitting, &opposite);
    let mut rounds = 0;
    for _ in 0..ROUNDS {
        let Some((step, now)) = newton(fitting, jitter, &opposite, variance) else { break };
        let rows = &mut fitting.context.rows;
        let mut longest = 0.0_f64;
        for (index, by) in step.iter().enumerate() {
            let by = by.clamp(-LONGEST_PX, LONGEST_PX);
            rows[index / 2][index % 2] += by;
            longest = longest.max(by.abs());
        }
        keep_fast(rows, SLOW * fitting.context.typical);
        rounds += 1;
        // What rows show of their spread is less by what is not known of them.
        let count = rows.len() as f64;
        for axis in 0..2 {
            let seen = rows.iter().map(|row| row[axis].powi(2)).sum::<f64>();
            let hidden = (0..rows.len()).map(|r| now.inverse.get(2 * r + axis, 2 * r + axis)).sum::<f64>();
            jitter[axis] = ((seen + hidden) / count).sqrt().max(1e-3);
        }
        free_starts(fitting);
        fitting.follow_rows(SWEEPS);
        if longest < SETTLED_PX {
            break;
        }
    }
    fitting.context.noise.jitter_px = jitter;
    if rounds == 0 {
        return None;
    }
    // Error bars don't count on the lattice.
    let mut posterior = newton(fitting, jitter, &opposite, None)?.1;
    // What isn't known of rows is in their information; of what is found of them the slow part is missing.
    let rows = &fitting.context.rows;
    let slow = slow_part(SLOW * fitting.context.typical, rounds.min(TAKEN)) / rows.len() as f64;
    posterior.slow = [0, 1].map(|axis: usize| slow * rows.iter().map(|row| row[axis].powi(2)).sum::<f64>());
    Some(posterior)
}

/// Variance of what [`keep_fast`] takes out of rows displaced at random, in units of theirs, when it is applied so many times
/// one after the other.
fn slow_part(width: f64, rounds: usize) -> f64 {
    let middle = (6.0 * width) as usize + 1;
    let mut rows = vec![[0.0; 2]; 2 * middle + 1];
    rows[middle][0] = 1.0;
    (0..rounds).for_each(|_| keep_fast(&mut rows, width));
    rows[middle][0] -= 1.0;
    rows.iter().map(|row| row[0] * row[0]).sum()
}

/// Frees the starts of the rows' displacements.
fn free_starts(fitting: &mut Fitting<'_>) {
    for index in 0..fitting.windows.len() {
        let (top, weights) = weights(fitting, index);
        let window = &mut fitting.windows[index];
        if let Some(place) = &mut window.place {
            let mean = |axis: usize| -> f64 {
                weights.iter().zip(&fitting.context.rows[top..]).map(|(w, row)| w * row[axis]).sum()
            };
            (place.x, place.y) = (window.x - mean(0), window.y - mean(1));
        }
    }
}

/// The first row of a column's window, and how much a start is displaced with each of its rows: by the square of
/// the column's slope there.
fn weights(fitting: &Fitting<'_>, index: usize) -> (usize, Vec<f64>) {
    let (window, width) = (&fitting.windows[index], fitting.context.typical);
    let [top, bottom, ..] = fitting.context.box_around(window.x, window.y, window.radius);
    let mut weights: Vec<f64> =
        (top..bottom).map(|row| (-((row as f64 - window.y) / width).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum.max(1e-300));
    (top, weights)
}

/// Takes out what varies slowly, over `width` rows: drift, which can't be told from the crystal's own strain.
fn keep_fast(rows: &mut [[f64; 2]], width: f64) {
    let before = rows.to_vec();
    let reach = (3.0 * width) as usize;
    let weights: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 / width).powi(2)).exp()).collect();
    for (at, row) in rows.iter_mut().enumerate() {
        let (mut sum, mut total) = ([0.0; 2], 0.0);
        let near = before.iter().enumerate().take(at + reach + 1).skip(at.saturating_sub(reach));
        for (other, [x, y]) in near {
            let weight = weights[at.abs_diff(other)];
            sum = [sum[0] + weight * x, sum[1] + weight * y];
            total += weight;
        }
        row[0] -= sum[0] / total;
        row[1] -= sum[1] / total;
    }
}

/// One column's part in a step.
struct Part {
    top: usize,
    /// Rows' own information, 2 × 2 each, and gradient.
    rows: Vec<([f64; 3], [f64; 2])>,
    /// BᵀA⁻¹B of its rows, and BᵀA⁻¹g of the lattice.
    taken: Vec<f64>,
    pull: Vec<f64>,
    follows: Vec<[[f64; 2]; 2]>,
}

/// The rows' Newton step, and what is known after it.
fn newton(
    fitting: &Fitting<'_>,
    jitter: [f64; 2],
    opposite: &[Vec<[usize; 2]>],
    variance: Option<[f64; 2]>,
) -> Option<(Vec<f64>, Posterior)> {
    let maps = fitting.maps();
    let midway = midway(fitting, opposite);
    let expected = |index: usize| -> Expected { Some((midway[index]?, variance?)) };
    let parts: Vec<Option<Part>> = (0..fitting.inside)
        .into_par_iter()
        .map(|index| part(fitting, index, &maps, expected(index)))
        .collect();
    let count = fitting.context.rows.len();
    let span = parts.iter().flatten().map(|part| part.rows.len()).max()?;
    let mut matrix = Band::zeros(2 * count, 2 * span);
    let mut right = vec![0.0; 2 * count];
    for row in 0..count {
        for axis in 0..2 {
            let precision = jitter[axis].max(1e-3).powi(-2);
            matrix.add(2 * row + axis, 2 * row + axis, precision);
            right[2 * row + axis] -= precision * fitting.context.rows[row][axis];
        }
    }
    let mut follows = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(part) = part else {
            follows.push((0, Vec::new()));
            continue;
        };
        let top = part.top;
        follows.push((top, part.follows));
        // At the border columns outside pull at the fits: these rows are told by others.
        if !is_inner(fitting, follows.len() - 1) {
            continue;
        }
        let n = 2 * part.rows.len();
        for (r, ([xx, xy, yy], gradient)) in part.rows.iter().enumerate() {
            let at = 2 * (top + r);
            matrix.add(at, at, *xx);
            matrix.add(at + 1, at, *xy);
            matrix.add(at + 1, at + 1, *yy);
            right[at] += gradient[0];
            right[at + 1] += gradient[1];
        }
        for i in 0..n {
            right[2 * top + i] -= part.pull[i];
            for j in 0..=i {
                matrix.add(2 * top + i, 2 * top + j, -part.taken[i * n + j]);
            }
        }
    }
    let factor = matrix.factor()?;
    Some((factor.solve(&right), Posterior { inverse: factor.inverse(), follows, slow: [0.0; 2] }))
}

/// Where the lattice expects a column, and the variance of that.
type Expected = Option<([f64; 2], [f64; 2])>;

fn part(fitting: &Fitting<'_>, index: usize, maps: &Maps, expected: Expected) -> Option<Part> {
    if !fitting.is_used(index) {
        return None;
    }
    let (context, column, window) = (&fitting.context, &fitting.columns[index], &fitting.windows[index]);
    let parameters = context.model.shape.own();
    let n = if window.crowded { parameters } else { parameters + 3 };
    let [top, bottom, left, right] = context.box_around(window.x, window.y, window.radius);
    let rows = bottom - top;
    let mut information = Symmetric::zeros(n);
    let mut coupling = vec![vec![0.0; n]; 2 * rows];
    let mut own = vec![([0.0; 3], [0.0; 2]); rows];
    let mut by = vec![0.0; n];
    for row in top..bottom {
        for col in left..right {
            if maps.owner[(row, col)] != index as u32 {
                continue;
            }
            let (x, y) = context.place(row, col);
            let value = column.values(x, y, &context.model);
            by[..parameters].copy_from_slice(&value.by[..parameters]);
            by[parameters..].copy_from_slice(&window.terms(x, y)[..n - parameters]);
            let off = f64::from(maps.residual[(row, col)]);
            let weight = 1.0 / context.noise.variance(f64::from(context.image[(row, col)]) - off);
            if !weight.is_finite() || !off.is_finite() {
                continue;
            }
            let slopes = [0, 1].map(|axis: usize| f64::from(maps.slopes[axis][(row, col)]));
            information.add_outer(&by, weight);
            let (own, gradient) = &mut own[row - top];
            own[0] += weight * slopes[0] * slopes[0];
            own[1] += weight * slopes[0] * slopes[1];
            own[2] += weight * slopes[1] * slopes[1];
            for axis in 0..2 {
                gradient[axis] += weight * slopes[axis] * off;
                let line = &mut coupling[2 * (row - top) + axis];
                line.iter_mut().zip(&by).for_each(|(c, b)| *c += weight * slopes[axis] * b);
            }
        }
    }
    for (parameter, precision) in precisions(context, window) {
        information.add(parameter, parameter, precision);
    }
    let mut gradient = vec![0.0; n];
    if let Some((place, variance)) = expected {
        for (axis, now) in [column.x, column.y].into_iter().enumerate() {
            information.add(axis, axis, 1.0 / variance[axis]);
            gradient[axis] = (place[axis] - now) / variance[axis];
        }
    }
    // A start is displaced with the rows: it tells of the column and their weighted mean together.
    let (_, weights) = weights(fitting, index);
    if let Some(place) = window.place {
        let off = [place.x - column.x, place.y - column.y];
        for (r, weight) in weights.iter().enumerate() {
            for axis in 0..2 {
                coupling[2 * r + axis][axis] += weight / place.variance;
                own[r].1[axis] += weight * off[axis] / place.variance;
            }
        }
    }
    let factor = information.factor(1e-9)?;
    let solved: Vec<Vec<f64>> = coupling.iter().map(|line| factor.solve(line)).collect();
    let pulled = factor.solve(&gradient);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let m = 2 * rows;
    let mut taken = vec![0.0; m * m];
    for i in 0..m {
        for j in 0..=i {
            taken[i * m + j] = dot(&coupling[i], &solved[j]);
            if let Some(place) = window.place.filter(|_| i % 2 == j % 2) {
                taken[i * m + j] -= weights[i / 2] * weights[j / 2] / place.variance;
            }
        }
    }
    let pull = coupling.iter().map(|line| dot(line, &pulled)).collect();
    let follows = solved.chunks(2).map(|pair| [[pair[0][0], pair[0][1]], [pair[1][0], pair[1][1]]]).collect();
    Some(Part { top, rows: own, taken, pull, follows })
}

/// Pairs of columns that lie opposite each other about each column, in other rows than its own.
fn opposite(fitting: &Fitting<'_>) -> Vec<Vec<[usize; 2]>> {
    let positions: Vec<(f64, f64)> =
        (0..fitting.inside).map(|i| (fitting.columns[i].x, fitting.columns[i].y)).collect();
    let Some(apart) = median_nearest_distance(&positions) else {
        return vec![Vec::new(); positions.len()];
    };
    let neighbours = Neighbours::new(&positions, SHELL * apart);
    let away = 1.5 * fitting.context.typical;
    positions
        .par_iter()
        .enumerate()
        .map(|(i, (x, y))| {
            let near = neighbours.of(i);
            let mut pairs = Vec::new();
            for &j in near.iter().filter(|j| (positions[**j].1 - y).abs() > away) {
                let mirrored = (2.0 * x - positions[j].0, 2.0 * y - positions[j].1);
                let distance = |k: usize| (positions[k].0 - mirrored.0).hypot(positions[k].1 - mirrored.1);
                let partner = near.iter().filter(|k| **k > j && distance(**k) < OPPOSITE * apart);
                if let Some(&k) = partner.min_by(|a, b| distance(**a).total_cmp(&distance(**b))) {
                    pairs.push([j, k]);
                }
            }
            pairs
        })
        .collect()
}

/// Midway between opposite neighbours, for columns that have some.
fn midway(fitting: &Fitting<'_>, opposite: &[Vec<[usize; 2]>]) -> Vec<Option<[f64; 2]>> {
    let of = |(i, pairs): (usize, &Vec<[usize; 2]>)| {
        let used = pairs.iter().filter(|pair| pair.iter().all(|j| fitting.is_used(*j)));
        let columns: Vec<_> = used.flatten().map(|j| &fitting.columns[*j]).collect();
        let n = columns.len() as f64;
        (n > 0.0 && fitting.is_used(i)).then(|| {
            [columns.iter().map(|c| c.x).sum::<f64>() / n, columns.iter().map(|c| c.y).sum::<f64>() / n]
        })
    };
    opposite.iter().enumerate().map(of).collect()
}

/// Variance with which columns lie midway, before the rows are solved for; `None` without a lattice. Half of what
/// is seen may be what rows explain.
fn lattice_variance(fitting: &Fitting<'_>, opposite: &[Vec<[usize; 2]>]) -> Option<[f64; 2]> {
    let midway = midway(fitting, opposite);
    if midway.iter().flatten().count() < FEW {
        return None;
    }
    let least = (LATTICE * fitting.context.typical).powi(2);
    Some([0, 1].map(|axis: usize| {
        let mut off: Vec<f64> = midway
            .iter()
            .zip(&fitting.columns)
            .filter_map(|(m, c)| Some((m.as_ref()?[axis] - [c.x, c.y][axis]).abs()))
            .collect();
        let spread = MAD_TO_SIGMA * median(&mut off).unwrap_or(0.0);
        (0.5 * spread * spread).max(least)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitter_floor;

    /// Once applied a Gaussian takes out its weighted mean; n times, of frequency f the part 1 − (1 − exp(−2π²f²w²))ⁿ, whose
    /// square is integrated here. To 1 %: rows are discrete, and the Gaussian is cut off at three widths.
    #[test]
    fn what_is_taken_out_of_rows_grows_with_the_rounds() {
        let width = 12.0;
        let once = slow_part(width, 1) / jitter_floor(1.0, width).powi(2);
        assert!((once - 1.0).abs() < 0.01, "{once}");
        for rounds in [3, 10] {
            let taken =
                |f: f64| 1.0 - (1.0 - (-2.0 * (std::f64::consts::PI * f * width).powi(2)).exp()).powi(rounds);
            let theory: f64 = (-5000..5000).map(|i| taken((f64::from(i) + 0.5) * 1e-4).powi(2) * 1e-4).sum();
            let found = slow_part(width, rounds as usize);
            assert!((found / theory - 1.0).abs() < 0.01, "{rounds} rounds: {found}, not {theory}");
        }
    }
}
