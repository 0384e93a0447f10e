//! The planes that crowded columns stand on before anything is learnt.

use super::patch::Window;
use super::sweep::Fitting;
use super::{Start, Symmetric};
use ndarray::{Array2, s};

/// Part of the pixels around a crowded column that are darker than the background, and how far around in
/// widths.
const DARK: (f64, f64) = (0.03, 6.0);
/// Columns around that tell a background's slope.
const AROUND: usize = 20;

/// Puts every crowded column on a plane through the backgrounds that the starts around have, or the darkest pixels
/// around those that have none.
pub(super) fn lay(fitting: &mut Fitting<'_>) {
    let (image, reach) = (fitting.context.image, DARK.1 * fitting.context.typical);
    let backgrounds: Vec<Option<f64>> = fitting
        .starts
        .iter()
        .zip(&fitting.windows)
        .map(|(s, window)| window.crowded.then(|| s.background.unwrap_or_else(|| darkest(image, s, reach))))
        .collect();
    for index in (0..fitting.columns.len()).filter(|i| fitting.windows[*i].crowded) {
        let around = fitting.near[index].iter().copied().chain([index]);
        fitting.columns[index].plane = regional(&fitting.windows, index, around, &backgrounds);
    }
}

/// The value below which the darkest pixels around a start lie, noise taken out by means of three by three.
fn darkest(image: &Array2<f32>, start: &Start, reach: f64) -> f64 {
    let (height, width) = image.dim();
    let range = |centre: f64, size: usize| {
        let low = (centre - reach).clamp(1.0, (size.max(3) - 2) as f64) as usize;
        let high = (centre + reach).clamp(1.0, (size.max(3) - 2) as f64) as usize;
        (low..=high).step_by(2).filter(move |i| i + 1 < size)
    };
    let mut means: Vec<f32> = range(start.y, height)
        .flat_map(|row| range(start.x, width).map(move |column| (row, column)))
        .filter_map(|(row, column)| image.slice(s![row - 1..row + 2, column - 1..column + 2]).mean())
        .filter(|mean| mean.is_finite())
        .collect();
    if means.is_empty() {
        return 0.0;
    }
    let at = ((means.len() - 1) as f64 * DARK.0) as usize;
    f64::from(*means.select_nth_unstable_by(at, f32::total_cmp).1)
}

/// The plane over a column's window through the values at the columns of a list, the nearest of them.
fn regional(
    windows: &[Window],
    index: usize,
    list: impl Iterator<Item = usize>,
    values: &[Option<f64>],
) -> [f64; 3] {
    let window = &windows[index];
    let mut near: Vec<(f64, usize, f64)> = list
        .filter_map(|i| Some(((windows[i].x - window.x).hypot(windows[i].y - window.y), i, values[i]?)))
        .collect();
    if near.len() > AROUND {
        near.select_nth_unstable_by(AROUND, |a, b| a.0.total_cmp(&b.0));
        near.truncate(AROUND);
    }
    let mut matrix = Symmetric::zeros(3);
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
