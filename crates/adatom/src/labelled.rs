//! Images whose columns somebody has labelled, such as the desktop app exports.

use crate::{ColumnTable, Error, LoadedModel, LocateSettings, locate};
use adatom_formats::{Image, PixelSize, Selection, read_image};
use adatom_locate::{Truth, median_nearest_distance, score};
use serde::Serialize;
use std::path::Path;

/// A found column is a labelled one within this part of the distance to the nearest neighbour.
const SAME: f64 = 0.35;
/// Labels nearer to the border than this part of it need not be found.
const BORDER: f64 = 0.3;

/// An image with the places of its columns.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The image.
    pub image: Image,
    /// Its columns, `(x, y)` \[px\].
    pub columns: Vec<(f64, f64)>,
}

/// How well a model finds labelled columns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LabelScore {
    /// Labels that had to be found.
    pub labels: usize,
    /// Columns that were found.
    pub found: usize,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Root-mean-square distance from the labels \[Å\].
    pub rmse_angstrom: f64,
}

impl Labelled {
    /// Reads a folder with `image.tif` and `atoms.csv`.
    ///
    /// # Errors
    /// When one of them can't be read.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let image = read_image(&folder.join("image.tif"), &Selection::default())?;
        image.check_finite()?;
        image.check_usable(8)?;
        let table = ColumnTable::read(&folder.join("atoms.csv"))?;
        let columns = table.rows.iter().map(|row| (row.position_px[0], row.position_px[1])).collect();
        Ok(Self { image, columns })
    }

    /// Looks for the columns with a model.
    ///
    /// # Errors
    /// When the image can't be located.
    pub(crate) fn judge(&self, model: &LoadedModel, pixel_size: PixelSize) -> Result<LabelScore, Error> {
        let settings = LocateSettings::default();
        let located = locate(&self.image.data, Some(pixel_size), model, &settings, &mut |_| {})?;
        let spacing = median_nearest_distance(&self.columns).filter(|d| d.is_finite()).unwrap_or(20.0);
        let (rows, cols) = self.image.data.dim();
        let inside = |v: f64, side: usize| v > BORDER * spacing && v < side as f64 - 1.0 - BORDER * spacing;
        let whole = |x: f64, y: f64| inside(x, cols) && inside(y, rows);
        let truth: Vec<Truth> = self
            .columns
            .iter()
            .map(|&(x, y)| Truth { x, y, radius: SAME * spacing, required: whole(x, y) })
            .collect();
        let found: Vec<(f64, f64)> = located.columns.iter().map(|c| (c.x, c.y)).collect();
        let (score, _) = score(&found, &truth, |(x, y)| !whole(x, y));
        Ok(LabelScore {
            labels: score.truth,
            found: score.found,
            f1: score.f1(),
            rmse_angstrom: score.rmse_px() * (pixel_size.x_angstrom * pixel_size.y_angstrom).sqrt(),
        })
    }
}
