//! Clusters with tapered edges.

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::{Column, CrystalError, Field, ProjectedCell, slab};

/// Lobes of the irregular outline: waves around the rim with these numbers of periods.
const LOBES: std::ops::RangeInclusive<u32> = 2..=6;

/// A roundish patch of crystal whose thickness falls smoothly to zero at a slightly irregular outline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Centre in image axes (Å).
    pub center: [f64; 2],
    /// Mean radius of the outline (Å).
    pub radius: f64,
    /// Thickness in the middle (Å).
    pub max_thickness: f64,
    /// Width over which the thickness falls from its full value to zero at the outline (Å).
    pub taper: f64,
    /// How far the outline strays from a circle, as a fraction of the radius: 0 to 0.9.
    pub irregularity: f64,
    /// Chooses the outline.
    pub seed: u64,
}

impl Cluster {
    /// Amplitude and phase of each lobe; the amplitudes add up to at most `irregularity`.
    fn lobes(&self) -> Vec<(f64, f64, f64)> {
        let mut random = Random::new(self.seed);
        let drawn: Vec<_> = LOBES
            .map(|periods| (f64::from(periods), random.uniform() / f64::from(periods), random.uniform()))
            .collect();
        let total: f64 = drawn.iter().map(|lobe| lobe.1).sum();
        let scale = if total > 0.0 { self.irregularity / total } else { 0.0 };
        drawn
            .into_iter()
            .map(|(periods, amplitude, phase)| (periods, amplitude * scale, phase * std::f64::consts::TAU))
            .collect()
    }

    /// Thickness (Å) at a position in image axes (Å).
    pub fn thickness(&self, position: [f64; 2]) -> f64 {
        self.thickness_with(&self.lobes(), position)
    }

    fn thickness_with(&self, lobes: &[(f64, f64, f64)], [x, y]: [f64; 2]) -> f64 {
        let (dx, dy) = (x - self.center[0], y - self.center[1]);
        let angle = dy.atan2(dx);
        let waves: f64 =
            lobes.iter().map(|(periods, amplitude, phase)| amplitude * (periods * angle + phase).cos()).sum();
        let inside = self.radius * (1.0 + waves) - dx.hypot(dy);
        let t = if self.taper > 0.0 {
            (inside / self.taper).clamp(0.0, 1.0)
        } else {
            f64::from(u8::from(inside > 0.0))
        };
        self.max_thickness * t * t * (3.0 - 2.0 * t)
    }

    fn check(&self) -> Result<(), CrystalError> {
        for value in self.center {
            CrystalError::check("cluster centre [Å]", value, -1e6..=1e6, "-1000000 to 1000000 Å")?;
        }
        CrystalError::check("cluster radius [Å]", self.radius, 0.0..=1e5, "0 to 100000 Å")?;
        CrystalError::check("cluster thickness [Å]", self.max_thickness, 0.0..=1e6, "0 to 1000000 Å")?;
        CrystalError::check("cluster taper [Å]", self.taper, 0.0..=1e5, "0 to 100000 Å")?;
        CrystalError::check("cluster irregularity", self.irregularity, 0.0..=0.9, "0 to 0.9")
    }
}

/// The columns of a cluster. Each species of a column has a whole number of atoms; columns without any left
/// are dropped. The crystal lies in the field as for [`slab()`].
pub fn cluster(cell: &ProjectedCell, field: &Field, cluster: &Cluster) -> Result<Vec<Column>, CrystalError> {
    cluster.check()?;
    let lobes = cluster.lobes();
    // Unit thickness first, so that counts per ångström can be scaled column by column.
    let mut columns = slab(cell, field, 1.0)?;
    columns.retain_mut(|column| {
        let thickness = cluster.thickness_with(&lobes, [column.x, column.y]);
        for (_, atoms) in &mut column.species {
            *atoms = (*atoms * thickness).round();
        }
        column.species.retain(|&(_, atoms)| atoms >= 1.0);
        !column.species.is_empty()
    });
    Ok(columns)
}
