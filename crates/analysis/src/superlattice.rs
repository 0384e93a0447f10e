//! Larger cells that what is seen of the columns asks for.

use crate::cell::Change;
use crate::grid::Grid;
use crate::{Place, Vector};

/// Cells this many times larger are tried.
const LARGEST: i32 = 8;
/// Part of the variance that a larger cell must explain.
const EXPLAINED: f64 = 0.25;
/// Of several cells, the smallest that explains this part of what the best one does.
const NEARLY: f64 = 0.9;
/// Fisher's F that is no accident: the largest of some fifty tries, from 20 columns on.
const SIGNIFICANT: f64 = 14.0;
/// Columns that a site of a larger cell has at least.
const COLUMNS: usize = 5;
/// Cells across which brightness and displacement change with thickness, background and strain.
const LOCAL: f64 = 6.0;

/// The Hermite normal form of the larger cell whose sites differ in what was seen of the columns,
/// such as their brightness or both components of their displacement: a list a quantity with a
/// number a column. `None` when no cell explains much of it.
pub(crate) fn larger_cell(
    points: &[Vector],
    places: &[Option<Place>],
    sites: usize,
    seen: &[Vec<f64>],
    (a, b): (Vector, Vector),
) -> Option<Change> {
    let size = LOCAL * a.length().max(b.length());
    let columns: Vec<usize> = (0..places.len()).filter(|c| places[*c].is_some()).collect();
    let at: Vec<Vector> = columns.iter().map(|c| points[*c]).collect();
    let placed: Vec<Place> = places.iter().flatten().copied().collect();
    let values: Vec<Vec<f64>> = seen
        .iter()
        .map(|quantity| columns.iter().map(|c| quantity[*c]).collect::<Vec<f64>>())
        .map(|quantity| without_trend(quantity, &placed, &at, sites, size))
        .collect();
    let total: f64 = values.iter().flatten().map(|v| v * v).sum();
    let (count, quantities) = (placed.len(), seen.len() as f64);
    let tried: Vec<(Change, f64)> = (2..=LARGEST)
        .flat_map(hermite_forms)
        .filter_map(|form| {
            let kinds = sites * (form[0][0] * form[1][1]) as usize;
            let within: Vec<usize> = placed.iter().map(|place| in_cell(*place, form).site).collect();
            let mut counts = vec![0_usize; kinds];
            within.iter().for_each(|kind| counts[*kind] += 1);
            if counts.iter().any(|n| *n < COLUMNS) || count <= kinds {
                return None;
            }
            let explained: f64 = values
                .iter()
                .map(|values| {
                    let mut sums = vec![0.0; kinds];
                    within.iter().zip(values).for_each(|(kind, value)| sums[*kind] += value);
                    sums.iter().zip(&counts).map(|(sum, n)| sum * sum / *n as f64).sum::<f64>()
                })
                .sum();
            let part = explained / total;
            let (above, below) = ((kinds - sites) as f64, (count - kinds) as f64);
            let f = (part / above) / ((1.0 - part).max(1e-12) / below);
            // As if the number of kinds explained nothing by itself.
            let adjusted = 1.0 - (1.0 - part) * (count - sites) as f64 / below;
            (f * quantities > SIGNIFICANT && adjusted > EXPLAINED).then_some((form, adjusted))
        })
        .collect();
    let most = tried.iter().map(|t| t.1).fold(0.0, f64::max);
    // The forms come by rising size.
    tried.into_iter().find(|t| t.1 >= NEARLY * most).map(|t| t.0)
}

/// Values minus the mean of the surroundings and the site's mean.
fn without_trend(mut values: Vec<f64>, places: &[Place], at: &[Vector], sites: usize, size: f64) -> Vec<f64> {
    let without_site_means = |values: &mut [f64]| {
        let mut means = vec![(0.0, 0.0); sites];
        for (place, value) in places.iter().zip(&*values) {
            means[place.site] = (means[place.site].0 + value, means[place.site].1 + 1.0);
        }
        values.iter_mut().zip(places).for_each(|(v, p)| *v -= means[p.site].0 / means[p.site].1);
    };
    without_site_means(&mut values);
    // Means of coarse cells, so that each column is summed a few times only.
    let grid = Grid::new(at, size);
    let coarse: Vec<Vector> = {
        let cell = |p: &Vector| ((p.x / size).floor() as i64, (p.y / size).floor() as i64);
        let mut cells: Vec<(i64, i64)> = at.iter().map(cell).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.iter().map(|c| Vector::new((c.0 as f64 + 0.5) * size, (c.1 as f64 + 0.5) * size)).collect()
    };
    let reach = 1.2 * size;
    let mean_around = |centre: &Vector| {
        let add = |(sum, count): (f64, f64), (i, _): (usize, f64)| (sum + values[i], count + 1.0);
        let (sum, count) = grid.near(*centre, reach).fold((0.0, 0.0), add);
        if count > 0.0 { sum / count } else { 0.0 }
    };
    let means: Vec<f64> = coarse.iter().map(mean_around).collect();
    let coarse_grid = Grid::new(&coarse, size);
    let local = |p: &Vector| {
        let (sum, weight) = coarse_grid.near(*p, reach).fold((0.0, 0.0), |(sum, weight), (i, squared)| {
            let w = (1.0 - squared / (reach * reach)).powi(2);
            (sum + w * means[i], weight + w)
        });
        if weight > 0.0 { sum / weight } else { 0.0 }
    };
    let trend: Vec<f64> = at.iter().map(local).collect();
    values.iter_mut().zip(trend).for_each(|(v, t)| *v -= t);
    without_site_means(&mut values);
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

    /// σ(n) sublattices of index n: 3, 4, 7, 6, 12, 8, 15 for n = 2 to 8.
    #[test]
    fn all_larger_cells_are_tried_once() {
        assert_eq!((2..=8).map(|n| hermite_forms(n).count()).collect::<Vec<_>>(), [3, 4, 7, 6, 12, 8, 15]);
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
