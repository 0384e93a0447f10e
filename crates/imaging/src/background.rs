use crate::{Grid, SampleRng};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The shapes of Table 1, and contamination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackgroundKind {
    /// The same everywhere.
    Constant,
    /// A ramp in a random direction.
    Linear,
    /// A smooth random pattern of waves no shorter than two thirds of the field.
    Nonlinear,
    /// Roundish patches of a fifteenth to a third of the field, as contamination leaves them.
    Blobs,
}

/// A background to be added to the ideal image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Its shape.
    pub kind: BackgroundKind,
    /// Its largest value, in units of the ideal image's peak.
    pub level: f64,
}

impl Background {
    /// The pattern over `grid`, between 0 and [`Background::level`]; a random direction or
    /// pattern is drawn from `rng`.
    pub fn render(&self, grid: &Grid, rng: &mut SampleRng) -> Array2<f32> {
        let (w, h) = (grid.width as f64, grid.height as f64);
        let level = self.level as f32;
        let size = (grid.height, grid.width);
        match self.kind {
            BackgroundKind::Constant => Array2::from_elem(size, level),
            BackgroundKind::Linear => {
                let (sin, cos) = (2.0 * PI * rng.uniform()).sin_cos();
                normalised(
                    Array2::from_shape_fn(size, |(row, column)| {
                        (column as f64 / w * cos + row as f64 / h * sin) as f32
                    }),
                    level,
                )
            }
            BackgroundKind::Nonlinear => {
                // Separable waves: each costs a row and a column, not a cosine a pixel.
                let mut pattern = Array2::<f32>::zeros(size);
                for _ in 0..5 {
                    let (fx, fy) = (rng.between(-1.5, 1.5), rng.between(-1.5, 1.5));
                    let (amplitude, phase) = (rng.between(0.3, 1.0), 2.0 * PI * rng.uniform());
                    let along_x: Vec<(f32, f32)> = (0..grid.width)
                        .map(|column| (2.0 * PI * fx * column as f64 / w).sin_cos())
                        .map(|(sin, cos)| (sin as f32, cos as f32))
                        .collect();
                    for (row, mut line) in pattern.rows_mut().into_iter().enumerate() {
                        let (sin, cos) = (2.0 * PI * fy * row as f64 / h + phase).sin_cos();
                        let (sin, cos) = ((amplitude * sin) as f32, (amplitude * cos) as f32);
                        line.iter_mut().zip(&along_x).for_each(|(v, (sx, cx))| *v += cos * cx - sin * sx);
                    }
                }
                normalised(pattern, level)
            }
            BackgroundKind::Blobs => {
                let mut pattern = Array2::<f32>::zeros(size);
                for _ in 0..1 + rng.index(8) {
                    let sigma = w * rng.between(0.03, 0.15);
                    let (x, y, height) = (w * rng.uniform(), h * rng.uniform(), rng.between(0.2, 1.0));
                    let bell = |count: usize, centre: f64| -> Vec<f32> {
                        (0..count)
                            .map(|i| (-0.5 * ((i as f64 - centre) / sigma).powi(2)).exp() as f32)
                            .collect()
                    };
                    let (along_x, along_y) = (bell(grid.width, x), bell(grid.height, y));
                    for (mut line, along_y) in pattern.rows_mut().into_iter().zip(along_y) {
                        let height = height as f32 * along_y;
                        line.iter_mut().zip(&along_x).for_each(|(v, along_x)| *v += height * along_x);
                    }
                }
                normalised(pattern, level)
            }
        }
    }
}

/// Scaled to run from 0 to `level`.
fn normalised(mut pattern: Array2<f32>, level: f32) -> Array2<f32> {
    let (low, high) =
        pattern.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let scale = if high > low { level / (high - low) } else { 0.0 };
    pattern.mapv_inplace(|v| (v - low) * scale);
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_between_zero_and_their_level() {
        let grid = Grid::new(64, 48, 0.1).unwrap();
        for kind in [
            BackgroundKind::Constant,
            BackgroundKind::Linear,
            BackgroundKind::Nonlinear,
            BackgroundKind::Blobs,
        ] {
            let pattern = Background { kind, level: 0.4 }.render(&grid, &mut SampleRng::new(1, 5));
            assert_eq!(pattern.dim(), (48, 64));
            assert!(pattern.iter().all(|v| (0.0..=0.4 + 1e-6).contains(v)), "{kind:?}");
            assert!(pattern.iter().any(|v| (*v - 0.4).abs() < 1e-5), "{kind:?}");
        }
    }

    /// The steepest wave has 1.5 periods across the field: neighbouring pixels hardly differ.
    #[test]
    fn patterns_are_of_low_frequency() {
        let grid = Grid::new(128, 128, 0.1).unwrap();
        let pattern = Background { kind: BackgroundKind::Nonlinear, level: 1.0 }
            .render(&grid, &mut SampleRng::new(1, 6));
        let step = pattern
            .rows()
            .into_iter()
            .flat_map(|r| r.windows(2).into_iter().map(|w| (w[1] - w[0]).abs()).collect::<Vec<_>>());
        assert!(step.fold(0.0, f32::max) < 0.15);
    }
}
