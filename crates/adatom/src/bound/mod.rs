//! What a planned experiment can tell about the columns of a crystal, before it is done.

mod derivatives;
mod kinds;

pub(crate) use derivatives::{derivatives, nearest_image, variance_in_window};

use crate::Error;
use adatom_crystal::{Column, Crystal, Field, ProjectedCell, slab};
use adatom_imaging::{Grid, LinearModel};
use adatom_library::{LibraryError, Material};
use adatom_locate::{Detectability, Information, detection_threshold, displaced_rows};
use adatom_optics::{Aberrations, Parametrisation, Probe, Scattering, cross_section_factor};
use kinds::{Kind, kinds};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Part of its height to which a column has fallen where its window and its neighbourhood end.
const FOOT: f32 = 0.0005;
/// Half the side of such a window at most \[px\].
const MAX_REACH: usize = 120;
/// Places of a column within its pixel that are averaged over \[px\].
const PHASES: [[f64; 2]; 4] = [[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]];
/// Half a window's side from which on the place within a pixel makes no difference: one is enough \[px\].
const FINE: usize = 12;
/// Columns of one make-up that are looked at; they may differ in their neighbours.
const ALIKE: usize = 8;
/// Least number of electrons expected in a pixel, over that at the brightest point.
const DARKEST: f64 = 1e-4;
/// Part of the beam from which on electrons are scattered more than once, so that the model fails.
const TOO_THICK: f64 = 0.3;
/// Chance of a false column in an area the size of one at which the chance to miss columns is given.
const FALSE_ALARMS: f64 = 1e-3;
/// Picometres an ångström.
const PM: f64 = 100.0;

/// A planned experiment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// A built-in material or the path of a CIF file.
    pub structure: String,
    /// Zone axis, such as `110`.
    pub zone: String,
    /// Counter-clockwise turn of the crystal on the screen \[°\].
    pub rotation_deg: f64,
    /// Thickness along the beam \[Å\].
    pub thickness_angstrom: f64,
    /// Atoms closer than this in projection make one column \[Å\].
    pub merge_angstrom: f64,
    /// Beam energy \[kV\].
    pub energy_kv: f64,
    /// Convergence semi-angle \[mrad\].
    pub semiangle_mrad: f64,
    /// The lens's aberrations.
    pub aberrations: Aberrations,
    /// Full width at half maximum of the source's image \[Å\].
    pub source_fwhm_angstrom: f64,
    /// Inner and outer semi-angle of the detector \[mrad\].
    pub detector_mrad: [f64; 2],
    /// Part of the beam that the brightest point scatters onto the detector; estimated if not given.
    pub peak_fraction: Option<f64>,
    /// Pixel size along x and y \[Å\].
    pub pixel_angstrom: [f64; 2],
    /// A constant background in units of the brightest point.
    pub background: f64,
    /// Root-mean-square displacement of the rows along x and along y, each row's independent \[Å\].
    pub jitter_angstrom: f64,
    /// Electrons of the beam on the specimen \[1/Å²\].
    pub doses: Vec<f64>,
}

/// What it can tell.
#[derive(Debug, Clone, Serialize)]
pub struct ExperimentBound {
    /// The experiment.
    pub experiment: Experiment,
    /// Part of the beam that the brightest point scatters onto the detector.
    pub peak_fraction: f64,
    /// The chance of a false column in an area of 2πσ², σ the column's width, at which `missed` holds.
    pub false_alarms: f64,
    /// By dose, then by kind of column, the brightest first.
    pub results: Vec<KindBound>,
    /// Things the user should know.
    pub warnings: Vec<String>,
}

/// Columns of one make-up at one dose. Standard deviations are along x and along y; they and the chance are
/// means over the columns of the kind and their places within a pixel.
#[derive(Debug, Clone, Serialize)]
pub struct KindBound {
    /// Electrons of the beam \[1/Å²\].
    pub dose: f64,
    /// Its elements, the heaviest first, such as `Ti/O`; with their number a repeat where that tells kinds apart.
    pub kind: String,
    /// Atoms in a column by element.
    pub atoms: BTreeMap<&'static str, f64>,
    /// Electrons detected of a column, background excepted.
    pub electrons: f64,
    /// The Cramér–Rao bound of counting noise \[pm\].
    pub bound_pm: [f64; 2],
    /// What displaced rows add to an estimate that reaches it and knows nothing of rows \[pm\].
    pub jitter_pm: [f64; 2],
    /// Both \[pm\].
    pub total_pm: [f64; 2],
    /// Frames whose mean is known to 1 pm along either direction, (σ / 1 pm)².
    pub frames_for_1_pm: f64,
    /// The chance not to see such a column where it is, by the filter matched to it.
    pub missed: f64,
}

/// Computes the bounds of an experiment by the linear imaging model.
///
/// # Errors
/// When the crystal or a setting can't be used.
pub fn bound(experiment: &Experiment) -> Result<ExperimentBound, Error> {
    check(experiment)?;
    let Material::Crystal(crystal) = Material::open(&experiment.structure)? else {
        return Err(Error::Setting {
            name: "structure",
            value: experiment.structure.clone(),
            expected: "a crystal",
        });
    };
    let scene = Scene::new(experiment, &crystal)?;
    let fraction = match experiment.peak_fraction {
        Some(fraction) => fraction,
        None => scene.scattered()?,
    };
    let mut warnings = Vec::new();
    if fraction > TOO_THICK {
        warnings.push(format!(
            "{:.0} % of the beam would be scattered onto the detector: the specimen is too thick for the linear model",
            100.0 * fraction
        ));
    }
    let measured =
        kinds(&scene.cell).into_iter().map(|kind| scene.measure(kind)).collect::<Result<Vec<_>, _>>()?;
    let threshold = detection_threshold(FALSE_ALARMS);
    let [px, py] = experiment.pixel_angstrom;
    let results = experiment.doses.iter().flat_map(|&dose| {
        let electrons = dose * px * py * fraction;
        measured.iter().map(move |kind| kind.at(dose, electrons, threshold))
    });
    let results = results.collect();
    let experiment = experiment.clone();
    Ok(ExperimentBound { experiment, peak_fraction: fraction, false_alarms: FALSE_ALARMS, results, warnings })
}

fn check(experiment: &Experiment) -> Result<(), Error> {
    let positive = f64::MIN_POSITIVE;
    let mut numbers = vec![
        ("thickness", experiment.thickness_angstrom, 0.1, 1e4, "0.1 to 10000 Å"),
        ("background", experiment.background, 0.0, 100.0, "0 to 100"),
        ("jitter", experiment.jitter_angstrom, 0.0, 10.0, "0 to 10 Å"),
        ("peak fraction", experiment.peak_fraction.unwrap_or(1.0), positive, 1.0, "above 0 and at most 1"),
    ];
    numbers.extend(
        experiment.doses.iter().map(|dose| ("dose", *dose, positive, 1e12, "above 0 and at most 1e12")),
    );
    for (name, value, low, high, expected) in numbers {
        if !(low..=high).contains(&value) {
            return Err(Error::Setting { name, value: value.to_string(), expected });
        }
    }
    Ok(())
}

/// The crystal under the beam.
struct Scene<'a> {
    experiment: &'a Experiment,
    title: String,
    cell: ProjectedCell,
    model: LinearModel,
    /// A window around one column.
    grid: Grid,
    reach: usize,
    /// The brightest point of the ideal image \[object function\].
    peak: f32,
}

/// A kind of column, whose numbers are those at one electron at the brightest point.
struct Measured {
    kind: Kind,
    atoms: BTreeMap<&'static str, f64>,
    electrons: f64,
    bound_pm: [f64; 2],
    jitter_pm: [f64; 2],
    detectability: Vec<Detectability>,
}

impl<'a> Scene<'a> {
    fn new(experiment: &'a Experiment, crystal: &Crystal) -> Result<Self, Error> {
        let title = format!("{} [{}]", experiment.structure, experiment.zone);
        let of_crystal = |source| LibraryError::Crystal { structure: title.clone(), source };
        let of_image = |source| LibraryError::Imaging { structure: title.clone(), source };
        let zone = experiment.zone.parse().map_err(of_crystal)?;
        let cell = ProjectedCell::new(crystal, zone, experiment.merge_angstrom).map_err(of_crystal)?;
        let model = model(experiment, &cell, &Scattering::default(), &title)?;
        let [x, y] = experiment.pixel_angstrom;
        let widest = (model.margin_angstrom() / x.min(y)).ceil() as usize;
        let window = |reach: usize| -> Result<Grid, Error> {
            Ok(Grid { pixel_y_angstrom: y, ..Grid::new(2 * reach + 1, 2 * reach + 1, x).map_err(of_image)? })
        };
        let mut scene =
            Self { experiment, title: title.clone(), cell, model, grid: window(0)?, reach: 0, peak: 1.0 };
        for reach in 2..=widest.min(MAX_REACH) {
            (scene.grid, scene.reach) = (window(reach)?, reach);
            if scene.fits()? {
                break;
            }
            if reach == MAX_REACH {
                return Err(Error::Setting {
                    name: "pixel size",
                    value: format!("{x} × {y} Å"),
                    expected: "coarse enough for a column to fit into 240 pixels",
                });
            }
        }
        let images = (0..scene.cell.columns.len()).map(|index| {
            let columns = scene.columns(index, [0.0; 2])?;
            let image = scene.model.spectrum(&columns, &scene.grid).image(&scene.grid, None);
            Ok(image.iter().fold(0.0_f32, |a, b| a.max(*b)))
        });
        scene.peak =
            images.collect::<Result<Vec<f32>, Error>>()?.into_iter().fold(f32::MIN_POSITIVE, f32::max);
        Ok(scene)
    }

    /// The columns of a field in whose middle a column of the cell stands, off the middle pixel's centre by
    /// `phase` \[px\]; that column comes first.
    fn columns(&self, index: usize, phase: [f64; 2]) -> Result<Vec<Column>, Error> {
        let grid = &self.grid;
        let mut field = Field {
            margin: self.model.margin_angstrom(),
            rotation_deg: self.experiment.rotation_deg,
            ..Field::new(grid.width_angstrom(), grid.height_angstrom())
        };
        let own = &self.cell.columns[index];
        let (at, centre) = (field.to_image([own.x, own.y]), field.center());
        let pixel = [grid.pixel_x_angstrom, grid.pixel_y_angstrom];
        let place = [0, 1].map(|axis| centre[axis] + phase[axis] * pixel[axis]);
        field.offset = [0, 1].map(|axis| place[axis] - at[axis]);
        let of_crystal = |source| LibraryError::Crystal { structure: self.title.clone(), source };
        let mut columns = slab(&self.cell, &field, self.experiment.thickness_angstrom).map_err(of_crystal)?;
        columns.sort_by(|a, b| {
            let off = |c: &Column| (c.x - place[0]).hypot(c.y - place[1]);
            off(a).total_cmp(&off(b))
        });
        Ok(columns)
    }

    /// Whether columns have fallen to their foot at the window's edges.
    fn fits(&self) -> Result<bool, Error> {
        let columns = self.columns(0, [0.0; 2])?;
        let image = self.image(&columns[0])?.value;
        let (middle, last) = (self.reach, 2 * self.reach);
        let foot = FOOT * image[(middle, middle)];
        Ok(image[(middle, last)] <= foot && image[(last, middle)] <= foot)
    }

    fn image(&self, column: &Column) -> Result<adatom_imaging::ColumnImage, Error> {
        let of_image = |source| LibraryError::Imaging { structure: self.title.clone(), source };
        let mut image = self.model.column_image(column, &self.grid, self.reach).map_err(of_image)?;
        let parts = std::iter::once(&mut image.value).chain(&mut image.by);
        parts.for_each(|part| part.mapv_inplace(|v| v / self.peak));
        Ok(image)
    }

    /// Part of the beam that the brightest point scatters onto the detector: each atom's elastic cross-section
    /// for the detector's angles, times the probe's density there.
    fn scattered(&self) -> Result<f64, Error> {
        let [inner_mrad, outer_mrad] = self.experiment.detector_mrad;
        let parametrisation = Parametrisation::default();
        let scattering = Scattering::AnnularCrossSection { parametrisation, inner_mrad, outer_mrad };
        let model = model(self.experiment, &self.cell, &scattering, &self.title)?;
        let mut peak = 0.0_f32;
        for index in 0..self.cell.columns.len() {
            let columns = self.columns(index, [0.0; 2])?;
            let image = model.spectrum(&columns, &self.grid).image(&self.grid, None);
            peak = image.iter().fold(peak, |a, b| a.max(*b));
        }
        Ok(f64::from(peak) * cross_section_factor(self.experiment.energy_kv))
    }

    fn measure(&self, kind: Kind) -> Result<Measured, Error> {
        let first = self.columns(kind.members[0], [0.0; 2])?;
        let of_column = &first[0];
        let pixel = self.experiment.pixel_angstrom;
        let area = pixel[0] * pixel[1];
        let (mut bound2, mut jitter2, mut detectability) = ([0.0; 2], [0.0; 2], Vec::new());
        for &member in kind.members.iter().take(ALIKE) {
            for phase in if self.reach < FINE { &PHASES[..] } else { &PHASES[..1] } {
                let undetermined = || Error::Setting {
                    name: "pixel size",
                    value: format!("{} × {} Å", pixel[0], pixel[1]),
                    expected: "small enough to tell columns and their neighbours apart",
                };
                let seen = self.look(member, *phase)?.ok_or_else(undetermined)?;
                for axis in 0..2 {
                    bound2[axis] += (seen.std_px[axis] * pixel[axis] * PM).powi(2);
                    jitter2[axis] += (seen.rows_px[axis] * pixel[axis] * PM).powi(2);
                }
                detectability.push(seen.detectability);
            }
        }
        let root = |sum: f64| (sum / detectability.len() as f64).sqrt();
        Ok(Measured {
            atoms: of_column.species.iter().map(|(element, n)| (element.symbol(), *n)).collect(),
            electrons: self.model.column_intensity(of_column) / f64::from(self.peak) / area,
            bound_pm: bound2.map(root),
            jitter_pm: jitter2.map(root),
            kind,
            detectability,
        })
    }

    /// One column at one place; `None` if the pixels don't determine it.
    fn look(&self, index: usize, phase: [f64; 2]) -> Result<Option<Seen>, Error> {
        let (grid, reach) = (&self.grid, self.reach as f64);
        let columns = self.columns(index, phase)?;
        let own = self.image(&columns[0])?;
        let near = |column: &&Column| {
            let (x, y) = grid.to_pixels(column.x, column.y);
            (x - own.x).abs() <= reach && (y - own.y).abs() <= reach
        };
        let near =
            columns[1..].iter().filter(near).map(|c| self.image(c)).collect::<Result<Vec<_>, Error>>()?;
        let mut unknown = derivatives(&own, near.iter());
        unknown.push(Array2::ones(own.value.dim()));
        let spectrum = self.model.spectrum(&columns, grid);
        let in_peaks = |image: Array2<f32>| image.mapv(|v| f64::from(v / self.peak));
        let slopes = spectrum.derivatives(grid).map(in_peaks);
        let expected = in_peaks(spectrum.image(grid, None))
            .mapv(|v| (v.max(0.0) + self.experiment.background).max(DARKEST));
        let Some(information) = Information::new(&unknown, &expected) else { return Ok(None) };
        let pixel = self.experiment.pixel_angstrom;
        let jitter = pixel.map(|side| self.experiment.jitter_angstrom / side);
        let rows_px = [0, 1].map(|axis| displaced_rows(&information.weights(axis), &slopes, jitter));
        let std_px = [0, 1].map(|axis| information.std(axis));
        let column = own.value.mapv(|v| f64::from(v.max(0.0)));
        let without = (&expected - &column).mapv(|v| v.max(DARKEST));
        let detectability = Detectability::new(&column, &unknown[3..], &without);
        Ok(detectability.map(|detectability| Seen { std_px, rows_px, detectability }))
    }
}

/// A column's bound and floor \[px\] along x and y, and its height's, at one electron at the brightest point.
struct Seen {
    std_px: [f64; 2],
    rows_px: [f64; 2],
    detectability: Detectability,
}

impl Measured {
    /// With so many electrons a pixel at the brightest point.
    fn at(&self, dose: f64, electrons: f64, threshold: f64) -> KindBound {
        let bound_pm = self.bound_pm.map(|bound| bound / electrons.sqrt());
        let total_pm = [0, 1].map(|axis| bound_pm[axis].hypot(self.jitter_pm[axis]));
        let missed = self.detectability.iter().map(|d| d.missed(electrons, threshold)).sum::<f64>();
        KindBound {
            dose,
            kind: self.kind.name.clone(),
            atoms: self.atoms.clone(),
            electrons: electrons * self.electrons,
            bound_pm,
            jitter_pm: self.jitter_pm,
            total_pm,
            frames_for_1_pm: total_pm[0].max(total_pm[1]).powi(2),
            missed: missed / self.detectability.len() as f64,
        }
    }
}

/// The imaging model of a cell's elements.
fn model(
    experiment: &Experiment,
    cell: &ProjectedCell,
    scattering: &Scattering,
    title: &str,
) -> Result<LinearModel, Error> {
    let of_image = |source| LibraryError::Imaging { structure: title.to_owned(), source };
    let probe = Probe::new(
        experiment.energy_kv,
        experiment.semiangle_mrad,
        experiment.aberrations,
        experiment.source_fwhm_angstrom,
    )
    .map_err(|source| of_image(source.into()))?;
    let elements = cell.columns.iter().flat_map(|c| c.species.iter().map(|(element, _)| *element));
    Ok(LinearModel::new(probe, scattering, elements).map_err(of_image)?)
}
