use crate::MultisliceError;
use adatom_crystal::Element;
use adatom_imaging::SampleRng;
use std::collections::HashMap;

/// Atoms closer than this share a site or are a mistake \[Å\].
const OVERLAP_ANGSTROM: f64 = 0.5;
/// Atoms in a specimen at most.
const MAX_ATOMS: usize = 2_000_000;

/// An atom in a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Atom {
    /// Its element.
    pub element: Element,
    /// To the right, downwards, and along the beam from the entrance surface \[Å\].
    pub position: [f64; 3],
    /// How much of an atom it is, above 0 and at most 1.
    pub occupancy: f64,
    /// Mean-square displacement along one direction \[Å²\].
    pub u_iso_angstrom2: f64,
}

/// Atoms in an orthogonal box, periodic across the beam.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// The atoms; those outside the box in x and y are wrapped into it.
    pub atoms: Vec<Atom>,
    /// Extent in x and y, and thickness along the beam \[Å\].
    pub size_angstrom: [f64; 3],
}

/// Frozen phonons: independent Gaussian displacements of all atoms (Einstein's model), anew in every
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phonons {
    /// Configurations to average over.
    pub configurations: usize,
    /// Decides the displacements: configuration `i` is stream `i` of this seed.
    pub seed: u64,
}

impl Specimen {
    /// Refuses what can't be simulated: no atoms, no thickness, atoms outside the thickness, impossible
    /// occupancies and displacements, and atoms that overlap.
    ///
    /// # Errors
    /// [`MultisliceError::Setting`] or [`MultisliceError::Overlap`].
    pub fn check(&self) -> Result<(), MultisliceError> {
        let fail = |name, value: String, remedy: &str| Err(MultisliceError::setting(name, value, remedy));
        if self.atoms.is_empty() || self.atoms.len() > MAX_ATOMS {
            return fail("number of atoms", self.atoms.len().to_string(), "there must be 1 to 2000000");
        }
        let thickness = self.size_angstrom[2];
        if !(0.1..=1e5).contains(&thickness) {
            return fail("thickness in Å", thickness.to_string(), "it must lie between 0.1 and 100000 Å");
        }
        for atom in &self.atoms {
            if atom.position.iter().any(|p| !p.is_finite()) {
                return fail("position of an atom", describe(atom), "it must be finite");
            }
            if !(-1e-6..=thickness + 1e-6).contains(&atom.position[2]) {
                let remedy = format!("it must lie between 0 and the thickness, {thickness} Å");
                return Err(MultisliceError::setting("depth of an atom", describe(atom), remedy));
            }
            if !(atom.occupancy > 0.0 && atom.occupancy <= 1.0) {
                return fail(
                    "occupancy",
                    format!("{} of {}", atom.occupancy, describe(atom)),
                    "it must lie in 0 to 1",
                );
            }
            if !(0.0..=0.5).contains(&atom.u_iso_angstrom2) {
                let value = format!("{} Å² of {}", atom.u_iso_angstrom2, describe(atom));
                return fail("mean-square displacement", value, "it must lie between 0 and 0.5 Å²");
            }
        }
        self.check_overlap()
    }

    /// Atoms that share a site, together at most one, may coincide; others have to keep their distance.
    fn check_overlap(&self) -> Result<(), MultisliceError> {
        let [width, height, _] = self.size_angstrom;
        let bins = [width, height].map(|size| (size / OVERLAP_ANGSTROM).floor().max(1.0) as i64);
        let place = |atom: &Atom| {
            let [x, y, z] = atom.position;
            let bin = |v: f64, size: f64, n: i64| ((v.rem_euclid(size) / size * n as f64) as i64).min(n - 1);
            [bin(x, width, bins[0]), bin(y, height, bins[1]), (z / OVERLAP_ANGSTROM).floor() as i64]
        };
        let mut cells: HashMap<[i64; 3], Vec<usize>> = HashMap::new();
        for (index, atom) in self.atoms.iter().enumerate() {
            let [bx, by, bz] = place(atom);
            for (dx, dy, dz) in (0..27).map(|i| (i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1)) {
                let key = [(bx + dx).rem_euclid(bins[0]), (by + dy).rem_euclid(bins[1]), bz + dz];
                for &other in cells.get(&key).into_iter().flatten() {
                    let other = &self.atoms[other];
                    let gap = |axis: usize, period: f64| {
                        let d = atom.position[axis] - other.position[axis];
                        d - period * (d / period).round()
                    };
                    let dz = atom.position[2] - other.position[2];
                    let distance = gap(0, width).hypot(gap(1, height)).hypot(dz);
                    let shared = atom.occupancy + other.occupancy <= 1.0 + 1e-6;
                    if distance < OVERLAP_ANGSTROM && !shared {
                        return Err(MultisliceError::Overlap {
                            first: describe(other),
                            second: describe(atom),
                            distance,
                            limit: OVERLAP_ANGSTROM,
                        });
                    }
                }
            }
            cells.entry([bx, by, bz]).or_default().push(index);
        }
        Ok(())
    }

    /// The atoms of a configuration of frozen phonons.
    pub(crate) fn displaced(&self, phonons: Phonons, configuration: usize) -> Vec<Atom> {
        let mut rng = SampleRng::new(phonons.seed, configuration as u64);
        let mut atoms = self.atoms.clone();
        for atom in &mut atoms {
            let sigma = atom.u_iso_angstrom2.sqrt();
            atom.position.iter_mut().for_each(|p| *p += sigma * rng.normal());
        }
        atoms
    }
}

fn describe(atom: &Atom) -> String {
    let [x, y, z] = atom.position;
    format!("{} at ({x:.3}, {y:.3}, {z:.3}) Å", atom.element.symbol())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(position: [f64; 3], occupancy: f64) -> Atom {
        Atom { element: Element::OXYGEN, position, occupancy, u_iso_angstrom2: 0.01 }
    }

    #[test]
    fn overlapping_atoms_are_found_across_the_border_and_shared_sites_allowed() {
        let size_angstrom = [4.0, 4.0, 4.0];
        let twins = |occupancy| Specimen {
            atoms: vec![atom([0.05, 3.9, 1.0], occupancy), atom([3.95, 4.05, 1.1], occupancy)],
            size_angstrom,
        };
        assert!(
            matches!(twins(1.0).check(), Err(MultisliceError::Overlap { distance, .. }) if distance < 0.3)
        );
        assert!(twins(0.5).check().is_ok());
        let apart = vec![atom([0.0; 3], 1.0), atom([2.0, 0.0, 0.0], 1.0)];
        assert!(Specimen { atoms: apart.clone(), size_angstrom }.check().is_ok());
        assert!(Specimen { atoms: apart, size_angstrom: [4.0, 4.0, 0.0] }.check().is_err());
    }

    /// Four standard errors of a variance from 30,000 numbers.
    #[test]
    fn displacements_have_the_variance_asked_for_and_follow_the_seed() {
        let atoms = (0..10_000).map(|_| atom([1.0, 2.0, 3.0], 1.0)).collect();
        let specimen = Specimen { atoms, size_angstrom: [4.0; 3] };
        let phonons = Phonons { configurations: 2, seed: 5 };
        let moved = specimen.displaced(phonons, 1);
        let squares =
            moved.iter().flat_map(|a| [a.position[0] - 1.0, a.position[1] - 2.0, a.position[2] - 3.0]);
        let variance = squares.map(|d| d * d).sum::<f64>() / 3e4;
        assert!((variance / 0.01 - 1.0).abs() < 4.0 * (2.0_f64 / 3e4).sqrt(), "{variance}");
        assert_eq!(moved, specimen.displaced(phonons, 1));
        assert_ne!(moved, specimen.displaced(phonons, 0));
    }
}
