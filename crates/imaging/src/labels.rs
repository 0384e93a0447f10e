//! The ground truth of Table 2, from the columns' true positions.

use crate::Grid;
use ndarray::Array2;
use std::f64::consts::PI;

/// A labelled column, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Centre, to the right \[px\].
    pub x: f64,
    /// Centre, downwards \[px\].
    pub y: f64,
    /// Integral of the column's image over the plane, in the image's unit times px².
    pub intensity: f64,
}

/// Rows and columns of the window within `reach` pixels of a spot, clipped to the grid.
fn window(spot: &Spot, reach: f64, grid: &Grid) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let clip = |centre: f64, size: usize| {
        let from = (centre - reach).ceil().clamp(0.0, size as f64) as usize;
        let to = ((centre + reach).floor() + 1.0).clamp(0.0, size as f64) as usize;
        from..to.max(from)
    };
    (clip(spot.y, grid.height), clip(spot.x, grid.width))
}

/// `circularMask`: one on pixels whose centre is at most `radius_px` from a column, else zero.
pub fn circular_mask(spots: &[Spot], radius_px: f64, grid: &Grid) -> Array2<f32> {
    let mut mask = Array2::zeros((grid.height, grid.width));
    for spot in spots {
        let (rows, columns) = window(spot, radius_px, grid);
        for row in rows {
            let dy = row as f64 - spot.y;
            for column in columns.clone() {
                let dx = column as f64 - spot.x;
                if dx * dx + dy * dy <= radius_px * radius_px {
                    mask[(row, column)] = 1.0;
                }
            }
        }
    }
    mask
}

/// `gaussianMask`: a Gaussian of height one and `sigma_px` on every column; where two overlap the
/// higher counts.
pub fn gaussian_mask(spots: &[Spot], sigma_px: f64, grid: &Grid) -> Array2<f32> {
    let mut mask = Array2::<f32>::zeros((grid.height, grid.width));
    splat(spots, sigma_px, grid, |row, column, value, _| {
        let pixel = &mut mask[(row, column)];
        *pixel = pixel.max(value);
    });
    mask
}

/// `noNoiseNoBackgroundSuperresolution`: every column as a Gaussian of `sigma_px` that carries
/// the column's whole intensity.
pub fn superresolution(spots: &[Spot], sigma_px: f64, grid: &Grid) -> Array2<f32> {
    let mut image = Array2::<f32>::zeros((grid.height, grid.width));
    let area = 2.0 * PI * sigma_px * sigma_px;
    splat(spots, sigma_px, grid, |row, column, value, spot| {
        image[(row, column)] += value * (spot.intensity / area) as f32;
    });
    image
}

/// Calls `add` with the value of each spot's unit-height Gaussian on the pixels within 4.5 σ.
fn splat(spots: &[Spot], sigma_px: f64, grid: &Grid, mut add: impl FnMut(usize, usize, f32, &Spot)) {
    let scale = -0.5 / (sigma_px * sigma_px);
    let mut along_x = Vec::new();
    for spot in spots {
        let (rows, columns) = window(spot, 4.5 * sigma_px, grid);
        along_x.clear();
        along_x.extend(columns.clone().map(|column| ((column as f64 - spot.x).powi(2) * scale).exp() as f32));
        for row in rows {
            let along_y = ((row as f64 - spot.y).powi(2) * scale).exp() as f32;
            for (column, along_x) in columns.clone().zip(&along_x) {
                add(row, column, along_x * along_y, spot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid::new(60, 40, 0.1).unwrap()
    }

    #[test]
    fn circular_mask_has_the_circles_area_and_clips_at_the_border() {
        let inside = [Spot { x: 30.2, y: 20.7, intensity: 1.0 }];
        let area = circular_mask(&inside, 10.0, &grid()).sum();
        assert!((area / (PI as f32 * 100.0) - 1.0).abs() < 0.02);
        let corner = [Spot { x: -0.5, y: -0.5, intensity: 1.0 }];
        let quarter = circular_mask(&corner, 10.0, &grid()).sum();
        assert!((quarter / (PI as f32 * 25.0) - 1.0).abs() < 0.05);
        let outside = [Spot { x: -1e9, y: 1e9, intensity: 1.0 }];
        assert_eq!(circular_mask(&outside, 10.0, &grid()).sum(), 0.0);
    }

    /// The pixel sum of a Gaussian of σ ≥ 1 px is its integral to 1e-4 (4.5 σ cut off 4e-5).
    #[test]
    fn superresolution_preserves_intensity_and_position() {
        let spots = [Spot { x: 30.3, y: 20.6, intensity: 7.0 }];
        let image = superresolution(&spots, 1.5, &grid());
        let total: f32 = image.sum();
        assert!((total - 7.0).abs() < 7e-4);
        let x: f32 = image.indexed_iter().map(|((_, x), v)| x as f32 * v).sum::<f32>() / total;
        assert!((x - 30.3).abs() < 1e-3);
    }

    #[test]
    fn gaussian_mask_takes_the_higher_of_two() {
        let spots = [Spot { x: 30.0, y: 20.0, intensity: 1.0 }, Spot { x: 31.0, y: 20.0, intensity: 1.0 }];
        let mask = gaussian_mask(&spots, 2.0, &grid());
        assert!(mask.iter().all(|v| *v <= 1.0));
        assert_eq!(mask[(20, 30)], 1.0);
    }
}
