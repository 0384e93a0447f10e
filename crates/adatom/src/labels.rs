//! Masks of known columns: what a network is to learn of an image.

use crate::LocatedColumn;
use adatom_imaging::{Grid, Spot, circular_mask, gaussian_mask};
use adatom_locate::{median, median_nearest_distance};
use adatom_network::{Maps, Task};

/// σ of the Gaussian mask and the columns' radius where that isn't known, as parts of the distance to the nearest
/// neighbour: those of the training's samples.
const SIGMA: f64 = 0.08;
const RADIUS: f64 = 0.25;
/// That distance for a single column \[px\].
const ALONE_PX: f64 = 22.0;

/// The labels `circularMask` and `gaussianMask` of an image of `(rows, columns)` whose columns are known.
pub fn column_labels((rows, cols): (usize, usize), columns: &[LocatedColumn]) -> Maps {
    let grid = Grid { width: cols, height: rows, pixel_x_angstrom: 1.0, pixel_y_angstrom: 1.0 };
    let places: Vec<(f64, f64)> = columns.iter().map(|c| (c.x, c.y)).collect();
    let spacing = median_nearest_distance(&places).filter(|d| d.is_finite()).unwrap_or(ALONE_PX);
    let mut radii: Vec<f64> = columns.iter().map(|c| c.radius_px).filter(|r| r.is_finite()).collect();
    let radius = median(&mut radii).unwrap_or(RADIUS * spacing);
    let spots: Vec<Spot> = places.iter().map(|&(x, y)| Spot { x, y, intensity: 1.0 }).collect();
    Maps::from([
        (Task::CircularMask, circular_mask(&spots, radius, &grid)),
        (Task::GaussianMask, gaussian_mask(&spots, SIGMA * spacing, &grid)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_one_at_the_columns_and_zero_between_them() {
        let columns = [LocatedColumn::at(10.0, 12.0), LocatedColumn::at(32.0, 12.0)];
        let labels = column_labels((30, 44), &columns);
        for map in labels.values() {
            assert_eq!((map.dim(), map[(12, 10)], map[(12, 32)]), ((30, 44), 1.0, 1.0));
            assert!(map[(12, 21)] < 0.01);
        }
    }
}
