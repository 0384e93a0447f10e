//! How well columns are found that stand closer than the microscope resolves: Fig. 10 of the paper, the spinel
//! Co₃O₄ imaged ever worse, from simulated images whose truth is known.

use crate::evaluate::{required, score_positions};
use crate::locate::half_height_radius;
use crate::{Error, FigureSettings, LoadedModel, Localiser, locate};
use adatom_library::{Draw, Form, Generator, Recipe, Sample};
use adatom_locate::nearest_distances;
use serde::Serialize;

/// The crystal and its zone axes.
const MATERIAL: &str = "Co3O4";
const ZONES: [&str; 2] = ["110", "001"];
/// Sizes of the source, from what a good microscope has to what blurs pairs into one \[Å\].
const SOURCES_ANGSTROM: [f64; 6] = [0.6, 0.9, 1.2, 1.5, 1.8, 2.1];
/// Widths of the fields \[Å\].
const FIELDS_ANGSTROM: [f64; 2] = [20.0, 30.0];
/// The localisers that are compared.
const METHODS: [Localiser; 2] = [Localiser::Centroid, Localiser::Otsu];
/// Least separations of the ranges, over the resolution.
const RATIOS: [f64; 7] = [0.0, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0];
/// Half the window in which an isolated column's width is measured \[px\].
const WINDOW_PX: usize = 40;

/// How well close columns are found.
#[derive(Debug, Clone, Serialize)]
pub struct Spinel {
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// What was measured.
    #[serde(flatten)]
    pub settings: FigureSettings,
    /// By zone axis, localiser and separation.
    pub rows: Vec<SpinelRow>,
}

/// Columns whose nearest neighbour is a range of distances away.
#[derive(Debug, Clone, Serialize)]
pub struct SpinelRow {
    /// Material and zone axis.
    pub structure: String,
    /// The localiser.
    pub method: &'static str,
    /// Least distance to the nearest labelled column, over the resolution: the full width at half maximum of an
    /// isolated column.
    pub separation_least: f64,
    /// Largest, if there is one.
    pub separation_most: Option<f64>,
    /// Columns that had to be found.
    pub columns: usize,
    /// Those that were.
    pub found: usize,
    /// Part that was.
    pub recall: f64,
    /// Root-mean-square position error of those that were \[pm\].
    pub rmse_pm: f64,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    columns: usize,
    found: usize,
    pm2: f64,
}

/// Runs the localisers on samples at a PSNR of the shot noise, everything else as in the paper's library.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn spinel(
    settings: &FigureSettings,
    model: &LoadedModel,
    progress: &mut dyn FnMut(f64),
) -> Result<Spinel, Error> {
    let mut rows = Vec::new();
    let steps = (ZONES.len() * SOURCES_ANGSTROM.len()) as f64 * settings.count as f64;
    let mut done = 0.0;
    for zone in ZONES {
        let mut sums = [[Sums::default(); RATIOS.len()]; METHODS.len()];
        for source in SOURCES_ANGSTROM {
            let generator = Generator::new(recipe(zone, source)?, settings.seed)?;
            for index in 0..settings.count {
                let sample = generator.sample_at(index, settings.psnr_db)?;
                let resolution = resolution_px(&sample, &generator)?;
                for (method, sums) in METHODS.iter().zip(&mut sums) {
                    let located = locate(&sample.image, None, model, &settings.by(*method), &mut |_| {})?;
                    let found: Vec<(f64, f64)> = located.columns.iter().map(|c| (c.x, c.y)).collect();
                    add(sums, &sample, &found, resolution);
                }
                done += 1.0;
                progress(done / steps);
            }
        }
        rows.extend(METHODS.iter().zip(&sums).flat_map(|(method, sums)| rows_of(zone, *method, sums)));
    }
    Ok(Spinel { weights_sha256: model.sha256.clone(), settings: *settings, rows })
}

/// The rows of one localiser on one zone axis; ranges without columns are left out.
fn rows_of(zone: &str, method: Localiser, sums: &[Sums; RATIOS.len()]) -> Vec<SpinelRow> {
    let filled = sums.iter().enumerate().filter(|(_, sums)| sums.columns > 0);
    let row = |(bin, sums): (usize, &Sums)| SpinelRow {
        structure: format!("{MATERIAL} [{zone}]"),
        method: method.name(),
        separation_least: RATIOS[bin],
        separation_most: RATIOS.get(bin + 1).copied(),
        columns: sums.columns,
        found: sums.found,
        recall: sums.found as f64 / sums.columns as f64,
        rmse_pm: (sums.pm2 / sums.found.max(1) as f64).sqrt(),
    };
    filled.map(row).collect()
}

/// The paper's conditions but for the source.
fn recipe(zone: &str, source_angstrom: f64) -> Result<Recipe, Error> {
    let mut recipe = Recipe::open("paper")?;
    let mut structure = recipe.structure[0].clone();
    structure.material = MATERIAL.to_owned();
    structure.zone = zone.to_owned();
    structure.form = Form::Slab;
    structure.optics = vec!["200kV-24mrad".to_owned()];
    recipe.name = format!("{MATERIAL} [{zone}], source {source_angstrom} Å");
    recipe.structure = vec![structure];
    recipe.optics.iter_mut().for_each(|optics| optics.source_fwhm_angstrom = Draw::Fixed(source_angstrom));
    recipe.image.field_of_view_angstrom = Some(Draw::OneOf(FIELDS_ANGSTROM.to_vec()));
    Ok(recipe.checked("of the spinel")?)
}

/// Full width at half maximum of the image of an isolated column that has a label \[px\].
fn resolution_px(sample: &Sample, generator: &Generator) -> Result<f64, Error> {
    let images = generator.column_images(sample.index, WINDOW_PX)?;
    let labelled = |x: f64, y: f64| sample.columns.iter().any(|c| (c.x - x).hypot(c.y - y) < 1e-6);
    let image = images.iter().find(|image| labelled(image.x, image.y));
    Ok(image.map_or(2.0 * sample.radius_px, |image| {
        2.0 * half_height_radius(&image.value, image.x - image.left as f64, image.y - image.top as f64)
    }))
}

fn add(sums: &mut [Sums; RATIOS.len()], sample: &Sample, found: &[(f64, f64)], resolution_px: f64) {
    let pm = 100.0 * sample.grid.pixel_x_angstrom;
    let positions: Vec<(f64, f64)> = sample.columns.iter().map(|c| (c.x, c.y)).collect();
    let mut error2 = vec![None; positions.len()];
    for (of, truth) in score_positions(sample, found).1 {
        let (found, truth_at) = (found[of], positions[truth]);
        error2[truth] = Some((found.0 - truth_at.0).powi(2) + (found.1 - truth_at.1).powi(2));
    }
    for ((nearest, required), error2) in
        nearest_distances(&positions).iter().zip(required(sample)).zip(error2)
    {
        if required {
            let bin = RATIOS.partition_point(|least| *least <= nearest / resolution_px).saturating_sub(1);
            sums[bin].columns += 1;
            if let Some(error2) = error2 {
                sums[bin].found += 1;
                sums[bin].pm2 += error2 * pm * pm;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The resolution grows with the source, from a little more than it; all columns found are a recall of one, and
    /// an error that all share is the position error.
    #[test]
    fn recall_is_by_separation_over_resolution() {
        let mut widths = Vec::new();
        for source in [0.6, 2.1] {
            let generator = Generator::new(recipe("001", source).unwrap(), 5).unwrap();
            let sample = generator.sample_at(0, 20.0).unwrap();
            let resolution = resolution_px(&sample, &generator).unwrap();
            widths.push(resolution * sample.grid.pixel_x_angstrom);
            let found: Vec<(f64, f64)> = sample.columns.iter().map(|c| (c.x + 0.5, c.y)).collect();
            let mut sums = [Sums::default(); RATIOS.len()];
            add(&mut sums, &sample, &found, resolution);
            for row in rows_of("001", Localiser::Centroid, &sums) {
                assert_eq!(row.recall, 1.0);
                assert!((row.rmse_pm - 50.0 * sample.grid.pixel_x_angstrom).abs() < 1e-6, "{row:?}");
            }
        }
        assert!((0.6..1.3).contains(&widths[0]) && (2.1..2.7).contains(&widths[1]), "{widths:?}");
    }
}
