//! What a fit leaves, pixel by pixel, and the noise in it.

use super::gaussian::REACH;
use super::noise::NoiseModel;
use super::pixels::{add_slopes, wide};
use super::sweep::{Fitting, touches};
use ndarray::{Array2, s};
use rayon::prelude::*;
use std::ops::Range;

/// Pixels whose correlations with others are looked at, at most.
const ENOUGH: usize = 20_000;
/// Farthest of the others \[px\], and the least number of rows between.
const MOST_REACH: f64 = 12.0;
const APART: isize = 2;

/// What the columns leave and how their images change.
pub(super) struct Maps {
    /// What the columns and their planes don't explain; zero outside all windows.
    pub residual: Array2<f32>,
    /// Derivatives of the columns' images by x and y.
    pub slopes: [Array2<f32>; 2],
    /// The column whose window's middle is nearest, among those whose windows hold the pixel; `u32::MAX` outside
    /// all.
    pub owner: Array2<u32>,
}

impl Maps {
    fn empty(size: (usize, usize)) -> Self {
        Self {
            residual: Array2::zeros(size),
            slopes: [Array2::zeros(size), Array2::zeros(size)],
            owner: Array2::from_elem(size, u32::MAX),
        }
    }
}

impl Fitting<'_> {
    /// What the columns and planes leave, and how the columns' images change.
    pub(super) fn maps(&self) -> Maps {
        let (height, width) = self.residual.dim();
        let parts: Vec<Maps> = self.bands().into_par_iter().map(|rows| self.band(rows)).collect();
        let mut maps = Maps::empty((height, width));
        let mut top = 0;
        for part in parts {
            let rows = s![top..top + part.owner.nrows(), ..];
            maps.residual.slice_mut(rows).assign(&part.residual);
            maps.owner.slice_mut(rows).assign(&part.owner);
            maps.slopes.iter_mut().zip(&part.slopes).for_each(|(to, from)| to.slice_mut(rows).assign(from));
            top += part.owner.nrows();
        }
        maps
    }

    /// The maps of some rows.
    fn band(&self, rows: Range<usize>) -> Maps {
        let (context, size) = (&self.context, (rows.len(), self.residual.ncols()));
        let mut nearest = Array2::<f32>::from_elem(size, f32::INFINITY);
        let mut maps = Maps::empty(size);
        for (index, (column, window)) in self.columns.iter().zip(&self.windows).enumerate() {
            let reach = REACH * column.axes().0;
            if touches(column.y, reach, &rows) {
                let [by_x, by_y] = &mut maps.slopes;
                wide(
                    #[inline(always)]
                    || {
                        context.disc((column.x, column.y), reach, |row, columns, x, y| {
                            if !rows.contains(&row) {
                                return;
                            }
                            let part = s![row - rows.start, columns];
                            let (mut by_x, mut by_y) = (by_x.slice_mut(part), by_y.slice_mut(part));
                            if let (Some(by_x), Some(by_y)) = (by_x.as_slice_mut(), by_y.as_slice_mut()) {
                                add_slopes([by_x, by_y], x, y, column, &context.model);
                            }
                        });
                    },
                );
            }
            if !touches(window.y, window.radius, &rows) {
                continue;
            }
            context.disc((window.x, window.y), window.radius, |row, columns, x, y| {
                if !rows.contains(&row) {
                    return;
                }
                for (step, col) in columns.enumerate() {
                    let (at, x) = ((row - rows.start, col), x + step as f64);
                    let square = ((x - window.x).powi(2) + (y - window.y).powi(2)) as f32;
                    if square < nearest[at] {
                        nearest[at] = square;
                        maps.owner[at] = index as u32;
                        let background = column.background(window.terms(x, y));
                        maps.residual[at] = (self.residual[(row, col)] - background) as f32;
                    }
                }
            });
        }
        maps
    }

    /// The noise that maps show.
    pub(super) fn noise_in(&self, maps: &Maps) -> NoiseModel {
        let used: Vec<(usize, usize)> =
            maps.owner.indexed_iter().filter(|(_, o)| **o != u32::MAX).map(|(at, _)| at).collect();
        let planes: usize = self.windows[..self.inside].iter().map(|w| if w.crowded { 0 } else { 3 }).sum();
        let freedom = self.context.model.shape.own() * self.inside + planes;
        NoiseModel::measure(self.context.image, &maps.residual, &maps.slopes, &used, freedom)
    }

    /// How many times more than independent noise the residual moves a column, as a variance: one whose window is in
    /// the image, and one at the border, where what stands outside is guessed.
    ///
    /// Noise is independent from pixel to pixel, what a model leaves isn't: with correlations ρ(d) at a distance d the
    /// variance of a place grows by Σ ρ(d) T(d) over all pixels around one, T being the autocorrelation of a Gaussian
    /// column's slope. The correlations are those between pixels of different rows, which rows' displacements
    /// don't make.
    pub(super) fn misfit(&self, maps: &Maps) -> [f64; 2] {
        let sigma = self.context.typical;
        let reach = (3.0 * sigma).ceil().min(MOST_REACH) as isize;
        let (height, width) = maps.residual.dim();
        let standard = |(row, column): (usize, usize)| {
            let off = f64::from(maps.residual[(row, column)]);
            let variance = self.context.noise.variance(f64::from(self.context.image[(row, column)]) - off);
            (maps.owner[(row, column)] != u32::MAX && off.is_finite()).then(|| off / variance.sqrt())
        };
        let every = (height * width / ENOUGH).max(1);
        let bins = reach as usize + 1;
        let window = self.radius();
        let looked: Vec<[Vec<[f64; 2]>; 2]> = (0..height)
            .into_par_iter()
            .map(|row| {
                // Sums of products and their number, by distance; of the interior and of the border.
                let mut of_both = [vec![[0.0; 2]; bins], vec![[0.0; 2]; bins]];
                for column in (row * 5 % every..width).step_by(every) {
                    let Some(here) = standard((row, column)) else { continue };
                    let outer = self.context.depth(column as f64, row as f64) < window;
                    let sums = &mut of_both[usize::from(outer)];
                    sums[0] = [sums[0][0] + here * here, sums[0][1] + 1.0];
                    for (dy, dx, bin) in lags(reach).filter(|(dy, ..)| *dy >= APART) {
                        let at = (row + dy as usize, column.wrapping_add_signed(dx));
                        let there = if at.0 < height && at.1 < width { standard(at) } else { None };
                        if let Some(there) = there {
                            sums[bin] = [sums[bin][0] + here * there, sums[bin][1] + 1.0];
                        }
                    }
                }
                of_both
            })
            .collect();
        let covariance = |part: usize, bin: usize| {
            let total = |k: usize| looked.iter().map(|sums| sums[part][bin][k]).sum::<f64>();
            total(0) / total(1).max(1.0)
        };
        let of = |part: usize, unit: f64| {
            let correlations: Vec<f64> = (0..bins).map(|bin| covariance(part, bin) / unit).collect();
            let more: f64 = lags(reach)
                .map(|(dy, dx, bin)| {
                    let square = (dy * dy + dx * dx) as f64 / (4.0 * sigma * sigma);
                    // As many on the other side.
                    2.0 * correlations[bin.max(APART as usize).min(bins - 1)]
                        * (1.0 - square)
                        * (-square).exp()
                })
                .sum();
            correlations[0] + more
        };
        let inner = of(0, covariance(0, 0).max(1e-300)).max(1.0);
        [inner, of(1, 1.0).max(inner)]
    }

    /// The image without the columns and the backgrounds beneath those nearby; zero farther away.
    pub(super) fn left(&self) -> Array2<f32> {
        let width = self.residual.ncols();
        let mut left = Array2::zeros(self.residual.dim());
        let parts: Vec<(usize, Array2<f32>)> = self
            .bands()
            .into_par_iter()
            .map(|rows| {
                let mut nearest = Array2::<f32>::from_elem((rows.len(), width), f32::INFINITY);
                let mut left = Array2::zeros((rows.len(), width));
                for (column, window) in self.columns.iter().zip(&self.windows) {
                    let reach = 1.5 * window.radius;
                    if !touches(window.y, reach, &rows) {
                        continue;
                    }
                    let [top, bottom, from, to] = self.context.box_around(window.x, window.y, reach);
                    for row in top.max(rows.start)..bottom.min(rows.end) {
                        for col in from..to {
                            let at = (row - rows.start, col);
                            let square =
                                ((col as f64 - window.x).powi(2) + (row as f64 - window.y).powi(2)) as f32;
                            if square < nearest[at] {
                                nearest[at] = square;
                                left[at] = (self.residual[(row, col)] - column.plane[0]) as f32;
                            }
                        }
                    }
                }
                (rows.start, left)
            })
            .collect();
        for (top, part) in parts {
            left.slice_mut(s![top..top + part.nrows(), ..]).assign(&part);
        }
        left
    }
}

/// Half of the pixels around one: rows down, columns across, and the distance, rounded.
fn lags(reach: isize) -> impl Iterator<Item = (isize, isize, usize)> {
    (0..=reach)
        .flat_map(move |dy| (-reach..=reach).map(move |dx| (dy, dx)))
        .filter(|(dy, dx)| *dy > 0 || *dx > 0)
        .map(|(dy, dx)| (dy, dx, ((dy * dy + dx * dx) as f64).sqrt().round() as usize))
        .filter(move |(.., bin)| *bin <= reach as usize)
}
