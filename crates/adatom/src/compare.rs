//! Localisers beside each other on one image.

use crate::{Error, LoadedModel, Localiser, LocateSettings, LocatedColumn, Restored, Watch, column_lattice};
use adatom_analysis::match_columns;
use adatom_formats::PixelSize;
use adatom_locate::median_nearest_distance;
use ndarray::Array2;
use serde::Serialize;

/// Columns of two localisers are the same within this part of the distance to the nearest neighbour.
const SAME: f64 = 0.4;

/// What one localiser makes of an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The localiser.
    pub method: Localiser,
    /// Columns that it finds.
    pub columns: usize,
    /// Of them, those that a fit placed.
    pub fitted: usize,
    /// Columns that it shares with the reference.
    pub shared: usize,
    /// Root-mean-square distance of those \[px\].
    pub distance_px: Option<f64>,
    /// Robust standard deviation of the columns from their lattice, per coordinate, in ångström or, where the
    /// pixel size isn't known, in pixels.
    pub lattice_sigma: Option<f64>,
    /// Seconds that it took, without the network.
    pub seconds: f64,
}

/// Locates the columns of a restored image by every localiser and compares them with `reference`.
///
/// # Errors
/// [`Error::Stopped`] when the watcher wants no more.
pub fn compare(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    restored: &Restored,
    model: &LoadedModel,
    settings: &LocateSettings,
    reference: &[LocatedColumn],
    watch: &mut dyn Watch,
) -> Result<Vec<Compared>, Error> {
    let places = |columns: &[LocatedColumn]| columns.iter().map(|c| (c.x, c.y)).collect::<Vec<_>>();
    let reference = places(reference);
    let radius = SAME * median_nearest_distance(&reference).filter(|d| d.is_finite()).unwrap_or(10.0);
    Localiser::ALL
        .into_iter()
        .map(|method| {
            if watch.stopped() {
                return Err(Error::Stopped);
            }
            let settings = LocateSettings { method, ..*settings };
            let found = restored.locate(image, pixel_size, model, &settings, watch);
            let pairs = match_columns(&reference, &places(&found.columns), radius);
            let squares: Vec<f64> = reference
                .iter()
                .zip(&pairs)
                .filter_map(|(a, b)| b.map(|b| (a.0 - b.0).powi(2) + (a.1 - b.1).powi(2)))
                .collect();
            let shared = squares.len();
            Ok(Compared {
                method,
                columns: found.columns.len(),
                fitted: found.columns.iter().filter(|column| column.fit.is_some()).count(),
                shared,
                distance_px: (shared > 0).then(|| (squares.iter().sum::<f64>() / shared as f64).sqrt()),
                lattice_sigma: column_lattice(&found.columns, pixel_size, None).ok().map(|l| l.sigma),
                seconds: found.seconds.iter().map(|(_, seconds)| seconds).sum(),
            })
        })
        .collect()
}
