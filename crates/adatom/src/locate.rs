use crate::single;
use crate::watch::Partial;
use crate::{
    ColumnFit, Error, FitOptions, FitReport, LoadedModel, Localiser, Restored, Scale, ScaleChoice, Watch,
};
use adatom_formats::PixelSize;
use adatom_locate::{
    Calibration, Column, Features, Flag, Reason, Resampling, Settings, expected, features, features_beside,
    locate as locate_in_map,
};
use adatom_network::{Maps, Task};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Pixels of a resampled image at most.
pub(crate) const MAX_WORKING_PIXELS: f64 = 6.4e7;
/// Longest side of a resampled image \[px\].
pub(crate) const MAX_WORKING_SIDE: f64 = 16384.0;

/// Peaks lower than this part of a perfect one are no columns but where one is expected.
pub(crate) const LOWEST_PEAK: f32 = 0.08;

/// Columns of this score lead one to expect others: beside a particle a column that is none would lead to the next.
const SURE: f64 = 0.95;
/// With a chance between these a column is in doubt: the network looks again within so many pixels of its image.
const DOUBTFUL: (f64, f64) = (0.01, 0.97);
const AGAIN_PX: f64 = 12.0;

/// Settings of [`locate`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocateSettings {
    /// Scale for the network.
    pub scale: Scale,
    /// The localiser.
    pub method: Localiser,
    /// Columns of a lower score are not reported; Otsu's method has a threshold of its own.
    pub threshold: f64,
    /// Settings of the fits.
    pub fit: FitOptions,
}

impl Default for LocateSettings {
    fn default() -> Self {
        Self {
            scale: Scale::default(),
            method: Localiser::default(),
            threshold: 0.5,
            fit: FitOptions::default(),
        }
    }
}

/// A column in the file's pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocatedColumn {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Mean of the recorded image within `radius_px`, above the background.
    #[serde(with = "crate::number")]
    pub intensity: f64,
    /// The background beneath it: denoised minus background-free image.
    #[serde(with = "crate::number")]
    pub background: f64,
    /// Radius at half the height of the background-free image \[px\].
    #[serde(with = "crate::number")]
    pub radius_px: f64,
    /// The chance that the column is real, by the model's calibration; without one the height of
    /// its peak.
    pub score: f64,
    /// What the score was calculated from.
    pub features: Features,
    /// What to know about it.
    pub flags: Vec<Flag>,
    /// The fit, if its place is a fit's.
    pub fit: Option<ColumnFit>,
    /// Why its place isn't the fit's that was asked for.
    pub unfitted: Option<Reason>,
}

impl LocatedColumn {
    /// A column that somebody says is there: nothing else is known about it.
    pub fn at(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            intensity: f64::NAN,
            background: f64::NAN,
            radius_px: f64::NAN,
            score: 1.0,
            features: Features::default(),
            flags: Vec::new(),
            fit: None,
            unfitted: None,
        }
    }
}

/// What was found.
pub struct Located {
    /// From top to bottom and left to right.
    pub columns: Vec<LocatedColumn>,
    /// The tasks' maps in the file's pixels and unit.
    pub maps: Maps,
    /// The scale.
    pub scale: ScaleChoice,
    /// What a fit found out about the image.
    pub fit: Option<FitReport>,
    /// Things the user should know.
    pub warnings: Vec<String>,
    /// Seconds spent on each stage.
    pub seconds: Vec<(&'static str, f64)>,
}

/// Finds the columns of an image. `progress` hears which part of the network's work is done.
///
/// # Errors
/// When the scale makes no sense or the network can't be run.
pub fn locate(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    model: &LoadedModel,
    settings: &LocateSettings,
    mut progress: &mut dyn FnMut(f64),
) -> Result<Located, Error> {
    let restored = Restored::new(image, pixel_size, model, settings, &mut progress)?;
    Ok(restored.into_located(image, pixel_size, model, settings))
}

/// A column of the map and the chance that it is real.
pub(crate) struct Found {
    pub(crate) column: Column,
    pub(crate) score: f64,
    pub(crate) features: Features,
}

impl Found {
    fn new((column, features): (Column, Features), calibration: &Calibration) -> Self {
        Self { score: calibration.chance(&features), column, features }
    }
}

/// The image at the scale that a network sees it.
///
/// # Errors
/// When it would be too large.
pub(crate) fn resampled(
    image: &Array2<f32>,
    aspect: f64,
    factor: f64,
) -> Result<(Resampling, Array2<f32>), Error> {
    // Unequal pixels become square at the network's scale.
    let (scale_y, scale_x) = (factor * aspect.sqrt(), factor / aspect.sqrt());
    let longest = (image.nrows() as f64 * scale_y).max(image.ncols() as f64 * scale_x);
    if image.len() as f64 * scale_x * scale_y > MAX_WORKING_PIXELS || longest > MAX_WORKING_SIDE {
        return Err(Error::Setting {
            name: "scale",
            value: format!("{factor:.3} for {} × {} px", image.ncols(), image.nrows()),
            expected: "small enough for 64 megapixels and 16384 px a side after resampling",
        });
    }
    let resampling = Resampling::new(image.dim(), scale_y, scale_x);
    let seen = resampling.apply(image);
    Ok((resampling, seen))
}

/// What the network sees of an image at its scale.
pub(crate) struct Seen {
    pub(crate) resampling: Resampling,
    pub(crate) maps: Maps,
}

impl Seen {
    /// Resamples by `factor` and runs the network.
    ///
    /// # Errors
    /// When the resampled image would be too large, the network can't be run, or the watcher stops it.
    pub(crate) fn new(
        image: &Array2<f32>,
        aspect: f64,
        factor: f64,
        model: &LoadedModel,
        watch: &mut dyn Watch,
    ) -> Result<Self, Error> {
        Ok(Self::with_image(image, aspect, factor, model, watch)?.0)
    }

    /// As [`Self::new`], and where columns are in doubt the masks are means over the image and its mirror images; not where
    /// most are, as single atoms: that takes four times as long, and there is no sure one to go by.
    pub(crate) fn twice(
        image: &Array2<f32>,
        aspect: f64,
        factor: f64,
        model: &LoadedModel,
        watch: &mut dyn Watch,
    ) -> Result<Self, Error> {
        let (mut seen, resampled) = Self::with_image(image, aspect, factor, model, watch)?;
        let found = seen.add_expected(model, seen.peaks(model, Localiser::Centroid));
        let doubtful: Vec<(f64, f64)> = found
            .iter()
            .filter(|found| (DOUBTFUL.0..=DOUBTFUL.1).contains(&found.score))
            .map(|found| (found.column.x, found.column.y))
            .collect();
        let sure = found.iter().filter(|found| found.score > DOUBTFUL.1).count();
        if doubtful.len() <= sure {
            let go_on = || !watch.stopped();
            model.inference.average_mirrored(&resampled, &mut seen.maps, &doubtful, AGAIN_PX, go_on)?;
        }
        if watch.stopped() { Err(Error::Stopped) } else { Ok(seen) }
    }

    fn with_image(
        image: &Array2<f32>,
        aspect: f64,
        factor: f64,
        model: &LoadedModel,
        watch: &mut dyn Watch,
    ) -> Result<(Self, Array2<f32>), Error> {
        let (resampling, seen) = resampled(image, aspect, factor)?;
        let tile = |maps: &Maps, done: usize, all: usize| {
            watch.progress(done as f64 / all as f64);
            if done < all {
                watch.partial(&Partial { maps, resampling: &resampling });
            }
            !watch.stopped()
        };
        let maps = model.inference.maps_while(&seen, tile)?.ok_or(Error::Stopped)?;
        Ok((Self { resampling, maps }, seen))
    }

    /// The columns of the `image` that are likely enough, from top to bottom and left to right.
    pub(crate) fn find(
        &self,
        image: &Array2<f32>,
        model: &LoadedModel,
        settings: &LocateSettings,
    ) -> Vec<Found> {
        let mut found = self.peaks(model, settings.method);
        if settings.method != Localiser::Otsu {
            found = self.add_expected(model, found);
            single::judge(image, &self.resampling, &mut found);
            found.retain(|found| found.score >= settings.threshold);
            found.sort_by(|a, b| a.column.y.total_cmp(&b.column.y).then(a.column.x.total_cmp(&b.column.x)));
        }
        found
    }

    /// The columns of the map, with their chances.
    pub(crate) fn peaks(&self, model: &LoadedModel, method: Localiser) -> Vec<Found> {
        let Some(map) = self.column_map() else { return Vec::new() };
        let columns = locate_in_map(map, &Settings { method: method.in_map(), threshold: LOWEST_PEAK });
        let features = features(&columns, self.maps.get(&Task::CircularMask));
        columns.into_iter().zip(features).map(|found| Found::new(found, &model.calibration)).collect()
    }

    /// Adds the columns that the likely ones lead one to expect, with their chances; doubtful peaks at their places
    /// are these columns.
    fn add_expected(&self, model: &LoadedModel, found: Vec<Found>) -> Vec<Found> {
        let (Some(map), Some(calibration)) = (self.column_map(), &model.expected_calibration) else {
            return found;
        };
        let (mut found, doubtful): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| found.score >= SURE);
        let columns = |found: &[Found]| -> Vec<Column> { found.iter().map(|f| f.column.clone()).collect() };
        let sure = columns(&found);
        let expected = expected(&sure, &columns(&doubtful), map);
        let mut doubtful: Vec<Option<Found>> = doubtful.into_iter().map(Some).collect();
        expected.iter().filter_map(|(_, peak)| *peak).for_each(|peak| doubtful[peak] = None);
        found.extend(doubtful.into_iter().flatten());
        let expected: Vec<Column> = expected.into_iter().map(|(column, _)| column).collect();
        let features = features_beside(&sure, &expected, self.maps.get(&Task::CircularMask));
        found.extend(expected.into_iter().zip(features).map(|found| Found::new(found, calibration)));
        found
    }

    fn column_map(&self) -> Option<&Array2<f32>> {
        self.maps.get(&Task::GaussianMask).or(self.maps.get(&Task::CircularMask))
    }
}

/// Brings columns back to the file's pixels and measures them there.
pub(crate) fn measure(image: &Array2<f32>, maps: &Maps, seen: &Seen, found: &[Found]) -> Vec<LocatedColumn> {
    let back = seen.resampling.inverse();
    let (scale_y, scale_x) = back.scale();
    let to_file = (scale_x * scale_y).sqrt();
    found
        .iter()
        .map(|Found { column, score, features }| {
            let (x, y) = back.forward((column.x, column.y));
            let radius_px = seen
                .maps
                .get(&Task::NoBackgroundNoNoise)
                .map_or(f64::NAN, |bare| half_height_radius(bare, column.x, column.y) * to_file);
            LocatedColumn {
                score: *score,
                features: *features,
                flags: column.flags.clone(),
                ..measure_column(image, maps, (x, y), radius_px)
            }
        })
        .collect()
}

/// What image and maps say of a column at a place that somebody knows.
pub fn measure_column(image: &Array2<f32>, maps: &Maps, (x, y): (f64, f64), radius_px: f64) -> LocatedColumn {
    let (rows, columns) = image.dim();
    let at = |map: &Array2<f32>| {
        let row = (y.round().max(0.0) as usize).min(rows - 1);
        f64::from(map[(row, (x.round().max(0.0) as usize).min(columns - 1))])
    };
    let (clean, bare) = (maps.get(&Task::NoNoise), maps.get(&Task::NoBackgroundNoNoise));
    let background = clean.zip(bare).map_or(f64::NAN, |(clean, bare)| at(clean) - at(bare));
    let reach = if radius_px.is_finite() { radius_px.max(0.75) } else { 1.5 };
    let (mut sum, mut count) = (0.0, 0.0);
    let range = |centre: f64, size: usize| {
        (centre - reach).ceil().max(0.0) as usize..((centre + reach).floor().max(0.0) as usize + 1).min(size)
    };
    for row in range(y, rows) {
        for col in range(x, columns) {
            if (col as f64 - x).hypot(row as f64 - y) <= reach {
                sum += f64::from(image[(row, col)]);
                count += 1.0;
            }
        }
    }
    let mean = if count > 0.0 { sum / count } else { at(image) };
    LocatedColumn { intensity: mean - background, background, radius_px, ..LocatedColumn::at(x, y) }
}

/// σ of the Gaussian that falls to half at `radius`.
pub(crate) fn sigma_of_radius(radius: f64) -> f64 {
    radius / (2.0 * 2.0_f64.ln()).sqrt()
}

/// Mean distance, over sixteen directions, at which a column falls to half its height.
pub(crate) fn half_height_radius(map: &Array2<f32>, x: f64, y: f64) -> f64 {
    const DIRECTIONS: usize = 16;
    const STEP: f64 = 0.25;
    const FARTHEST: f64 = 24.0;
    /// Within this distance the peak itself may be off centre; farther away a rise of this part of the height leads to
    /// a neighbour.
    const NEAR: f64 = 1.0;
    const RISE: f32 = 0.05;
    let (rows, columns) = map.dim();
    let value = |x: f64, y: f64| {
        let (x, y) = (x.clamp(0.0, (columns - 1) as f64), y.clamp(0.0, (rows - 1) as f64));
        let (c, r) = (x.floor() as usize, y.floor() as usize);
        let (c1, r1) = ((c + 1).min(columns - 1), (r + 1).min(rows - 1));
        let (fx, fy) = ((x - c as f64) as f32, (y - r as f64) as f32);
        let top = map[(r, c)] * (1.0 - fx) + map[(r, c1)] * fx;
        let bottom = map[(r1, c)] * (1.0 - fx) + map[(r1, c1)] * fx;
        top * (1.0 - fy) + bottom * fy
    };
    let peak = value(x, y);
    let half = 0.5 * peak;
    let total: f64 = (0..DIRECTIONS)
        .map(|direction| {
            let (sin, cos) = (std::f64::consts::TAU * direction as f64 / DIRECTIONS as f64).sin_cos();
            let (mut distance, mut before) = (0.0, peak);
            let (mut lowest, mut at) = (peak, 0.0);
            while distance < FARTHEST {
                let here = value(x + (distance + STEP) * cos, y + (distance + STEP) * sin);
                if here <= half {
                    return distance
                        + STEP * f64::from((before - half) / (before - here).max(f32::MIN_POSITIVE));
                }
                (distance, before) = (distance + STEP, here);
                if here <= lowest || distance <= NEAR {
                    (lowest, at) = (here, distance);
                } else if here > lowest + RISE * peak {
                    break;
                }
            }
            at
        })
        .sum();
    total / DIRECTIONS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Unwatched;

    /// A lattice of which four columns are fainter and fainter, and the same where noise hides most columns.
    #[test]
    fn the_network_looks_again_where_few_columns_are_in_doubt() {
        let model = crate::Model::built_in().unwrap().open(adatom_network::DeviceChoice::Cpu).unwrap();
        let scene = |light: f64| {
            let noise = |r: usize, c: usize| {
                let hash = |i: u64| (i ^ (i >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let draw = |k: u64| (hash(hash(hash((c + 96 * r) as u64 * 12 + k + 1))) >> 11) as f64;
                (0..12).map(draw).sum::<f64>() / (1_u64 << 53) as f64 - 6.0
            };
            Array2::from_shape_fn((96, 96), |(r, c)| {
                let columns = (0..36).map(|i| {
                    let (x, y) = (8.0 + 16.0 * f64::from(i % 6), 8.0 + 16.0 * f64::from(i / 6));
                    let height = if (13..17).contains(&i) { 0.04 * f64::from(i - 12) } else { 1.0 };
                    height * (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * 3.0 * 3.0)).exp()
                });
                (light * columns.sum::<f64>() + noise(r, c)) as f32
            })
        };
        for (light, again) in [(8.0, true), (0.3, false)] {
            let image = scene(light);
            let once = Seen::new(&image, 1.0, 1.0, &model, &mut Unwatched).unwrap().maps;
            let twice = Seen::twice(&image, 1.0, 1.0, &model, &mut Unwatched).unwrap().maps;
            assert_eq!(once[&Task::GaussianMask] != twice[&Task::GaussianMask], again, "{light}");
            assert_eq!(once[&Task::NoNoise], twice[&Task::NoNoise]);
        }
    }

    /// A Gaussian falls to half at 1.1774 σ.
    #[test]
    fn radius_is_that_of_half_the_height() {
        let map = Array2::from_shape_fn((41, 41), |(r, c)| {
            (-((c as f64 - 20.3).powi(2) + (r as f64 - 19.6).powi(2)) / (2.0 * 9.0)).exp() as f32
        });
        assert!((half_height_radius(&map, 20.3, 19.6) - 3.532).abs() < 0.2);
    }
}
