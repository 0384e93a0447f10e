//! The network of bonds and how it is disordered.

use super::{AmorphousSheet, BOND, nearest_image};
use crate::random::Random;

/// Bond switches tried per atom.
const TRIALS_PER_ATOM: usize = 4;

/// "Temperature" of the switches, in units of the misfit of rings around atoms.
const MISFIT_TEMPERATURE: f64 = 0.6;

/// Bond switches tried per atom while the strain is annealed.
const ANNEALING_PER_ATOM: usize = 4;

/// Temperature at which annealing begins, in units of the energy.
const ANNEALING_TEMPERATURE: f64 = 0.1;

/// Sizes that a ring may have.
const RINGS: std::ops::RangeInclusive<usize> = 5..=8;

/// exp(−x) for x above zero, 1 below, by basic operations alone: the exponential function of one platform differs
/// from another's in the last digit, and a single switch more or less makes another network.
fn boltzmann(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    // (1 − x/2ⁿ) to the power of 2ⁿ, by squaring; zero for all that is large or not a number.
    let mut power = (1.0 - x / 4096.0).max(0.0);
    for _ in 0..12 {
        power *= power;
    }
    power
}

/// A network of atoms with three bonds each, in order of direction around the atom.
pub(super) struct Network {
    pub(super) period: [f64; 2],
    pub(super) positions: Vec<[f64; 2]>,
    /// Neighbours from +x towards +y: the order around the atom is what makes the rings.
    pub(super) neighbors: Vec<[usize; 3]>,
}

impl Network {
    /// Perfect graphene in a rectangle of whole four-atom cells.
    pub(super) fn graphene(size: f64) -> Self {
        let cell = [3f64.sqrt() * BOND, 3.0 * BOND];
        let counts = cell.map(|length| (size / length).round().max(3.0) as usize);
        let mut positions = Vec::new();
        for row in 0..counts[1] {
            for column in 0..counts[0] {
                for [x, y] in [[0.0, 0.0], [0.0, 1.0], [0.5, 1.5], [0.5, 2.5]] {
                    positions.push([(column as f64 + x) * cell[0], (row as f64) * cell[1] + y * BOND]);
                }
            }
        }
        let period = [counts[0] as f64 * cell[0], counts[1] as f64 * cell[1]];
        // Neighbours by their place in the pattern, already in order around the atom.
        let index = |row: usize, column: usize, atom: usize| {
            4 * ((row % counts[1]) * counts[0] + column % counts[0]) + atom
        };
        let mut neighbors = Vec::new();
        for r in 0..counts[1] {
            for c in 0..counts[0] {
                let (left, above, right, below) = (c + counts[0] - 1, r + counts[1] - 1, c + 1, r + 1);
                neighbors.push([index(r, c, 1), index(above, left, 3), index(above, c, 3)]);
                neighbors.push([index(r, c, 2), index(r, left, 2), index(r, c, 0)]);
                neighbors.push([index(r, c, 3), index(r, c, 1), index(r, right, 1)]);
                neighbors.push([index(below, right, 0), index(below, c, 0), index(r, c, 2)]);
            }
        }
        Self { period, positions, neighbors }
    }

    /// Disorders the network by bond switches at a fixed temperature.
    pub(super) fn disorder(&mut self, random: &mut Random) {
        let trials = TRIALS_PER_ATOM * self.positions.len();
        let mut since_smoothed = 0;
        for _ in 0..trials {
            let i = random.below(self.positions.len());
            let slot = random.below(3);
            let threshold = random.uniform();
            if !self.switch(i, slot, threshold) {
                continue;
            }
            let patch = self.patch(i);
            for _ in 0..8 {
                self.smooth(patch.iter().copied());
            }
            since_smoothed += 1;
            if since_smoothed * 40 > self.positions.len() {
                for _ in 0..6 {
                    self.smooth(0..self.positions.len());
                }
                since_smoothed = 0;
            }
        }
        for _ in 0..200 {
            self.smooth(0..self.positions.len());
        }
    }

    /// Atoms up to three bonds from `i`, nearest first.
    fn patch(&self, i: usize) -> Vec<usize> {
        let mut patch = vec![i];
        let mut start = 0;
        for _ in 0..3 {
            let shell = start..patch.len();
            start = patch.len();
            for index in shell {
                for neighbor in self.neighbors[patch[index]] {
                    if !patch.contains(&neighbor) {
                        patch.push(neighbor);
                    }
                }
            }
        }
        patch
    }

    /// Moves each atom to the middle of its three neighbours. A net drawn so has no crossing bonds and no
    /// folded rings (Tutte, Proc. London Math. Soc. 13, 743 (1963)).
    fn smooth(&mut self, atoms: impl Iterator<Item = usize>) {
        for i in atoms {
            let mut shift = [0.0; 2];
            for j in self.neighbors[i] {
                let arm = nearest_image(self.positions[i], self.positions[j], self.period);
                shift = [shift[0] + arm[0] / 3.0, shift[1] + arm[1] / 3.0];
            }
            self.positions[i] = [self.positions[i][0] + shift[0], self.positions[i][1] + shift[1]];
        }
    }

    /// The atoms around the bond of `i` in this slot, if turning it leaves all rings of allowed size: i, j, the
    /// other two neighbours of i and those of j, all in order.
    fn switchable(&self, i: usize, slot: usize) -> Option<[usize; 6]> {
        let j = self.neighbors[i][slot];
        let (a, b) = (self.neighbors[i][(slot + 1) % 3], self.neighbors[i][(slot + 2) % 3]);
        let back = self.neighbors[j].iter().position(|&n| n == i)?;
        let (c, d) = (self.neighbors[j][(back + 1) % 3], self.neighbors[j][(back + 2) % 3]);
        // The rings on both sides of the bond lose an atom; those at its ends gain one.
        let after = [
            self.ring(i, j).wrapping_sub(1),
            self.ring(j, i).wrapping_sub(1),
            self.ring(b, i) + 1,
            self.ring(d, j) + 1,
        ];
        let is_allowed =
            after.iter().all(|size| RINGS.contains(size)) && ![c, d].contains(&a) && ![c, d].contains(&b);
        is_allowed.then_some([i, j, a, b, c, d])
    }

    /// Turns the bond of `i` in this slot by a quarter, if the rings that this makes are accepted.
    fn switch(&mut self, i: usize, slot: usize, threshold: f64) -> bool {
        let Some(around) = self.switchable(i, slot) else { return false };
        let [i, j, a, b, c, d] = around;
        // All atoms of these four rings; the switch changes no other atom's rings.
        let mut rim = Vec::with_capacity(32);
        for (from, to) in [(i, j), (j, i), (b, i), (d, j)] {
            self.walk_ring(from, to, |atom| {
                if !rim.contains(&atom) {
                    rim.push(atom);
                }
            });
        }
        let before: f64 = rim.iter().map(|&atom| self.misfit(atom)).sum();
        self.rewire([i, j, a, b, c, d]);
        let change = rim.iter().map(|&atom| self.misfit(atom)).sum::<f64>() - before;
        if threshold >= boltzmann(change / MISFIT_TEMPERATURE) {
            // Three further quarter turns make a full one: back to where it was.
            self.rewire([i, j, b, c, d, a]);
            self.rewire([i, j, c, d, a, b]);
            self.rewire([i, j, d, a, b, c]);
            return false;
        }
        self.turn(i, j);
        true
    }

    /// Turns two bonded atoms about the middle of their bond by a quarter, the way [`Network::rewire`] does.
    fn turn(&mut self, i: usize, j: usize) {
        let [dx, dy] = nearest_image(self.positions[i], self.positions[j], self.period);
        let middle = [self.positions[i][0] + dx / 2.0, self.positions[i][1] + dy / 2.0];
        self.positions[i] = [middle[0] + dy / 2.0, middle[1] - dx / 2.0];
        self.positions[j] = [middle[0] - dy / 2.0, middle[1] + dx / 2.0];
    }

    /// Lowers the strain by bond switches that are accepted by the energy of the relaxed surroundings.
    pub(super) fn anneal(&mut self, random: &mut Random) {
        let trials = ANNEALING_PER_ATOM * self.positions.len();
        for trial in 0..trials {
            let (i, slot, threshold) =
                (random.below(self.positions.len()), random.below(3), random.uniform());
            let cooling = 1.0 - trial as f64 / trials as f64;
            let Some([i, j, a, b, c, d]) = self.switchable(i, slot) else { continue };
            let moved = self.patch(i);
            let mut centers = moved.clone();
            for &atom in &moved {
                for neighbor in self.neighbors[atom] {
                    if !centers.contains(&neighbor) {
                        centers.push(neighbor);
                    }
                }
            }
            let kept: Vec<[f64; 2]> = moved.iter().map(|&atom| self.positions[atom]).collect();
            let before: f64 = centers.iter().map(|&atom| self.center(atom).0).sum();
            self.rewire([i, j, a, b, c, d]);
            self.turn(i, j);
            self.relax_patch(&moved, &centers);
            let change = centers.iter().map(|&atom| self.center(atom).0).sum::<f64>() - before;
            if threshold >= boltzmann(change / (ANNEALING_TEMPERATURE * cooling)) {
                self.rewire([i, j, b, c, d, a]);
                self.rewire([i, j, c, d, a, b]);
                self.rewire([i, j, d, a, b, c]);
                for (&atom, position) in moved.iter().zip(kept) {
                    self.positions[atom] = position;
                }
            }
            if trial % self.positions.len() == 0 {
                self.relax(30, true);
            }
        }
    }

    /// Turns the bond from `i` (between `a` and `b`) to `j` (between `c` and `d`) by a quarter.
    fn rewire(&mut self, [i, j, a, b, c, d]: [usize; 6]) {
        self.neighbors[i] = [j, b, c];
        self.neighbors[j] = [i, d, a];
        for (atom, from, to) in [(a, i, j), (c, j, i)] {
            for neighbor in self.neighbors[atom].iter_mut().filter(|neighbor| **neighbor == from) {
                *neighbor = to;
            }
        }
    }

    /// How badly the inner angles of regular rings fit around an atom: the square of their difference from a
    /// full turn, in units of 30°.
    fn misfit(&self, i: usize) -> f64 {
        let angle = |j: usize| 180.0 - 360.0 / self.ring(i, j) as f64;
        let total: f64 = self.neighbors[i].iter().map(|&j| angle(j)).sum();
        ((total - 360.0) / 30.0).powi(2)
    }

    /// Visits the atoms of the ring on one side of the bond from `i` to `j`.
    fn walk_ring(&self, i: usize, j: usize, mut visit: impl FnMut(usize)) {
        const LONGEST: usize = 20;
        let (mut from, mut at) = (i, j);
        for _ in 0..LONGEST {
            visit(at);
            let Some(back) = self.neighbors[at].iter().position(|&n| n == from) else { return };
            (from, at) = (at, self.neighbors[at][(back + 2) % 3]);
            if (from, at) == (i, j) {
                return;
            }
        }
    }

    /// Number of atoms in the ring on one side of the bond from `i` to `j`.
    pub(super) fn ring(&self, i: usize, j: usize) -> usize {
        let mut size = 0;
        self.walk_ring(i, j, |_| size += 1);
        size
    }

    pub(super) fn into_sheet(self) -> AmorphousSheet {
        let period = self.period;
        let positions = self
            .positions
            .into_iter()
            .map(|position| std::array::from_fn(|k| position[k].rem_euclid(period[k])))
            .collect();
        AmorphousSheet { period, positions, neighbors: self.neighbors }
    }
}
