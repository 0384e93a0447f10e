//! What is known of a column that may be none.

use crate::neighbours::Neighbours;
use crate::repeats::Surroundings;
use crate::{Column, Flag, median, median_nearest_distance};
use ndarray::Array2;
use rayon::prelude::*;

/// Neighbours that a column's peak is compared with.
const NEIGHBOURS: usize = 6;
/// Peaks of this height and lower are alike, and chances that the circular mask gives are kept from this to one less it.
const LOWEST: f64 = 0.02;
const SUREST: f64 = 0.01;
/// The same where a column is expected: there less tells more.
const LOWEST_EXPECTED: f64 = 0.001;
const SUREST_EXPECTED: f64 = 0.001;
/// Radius within which the circular mask is averaged \[px\].
const DISC: isize = 3;
/// A column lies opposite a neighbour when it is this close to the place, as a part of the median
/// distance.
const OPPOSITE: f64 = 0.2;
/// Columns with peaks of this height, where the circular mask is as high, tell what surrounds columns of the lattice, and
/// so many of them how far columns are apart.
const WELL_SEEN: f64 = 0.25;
const ENOUGH_SEEN: usize = 6;
/// Number of features.
pub(crate) const FEATURES: usize = 8;
/// Places of those that tell of order: the part of a column's neighbours that have another opposite, and of its well seen
/// surroundings that others have, too.
pub const FEATURES_OF_ORDER: [usize; 2] = [4, 6];

/// What the maps say of a column's being real:
///
/// 1. the logarithm of its peak's height;
/// 2. the logarithm of that height over its neighbours' median;
/// 3. the logit of the circular mask around its centre: a place that is uncertain lowers the peak,
///    but not the mask, which is wide;
/// 4. the distance to its nearest neighbour over the median of all, less one;
/// 5. the part of its neighbours that have a column opposite, as in a lattice;
/// 6. the mean logit of its neighbours' masks;
/// 7. the part of its well seen surroundings that other columns nearby have, too, as in a lattice;
/// 8. the same times how many columns these surroundings are, at most one.
pub type Features = [f64; FEATURES];

/// The features of every column; `mask` is the circular mask, if there is one.
pub fn features(columns: &[Column], mask: Option<&Array2<f32>>) -> Vec<Features> {
    let all: Vec<_> = columns.iter().enumerate().map(|(i, column)| (column, Some(i))).collect();
    features_among(columns, &all, mask)
}

/// The features of `others`, each by itself beside the `columns`.
pub fn features_beside(columns: &[Column], others: &[Column], mask: Option<&Array2<f32>>) -> Vec<Features> {
    let others: Vec<_> = others.iter().map(|column| (column, None)).collect();
    features_among(columns, &others, mask)
}

/// The features of some, with their numbers if they are among the `columns`.
fn features_among(
    columns: &[Column],
    some: &[(&Column, Option<usize>)],
    mask: Option<&Array2<f32>>,
) -> Vec<Features> {
    let positions: Vec<(f64, f64)> = columns.iter().map(|c| (c.x, c.y)).collect();
    let height = |column: &Column| match column.flags.contains(&Flag::Expected) {
        true => column.height.max(LOWEST_EXPECTED),
        false => column.height.max(LOWEST),
    };
    let masked = |column: &Column| mask.map_or(column.height, |mask| mean_around(mask, column.x, column.y));
    let logit = |column: &Column| {
        let surest = if column.flags.contains(&Flag::Expected) { SUREST_EXPECTED } else { SUREST };
        let chance = masked(column).clamp(surest, 1.0 - surest);
        (chance / (1.0 - chance)).ln()
    };
    let is_well_seen = |column: &Column| column.height > WELL_SEEN && masked(column) > WELL_SEEN;
    let seen: Vec<usize> = (0..columns.len()).filter(|&i| is_well_seen(&columns[i])).collect();
    let well_seen: Vec<(f64, f64)> = seen.iter().map(|&i| positions[i]).collect();
    // Grains of noise may be many, and closer to each other than columns are.
    let telling = if well_seen.len() < ENOUGH_SEEN { &positions } else { &well_seen };
    let Some(apart) = median_nearest_distance(telling).filter(|d| *d > 0.0) else {
        let alone =
            |column: &Column| [height(column).ln(), 0.0, logit(column), 0.0, 0.0, logit(column), 0.0, 0.0];
        return some.iter().map(|(column, _)| alone(column)).collect();
    };
    let logits: Vec<f64> = columns.iter().map(logit).collect();
    let surroundings = Surroundings::new(&well_seen, apart);
    let mut rank = vec![None; columns.len()];
    seen.iter().enumerate().for_each(|(k, &i)| rank[i] = Some(k));
    let cells = Neighbours::new(&positions, 2.0 * apart);
    some.par_iter()
        .map(|&(column, itself)| {
            let (x, y) = (column.x, column.y);
            let neighbours = cells.nearest((x, y), f64::INFINITY, NEIGHBOURS, |j| Some(j) != itself);
            let nearest = neighbours.first().map_or(1.2, |n| (n.0 / apart).min(1.2));
            let mut heights: Vec<f64> = neighbours.iter().map(|n| height(&columns[n.1])).collect();
            let typical = median(&mut heights).unwrap_or(height(column));
            let count = neighbours.len().max(1) as f64;
            let opposite = |j: usize| {
                let place = (2.0 * x - positions[j].0, 2.0 * y - positions[j].1);
                let distance = |k: usize| (place.0 - positions[k].0).hypot(place.1 - positions[k].1);
                cells.about(place).any(|k| distance(k) < OPPOSITE * apart)
            };
            let symmetric = neighbours.iter().filter(|n| opposite(n.1)).count() as f64 / count;
            let own = logit(column);
            let around = match neighbours.len() {
                0 => own,
                _ => neighbours.iter().map(|n| logits[n.1]).sum::<f64>() / count,
            };
            let repeats = surroundings.repeats((x, y), itself.and_then(|i| rank[i]));
            let (part, certain) = (repeats.part, repeats.certain());
            let relative = (height(column) / typical).ln();
            [height(column).ln(), relative, own, nearest - 1.0, symmetric, around, part, certain]
        })
        .collect()
}

/// Mean of a map within [`DISC`] of a place.
fn mean_around(map: &Array2<f32>, x: f64, y: f64) -> f64 {
    let (rows, columns) = map.dim();
    let (mut sum, mut count) = (0.0, 0.0);
    for dy in -DISC..=DISC {
        for dx in -DISC..=DISC {
            let (row, column) = (y.round() as isize + dy, x.round() as isize + dx);
            let inside = row >= 0 && column >= 0 && row < rows as isize && column < columns as isize;
            if inside && dx * dx + dy * dy <= DISC * DISC {
                sum += f64::from(map[(row as usize, column as usize)]);
                count += 1.0;
            }
        }
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a calibration the score is the height.
    #[test]
    fn heights_are_compared_with_those_of_neighbours() {
        let column = |x: f64, height: f64| Column { x, y: 0.0, height, flags: Vec::new() };
        let columns = [column(0.0, 0.9), column(10.0, 0.8), column(14.0, 0.2)];
        let features = features(&columns, None);
        for (column, features) in columns.iter().zip(&features) {
            assert!((crate::Calibration::default().chance(features) - column.height).abs() < 1e-12);
        }
        // The last is lower than its neighbours.
        assert!(features[2][1] < -1.0 && features[0][1] >= 0.0);
        assert!(super::features(&columns[..1], None)[0][1] == 0.0);
    }

    /// All but the rim of a lattice have neighbours on opposite sides, and all have those of others; columns at odd
    /// places don't.
    #[test]
    fn a_lattice_is_told_by_its_symmetry() {
        let column = |x: f64, y: f64| Column { x, y, height: 1.0, flags: Vec::new() };
        let lattice: Vec<Column> =
            (0..49).map(|i| column(10.0 * f64::from(i % 7), 10.0 * f64::from(i / 7))).collect();
        let middle = features(&lattice, None)[24];
        assert!(middle[4] == 1.0 && middle[6] > 0.9 && middle[7] == middle[6], "{middle:?}");
        let odd_number = |i: i32| 70.0 * (43_758.5 * (12.98 * f64::from(i)).sin()).rem_euclid(1.0);
        let odd: Vec<Column> = (0..49).map(|i| column(odd_number(2 * i), odd_number(2 * i + 1))).collect();
        let odd = features(&odd, None);
        let mean = |i: usize| odd.iter().map(|f| f[i]).sum::<f64>() / 49.0;
        assert!(mean(4) < 0.3 && mean(6) < 0.5, "{} {}", mean(4), mean(6));
    }

    /// Five times as many peaks beside it that are closer to each other than its columns, but hardly in the mask.
    #[test]
    fn grains_of_noise_do_not_hide_a_lattice() {
        let column = |x: f64, y: f64, height: f64| Column { x, y, height, flags: Vec::new() };
        let lattice = (0..49).map(|i| column(30.0 * f64::from(i % 7), 30.0 * f64::from(i / 7), 0.9));
        let noise = (0..245).map(|i| column(250.0 + 9.0 * f64::from(i % 16), 9.0 * f64::from(i / 16), 0.4));
        let columns: Vec<Column> = lattice.chain(noise).collect();
        let mask = Array2::from_shape_fn((200, 410), |(_, c)| if c < 200 { 0.9 } else { 0.1 });
        let middle = features(&columns, Some(&mask))[24];
        assert!(
            middle[3] == 0.0 && middle[4] == 1.0 && middle[6] > 0.9 && middle[7] == middle[6],
            "{middle:?}"
        );
    }

    /// A mask of ones tells more than one of a tenth; beyond the border nothing counts.
    #[test]
    fn the_mask_is_seen_around_the_centre() {
        let column = Column { x: 0.2, y: 30.0, height: 0.5, flags: Vec::new() };
        let logit =
            |v: f32| features(std::slice::from_ref(&column), Some(&Array2::from_elem((40, 40), v)))[0][2];
        assert!((logit(1.0) - 99.0_f64.ln()).abs() < 1e-9);
        assert!((logit(0.1) + 9.0_f64.ln()).abs() < 1e-6);
    }
}
