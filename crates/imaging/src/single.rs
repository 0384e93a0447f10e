use crate::{Grid, ImagingError, LinearModel, RowShift, Spectrum};
use adatom_crystal::Column;
use ndarray::Array2;

/// Step of the central differences \[px\]: columns are wider than two pixels, so their error is below 1 %
/// of a per cent.
const STEP_PX: f64 = 0.05;

/// A column's own part of an ideal image, in a square window, and how it changes when the column moves:
/// what bounds of the precision are computed from.
#[derive(Debug, Clone)]
pub struct ColumnImage {
    /// The column's place in the image, to the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Row of the window's first pixel in the image; may be outside.
    pub top: isize,
    /// Column of the window's first pixel.
    pub left: isize,
    /// Its image, in the unit of the whole image.
    pub value: Array2<f32>,
    /// Derivatives of its image by x and y \[image unit/px\].
    pub by: [Array2<f32>; 2],
}

impl LinearModel {
    /// The image of one column of a field of pixels like `grid`'s, in a window of 2 × `reach_px` + 1 pixels
    /// around it \[object function\].
    ///
    /// # Errors
    /// When the window or a pixel makes no sense.
    pub fn column_image(
        &self,
        column: &Column,
        grid: &Grid,
        reach_px: usize,
    ) -> Result<ColumnImage, ImagingError> {
        let side = 2 * reach_px + 1;
        let window =
            Grid { pixel_y_angstrom: grid.pixel_y_angstrom, ..Grid::new(side, side, grid.pixel_x_angstrom)? };
        let (x, y) = grid.to_pixels(column.x, column.y);
        let corner = |at: f64| at.round() as isize - reach_px as isize;
        let (left, top) = (corner(x), corner(y));
        let mut alone = column.clone();
        alone.x -= left as f64 * grid.pixel_x_angstrom;
        alone.y -= top as f64 * grid.pixel_y_angstrom;
        let spectrum = self.spectrum([&alone], &window);
        Ok(ColumnImage {
            x,
            y,
            top,
            left,
            value: spectrum.image(&window, None),
            by: spectrum.derivatives(&window),
        })
    }
}

impl Spectrum {
    /// How the image on `grid` changes when the specimen moves along x and along y
    /// \[object function/px\].
    pub fn derivatives(&self, grid: &Grid) -> [Array2<f32>; 2] {
        let moved = |x: f64, y: f64| {
            let shift =
                RowShift { x_angstrom: x * grid.pixel_x_angstrom, y_angstrom: y * grid.pixel_y_angstrom };
            self.image(grid, Some(&vec![shift; grid.height]))
        };
        let slope = |x: f64, y: f64| (moved(x, y) - moved(-x, -y)) / (2.0 * STEP_PX) as f32;
        [slope(STEP_PX, 0.0), slope(0.0, STEP_PX)]
    }
}
