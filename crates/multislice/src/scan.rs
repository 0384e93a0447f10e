use crate::MultisliceError;
use adatom_optics::Probe;
use serde::{Deserialize, Serialize};

/// Probe positions in a run at most.
const MAX_POSITIONS: usize = 16_000_000;

/// The probe positions: a raster whose first point lies at its origin and whose far edges are left out, so that a
/// period of the specimen is scanned once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// The first position, x to the right and y down \[Å\].
    pub origin_angstrom: [f64; 2],
    /// Extent in x and y \[Å\].
    pub extent_angstrom: [f64; 2],
    /// Positions in a row, and rows.
    pub positions: [usize; 2],
}

impl Scan {
    /// Covers a period of the specimen with as few positions as hold all that the probe resolves: images have no
    /// frequency beyond 2α/λ, so more positions follow from these exactly ([`crate::PeriodicImage`]).
    /// `cell_angstrom` is the period of the image and `box_angstrom` that of the wave, whose samples of reciprocal
    /// space the aperture's edge may overlap.
    pub fn nyquist(probe: &Probe, cell_angstrom: [f64; 2], box_angstrom: [f64; 2]) -> Self {
        let positions = [0, 1].map(|axis| {
            let highest = 2.0 * probe.aperture() + 1.0 / box_angstrom[axis];
            2 * (highest * cell_angstrom[axis] + 1e-6).floor() as usize + 1
        });
        Self { origin_angstrom: [0.0; 2], extent_angstrom: cell_angstrom, positions }
    }

    /// A single position \[Å\].
    pub fn point(position: [f64; 2]) -> Self {
        Self { origin_angstrom: position, extent_angstrom: [1.0; 2], positions: [1; 2] }
    }

    /// Number of positions.
    pub fn len(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Whether there is no position.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position `index`, row by row \[Å\].
    pub fn position(&self, index: usize) -> [f64; 2] {
        let at = [index % self.positions[0], index / self.positions[0]];
        [0, 1].map(|axis| {
            let step = self.extent_angstrom[axis] / self.positions[axis] as f64;
            self.origin_angstrom[axis] + at[axis] as f64 * step
        })
    }

    pub(crate) fn check(&self) -> Result<(), MultisliceError> {
        if self.is_empty() || self.positions.iter().any(|n| *n > MAX_POSITIONS) || self.len() > MAX_POSITIONS
        {
            let value = format!("{} × {}", self.positions[0], self.positions[1]);
            return Err(MultisliceError::setting("probe positions", value, "there must be 1 to 16000000"));
        }
        let numbers = self.origin_angstrom.into_iter().chain(self.extent_angstrom);
        if numbers.into_iter().any(|v| !(-1e5..=1e5).contains(&v))
            || self.extent_angstrom.iter().any(|v| *v <= 0.0)
        {
            let value = format!("{:?} Å from {:?} Å", self.extent_angstrom, self.origin_angstrom);
            return Err(MultisliceError::setting(
                "scanned field",
                value,
                "it must have an extent and be finite",
            ));
        }
        Ok(())
    }
}
