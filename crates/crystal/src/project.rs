//! A crystal seen along a zone axis.

use serde::{Deserialize, Serialize};

use crate::cell::{Vector, combine, cross, dot, norm, scaled};
use crate::{Crystal, CrystalError, Element, ZoneAxis};

/// A position or direction in the plane of projection, x right and y down (Å).
pub(crate) type Planar = [f64; 2];

/// One column of a [`ProjectedCell`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectedColumn {
    /// Position to the right of the crystal's origin (Å).
    pub x: f64,
    /// Position below the crystal's origin (Å).
    pub y: f64,
    /// Elements with their atoms per repeat along the beam, weighted by occupancy, in order of atomic number.
    pub species: Vec<(Element, f64)>,
    /// Mean-square displacement along one direction, averaged over the atoms that have one (Å²).
    pub u_iso_angstrom2: Option<f64>,
}

/// The smallest piece of the projected crystal that fills the plane when it is repeated.
///
/// The two vectors are the shortest that generate the projected lattice of the crystal's unit cell; the first
/// points along +x. (Centring translations are not looked for: a face-centred cell has more columns, with the
/// same number of atoms per length.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectedCell {
    /// The reduced lattice of the projection, x right and y down (Å).
    pub vectors: [[f64; 2]; 2],
    /// Length along the beam after which the lattice repeats (Å).
    pub repeat_angstrom: f64,
    /// The columns of one cell, relative to the crystal's origin.
    pub columns: Vec<ProjectedColumn>,
}

impl ProjectedCell {
    /// Projects a crystal along a zone axis.
    ///
    /// Starting with the heaviest, an atom joins the nearest column whose first atom lies within the tolerance
    /// (Å), or else begins a column. A column keeps all its atoms and lies at their mean, weighted by atomic
    /// number and occupancy. The tolerance is cut to 0.4 times the shortest lattice vector of the projection,
    /// so that no column merges with its own repetition.
    pub fn new(
        crystal: &Crystal,
        zone: ZoneAxis,
        merge_tolerance_angstrom: f64,
    ) -> Result<Self, CrystalError> {
        let frame = Frame::new(crystal, zone)?;
        let assignment = frame.assign(crystal, merge_tolerance_angstrom)?;
        let mut gatherers: Vec<Gatherer> =
            (0..assignment.anchors.len()).map(|_| Gatherer::default()).collect();
        for (site, place) in crystal.sites.iter().zip(&assignment.places) {
            if let Some(gatherer) = gatherers.get_mut(place.column) {
                gatherer.add(place.position, &site.species, site.u_iso_angstrom2);
            }
        }
        let columns = gatherers
            .into_iter()
            .map(|gatherer| {
                let ([x, y], species, u_iso_angstrom2) = gatherer.finish();
                ProjectedColumn { x, y, species, u_iso_angstrom2 }
            })
            .collect();
        Ok(Self { vectors: frame.vectors, repeat_angstrom: frame.repeat, columns })
    }

    /// Area of the cell (Å²).
    pub fn area(&self) -> f64 {
        let [u, v] = self.vectors;
        (u[0] * v[1] - u[1] * v[0]).abs()
    }

    /// Distance between the nearest two columns, including repetitions (Å).
    pub fn nearest_distance(&self) -> f64 {
        let mut nearest = f64::INFINITY;
        for (i, p) in self.columns.iter().enumerate() {
            for (j, q) in self.columns.iter().enumerate().skip(i) {
                for n in -1..=1 {
                    for m in -1..=1 {
                        if (i, n, m) == (j, 0, 0) {
                            continue;
                        }
                        let (n, m) = (f64::from(n), f64::from(m));
                        let dx = p.x - q.x + n * self.vectors[0][0] + m * self.vectors[1][0];
                        let dy = p.y - q.y + n * self.vectors[0][1] + m * self.vectors[1][1];
                        nearest = nearest.min(dx.hypot(dy));
                    }
                }
            }
        }
        nearest
    }
}

/// Collects the atoms of one column.
#[derive(Default)]
pub(crate) struct Gatherer {
    weight: f64,
    moment: Planar,
    species: Vec<(Element, f64)>,
    displacement: f64,
    displaced: f64,
}

impl Gatherer {
    pub(crate) fn add(&mut self, [x, y]: Planar, species: &[(Element, f64)], u_iso: Option<f64>) {
        for &(element, occupancy) in species {
            let weight = f64::from(element.number()) * occupancy;
            self.weight += weight;
            self.moment[0] += weight * x;
            self.moment[1] += weight * y;
            if let Some(u) = u_iso {
                self.displacement += occupancy * u;
                self.displaced += occupancy;
            }
            match self.species.binary_search_by_key(&element, |&(known, _)| known) {
                Ok(index) => self.species[index].1 += occupancy,
                Err(index) => self.species.insert(index, (element, occupancy)),
            }
        }
    }

    /// Position, species and mean-square displacement.
    pub(crate) fn finish(self) -> (Planar, Vec<(Element, f64)>, Option<f64>) {
        let position = self.moment.map(|moment| if self.weight > 0.0 { moment / self.weight } else { 0.0 });
        let u_iso = (self.displaced > 0.0).then(|| self.displacement / self.displaced);
        (position, self.species, u_iso)
    }
}

/// Where a site went: its column, the lattice vector from that column's home to the site, and its position
/// when moved next to the home of the column.
pub(crate) struct Place {
    pub(crate) column: usize,
    pub(crate) shift: [i64; 2],
    pub(crate) position: Planar,
}

/// The columns that the sites of a cell fall into.
pub(crate) struct Assignment {
    pub(crate) anchors: Vec<Planar>,
    pub(crate) places: Vec<Place>,
}

/// The plane of projection and its lattice.
pub(crate) struct Frame {
    basis: [Vector; 3],
    right: Vector,
    down: Vector,
    pub(crate) vectors: [Planar; 2],
    pub(crate) repeat: f64,
}

impl Frame {
    pub(crate) fn new(crystal: &Crystal, zone: ZoneAxis) -> Result<Self, CrystalError> {
        crystal.cell.check()?;
        let basis = crystal.cell.basis();
        let [t1, t2, t3] = zone.lattice_basis().map(|row| combine(row.map(f64::from), &basis));
        let repeat = norm(t3);
        let toward_viewer = scaled(t3, 1.0 / repeat);
        // Any right-handed frame will do to reduce the lattice in; the frame is turned afterwards.
        let helper = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
            .into_iter()
            .min_by(|&p, &q| dot(p, toward_viewer).abs().total_cmp(&dot(q, toward_viewer).abs()))
            .unwrap_or([1.0, 0.0, 0.0]);
        let right = cross(helper, toward_viewer);
        let right = scaled(right, 1.0 / norm(right));
        let up = cross(toward_viewer, right);
        let flat = |p: Vector| [dot(p, right), dot(p, up)];
        let [v1, _] = reduce(flat(t1), flat(t2));
        let first = most_conventional(reduce(flat(t1), flat(t2)), basis.map(flat));
        let first = if planar_norm(first) > 0.0 { first } else { v1 };
        let length = planar_norm(first);
        let (cos, sin) = (first[0] / length, first[1] / length);
        let down = scaled(up, -1.0);
        // Turn the frame so that the first vector lies along x.
        let turned_right = std::array::from_fn(|k| cos * right[k] + sin * up[k]);
        let turned_down = std::array::from_fn(|k| sin * right[k] + cos * down[k]);
        let mut frame =
            Self { basis, right: turned_right, down: turned_down, vectors: [[0.0; 2]; 2], repeat };
        frame.vectors = second_vector(length, reduce(frame.flat(t1), frame.flat(t2)));
        Ok(frame)
    }

    /// Lattice vectors that generate the crystal's lattice, right, down and along the beam: the
    /// third is the shortest one along the axis.
    pub(crate) fn lattice_vectors(&self, zone: ZoneAxis) -> [Vector; 3] {
        let [t1, t2, t3] =
            zone.lattice_basis().map(|row| combine(row.map(f64::from), &self.basis_in_frame()));
        [t1, t2, [0.0, 0.0, norm(t3)]]
    }

    /// The cell's vectors as right, down and along the beam, away from the viewer.
    pub(crate) fn basis_in_frame(&self) -> [Vector; 3] {
        let away = cross(self.right, self.down);
        self.basis.map(|v| [dot(v, self.right), dot(v, self.down), dot(v, away)])
    }

    /// Position in the plane of a cartesian position.
    fn flat(&self, p: Vector) -> Planar {
        [dot(p, self.right), dot(p, self.down)]
    }

    /// Position in the plane of fractional coordinates.
    pub(crate) fn project(&self, fractional: Vector) -> Planar {
        self.flat(combine(fractional, &self.basis))
    }

    /// Coordinates in units of the two lattice vectors.
    pub(crate) fn in_lattice(&self, [x, y]: Planar) -> Planar {
        let [u, v] = self.vectors;
        let determinant = u[0] * v[1] - u[1] * v[0];
        [(x * v[1] - y * v[0]) / determinant, (y * u[0] - x * u[1]) / determinant]
    }

    /// The lattice vector with these coordinates.
    pub(crate) fn lattice(&self, [n, m]: Planar) -> Planar {
        let [u, v] = self.vectors;
        [n * u[0] + m * v[0], n * u[1] + m * v[1]]
    }

    /// Sorts the sites of the cell into columns.
    pub(crate) fn assign(&self, crystal: &Crystal, tolerance: f64) -> Result<Assignment, CrystalError> {
        CrystalError::check("merge tolerance [Å]", tolerance, 0.0..=100.0, "0 to 100 Å")?;
        if crystal.sites.is_empty() {
            return Err(CrystalError::Empty);
        }
        if crystal.sites.len() > Crystal::MAX_SITES {
            return Err(CrystalError::TooLarge {
                what: "sites in the cell",
                count: crystal.sites.len() as f64,
                limit: Crystal::MAX_SITES,
            });
        }
        // A little slack keeps columns that coincide exactly together despite rounding.
        let tolerance = (tolerance + 1e-6).min(0.4 * planar_norm(self.vectors[0]));
        let mut order: Vec<usize> = (0..crystal.sites.len()).collect();
        let heaviest = |&site: &usize| {
            std::cmp::Reverse(crystal.sites[site].species.iter().map(|&(element, _)| element).max())
        };
        order.sort_by_key(heaviest);
        let mut anchors: Vec<(Planar, Planar)> = Vec::new();
        let mut places: Vec<Place> =
            (0..order.len()).map(|_| Place { column: 0, shift: [0; 2], position: [0.0; 2] }).collect();
        for site in order {
            let coordinates = self.in_lattice(self.project(crystal.sites[site].position));
            if !coordinates.iter().all(|c| c.abs() < 1e9) {
                return Err(CrystalError::Setting {
                    name: "fractional coordinate",
                    value: crystal.sites[site].position[0],
                    expected: "numbers from 0 to 1",
                });
            }
            let nearest = anchors
                .iter()
                .enumerate()
                .map(|(column, (anchor, _))| {
                    let delta = [coordinates[0] - anchor[0], coordinates[1] - anchor[1]];
                    let rest = delta.map(|d| d - d.round());
                    (planar_norm(self.lattice(rest)), column, delta.map(f64::round), rest)
                })
                .filter(|(distance, ..)| *distance <= tolerance)
                .min_by(|p, q| p.0.total_cmp(&q.0));
            places[site] = match nearest {
                Some((_, column, shift, rest)) => {
                    let (anchor, offset) = (anchors[column].1, self.lattice(rest));
                    Place {
                        column,
                        shift: shift.map(|s| s as i64),
                        position: [anchor[0] + offset[0], anchor[1] + offset[1]],
                    }
                }
                None => {
                    // The rounding keeps a column at 0 from being wrapped to 1.
                    let shift = coordinates.map(|c| (c + 1e-9).floor());
                    let home = [coordinates[0] - shift[0], coordinates[1] - shift[1]];
                    anchors.push((home, self.lattice(home)));
                    Place {
                        column: anchors.len() - 1,
                        shift: shift.map(|s| s as i64),
                        position: self.lattice(home),
                    }
                }
            };
        }
        Ok(Assignment { anchors: anchors.into_iter().map(|(_, position)| position).collect(), places })
    }
}

fn planar_norm([x, y]: Planar) -> f64 {
    x.hypot(y)
}

/// Gauss's reduction: the two shortest vectors that generate the same lattice, the shorter first.
fn reduce(mut u: Planar, mut v: Planar) -> [Planar; 2] {
    // Each round shortens a vector; long lattices of large indices need some tens of rounds.
    for _ in 0..200 {
        if planar_norm(u) > planar_norm(v) {
            std::mem::swap(&mut u, &mut v);
        }
        let n = ((u[0] * v[0] + u[1] * v[1]) / (u[0] * u[0] + u[1] * u[1])).round();
        if n == 0.0 || !n.is_finite() {
            break;
        }
        v = [v[0] - n * u[0], v[1] - n * u[1]];
    }
    if planar_norm(u) > planar_norm(v) { [v, u] } else { [u, v] }
}

/// Of the shortest lattice vectors, the one closest to the projection of a, then of b, then of c.
fn most_conventional([u, v]: [Planar; 2], axes: [Planar; 3]) -> Planar {
    let shortest = planar_norm(u);
    let mut candidates: Vec<Planar> = Vec::new();
    for n in -1..=1 {
        for m in -1..=1 {
            let (n, m) = (f64::from(n), f64::from(m));
            let w = [n * u[0] + m * v[0], n * u[1] + m * v[1]];
            if (n, m) != (0.0, 0.0) && planar_norm(w) < shortest * (1.0 + 1e-6) {
                candidates.push(w);
            }
        }
    }
    for axis in axes {
        let along = |w: &Planar| (w[0] * axis[0] + w[1] * axis[1]) / shortest;
        let best = candidates.iter().map(along).fold(f64::MIN, f64::max);
        candidates.retain(|w| along(w) > best - 1e-6);
    }
    candidates.first().copied().unwrap_or(u)
}

/// The reduced lattice with its first vector along +x and its second downwards, at 90° to 120° where the
/// lattice leaves the choice.
fn second_vector(length: f64, [u, v]: [Planar; 2]) -> [Planar; 2] {
    let other = if v[1].abs() > u[1].abs() { v } else { u };
    let other = if other[1] < 0.0 { [-other[0], -other[1]] } else { other };
    let turns = (other[0] / length + 1e-6).round();
    let along = other[0] - turns * length;
    let along = if along > length * (0.5 - 1e-5) { along - length } else { along };
    let along = if along.abs() < 1e-9 * length { 0.0 } else { along };
    [[length, 0.0], [along, other[1]]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduction_finds_the_shortest_vectors() {
        let [u, v] = reduce([3.0, 1.0], [8.0, 3.0]);
        assert_eq!((planar_norm(u), planar_norm(v)), (1.0, 1.0));
    }
}
