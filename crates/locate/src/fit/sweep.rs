//! All columns of an image, one after the other until none moves.

use super::doubt::Doubt;
use super::gaussian::{Gaussian, REACH};
use super::maps::Maps;
use super::outside::Silent;
use super::patch::{Context, Patch, Place, Window};
use super::pixels::{Pixels, paint};
use super::rows::Posterior;
use super::scene::Surface;
use super::{Fit, FittedColumn, Reason, Start};
use super::{covariance, outside};
use crate::neighbours::Neighbours;
use crate::{median, nearest_distances};
use ndarray::{Array2, s};
use rayon::prelude::*;
use std::ops::Range;

/// Radius of a column's window in widths, and its smallest \[px\].
const WINDOW: f64 = 2.8;
const LEAST_WINDOW_PX: f64 = 3.0;
/// Distance to the nearest column, in widths, below which a column's own background can't be told from its
/// neighbours' feet.
const CROWDED: f64 = 3.2;
/// The height of a column outside the image is known to this part of it.
const HEIGHT_SPREAD: f64 = 0.2;
/// Standard deviation of a start along x and y, in widths: that of the shipped network on the samples it
/// is evaluated on, at 20 dB.
pub(super) const START_SPREAD: f64 = 0.05;
/// Starts nearer to the border than this, in widths, may be the edges of columns outside: their standard deviation.
const EDGE: (f64, f64) = (0.25, 0.5);
/// Columns whose centre is farther outside the image than this are not in it \[px\].
const GONE_PX: f64 = 0.5;
/// The height of one that is like none is that of the columns around, to this part, if it is outside the image.
const AROUND_SPREAD: f64 = 0.4;
/// A column that moves less than this in a sweep \[px\] has settled.
const SETTLED_PX: f64 = 5e-4;
/// A column may leave its start by its width, but not by more than this part of the distance to its nearest.
const LEASH: f64 = 0.34;
/// One that isn't reported may leave it by this many standard deviations of its place, too.
const SILENT_LEASH: f64 = 3.0;
/// Side of a tile in halos: columns are refined on a copy of tile and halo.
const TILE: usize = 4;
/// Rows are displaced by less than this \[px\].
const SLACK: f64 = 3.0;
/// Part of a window that may lie outside the image.
const OUTSIDE: f64 = 0.4;

/// The state between sweeps.
pub(super) struct Fitting<'a> {
    pub(super) context: Context<'a>,
    pub(super) starts: Vec<Start>,
    pub(super) silent: Vec<Silent>,
    /// The width that windows are made for.
    pub(super) width_of_windows: f64,
    pub(super) columns: Vec<Gaussian>,
    pub(super) windows: Vec<Window>,
    /// Columns near enough to matter.
    pub(super) near: Vec<Vec<usize>>,
    pub(super) reasons: Vec<Option<Reason>>,
    /// Columns that turned out to lie outside the image: fitted along as those that aren't reported.
    pub(super) gone: Vec<bool>,
    active: Vec<bool>,
    /// Distance to the nearest other start.
    apart: Vec<f64>,
    /// Starts from here on are guesses outside the image and columns that nobody reported: fitted along, and not
    /// given back.
    pub(super) inside: usize,
    /// The background of the whole image; beneath it columns have planes of their own.
    pub(super) surface: Option<Surface>,
    /// The image without the columns and the background.
    pub(super) residual: Array2<f64>,
    halo: usize,
}

impl<'a> Fitting<'a> {
    pub(super) fn new(
        mut context: Context<'a>,
        reported: &[Start],
        silent: Vec<Silent>,
        trusted: bool,
    ) -> Self {
        let inside = reported.len();
        let others = silent.iter().map(|s| s.start);
        let starts: Vec<Start> = reported.iter().copied().chain(others).collect();
        let mut sigmas: Vec<f64> =
            starts.iter().map(|s| s.sigma).filter(|s| s.is_finite() && *s > 0.0).collect();
        let typical = median(&mut sigmas).unwrap_or(2.0).max(0.5);
        let sigma = |start: &Start| {
            let own = if start.sigma.is_finite() { start.sigma } else { typical };
            own.clamp(0.6 * typical, 1.6 * typical)
        };
        let positions: Vec<(f64, f64)> = starts.iter().map(|s| (s.x, s.y)).collect();
        let apart = nearest_distances(&positions);
        let windows: Vec<Window> = starts
            .iter()
            .zip(&apart)
            .enumerate()
            .map(|(i, (s, apart))| Window {
                x: s.x,
                y: s.y,
                radius: (WINDOW * sigma(s)).max(LEAST_WINDOW_PX),
                leash: match i.checked_sub(inside) {
                    None => typical.max(1.0).min(LEASH * apart.max(3.0)),
                    Some(k) => (SILENT_LEASH * silent[k].spread).min(LEASH * apart),
                },
                crowded: *apart < CROWDED * typical || i >= inside,
                place: (trusted || i >= inside).then(|| {
                    let spread = i
                        .checked_sub(inside)
                        .map_or(start_spread(&context, s, typical), |k| silent[k].spread);
                    Place { x: s.x, y: s.y, variance: spread * spread, gain: 0.0 }
                }),
                height: None,
            })
            .collect();
        context.typical = typical;
        let widest = windows.iter().map(|w| w.radius).fold(0.0, f64::max);
        let reach = widest + REACH * 1.6 * typical;
        let neighbours = Neighbours::new(&positions, reach);
        let near: Vec<Vec<usize>> = (0..starts.len()).map(|i| neighbours.of(i)).collect();
        let columns = starts.iter().map(|s| Gaussian::round(s.x, s.y, 0.0, sigma(s))).collect();
        let count = starts.len();
        Self {
            residual: context.image.mapv(f64::from),
            surface: None,
            inside,
            context,
            starts,
            silent,
            width_of_windows: typical,
            columns,
            windows,
            near,
            reasons: vec![None; count],
            gone: vec![false; count],
            active: vec![true; count],
            apart,
            halo: (reach.ceil() as usize + 4).max(8),
        }
    }

    /// Sweeps over all columns until none moves, at most so many times.
    pub(super) fn settle(&mut self, sweeps: usize) {
        self.active.fill(true);
        self.sweep(sweeps, None);
    }

    /// The background of the whole image at a pixel.
    pub(super) fn background(&self, row: usize, column: usize) -> f64 {
        self.surface.as_ref().map_or(0.0, |surface| surface.image[(row, column)])
    }

    /// The background of the whole image beneath a column.
    fn beneath(&self, column: &Gaussian) -> f64 {
        let (height, width) = self.residual.dim();
        let pixel = |at: f64, size: usize| (at.round().max(0.0) as usize).min(size.saturating_sub(1));
        if self.residual.is_empty() {
            return 0.0;
        }
        self.background(pixel(column.y, height), pixel(column.x, width))
    }

    /// Median distance of the starts to their nearest \[px\].
    pub(super) fn median_apart(&self) -> f64 {
        median(&mut self.apart.clone()).unwrap_or(f64::INFINITY)
    }

    /// Refines every column at most `sweeps` times, until all have settled; with `iterations` zero only
    /// heights and planes.
    pub(super) fn sweep(&mut self, sweeps: usize, iterations: Option<usize>) {
        for sweep in 0..sweeps {
            self.guess_heights();
            let steps = iterations.unwrap_or(if sweep == 0 { 4 } else { 2 });
            let mut moved = vec![0.0_f64; self.columns.len()];
            for colour in 0..4 {
                for (index, column, by) in self.tiles(colour, steps) {
                    match by {
                        Some(by) => (self.columns[index], moved[index]) = (column, by),
                        // Its feet alone reach in: as high as it should be.
                        None if index >= self.inside => {
                            self.columns[index].height = self.windows[index].height.map_or(0.0, |h| h[0]);
                        }
                        None => self.reasons[index] = Some(Reason::Undetermined),
                    }
                }
            }
            if iterations.is_some() {
                continue;
            }
            for index in 0..self.columns.len() {
                let stirs = |i: &usize| moved[*i] > SETTLED_PX;
                self.active[index] = stirs(&index) || self.near[index].iter().any(stirs);
            }
            if !self.active.contains(&true) {
                break;
            }
        }
    }

    /// Columns outside the image are about as high as those they are like.
    fn guess_heights(&mut self) {
        for (index, silent) in (self.inside..).zip(&self.silent) {
            let height = |i: usize| self.columns[i].height;
            let used = |i: &usize| self.is_used(*i) && height(*i) > 0.0;
            let (mut guesses, part): (Vec<f64>, f64) = if silent.like.is_empty() {
                if self.context.depth(silent.start.x, silent.start.y) >= outside::INSIDE {
                    continue;
                }
                (self.near[index].iter().copied().filter(used).map(height).collect(), AROUND_SPREAD)
            } else {
                let like = silent.like.iter().filter(|like| like.iter().all(used));
                let guess =
                    |[like, twin, beside]: &[usize; 3]| height(*like) * height(*beside) / height(*twin);
                (like.map(guess).collect(), HEIGHT_SPREAD)
            };
            self.windows[index].height = median(&mut guesses).map(|usual| [usual, part * usual]);
        }
    }

    /// Refines the columns of every fourth tile at once: those that share no pixel.
    fn tiles(&mut self, colour: usize, steps: usize) -> Vec<(usize, Gaussian, Option<f64>)> {
        let (height, width) = self.residual.dim();
        let side = TILE * self.halo;
        let (down, across) = (height.div_ceil(side), width.div_ceil(side));
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); down * across];
        for (index, window) in self.windows.iter().enumerate().filter(|(i, _)| self.active[*i]) {
            let at = |centre: f64, count: usize| ((centre.max(0.0) as usize) / side).min(count - 1);
            members[at(window.y, down) * across + at(window.x, across)].push(index);
        }
        let this = &*self;
        let done: Vec<_> = members
            .par_iter()
            .enumerate()
            .filter(|(tile, list)| !list.is_empty() && 2 * (tile / across % 2) + tile % across % 2 == colour)
            .map(|(tile, list)| {
                let (row, column) = (tile / across * side, tile % across * side);
                let (top, left) = (row.saturating_sub(this.halo), column.saturating_sub(this.halo));
                let (bottom, right) =
                    ((row + side + this.halo).min(height), (column + side + this.halo).min(width));
                let residual = this.residual.slice(s![top..bottom, left..right]).to_owned();
                let mut patch = Patch { top, left, residual };
                let mut pixels = Pixels::default();
                let refined: Vec<_> = list
                    .iter()
                    .map(|&index| {
                        let (mut column, window) = (this.columns[index], &this.windows[index]);
                        let fixed = this.reasons[index].is_some() && !this.gone[index];
                        let steps = if fixed { 0 } else { steps };
                        let moved = patch.refine(&this.context, &mut column, window, steps, &mut pixels);
                        (index, column, moved)
                    })
                    .collect();
                (patch, refined)
            })
            .collect();
        let mut all = Vec::new();
        for (patch, refined) in done {
            let (h, w) = patch.residual.dim();
            let mut part = self.residual.slice_mut(s![patch.top..patch.top + h, patch.left..patch.left + w]);
            part.assign(&patch.residual);
            all.extend(refined);
        }
        all
    }

    /// Takes columns whose fit makes no sense back to their start.
    pub(super) fn freeze(&mut self) {
        for index in 0..self.inside {
            let Some(reason) = self.reasons[index].or_else(|| self.fault(index)) else { continue };
            self.reasons[index] = Some(reason);
            self.gone[index] = reason == Reason::Border && self.is_outside(index);
            if self.gone[index] {
                continue;
            }
            let start = &self.starts[index];
            let plane = self.columns[index].plane;
            self.columns[index] =
                Gaussian { plane, ..Gaussian::round(start.x, start.y, 0.0, self.context.typical) };
            self.active[index] = true;
            self.near[index].iter().for_each(|i| self.active[*i] = true);
        }
        self.renew();
        self.sweep(1, Some(0));
    }

    /// Whether a column's fit makes sense so far.
    pub(super) fn is_used(&self, index: usize) -> bool {
        self.reasons[index].is_none() && index < self.inside
    }

    fn is_outside(&self, index: usize) -> bool {
        self.context.depth(self.columns[index].x, self.columns[index].y) < -GONE_PX
    }

    fn fault(&self, index: usize) -> Option<Reason> {
        let (column, window) = (&self.columns[index], &self.windows[index]);
        let moved = (column.x - window.x).hypot(column.y - window.y);
        let (large, small, _) = column.axes();
        let [top, bottom, left, right] = self.context.box_around(window.x, window.y, window.radius);
        let seen = ((bottom - top) * (right - left)) as f64;
        let cut = window.place.is_none() && seen < (1.0 - OUTSIDE) * (2.0 * window.radius).powi(2);
        if self.is_outside(index) || cut {
            Some(Reason::Border)
        } else if column.height <= 0.0 || !column.height.is_finite() {
            Some(Reason::Negative)
        } else if moved >= window.leash {
            Some(Reason::Moved)
        } else if small < 0.4 * self.context.typical || large > 2.5 * self.context.typical {
            Some(Reason::Width)
        } else {
            None
        }
    }

    /// The rows of the image in parts, for work side by side.
    pub(super) fn bands(&self) -> Vec<Range<usize>> {
        let height = self.residual.nrows();
        let band = height.div_ceil(rayon::current_num_threads().max(1) * 4).max(16);
        (0..height).step_by(band).map(|top| top..(top + band).min(height)).collect()
    }

    /// The residual from scratch.
    pub(super) fn renew(&mut self) {
        let this = &*self;
        let bands: Vec<Patch> = this
            .bands()
            .into_par_iter()
            .map(|rows| {
                let mut residual = this.context.image.slice(s![rows.clone(), ..]).mapv(f64::from);
                if let Some(surface) = &this.surface {
                    residual -= &surface.image.slice(s![rows.clone(), ..]);
                }
                let mut patch = Patch { top: rows.start, left: 0, residual };
                for column in &this.columns {
                    if touches(column.y, REACH * column.axes().0, &rows) {
                        paint(&mut patch, &this.context, column, -1.0);
                    }
                }
                patch
            })
            .collect();
        for patch in bands {
            let rows = patch.top..patch.top + patch.residual.nrows();
            self.residual.slice_mut(s![rows, ..]).assign(&patch.residual);
        }
    }

    /// After rows have moved: the columns follow.
    pub(super) fn follow_rows(&mut self, sweeps: usize) {
        self.renew();
        self.settle(sweeps);
    }

    /// Radius of a typical column's window \[px\].
    pub(super) fn radius(&self) -> f64 {
        (WINDOW * self.context.typical).max(LEAST_WINDOW_PX)
    }

    pub(super) fn finish(self, maps: &Maps, posterior: Option<Posterior>, doubt: &Doubt) -> Fit {
        let jitter = if posterior.is_some() { [0.0; 2] } else { self.context.noise.jitter_px };
        let columns = (0..self.inside)
            .into_par_iter()
            .map(|index| {
                let (column, start, reason) =
                    (&self.columns[index], &self.starts[index], self.reasons[index]);
                let used = reason.is_none();
                let alone = if used { covariance::of(&self, index, &maps.slopes, jitter) } else { None };
                let of_rows = posterior.as_ref().map_or([0.0; 3], |p| p.covariance(index));
                let [x, y] = doubt.at(column, self.context.image.dim(), self.radius());
                let covariance =
                    alone.map(|c| [c[0] + of_rows[0] + x, c[1] + of_rows[1], c[2] + of_rows[2] + y]);
                let reason = reason.or(if covariance.is_none() { Some(Reason::Undetermined) } else { None });
                let (large, small, angle) = column.axes();
                let window = &self.windows[index];
                FittedColumn {
                    x: if used { column.x } else { start.x },
                    y: if used { column.y } else { start.y },
                    height: column.height,
                    background: column.background(window.terms(column.x, column.y)) + self.beneath(column),
                    sigma_px: [large, small],
                    angle_rad: angle,
                    covariance_px2: covariance,
                    reason,
                }
            })
            .collect();
        Fit { columns, noise: self.context.noise, rows: posterior.map(|_| self.context.rows) }
    }
}

/// How far from its column a start is believed to be, before anything is learnt.
pub(super) fn start_spread(context: &Context<'_>, start: &Start, typical: f64) -> f64 {
    let edge = context.depth(start.x, start.y) < EDGE.0 * typical;
    typical * if edge { EDGE.1 } else { START_SPREAD }
}

/// Whether something within `reach` of `y` may lie in some rows, though those are displaced a little.
pub(super) fn touches(y: f64, reach: f64, rows: &Range<usize>) -> bool {
    let reach = reach + SLACK;
    y + reach >= rows.start as f64 && y - reach <= rows.end as f64
}
