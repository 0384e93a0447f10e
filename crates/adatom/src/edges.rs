//! How well the last columns of a particle are found, where its thickness falls to single atoms: Fig. 9 of the
//! paper, from simulated images whose truth is known.

use crate::bound::{derivatives, nearest_image, variance_in_window};
use crate::evaluate::{column_sigma_px, required, score_positions, score_sample};
use crate::{Error, LoadedModel, Localiser, LocateSettings, locate};
use adatom_imaging::ColumnImage;
use adatom_library::{Draw, Form, Generator, Recipe, Sample, TruthColumn};
use adatom_locate::{Detectability, detection_threshold, median_nearest_distance};
use ndarray::Array2;
use serde::Serialize;

/// What is imaged: material and zone axis, each as a faceted particle and as a cluster with a tapered edge.
const STRUCTURES: [(&str, &str); 3] = [("Pt", "110"), ("PtFe", "110"), ("Au", "110")];
/// Widths of the fields \[Å\], those of the paper's library that show a particle with its edge.
const FIELDS_ANGSTROM: [f64; 3] = [20.0, 30.0, 40.0];
/// The localisers that are compared.
const METHODS: [Localiser; 2] = [Localiser::Centroid, Localiser::Otsu];
/// Least numbers of atoms of the ranges of thickness.
const ATOMS: [usize; 7] = [1, 2, 3, 4, 5, 7, 11];
/// Columns of at most so many atoms are surface columns.
const SURFACE_ATOMS: f64 = 2.0;
/// Part of the distance of nearest columns beyond which there is vacuum around a column.
const VACUUM: f64 = 0.5;
/// Half a column's window, in its widths.
const REACH: f64 = 5.0;
/// Chance of a false column in an area the size of one, of the filter that recall is compared with.
const FALSE_ALARMS: f64 = 1e-3;

/// What a figure of the paper is measured on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FigureSettings {
    /// PSNR of the shot noise alone \[dB\].
    pub psnr_db: f64,
    /// Samples of every kind.
    pub count: u64,
    /// Their seed.
    pub seed: u64,
    /// Score below which a column isn't reported.
    pub threshold: f64,
}

impl FigureSettings {
    /// How a localiser finds the columns.
    pub(crate) fn by(&self, method: Localiser) -> LocateSettings {
        LocateSettings { method, threshold: self.threshold, ..LocateSettings::default() }
    }
}

/// How well surface columns are found.
#[derive(Debug, Clone, Serialize)]
pub struct Edges {
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// What was measured.
    #[serde(flatten)]
    pub settings: FigureSettings,
    /// By structure, `all` last, and localiser.
    pub groups: Vec<EdgeGroup>,
}

/// One localiser on one structure.
#[derive(Debug, Clone, Serialize)]
pub struct EdgeGroup {
    /// Material and zone axis, or `all`.
    pub structure: String,
    /// The localiser.
    pub method: &'static str,
    /// Columns that had to be found.
    pub columns: usize,
    /// Found columns that no column is within half a spacing of: in vacuum.
    pub invented_in_vacuum: usize,
    /// The same for each 1,000 columns.
    pub invented_per_1000: f64,
    /// Other found columns that are none: beside a true one, or one seen twice.
    pub invented_elsewhere: usize,
    /// Part of the columns of one and two atoms that was found.
    pub surface_recall: f64,
    /// By thickness.
    pub thickness: Vec<EdgeThickness>,
}

/// Columns of a range of thickness.
#[derive(Debug, Clone, Serialize)]
pub struct EdgeThickness {
    /// Least number of atoms.
    pub atoms_least: usize,
    /// Largest number, if there is one.
    pub atoms_most: Option<usize>,
    /// Columns that had to be found.
    pub columns: usize,
    /// Those that were.
    pub found: usize,
    /// Part that was.
    pub recall: f64,
    /// Part that the filter matched to the column would find at its known place, at one false column in a
    /// thousand areas the size of one.
    pub ideal: f64,
}

#[derive(Clone, Default)]
struct Sums {
    /// By thickness: columns, those found, and the sum of the ideal chances.
    thickness: [(usize, usize, f64); ATOMS.len()],
    surface: [usize; 2],
    in_vacuum: usize,
    elsewhere: usize,
}

/// Runs the localisers on samples at a PSNR of the shot noise, everything else as in the paper's library.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn edges(
    settings: &FigureSettings,
    model: &LoadedModel,
    progress: &mut dyn FnMut(f64),
) -> Result<Edges, Error> {
    let mut groups = Vec::new();
    let mut all = [Sums::default(), Sums::default()];
    let steps = (STRUCTURES.len() as u64 * 2 * settings.count) as f64;
    let mut done = 0.0;
    for (material, zone) in STRUCTURES {
        let mut sums = [Sums::default(), Sums::default()];
        for form in [Form::Particle, Form::Cluster] {
            let generator = Generator::new(recipe(material, zone, form)?, settings.seed)?;
            for index in 0..settings.count {
                let sample = generator.sample_at(index, settings.psnr_db)?;
                let ideal = ideal(&sample, &generator)?;
                for (method, sums) in METHODS.iter().zip(&mut sums) {
                    let located = locate(&sample.image, None, model, &settings.by(*method), &mut |_| {})?;
                    let found: Vec<(f64, f64)> = located.columns.iter().map(|c| (c.x, c.y)).collect();
                    sums.count(&sample, &found, &ideal);
                }
                done += 1.0;
                progress(done / steps);
            }
        }
        let name = format!("{material} [{zone}]");
        for ((method, sums), all) in METHODS.iter().zip(&sums).zip(&mut all) {
            groups.push(sums.group(&name, method.name()));
            all.add(sums);
        }
    }
    groups.extend(METHODS.iter().zip(&all).map(|(method, sums)| sums.group("all", method.name())));
    Ok(Edges { weights_sha256: model.sha256.clone(), settings: *settings, groups })
}

/// The paper's conditions, with a label on every column however thin.
fn recipe(material: &str, zone: &str, form: Form) -> Result<Recipe, Error> {
    let mut recipe = Recipe::open("paper")?;
    let mut structure = recipe.structure[0].clone();
    structure.material = material.to_owned();
    structure.zone = zone.to_owned();
    structure.form = form;
    structure.thickness_angstrom = Draw::Range { low: 10.0, high: 40.0, log: false };
    structure.optics = ["200kV-24mrad", "100kV-30mrad"].map(str::to_owned).to_vec();
    recipe.name = format!("edges of {material} [{zone}]");
    recipe.structure = vec![structure];
    recipe.image.field_of_view_angstrom = Some(Draw::OneOf(FIELDS_ANGSTROM.to_vec()));
    recipe.labels.min_contrast = 0.0;
    Ok(recipe.checked("of edges")?)
}

/// The chance that the matched filter finds each labelled column; the places and heights of columns nearby and a
/// constant background aren't known.
fn ideal(sample: &Sample, generator: &Generator) -> Result<Vec<f64>, Error> {
    let reach = (REACH * column_sigma_px(sample)).ceil();
    let images = generator.column_images(sample.index, reach as usize)?;
    let expected = &sample.labels.no_noise;
    let threshold = detection_threshold(FALSE_ALARMS);
    let chance = |own: &ColumnImage| {
        let near = images.iter().filter(|other| {
            let off = (other.x - own.x).hypot(other.y - own.y);
            off > 0.0 && off <= reach
        });
        let mut unknown = derivatives(own, near);
        unknown.push(Array2::ones(own.value.dim()));
        let column = own.value.mapv(|v| f64::from(v.max(0.0)));
        let without =
            variance_in_window(own, expected, |value, at| (f64::from(*value) - column[at]).max(1e-4));
        let detectability = Detectability::new(&column, &unknown[3..], &without);
        detectability.map_or(0.0, |d| 1.0 - d.missed(sample.settings.peak_electrons, threshold))
    };
    let of = |c: &TruthColumn| nearest_image(&images, c.x, c.y).map_or(0.0, chance);
    Ok(sample.columns.iter().map(of).collect())
}

impl Sums {
    fn count(&mut self, sample: &Sample, found: &[(f64, f64)], ideal: &[f64]) {
        let mut seen = vec![false; sample.columns.len()];
        score_positions(sample, found).1.into_iter().for_each(|(_, truth)| seen[truth] = true);
        for (((column, required), seen), ideal) in
            sample.columns.iter().zip(required(sample)).zip(seen).zip(ideal)
        {
            if !required {
                continue;
            }
            let atoms = column.atoms.round() as usize;
            let bin = ATOMS.partition_point(|least| *least <= atoms).saturating_sub(1);
            let sums = &mut self.thickness[bin];
            *sums = (sums.0 + 1, sums.1 + usize::from(seen), sums.2 + ideal);
            if column.atoms <= SURFACE_ATOMS {
                self.surface[0] += 1;
                self.surface[1] += usize::from(seen);
            }
        }
        let positions: Vec<(f64, f64)> = sample.columns.iter().map(|c| (c.x, c.y)).collect();
        let apart = VACUUM * median_nearest_distance(&positions).unwrap_or(sample.radius_px);
        let (_, verdicts) = score_sample(sample, found.iter().copied());
        for ((x, y), verdict) in found.iter().zip(verdicts) {
            if verdict == Some(false) {
                let beside = positions.iter().any(|p| (p.0 - x).hypot(p.1 - y) <= apart);
                *(if beside { &mut self.elsewhere } else { &mut self.in_vacuum }) += 1;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (sum, value) in self.thickness.iter_mut().zip(other.thickness) {
            *sum = (sum.0 + value.0, sum.1 + value.1, sum.2 + value.2);
        }
        self.surface = [0, 1].map(|i| self.surface[i] + other.surface[i]);
        self.in_vacuum += other.in_vacuum;
        self.elsewhere += other.elsewhere;
    }

    fn group(&self, structure: &str, method: &'static str) -> EdgeGroup {
        let columns: usize = self.thickness.iter().map(|sums| sums.0).sum();
        let part = |of: f64, all: usize| of / all.max(1) as f64;
        let thickness = self.thickness.iter().enumerate().filter(|(_, sums)| sums.0 > 0).map(
            |(bin, &(columns, found, ideal))| EdgeThickness {
                atoms_least: ATOMS[bin],
                atoms_most: ATOMS.get(bin + 1).map(|next| next - 1),
                columns,
                found,
                recall: part(found as f64, columns),
                ideal: part(ideal, columns),
            },
        );
        EdgeGroup {
            structure: structure.to_owned(),
            method,
            columns,
            invented_in_vacuum: self.in_vacuum,
            invented_per_1000: 1e3 * part(self.in_vacuum as f64, columns),
            invented_elsewhere: self.elsewhere,
            surface_recall: part(self.surface[1] as f64, self.surface[0]),
            thickness: thickness.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_locate::Flag;

    /// Single atoms that weren't found are missing there alone; a column farthest from all others is in vacuum, one
    /// just beside a true one is elsewhere.
    #[test]
    fn thin_columns_and_invented_ones_are_counted_where_they_belong() {
        let generator = Generator::new(recipe("Au", "110", Form::Cluster).unwrap(), 5).unwrap();
        let samples = (0..10).map(|index| generator.sample_at(index, 20.0).unwrap());
        let thin = |s: &Sample| s.columns.iter().zip(required(s)).any(|(c, needed)| needed && c.atoms == 1.0);
        let (sample, vacuum) = samples
            .filter(thin)
            .find_map(|sample| {
                let places =
                    (0..400).map(|i| (f64::from(i % 20) * 12.0 + 10.0, f64::from(i / 20) * 12.0 + 10.0));
                let nearest = |p: &(f64, f64)| {
                    sample.columns.iter().map(|c| (c.x - p.0).hypot(c.y - p.1)).fold(f64::INFINITY, f64::min)
                };
                let place = places.max_by(|a, b| nearest(a).total_cmp(&nearest(b)))?;
                (nearest(&place) > 30.0).then_some((sample, place))
            })
            .unwrap();
        let ideal = ideal(&sample, &generator).unwrap();
        let thick = sample.columns.iter().filter(|c| c.atoms > 1.0);
        let mut found: Vec<(f64, f64)> = thick.map(|c| (c.x, c.y)).collect();
        let positions: Vec<(f64, f64)> = sample.columns.iter().map(|c| (c.x, c.y)).collect();
        let spacing = median_nearest_distance(&positions).unwrap();
        let whole =
            required(&sample).into_iter().zip(&sample.columns).find(|(needed, c)| *needed && c.atoms > 1.0);
        let (_, beside) = whole.unwrap();
        found.extend([vacuum, (beside.x + 0.3 * spacing, beside.y)]);
        let mut sums = Sums::default();
        sums.count(&sample, &found, &ideal);
        assert_eq!((sums.in_vacuum, sums.elsewhere), (1, 1));
        let [one, rest @ ..] = sums.thickness;
        assert!(one.0 > 0 && one.1 == 0);
        assert!(rest.iter().all(|(columns, found, ideal)| columns == found && *ideal <= *columns as f64));
        // Nothing hides the thickest.
        let best = ideal.iter().fold(0.0_f64, |a, b| a.max(*b));
        assert!(best > 0.999 && ideal.iter().all(|chance| (0.0..=1.0).contains(chance)));
    }

    /// A cluster of PtFe in noise, with single atoms of iron at its edge: some have no peak of their own, and three
    /// quarters of those that are reported because the lattice has a place for them are right. Neither the paper's
    /// localiser nor a model that doesn't know how likely they are reports any.
    #[test]
    fn columns_without_a_peak_are_found_at_places_of_the_lattice() {
        let mut model = crate::Model::built_in().unwrap().open(adatom_network::DeviceChoice::Cpu).unwrap();
        let generator = Generator::new(recipe("PtFe", "110", Form::Cluster).unwrap(), 5).unwrap();
        let sample = generator.sample_at(11, 20.0).unwrap();
        let by = |model: &LoadedModel, method: Localiser| {
            let settings = LocateSettings { method, ..LocateSettings::default() };
            let columns = locate(&sample.image, None, model, &settings, &mut |_| {}).unwrap().columns;
            let verdicts = score_sample(&sample, columns.iter().map(|c| (c.x, c.y))).1;
            let of = columns.into_iter().zip(verdicts).filter(|(c, _)| c.flags.contains(&Flag::Expected));
            of.filter_map(|(_, right)| right).collect::<Vec<bool>>()
        };
        let expected = by(&model, Localiser::Centroid);
        let right = expected.iter().filter(|right| **right).count();
        assert!(right >= 6 && 4 * right >= 3 * expected.len(), "{expected:?}");
        assert!(by(&model, Localiser::Otsu).is_empty());
        model.expected_calibration = None;
        assert!(by(&model, Localiser::Centroid).is_empty());
    }
}
