//! How far a fit is wrong for want of knowledge rather than of light: what stands outside the image, and what all columns
//! have in common. Measured on the image itself: it is cut, what is left is fitted again, and columns that are near
//! the new border, and those that aren't, are compared with where they were found in the whole. What isn't known is so
//! much light at the wrong place, which moves a column the farther the lower it is.

use super::gaussian::Gaussian;
use super::stages::settled;
use super::sweep::Fitting;
use super::{FitSettings, Start};
use crate::{median, nearest_distances};
use ndarray::s;

/// Columns that the part holds, about: enough for a dozen at its border.
const COLUMNS: f64 = 400.0;
/// Columns of a class that tell how far off others are.
const TELLING: usize = 6;
/// Multiples of the windows' radius by which a column's depth in the image decides its class: what isn't known outside moves
/// columns at the border, and these move those behind.
const NEAR: [f64; 3] = [0.5, 1.0, 2.0];
/// Number of classes.
const CLASSES: usize = NEAR.len() + 1;

/// Variances of columns at the very border, near it, behind these and elsewhere: across the border and along it, of places
/// times heights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doubt {
    classes: [[f64; 2]; CLASSES],
}

/// A column's class, and whether the border is nearest along x.
fn class(x: f64, y: f64, (height, width): (usize, usize), radius: f64) -> (usize, bool) {
    let along_x = x.min(width as f64 - 1.0 - x);
    let along_y = y.min(height as f64 - 1.0 - y);
    let depth = along_x.min(along_y);
    (NEAR.iter().filter(|part| depth >= **part * radius).count(), along_x < along_y)
}

impl Doubt {
    /// What a fit of the whole image, its rows not yet solved for, is to be doubted by.
    pub(super) fn of(fit: &Fitting<'_>, settings: &FitSettings) -> Self {
        let radius = fit.radius();
        let (height, width) = fit.context.image.dim();
        let places: Vec<(f64, f64)> = fit.starts[..fit.inside].iter().map(|s| (s.x, s.y)).collect();
        let Some(apart) = median(&mut nearest_distances(&places)).filter(|apart| apart.is_finite()) else {
            return Self::default();
        };
        let side = COLUMNS.sqrt() * apart;
        // Around the middle of the columns, and a window away from the image's own border.
        let range = |of: fn(&(f64, f64)) -> f64, size: usize| {
            let middle = median(&mut places.iter().map(of).collect::<Vec<f64>>()).unwrap_or(0.0);
            let (first, last) = (radius.ceil(), size as f64 - radius.ceil());
            let from = (middle - 0.5 * side).clamp(first.min(last), (last - side).max(first)).round();
            let to = (from + side).min(last).round();
            let from = (from.max(0.0) as usize).min(size);
            (from, (to.max(0.0) as usize).clamp(from, size))
        };
        let (top, bottom) = range(|p| p.1, height);
        let (left, right) = range(|p| p.0, width);
        let part = fit.context.image.slice(s![top..bottom, left..right]).to_owned();
        let size = part.dim();
        let inside = |x: f64, y: f64| {
            (0.0..=size.1 as f64 - 1.0).contains(&x) && (0.0..=size.0 as f64 - 1.0).contains(&y)
        };
        let (members, starts): (Vec<usize>, Vec<Start>) = (0..fit.inside)
            .map(|i| (i, fit.starts[i]))
            .map(|(i, start)| (i, Start { x: start.x - left as f64, y: start.y - top as f64, ..start }))
            .filter(|(_, start)| inside(start.x, start.y))
            .unzip();
        if starts.len() < TELLING {
            return Self::default();
        }
        let again = settled(&part, &starts, settings);
        let mut off = [const { [const { Vec::new() }; 2] }; CLASSES];
        for (k, &i) in members.iter().enumerate() {
            if !(fit.is_used(i) && again.is_used(k)) {
                continue;
            }
            let (whole, cut) = (&fit.columns[i], &again.columns[k]);
            let by = [cut.x + left as f64 - whole.x, cut.y + top as f64 - whole.y];
            let (class, first) = class(cut.x, cut.y, size, radius);
            off[class][0].push((whole.height * by[usize::from(!first)]).abs());
            off[class][1].push((whole.height * by[usize::from(first)]).abs());
        }
        let mut classes = off.map(|axes| axes.map(variance));
        // Classes that too few tell of are as the next one inwards.
        for class in (0..CLASSES - 1).rev() {
            let inwards = classes[class + 1];
            classes[class].iter_mut().zip(inwards).for_each(|(own, inner)| *own = own.or(inner));
        }
        Self { classes: classes.map(|axes| axes.map(|variance| variance.unwrap_or(0.0))) }
    }

    /// The variances along x and y of a column \[px²\].
    pub(super) fn at(&self, column: &Gaussian, size: (usize, usize), radius: f64) -> [f64; 2] {
        let (class, first) = class(column.x, column.y, size, radius);
        let [across, along] = self.classes[class].map(|variance| variance / column.height.powi(2));
        if first { [across, along] } else { [along, across] }
    }
}

/// The variance of normally distributed numbers of which as many are as large as 68 and 95 in 100 of these are, whichever
/// asks for more.
fn variance(mut sizes: Vec<f64>) -> Option<f64> {
    if sizes.len() < TELLING {
        return None;
    }
    sizes.sort_by(f64::total_cmp);
    let at = |part: f64| sizes[((part * sizes.len() as f64) as usize).min(sizes.len() - 1)];
    Some(at(0.68).max(0.5 * at(0.95)).powi(2))
}
