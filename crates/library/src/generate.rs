use crate::materials::material_text;
use crate::motif::{self, random_cell};
use crate::recipe::hex;
use crate::{
    Form, Labels, LibraryError, Material, OpticsRecipe, Recipe, Sample, SampleSettings, StructureRecipe,
    TruthColumn, UnlabelledColumn, psnr_db,
};
use adatom_crystal::{
    AmorphousSheet, Cluster, Column, Crystal, CrystalError, Element, Facets, Field, ProjectedCell, ZoneAxis,
    amorphous_graphene, cluster, monolayer, nanoparticle, slab,
};
use adatom_imaging::{
    Background, Detector, Dose, Grid, ImagingError, LinearModel, SampleRng, ScanNoise, Spot, circular_mask,
    expose, gaussian_mask, superresolution,
};
use adatom_optics::{Aberrations, Probe};
use ndarray::Array2;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

/// Side of a generated amorphous sheet's period \[Å\].
const SHEET_ANGSTROM: f64 = 36.0;
/// Amorphous sheets to choose from.
const SHEETS: u64 = 3;

/// A recipe with its crystals read and its optics computed, ready to render samples.
pub struct Generator {
    recipe: Recipe,
    seed: u64,
    identity: String,
    omitted: BTreeSet<Element>,
    structures: Vec<Prepared>,
    total_weight: f64,
    /// Models whose settings are not drawn anew for each sample, by structure, optics, scattering.
    models: BTreeMap<(usize, usize, usize), LinearModel>,
}

/// A structure of the recipe, ready to be imaged.
struct Prepared {
    recipe: StructureRecipe,
    source: Source,
    optics: Vec<usize>,
    elements: BTreeSet<Element>,
    /// Distance of nearest labelled columns \[Å\]; zero when it is drawn with the structure.
    nearest_angstrom: f64,
}

enum Source {
    Crystal { crystal: Box<Crystal>, zone: ZoneAxis, cell: Box<ProjectedCell> },
    Sheets(Vec<AmorphousSheet>),
    RandomLattice,
}

impl Generator {
    /// Reads the recipe's crystals and computes its fixed optics.
    ///
    /// # Errors
    /// When a CIF, a zone axis or an imaging condition can't be used.
    pub fn new(recipe: Recipe, seed: u64) -> Result<Self, LibraryError> {
        let omitted = recipe
            .labels
            .unlabelled_elements
            .iter()
            .map(|symbol| {
                Element::from_symbol(symbol).map_err(|_| LibraryError::Value {
                    recipe: recipe.name.clone(),
                    key: "labels.unlabelled_elements".to_owned(),
                    message: format!("{symbol} is no element"),
                })
            })
            .collect::<Result<BTreeSet<_>, _>>()?;
        let mut structures = Vec::new();
        let mut models = BTreeMap::new();
        let mut identity = Sha256::new_with_prefix(recipe.hash());
        for structure in &recipe.structure {
            identity.update(material_text(&structure.material)?.as_bytes());
            let prepared = prepare(structure, &recipe, &omitted)?;
            for &optics in &prepared.optics {
                for (scattering, object) in recipe.scattering.iter().enumerate() {
                    // Drawn optics are tried once, so that a bad setting shows before the first sample.
                    let fixed = recipe.optics[optics].is_fixed();
                    let model = recipe.optics[optics]
                        .draw(&mut SampleRng::new(0, 0))
                        .map_err(ImagingError::from)
                        .and_then(|probe| LinearModel::new(probe, object, prepared.elements.iter().copied()))
                        .map_err(|source| LibraryError::Imaging { structure: prepared.title(), source })?;
                    if fixed {
                        models.insert((structures.len(), optics, scattering), model);
                    }
                }
            }
            structures.push(prepared);
        }
        let total_weight = structures.iter().map(|s| s.recipe.weight).sum();
        let identity = hex(&identity.finalize());
        Ok(Self { recipe, seed, identity, omitted, structures, total_weight, models })
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

    /// Renders sample `index`.
    ///
    /// # Errors
    /// When the recipe asks for a geometry or a probe that can't be computed.
    pub fn sample(&self, index: u64) -> Result<Sample, LibraryError> {
        let mut rng = SampleRng::new(self.seed, index);
        let rng = &mut rng;
        let recipe = &self.recipe;
        let which = self.choose_structure(rng);
        let structure = &self.structures[which];
        let imaging = |source| LibraryError::Imaging { structure: structure.title(), source };
        let geometry = |source| LibraryError::Crystal { structure: structure.title(), source };

        let optics = structure.optics[rng.index(structure.optics.len())];
        let scattering = rng.index(recipe.scattering.len());
        let drawn;
        let model = match self.models.get(&(which, optics, scattering)) {
            Some(model) => model,
            None => {
                let probe = recipe.optics[optics].draw(rng).map_err(ImagingError::from).map_err(imaging)?;
                let elements = structure.elements.iter().copied();
                drawn = LinearModel::new(probe, &recipe.scattering[scattering], elements).map_err(imaging)?;
                &drawn
            }
        };

        let random;
        let (cell, nearest) = match &structure.source {
            Source::RandomLattice => {
                random = random_cell(rng);
                (Some(&random.0), random.1)
            }
            Source::Crystal { cell, .. } => (Some(cell.as_ref()), structure.nearest_angstrom),
            Source::Sheets(_) => (None, structure.nearest_angstrom),
        };
        let grid = self.draw_grid(nearest, rng).map_err(imaging)?;
        let rotation_deg = recipe.image.rotation_deg.value(rng);
        let field = Field {
            width: grid.width_angstrom(),
            height: grid.height_angstrom(),
            margin: model.margin_angstrom(),
            rotation_deg,
            offset: [rng.between(-4.0, 4.0), rng.between(-4.0, 4.0)],
        };
        let columns = structure.columns(cell, &field, recipe.labels.merge_angstrom, rng).map_err(geometry)?;

        let spectrum = model.spectrum(&columns, &grid);
        let mut ideal = spectrum.image(&grid, None);
        let dwell_us = recipe.dose.dwell_us.value(rng);
        let scan = self.draw_scan(&grid, dwell_us, rng);
        let response_px = recipe.detector.response_px.value(rng);
        let mut detector = Detector { response_px, ..Detector::default() };
        // A slow detector drags the image behind the scan; positions mean where the column is seen.
        let delay = detector.delay_px() * grid.pixel_x_angstrom;
        let mut rows = scan.rows(grid.height, rng);
        rows.iter_mut().for_each(|row| row.x_angstrom -= delay);
        let mut scanned = spectrum.image(&grid, Some(&rows));
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
        let peak_electrons = dose.electrons_per_pixel() * recipe.dose.peak_fraction.value(rng);
        detector.read_noise_counts = recipe.detector.read_noise.value(rng) * peak_electrons.sqrt();
        let mut image = expose(&scanned, peak_electrons, &detector, rng).map_err(imaging)?;
        let blur = recipe.detector.blur_px.value(rng);
        if blur > 0.0 {
            blur_in_place(&mut image, blur);
        }

        let truth = self.truth(model, &columns, f64::from(scale), &grid);
        let radius_px = model.probe().column_radius_angstrom() / grid.pixel_x_angstrom;
        let sigma_px = recipe.labels.gaussian_sigma_px.unwrap_or_else(|| {
            recipe.labels.gaussian_fwhm_angstrom / (8.0 * 2.0_f64.ln()).sqrt() / grid.pixel_x_angstrom
        });
        let labels = Labels {
            circular_mask: circular_mask(&truth.spots, radius_px, &grid),
            gaussian_mask: gaussian_mask(&truth.spots, sigma_px, &grid),
            superresolution: superresolution(&truth.all_spots, sigma_px, &grid),
            no_noise,
            no_background_no_noise: ideal,
        };
        let psnr_db = psnr_db(&labels.no_background_no_noise, &image, &labels.no_noise);
        Ok(Sample {
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
        })
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

    fn draw_grid(&self, nearest_angstrom: f64, rng: &mut SampleRng) -> Result<Grid, ImagingError> {
        let image = &self.recipe.image;
        let pixel = match (&image.field_of_view_angstrom, &image.nearest_distance_px) {
            (Some(field), _) => field.value(rng) / image.width as f64,
            (None, Some(distance)) => nearest_angstrom / distance.value(rng),
            (None, None) => 0.1,
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
        }
    }

    /// Which columns are labelled, and with what.
    fn truth(&self, model: &LinearModel, columns: &[Column], scale: f64, grid: &Grid) -> Truth {
        let pixel_area = grid.pixel_x_angstrom * grid.pixel_y_angstrom;
        let strengths: Vec<f64> = columns.iter().map(|column| model.column_intensity(column)).collect();
        let brightest = strengths.iter().fold(0.0_f64, |a, b| a.max(*b));
        let mut truth =
            Truth { spots: Vec::new(), all_spots: Vec::new(), columns: Vec::new(), ignored: Vec::new() };
        for (column, strength) in columns.iter().zip(&strengths) {
            let (x, y) = grid.to_pixels(column.x, column.y);
            let spot = Spot { x, y, intensity: strength * scale / pixel_area };
            truth.all_spots.push(spot);
            let labelled = *strength >= self.recipe.labels.min_contrast * brightest
                && !column.species.iter().all(|(element, _)| self.omitted.contains(element));
            let inside =
                x >= -0.5 && y >= -0.5 && x < grid.width as f64 - 0.5 && y < grid.height as f64 - 0.5;
            if labelled {
                truth.spots.push(spot);
                if inside {
                    truth.columns.push(TruthColumn { x, y, intensity: spot.intensity });
                }
            } else if inside {
                truth.ignored.push(UnlabelledColumn { x, y, contrast: strength / brightest });
            }
        }
        truth
    }
}

struct Truth {
    spots: Vec<Spot>,
    all_spots: Vec<Spot>,
    columns: Vec<TruthColumn>,
    ignored: Vec<UnlabelledColumn>,
}

impl OpticsRecipe {
    /// Whether nothing about the probe is left to chance.
    fn is_fixed(&self) -> bool {
        let draws = [
            &self.source_fwhm_angstrom,
            &self.defocus_angstrom,
            &self.astigmatism2_angstrom,
            &self.coma_angstrom,
            &self.astigmatism3_angstrom,
            &self.c3_mm,
            &self.c5_mm,
        ];
        draws.iter().all(|draw| {
            let (low, high) = draw.bounds();
            low == high
        })
    }

    fn draw(&self, rng: &mut SampleRng) -> Result<Probe, adatom_optics::OpticsError> {
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
        };
        Probe::new(self.energy_kv, self.semiangle_mrad, aberrations, self.source_fwhm_angstrom.value(rng))
    }
}

impl Prepared {
    fn title(&self) -> String {
        format!("{} [{}]", self.recipe.material, self.recipe.zone)
    }

    /// The columns of one sample.
    fn columns(
        &self,
        cell: Option<&ProjectedCell>,
        field: &Field,
        merge_angstrom: f64,
        rng: &mut SampleRng,
    ) -> Result<Vec<Column>, CrystalError> {
        let recipe = &self.recipe;
        let Some(cell) = cell else {
            let Source::Sheets(sheets) = &self.source else { return Ok(Vec::new()) };
            let shift = [rng.between(0.0, SHEET_ANGSTROM), rng.between(0.0, SHEET_ANGSTROM)];
            return sheets[rng.index(sheets.len())].columns(&Field { offset: shift, ..*field });
        };
        let thickness = recipe.thickness_angstrom.value(rng);
        match (recipe.form, &self.source) {
            (Form::Monolayer, _) => monolayer(cell, field),
            (Form::Cluster, _) => {
                let radius = recipe.radius_of_field.value(rng) * field.width;
                let centre = |extent: f64, rng: &mut SampleRng| extent * rng.between(0.25, 0.75);
                let shape = Cluster {
                    center: [centre(field.width, rng), centre(field.height, rng)],
                    radius,
                    max_thickness: thickness,
                    taper: radius * rng.between(0.3, 1.0),
                    irregularity: rng.between(0.05, 0.4),
                    seed: rng.bits(),
                };
                cluster(cell, field, &shape)
            }
            (Form::Particle, Source::Crystal { crystal, zone, .. }) => {
                let d111 = recipe.d111_of_field.value(rng) * field.width;
                let facets = Facets {
                    d111,
                    d100: d111 * recipe.d100_over_d111.value(rng),
                    d110: d111 * recipe.d110_over_d111.value(rng),
                };
                nanoparticle(crystal, *zone, &facets, field, merge_angstrom)
            }
            _ => slab(cell, field, thickness),
        }
    }
}

fn prepare(
    structure: &StructureRecipe,
    recipe: &Recipe,
    omitted: &BTreeSet<Element>,
) -> Result<Prepared, LibraryError> {
    let title = format!("{} [{}]", structure.material, structure.zone);
    let material = Material::open(&structure.material)?;
    let fits = match material {
        Material::Crystal(_) => true,
        Material::AmorphousGraphene => structure.form == Form::Monolayer,
        Material::RandomLattice => structure.form != Form::Particle,
    };
    if !fits {
        return Err(LibraryError::Value {
            recipe: recipe.name.clone(),
            key: format!("structure {title}.form"),
            message: "amorphous graphene is a monolayer, and a random lattice has no facets for a particle"
                .to_owned(),
        });
    }
    let geometry = |source| LibraryError::Crystal { structure: title.clone(), source };
    let (source, elements, nearest) = match material {
        Material::AmorphousGraphene => {
            let sheets = (0..SHEETS)
                .map(|seed| amorphous_graphene(SHEET_ANGSTROM, seed))
                .collect::<Result<Vec<_>, _>>()
                .map_err(geometry)?;
            (Source::Sheets(sheets), [Element::CARBON].into_iter().collect(), 1.42)
        }
        Material::RandomLattice => (Source::RandomLattice, motif::elements().collect(), 0.0),
        Material::Crystal(crystal) => {
            let zone: ZoneAxis = structure.zone.parse().map_err(geometry)?;
            let cell = ProjectedCell::new(&crystal, zone, recipe.labels.merge_angstrom).map_err(geometry)?;
            let elements =
                cell.columns.iter().flat_map(|c| c.species.iter().map(|(element, _)| *element)).collect();
            let nearest = nearest_labelled(&cell, omitted);
            (Source::Crystal { crystal, zone, cell: Box::new(cell) }, elements, nearest)
        }
    };
    let optics = (0..recipe.optics.len())
        .filter(|i| structure.optics.is_empty() || structure.optics.contains(&recipe.optics[*i].id))
        .collect();
    Ok(Prepared { recipe: structure.clone(), source, optics, elements, nearest_angstrom: nearest })
}

/// Shortest distance between columns that get a label \[Å\].
fn nearest_labelled(cell: &ProjectedCell, omitted: &BTreeSet<Element>) -> f64 {
    let labelled = |species: &[(Element, f64)]| !species.iter().all(|(element, _)| omitted.contains(element));
    let mut labelled_cell = cell.clone();
    labelled_cell.columns.retain(|column| labelled(&column.species));
    if labelled_cell.columns.is_empty() { cell.nearest_distance() } else { labelled_cell.nearest_distance() }
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
