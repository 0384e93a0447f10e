//! Faceted nanoparticles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cell::{Vector, combine, dot, norm};
use crate::project::{Frame, Gatherer};
use crate::{Column, Crystal, CrystalError, Field, ZoneAxis};

/// Most atoms in the box that a particle is cut from.
const MAX_ATOMS: usize = 4_000_000;

/// Distances of the facets from the centre of a particle (Å); infinity leaves a family out.
///
/// A family holds every permutation and sign of its indices, taken on the crystal's own reciprocal axes, so
/// that cubic crystals get the usual Wulff shapes and others a sheared one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Facets {
    /// Distance of the {111} facets (Å).
    pub d111: f64,
    /// Distance of the {100} facets (Å).
    pub d100: f64,
    /// Distance of the {110} facets (Å).
    pub d110: f64,
}

impl Facets {
    /// Distances in proportion to surface energies (Wulff's theorem), with {111} at `d111` (Å).
    pub fn wulff(d111: f64, energy_100_over_111: f64, energy_110_over_111: f64) -> Self {
        Self { d111, d100: d111 * energy_100_over_111, d110: d111 * energy_110_over_111 }
    }

    /// The planes as reciprocal-lattice indices and distance; opposite planes are counted once.
    fn planes(&self) -> Vec<(Vector, f64)> {
        let mut planes = Vec::new();
        for code in 0..27 {
            let hkl: [i32; 3] = [code / 9 - 1, code / 3 % 3 - 1, code % 3 - 1];
            let distance = match hkl.iter().map(|h| h.abs()).sum::<i32>() {
                1 => self.d100,
                2 => self.d110,
                3 => self.d111,
                _ => continue,
            };
            // The first index that is not zero is positive in one plane of each pair.
            if distance.is_finite() && hkl.iter().find(|&&h| h != 0) == Some(&1) {
                planes.push((hkl.map(f64::from), distance));
            }
        }
        planes
    }
}

/// Cuts a particle out of a crystal and projects it; each column holds the atoms that are really there.
///
/// The particle's centre is the crystal's origin and lies at the field's centre plus its offset. Atoms on a
/// facet belong to the particle. Columns form as in [`crate::ProjectedCell::new`], but lie at the mean of the
/// atoms that are left in them; those outside the field and its margin are left out.
pub fn nanoparticle(
    crystal: &Crystal,
    zone: ZoneAxis,
    facets: &Facets,
    field: &Field,
    merge_tolerance_angstrom: f64,
) -> Result<Vec<Column>, CrystalError> {
    field.check()?;
    let frame = Frame::new(crystal, zone)?;
    let assignment = frame.assign(crystal, merge_tolerance_angstrom)?;
    let shape = Shape::new(crystal, facets)?;
    let mut columns: BTreeMap<(usize, i64, i64), Gatherer> = BTreeMap::new();
    for (site, place) in crystal.sites.iter().zip(&assignment.places) {
        shape.cells_with(site.position, |cell| {
            let shift = frame.in_lattice(frame.project(cell)).map(f64::round);
            let moved = frame.lattice(shift);
            let home = [shift[0] as i64 + place.shift[0], shift[1] as i64 + place.shift[1]];
            let from_home = frame.lattice(place.shift.map(|s| s as f64));
            let position =
                [place.position[0] + from_home[0] + moved[0], place.position[1] + from_home[1] + moved[1]];
            columns.entry((place.column, home[0], home[1])).or_default().add(
                position,
                &site.species,
                site.u_iso_angstrom2,
            );
        });
    }
    Ok(columns
        .into_values()
        .filter_map(|gatherer| {
            let (position, species, u_iso_angstrom2) = gatherer.finish();
            let [x, y] = field.to_image(position);
            field.contains([x, y]).then_some(Column { x, y, species, u_iso_angstrom2 })
        })
        .collect())
}

/// A polyhedron in fractional coordinates: |hkl · fractional| ≤ bound for every plane.
struct Shape {
    planes: Vec<(Vector, f64)>,
    /// Largest fractional coordinate along each axis.
    reach: Vector,
}

impl Shape {
    fn new(crystal: &Crystal, facets: &Facets) -> Result<Self, CrystalError> {
        let distances = [facets.d111, facets.d100, facets.d110];
        for (name, distance) in
            ["{111} distance [Å]", "{100} distance [Å]", "{110} distance [Å]"].into_iter().zip(distances)
        {
            CrystalError::check(name, distance, 1e-3..=f64::INFINITY, "a positive distance or infinity")?;
        }
        if distances.iter().all(|distance| distance.is_infinite()) {
            return Err(CrystalError::Setting {
                name: "smallest facet distance [Å]",
                value: f64::INFINITY,
                expected: "at least one finite distance, or the particle has no end",
            });
        }
        let reciprocal = crystal.cell.reciprocal();
        // |G · r| ≤ d |G|, and G · r is hkl · fractional.
        let planes: Vec<(Vector, f64)> = facets
            .planes()
            .into_iter()
            .map(|(hkl, distance)| (hkl, distance * norm(combine(hkl, &reciprocal)) + 1e-9))
            .collect();
        let reach = std::array::from_fn(|axis| axis_bound(&planes, axis));
        let cells: f64 = reach.iter().map(|r| 2.0 * r + 3.0).product();
        let count = cells * crystal.sites.len() as f64;
        if !count.is_finite() || count > MAX_ATOMS as f64 {
            return Err(CrystalError::TooLarge {
                what: "atoms around the particle",
                count,
                limit: MAX_ATOMS,
            });
        }
        Ok(Self { planes, reach })
    }

    /// Calls `found` with every lattice translation that puts this site into the shape.
    fn cells_with(&self, site: Vector, mut found: impl FnMut(Vector)) {
        let range = |axis: usize| {
            (-self.reach[axis] - site[axis]).floor() as i64..=(self.reach[axis] - site[axis]).ceil() as i64
        };
        for i in range(0) {
            for j in range(1) {
                for k in range(2) {
                    let cell = [i as f64, j as f64, k as f64];
                    let position = std::array::from_fn(|axis| site[axis] + cell[axis]);
                    if self.planes.iter().all(|&(hkl, bound)| dot(hkl, position).abs() <= bound) {
                        found(cell);
                    }
                }
            }
        }
    }
}

/// How far the planes let a fractional coordinate go: the half-sum of two planes that differ only in the
/// signs of the other indices (or one {100} plane) bounds it.
fn axis_bound(planes: &[(Vector, f64)], axis: usize) -> f64 {
    let mut bound = f64::INFINITY;
    for &(p, p_bound) in planes {
        for &(q, q_bound) in planes {
            for sign in [1.0, -1.0] {
                let sum: Vector = std::array::from_fn(|k| p[k] + sign * q[k]);
                let only_this_axis = (0..3).all(|k| (sum[k] != 0.0) == (k == axis));
                if only_this_axis {
                    bound = bound.min((p_bound + q_bound) / sum[axis].abs());
                }
            }
        }
    }
    bound
}
