use crate::detector::Collector;
use crate::engine::{Engine, Workspace};
use crate::potential::{Slicing, Transmissions};
use crate::prism::{PlaneWaves, Windows};
use crate::probe::{self, Beam};
use crate::{Method, MultisliceError, Phonons, Plan, Sampling, Settings, Specimen, WaveGrid};
use ndarray::Array2;
use num_complex::Complex32;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Probe positions between two reports of progress.
const UNIT: usize = 64;

/// A simulation that has been checked and can run.
pub struct Simulation {
    specimen: Specimen,
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    slicing: Slicing,
    propagator: Vec<Complex32>,
    collector: Collector,
    /// For each focus, its beams and its weight.
    foci: Vec<(Vec<Beam>, f64)>,
    /// Slices passed at each recorded thickness.
    exits: Vec<usize>,
    windows: Option<Windows>,
    spaces: Mutex<Vec<Workspace>>,
}

/// What is computed, and can be kept, at a time: some positions of one configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// The configuration of frozen phonons.
    pub configuration: usize,
    /// The first of its positions.
    pub first: usize,
    /// For each of its positions, at each recorded thickness, every channel.
    pub values: Vec<f64>,
}

/// The images of a simulation, averaged over the configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Thicknesses after which it was recorded \[Å\].
    pub thicknesses_angstrom: Vec<f64>,
    /// Names of the channels.
    pub channels: Vec<String>,
    /// `[thickness × channel][row][column]`, one image after the other.
    images: Vec<f64>,
    positions: [usize; 2],
}

impl Recording {
    /// The image of a channel at a thickness, both by number: fractions of the incident beam, or mrad.
    ///
    /// # Panics
    /// When there is no such thickness or channel.
    pub fn image(&self, thickness: usize, channel: usize) -> Array2<f64> {
        let [nx, ny] = self.positions;
        let start = (thickness * self.channels.len() + channel) * nx * ny;
        Array2::from_shape_fn((ny, nx), |(y, x)| self.images[start + y * nx + x])
    }
}

impl Simulation {
    /// Checks that the simulation can be right and fits into memory.
    ///
    /// # Errors
    /// What is wrong, with numbers that would work.
    pub fn new(specimen: Specimen, settings: Settings) -> Result<Self, MultisliceError> {
        specimen.check()?;
        settings.scan.check()?;
        let [width, height, thickness] = specimen.size_angstrom;
        let grid = match settings.sampling {
            Sampling::Angstrom(sampling) => WaveGrid::new([width, height], sampling)?,
            Sampling::Samples([nx, ny]) => WaveGrid::with_samples([width, height], nx, ny)?,
        };
        let wavelength = settings.probe.wavelength_angstrom();
        check_settings(&settings, &grid)?;
        let count = (thickness / settings.slice_thickness_angstrom - 1e-6).ceil().max(1.0) as usize;
        let slicing = Slicing {
            count,
            thickness: thickness / count as f64,
            projection: settings.projection,
            parametrisation: settings.parametrisation,
        };
        let exits = exits(&settings, &slicing, thickness)?;
        let engine = Engine::new(grid);
        let step = match settings.method {
            Method::Conventional => 1,
            Method::Prism { interpolation } => interpolation,
        };
        let foci: Vec<_> = probe::foci(&settings.probe, settings.defocus_spread_angstrom)
            .into_iter()
            .map(|(lens, weight)| (probe::beams(&engine, &settings.probe, &lens, step), weight))
            .collect();
        let windows = match settings.method {
            Method::Conventional => None,
            Method::Prism { interpolation } => Some(Windows::new(&engine, &settings, interpolation)?),
        };
        let collector = Collector::new(&engine, &settings.detectors, wavelength);
        let propagator = probe::propagator(&engine, wavelength, slicing.thickness, settings.tilt_mrad);
        let spaces = Mutex::new(Vec::new());
        let simulation =
            Self { specimen, settings, engine, slicing, propagator, collector, foci, exits, windows, spaces };
        simulation.check_memory()?;
        Ok(simulation)
    }

    fn configurations(&self) -> usize {
        self.settings.phonons.map_or(1, |phonons| phonons.configurations)
    }

    fn distinct_slices(&self) -> usize {
        match self.settings.phonons {
            Some(_) => self.slicing.count,
            None => self.slicing.distinct(&self.specimen.atoms).1.len(),
        }
    }

    /// Memory of slices and of everything else \[bytes\].
    fn memory(&self) -> (usize, usize) {
        let slices = self.distinct_slices() * self.engine.grid.samples() * size_of::<Complex32>();
        let threads = rayon::current_num_threads();
        // While slices are made each thread holds a potential, a phase factor and a structure factor.
        let making = threads * self.engine.grid.samples() * 3 * size_of::<Complex32>();
        let running = threads * self.engine.workspace_bytes();
        let waves = self.windows.as_ref().map_or(0, |windows| windows.bytes(self.foci[0].0.len(), threads));
        let rest = self.propagator.len() * size_of::<Complex32>() + making.max(running + waves);
        (slices, rest)
    }

    fn check_memory(&self) -> Result<(), MultisliceError> {
        let (slices, rest) = self.memory();
        let (needed, budget) = (slices + rest, self.settings.memory_bytes);
        if needed <= budget {
            return Ok(());
        }
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        // Slices, waves and plane waves all grow with the number of samples.
        let [dx, dy] = self.engine.grid.sampling();
        let coarser = dx.max(dy) * (needed as f64 / budget.max(1) as f64).sqrt();
        let angle =
            1e3 * self.settings.probe.wavelength_angstrom() * self.engine.grid.usable_limit() * dx.max(dy)
                / coarser;
        Err(MultisliceError::Memory {
            needed_mb: megabytes(needed),
            budget_mb: megabytes(budget),
            remedy: format!(
                "allow {:.0} MB, sample at {coarser:.3} Å (up to {angle:.0} mrad), or make the box smaller ({} slices of \
                 {:.0} MB)",
                megabytes(needed).ceil(),
                self.distinct_slices(),
                megabytes(slices) / self.distinct_slices() as f64
            ),
        })
    }

    /// What the simulation will cost; makes one slice and times a few passes to know.
    pub fn plan(&self) -> Plan {
        let wavelength = self.settings.probe.wavelength_angstrom();
        let (samples, sampling_angstrom, largest_angle_mrad) = Plan::of_grid(&self.engine.grid, wavelength);
        let (slices, rest) = self.memory();
        let configurations = self.configurations();
        let positions = self.settings.scan.len();
        let waves = configurations
            * match self.settings.method {
                Method::Conventional => positions * self.foci.len(),
                Method::Prism { .. } => self.foci[0].0.len(),
            };
        let threads = rayon::current_num_threads();
        let propagating = (waves * self.slicing.count) as f64 * self.slice_seconds();
        let reducing = self.windows.as_ref().map_or(0.0, |windows| {
            (configurations * positions * self.foci.len()) as f64 * windows.seconds(self.foci[0].0.len())
        });
        let distinct_slices = self.distinct_slices();
        let energy = self.settings.probe.energy_kv();
        let slice = Transmissions::slice_seconds(&self.engine, &self.slicing, &self.specimen.atoms, energy);
        let making = (configurations * distinct_slices) as f64 * slice;
        Plan {
            samples,
            sampling_angstrom,
            largest_angle_mrad,
            atoms: self.specimen.atoms.len(),
            slices: self.slicing.count,
            slice_thickness_angstrom: self.slicing.thickness,
            distinct_slices,
            positions,
            configurations,
            waves,
            memory_bytes: slices + rest,
            threads,
            seconds: (making + propagating + reducing) / threads as f64,
        }
    }

    /// Time of one slice of one wave with all threads busy \[s\].
    fn slice_seconds(&self) -> f64 {
        let transmission = vec![Complex32::from(1.0); self.engine.grid.samples()];
        let times: Vec<f64> = (0..rayon::current_num_threads())
            .into_par_iter()
            .map(|_| {
                let mut space = self.engine.workspace();
                let mut best = f64::INFINITY;
                for _ in 0..4 {
                    let start = Instant::now();
                    self.engine.transmit(&mut space, &transmission);
                    self.engine.propagate(&mut space, &self.propagator, false, |_, _| {});
                    best = best.min(start.elapsed().as_secs_f64());
                }
                best
            })
            .collect();
        times.into_iter().fold(0.0, f64::max)
    }

    /// Units of work in all.
    pub fn units(&self) -> usize {
        self.configurations() * self.settings.scan.len().div_ceil(UNIT)
    }

    /// Runs the whole simulation; `report` is told each unit that is done and says whether to go on.
    ///
    /// # Errors
    /// [`MultisliceError::Stopped`] when `report` said so.
    pub fn run(&self, report: &mut dyn FnMut(&Unit) -> bool) -> Result<Recording, MultisliceError> {
        self.resume(Vec::new(), report)
    }

    /// As [`Self::run`], with units that an earlier run of the same simulation has done. The result is the same to
    /// the last bit.
    ///
    /// # Errors
    /// As for [`Self::run`], and when a unit is not one of this simulation.
    pub fn resume(
        &self,
        done: Vec<Unit>,
        report: &mut dyn FnMut(&Unit) -> bool,
    ) -> Result<Recording, MultisliceError> {
        let positions = self.settings.scan.len();
        let width = self.exits.len() * self.collector.channels();
        let mut values: Vec<Option<Vec<f64>>> = vec![None; self.units()];
        let per_configuration = positions.div_ceil(UNIT);
        let count_at = |first: usize| UNIT.min(positions - first);
        for unit in done {
            let fits = unit.configuration < self.configurations()
                && unit.first < positions
                && unit.first % UNIT == 0
                && unit.values.len() == count_at(unit.first) * width;
            if !fits {
                let value = format!("configuration {}, position {}", unit.configuration, unit.first);
                return Err(MultisliceError::setting(
                    "finished unit",
                    value,
                    "it belongs to another simulation",
                ));
            }
            values[unit.configuration * per_configuration + unit.first / UNIT] = Some(unit.values);
        }
        for configuration in 0..self.configurations() {
            let range = configuration * per_configuration..(configuration + 1) * per_configuration;
            if values[range.clone()].iter().all(Option::is_some) {
                continue;
            }
            let beam_path = self.beam_path(configuration)?;
            for index in range {
                if values[index].is_some() {
                    continue;
                }
                let first = index % per_configuration * UNIT;
                let unit =
                    Unit { configuration, first, values: self.positions(&beam_path, first, count_at(first)) };
                let go_on = report(&unit);
                values[index] = Some(unit.values);
                if !go_on && values.iter().any(Option::is_none) {
                    return Err(MultisliceError::Stopped);
                }
            }
        }
        let mut images = vec![0.0; width * positions];
        let weight = 1.0 / self.configurations() as f64;
        for (index, values) in values.iter().flatten().enumerate() {
            let first = index % per_configuration * UNIT;
            for (at, values) in values.chunks_exact(width).enumerate() {
                for (image, value) in values.iter().enumerate() {
                    images[image * positions + first + at] += weight * value;
                }
            }
        }
        Ok(Recording {
            thicknesses_angstrom: self.exits.iter().map(|&n| n as f64 * self.slicing.thickness).collect(),
            channels: self.settings.detectors.iter().flat_map(crate::Detector::channel_names).collect(),
            images,
            positions: self.settings.scan.positions,
        })
    }

    fn beam_path(&self, configuration: usize) -> Result<BeamPath, MultisliceError> {
        let transmissions = self.transmissions(configuration)?;
        Ok(match &self.windows {
            None => BeamPath::Slices(transmissions),
            Some(windows) => {
                let beams = &self.foci[0].0;
                BeamPath::Waves(windows.propagate(self, beams, &transmissions))
            }
        })
    }

    fn transmissions(&self, configuration: usize) -> Result<Transmissions, MultisliceError> {
        let energy = self.settings.probe.energy_kv();
        match self.settings.phonons {
            Some(phonons) => {
                let atoms = self.specimen.displaced(phonons, configuration);
                Transmissions::new(&self.engine, &self.slicing, &atoms, energy)
            }
            None => Transmissions::new(&self.engine, &self.slicing, &self.specimen.atoms, energy),
        }
    }

    /// Values of `count` positions.
    fn positions(&self, path: &BeamPath, first: usize, count: usize) -> Vec<f64> {
        let scan = &self.settings.scan;
        let places: Vec<[f64; 2]> = (first..first + count).map(|index| scan.position(index)).collect();
        match path {
            BeamPath::Slices(slices) => {
                places.par_iter().flat_map_iter(|place| self.probe_at(slices, *place)).collect()
            }
            BeamPath::Waves(waves) => self
                .windows
                .as_ref()
                .map(|windows| windows.reduce(waves, &self.foci, &places))
                .unwrap_or_default(),
        }
    }

    fn probe_at(&self, slices: &Transmissions, place: [f64; 2]) -> Vec<f64> {
        let channels = self.collector.channels();
        let mut values = vec![0.0; self.exits.len() * channels];
        self.with_space(|space| {
            for (beams, weight) in &self.foci {
                probe::start(&self.engine, space, beams, place);
                let mut recorded = vec![0.0; channels];
                let mut exit = 0;
                self.pass(space, slices, |passed, index, column| {
                    if self.exits.get(exit) == Some(&passed) {
                        self.collector.collect(index, column, &mut recorded);
                        if index + 1 == self.engine.kept.len() {
                            let into = &mut values[exit * channels..(exit + 1) * channels];
                            into.iter_mut()
                                .zip(&mut recorded)
                                .for_each(|(v, r)| *v += weight * std::mem::take(r));
                            exit += 1;
                        }
                    }
                });
            }
        });
        values
    }

    /// Passes a wave through all slices; `see` looks at each column of its Fourier transform after every slice,
    /// given the number of slices passed.
    pub(crate) fn pass(
        &self,
        space: &mut Workspace,
        slices: &Transmissions,
        mut see: impl FnMut(usize, usize, &[Complex32]),
    ) {
        let count = slices.iter().len();
        for (slice, transmission) in slices.iter().enumerate() {
            self.engine.transmit(space, transmission);
            let last = slice + 1 == count;
            self.engine
                .propagate(space, &self.propagator, last, |index, column| see(slice + 1, index, column));
        }
    }

    /// Lends a thread its memory.
    pub(crate) fn with_space<R>(&self, work: impl FnOnce(&mut Workspace) -> R) -> R {
        let lock = || self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lock().pop();
        let mut space = free.unwrap_or_else(|| self.engine.workspace());
        let result = work(&mut space);
        lock().push(space);
        result
    }

    /// The diffraction pattern of a probe at `position` \[Å\] after one configuration's whole thickness: fractions of
    /// the incident beam, zero angle in the middle, `[row][column]`. Waves are complex amplitudes of it.
    ///
    /// # Errors
    /// When an atom's potential can't be computed.
    pub fn diffraction_wave(
        &self,
        position: [f64; 2],
        configuration: usize,
    ) -> Result<Array2<Complex32>, MultisliceError> {
        let slices = self.transmissions(configuration)?;
        let grid = &self.engine.grid;
        let mut pattern = Array2::zeros((grid.ny, grid.nx));
        self.with_space(|space| {
            probe::start(&self.engine, space, &self.foci[0].0, position);
            self.pass(space, &slices, |passed, index, column| {
                if passed == self.slicing.count {
                    let x = (self.engine.kept[index] + grid.nx / 2) % grid.nx;
                    for (y, value) in column.iter().enumerate() {
                        pattern[((y + grid.ny / 2) % grid.ny, x)] = *value;
                    }
                }
            });
        });
        Ok(pattern)
    }

    /// The wave behind the specimen, `[row][column]`, of a probe at `position` \[Å\]: the squares of its moduli add up
    /// to the number of samples if nothing is lost.
    ///
    /// # Errors
    /// When an atom's potential can't be computed.
    pub fn exit_wave(
        &self,
        position: [f64; 2],
        configuration: usize,
    ) -> Result<Array2<Complex32>, MultisliceError> {
        let grid = &self.engine.grid;
        let pattern = self.diffraction_wave(position, configuration)?;
        let back = |i: usize, n: usize| (i + n / 2) % n;
        let mut field: Vec<Complex32> = (0..grid.samples())
            .map(|i| pattern[(back(i / grid.nx, grid.ny), back(i % grid.nx, grid.nx))])
            .collect();
        self.engine.inverse(&mut field);
        Ok(Array2::from_shape_fn((grid.ny, grid.nx), |(y, x)| field[y * grid.nx + x]))
    }
}

/// What a configuration is to the probes.
enum BeamPath {
    Slices(Transmissions),
    Waves(PlaneWaves),
}

fn check_settings(settings: &Settings, grid: &WaveGrid) -> Result<(), MultisliceError> {
    let fail = |name, value: String, remedy: String| Err(MultisliceError::setting(name, value, remedy));
    let wavelength = settings.probe.wavelength_angstrom();
    if !(0.1..=20.0).contains(&settings.slice_thickness_angstrom) {
        let value = settings.slice_thickness_angstrom.to_string();
        return fail("slice thickness in Å", value, "it must lie between 0.1 and 20 Å".to_owned());
    }
    if !(10.0..=1000.0).contains(&settings.probe.energy_kv()) {
        let value = settings.probe.energy_kv().to_string();
        return fail("energy in kV", value, "it must lie between 10 and 1000 kV".to_owned());
    }
    let limit = 1e3 * wavelength * grid.usable_limit();
    let semiangle = settings.probe.semiangle_mrad();
    if semiangle > limit {
        let [dx, dy] = grid.sampling();
        let needed = dx.max(dy) * limit / semiangle;
        return fail(
            "convergence semi-angle in mrad",
            semiangle.to_string(),
            format!(
                "waves are simulated up to {limit:.1} mrad: lower it, or sample at {needed:.4} Å or finer"
            ),
        );
    }
    if settings.detectors.is_empty() {
        return fail("number of detectors", "0".to_owned(), "give at least one".to_owned());
    }
    settings.detectors.iter().try_for_each(|detector| detector.check(grid, wavelength))?;
    if let Some(Phonons { configurations, .. }) = settings.phonons
        && !(1..=100_000).contains(&configurations)
    {
        let value = configurations.to_string();
        return fail("configurations of frozen phonons", value, "there must be 1 to 100000".to_owned());
    }
    for tilt in settings.tilt_mrad {
        if !(-100.0..=100.0).contains(&tilt) {
            return fail(
                "tilt in mrad",
                tilt.to_string(),
                "it must lie between −100 and 100 mrad".to_owned(),
            );
        }
    }
    if !(0.0..=1000.0).contains(&settings.defocus_spread_angstrom) {
        let value = settings.defocus_spread_angstrom.to_string();
        return fail("defocus spread in Å", value, "it must lie between 0 and 1000 Å".to_owned());
    }
    Ok(())
}

/// Slices after which to record.
fn exits(settings: &Settings, slicing: &Slicing, thickness: f64) -> Result<Vec<usize>, MultisliceError> {
    let mut exits = Vec::new();
    for &wanted in &settings.thicknesses_angstrom {
        if !(wanted > 0.0 && wanted <= thickness + 1e-6) {
            let remedy = format!("it must lie above 0 and up to the specimen's {thickness} Å");
            return Err(MultisliceError::setting("recorded thickness in Å", wanted, remedy));
        }
        exits.push(((wanted / slicing.thickness).round() as usize).clamp(1, slicing.count));
    }
    exits.sort_unstable();
    exits.dedup();
    if exits.is_empty() {
        exits.push(slicing.count);
    }
    if matches!(settings.method, Method::Prism { .. }) && exits != [slicing.count] {
        let value = format!("{:?}", settings.thicknesses_angstrom);
        let remedy = "PRISM records the whole thickness alone; use the conventional method for a series";
        return Err(MultisliceError::setting("recorded thicknesses in Å", value, remedy));
    }
    Ok(exits)
}
