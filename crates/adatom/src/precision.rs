//! How precisely the columns of an image are known, from its lattice alone: Figs. 8 and 11 of the paper.

use crate::localiser::refine;
use crate::watch::Aside;
use crate::{Error, LoadedModel, Localiser, LocateSettings, LocatedColumn, Restored, Watch};
use adatom_analysis::{
    AnalysisError, Bootstrap, Lattice, LatticeSettings, RowFilling, Separation, Shape, SpacingSettings,
    Spacings, Step, Vector, find_lattice, match_columns, separate, spacings, split_rows,
};
use adatom_formats::PixelSize;
use adatom_locate::Flag;
use adatom_network::Task;
use ndarray::Array2;
use serde::Serialize;

/// Picometres an ångström.
const PM: f64 = 100.0;
/// How far lengths and angles of a lattice may be off what its shape asks for.
pub(crate) const SHAPE: f64 = 0.03;
/// Part of the distance to the nearest neighbour within which a column of half the rows is the same one.
const SAME: f64 = 0.3;

/// Parts into which a cell is tried to be cut: doubled and tripled ones are common in crystals.
const LEAST_PARTS: u32 = 4;
const MOST_PARTS: u32 = 8;
/// Part of the columns that a cut cell must place.
const AS_WELL: f64 = 0.95;

/// The spacings of an image's lattice, by every localiser.
#[derive(Debug, Clone, Serialize)]
pub struct Precision {
    /// Lengths of the two vectors along which spacings are taken \[Å\]; the first is the nearer to the x axis.
    pub axes_angstrom: [f64; 2],
    /// Angle between them \[°\].
    pub angle_deg: f64,
    /// Columns in the lattice's motif.
    pub sites: usize,
    /// Columns that fit the lattice.
    pub columns: usize,
    /// By localiser, image and axis.
    pub results: Vec<AxisPrecision>,
}

/// One localiser's spacings along one axis.
#[derive(Debug, Clone, Serialize)]
pub struct AxisPrecision {
    /// The localiser.
    pub method: &'static str,
    /// `raw` or `denoised`: what it looked at.
    pub image: &'static str,
    /// `a` or `b`.
    pub axis: &'static str,
    /// Spacings.
    pub n: usize,
    /// Their mean \[pm\].
    pub mean_pm: f64,
    /// Their standard deviation \[pm\].
    pub sigma_pm: f64,
    /// Its 95 % interval, if there are lines enough \[pm\].
    pub sigma_interval_pm: Option<[f64; 2]>,
    /// Standard deviation from the median absolute deviation \[pm\].
    pub robust_sigma_pm: f64,
    /// What the measurement adds to σ: what even and odd rows don't share \[pm\].
    pub noise_pm: Option<f64>,
    /// Its 95 % interval \[pm\].
    pub noise_interval_pm: Option<[f64; 2]>,
    /// What sample and microscope add: what even and odd rows share \[pm\].
    pub disorder_pm: Option<f64>,
    /// Its 95 % interval \[pm\].
    pub disorder_interval_pm: Option<[f64; 2]>,
    /// Frames whose mean spacing would be known to 1 pm, (σ / 1 pm)².
    pub frames_for_1_pm: f64,
}

/// Measures the spacings of an image's lattice with every localiser, the paper's only where its columns have the
/// lattice; the parts of noise and disorder from columns located in the even and in the odd rows alone, the other
/// rows interpolated.
///
/// # Errors
/// When the image can't be located, or has no lattice, or [`Error::Stopped`].
pub fn precision(
    image: &Array2<f32>,
    pixel_size: PixelSize,
    model: &LoadedModel,
    settings: &LocateSettings,
    watch: &mut dyn Watch,
) -> Result<Precision, Error> {
    let restore = |image: &Array2<f32>, watch: &dyn Watch| {
        Restored::new(image, Some(pixel_size), model, settings, &mut Aside(watch))
    };
    let whole = restore(image, watch)?;
    watch.progress(0.3);
    // The columns that the border doesn't cut, before any fit; those that the lattice led one to have places that are
    // drawn to it.
    let in_map = |restored: &Restored, image: &Array2<f32>, method: Localiser| {
        let settings = LocateSettings { method, ..*settings };
        let mut columns =
            restored.locate(image, Some(pixel_size), model, &settings, &mut crate::watch::Unwatched).columns;
        columns.retain(|c| !c.flags.contains(&Flag::Border) && !c.flags.contains(&Flag::Expected));
        columns
    };
    let located = in_map(&whole, image, Localiser::Centroid);
    let brightness: Vec<f64> = located.iter().map(|c| c.intensity).collect();
    let lattice = lattice(&in_angstrom(&located, pixel_size), &brightness)?;
    let axes = lattice.axes(SHAPE);
    let (even, odd) = split_rows(image, RowFilling::default())?;
    let halves = [(restore(&even, watch)?, even), (restore(&odd, watch)?, odd)];
    watch.progress(0.7);
    let in_halves =
        |method: Localiser| halves.each_ref().map(|(restored, image)| in_map(restored, image, method));
    let centroids = (located, in_halves(Localiser::Centroid));
    let otsu = (in_map(&whole, image, Localiser::Otsu), in_halves(Localiser::Otsu));
    // Otsu's columns are not the others', and may have no lattice.
    let otsu_lattice = find_lattice(
        &in_angstrom(&otsu.0, pixel_size),
        None,
        &LatticeSettings { guess: Some((lattice.a, lattice.b)), ..LatticeSettings::default() },
    );
    let denoised = whole.maps.get(&Task::NoNoise);
    let cases = [
        (Localiser::Otsu, "raw"),
        (Localiser::Centroid, "raw"),
        (Localiser::Gaussian, "raw"),
        (Localiser::Mle, "raw"),
        (Localiser::Auto, "raw"),
        (Localiser::Gaussian, "denoised"),
    ];
    let mut results = Vec::new();
    for (method, seen) in cases {
        if watch.stopped() {
            return Err(Error::Stopped);
        }
        let settings = LocateSettings { method, ..*settings };
        let looked_at = match (seen, denoised) {
            ("raw", _) => image,
            (_, Some(map)) => map,
            (_, None) => continue,
        };
        let ((columns, in_halves), own) = match (method, &otsu_lattice) {
            (Localiser::Otsu, Ok(own)) => (&otsu, own),
            (Localiser::Otsu, Err(_)) => continue,
            _ => (&centroids, &lattice),
        };
        let places = in_angstrom(columns, pixel_size);
        let mut fitted = columns.clone();
        refine(looked_at, Some(pixel_size), &mut fitted, &settings);
        let fitted = in_angstrom(&fitted, pixel_size);
        // A denoised half was never seen by the network.
        let in_halves = if seen == "raw" { &in_halves[..] } else { &[] };
        let nearest = adatom_locate::median_nearest_distance(&places).unwrap_or(1.0);
        let half = |(columns, (_, image)): (&Vec<LocatedColumn>, &(Restored, Array2<f32>))| {
            let mut columns = columns.clone();
            refine(image, Some(pixel_size), &mut columns, &settings);
            match_columns(&places, &in_angstrom(&columns, pixel_size), SAME * nearest)
        };
        let split: Vec<_> = in_halves.iter().zip(&halves).map(half).collect();
        for (axis, step) in ["a", "b"].into_iter().zip(axes) {
            let found = match spacings(&fitted, own, None, step, &SpacingSettings::default()) {
                // A map that Otsu's threshold cuts into few pieces tells no spacings.
                Err(_) if method == Localiser::Otsu => continue,
                found => found?,
            };
            let parts = match &split[..] {
                [even, odd] => separate(even, odd, own, None, step, &Bootstrap::default()).ok(),
                _ => None,
            };
            results.push(row(method.name(), seen, axis, &found, parts.as_ref()));
        }
    }
    watch.progress(1.0);
    Ok(summary(&lattice, axes, results))
}

/// The lattice of columns, in ångström or, where the pixel size isn't known, in pixels; near the vectors of `guess`
/// if they are given. Columns that it doesn't fit have no place in it.
///
/// # Errors
/// When there is none.
pub fn column_lattice(
    columns: &[LocatedColumn],
    pixel_size: Option<PixelSize>,
    guess: Option<(Vector, Vector)>,
) -> Result<Lattice, Error> {
    let places: Vec<(f64, f64)> = match pixel_size {
        Some(size) => in_angstrom(columns, size),
        None => columns.iter().map(|c| (c.x, c.y)).collect(),
    };
    let brightness: Vec<f64> = columns.iter().map(|c| c.intensity).collect();
    let brightness = brightness.iter().all(|b| b.is_finite()).then_some(&brightness[..]);
    let found = match (guess, brightness) {
        (None, Some(brightness)) => lattice(&places, brightness),
        _ => {
            let settings = LatticeSettings { guess, ..LatticeSettings::default() };
            find_lattice(&places, brightness, &settings).map_err(Error::from)
        }
    };
    match found {
        Err(Error::Analysis(AnalysisError::PartOnly { lattice, .. })) => Ok(*lattice),
        other => other,
    }
}

/// The lattice of the columns. Rows that were displaced make stripes of brightness and place with periods that are
/// no crystal's: a cell several times as long as one that does as well, with as much fewer sites, isn't taken.
pub(crate) fn lattice(places: &[(f64, f64)], brightness: &[f64]) -> Result<Lattice, Error> {
    let settings = LatticeSettings::default();
    let found = find_lattice(places, Some(brightness), &settings)?;
    for parts in (LEAST_PARTS..=MOST_PARTS).rev() {
        let part = 1.0 / f64::from(parts);
        for guess in [(found.a * part, found.b), (found.a, found.b * part)] {
            let settings = LatticeSettings { guess: Some(guess), ..settings };
            let Ok(smaller) = find_lattice(places, None, &settings) else { continue };
            let as_dense = smaller.sites.len() * parts as usize <= found.sites.len();
            if as_dense && smaller.fitted() as f64 >= AS_WELL * found.fitted() as f64 {
                return Ok(smaller);
            }
        }
    }
    Ok(found)
}

fn summary(lattice: &Lattice, axes: [Step; 2], results: Vec<AxisPrecision>) -> Precision {
    let [a, b] = axes.map(|step| lattice.vector(step));
    Precision {
        axes_angstrom: [a.length(), b.length()],
        angle_deg: (a.dot(b) / (a.length() * b.length())).clamp(-1.0, 1.0).acos().to_degrees(),
        sites: lattice.sites.len() * if lattice.shape(SHAPE) == Shape::CentredRectangular { 2 } else { 1 },
        columns: lattice.fitted(),
        results,
    }
}

fn in_angstrom(columns: &[LocatedColumn], size: PixelSize) -> Vec<(f64, f64)> {
    columns.iter().map(|c| (c.x * size.x_angstrom, c.y * size.y_angstrom)).collect()
}

fn row(
    method: &'static str,
    image: &'static str,
    axis: &'static str,
    found: &Spacings,
    parts: Option<&Separation>,
) -> AxisPrecision {
    let interval = |i: Option<adatom_analysis::Interval>| i.map(|i| [PM * i.low, PM * i.high]);
    AxisPrecision {
        method,
        image,
        axis,
        n: found.values.len(),
        mean_pm: PM * found.mean.value,
        sigma_pm: PM * found.sigma.value,
        sigma_interval_pm: interval(found.sigma.interval),
        robust_sigma_pm: PM * found.robust_sigma.value,
        noise_pm: parts.map(|p| PM * p.noise.sigma()),
        noise_interval_pm: interval(parts.and_then(|p| p.noise.sigma_interval())),
        disorder_pm: parts.map(|p| PM * p.disorder.sigma()),
        disorder_interval_pm: interval(parts.and_then(|p| p.disorder.sigma_interval())),
        frames_for_1_pm: found.frames_for_1_pm(PM),
    }
}
