//! What the columns of an image have in common, learnt from all of them.

use super::patch::{Patch, Place, Window};
use super::scene;
use super::sweep::{Fitting, START_SPREAD};
use super::{Sampling, Shape};
use crate::median;
use crate::median::MAD_TO_SIGMA;
use ndarray::{Array2, s};
use rayon::prelude::*;

/// Smallest number of columns that tell anything about others.
const FEW: usize = 12;
/// Least spread that widths are believed to have, as a logarithm.
const LEAST_WIDTH_SPREAD: f64 = 0.02;
/// How much farther off starts at the border are than others.
const BORDER: f64 = 1.3;
/// Times the variance of the starts by which fits may be off before they are doubted.
const DOUBT: f64 = 2.0;
/// Correlation of a start's error with its fit's.
const SHARED: f64 = 0.6;
/// Columns around that tell a background's slope.
const AROUND: usize = 20;

/// Learns all of it, and takes the columns' images and the background away anew. Returns whether it has settled.
pub(super) fn all(fitting: &mut Fitting<'_>) -> bool {
    let used: Vec<usize> = (0..fitting.columns.len()).filter(|i| fitting.is_used(*i)).collect();
    let this = &*fitting;
    let variances: Vec<Option<Vec<f64>>> = used
        .par_iter()
        .map(|i| this.cut(*i).variances(&this.context, &this.columns[*i], &this.windows[*i]))
        .collect();
    let known: Vec<(usize, Vec<f64>)> =
        used.into_iter().zip(variances).filter_map(|(i, v)| Some((i, v?))).collect();
    let enough = known.len() >= FEW;
    if enough {
        if fitting.context.model.shape == Shape::Round {
            widths(fitting, &known);
        }
        places(fitting, &known);
    }
    scene::learn(fitting, enough && fitting.context.model.sampling == Sampling::Point)
}

/// The widths' common value, from how far each was pulled away from the present one, and their spread.
fn widths(fitting: &mut Fitting<'_>, known: &[(usize, Vec<f64>)]) {
    let context = &mut fitting.context;
    let (now, belief) = (context.typical.ln(), context.width_spread.powi(-2));
    // Without the belief an estimate is farther away, and of the variance of its pixels.
    let free: Vec<(f64, f64)> = known
        .iter()
        .map(|(i, v)| (now + (fitting.columns[*i].sigma().ln() - now) * (1.0 + belief * v[3]), v[3]))
        .collect();
    let weight: f64 = free.iter().map(|f| 1.0 / f.1).sum();
    let mean = free.iter().map(|f| (f.0 - now).clamp(-0.5, 0.5) / f.1).sum::<f64>() / weight;
    context.typical *= mean.clamp(-0.1, 0.1).exp();
    context.width_spread = spread(free).sqrt().clamp(LEAST_WIDTH_SPREAD, 0.2);
}

/// What a start tells of a place.
///
/// It was made from the same pixels, so its error has something of theirs: with a correlation ρ, starts of
/// spread s lie off fits of variance v by s² − 2ρs√v + v on average, and get the weight of the least variance,
/// w = (v − ρs√v) / (s² − 2ρs√v + v), or none. What both differ by beyond that is the fits' own, m²: their model
/// doesn't hold, and v + m² counts. The starts of some images are worse than usual, so only what is more than
/// twice their variance is taken for that. Columns at the border, where others outside are guessed, are judged
/// by themselves, and starts believed to be a little worse.
fn places(fitting: &mut Fitting<'_>, known: &[(usize, Vec<f64>)]) {
    let all = known.iter().map(|(i, v)| (*i, 0.5 * (v[0] + v[1])));
    let (mut inner, mut border): (Vec<_>, Vec<_>) = all.partition(|(i, _)| is_inner(fitting, *i));
    if inner.len() < FEW || border.len() < FEW {
        inner.append(&mut border);
    }
    let s = START_SPREAD * fitting.context.typical;
    for (class, s) in [(inner, s), (border, BORDER * s)] {
        if class.len() < 4 {
            continue;
        }
        let off = class.iter().flat_map(|&(i, v)| {
            let (column, place) = (&fitting.columns[i], fitting.windows[i].place);
            let free = |place: Place, off: f64| (off * (1.0 + v / place.variance), v);
            place.map(|p| [free(p, column.x - p.x), free(p, column.y - p.y)]).into_iter().flatten()
        });
        let excess = spread(off.collect());
        let m2 = (excess - DOUBT * s * s).max(0.0);
        for (i, v) in class {
            weigh(&mut fitting.windows[i], v, s, m2);
        }
    }
}

/// Weighs a start of spread `s` against a fit of variance `v` that is off by `m2` beyond that.
fn weigh(window: &mut Window, v: f64, s: f64, m2: f64) {
    let Some(place) = &mut window.place else { return };
    let (own, both) = (v + m2, SHARED * s * v.sqrt());
    let weight = ((own - both) / (own + s * s - 2.0 * both)).clamp(0.0, 0.99);
    let rest = 1.0 - weight;
    let combined = rest * rest * own + weight * weight * s * s + 2.0 * weight * rest * both;
    place.variance = v * rest / weight.max(1e-6);
    place.gain = v - combined;
}

/// Whether a column's pixels are all there, and those of its neighbours nearly.
pub(super) fn is_inner(fitting: &Fitting<'_>, index: usize) -> bool {
    let window = &fitting.windows[index];
    fitting.context.depth(window.x, window.y) >= window.radius
}

/// A list and one more.
pub(super) fn with(list: &[usize], one: usize) -> Vec<usize> {
    list.iter().copied().chain([one]).collect()
}

/// How much values with variances differ beyond these, as a variance: from the median absolute deviation.
fn spread(values: Vec<(f64, f64)>) -> f64 {
    let (mut numbers, mut formal): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
    let middle = median(&mut numbers).unwrap_or(0.0);
    numbers.iter_mut().for_each(|value| *value = (*value - middle).abs());
    let seen = MAD_TO_SIGMA * median(&mut numbers).unwrap_or(0.0);
    (seen * seen - median(&mut formal).unwrap_or(0.0)).max(0.0)
}

/// The plane over a column's window through the values at the columns of a list, the nearest of them.
pub(super) fn regional(windows: &[Window], index: usize, list: &[usize], values: &[Option<f64>]) -> [f64; 3] {
    let window = &windows[index];
    let mut near: Vec<(f64, usize, f64)> = list
        .iter()
        .filter_map(|i| Some(((windows[*i].x - window.x).hypot(windows[*i].y - window.y), *i, values[*i]?)))
        .collect();
    if near.len() > AROUND {
        near.select_nth_unstable_by(AROUND, |a, b| a.0.total_cmp(&b.0));
        near.truncate(AROUND);
    }
    let mut matrix = super::Symmetric::zeros(3);
    let mut right = [0.0; 3];
    for (_, i, value) in &near {
        let other = &windows[*i];
        let terms = window.terms(other.x, other.y);
        matrix.add_outer(&terms, 1.0);
        right.iter_mut().zip(terms).for_each(|(r, t)| *r += t * value);
    }
    // Columns on a line tell one slope only.
    match matrix.factor(1e-6) {
        Some(factor) if near.len() >= 6 => {
            let solved = factor.solve(&right);
            [solved[0], solved[1], solved[2]]
        }
        _ => [right[0] / near.len().max(1) as f64, 0.0, 0.0],
    }
}

impl Fitting<'_> {
    /// The part of the residual that a column is fitted to.
    fn cut(&self, index: usize) -> Patch {
        let window = &self.windows[index];
        let [top, bottom, left, right] = self.context.box_around(window.x, window.y, window.radius);
        let residual: Array2<f64> = self.residual.slice(s![top..bottom, left..right]).to_owned();
        Patch { top, left, residual }
    }
}
