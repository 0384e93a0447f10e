//! A crystal: a unit cell and everything in it.

use serde::{Deserialize, Serialize};

use crate::{CrystalError, Element, UnitCell, cif};

/// One crystallographic site, shared by one or more species.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Label in the source, such as `Ti1`.
    pub label: String,
    /// Elements on the site with their occupancies, each above 0 and at most 1.
    pub species: Vec<(Element, f64)>,
    /// Fractional coordinates, each in 0..1.
    pub position: [f64; 3],
    /// Mean-square displacement along one direction, U_iso or the equivalent of U_ij (Å²).
    pub u_iso_angstrom2: Option<f64>,
    /// Anisotropic displacement U11, U22, U33, U12, U13, U23 on the reciprocal axes of the cell, as in a CIF,
    /// turned with the symmetry operation that made this site (Å²).
    pub u_aniso_angstrom2: Option<[f64; 6]>,
}

impl Site {
    /// A fully occupied site of one element.
    pub fn new(element: Element, position: [f64; 3]) -> Self {
        Self {
            label: element.symbol().to_owned(),
            species: vec![(element, 1.0)],
            position,
            u_iso_angstrom2: None,
            u_aniso_angstrom2: None,
        }
    }

    /// Occupancy summed over all species.
    pub fn occupancy(&self) -> f64 {
        self.species.iter().map(|(_, occupancy)| occupancy).sum()
    }
}

/// A periodic crystal with symmetry already applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crystal {
    /// What the source calls it: its formula, or else the name of its data block.
    pub name: String,
    /// The unit cell.
    pub cell: UnitCell,
    /// Every site of the cell.
    pub sites: Vec<Site>,
    /// Where the structure was published, if the source says so.
    pub source: Option<String>,
}

impl Crystal {
    /// Most sites that a cell may have.
    pub const MAX_SITES: usize = 20_000;

    /// Reads the first data block with atoms from the text of a CIF.
    ///
    /// Symmetry comes from the listed operations, else from the Hall symbol, the Hermann–Mauguin symbol or the
    /// number of the space group, in this order; without any of them the cell is taken as complete (P1). When
    /// a symbol leaves the choice of origin open, the one that keeps the atoms furthest apart is taken.
    /// Symmetry-equivalent positions within 0.05 Å are one site, and so are different species within 0.05 Å.
    pub fn from_cif(text: &str) -> Result<Self, CrystalError> {
        cif::read(text, None)
    }

    /// Reads the data block called `block_name` (with or without `data_`, in any case) from the text of a CIF.
    pub fn from_cif_block(text: &str, block_name: &str) -> Result<Self, CrystalError> {
        cif::read(text, Some(block_name))
    }

    /// Atoms in the cell by element, weighted by occupancy, in order of atomic number.
    pub fn composition(&self) -> Vec<(Element, f64)> {
        let mut counts = std::collections::BTreeMap::new();
        for &(element, occupancy) in self.sites.iter().flat_map(|site| &site.species) {
            *counts.entry(element).or_insert(0.0) += occupancy;
        }
        counts.into_iter().collect()
    }
}
