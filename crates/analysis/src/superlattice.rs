//! Larger cells that the columns' brightness asks for.

use crate::cell::{Change, SAME};
use crate::grid::Grid;
use crate::{Place, Vector};

/// Cells this many times larger are tried.
const LARGEST: i32 = 6;
/// Part of the variance of the brightness that a larger cell must explain.
const EXPLAINED: f64 = 0.25;
/// Of several cells, the smallest that explains this part of what the best one does.
const NEARLY: f64 = 0.9;
/// Fisher's F that is no accident: the largest of some forty tries, from 20 columns on.
const SIGNIFICANT: f64 = 14.0;
/// Columns that a site of a larger cell has at least.
const COLUMNS: usize = 5;
/// Cells across which the brightness changes with thickness and background.
const LOCAL: f64 = 6.0;

/// The rows of the Hermite normal form of the larger cell that tells brighter columns from darker
/// ones; the same cell when there is none.
pub(crate) fn by_brightness(
    points: &[Vector],
    places: &[Option<Place>],
    sites: usize,
    brightness: &[f64],
    (a, b): (Vector, Vector),
) -> Change {
    let size = LOCAL * a.length().max(b.length());
    let columns: Vec<(Place, Vector, f64)> = places
        .iter()
        .zip(points)
        .zip(brightness)
        .filter_map(|((p, at), v)| p.map(|p| (p, *at, *v)))
        .collect();
    let values = without_trend(&columns, sites, size);
    let total: f64 = values.iter().map(|v| v * v).sum();
    let tried: Vec<(Change, f64)> = (2..=LARGEST)
        .flat_map(hermite_forms)
        .filter_map(|form| {
            let kinds = sites * (form[0][0] * form[1][1]) as usize;
            let mut sums = vec![(0.0, 0_usize); kinds];
            for ((place, ..), value) in columns.iter().zip(&values) {
                let sum = &mut sums[in_cell(*place, form).site];
                *sum = (sum.0 + value, sum.1 + 1);
            }
            if sums.iter().any(|s| s.1 < COLUMNS) {
                return None;
            }
            let explained: f64 = sums.iter().map(|s| s.0 * s.0 / s.1 as f64).sum();
            let part = explained / total;
            let (above, below) = ((kinds - sites) as f64, (values.len() - kinds) as f64);
            let f = (part / above) / ((1.0 - part).max(1e-12) / below);
            // As if the number of kinds explained nothing by itself.
            let adjusted = 1.0 - (1.0 - part) * (values.len() - sites) as f64 / below;
            (f > SIGNIFICANT && adjusted > EXPLAINED).then_some((form, adjusted))
        })
        .collect();
    let most = tried.iter().map(|t| t.1).fold(0.0, f64::max);
    // The forms come by rising size.
    tried.into_iter().find(|t| t.1 >= NEARLY * most).map_or(SAME, |t| t.0)
}

/// Brightness over the mean of the surroundings, and minus the site's mean.
fn without_trend(columns: &[(Place, Vector, f64)], sites: usize, size: f64) -> Vec<f64> {
    let at: Vec<Vector> = columns.iter().map(|c| c.1).collect();
    let grid = Grid::new(&at, size);
    let site_means = |values: &[f64]| {
        let mut means = vec![(0.0, 0.0); sites];
        for ((place, ..), value) in columns.iter().zip(values) {
            means[place.site] = (means[place.site].0 + value, means[place.site].1 + 1.0);
        }
        means.into_iter().map(|m| m.0 / m.1).collect::<Vec<f64>>()
    };
    let mut values: Vec<f64> = columns.iter().map(|c| c.2).collect();
    let means = site_means(&values);
    values.iter_mut().zip(columns).for_each(|(v, c)| *v -= means[c.0.site]);
    // Means of coarse cells, so that each column is summed a few times only.
    let coarse: Vec<Vector> = {
        let mut cells: Vec<(i64, i64)> =
            at.iter().map(|p| ((p.x / size).floor() as i64, (p.y / size).floor() as i64)).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.iter().map(|c| Vector::new((c.0 as f64 + 0.5) * size, (c.1 as f64 + 0.5) * size)).collect()
    };
    let means: Vec<f64> = coarse
        .iter()
        .map(|centre| {
            let (sum, count) = grid
                .near(*centre, 1.2 * size)
                .fold((0.0, 0.0), |(sum, count), (i, _)| (sum + values[i], count + 1.0));
            if count > 0.0 { sum / count } else { 0.0 }
        })
        .collect();
    let coarse_grid = Grid::new(&coarse, size);
    let local = |p: Vector| {
        let (sum, weight) =
            coarse_grid.near(p, 1.2 * size).fold((0.0, 0.0), |(sum, weight), (i, squared)| {
                let w = (1.0 - squared / (1.44 * size * size)).powi(2);
                (sum + w * means[i], weight + w)
            });
        if weight > 0.0 { sum / weight } else { 0.0 }
    };
    let trend: Vec<f64> = at.iter().map(|p| local(*p)).collect();
    values.iter_mut().zip(trend).for_each(|(v, t)| *v -= t);
    let means = site_means(&values);
    values.iter_mut().zip(columns).for_each(|(v, c)| *v -= means[c.0.site]);
    values
}

/// All cells that are `times` as large: rows (p, q) and (0, r) with p r = `times` and q < r.
fn hermite_forms(times: i32) -> impl Iterator<Item = Change> {
    (1..=times)
        .filter(move |p| times % p == 0)
        .flat_map(move |p| (0..times / p).map(move |q| [[p, q], [0, times / p]]))
}

/// A place of the small cell in the larger one; every site becomes as many as the cell is larger.
pub(crate) fn in_cell(place: Place, form: Change) -> Place {
    let ([p, q], [_, r]) = (form[0], form[1]);
    let i = place.i.div_euclid(p);
    let rest = place.j - i * q;
    let (j, within) = (rest.div_euclid(r), (place.i.rem_euclid(p), rest.rem_euclid(r)));
    Place { i, j, site: place.site * (p * r) as usize + (within.0 * r + within.1) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::along;

    /// σ(n) sublattices of index n: 3, 4, 7, 6, 12 for n = 2 to 6.
    #[test]
    fn all_larger_cells_are_tried_once() {
        assert_eq!((2..=6).map(|n| hermite_forms(n).count()).collect::<Vec<_>>(), [3, 4, 7, 6, 12]);
    }

    #[test]
    fn places_of_one_site_differ_by_vectors_of_the_larger_cell() {
        let (a, b) = (Vector::new(3.0, 0.4), Vector::new(-0.7, 2.0));
        for form in (2..=6).flat_map(hermite_forms) {
            let (large_a, large_b) = (along(a, b, form[0]), along(a, b, form[1]));
            let mut offsets: Vec<Option<Vector>> = vec![None; 6];
            for i in -7..7 {
                for j in -7..7 {
                    let place = in_cell(Place { i, j, site: 0 }, form);
                    let offset = along(a, b, [i, j]) - along(large_a, large_b, [place.i, place.j]);
                    let known = offsets[place.site].get_or_insert(offset);
                    assert!((*known - offset).length() < 1e-9);
                }
            }
        }
    }
}
