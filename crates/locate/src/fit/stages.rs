//! From starts to a fit: the order in which things are learnt.

use super::doubt::Doubt;
use super::gaussian::{Gaussian, Model};
use super::noise::{LEAST, NoiseModel};
use super::patch::Context;
use super::sweep::Fitting;
use super::{Fit, FitSettings, Reason, Sampling, Shape, Start, Statistics};
use super::{hidden, learn, outside, planes, rows, scene};
use crate::median;
use ndarray::Array2;

/// How much widths of columns differ from the typical one before anything is learnt, as a logarithm.
const WIDTH_SPREAD: f64 = 0.2;
/// The same while it is learnt what columns have in common: none.
const ONE_WIDTH: f64 = 5e-3;
/// Rounds of learning what columns have in common, at most, and how many of them are followed by another look at
/// what else is there. What every column has beside it belongs to their profile: columns that nobody reported are
/// sought once that is known.
const LESSONS: usize = 10;
const RENEWALS: usize = 3;
const PROFILED: usize = 1;
/// Windows are made anew, too, when columns turn out to be wider or narrower by this, as a logarithm.
const WIDER: f64 = 0.04;
/// Highest column, over what the image's values span.
const HIGHEST: f64 = 1.5;
/// Sweeps at most.
const SWEEPS: usize = 14;

pub(super) fn run(image: &Array2<f32>, starts: &[Start], settings: &FitSettings) -> Fit {
    let mut fit = settled(image, starts, settings);
    let trusted = settings.statistics == Statistics::Poisson;
    let doubt = if trusted { Doubt::of(&fit, settings) } else { Doubt::default() };
    let mut maps = fit.maps();
    let posterior = if settings.descan { rows::solve(&mut fit) } else { None };
    if posterior.is_some() {
        maps = fit.maps();
    }
    if trusted {
        learn::leave_few(&mut fit);
    }
    fit.finish(&maps, posterior, &doubt)
}

/// All columns where they belong, rows as they are, noise and misfit measured.
pub(super) fn settled<'a>(image: &'a Array2<f32>, starts: &[Start], settings: &FitSettings) -> Fitting<'a> {
    // Integrated columns are round.
    let shape = match settings.sampling {
        Sampling::Point => settings.shape,
        Sampling::Integrated => Shape::Round,
    };
    let context = || Context {
        image,
        rows: Vec::new(),
        model: Model { shape, sampling: settings.sampling, ..Model::default() },
        statistics: Statistics::LeastSquares,
        noise: settings.noise.unwrap_or(NoiseModel::white(1.0)),
        typical: 1.0,
        highest: HIGHEST * range(image),
        width_spread: WIDTH_SPREAD,
        variance: 0.0,
        misfit: [1.0; 2],
    };
    let trusted = settings.statistics == Statistics::Poisson;
    let beyond = outside::beyond(starts, image.dim());
    let mut fit = Fitting::new(context(), starts, beyond.clone(), trusted);
    fit.begin();
    if settings.statistics == Statistics::LeastSquares {
        let hidden = hidden::find(&fit);
        if !hidden.is_empty() {
            fit = Fitting::new(context(), starts, [beyond, hidden].concat(), trusted);
            fit.begin();
        }
        fit.sweep(SWEEPS, None);
    } else {
        fit.sweep(3, None);
        fit = fit.likeliest(settings.noise);
    }
    fit.freeze();
    fit.sweep(3, None);
    fit.renew();
    fit.measure(settings.noise);
    fit
}

/// The difference of an image's largest and smallest value.
fn range(image: &Array2<f32>) -> f64 {
    let finite = image.iter().filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    if low < high { f64::from(high) - f64::from(low) } else { 0.0 }
}

impl Fitting<'_> {
    /// The first sweeps, by least squares.
    fn begin(&mut self) {
        planes::lay(self);
        self.sweep(2, Some(0));
        self.context.variance = self.noise_in(&self.maps()).least / LEAST;
        self.sweep(3, None);
        self.context.noise = self.noise_in(&self.maps());
        self.context.variance = self.context.noise.least / LEAST;
        self.freeze();
    }

    /// From least squares to the greatest likelihood, what columns have in common learnt on the way. The noise is
    /// measured if it isn't `given`.
    fn likeliest(mut self, given: Option<NoiseModel>) -> Self {
        self.measure(given);
        self.context.statistics = Statistics::Poisson;
        self.level();
        self.settle(3);
        for lesson in 0..LESSONS {
            let settled = learn::all(&mut self);
            if lesson == 0 {
                self.try_again();
            }
            self.measure(given);
            self.settle(3);
            let wider = (self.context.typical / self.width_of_windows).ln().abs();
            if lesson < RENEWALS || wider > WIDER {
                self = self.renewed(lesson >= PROFILED);
                self.settle(3);
            } else if settled {
                break;
            }
        }
        learn::width_spread(&mut self);
        self.settle(3);
        learn::all(&mut self);
        self.measure(given);
        self.settle(SWEEPS);
        self
    }

    /// Measures the noise, as far as it isn't `given`, and the misfit. How far rows are displaced nobody is told: that
    /// is measured in any case.
    fn measure(&mut self, given: Option<NoiseModel>) {
        let maps = self.maps();
        let seen = self.noise_in(&maps);
        self.context.noise = given.map_or(seen, |given| NoiseModel { jitter_px: seen.jitter_px, ..given });
        self.context.misfit = self.misfit(&maps);
    }

    /// The same columns in windows of the width that they turned out to have, together with those outside the image
    /// that their places let expect now and, if they are to be `sought`, with those that nobody reported but the
    /// residual shows.
    fn renewed(self, sought: bool) -> Self {
        let typical = self.context.typical;
        let reported: Vec<Start> =
            self.starts[..self.inside].iter().map(|start| Start { sigma: typical, ..*start }).collect();
        let now = |i: usize| {
            let (start, column) = (reported[i], &self.columns[i]);
            if self.is_used(i) || self.gone[i] { Start { x: column.x, y: column.y, ..start } } else { start }
        };
        let places: Vec<Start> = (0..self.inside).map(now).collect();
        let mut silent = outside::beyond(&places, self.context.image.dim());
        let expected = silent.len();
        let hidden = self.silent.iter().zip(&self.columns[self.inside..]).filter(|(s, _)| s.like.is_empty());
        silent.extend(hidden.clone().map(|(silent, _)| silent.clone()));
        if sought {
            silent.extend(hidden::find(&self));
        }
        let mut next = Self::new(self.context.clone(), &reported, silent, true);
        next.context.typical = typical;
        next.surface = self.surface.clone();
        next.windows.iter_mut().for_each(|window| window.crowded = true);
        let old = self.columns[..self.inside].iter().zip(&self.windows).zip(&self.reasons);
        for (index, ((column, window), reason)) in old.enumerate() {
            (next.columns[index], next.reasons[index]) = (*column, *reason);
            next.gone[index] = self.gone[index];
            next.windows[index].place = window.place;
        }
        let again = next.columns[self.inside + expected..].iter_mut();
        again.zip(hidden).for_each(|(new, (_, old))| *new = *old);
        next.renew();
        next.sweep(2, Some(0));
        next
    }

    /// Starts from the network's place again where a fit made no sense, now that more is known.
    fn try_again(&mut self) {
        for index in 0..self.inside {
            if self.reasons[index].is_some_and(|reason| reason != Reason::Undetermined) {
                self.reasons[index] = None;
                self.gone[index] = false;
            }
        }
    }

    /// From planes beneath columns and, of round ones, widths of their own to one background beneath all and one width.
    fn level(&mut self) {
        let mut widths: Vec<f64> =
            (0..self.inside).filter(|i| self.is_used(*i)).map(|i| self.columns[i].sigma()).collect();
        self.context.typical = median(&mut widths).unwrap_or(self.context.typical);
        if self.context.model.shape == Shape::Round {
            self.context.width_spread = ONE_WIDTH;
            for column in &mut self.columns {
                *column = Gaussian::round(column.x, column.y, column.height, self.context.typical);
            }
        }
        self.columns.iter_mut().for_each(|column| column.plane = [0.0; 3]);
        self.windows.iter_mut().for_each(|window| window.crowded = true);
        self.renew();
        scene::learn(self, false);
    }
}
