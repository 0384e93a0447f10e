//! Amorphous graphene: a continuous random network of three-fold coordinated carbon.
//!
//! A periodic graphene sheet is disordered by bond switches (Stone–Wales transforms; Wooten, Winer and Weaire,
//! Phys. Rev. Lett. 54, 1392 (1985)), which keep every atom three-fold coordinated: first by how
//! well the rings they make fit together, then by a Keating-like energy of the relaxed surroundings. In the end
//! all atoms are relaxed, and the period too, so that the network finds its own density. A sheet of 40 Å takes
//! about a tenth of a second, and the time grows with the number of atoms.

mod network;
mod relax;

use serde::{Deserialize, Serialize};

use self::network::Network;
use crate::random::Random;
use crate::{Column, CrystalError, Element, Field};

/// Carbon–carbon distance of graphene (Å).
const BOND: f64 = 1.42;

/// A periodic sheet of amorphous graphene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AmorphousSheet {
    /// Extent of the period in x and in y (Å).
    pub period: [f64; 2],
    /// Positions of the carbon atoms, x right and y down, inside the period (Å).
    pub positions: Vec<[f64; 2]>,
    /// The three atoms that each atom is bonded to.
    pub neighbors: Vec<[usize; 3]>,
}

impl AmorphousSheet {
    /// The atoms in a field, one to a column, with the sheet's corner at the field's centre plus its offset
    /// and repeated without seam.
    pub fn columns(&self, field: &Field) -> Result<Vec<Column>, CrystalError> {
        let vectors = [[self.period[0], 0.0], [0.0, self.period[1]]];
        let mut columns = Vec::new();
        field.tile(&vectors, &self.positions, |[x, y], _| {
            columns.push(Column { x, y, species: vec![(Element::CARBON, 1.0)], u_iso_angstrom2: None });
        })?;
        Ok(columns)
    }

    /// The length of every bond, each once (Å).
    pub fn bond_lengths(&self) -> Vec<f64> {
        let mut lengths = Vec::new();
        for (i, neighbors) in self.neighbors.iter().enumerate() {
            for &j in neighbors.iter().filter(|&&j| j > i) {
                let (Some(&p), Some(&q)) = (self.positions.get(i), self.positions.get(j)) else { continue };
                let [dx, dy] = nearest_image(p, q, self.period);
                lengths.push(dx.hypot(dy));
            }
        }
        lengths
    }
}

/// A sheet whose period is near `size_angstrom` in x and y (12 to 200 Å); the same for the same seed.
pub fn amorphous_graphene(size_angstrom: f64, seed: u64) -> Result<AmorphousSheet, CrystalError> {
    CrystalError::check("size of the sheet [Å]", size_angstrom, 12.0..=200.0, "12 to 200 Å")?;
    let mut network = Network::graphene(size_angstrom);
    let mut random = Random::new(seed);
    network.disorder(&mut random);
    network.relax(200, false);
    network.anneal(&mut random);
    network.relax(1500, true);
    Ok(network.into_sheet())
}

/// The vector from `p` to the nearest image of `q`.
fn nearest_image(p: [f64; 2], q: [f64; 2], period: [f64; 2]) -> [f64; 2] {
    std::array::from_fn(|k| {
        let d = q[k] - p[k];
        d - period[k] * (d / period[k]).round()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation.
    fn statistics(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn atoms_keep_three_bonds_of_realistic_length_and_no_ring_folds_over() {
        for (size, seed) in [(40.0, 0), (40.0, 1), (25.0, 2), (12.0, 3), (60.0, 4)] {
            let sheet = amorphous_graphene(size, seed).unwrap();
            for (i, neighbors) in sheet.neighbors.iter().enumerate() {
                assert!(neighbors.iter().all(|&j| j != i && sheet.neighbors[j].contains(&i)));
            }
            let lengths = sheet.bond_lengths();
            let (mean, spread) = statistics(&lengths);
            assert_eq!(lengths.len() * 2, sheet.positions.len() * 3);
            assert!((mean - 1.42).abs() < 0.02 && spread < 0.06, "{size} Å, seed {seed}: {mean} ± {spread}");
            assert!(lengths.iter().all(|d| (1.2..1.7).contains(d)));
            for (i, &p) in sheet.positions.iter().enumerate() {
                for (j, &q) in sheet.positions[..i].iter().enumerate() {
                    let [dx, dy] = nearest_image(p, q, sheet.period);
                    assert!(sheet.neighbors[i].contains(&j) || dx.hypot(dy) > 1.75, "{size} Å, seed {seed}");
                }
            }
        }
    }

    #[test]
    fn the_network_is_disordered_and_made_of_rings_of_five_to_eight() {
        let AmorphousSheet { period, positions, neighbors } = amorphous_graphene(40.0, 7).unwrap();
        let network = Network { period, positions, neighbors };
        let mut corners = [0usize; 9];
        for (i, neighbors) in network.neighbors.iter().enumerate() {
            for &j in neighbors {
                corners[network.ring(i, j)] += 1;
            }
        }
        let rings: Vec<usize> = (1..9).map(|size| corners[size] / size).collect();
        let total: usize = rings.iter().sum();
        // Euler's formula on a torus: half as many rings as atoms.
        assert_eq!(total * 2, network.positions.len());
        assert_eq!(rings[..4].iter().sum::<usize>(), 0);
        assert!(rings[5] * 4 < total * 3, "{rings:?}");
    }

    #[test]
    fn a_seed_gives_the_same_sheet_again() {
        assert_eq!(amorphous_graphene(20.0, 5).unwrap(), amorphous_graphene(20.0, 5).unwrap());
        assert_ne!(amorphous_graphene(20.0, 5).unwrap(), amorphous_graphene(20.0, 6).unwrap());
        assert!(amorphous_graphene(f64::NAN, 0).is_err() && amorphous_graphene(1e9, 0).is_err());
    }

    #[test]
    fn a_field_of_periods_shows_the_density_of_the_sheet() {
        let sheet = amorphous_graphene(20.0, 1).unwrap();
        let [width, height] = sheet.period.map(|p| 3.0 * p);
        let columns = sheet.columns(&Field { offset: [1.3, -2.7], ..Field::new(width, height) }).unwrap();
        assert_eq!(columns.len(), 9 * sheet.positions.len());
    }
}
