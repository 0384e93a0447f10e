//! Samples whose ideal image comes from a multislice simulation: one for each structure under each imaging condition,
//! over one period of the crystal, from which fields, rotations and offsets are sampled.

use crate::recipe::hexadecimal;
use crate::{ImagingRecipe, LibraryError, MultisliceMethod, MultisliceRecipe, OpticsRecipe, StructureRecipe};
use adatom_crystal::{Column, Crystal, Field, OrthogonalCell, ProjectedCell, ZoneAxis};
use adatom_imaging::{Grid, RowShift, SampleRng};
use adatom_multislice::{
    Atom, Detector, Method, MultisliceError, PeriodicImage, Phonons, Plan, Recording, Sampling, Scan,
    Settings, Simulation, Specimen, Unit,
};
use adatom_optics::wavelength_angstrom;
use ndarray::Array2;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// Samples along the longer vector of a cell for the integrals over its columns.
const CELL_SAMPLES: usize = 160;
/// Part of the band that the sampling chosen for a detector leaves unused.
const SPARE: f64 = 0.02;

/// A simulation that a recipe needs.
pub struct Simulated {
    title: String,
    key: String,
    simulation: Simulation,
    scan: Scan,
    thicknesses: Vec<f64>,
    lattice: OrthogonalCell,
    cell: ProjectedCell,
    results: Mutex<Option<Arc<Vec<Thickness>>>>,
}

/// What a simulation gives at one thickness.
pub(crate) struct Thickness {
    pub(crate) image: PeriodicImage,
    /// Integral of the image over the part of the cell that is nearest to each of its columns
    /// \[fraction of the beam × Å²\].
    strengths: Vec<f64>,
}

impl Simulated {
    pub(crate) fn new(
        structure: &StructureRecipe,
        crystal: &Crystal,
        zone: ZoneAxis,
        cell: &ProjectedCell,
        optics: &OpticsRecipe,
        recipe: &MultisliceRecipe,
        material_text: &str,
    ) -> Result<Self, LibraryError> {
        let title = format!("{} under optics {}", structure.title(), optics.id);
        let probe = optics.draw(&mut SampleRng::new(0, 0)).map_err(|source| LibraryError::Imaging {
            structure: structure.title(),
            source: source.into(),
        })?;
        let lattice = OrthogonalCell::new(crystal, zone, recipe.max_strain, recipe.max_side_angstrom)
            .map_err(|source| LibraryError::Crystal { structure: structure.title(), source })?;
        let thicknesses = match structure.form {
            crate::Form::Monolayer => vec![lattice.size[2]],
            _ => structure.thickness_angstrom.values().unwrap_or_default(),
        };
        let thickest = thicknesses.iter().fold(0.0_f64, |a, b| a.max(*b));
        let times = |axis: usize, least: f64| ((least / lattice.size[axis] - 1e-6).ceil() as usize).max(1);
        let repeats = [times(0, recipe.box_angstrom), times(1, recipe.box_angstrom), times(2, thickest)];
        let scan = Scan::nyquist(
            &probe,
            [lattice.size[0], lattice.size[1]],
            [0, 1].map(|axis| lattice.size[axis] * repeats[axis] as f64),
        );
        let [inner_mrad, outer_mrad] = recipe.detector_mrad;
        let finest =
            wavelength_angstrom(optics.energy_kv) * 1e3 / outer_mrad * (1.0 / 3.0 - 0.01) * (1.0 - SPARE);
        let sampling = recipe.sampling_angstrom.unwrap_or(finest);
        let settings = Settings {
            sampling: Sampling::Angstrom(sampling),
            slice_thickness_angstrom: recipe.slice_thickness_angstrom,
            parametrisation: recipe.parametrisation,
            projection: recipe.projection,
            phonons: (recipe.configurations > 0)
                .then_some(Phonons { configurations: recipe.configurations, seed: recipe.phonon_seed }),
            defocus_spread_angstrom: recipe.defocus_spread_angstrom,
            detectors: vec![Detector::Annular { inner_mrad, outer_mrad }],
            thicknesses_angstrom: thicknesses.clone(),
            method: match recipe.method {
                MultisliceMethod::Conventional => Method::Conventional,
                MultisliceMethod::Prism => Method::Prism { interpolation: recipe.interpolation },
            },
            memory_bytes: (recipe.memory_mb * 1e6) as usize,
            ..Settings::new(probe, sampling, scan)
        };
        let specimen = specimen(&lattice.repeated(repeats), recipe);
        let simulation = Simulation::new(specimen, settings)
            .map_err(|source| LibraryError::Multislice { structure: title.clone(), source })?;
        let parts = serde_json::json!([
            env!("CARGO_PKG_VERSION"),
            material_text,
            structure.zone,
            structure.form,
            thicknesses,
            optics,
            recipe
        ]);
        let key = hexadecimal(&Sha256::digest(parts.to_string().as_bytes())[..12]);
        let cell = cell.clone();
        Ok(Self { title, key, simulation, scan, thicknesses, lattice, cell, results: Mutex::new(None) })
    }

    /// Structure and imaging condition.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What identifies the simulation: equal ones have equal results.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Largest component of the strain that made the crystal's cell orthogonal.
    pub fn strain(&self) -> f64 {
        self.lattice.largest_strain()
    }

    /// What it will cost.
    pub fn plan(&self) -> Plan {
        self.simulation.plan()
    }

    /// Units of work in all.
    pub fn units(&self) -> usize {
        self.simulation.units()
    }

    /// Runs what earlier units have left to do; `report` is told each unit and says whether to go on.
    ///
    /// # Errors
    /// When stopped, or when a unit belongs to another simulation.
    pub fn run(&self, done: Vec<Unit>, report: &mut dyn FnMut(&Unit) -> bool) -> Result<(), LibraryError> {
        let recording = self.simulation.resume(done, report).map_err(|source| self.failed(source))?;
        self.keep(&recording);
        Ok(())
    }

    fn failed(&self, source: MultisliceError) -> LibraryError {
        LibraryError::Multislice { structure: self.title.clone(), source }
    }

    fn keep(&self, recording: &Recording) -> Arc<Vec<Thickness>> {
        let period = self.scan.extent_angstrom;
        let results: Vec<Thickness> = (0..recording.thicknesses_angstrom.len())
            .map(|at| {
                let samples = recording.image(at, 0);
                let image = PeriodicImage::from_samples(&samples, period, self.scan.origin_angstrom);
                let strengths = self.strengths(&image);
                Thickness { image, strengths }
            })
            .collect();
        let results = Arc::new(results);
        *self.results.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&results));
        results
    }

    /// The results, computed now if they aren't yet.
    pub(crate) fn results(&self) -> Result<Arc<Vec<Thickness>>, LibraryError> {
        let known = || self.results.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(results) = known() {
            return Ok(results);
        }
        // On threads of its own: those of the caller may all be waiting for this very simulation.
        let recording = std::thread::scope(|scope| {
            let run = || {
                let pool = rayon::ThreadPoolBuilder::new().build().ok();
                match pool {
                    Some(pool) => pool.install(|| self.simulation.run(&mut |_| true)),
                    None => self.simulation.run(&mut |_| true),
                }
            };
            scope.spawn(run).join().unwrap_or(Err(MultisliceError::Stopped))
        });
        // Another thread may have been as fast; the results are the same.
        Ok(match known() {
            Some(results) => results,
            None => self.keep(&recording.map_err(|source| self.failed(source))?),
        })
    }

    /// Which of the recorded thicknesses is nearest \[Å\].
    pub(crate) fn nearest(&self, thickness: f64) -> usize {
        let mut sorted = self.thicknesses.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let off = |at: &usize| (sorted[*at] - thickness).abs();
        (0..sorted.len()).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0)
    }

    /// The image in a field, see [`PeriodicImage::render`].
    pub(crate) fn render(
        &self,
        image: &PeriodicImage,
        field: &Field,
        grid: &Grid,
        scan: Option<&[RowShift]>,
    ) -> Array2<f32> {
        image.render(grid, |place| self.lattice.to_box(field.to_crystal(place)), scan)
    }

    /// Integral of the image that belongs to a column of the field.
    pub(crate) fn strength(&self, of: &Thickness, field: &Field, column: &Column) -> f64 {
        let at = field.to_crystal([column.x, column.y]);
        self.nearest_column(at).map_or(0.0, |index| of.strengths[index])
    }

    /// The column of the cell, or of one of its repetitions, that is nearest to a place in the crystal.
    fn nearest_column(&self, [x, y]: [f64; 2]) -> Option<usize> {
        let [u, v] = self.cell.vectors;
        let determinant = u[0] * v[1] - u[1] * v[0];
        let distance = |index: &usize| {
            let column = &self.cell.columns[*index];
            let (dx, dy) = (x - column.x, y - column.y);
            let n = (dx * v[1] - dy * v[0]) / determinant;
            let m = (dy * u[0] - dx * u[1]) / determinant;
            let (n, m) = (n - n.round(), m - m.round());
            let mut nearest = f64::INFINITY;
            for (i, j) in (0..9).map(|k| (f64::from(k % 3 - 1), f64::from(k / 3 - 1))) {
                let (n, m) = (n + i, m + j);
                nearest = nearest.min((n * u[0] + m * v[0]).hypot(n * u[1] + m * v[1]));
            }
            nearest
        };
        let columns = 0..self.cell.columns.len();
        columns
            .map(|index| (index, distance(&index)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    }

    fn strengths(&self, image: &PeriodicImage) -> Vec<f64> {
        let [u, v] = self.cell.vectors;
        let longest = u[0].hypot(u[1]).max(v[0].hypot(v[1]));
        let count =
            |w: [f64; 2]| ((w[0].hypot(w[1]) / longest * CELL_SAMPLES as f64).ceil() as usize).max(16);
        let (along_u, along_v) = (count(u), count(v));
        let part = self.cell.area() / (along_u * along_v) as f64;
        let mut strengths = vec![0.0; self.cell.columns.len()];
        for i in 0..along_u {
            for j in 0..along_v {
                let (n, m) = ((i as f64 + 0.5) / along_u as f64, (j as f64 + 0.5) / along_v as f64);
                let at = [n * u[0] + m * v[0], n * u[1] + m * v[1]];
                if let Some(column) = self.nearest_column(at) {
                    strengths[column] += part * image.at(self.lattice.to_box(at));
                }
            }
        }
        strengths
    }
}

impl ImagingRecipe {
    /// The settings of a multislice simulation, if it is one.
    pub fn multislice(&self) -> Option<&MultisliceRecipe> {
        match self {
            Self::Linear => None,
            Self::Multislice(recipe) => Some(recipe),
        }
    }
}

/// The atoms of a box; sites of several species are mixed atoms.
fn specimen(lattice: &OrthogonalCell, recipe: &MultisliceRecipe) -> Specimen {
    let atoms = lattice.sites.iter().flat_map(|site| {
        site.species.iter().map(|&(element, occupancy)| Atom {
            element,
            position: site.position,
            occupancy,
            u_iso_angstrom2: recipe.u_iso_angstrom2.or(site.u_iso_angstrom2).unwrap_or(0.0),
        })
    });
    Specimen { atoms: atoms.collect(), size_angstrom: lattice.size }
}
