//! One column looked at closely.

use crate::LocatedColumn;
use crate::locate::sigma_of_radius;
use adatom_locate::{FitSettings, FittedColumn, Shape, Start, fit_columns};
use ndarray::{Array2, s};

/// Half the side of a patch in distances to the nearest neighbour, and its limits \[px\].
const REACH: f64 = 1.4;
const REACHES_PX: (f64, f64) = (7.0, 80.0);
/// Width of a column whose radius isn't known, as a part of the distance to its neighbour.
const WIDTH: f64 = 0.2;

/// The image around a column and a Gaussian fitted to it there, its neighbours' beside it.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// First pixel of the patch, `(x, y)` \[px of the file\].
    pub origin: (usize, usize),
    /// The image.
    pub patch: Array2<f32>,
    /// The fitted columns on the background; as large as `patch`.
    pub model: Array2<f32>,
    /// The column's own fit, in pixels of the file; its `reason` says why it can't be trusted.
    pub fit: FittedColumn,
    /// Root mean square of patch minus model \[image unit\].
    pub rms: f64,
}

/// Fits column `index` and its neighbours to the image around it by least squares. `None` when there is no such
/// column, or none of the image around it.
pub fn inspect(image: &Array2<f32>, columns: &[LocatedColumn], index: usize) -> Option<Inspection> {
    let column = columns.get(index)?;
    let distance = |other: &LocatedColumn| (other.x - column.x).hypot(other.y - column.y);
    let others = columns.iter().enumerate().filter(|(i, _)| *i != index);
    let nearest = others.map(|(_, other)| distance(other)).fold(f64::INFINITY, f64::min);
    let reach = (REACH * nearest).clamp(REACHES_PX.0, REACHES_PX.1);
    let range = |centre: f64, size: usize| {
        let from = (centre - reach).round().max(0.0) as usize;
        from..((centre + reach).round().max(0.0) as usize + 1).min(size)
    };
    let (rows, cols) = (range(column.y, image.nrows()), range(column.x, image.ncols()));
    if rows.len() < 3 || cols.len() < 3 {
        return None;
    }
    let origin = (cols.start, rows.start);
    let patch = image.slice(s![rows, cols]).to_owned();
    let start = |c: &LocatedColumn| {
        let sigma = sigma_of_radius(c.radius_px);
        Start {
            x: c.x - origin.0 as f64,
            y: c.y - origin.1 as f64,
            sigma: if sigma.is_finite() && sigma > 0.0 { sigma } else { WIDTH * nearest.min(reach) },
            background: Some(c.background).filter(|value| value.is_finite()),
        }
    };
    let near = columns.iter().enumerate().filter(|(i, c)| *i != index && distance(c) < 1.5 * reach);
    let starts: Vec<Start> = std::iter::once(start(column)).chain(near.map(|(_, c)| start(c))).collect();
    let settings = FitSettings { shape: Shape::Elliptical, ..FitSettings::default() };
    let fitted = fit_columns(&patch, &starts, &settings).columns;
    let model = Array2::from_shape_fn(patch.dim(), |(row, col)| {
        let of_all: f64 = fitted.iter().map(|c| height_at(c, col as f64, row as f64)).sum();
        (fitted[0].background + of_all) as f32
    });
    let squares: f64 = patch.iter().zip(&model).map(|(p, m)| f64::from(p - m).powi(2)).sum();
    let rms = (squares / patch.len() as f64).sqrt();
    let mut fit = fitted[0];
    fit.x += origin.0 as f64;
    fit.y += origin.1 as f64;
    Some(Inspection { origin, patch, model, fit, rms })
}

/// A fitted column's height at a point.
fn height_at(column: &FittedColumn, x: f64, y: f64) -> f64 {
    let (sin, cos) = column.angle_rad.sin_cos();
    let (dx, dy) = (x - column.x, y - column.y);
    let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
    let [major, minor] = column.sigma_px.map(|sigma| sigma.max(1e-3));
    let value = column.height * (-0.5 * ((along / major).powi(2) + (across / minor).powi(2))).exp();
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(x: f64, y: f64) -> LocatedColumn {
        LocatedColumn { x, y, radius_px: 2.4, ..LocatedColumn::at(0.0, 0.0) }
    }

    #[test]
    fn the_patch_is_around_the_column_and_the_model_fits_it() {
        let truth = [(20.3, 30.7, 50.0), (32.1, 30.2, 30.0)];
        let image = Array2::from_shape_fn((64, 64), |(r, c)| {
            let spot = |(x, y, h): (f64, f64, f64)| {
                h * (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * 4.0)).exp()
            };
            (10.0 + truth.into_iter().map(spot).sum::<f64>()) as f32
        });
        let seen = inspect(&image, &[column(32.0, 30.0), column(20.0, 31.0)], 1).unwrap();
        assert!((seen.fit.x - 20.3).abs() < 0.02 && (seen.fit.y - 30.7).abs() < 0.02, "{:?}", seen.fit);
        assert!((seen.fit.height - 50.0).abs() < 1.0 && (seen.fit.sigma_px[0] - 2.0).abs() < 0.1);
        assert_eq!(seen.patch[(0, 0)], image[(seen.origin.1, seen.origin.0)]);
        assert!(seen.rms < 0.5, "{}", seen.rms);
        assert!(inspect(&image, &[], 0).is_none());
    }
}
