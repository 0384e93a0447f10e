use crate::materials::{material_names, material_text};
use crate::multislice::{Simulated, Thickness};
use crate::recipe::hexadecimal;
use crate::specimen::{Prepared, Specimen, prepare};
use crate::{
    Composition, FullSample, Labels, LibraryError, OpticsRecipe, Place, Recipe, Sample, SampleSettings,
    TruthColumn, UnlabelledColumn, psnr_db,
};
use adatom_crystal::{Column, Element, Field};
use adatom_imaging::{
    Background, Detector, Dose, Grid, ImagingError, LinearModel, RowShift, SampleRng, ScanNoise, Spectrum,
    Spot, circular_mask, double, expose, gaussian_mask, superresolution,
};
use adatom_multislice::PeriodicImage;
use adatom_optics::{Aberrations, Probe};
use ndarray::Array2;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;
use std::sync::Arc;

/// Radius of the small circular mask over that of the circular mask. The paper doesn't say what theirs is, and
/// the published library has none.
const SMALL_RADIUS: f64 = 0.5;

/// A recipe with its crystals read and its optics computed, ready to render samples.
pub struct Generator {
    recipe: Recipe,
    seed: u64,
    identity: String,
    omitted: BTreeSet<Element>,
    structures: Vec<Prepared>,
    total_weight: f64,
    composition: Option<Composition>,
    /// Simulations by structure and optics, for a recipe that images by multislice.
    simulations: BTreeMap<(usize, usize), Simulated>,
    /// Models whose settings are not drawn anew for each sample, by structure, optics, scattering.
    models: BTreeMap<(usize, usize, usize), Arc<LinearModel>>,
}

impl Generator {
    /// Reads the recipe's crystals and computes its fixed optics.
    ///
    /// # Errors
    /// When a CIF, a zone axis or an imaging condition can't be used.
    pub fn new(recipe: Recipe, seed: u64) -> Result<Self, LibraryError> {
        keep_memory();
        let omitted = recipe
            .labels
            .unlabelled_elements
            .iter()
            .map(|symbol| {
                Element::from_symbol(symbol).map_err(|_| LibraryError::Value {
                    recipe: recipe.name.clone(),
                    line: None,
                    key: "labels.unlabelled_elements".to_owned(),
                    message: format!("{symbol} is no element"),
                })
            })
            .collect::<Result<BTreeSet<_>, _>>()?;
        let mut structures = Vec::new();
        let mut models = BTreeMap::new();
        let mut simulations = BTreeMap::new();
        let mut identity = Sha256::new_with_prefix(recipe.hash());
        let composition = recipe.composition();
        for (index, structure) in recipe.structure.iter().enumerate() {
            let text = material_text(&structure.material).map_err(|error| LibraryError::Value {
                recipe: recipe.name.clone(),
                line: None,
                key: format!("structure {}.material", index + 1),
                message: format!(
                    "{error}; give a CIF file or one of {}",
                    material_names().collect::<Vec<_>>().join(", ")
                ),
            })?;
            identity.update(text.as_bytes());
            let prepared = prepare(index, &recipe, composition.as_ref(), &omitted)?;
            for &optics in &prepared.optics {
                if let Some(multislice) = recipe.imaging.multislice() {
                    let simulated = prepared.simulated(&recipe.optics[optics], multislice, &text)?;
                    simulations.extend(simulated.map(|simulated| ((index, optics), simulated)));
                }
                for (scattering, object) in recipe.scattering.iter().enumerate() {
                    // Drawn optics are tried once, so that a bad setting shows before the first sample.
                    let fixed = recipe.optics[optics].is_fixed();
                    let model = recipe.optics[optics]
                        .draw(&mut SampleRng::new(0, 0))
                        .map_err(ImagingError::from)
                        .and_then(|probe| LinearModel::new(probe, object, prepared.elements.iter().copied()))
                        .map_err(|source| LibraryError::Imaging { structure: prepared.title(), source })?;
                    if fixed {
                        models.insert((index, optics, scattering), Arc::new(model));
                    }
                }
            }
            structures.push(prepared);
        }
        let total_weight = structures.iter().map(|s| s.recipe.weight).sum();
        let identity = hexadecimal(&identity.finalize());
        Ok(Self {
            recipe,
            seed,
            identity,
            omitted,
            structures,
            total_weight,
            composition,
            simulations,
            models,
        })
    }

    /// SHA-256 of the resolved recipe and of the crystals' files: with the seed it decides every
    /// sample.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The simulations that the samples need. They run when a sample first needs them, if not before by
    /// [`Simulated::run`].
    pub fn simulations(&self) -> impl ExactSizeIterator<Item = &Simulated> {
        self.simulations.values()
    }

    /// Those of them that these samples need.
    pub fn simulations_of(&self, indices: impl IntoIterator<Item = u64>) -> Vec<&Simulated> {
        let mut wanted = BTreeSet::new();
        let mut indices = indices.into_iter();
        while wanted.len() < self.simulations.len()
            && let Some(index) = indices.next()
        {
            let Choice { structure, optics, .. } = self.choose(index, &mut SampleRng::new(self.seed, index));
            wanted.insert((structure, optics));
        }
        self.simulations.iter().filter(|(key, _)| wanted.contains(*key)).map(|(_, made)| made).collect()
    }

    /// Numbers of `count` samples that stand for all: the first ones of a recipe that draws, evenly spaced ones of an
    /// enumerated recipe, whose neighbours are alike, and no more than it has.
    pub fn representative(&self, count: u64) -> Vec<u64> {
        match &self.composition {
            None => (0..count).collect(),
            Some(composition) => {
                let all = u128::from(composition.count());
                let count = u128::from(count).min(all);
                (0..count).map(|at| 1 + (at * all / count) as u64).collect()
            }
        }
    }

    /// Renders sample `index`.
    ///
    /// # Errors
    /// When the recipe asks for a geometry or a probe that can't be computed.
    pub fn sample(&self, index: u64) -> Result<Sample, LibraryError> {
        Ok(self.render(index, None, [0.0; 2])?.sample)
    }

    /// Renders sample `index` with everything that a library on disk keeps of it.
    ///
    /// # Errors
    /// As for [`Self::sample`].
    pub fn full_sample(&self, index: u64) -> Result<FullSample, LibraryError> {
        Ok(self.render(index, None, [0.0; 2])?.complete())
    }

    /// Renders sample `index` with as many electrons as put its shot noise alone at a PSNR, 20 log₁₀ of the
    /// ideal image's peak over the noise's σ, whatever dose the recipe has. Everything else is as in
    /// [`Self::sample`].
    ///
    /// # Errors
    /// As for [`Self::sample`].
    pub fn sample_at(&self, index: u64, shot_psnr_db: f64) -> Result<Sample, LibraryError> {
        Ok(self.render(index, Some(shot_psnr_db), [0.0; 2])?.sample)
    }

    /// [`Self::sample_at`] with the specimen moved by `shift_px` to the right and downwards, exactly, and other
    /// shot noise.
    ///
    /// # Errors
    /// As for [`Self::sample`].
    pub fn sample_moved(
        &self,
        index: u64,
        shot_psnr_db: f64,
        shift_px: [f64; 2],
    ) -> Result<Sample, LibraryError> {
        Ok(self.render(index, Some(shot_psnr_db), shift_px)?.sample)
    }

    /// What decides which simulation sample `index` is taken from: the first numbers of its stream.
    fn choose(&self, index: u64, rng: &mut SampleRng) -> Choice {
        let place = self.composition.as_ref().map(|composition| composition.place(index));
        let structure = place.map_or_else(|| self.choose_structure(rng), |place| place.structure);
        let optics = &self.structures[structure].optics;
        let optics = place.map_or_else(|| optics[rng.index(optics.len())], |place| place.optics);
        Choice { place, structure, optics }
    }

    /// What stands under the beam in sample `index`: the first numbers of its stream.
    pub(crate) fn scene(&self, index: u64, rng: &mut SampleRng) -> Result<Scene<'_>, LibraryError> {
        let recipe = &self.recipe;
        let Choice { place, structure: which, optics } = self.choose(index, rng);
        let structure = &self.structures[which];
        let imaging = |source| LibraryError::Imaging { structure: structure.title(), source };
        let geometry = |source| LibraryError::Crystal { structure: structure.title(), source };
        let scattering = rng.index(recipe.scattering.len());
        let model = match self.models.get(&(which, optics, scattering)) {
            Some(model) => Arc::clone(model),
            None => {
                let probe = recipe.optics[optics].draw(rng).map_err(ImagingError::from).map_err(imaging)?;
                let elements = structure.elements.iter().copied();
                let model = LinearModel::new(probe, &recipe.scattering[scattering], elements);
                Arc::new(model.map_err(imaging)?)
            }
        };
        let (cell, nearest) = structure.cell(rng);
        let grid = self.draw_grid(place.as_ref(), nearest, rng).map_err(imaging)?;
        let rotation_deg =
            place.map_or_else(|| recipe.image.rotation_deg.value(rng), |place| place.rotation_deg);
        let field = Field {
            width: grid.width_angstrom(),
            height: grid.height_angstrom(),
            margin: model.margin_angstrom(),
            rotation_deg,
            offset: [rng.between(-4.0, 4.0), rng.between(-4.0, 4.0)],
        };
        // The first number that a slab draws.
        let thickness = structure.recipe.thickness_angstrom.value(&mut rng.clone());
        let simulated = self.simulations.get(&(which, optics)).map(|simulation| (simulation, thickness));
        let specimen = structure.specimen(cell.as_deref(), nearest, &field, recipe, rng).map_err(geometry)?;
        Ok(Scene { structure, scattering, model, grid, field, simulated, specimen })
    }

    fn render(
        &self,
        index: u64,
        shot_psnr_db: Option<f64>,
        shift_px: [f64; 2],
    ) -> Result<Rendered<'_>, LibraryError> {
        let mut rng = SampleRng::new(self.seed, index);
        let rng = &mut rng;
        let recipe = &self.recipe;
        let Scene { structure, scattering, model, grid, mut field, simulated, specimen } =
            self.scene(index, rng)?;
        let rotation_deg = field.rotation_deg;
        let Specimen { mut columns, mut support } = specimen;
        for column in columns.iter_mut().chain(&mut support) {
            column.x += shift_px[0] * grid.pixel_x_angstrom;
            column.y += shift_px[1] * grid.pixel_y_angstrom;
        }
        let imaging = |source| LibraryError::Imaging { structure: structure.title(), source };

        let source = match simulated {
            None => Source::Linear(model.spectrum(columns.iter().chain(&support), &grid)),
            Some((simulation, thickness)) => {
                field.offset[0] += shift_px[0] * grid.pixel_x_angstrom;
                field.offset[1] += shift_px[1] * grid.pixel_y_angstrom;
                let results = simulation.results()?;
                let thickness = simulation.nearest(thickness);
                let image = results[thickness].image.clone().with_source(model.probe());
                Source::Simulated { simulation, results, thickness, image, field }
            }
        };
        let mut ideal = source.image(&grid, None);
        let dwell_us = recipe.dose.dwell_us.value(rng);
        let scan = self.draw_scan(&grid, dwell_us, rng);
        let response_px = recipe.detector.response_px.value(rng);
        let mut detector = Detector { response_px, ..Detector::default() };
        // A slow detector drags the image behind the scan; positions mean where the column is seen.
        let delay = detector.delay_px() * grid.pixel_x_angstrom;
        let mut rows = scan.rows(grid.height, rng);
        rows.iter_mut().for_each(|row| row.x_angstrom -= delay);
        let mut scanned = source.image(&grid, Some(&rows));
        let peak = ideal.iter().fold(0.0_f32, |a, b| a.max(*b));
        let scale = if peak > 0.0 { 1.0 / peak } else { 0.0 };
        for image in [&mut ideal, &mut scanned] {
            image.mapv_inplace(|v| (v * scale).max(0.0));
        }
        let background =
            Background { kind: recipe.background.kind(rng), level: recipe.background.level.value(rng) };
        let mut beneath = background.render(&grid, rng);
        let offset = recipe.background.offset.value(rng) as f32;
        beneath.mapv_inplace(|v| v + offset);
        let no_noise = &ideal + &beneath;
        scanned += &beneath;

        let dose = Dose { current_pa: recipe.dose.current_pa.value(rng), dwell_us };
        let guessed = recipe.dose.peak_fraction.value(rng);
        // A simulation knows which part of the beam reaches the detector.
        let peak_fraction = if simulated.is_some() { f64::from(peak) } else { guessed };
        let of_dose = dose.electrons_per_pixel() * peak_fraction;
        // The shot noise's variance is the mean over the electrons at the peak, which is one.
        let peak_electrons = shot_psnr_db.map_or(of_dose, |wanted| {
            f64::from(scanned.mean().unwrap_or(1.0)).max(1e-3) * 10.0_f64.powf(wanted / 10.0)
        });
        detector.read_noise_counts = recipe.detector.read_noise.value(rng) * peak_electrons.sqrt();
        let mut image = expose(&scanned, peak_electrons, &detector, rng).map_err(imaging)?;
        let blur = recipe.detector.blur_px.value(rng);
        if blur > 0.0 {
            blur_in_place(&mut image, blur);
        }

        let mut truth = self.truth(&model, &source, &columns, f64::from(scale), &grid);
        let mut no_noise = no_noise;
        let gamma = recipe.detector.gamma.value(rng);
        let ceiling = recipe.detector.saturation.value(rng);
        let tone = (gamma != 1.0 || ceiling < 1.0).then(|| Tone::new(gamma, ceiling, &no_noise));
        if let Some(tone) = &tone {
            image.mapv_inplace(|v| tone.apply(v));
            let linear = ideal.clone();
            ideal.zip_mut_with(&beneath, |v, b| *v = tone.apply(*v + b) - tone.apply(*b));
            no_noise.mapv_inplace(|v| tone.apply(v));
            truth.follow(&linear, &ideal);
        }
        let radius_px = model.probe().column_radius_angstrom() / grid.pixel_x_angstrom;
        let sigma_px = recipe.labels.sigma_px(grid.pixel_x_angstrom);
        let labels = Labels {
            circular_mask: circular_mask(&truth.spots, radius_px, &grid),
            gaussian_mask: gaussian_mask(&truth.spots, sigma_px, &grid),
            superresolution: superresolution(&truth.all_spots, sigma_px, &grid),
            no_noise,
            no_background_no_noise: ideal,
        };
        let psnr_db = psnr_db(&labels.no_background_no_noise, &image, &labels.no_noise);
        let sample = Sample {
            index,
            grid,
            image,
            columns: truth.columns,
            ignored: truth.ignored,
            radius_px,
            psnr_db,
            settings: SampleSettings {
                material: structure.recipe.material.clone(),
                zone: structure.recipe.zone.clone(),
                form: structure.recipe.form,
                probe: *model.probe(),
                scattering: recipe.scattering[scattering],
                field_of_view_angstrom: grid.width_angstrom(),
                rotation_deg,
                background: background.kind,
                background_level: background.level,
                scan,
                dose,
                peak_electrons,
            },
            labels,
        };
        let Truth { spots, labelled, unlabelled, .. } = truth;
        Ok(Rendered { sample, source, scale, beneath, tone, columns, spots, labelled, unlabelled })
    }

    fn choose_structure(&self, rng: &mut SampleRng) -> usize {
        let mut left = rng.uniform() * self.total_weight;
        for (index, structure) in self.structures.iter().enumerate() {
            left -= structure.recipe.weight;
            if left < 0.0 {
                return index;
            }
        }
        self.structures.len() - 1
    }

    fn draw_grid(
        &self,
        place: Option<&Place>,
        nearest_angstrom: f64,
        rng: &mut SampleRng,
    ) -> Result<Grid, ImagingError> {
        let image = &self.recipe.image;
        let pixel = match (place, &image.field_of_view_angstrom, &image.nearest_distance_px) {
            (Some(place), ..) => place.field_of_view_angstrom / image.width as f64,
            (None, Some(field), _) => field.value(rng) / image.width as f64,
            (None, None, Some(distance)) => nearest_angstrom / distance.value(rng),
            (None, None, None) => 0.1,
        };
        Grid::new(image.width, image.height, pixel)
    }

    fn draw_scan(&self, grid: &Grid, dwell_us: f64, rng: &mut SampleRng) -> ScanNoise {
        let scan = &self.recipe.scan;
        ScanNoise {
            sigma_angstrom: scan.sigma_jitter_angstrom.value(rng),
            mains_hz: scan.mains_hz.value(rng),
            line_time_s: (dwell_us * grid.width as f64 + scan.flyback_us.value(rng)) * 1e-6,
            start_phase_rad: rng.between(0.0, 2.0 * PI),
            xy_phase_rad: rng.between(0.0, 2.0 * PI),
            correlation: scan.correlation.value(rng),
        }
    }

    /// Which columns are labelled, and with what.
    fn truth(
        &self,
        model: &LinearModel,
        source: &Source<'_>,
        columns: &[Column],
        scale: f64,
        grid: &Grid,
    ) -> Truth {
        let pixel_area = grid.pixel_x_angstrom * grid.pixel_y_angstrom;
        let strengths: Vec<f64> = columns.iter().map(|column| model.column_intensity(column)).collect();
        let brightest = strengths.iter().fold(0.0_f64, |a, b| a.max(*b));
        let mut truth = Truth::default();
        for (index, (column, strength)) in columns.iter().zip(strengths).enumerate() {
            let (x, y) = grid.to_pixels(column.x, column.y);
            let intensity = source.column_intensity(column, strength) * scale / pixel_area;
            let spot = Spot { x, y, intensity };
            truth.all_spots.push(spot);
            let labelled = strength >= self.recipe.labels.min_contrast * brightest
                && !column.species.iter().all(|(element, _)| self.omitted.contains(element));
            let inside =
                x >= -0.5 && y >= -0.5 && x < grid.width as f64 - 0.5 && y < grid.height as f64 - 0.5;
            if labelled {
                truth.spots.push(spot);
                if inside {
                    truth.columns.push(TruthColumn {
                        x,
                        y,
                        intensity: spot.intensity,
                        atoms: column.atoms(),
                    });
                    truth.labelled.push(index);
                }
            } else if inside {
                truth.ignored.push(UnlabelledColumn { x, y, contrast: strength / brightest });
                truth.unlabelled.push(index);
            }
        }
        truth
    }
}

/// What a sample shows under which conditions, by their numbers in the recipe.
struct Choice {
    place: Option<Place>,
    structure: usize,
    optics: usize,
}

/// A specimen under a beam.
pub(crate) struct Scene<'a> {
    pub structure: &'a Prepared,
    scattering: usize,
    pub model: Arc<LinearModel>,
    pub grid: Grid,
    field: Field,
    /// The simulation and the thickness \[Å\], for multislice.
    simulated: Option<(&'a Simulated, f64)>,
    pub specimen: Specimen,
}

/// What the ideal image comes from.
enum Source<'a> {
    Linear(Spectrum),
    Simulated {
        simulation: &'a Simulated,
        results: Arc<Vec<Thickness>>,
        thickness: usize,
        image: PeriodicImage,
        field: Field,
    },
}

impl Source<'_> {
    fn image(&self, grid: &Grid, scan: Option<&[RowShift]>) -> Array2<f32> {
        match self {
            Self::Linear(spectrum) => spectrum.image(grid, scan),
            Self::Simulated { simulation, image, field, .. } => simulation.render(image, field, grid, scan),
        }
    }

    /// Integral of a column's image over the plane \[image unit × Å²\], which is `strength` in the linear model; of a
    /// simulation over what is nearest to it.
    fn column_intensity(&self, column: &Column, strength: f64) -> f64 {
        match self {
            Self::Linear(_) => strength,
            Self::Simulated { simulation, results, thickness, field, .. } => {
                simulation.strength(&results[*thickness], field, column)
            }
        }
    }
}

#[derive(Default)]
struct Truth {
    spots: Vec<Spot>,
    all_spots: Vec<Spot>,
    columns: Vec<TruthColumn>,
    ignored: Vec<UnlabelledColumn>,
    /// Which of the specimen's columns `columns` are.
    labelled: Vec<usize>,
    /// Which of them `ignored` are.
    unlabelled: Vec<usize>,
}

/// A sample and what it was made from.
struct Rendered<'a> {
    sample: Sample,
    source: Source<'a>,
    scale: f32,
    beneath: Array2<f32>,
    tone: Option<Tone>,
    columns: Vec<Column>,
    spots: Vec<Spot>,
    labelled: Vec<usize>,
    unlabelled: Vec<usize>,
}

impl Rendered<'_> {
    fn complete(self) -> FullSample {
        let grid = &self.sample.grid;
        let mut bare = self.source.image(&grid.doubled(), None);
        bare.mapv_inplace(|v| (v * self.scale).max(0.0));
        let beneath = double(&self.beneath);
        let mut no_noise = &bare + &beneath;
        if let Some(tone) = &self.tone {
            bare.zip_mut_with(&beneath, |v, b| *v = tone.apply(*v + b) - tone.apply(*b));
            no_noise.mapv_inplace(|v| tone.apply(v));
        }
        let small_radius_px = SMALL_RADIUS * self.sample.radius_px;
        let species = |which: &[usize]| which.iter().map(|i| self.columns[*i].species.clone()).collect();
        FullSample {
            no_noise_2x: no_noise,
            no_background_no_noise_2x: bare,
            small_circular_mask: circular_mask(&self.spots, small_radius_px, grid),
            small_radius_px,
            species: species(&self.labelled),
            ignored_species: species(&self.unlabelled),
            sample: self.sample,
        }
    }
}

impl Truth {
    /// Lets the columns' intensities follow a change of the image's tones, by the change of the
    /// image at their centres.
    fn follow(&mut self, before: &Array2<f32>, after: &Array2<f32>) {
        let (rows, columns) = before.dim();
        let change = |x: f64, y: f64| {
            let at = |v: f64, size: usize| (v.round().max(0.0) as usize).min(size - 1);
            let at = (at(y, rows), at(x, columns));
            if before[at] > 1e-3 { f64::from(after[at] / before[at]) } else { 1.0 }
        };
        for spot in self.spots.iter_mut().chain(&mut self.all_spots) {
            spot.intensity *= change(spot.x, spot.y);
        }
        self.columns.iter_mut().for_each(|c| c.intensity *= change(c.x, c.y));
    }
}

/// What amplifier and display range do to the values: a power law, and a ceiling.
struct Tone {
    unit: f32,
    gamma: f32,
    ceiling: f32,
}

impl Tone {
    /// `gamma` is the exponent, `ceiling` the part of the noiseless image's largest value above
    /// which everything is as bright.
    fn new(gamma: f64, ceiling: f64, no_noise: &Array2<f32>) -> Self {
        let unit = no_noise.iter().fold(f32::MIN_POSITIVE, |a, v| a.max(*v));
        let ceiling = if ceiling < 1.0 { ceiling as f32 } else { f32::INFINITY };
        Self { unit, gamma: gamma as f32, ceiling }
    }

    fn apply(&self, value: f32) -> f32 {
        let part = (value / self.unit).max(0.0);
        self.unit
            * (if self.gamma == 1.0 { part } else { part.powf(self.gamma) })
                .min(self.ceiling.powf(self.gamma))
    }
}

impl OpticsRecipe {
    /// Whether nothing about the probe is left to chance.
    fn is_fixed(&self) -> bool {
        let source = [&self.source_fwhm_angstrom, &self.tail_fraction, &self.tail_fwhm_angstrom];
        self.has_fixed_amplitudes() && source.into_iter().all(is_number)
    }

    /// Whether the lens is the same in all samples; azimuths are always drawn.
    pub(crate) fn has_fixed_lens(&self) -> bool {
        let azimuthal = [&self.astigmatism2_angstrom, &self.coma_angstrom, &self.astigmatism3_angstrom];
        self.has_fixed_amplitudes() && azimuthal.into_iter().all(|draw| draw.bounds() == (0.0, 0.0))
    }

    fn has_fixed_amplitudes(&self) -> bool {
        [
            &self.defocus_angstrom,
            &self.astigmatism2_angstrom,
            &self.coma_angstrom,
            &self.astigmatism3_angstrom,
            &self.c3_mm,
            &self.c5_mm,
        ]
        .into_iter()
        .all(is_number)
    }

    pub(crate) fn draw(&self, rng: &mut SampleRng) -> Result<Probe, adatom_optics::OpticsError> {
        let aberrations = Aberrations {
            defocus_angstrom: self.defocus_angstrom.value(rng),
            astigmatism2_angstrom: self.astigmatism2_angstrom.value(rng),
            astigmatism2_angle_deg: rng.between(0.0, 180.0),
            coma_angstrom: self.coma_angstrom.value(rng),
            coma_angle_deg: rng.between(0.0, 360.0),
            astigmatism3_angstrom: self.astigmatism3_angstrom.value(rng),
            astigmatism3_angle_deg: rng.between(0.0, 120.0),
            c3_mm: self.c3_mm.value(rng),
            c5_mm: self.c5_mm.value(rng),
            ..Default::default()
        };
        let source = self.source_fwhm_angstrom.value(rng);
        let (tails, width) = (self.tail_fraction.value(rng), self.tail_fwhm_angstrom.value(rng));
        Probe::new(self.energy_kv, self.semiangle_mrad, aberrations, source)?.with_tails(tails, width)
    }
}

/// Whether only one value can be drawn.
fn is_number(draw: &crate::Draw) -> bool {
    let (low, high) = draw.bounds();
    low == high
}

/// Separable Gaussian blur with clamped borders.
fn blur_in_place(image: &mut Array2<f32>, sigma: f64) {
    let reach = (3.0 * sigma).ceil() as isize;
    let kernel: Vec<f32> =
        (-reach..=reach).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp() as f32).collect();
    let total: f32 = kernel.iter().sum();
    let mut pass = |by_rows: bool| {
        let lanes = if by_rows { image.rows_mut() } else { image.columns_mut() };
        for mut lane in lanes {
            let before = lane.to_vec();
            for (i, value) in lane.iter_mut().enumerate() {
                *value = kernel
                    .iter()
                    .enumerate()
                    .map(|(k, w)| {
                        let at = (i as isize + k as isize - reach).clamp(0, before.len() as isize - 1);
                        w * before[at as usize]
                    })
                    .sum::<f32>()
                    / total;
            }
        }
    };
    pass(true);
    pass(false);
}

/// Lets glibc keep the memory of a sample for the next: it returns what is freed at the end of its heap beyond twice
/// the largest block that it once had from the system, by default so often that a third of the time goes there.
fn keep_memory() {
    // Just under the largest block that counts.
    drop(std::hint::black_box(Vec::<u8>::with_capacity((32 << 20) - 8192)));
}
