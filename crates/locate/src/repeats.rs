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

/// Another column is like one when it has this part of its neighbours; those within so many typical distances are
/// expected of both.
const LIKE: f64 = 0.8;
const STEP: f64 = 1.6;
/// Columns are expected with at least so many neighbours and this part of surroundings that repeats.
const FEWEST: usize = 2;
const LEAST_PART: f64 = 0.6;
/// Columns are no closer than this, in typical distances.
pub(crate) const DISTINCT: f64 = 0.5;

/// From so many neighbours on their number tells no more.
const ENOUGH: usize = 6;

/// What surrounds a place, of the columns that are well seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Repeats {
    /// Number of columns nearby.
    pub(crate) neighbours: usize,
    /// Part of them that others nearby, in the same directions and as far off, have too.
    pub(crate) part: f64,
}

impl Repeats {
    /// The part that repeats times how many columns there are, at most one.
    pub(crate) fn certain(&self) -> f64 {
        self.part * self.neighbours.min(ENOUGH) as f64 / ENOUGH as f64
    }
}

/// A column that is seen from another: its number and the vector to it.
type Vector = (usize, (f64, f64));

/// Columns that are well seen, and how they lie about each other.
///
/// Only vectors between columns are compared, so that motifs, strain and several grains do no harm. A column at the
/// edge of a particle has a few neighbours, but columns inside have neighbours in these places, too; around one that
/// is none, beside the edge, only those of a place of the lattice do.
pub(crate) struct Surroundings<'a> {
    places: &'a [(f64, f64)],
    apart: f64,
    cells: Neighbours<'a>,
    /// Of each column the others nearby, nearest first: distances and numbers.
    nearby: Vec<Vec<(f64, usize)>>,
    /// Vectors to those around it, somewhat farther than [`NEAR`], so that a neighbour at the rim finds its like.
    around: Vec<Vec<Vector>>,
}

impl<'a> Surroundings<'a> {
    /// Of columns whose nearest ones are typically `apart`.
    pub(crate) fn new(places: &'a [(f64, f64)], apart: f64) -> Self {
        let cells = Neighbours::new(places, FAR * apart);
        let nearby = |i: usize| cells.nearest(places[i], FAR * apart, OTHERS, |j| j != i);
        let nearby: Vec<_> = (0..places.len()).into_par_iter().map(nearby).collect();
        let mut surroundings = Self { places, apart, cells, nearby, around: Vec::new() };
        let around =
            |i: usize| surroundings.vectors(places[i], &surroundings.nearby[i], NEAR + SAME, 2 * MOST);
        surroundings.around = (0..places.len()).into_par_iter().map(around).collect();
        surroundings
    }

    /// The vectors from a point to at most so many of those `nearby`, within a number of typical distances.
    fn vectors(&self, (x, y): (f64, f64), nearby: &[(f64, usize)], within: f64, most: usize) -> Vec<Vector> {
        let near = nearby.iter().take_while(|n| n.0 <= within * self.apart).take(most);
        near.map(|&(_, j)| (j, (self.places[j].0 - x, self.places[j].1 - y))).collect()
    }

    fn same(&self, v: (f64, f64), w: (f64, f64)) -> bool {
        (v.0 - w.0).hypot(v.1 - w.1) < SAME * self.apart
    }

    /// How far the surroundings of a point, that of column `itself` if it is one, are those of others.
    pub(crate) fn repeats(&self, point: (f64, f64), itself: Option<usize>) -> Repeats {
        let sought;
        let nearby = match itself {
            Some(index) => &self.nearby[index],
            None => {
                sought = self.cells.nearest(point, FAR * self.apart, OTHERS, |_| true);
                &sought
            }
        };
        let own = self.vectors(point, nearby, NEAR, MOST);
        if own.is_empty() {
            return Repeats::default();
        }
        let in_common = |other: usize| {
            // A column says nothing for itself.
            let theirs = || self.around[other].iter().filter(|(j, _)| Some(*j) != itself);
            own.iter().filter(|(_, v)| theirs().any(|(_, w)| self.same(*v, *w))).count()
        };
        let mut common: Vec<usize> = nearby.iter().map(|(_, other)| in_common(*other)).collect();
        common.sort_unstable_by(|a, b| b.cmp(a));
        let sum: usize = common.iter().take(ALIKE).sum();
        Repeats { neighbours: own.len(), part: sum as f64 / (ALIKE * own.len()) as f64 }
    }

    /// Places of a map of so many rows and columns, without a column, where the surroundings of others lead one to expect
    /// it: those that have nearly all neighbours that a column has, and one more. The surest first; none closer to another
    /// or to a column than [`DISTINCT`].
    pub(crate) fn expected(&self, (rows, columns): (usize, usize)) -> Vec<(f64, f64)> {
        let inside = |at: f64, size: usize| (-0.5..=size as f64 - 0.5).contains(&at);
        let votes = (0..self.places.len()).into_par_iter().flat_map_iter(|index| self.lacking(index));
        let votes: Vec<(f64, f64)> = votes.filter(|(x, y)| inside(*x, columns) && inside(*y, rows)).collect();
        let mut places: Vec<((f64, f64), Repeats)> = self
            .agreed(&votes)
            .into_par_iter()
            .filter(|place| self.cells.nearest(*place, DISTINCT * self.apart, 1, |_| true).is_empty())
            .map(|place| (place, self.repeats(place, None)))
            .filter(|(_, repeats)| repeats.neighbours >= FEWEST && repeats.part >= LEAST_PART)
            .collect();
        // Those with the same surroundings stay in the order of their votes.
        places.sort_by(|a, b| b.1.certain().total_cmp(&a.1.certain()));
        let mut kept: Vec<(f64, f64)> = Vec::new();
        for (place, _) in places {
            if kept.iter().all(|(x, y)| (x - place.0).hypot(y - place.1) > DISTINCT * self.apart) {
                kept.push(place);
            }
        }
        kept
    }

    /// The means of votes for one place each, those with most votes first.
    fn agreed(&self, votes: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let cells = Neighbours::new(votes, SAME * self.apart);
        let alike = |vote: (f64, f64)| cells.nearest(vote, SAME * self.apart, usize::MAX, |_| true);
        let counts: Vec<usize> = votes.par_iter().map(|vote| alike(*vote).len()).collect();
        let mut order: Vec<usize> = (0..votes.len()).collect();
        order.sort_by(|a, b| counts[*b].cmp(&counts[*a]));
        let mut counted = vec![false; votes.len()];
        let mut places = Vec::new();
        for vote in order {
            if counted[vote] {
                continue;
            }
            let near = alike(votes[vote]);
            let (mut x, mut y) = (0.0, 0.0);
            for &(_, other) in &near {
                (x, y) = (x + votes[other].0, y + votes[other].1);
                counted[other] = true;
            }
            places.push((x / near.len() as f64, y / near.len() as f64));
        }
        places
    }

    /// Places where column `index` lacks a neighbour that those like it have.
    fn lacking(&self, index: usize) -> Vec<(f64, f64)> {
        let (x, y) = self.places[index];
        let own = &self.around[index];
        let mine: Vec<&Vector> =
            own.iter().filter(|(_, v)| v.0.hypot(v.1) <= NEAR * self.apart).take(MOST).collect();
        if mine.len() < FEWEST {
            return Vec::new();
        }
        let mut lacking = Vec::new();
        for (_, other) in &self.nearby[index] {
            let theirs = &self.around[*other];
            if theirs.len() <= own.len() {
                continue;
            }
            let common = mine.iter().filter(|(_, v)| theirs.iter().any(|(_, w)| self.same(*v, *w))).count();
            if (common as f64) < LIKE * mine.len() as f64 {
                continue;
            }
            for (_, w) in theirs.iter().filter(|(_, w)| w.0.hypot(w.1) <= STEP * self.apart) {
                if !own.iter().any(|(_, v)| self.same(*v, *w)) {
                    lacking.push((x + w.0, y + w.1));
                }
            }
        }
        lacking
    }
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
        let surroundings = Surroundings::new(&positions, 9.0);
        let found: Vec<Repeats> =
            positions.iter().enumerate().map(|(i, place)| surroundings.repeats(*place, Some(i))).collect();
        let odd = found.iter().position(|r| r.neighbours < 2 || r.part < 0.99);
        assert_eq!(odd.map(|i| found[i]), None);
    }

    /// A place of the lattice beyond the edge is told from all others there, well seen or not.
    #[test]
    fn beside_an_edge_only_places_of_the_lattice_have_surroundings_that_repeat() {
        let lattice = two_grains();
        let of = |place: (f64, f64), seen_itself: bool| {
            let mut positions = lattice.clone();
            positions.extend(seen_itself.then_some(place));
            Surroundings::new(&positions, 9.0).repeats(place, seen_itself.then_some(lattice.len()))
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

    /// A column is taken out of the edge and one of the inside: both are expected where they were, and beyond the edges
    /// only places of the lattice, none in the gap between the grains that belongs to neither.
    #[test]
    fn columns_are_expected_where_the_lattice_has_its_places() {
        let lattice = two_grains();
        let (edge, inside) = (8, 111);
        let columns: Vec<(f64, f64)> =
            (0..lattice.len()).filter(|i| ![edge, inside].contains(i)).map(|i| lattice[i]).collect();
        let expected = Surroundings::new(&columns, 9.0).expected((400, 700));
        let off = |place: (f64, f64), (x, y): (f64, f64)| (place.0 - x).hypot(place.1 - y);
        for missing in [edge, inside] {
            assert!(
                expected.iter().any(|place| off(*place, lattice[missing]) < 0.5),
                "{:?}",
                lattice[missing]
            );
        }
        // In units of the cell from the first column, or less the motif's second.
        let (sin, cos) = 30.0_f64.to_radians().sin_cos();
        let odd = expected.iter().find(|(x, y)| {
            let (dx, dy) = (x - 300.0, *y);
            let turned = (dx * cos + dy * sin, dy * cos - dx * sin);
            ![(*x, *y), turned].iter().any(|(u, v)| {
                [(0.0, 0.0), (7.0, 4.0)].iter().any(|motif| {
                    let (a, b) = ((u - motif.0) / 22.0, (v - motif.1) / 15.0);
                    (22.0 * (a - a.round())).hypot(15.0 * (b - b.round())) < 1.0
                })
            })
        });
        assert_eq!(odd, None);
        assert!(expected.len() > 20, "{}", expected.len());
    }
}
