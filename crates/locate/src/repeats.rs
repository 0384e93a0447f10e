//! Whether a column stands where a lattice has its columns.

use crate::neighbours::Neighbours;
use rayon::prelude::*;

/// Columns within so many typical distances are a column's surroundings, the nearest [`MOST`] of them.
const NEAR: f64 = 2.2;
const MOST: usize = 16;
/// A column lies where it is expected when it is so close, in typical distances.
const SAME: f64 = 0.15;
/// Surroundings are compared with those of the nearest so many columns within [`FAR`] typical distances. Other
/// grains, and what is far off in a strained lattice, have nothing to say.
const OTHERS: usize = 60;
const FAR: f64 = 6.0;
/// The mean of so many of the most alike: one may be by chance.
const ALIKE: usize = 3;

/// What surrounds a place, of the columns that are well seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Repeats {
    /// Number of columns nearby.
    pub(crate) neighbours: usize,
    /// Part of them that others nearby, in the same directions and as far off, have too.
    pub(crate) part: f64,
}

/// The [`Repeats`] of every position. `seen` are the numbers of those that are well seen, and `apart` is the typical
/// distance of nearest ones.
///
/// Only vectors between columns are compared, so that motifs, strain and several grains do no harm. A column at the
/// edge of a particle has a few neighbours, but columns inside have neighbours in these places, too; around one that
/// is none, beside the edge, only those of a place of the lattice do.
pub(crate) fn repeats(positions: &[(f64, f64)], seen: &[usize], apart: f64) -> Vec<Repeats> {
    let places: Vec<(f64, f64)> = seen.iter().map(|&i| positions[i]).collect();
    let cells = Neighbours::new(&places, FAR * apart);
    // Of each position the well seen ones nearby other than itself, nearest first: distances and ranks among the well seen.
    let nearby: Vec<Vec<(f64, usize)>> = (0..positions.len())
        .into_par_iter()
        .map(|i| cells.nearest(positions[i], FAR * apart, OTHERS, |j| seen[j] != i))
        .collect();
    // The vectors to those within a number of typical distances.
    let vectors = |index: usize, within: f64, most: usize| -> Vec<(usize, (f64, f64))> {
        let (x, y) = positions[index];
        let near = nearby[index].iter().take_while(|n| n.0 <= within * apart).take(most);
        near.map(|&(_, j)| (j, (places[j].0 - x, places[j].1 - y))).collect()
    };
    // Somewhat farther, so that a neighbour at the rim finds its like.
    let around: Vec<_> = seen.par_iter().map(|&i| vectors(i, NEAR + SAME, 2 * MOST)).collect();
    (0..positions.len())
        .into_par_iter()
        .map(|index| {
            let own = vectors(index, NEAR, MOST);
            if own.is_empty() {
                return Repeats::default();
            }
            let in_common = |other: usize| {
                // A column says nothing for itself.
                let theirs = || around[other].iter().filter(|(j, _)| seen[*j] != index);
                let same = |v: (f64, f64), w: (f64, f64)| (v.0 - w.0).hypot(v.1 - w.1) < SAME * apart;
                own.iter().filter(|(_, v)| theirs().any(|(_, w)| same(*v, *w))).count()
            };
            let mut common: Vec<usize> = nearby[index].iter().map(|(_, other)| in_common(*other)).collect();
            common.sort_unstable_by(|a, b| b.cmp(a));
            let sum: usize = common.iter().take(ALIKE).sum();
            Repeats { neighbours: own.len(), part: sum as f64 / (ALIKE * own.len()) as f64 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a plane of a rectangular lattice with two columns a cell, its edge at x = 0, and a grain turned by 30° far
    /// to the right; every column moved a little.
    fn two_grains() -> Vec<(f64, f64)> {
        let noise = |i: i32| 0.2 * ((12.9898 * f64::from(i)).sin() * 43_758.545).fract();
        let mut positions = Vec::new();
        for (turn, offset) in [(0.0, 0.0), (30.0_f64.to_radians(), 300.0)] {
            let (sin, cos) = f64::sin_cos(turn);
            for i in 0..10 {
                for j in 0..10 {
                    for motif in [(0.0, 0.0), (7.0, 4.0)] {
                        let (x, y) = (22.0 * f64::from(i) + motif.0, 15.0 * f64::from(j) + motif.1);
                        let k = positions.len() as i32;
                        positions
                            .push((offset + x * cos - y * sin + noise(k), x * sin + y * cos + noise(k + 7)));
                    }
                }
            }
        }
        positions
    }

    #[test]
    fn columns_of_a_lattice_have_surroundings_that_repeat_at_its_edge_and_in_every_grain() {
        let positions = two_grains();
        let seen: Vec<usize> = (0..positions.len()).collect();
        let found = repeats(&positions, &seen, 9.0);
        let odd = found.iter().position(|r| r.neighbours < 2 || r.part < 0.99);
        assert_eq!(odd.map(|i| found[i]), None);
    }

    /// A place of the lattice beyond the edge is told from all others there, well seen or not.
    #[test]
    fn beside_an_edge_only_places_of_the_lattice_have_surroundings_that_repeat() {
        let lattice = two_grains();
        let of = |place: (f64, f64), seen_itself: bool| {
            let mut positions = lattice.clone();
            positions.push(place);
            let seen: Vec<usize> = (0..lattice.len() + usize::from(seen_itself)).collect();
            repeats(&positions, &seen, 9.0)[lattice.len()]
        };
        for seen_itself in [false, true] {
            // The motif's second column of the cell to the left.
            let site = of((-15.0, 64.3), seen_itself);
            assert!(site.neighbours >= 2 && site.part > 0.99, "{site:?}");
            for place in [(-9.0, 64.3), (-15.0, 70.0), (-12.0, 67.0)] {
                let beside = of(place, seen_itself);
                assert!(beside.neighbours >= 1 && beside.part < 0.5, "{place:?}: {beside:?}");
            }
        }
        let alone = of((-200.0, 60.0), true);
        assert_eq!(alone, Repeats::default());
    }
}
