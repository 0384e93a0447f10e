//! Applying symmetry to the atoms of the asymmetric unit.

use std::collections::HashMap;

use super::atoms::{Atom, symmetric};
use super::operation::{Operation, wrap};
use super::{error, quoted};
use crate::cell::norm;
use crate::{Crystal, CrystalError, Site, UnitCell};

/// Positions closer than this (Å) are one site.
const SAME_SITE: f64 = 0.05;

/// All sites of the cell, in the order of the atoms and then of the operations.
pub(super) fn expand(
    cell: &UnitCell,
    atoms: &[Atom],
    operations: &[Operation],
) -> Result<Vec<Site>, CrystalError> {
    let mut sites: Vec<Site> = Vec::new();
    let mut grid = Grid::new(cell);
    for atom in atoms {
        // Sites from here on are images of this very atom, and their coincidence is no double occupation.
        let first_own = sites.len();
        let mut joined: Vec<usize> = Vec::new();
        for operation in operations {
            let position = operation.apply(atom.position);
            match grid.find(position, &sites) {
                Some(index) if index >= first_own || joined.contains(&index) => {}
                Some(index) => {
                    join(&mut sites[index], atom)?;
                    joined.push(index);
                }
                None => {
                    if sites.len() >= Crystal::MAX_SITES {
                        return Err(CrystalError::TooLarge {
                            what: "sites in the cell",
                            count: (atoms.len() * operations.len()) as f64,
                            limit: Crystal::MAX_SITES,
                        });
                    }
                    grid.insert(position, sites.len());
                    sites.push(Site {
                        label: atom.label.clone(),
                        species: vec![(atom.element, atom.occupancy)],
                        position,
                        u_iso_angstrom2: atom.u_iso,
                        u_aniso_angstrom2: atom.u_aniso.map(|u| turn(u, operation, cell)),
                    });
                }
            }
        }
    }
    Ok(sites)
}

/// Adds an atom to a site that another one of the asymmetric unit already occupies.
fn join(site: &mut Site, atom: &Atom) -> Result<(), CrystalError> {
    let before = site.occupancy();
    let known = site.species.iter_mut().find(|(element, _)| *element == atom.element);
    if let Some((_, occupancy)) = known.filter(|(_, o)| o.max(atom.occupancy) > 0.999) {
        // The same full atom listed twice, as files with symmetry-equivalent atoms do.
        *occupancy = 1.0;
        return Ok(());
    }
    if before + atom.occupancy > 1.05 {
        return Err(error(
            atom.line,
            "_atom_site_occupancy",
            format!(
                "{} on the site of {}, which makes {:.3} atoms",
                quoted(&atom.label),
                quoted(&site.label),
                before + atom.occupancy
            ),
            "occupancies that add up to at most 1 on each site",
        ));
    }
    site.u_iso_angstrom2 = match (site.u_iso_angstrom2, atom.u_iso) {
        (Some(u), Some(v)) => Some((u * before + v * atom.occupancy) / (before + atom.occupancy)),
        (u, v) => u.or(v),
    };
    match site.species.iter_mut().find(|(element, _)| *element == atom.element) {
        Some((_, occupancy)) => *occupancy += atom.occupancy,
        None => site.species.push((atom.element, atom.occupancy)),
    }
    Ok(())
}

/// U of a CIF turned by an operation: with β_ij = a*_i a*_j U_ij, β' = R β Rᵀ.
fn turn(u: [f64; 6], operation: &Operation, cell: &UnitCell) -> [f64; 6] {
    let lengths = cell.reciprocal().map(norm);
    let u = symmetric(u);
    let r = operation.rotation.map(|row| row.map(f64::from));
    let turned = |i: usize, j: usize| -> f64 {
        let mut sum = 0.0;
        for k in 0..3 {
            for l in 0..3 {
                sum += r[i][k] * r[j][l] * u[k][l] * lengths[k] * lengths[l];
            }
        }
        sum / (lengths[i] * lengths[j])
    };
    [turned(0, 0), turned(1, 1), turned(2, 2), turned(0, 1), turned(0, 2), turned(1, 2)]
}

/// Sites sorted into boxes of the cell, to find neighbours without comparing all pairs.
pub(super) struct Grid {
    basis: [[f64; 3]; 3],
    counts: [i32; 3],
    boxes: HashMap<[i32; 3], Vec<usize>>,
}

impl Grid {
    pub(super) fn new(cell: &UnitCell) -> Self {
        // 1/|a*| is the distance between the planes that bound the boxes along a.
        let counts = cell.reciprocal().map(|row| ((1.0 / norm(row) / 0.5) as i32).clamp(1, 1000));
        Self { basis: cell.basis(), counts, boxes: HashMap::new() }
    }

    fn home(&self, position: [f64; 3]) -> [i32; 3] {
        std::array::from_fn(|k| {
            ((wrap(position[k]) * f64::from(self.counts[k])) as i32).min(self.counts[k] - 1)
        })
    }

    pub(super) fn insert(&mut self, position: [f64; 3], index: usize) {
        self.boxes.entry(self.home(position)).or_default().push(index);
    }

    /// The site at this position, if there is one.
    fn find(&self, position: [f64; 3], sites: &[Site]) -> Option<usize> {
        let home = self.home(position);
        let step = |k: usize| if self.counts[k] < 3 { 0..self.counts[k] } else { home[k] - 1..home[k] + 2 };
        for i in step(0) {
            for j in step(1) {
                for k in step(2) {
                    let key = [
                        i.rem_euclid(self.counts[0]),
                        j.rem_euclid(self.counts[1]),
                        k.rem_euclid(self.counts[2]),
                    ];
                    for &index in self.boxes.get(&key).into_iter().flatten() {
                        if UnitCell::periodic_distance(&self.basis, position, sites[index].position)
                            < SAME_SITE
                        {
                            return Some(index);
                        }
                    }
                }
            }
        }
        None
    }
}
