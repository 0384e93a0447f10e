//! The ground truth of Table 2, from the columns' true positions.

use crate::Grid;
use ndarray::{Array2, s};

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
            let mut line = mask.slice_mut(s![row, columns.clone()]);
            for (column, pixel) in columns.clone().zip(&mut line) {
                let dx = column as f64 - spot.x;
                if dx * dx + dy * dy <= radius_px * radius_px {
                    *pixel = 1.0;
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
    let scale = -0.5 / (sigma_px * sigma_px);
    let mut along_x = Vec::new();
    for spot in spots {
        let (rows, columns) = window(spot, 4.5 * sigma_px, grid);
        along_x.clear();
        along_x.extend(columns.clone().map(|column| ((column as f64 - spot.x).powi(2) * scale).exp() as f32));
        for row in rows {
            let along_y = ((row as f64 - spot.y).powi(2) * scale).exp() as f32;
            let mut line = mask.slice_mut(s![row, columns.clone()]);
            line.iter_mut().zip(&along_x).for_each(|(pixel, along_x)| *pixel = pixel.max(along_x * along_y));
        }
    }
    mask
}

/// `noNoiseNoBackgroundSuperresolution`: every column as a Gaussian of `sigma_px` that carries
/// the column's whole intensity, integrated over the pixels so that none is lost however narrow.
pub fn superresolution(spots: &[Spot], sigma_px: f64, grid: &Grid) -> Array2<f32> {
    let mut image = Array2::<f32>::zeros((grid.height, grid.width));
    let scale = 1.0 / (sigma_px * std::f64::consts::SQRT_2);
    // Parts of a Gaussian in pixels one after the other, from the integrals up to their edges.
    let parts = |pixels: &std::ops::Range<usize>, centre: f64, parts: &mut Vec<f64>| {
        let below = |edge: usize| 0.5 * libm::erf((edge as f64 - 0.5 - centre) * scale);
        parts.clear();
        let mut before = below(pixels.start);
        parts.extend(pixels.clone().map(|pixel| {
            let until = below(pixel + 1);
            until - std::mem::replace(&mut before, until)
        }));
    };
    let (mut along_x, mut along_y) = (Vec::new(), Vec::new());
    for spot in spots {
        let (rows, columns) = window(spot, 4.5 * sigma_px + 0.5, grid);
        parts(&columns, spot.x, &mut along_x);
        parts(&rows, spot.y, &mut along_y);
        along_x.iter_mut().for_each(|part| *part *= spot.intensity);
        for (row, along_y) in rows.zip(&along_y) {
            let mut line = image.slice_mut(s![row, columns.clone()]);
            line.iter_mut().zip(&along_x).for_each(|(pixel, along_x)| *pixel += (along_x * along_y) as f32);
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::f64::consts::PI;

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

    /// To 1e-4 of the intensity and, where the Gaussian is wider than the pixel, of its position.
    #[test]
    fn superresolution_preserves_intensity_and_position() {
        let spots = [Spot { x: 30.3, y: 20.6, intensity: 7.0 }];
        for sigma in [1.5, 0.5, 0.02] {
            let image = superresolution(&spots, sigma, &grid());
            let total: f32 = image.sum();
            assert!((total - 7.0).abs() < 7e-4, "σ = {sigma} px: {total}");
            let x: f32 = image.indexed_iter().map(|((_, x), v)| x as f32 * v).sum::<f32>() / total;
            assert!(sigma < 0.5 || (x - 30.3).abs() < 5e-3, "σ = {sigma} px: {x}");
        }
    }

    #[test]
    fn gaussian_mask_takes_the_higher_of_two() {
        let spots = [Spot { x: 30.0, y: 20.0, intensity: 1.0 }, Spot { x: 31.0, y: 20.0, intensity: 1.0 }];
        let mask = gaussian_mask(&spots, 2.0, &grid());
        assert!(mask.iter().all(|v| *v <= 1.0));
        assert_eq!(mask[(20, 30)], 1.0);
    }
}
