//! Whether a library looks as it should: its noise, its scan jitter and the width of its columns, measured in the
//! images themselves, as histograms.

use crate::Error;
use crate::canvas::{Canvas, WHITE};
use crate::histogram::{HEIGHT, Histogram, WIDTH, draw};
use adatom_archive::{ColumnRecord, Label, Library, Record};
use adatom_formats::write_png_rgb8;
use adatom_library::{Element, Material, SampleSettings};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::path::Path;

/// Full width at half maximum of an Airy pattern over λ/α.
const AIRY_FWHM: f64 = 0.514_48;
/// Full width at half maximum of a Gaussian over its σ.
const GAUSS_FWHM: f64 = 2.354_820_045;
/// Columns at least so many widths of the beam from others are measured.
const APART: f64 = 1.8;
/// Distance from the border at which no column outside the image matters \[Å\].
const BORDER_ANGSTROM: f64 = 4.0;
/// How far a column's image is followed, and in which steps \[Å\].
const REACH_ANGSTROM: f64 = 8.0;
const STEP_ANGSTROM: f64 = 0.02;
/// Grey levels that a measured column has at least.
const BRIGHT: f32 = 80.0;
/// Columns of one sample that are measured at most.
const COLUMNS: usize = 20;
/// Steps in which a row's displacement is found.
const STEPS: usize = 8;
/// A row's displacement counts if its standard deviation is smaller \[px\].
const SURE_PX: f64 = 0.5;

/// What was measured in a library.
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryStatistics {
    /// Samples whose images were measured.
    pub measured: usize,
    /// PSNR of all samples \[dB\].
    pub psnr: Histogram,
    /// σ_jitter of a sample from the displacement of its rows, both directions \[Å\].
    pub jitter: Histogram,
    /// Full width at half maximum of columns over that of their and their neighbours' atoms seen through the optics.
    pub widths: Histogram,
    /// The widths under each optics.
    pub by_optics: Vec<OpticsWidths>,
}

/// Full widths at half maximum of columns under one optics, those in the middle \[Å\].
#[derive(Debug, Clone, PartialEq)]
pub struct OpticsWidths {
    /// The optics.
    pub optics: String,
    /// Number of columns.
    pub columns: usize,
    /// Measured in the images.
    pub measured: f64,
    /// Of the sum of the atoms' images: potential, vibration, lens and source.
    pub expected: f64,
    /// Of a point, √(probe² + source² + thermal²).
    pub beam: f64,
}

/// Measures a library: the PSNR of all samples, jitter and widths of up to `count` samples spread over it. The
/// library must have been built here, with the images `image`, `noNoise`, `noBackgroundnoNoise` and
/// `noNoiseNoBackgroundUpinterpolation2x`.
///
/// # Errors
/// When a file can't be read, or the library has no such images.
pub fn library_statistics(library: &Library, count: usize) -> Result<LibraryStatistics, Error> {
    let needed = [Label::Image, Label::NoNoise, Label::NoBackgroundNoNoise, Label::NoBackground2x];
    let lacking = |message: String| Error::Input { path: library.folder().to_owned(), message };
    if let Some(label) = needed.iter().find(|label| !library.manifest().labels.contains(label)) {
        return Err(lacking(format!("has no {label}, which is measured")));
    }
    if library.manifest().recipe.is_none() {
        return Err(lacking("is an imported library: its optics and noise aren't known".to_owned()));
    }
    let total = library.manifest().count() as usize;
    let count = count.clamp(1, total);
    let (mut psnr, mut jitter, mut widths) = (Vec::new(), Vec::new(), Vec::new());
    let mut by_optics = BTreeMap::<String, Vec<[f64; 3]>>::new();
    let mut profiles = Profiles::new();
    let mut thermal = BTreeMap::<String, f64>::new();
    for (at, record) in library.records()?.enumerate() {
        let record = record?;
        psnr.extend(record.psnr_db);
        // `count` of `total`, as evenly as whole numbers can.
        if (at + 1) * count / total == at * count / total {
            continue;
        }
        let Some(settings) = &record.settings else { continue };
        let image = |label| library.image(label, record.id);
        jitter.extend(sigma_jitter(
            &record,
            &image(Label::Image)?,
            &image(Label::NoNoise)?,
            &image(Label::NoBackgroundNoNoise)?,
        ));
        let u = match thermal.get(&settings.material) {
            Some(u) => *u,
            None => {
                let u = mean_displacement(&Material::open(&settings.material)?);
                *thermal.entry(settings.material.clone()).or_insert(u)
            }
        };
        let probe = &settings.probe;
        let airy = AIRY_FWHM * probe.wavelength_angstrom() / (probe.semiangle_mrad() * 1e-3);
        let beam = airy.hypot(probe.source_fwhm_angstrom()).hypot(GAUSS_FWHM * u.sqrt());
        let optics = format!(
            "{:.0} kV, {} mrad, source {} Å",
            probe.energy_kv(),
            probe.semiangle_mrad(),
            probe.source_fwhm_angstrom()
        );
        let expected = Expected::of(&record, settings, u, &mut profiles);
        let large = image(Label::NoBackground2x)?;
        // A place in the image, and in the 2× image.
        let seen = |x: f64, y: f64| smooth(&large, 2.0 * x + 0.5, 2.0 * y + 0.5);
        for column in alone(&record, large.dim(), beam) {
            if seen(column.x, column.y) < f64::from(BRIGHT) {
                continue;
            }
            let widths_of = [width(column, &seen), width(column, &|x, y| expected.at(x, y))];
            if let [Some(measured), Some(expected)] = widths_of {
                widths.push(measured / expected);
                let found = [measured, expected].map(|width| width * record.pixel_angstrom);
                by_optics.entry(optics.clone()).or_default().push([found[0], found[1], beam]);
            }
        }
    }
    let none = || lacking("has nothing that can be measured".to_owned());
    let by_optics = by_optics.into_iter().map(|(optics, widths)| {
        let middle = |of: usize| {
            let mut values: Vec<f64> = widths.iter().map(|width| width[of]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let [measured, expected, beam] = [0, 1, 2].map(middle);
        OpticsWidths { optics, columns: widths.len(), measured, expected, beam }
    });
    Ok(LibraryStatistics {
        measured: count,
        psnr: Histogram::of("PSNR (dB)", psnr, 1.0).ok_or_else(none)?,
        jitter: Histogram::of("sigma of the scan jitter (Å)", jitter, 0.01).ok_or_else(none)?,
        widths: Histogram::of("width of columns over the expected", widths, 0.005).ok_or_else(none)?,
        by_optics: by_optics.collect(),
    })
}

/// Mean square displacement along one direction, of a crystal's sites \[Å²\]; zero where it isn't known.
fn mean_displacement(material: &Material) -> f64 {
    let Material::Crystal(crystal) = material else { return 0.0 };
    let known: Vec<f64> = crystal.sites.iter().filter_map(|site| site.u_iso_angstrom2).collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

/// σ_jitter in both directions from the displacement of a sample's rows \[Å\]: every row of the noisy image is
/// fitted by the noiseless one moved in x and y, the background staying. The mean square displacement less that by
/// noise, over the mean square of the mains' sine at the rows, is σ².
fn sigma_jitter(
    record: &Record,
    image: &Array2<f32>,
    no_noise: &Array2<f32>,
    bare: &Array2<f32>,
) -> Vec<f64> {
    let Some(scan) = record.settings.as_ref().map(|settings| &settings.scan) else { return Vec::new() };
    let mut sums = [[0.0; 2]; 2];
    let mut rows = 0;
    for row in 0..image.nrows() {
        let Some((shift, variance)) = row_shift(image, no_noise, bare, row) else { continue };
        let phase = 2.0 * PI * scan.mains_hz * scan.line_time_s * row as f64 + scan.start_phase_rad;
        for (axis, phase) in [phase, phase + scan.xy_phase_rad].into_iter().enumerate() {
            sums[axis][0] += shift[axis].powi(2) - variance[axis];
            sums[axis][1] += phase.sin().powi(2);
        }
        rows += 1;
    }
    // Fewer rows tell too little.
    if rows < image.nrows() / 2 {
        return Vec::new();
    }
    sums.map(|[square, sine]| record.pixel_angstrom * (square / sine).max(0.0).sqrt()).to_vec()
}

/// A row's displacement along x and y and the variance of each \[px\], by Gauss and Newton; `None` if it can't be
/// told well.
fn row_shift(
    image: &Array2<f32>,
    no_noise: &Array2<f32>,
    bare: &Array2<f32>,
    row: usize,
) -> Option<([f64; 2], [f64; 2])> {
    let mut shift = [0.0; 2];
    let mut variance = [f64::INFINITY; 2];
    for step in 0..STEPS {
        let (mut normal, mut right) = ([[0.0; 2]; 2], [0.0; 2]);
        let mut slopes = Vec::with_capacity(image.ncols());
        for column in 0..image.ncols() {
            let (x, y) = (column as f64 - shift[0], row as f64 - shift[1]);
            let background = f64::from(no_noise[(row, column)] - bare[(row, column)]);
            let residual = f64::from(image[(row, column)]) - background - smooth(bare, x, y);
            // The image moves against the place that is looked at.
            let slope = [
                smooth(bare, x - 0.5, y) - smooth(bare, x + 0.5, y),
                smooth(bare, x, y - 0.5) - smooth(bare, x, y + 0.5),
            ];
            for a in 0..2 {
                right[a] += slope[a] * residual;
                (0..2).for_each(|b| normal[a][b] += slope[a] * slope[b]);
            }
            slopes.push((slope, residual));
        }
        let determinant = normal[0][0] * normal[1][1] - normal[0][1] * normal[1][0];
        if determinant < 1e-6 * (normal[0][0] * normal[1][1]).max(1.0) {
            return None;
        }
        let solve = |right: [f64; 2]| {
            [
                (normal[1][1] * right[0] - normal[0][1] * right[1]) / determinant,
                (normal[0][0] * right[1] - normal[1][0] * right[0]) / determinant,
            ]
        };
        let change = solve(right);
        // Shot noise isn't the same everywhere: each pixel's own residual tells its share of the variance.
        if step == STEPS - 1 {
            variance = [0.0; 2];
            for (slope, residual) in slopes {
                let share = solve(slope);
                (0..2).for_each(|axis| variance[axis] += (share[axis] * residual).powi(2));
            }
        } else {
            (0..2).for_each(|axis| shift[axis] += change[axis].clamp(-2.0, 2.0));
        }
    }
    variance.iter().all(|variance| variance.sqrt() < SURE_PX).then_some((shift, variance))
}

/// The image between its pixels, by cubic convolution; beyond the border as at it.
fn smooth(image: &Array2<f32>, x: f64, y: f64) -> f64 {
    let weights = |t: f64| {
        [
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ]
    };
    let (rows, columns) = image.dim();
    let (left, top) = (x.floor(), y.floor());
    let (along_x, along_y) = (weights(x - left), weights(y - top));
    let at =
        |v: f64, step: usize, size: usize| (v + step as f64 - 1.0).clamp(0.0, size as f64 - 1.0) as usize;
    let mut sum = 0.0;
    for (i, wy) in along_y.into_iter().enumerate() {
        let row = at(top, i, rows);
        for (j, wx) in along_x.into_iter().enumerate() {
            sum += wy * wx * f64::from(image[(row, at(left, j, columns))]);
        }
    }
    sum
}

/// Image of an atom over the distance, by its element and what the optics are.
type Profiles = BTreeMap<(String, String), Vec<f64>>;

/// A sample's image as the sum of its atoms' images.
struct Expected<'a> {
    pixel_angstrom: f64,
    /// Places \[px\] with numbers of atoms and an atom's profile, one for each element of a column.
    atoms: Vec<([f64; 2], f64, &'a [f64])>,
}

impl<'a> Expected<'a> {
    fn of(record: &Record, settings: &SampleSettings, u: f64, profiles: &'a mut Profiles) -> Self {
        let optics = format!("{:?} {:?} {u}", settings.probe, settings.scattering);
        let unlabelled = record.unlabelled.iter().map(|c| ([c.x, c.y], &c.atoms));
        let all: Vec<_> = record.columns.iter().map(|c| ([c.x, c.y], &c.atoms)).chain(unlabelled).collect();
        for symbol in all.iter().flat_map(|(_, atoms)| atoms.keys()) {
            profiles.entry((optics.clone(), symbol.clone())).or_insert_with(|| profile(settings, symbol, u));
        }
        let profiles: &'a Profiles = profiles;
        let mut atoms = Vec::new();
        for (place, column) in all {
            for (symbol, count) in column {
                if let Some(profile) = profiles.get(&(optics.clone(), symbol.clone())) {
                    atoms.push((place, *count, profile.as_slice()));
                }
            }
        }
        Self { pixel_angstrom: record.pixel_angstrom, atoms }
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        let mut sum = 0.0;
        for (place, count, profile) in &self.atoms {
            let step = (place[0] - x).hypot(place[1] - y) * self.pixel_angstrom / STEP_ANGSTROM;
            let part = step.fract();
            if let [a, b, ..] = profile.get(step as usize..).unwrap_or_default() {
                sum += count * (a * (1.0 - part) + b * part);
            }
        }
        sum
    }
}

/// The image of an atom over the distance from it: the Hankel transform of its scattering factor times the
/// transfer of a perfect round lens, source and vibration, all as formulas. In units of its own.
fn profile(settings: &SampleSettings, symbol: &str, u: f64) -> Vec<f64> {
    const FREQUENCIES: usize = 300;
    const ANGLES: usize = 96;
    let probe = &settings.probe;
    let cutoff = 2.0 * probe.semiangle_mrad() * 1e-3 / probe.wavelength_angstrom();
    let atom = Element::from_symbol(symbol).ok();
    let atom = atom.and_then(|e| settings.scattering.atom(e.number(), probe.energy_kv()).ok());
    let ring = |i: usize| {
        let part = (i as f64 + 0.5) / FREQUENCIES as f64;
        let k = part * cutoff;
        let lens = part.acos() - part * (1.0 - part * part).sqrt();
        let object = atom.as_ref().map_or(0.0, |atom| atom.at(k));
        (k, k * lens * object * probe.source_transfer(k * k) * (-2.0 * PI * PI * u * k * k).exp())
    };
    let rings: Vec<(f64, f64)> = (0..FREQUENCIES).map(ring).collect();
    let sines: Vec<f64> = (0..ANGLES).map(|i| (PI * (i as f64 + 0.5) / ANGLES as f64).sin()).collect();
    let bessel = |x: f64| sines.iter().map(|sine| (x * sine).cos()).sum::<f64>() / ANGLES as f64;
    let image = |r: f64| rings.iter().map(|(k, part)| part * bessel(2.0 * PI * k * r)).sum::<f64>();
    (0..=(REACH_ANGSTROM / STEP_ANGSTROM) as usize).map(|i| image(i as f64 * STEP_ANGSTROM)).collect()
}

/// A sample's labelled columns that stand alone, well inside the image, whose 2× image has the size `dim`.
fn alone(record: &Record, dim: (usize, usize), beam: f64) -> impl Iterator<Item = &ColumnRecord> {
    let others = move || {
        let unlabelled = record.unlabelled.iter().map(|c| (c.x, c.y));
        record.columns.iter().map(|c| (c.x, c.y)).chain(unlabelled)
    };
    let apart = APART * beam / record.pixel_angstrom;
    let border = BORDER_ANGSTROM / record.pixel_angstrom;
    let inside = move |v: f64, size: usize| v > border && v < size as f64 / 2.0 - 1.0 - border;
    let alone = move |c: &&ColumnRecord| {
        inside(c.x, dim.1)
            && inside(c.y, dim.0)
            && others().filter(|o| (o.0 - c.x).hypot(o.1 - c.y) < apart).count() == 1
    };
    record.columns.iter().filter(alone).take(COLUMNS)
}

/// Full width at half maximum of a column in an image, the mean of both directions \[px\].
fn width(column: &ColumnRecord, image: &dyn Fn(f64, f64) -> f64) -> Option<f64> {
    const STEP_PX: f64 = 0.125;
    let (x, y) = (column.x, column.y);
    let peak = image(x, y);
    let reach = |(dx, dy): (f64, f64)| -> Option<f64> {
        let mut before = peak;
        (1..400).find_map(|step| {
            let r = STEP_PX * f64::from(step);
            let value = image(x + r * dx, y + r * dy);
            let crossed = value <= 0.5 * peak;
            let found = crossed.then(|| r - STEP_PX * (0.5 * peak - value) / (before - value));
            before = value;
            found
        })
    };
    let along = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)];
    along.into_iter().map(reach).sum::<Option<f64>>().map(|sum| 0.5 * sum)
}

/// Draws what was measured, the histograms beside each other.
///
/// # Errors
/// When the file can't be written.
pub fn draw_library_statistics(statistics: &LibraryStatistics, file: &Path) -> Result<(), Error> {
    let histograms = [&statistics.psnr, &statistics.jitter, &statistics.widths];
    let mut canvas = Canvas::new(WIDTH * histograms.len(), HEIGHT, WHITE);
    for (at, histogram) in histograms.into_iter().enumerate() {
        draw(&mut canvas, (at * WIDTH) as i64, histogram);
    }
    Ok(write_png_rgb8(file, &canvas.pixels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Gaussian column moved row by row: its displacements and its width are found.
    #[test]
    fn displaced_rows_and_widths_are_measured() {
        let spot = |x: f64, y: f64| 200.0 * (-0.5 * ((x - 30.3).powi(2) + (y - 31.8).powi(2)) / 25.0).exp();
        let image = |dx: f64, dy: f64| {
            Array2::from_shape_fn((64, 64), |(row, column)| spot(column as f64 - dx, row as f64 - dy) as f32)
        };
        let (shift, _) = row_shift(&image(1.7, -0.8), &image(0.0, 0.0), &image(0.0, 0.0), 27).unwrap();
        assert!((shift[0] - 1.7).abs() < 0.01 && (shift[1] + 0.8).abs() < 0.01, "{shift:?}");
        let column = ColumnRecord { x: 30.3, y: 31.8, intensity: 1.0, atoms: BTreeMap::new() };
        let found = width(&column, &spot).unwrap();
        assert!((found / (5.0 * GAUSS_FWHM) - 1.0).abs() < 1e-3, "{found}");
    }

    /// Points under a lens and a source: nothing but the Airy pattern without a source, a Gaussian of the source's
    /// width where the source is much wider than the probe.
    #[test]
    fn profiles_are_those_of_airy_and_of_the_source() {
        let recipe = |source: f64| {
            format!(
                "name = 'x'\n[image]\nfield_of_view_angstrom = 20\n[[optics]]\nid = 'a'\nenergy_kv = 200\n\
                 semiangle_mrad = 24\nsource_fwhm_angstrom = {source}\n[[scattering]]\nmodel = 'power-of-z'\n\
                 exponent = 1.7\n[[structure]]\nmaterial = 'Pt'\n"
            )
        };
        let width = |source: f64| {
            let recipe = adatom_library::Recipe::from_toml(&recipe(source), "x").unwrap();
            let sample = adatom_library::Generator::new(recipe, 1).unwrap().sample(1).unwrap();
            let profile = profile(&sample.settings, "Pt", 0.0);
            let after = profile.iter().position(|value| *value <= 0.5 * profile[0]).unwrap();
            let part = (profile[after - 1] - 0.5 * profile[0]) / (profile[after - 1] - profile[after]);
            2.0 * STEP_ANGSTROM * (after as f64 - 1.0 + part)
        };
        let airy = AIRY_FWHM * 0.025_079 / 0.024;
        assert!((width(0.0) / airy - 1.0).abs() < 1e-3, "{} {airy}", width(0.0));
        // An Airy pattern's tails carry more than a Gaussian's.
        assert!((width(3.0) / 3.0_f64.hypot(airy) - 1.0).abs() < 0.02, "{}", width(3.0));
    }
}
