use crate::generate::Scene;
use crate::{Generator, LibraryError};
use adatom_imaging::{ColumnImage, SampleRng};

impl Generator {
    /// The images of the single columns of sample `index`, of all within `reach_px` of the image, labelled
    /// or not, in windows of 2 × `reach_px` + 1 pixels. Rows are in their places; amplifier and display range,
    /// if the recipe has them, are left out.
    ///
    /// # Errors
    /// When the sample can't be made.
    pub fn column_images(&self, index: u64, reach_px: usize) -> Result<Vec<ColumnImage>, LibraryError> {
        if self.recipe().imaging.multislice().is_some() {
            let recipe = self.recipe().name.clone();
            return Err(LibraryError::LinearOnly {
                recipe,
                what: "a bound from the images of single columns",
            });
        }
        let Scene { structure, model, grid, specimen, .. } =
            self.scene(index, &mut SampleRng::new(self.seed(), index))?;
        let all = specimen.columns.iter().chain(&specimen.support);
        let ideal = model.spectrum(all, &grid).image(&grid, None);
        let peak = ideal.iter().fold(0.0_f32, |a, b| a.max(*b)).max(f32::MIN_POSITIVE);
        let near =
            |at: f64, size: usize| at > -(reach_px as f64) - 0.5 && at < (size + reach_px) as f64 - 0.5;
        let mut images = Vec::new();
        for column in &specimen.columns {
            let (x, y) = grid.to_pixels(column.x, column.y);
            if near(x, grid.width) && near(y, grid.height) {
                let mut image = model
                    .column_image(column, &grid, reach_px)
                    .map_err(|source| LibraryError::Imaging { structure: structure.title(), source })?;
                let own = [&mut image.value].into_iter().chain(&mut image.by);
                own.for_each(|part| part.mapv_inplace(|v| v / peak));
                images.push(image);
            }
        }
        Ok(images)
    }
}
