use crate::WaveGrid;
use serde::Serialize;
use std::fmt;

/// What a simulation will do and cost, known before it runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Samples of the wave in x and y.
    pub samples: [usize; 2],
    /// Their distance in x and y \[Å\].
    pub sampling_angstrom: [f64; 2],
    /// Largest scattering angle that is simulated whole \[mrad\].
    pub largest_angle_mrad: f64,
    /// Atoms.
    pub atoms: usize,
    /// Slices.
    pub slices: usize,
    /// Thickness of each \[Å\].
    pub slice_thickness_angstrom: f64,
    /// Slices that have to be held in memory: those that differ from all others.
    pub distinct_slices: usize,
    /// Probe positions.
    pub positions: usize,
    /// Configurations of frozen phonons; one without them.
    pub configurations: usize,
    /// Waves propagated through the specimen: probes, or plane waves of PRISM, over all configurations and foci.
    pub waves: usize,
    /// Memory \[bytes\].
    pub memory_bytes: usize,
    /// Threads.
    pub threads: usize,
    /// Estimated time, from a slice and a wave's way through it that were timed \[s\].
    pub seconds: f64,
}

impl Plan {
    pub(crate) fn of_grid(grid: &WaveGrid, wavelength: f64) -> ([usize; 2], [f64; 2], f64) {
        ([grid.nx, grid.ny], grid.sampling(), 1e3 * wavelength * grid.usable_limit())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [nx, ny] = self.samples;
        let [dx, dy] = self.sampling_angstrom;
        writeln!(
            f,
            "wave:      {nx} × {ny} samples, {dx:.4} × {dy:.4} Å, up to {:.0} mrad",
            self.largest_angle_mrad
        )?;
        writeln!(
            f,
            "specimen:  {} atoms in {} slices of {:.3} Å, {} of them different",
            self.atoms, self.slices, self.slice_thickness_angstrom, self.distinct_slices
        )?;
        writeln!(
            f,
            "scan:      {} positions, {} configurations, {} waves to propagate",
            self.positions, self.configurations, self.waves
        )?;
        let seconds = self.seconds.ceil() as u64;
        write!(
            f,
            "cost:      {:.0} MB, about {}:{:02}:{:02} on {} threads",
            self.memory_bytes as f64 / 1e6,
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.threads
        )
    }
}
