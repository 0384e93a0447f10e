//! What a fit leaves, pixel by pixel, and the noise in it.

use super::gaussian::REACH;
use super::noise::NoiseModel;
use super::sweep::Fitting;
use ndarray::Array2;

/// What the columns leave and how their images change.
pub(super) struct Maps {
    /// What the columns and their planes don't explain; zero outside all windows.
    pub residual: Array2<f32>,
    /// Derivatives of the columns' images by x and y.
    pub slopes: [Array2<f32>; 2],
    /// The column whose window's middle is nearest, among those whose windows hold the pixel; `u32::MAX` outside
    /// all.
    pub owner: Array2<u32>,
}

impl Fitting<'_> {
    /// What the columns and planes leave, and how the columns' images change.
    pub(super) fn maps(&self) -> Maps {
        let size = self.residual.dim();
        let mut nearest = Array2::<f32>::from_elem(size, f32::INFINITY);
        let mut maps = Maps {
            residual: Array2::zeros(size),
            slopes: [Array2::zeros(size), Array2::zeros(size)],
            owner: Array2::from_elem(size, u32::MAX),
        };
        for (index, (column, window)) in self.columns.iter().zip(&self.windows).enumerate() {
            let reach = REACH * column.axes().0;
            let [top, bottom, left, right] = self.context.box_around(column.x, column.y, reach);
            for row in top..bottom {
                for col in left..right {
                    let (x, y) = self.context.place(row, col);
                    let value = column.values(x, y, &self.context.model);
                    maps.slopes[0][(row, col)] += value.by[0] as f32;
                    maps.slopes[1][(row, col)] += value.by[1] as f32;
                }
            }
            for (row, col, x, y) in self.context.pixels_of(window) {
                let distance = (x - window.x).hypot(y - window.y) as f32;
                if distance < nearest[(row, col)] {
                    nearest[(row, col)] = distance;
                    maps.owner[(row, col)] = index as u32;
                    let background = column.background(window.terms(x, y));
                    maps.residual[(row, col)] = (self.residual[(row, col)] - background) as f32;
                }
            }
        }
        maps
    }

    /// The noise that maps show.
    pub(super) fn noise_in(&self, maps: &Maps) -> NoiseModel {
        let used: Vec<(usize, usize)> =
            maps.owner.indexed_iter().filter(|(_, o)| **o != u32::MAX).map(|(at, _)| at).collect();
        let planes: usize = self.windows[..self.inside()].iter().map(|w| if w.crowded { 0 } else { 3 }).sum();
        let freedom = self.context.model.shape.own() * self.inside() + planes;
        NoiseModel::measure(self.context.image, &maps.residual, &maps.slopes, &used, freedom)
    }

    /// The image without the columns and the backgrounds beneath those nearby; zero farther away.
    pub(super) fn left(&self) -> Array2<f32> {
        let size = self.residual.dim();
        let mut nearest = Array2::<f32>::from_elem(size, f32::INFINITY);
        let mut left = Array2::zeros(size);
        for (column, window) in self.columns.iter().zip(&self.windows) {
            let reach = 1.5 * window.radius;
            let [top, bottom, from, to] = self.context.box_around(window.x, window.y, reach);
            for row in top..bottom {
                for col in from..to {
                    let distance = (col as f64 - window.x).hypot(row as f64 - window.y) as f32;
                    if distance < nearest[(row, col)] {
                        nearest[(row, col)] = distance;
                        left[(row, col)] = (self.residual[(row, col)] - column.plane[0]) as f32;
                    }
                }
            }
        }
        left
    }
}
