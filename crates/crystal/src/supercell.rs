//! Orthogonal boxes of atoms along a zone axis.

use serde::{Deserialize, Serialize};

use crate::cell::{Vector, combine, dot, norm};
use crate::project::Frame;
use crate::{Crystal, CrystalError, Element, ZoneAxis};

/// Lattice vectors tried in each direction.
const MAX_STEPS: i32 = 40;
/// Candidates for a side that are tried against those for the other.
const MAX_CANDIDATES: usize = 400;
/// Atoms in a box at most.
const MAX_ATOMS: f64 = 2e6;

/// A site of a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxSite {
    /// To the right, downwards, and along the beam (Å).
    pub position: [f64; 3],
    /// Elements with their occupancies.
    pub species: Vec<(Element, f64)>,
    /// Mean-square displacement along one direction (Å²).
    pub u_iso_angstrom2: Option<f64>,
}

/// A crystal in an orthogonal box that repeats in all directions, the beam along its third side.
///
/// Axes and origin are those of a [`crate::ProjectedCell`] of the same zone axis: a column at (x, y) there is a
/// column at (x, y) here, but for the strain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrthogonalCell {
    /// Extent in x and y, and along the beam (Å).
    pub size: [f64; 3],
    /// Every site of the box, each coordinate from 0 to below the box's size.
    pub sites: Vec<BoxSite>,
    /// What had to be done to the lattice to make it orthogonal: the symmetric part of the deformation minus one,
    /// xx, yy, zz, xy, xz, yz. Zero where the crystal fits by itself.
    pub strain: [f64; 6],
    /// The whole deformation: a place (x, y, z) in the crystal is that row times this matrix in the box.
    pub deformation: [[f64; 3]; 3],
    /// How far the crystal was turned in the plane, and with it the zone axis out of it, beside the strain (degrees).
    pub rotation_deg: f64,
}

impl OrthogonalCell {
    /// The smallest box whose strain is at most `max_strain` in every component and whose sides across the beam are
    /// at most `max_side` (Å).
    ///
    /// # Errors
    /// When there is none: with the least strain that sides of this length would need.
    pub fn new(
        crystal: &Crystal,
        zone: ZoneAxis,
        max_strain: f64,
        max_side: f64,
    ) -> Result<Self, CrystalError> {
        CrystalError::check("strain", max_strain, 0.0..=0.1, "0 to 0.1")?;
        CrystalError::check("side of the box [Å]", max_side, 1.0..=2000.0, "1 to 2000 Å")?;
        if crystal.sites.is_empty() {
            return Err(CrystalError::Empty);
        }
        let frame = Frame::new(crystal, zone)?;
        let lattice = frame.lattice_vectors(zone);
        let across = candidates(&lattice, 0, max_side, 2.0 * max_strain.max(1e-6));
        let down = candidates(&lattice, 1, max_side, 2.0 * max_strain.max(1e-6));
        let mut best: Option<(f64, f64, [Vector; 3])> = None;
        let mut least = f64::INFINITY;
        for &a in &across {
            for &b in &down {
                let sides = [a, b, lattice[2]];
                let Some((strain, _)) = deformation(&sides) else { continue };
                let largest = strain.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
                least = least.min(largest);
                let area = a[0] * b[1];
                let better = best.as_ref().is_none_or(|(smallest, strained, _)| {
                    area < smallest * (1.0 - 1e-6)
                        || (area < smallest * (1.0 + 1e-6) && largest < strained - 1e-9)
                });
                if largest <= max_strain + 1e-9 && better {
                    best = Some((area, largest, sides));
                }
            }
        }
        let Some((_, _, sides)) = best else {
            return Err(CrystalError::NoOrthogonalCell {
                zone: zone.to_string(),
                max_side,
                max_strain,
                least,
            });
        };
        Self::fill(crystal, &frame, sides)
    }

    fn fill(crystal: &Crystal, frame: &Frame, sides: [Vector; 3]) -> Result<Self, CrystalError> {
        let size = [sides[0][0], sides[1][1], sides[2][2]];
        let inverse = inverse(&sides).ok_or(CrystalError::Empty)?;
        let basis = frame.basis_in_frame();
        let copies = (size[0] * size[1] * size[2] / crystal.cell.volume()).round();
        let count = copies * crystal.sites.len() as f64;
        if count > MAX_ATOMS {
            return Err(CrystalError::TooLarge {
                what: "atoms in the box",
                count,
                limit: MAX_ATOMS as usize,
            });
        }
        // Cells of the crystal that reach into the box: those that its corners span.
        let cell_inverse = self::inverse(&basis).ok_or(CrystalError::Empty)?;
        let corners = (0..8).map(|corner| {
            let part = [corner & 1, corner >> 1 & 1, corner >> 2].map(f64::from);
            combine(combine(part, &sides), &cell_inverse)
        });
        let (mut low, mut high) = ([f64::MAX; 3], [f64::MIN; 3]);
        for corner in corners {
            for axis in 0..3 {
                low[axis] = low[axis].min(corner[axis]);
                high[axis] = high[axis].max(corner[axis]);
            }
        }
        let range = |axis: usize| (low[axis].floor() as i64 - 1)..=(high[axis].ceil() as i64 + 1);
        let mut sites = Vec::new();
        for i in range(0) {
            for j in range(1) {
                for k in range(2) {
                    for site in &crystal.sites {
                        let [x, y, z] = site.position;
                        let at = combine([x + i as f64, y + j as f64, z + k as f64], &basis);
                        // Coordinates in units of the strained lattice's sides are those in the box.
                        let part = combine(at, &inverse).map(|p| if p.abs() < 1e-7 { 0.0 } else { p });
                        if part.iter().all(|p| (0.0..1.0 - 1e-7).contains(p)) {
                            sites.push(BoxSite {
                                position: std::array::from_fn(|axis| part[axis] * size[axis]),
                                species: site.species.clone(),
                                u_iso_angstrom2: site.u_iso_angstrom2,
                            });
                        }
                    }
                }
            }
        }
        let (strain, rotation_deg) = deformation(&sides).unwrap_or(([0.0; 6], 0.0));
        let deformation = deformation_matrix(&sides).ok_or(CrystalError::Empty)?;
        Ok(Self { size, sites, strain, deformation, rotation_deg })
    }

    /// The largest component of the strain, up or down.
    pub fn largest_strain(&self) -> f64 {
        self.strain.iter().fold(0.0, |m, s| m.max(s.abs()))
    }

    /// Where a column at (x, y) of the crystal lies in the box (Å).
    pub fn to_box(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let f = &self.deformation;
        [x * f[0][0] + y * f[1][0], x * f[0][1] + y * f[1][1]]
    }

    /// The box repeated in x, y and along the beam.
    #[must_use]
    pub fn repeated(&self, repeats: [usize; 3]) -> Self {
        let mut sites = Vec::with_capacity(self.sites.len() * repeats.iter().product::<usize>());
        for k in 0..repeats[2] {
            for j in 0..repeats[1] {
                for i in 0..repeats[0] {
                    let shift = [i, j, k];
                    sites.extend(self.sites.iter().map(|site| BoxSite {
                        position: std::array::from_fn(|axis| {
                            site.position[axis] + shift[axis] as f64 * self.size[axis]
                        }),
                        ..site.clone()
                    }));
                }
            }
        }
        let size = std::array::from_fn(|axis| self.size[axis] * repeats[axis] as f64);
        Self { size, sites, ..self.clone() }
    }
}

/// Lattice vectors along x (axis 0) or y (axis 1) whose other components are at most `slope` times their length,
/// shortest first.
fn candidates(lattice: &[Vector; 3], axis: usize, longest: f64, slope: f64) -> Vec<Vector> {
    let mut found = Vec::new();
    for n in -MAX_STEPS..=MAX_STEPS {
        for m in -MAX_STEPS..=MAX_STEPS {
            let flat = combine([f64::from(n), f64::from(m), 0.0], lattice);
            // The third vector lies along the beam: it takes away as much of the slope as it can.
            let depth = (flat[2] / lattice[2][2]).round();
            let vector = combine([f64::from(n), f64::from(m), -depth], lattice);
            let length = vector[axis];
            let off = vector[1 - axis].abs().max(vector[2].abs());
            if length > 1e-6 && length <= longest && off <= slope * length {
                found.push(vector);
            }
        }
    }
    found.sort_by(|a, b| a[axis].total_cmp(&b[axis]));
    found.truncate(MAX_CANDIDATES);
    found
}

/// The deformation that turns the sides into a box: its symmetric part minus one, and the angle of the rest (degrees).
fn deformation(sides: &[Vector; 3]) -> Option<([f64; 6], f64)> {
    let f = deformation_matrix(sides)?;
    let symmetric = |i: usize, j: usize| 0.5 * (f[i][j] + f[j][i]) - f64::from(u8::from(i == j));
    let turn = |i: usize, j: usize| 0.5 * (f[i][j] - f[j][i]);
    let angle = turn(0, 1).hypot(turn(0, 2)).hypot(turn(1, 2)).to_degrees();
    let pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)];
    Some((pairs.map(|(i, j)| symmetric(i, j)), angle))
}

/// The deformation itself. As rows: sides · F = box, so F = sides⁻¹ · box.
fn deformation_matrix(sides: &[Vector; 3]) -> Option<[Vector; 3]> {
    let inverse = inverse(sides)?;
    Some(std::array::from_fn(|row| {
        std::array::from_fn(|column| inverse[row][column] * sides[column][column])
    }))
}

/// The inverse of a matrix of rows.
fn inverse(rows: &[Vector; 3]) -> Option<[Vector; 3]> {
    let [a, b, c] = *rows;
    let columns = [crate::cell::cross(b, c), crate::cell::cross(c, a), crate::cell::cross(a, b)];
    let determinant = dot(a, columns[0]);
    if determinant.abs() < 1e-9 * norm(a) * norm(b) * norm(c) {
        return None;
    }
    Some(std::array::from_fn(|row| std::array::from_fn(|column| columns[column][row] / determinant)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProjectedCell, Site, UnitCell};

    fn crystal(lengths: [f64; 3], angles: [f64; 3], sites: &[(u8, [f64; 3])]) -> Crystal {
        let site = |&(z, position): &(u8, [f64; 3])| Site::new(Element::from_number(z).unwrap(), position);
        Crystal {
            name: "test".to_owned(),
            cell: UnitCell::new(lengths, angles).unwrap(),
            sites: sites.iter().map(site).collect(),
            source: None,
        }
    }

    /// Every column of the projection is a column of the box, with the same atoms per length.
    fn check_against_projection(crystal: &Crystal, zone: &str) -> OrthogonalCell {
        let zone: ZoneAxis = zone.parse().unwrap();
        let found = OrthogonalCell::new(crystal, zone, 0.02, 60.0).unwrap();
        let density = found.sites.len() as f64 / found.size.iter().product::<f64>();
        let expected = crystal.sites.len() as f64 / crystal.cell.volume();
        assert!((density / expected - 1.0).abs() < 1e-6, "{zone}: {density} and {expected}");
        let projected = ProjectedCell::new(crystal, zone, 0.01).unwrap();
        let [u, v] = projected.vectors;
        let determinant = u[0] * v[1] - u[1] * v[0];
        let [[a, b], [c, d]] = [found.to_box([1.0, 0.0]), found.to_box([0.0, 1.0])];
        for site in &found.sites {
            let [x, y, _] = site.position;
            let area = a * d - b * c;
            let (x, y) = ((x * d - y * c) / area, (y * a - x * b) / area);
            let near = projected.columns.iter().any(|column| {
                let (dx, dy) = (x - column.x, y - column.y);
                let n = (dx * v[1] - dy * v[0]) / determinant;
                let m = (dy * u[0] - dx * u[1]) / determinant;
                let (n, m) = (n - n.round(), m - m.round());
                (n * u[0] + m * v[0]).hypot(n * u[1] + m * v[1]) < 1e-5
            });
            assert!(near, "{zone}: {:?}", site.position);
        }
        found
    }

    #[test]
    fn cubic_and_hexagonal_crystals_need_no_strain() {
        let perovskite =
            crystal([3.905; 3], [90.0; 3], &[(38, [0.0; 3]), (22, [0.5; 3]), (8, [0.5, 0.5, 0.0])]);
        let cell = check_against_projection(&perovskite, "001");
        assert!(cell.size.iter().all(|side| (side - 3.905).abs() < 1e-9) && cell.largest_strain() < 1e-9);
        let along = check_against_projection(&perovskite, "110");
        assert!((along.size[2] - 3.905 * 2.0_f64.sqrt()).abs() < 1e-9 && along.largest_strain() < 1e-9);
        let odd = check_against_projection(&perovskite, "112");
        assert!(odd.largest_strain() < 1e-9);
        let sheet = crystal(
            [2.46, 2.46, 6.7],
            [90.0, 90.0, 120.0],
            &[(6, [0.0; 3]), (6, [1.0 / 3.0, 2.0 / 3.0, 0.0])],
        );
        let cell = check_against_projection(&sheet, "001");
        assert_eq!(cell.sites.len(), 4);
        assert!((cell.size[1] - 2.46 * 3.0_f64.sqrt()).abs() < 1e-6 && cell.largest_strain() < 1e-6);
    }

    #[test]
    fn skewed_crystals_say_the_strain_they_need() {
        let monoclinic = crystal(
            [5.1, 5.2, 5.3],
            [90.0, 99.2, 90.0],
            &[(40, [0.28, 0.04, 0.21]), (8, [0.07, 0.33, 0.34])],
        );
        let cell = check_against_projection(&monoclinic, "010");
        assert!(cell.largest_strain() > 1e-4 && cell.largest_strain() <= 0.02, "{:?}", cell.strain);
        check_against_projection(&monoclinic, "001");
        let triclinic = crystal([4.1, 5.2, 6.3], [83.0, 97.0, 105.0], &[(26, [0.1, 0.2, 0.3])]);
        let cell = check_against_projection(&triclinic, "101");
        assert!(cell.largest_strain() <= 0.02);
        let refused =
            OrthogonalCell::new(&triclinic, "101".parse().unwrap(), 1e-4, 12.0).unwrap_err().to_string();
        assert!(refused.contains("12 Å"), "{refused}");
    }

    #[test]
    fn boxes_repeat() {
        let simple = crystal([3.0, 4.0, 5.0], [90.0; 3], &[(79, [0.5, 0.5, 0.5])]);
        let cell =
            OrthogonalCell::new(&simple, "001".parse().unwrap(), 0.0, 20.0).unwrap().repeated([2, 1, 3]);
        assert_eq!((cell.size, cell.sites.len()), ([6.0, 4.0, 15.0], 6));
    }
}
