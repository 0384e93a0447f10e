//! What the columns of an image have in common, learnt from all of them.

use super::patch::{Patch, Place, Window};
use super::pixels::Pixels;
use super::scene;
use super::sweep::{Fitting, START_SPREAD, start_spread};
use super::{Reason, Sampling, Shape};
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
/// Correlation of a start's error with its fit's, and the part of that which is its own at least: a network that sees the
/// same pixels isn't much more precise.
const SHARED: f64 = 0.6;
const NOISE: f64 = 1.2;

/// Learns all of it but the spread of the widths, and takes the columns' images and the background away anew. Returns
/// whether what columns share has settled.
pub(super) fn all(fitting: &mut Fitting<'_>) -> bool {
    let known = variances(fitting);
    let enough = known.len() >= FEW;
    places(fitting, &known);
    scene::learn(fitting, enough && fitting.context.model.sampling == Sampling::Point)
}

/// Smallest number of columns of a fit that is used.
const FEWEST: usize = 20;

/// Leaves columns at their starts where they are too few to tell what they have in common: what nobody told the fit then
/// moves it farther than a network that has seen many such images.
pub(super) fn leave_few(fitting: &mut Fitting<'_>) {
    if (0..fitting.inside).filter(|i| fitting.is_used(*i)).count() < FEWEST {
        for reason in &mut fitting.reasons[..fitting.inside] {
            *reason = reason.or(Some(Reason::Few));
        }
    }
}

/// How well the pixels of columns with a fit determine their parameters, as variances.
fn variances(fitting: &Fitting<'_>) -> Vec<(usize, Vec<f64>)> {
    let used: Vec<usize> = (0..fitting.columns.len()).filter(|i| fitting.is_used(*i)).collect();
    used.into_par_iter()
        .map_init(Pixels::default, |pixels, i| {
            let (column, window) = (&fitting.columns[i], &fitting.windows[i]);
            Some((i, fitting.cut(i).variances(&fitting.context, column, window, pixels)?))
        })
        .flatten()
        .collect()
}

/// Learns how much round columns differ in their widths, from how far each was pulled away from the common one.
pub(super) fn width_spread(fitting: &mut Fitting<'_>) {
    let known = variances(fitting);
    if known.len() < FEW || fitting.context.model.shape != Shape::Round {
        return;
    }
    let context = &mut fitting.context;
    let (now, belief) = (context.typical.ln(), context.width_spread.powi(-2));
    // Without the belief an estimate is farther away, and of the variance of its pixels.
    let free = known
        .iter()
        .map(|(i, v)| (now + (fitting.columns[*i].sigma().ln() - now) * (1.0 + belief * v[3]), v[3]))
        .collect();
    context.width_spread = spread(free).sqrt().clamp(LEAST_WIDTH_SPREAD, 0.2);
}

/// What a start tells of a place.
///
/// It was made from the same pixels, so its error has something of theirs: with a correlation ρ, a start of spread s
/// beside a fit of variance v gets the weight of the least variance, w = (v − ρs√v) / (s² − 2ρs√v + v), or none. Fits
/// whose model doesn't hold leave something behind, which is in v; so what starts lie off beyond s² is their own: in
/// some images they are worse than usual, which a few columns don't tell. Columns at the border, where others outside are guessed, are judged by
/// themselves, and starts believed to be a little worse.
fn places(fitting: &mut Fitting<'_>, known: &[(usize, Vec<f64>)]) {
    let context = &fitting.context;
    let misfit = |i: usize| context.misfit(&fitting.windows[i]);
    let all = known.iter().map(|(i, v)| (*i, 0.5 * misfit(*i) * (v[0] + v[1])));
    let (mut inner, mut border): (Vec<_>, Vec<_>) = all.partition(|(i, _)| is_inner(fitting, *i));
    if inner.len() < FEW || border.len() < FEW {
        inner.append(&mut border);
    }
    let s = START_SPREAD * context.typical;
    let mut weighed = Vec::new();
    for (class, s) in [(inner, s), (border, BORDER * s)] {
        let off = class.iter().flat_map(|&(i, v)| {
            let (column, place) = (&fitting.columns[i], fitting.windows[i].place);
            let free = |place: Place, off: f64| (off * (1.0 + v / (misfit(i) * place.variance)), v);
            place.map(|p| [free(p, column.x - p.x), free(p, column.y - p.y)]).into_iter().flatten()
        });
        let seen = if class.len() < FEW { 0.0 } else { spread(off.collect()).sqrt() };
        let s = seen.max(s);
        weighed.extend(class.into_iter().map(|(i, v)| {
            let least = start_spread(context, &fitting.starts[i], context.typical);
            (i, v, s.max(least).max(NOISE * v.sqrt()), misfit(i))
        }));
    }
    for (i, v, s, misfit) in weighed {
        weigh(&mut fitting.windows[i], v, s, misfit);
    }
}

/// Weighs a start of spread `s` against a fit of variance `v`, `misfit` times what the fit believes.
fn weigh(window: &mut Window, v: f64, s: f64, misfit: f64) {
    let Some(place) = &mut window.place else { return };
    let both = SHARED * s * v.sqrt();
    let weight = ((v - both) / (v + s * s - 2.0 * both)).clamp(0.0, 0.99);
    let rest = 1.0 - weight;
    let combined = rest * rest * v + weight * weight * s * s + 2.0 * weight * rest * both;
    place.variance = v / misfit * rest / weight.max(1e-6);
    place.gain = v - combined;
}

/// Whether a column's pixels are all there, and those of its neighbours nearly.
pub(super) fn is_inner(fitting: &Fitting<'_>, index: usize) -> bool {
    fitting.context.is_inner(&fitting.windows[index])
}

/// How much values with variances differ beyond these, as a variance: from the median absolute deviation.
fn spread(values: Vec<(f64, f64)>) -> f64 {
    let (mut numbers, mut formal): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
    let middle = median(&mut numbers).unwrap_or(0.0);
    numbers.iter_mut().for_each(|value| *value = (*value - middle).abs());
    let seen = MAD_TO_SIGMA * median(&mut numbers).unwrap_or(0.0);
    (seen * seen - median(&mut formal).unwrap_or(0.0)).max(0.0)
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
