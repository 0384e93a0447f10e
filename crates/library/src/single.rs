use crate::generate::Scene;
use crate::{Generator, LibraryError};
use adatom_imaging::{Grid, RowShift, SampleRng};
use ndarray::Array2;

/// A column's own part of a sample's ideal image, in a square window, and how it changes when the column
/// moves: what bounds of the precision are computed from.
#[derive(Debug, Clone)]
pub struct ColumnImage {
    /// The column's place in the sample, to the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Row of the window's first pixel in the sample; may be outside.
    pub top: isize,
    /// Column of the window's first pixel.
    pub left: isize,
    /// Its image, in the unit of the sample's.
    pub value: Array2<f32>,
    /// Derivatives of its image by x and y \[image unit/px\].
    pub by: [Array2<f32>; 2],
}

/// Step of the central differences \[px\]: columns are wider than two pixels, so their error is below 1 %
/// of a per cent.
const STEP_PX: f64 = 0.05;

impl Generator {
    /// The images of the single columns of sample `index`, of all within `reach_px` of the image, labelled
    /// or not, in windows of 2 × `reach_px` + 1 pixels. Rows are in their places; amplifier and display range,
    /// if the recipe has them, are left out.
    ///
    /// # Errors
    /// When the sample can't be made.
    pub fn column_images(&self, index: u64, reach_px: usize) -> Result<Vec<ColumnImage>, LibraryError> {
        let Scene { structure, model, grid, specimen, .. } =
            self.scene(index, &mut SampleRng::new(self.seed(), index))?;
        let all = specimen.columns.iter().chain(&specimen.support);
        let ideal = model.spectrum(all, &grid).image(&grid, None);
        let peak = ideal.iter().fold(0.0_f32, |a, b| a.max(*b)).max(f32::MIN_POSITIVE);
        let side = 2 * reach_px + 1;
        let pixel = grid.pixel_x_angstrom;
        let window = Grid::new(side, side, pixel)
            .map_err(|source| LibraryError::Imaging { structure: structure.title(), source })?;
        let near =
            |at: f64, size: usize| at > -(reach_px as f64) - 0.5 && at < (size + reach_px) as f64 - 0.5;
        let mut images = Vec::new();
        for column in &specimen.columns {
            let (x, y) = grid.to_pixels(column.x, column.y);
            if !near(x, grid.width) || !near(y, grid.height) {
                continue;
            }
            let corner = |at: f64| at.round() as isize - reach_px as isize;
            let (left, top) = (corner(x), corner(y));
            let mut alone = column.clone();
            alone.x -= left as f64 * pixel;
            alone.y -= top as f64 * pixel;
            let spectrum = model.spectrum([&alone], &window);
            let moved = |x: f64, y: f64| {
                let shift = RowShift { x_angstrom: x * pixel, y_angstrom: y * pixel };
                spectrum.image(&window, Some(&vec![shift; side])) / peak
            };
            let slope = |x: f64, y: f64| (moved(x, y) - moved(-x, -y)) / (2.0 * STEP_PX) as f32;
            images.push(ColumnImage {
                x,
                y,
                top,
                left,
                value: moved(0.0, 0.0),
                by: [slope(STEP_PX, 0.0), slope(0.0, STEP_PX)],
            });
        }
        Ok(images)
    }
}
