//! Columns that a lattice leads one to expect where a map has no peak of a column.

use crate::neighbours::Neighbours;
use crate::repeats::{DISTINCT, Surroundings};
use crate::{Column, Flag, median_nearest_distance};
use ndarray::Array2;
use rayon::prelude::*;

/// Such a column lies as far from its place as this at most, in typical distances of nearest columns: at the centre of
/// the map within a window of this σ, moved so many times.
const REACH: f64 = 0.25;
const WINDOW: f64 = 0.2;
const MOVES: usize = 4;

/// Columns that are expected beside those that are `sure`, where others like these have them: with the centre and
/// height of what the `map` shows there, however little it is. They are in the map, and none of the sure ones.
/// With each the number of the doubtful column that it is, if one is close.
///
/// Where a map is in doubt its peaks are low, and the tops of some are lost beside higher ones; but where a lattice has a
/// place for a column, a hundredth of a peak says more than elsewhere.
pub fn expected(sure: &[Column], doubtful: &[Column], map: &Array2<f32>) -> Vec<(Column, Option<usize>)> {
    let of = |columns: &[Column]| -> Vec<(f64, f64)> { columns.iter().map(|c| (c.x, c.y)).collect() };
    let (sure, doubtful) = (of(sure), of(doubtful));
    let Some(apart) = median_nearest_distance(&sure).filter(|d| *d > 0.0) else { return Vec::new() };
    let places = Surroundings::new(&sure, apart).expected(map.dim());
    let cells = Neighbours::new(&doubtful, DISTINCT * apart);
    places
        .par_iter()
        .filter_map(|place| {
            let column = seen_at(map, *place, apart)?;
            let close = cells.nearest((column.x, column.y), DISTINCT * apart, 1, |_| true);
            Some((column, close.first().map(|(_, index)| *index)))
        })
        .collect()
}

/// What a map shows at a place.
fn seen_at(map: &Array2<f32>, place: (f64, f64), apart: f64) -> Option<Column> {
    let (rows, columns) = map.dim();
    let inside = |at: f64, size: usize| (-0.5..=size as f64 - 0.5).contains(&at);
    let sigma = WINDOW * apart;
    let (mut x, mut y) = place;
    for _ in 0..MOVES {
        let range = |centre: f64, size: usize| {
            let first = (centre - 2.0 * sigma).ceil().max(0.0) as usize;
            first..((centre + 2.0 * sigma).floor() + 1.0).clamp(first as f64, size.max(first) as f64) as usize
        };
        let (mut sum, mut by_x, mut by_y) = (0.0, 0.0, 0.0);
        for row in range(y, rows) {
            for column in range(x, columns) {
                let (dx, dy) = (column as f64 - x, row as f64 - y);
                let window = (-0.5 * (dx * dx + dy * dy) / (sigma * sigma)).exp();
                let weight = window * f64::from(map[(row, column)].max(0.0));
                (sum, by_x, by_y) = (sum + weight, by_x + weight * dx, by_y + weight * dy);
            }
        }
        if sum > 0.0 {
            (x, y) = (x + by_x / sum, y + by_y / sum);
        }
        // What lies farther off is another column's.
        if (x - place.0).hypot(y - place.1) > REACH * apart {
            return None;
        }
    }
    if !(inside(x, columns) && inside(y, rows)) {
        return None;
    }
    let nearest = |at: f64, size: usize| (at.round().max(0.0) as usize).min(size - 1);
    let height = f64::from(map[(nearest(y, rows), nearest(x, columns))].clamp(0.0, 1.0));
    Some(Column { x, y, height, flags: vec![Flag::Expected] })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lattice whose map has a faint spot at one place beyond its edge, and nothing at the others.
    #[test]
    fn a_place_that_the_lattice_has_is_measured_in_the_map() {
        let column = |x: f64, y: f64| Column { x, y, height: 1.0, flags: Vec::new() };
        let sure: Vec<Column> =
            (0..42).map(|i| column(20.0 + 12.0 * f64::from(i % 7), 20.0 + 12.0 * f64::from(i / 7))).collect();
        let missing = (104.6, 44.5);
        let bell = |x: f64, y: f64, c: usize, r: usize| {
            (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * 1.8 * 1.8)).exp()
        };
        let map = Array2::from_shape_fn((120, 130), |(r, c)| {
            let peaks: f64 = sure.iter().map(|column| bell(column.x, column.y, c, r)).sum();
            (peaks + 0.03 * bell(missing.0, missing.1, c, r)) as f32
        });
        let doubtful = [Column { height: 0.09, ..column(103.0, 45.0) }, column(60.0, 110.0)];
        let found = expected(&sure, &doubtful, &map);
        let at = |(x, y): (f64, f64)| found.iter().find(|(c, _)| (c.x - x).hypot(c.y - y) < 2.0);
        let (there, peak) = at((104.0, 44.0)).unwrap();
        assert!((there.x - missing.0).hypot(there.y - missing.1) < 0.3, "{there:?}");
        assert!((0.02..0.04).contains(&there.height) && there.flags == [Flag::Expected] && *peak == Some(0));
        // Elsewhere beyond the edge there are only the flanks of its columns.
        assert!(found.iter().all(|(c, _)| c.height < 0.01 || (c.x, c.y) == (there.x, there.y)), "{found:?}");
        // None beside the columns, and all in the map.
        assert!(found.iter().all(|(c, _)| sure.iter().all(|s| (s.x - c.x).hypot(s.y - c.y) > 8.0)));
        assert!(found.iter().all(|(c, _)| c.x >= -0.5 && c.y >= -0.5 && c.x <= 129.5 && c.y <= 119.5));
        assert!(expected(&sure[..1], &[], &map).is_empty() && expected(&[], &[], &map).is_empty());
    }
}
