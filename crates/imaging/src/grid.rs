use crate::ImagingError;
use serde::{Deserialize, Serialize};

/// The pixels of a scan: their number and their size, which may differ in x and y.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Pixel size along x \[Å\].
    pub pixel_x_angstrom: f64,
    /// Pixel size along y \[Å\].
    pub pixel_y_angstrom: f64,
}

impl Grid {
    /// A grid of square pixels.
    ///
    /// # Errors
    /// For no pixels at all, more than 32,768 on a side, or a pixel size outside 1 fm to 100 Å.
    pub fn new(width: usize, height: usize, pixel_angstrom: f64) -> Result<Self, ImagingError> {
        for (name, side) in [("image width in pixels", width), ("image height in pixels", height)] {
            ImagingError::check(name, side as f64, 1.0, 32768.0, "1 to 32768")?;
        }
        ImagingError::check("pixel size in Å", pixel_angstrom, 1e-5, 100.0, "0.00001 to 100 Å")?;
        Ok(Self { width, height, pixel_x_angstrom: pixel_angstrom, pixel_y_angstrom: pixel_angstrom })
    }

    /// The same field with pixels of half the size.
    #[must_use]
    pub fn doubled(&self) -> Self {
        Self {
            width: 2 * self.width,
            height: 2 * self.height,
            pixel_x_angstrom: 0.5 * self.pixel_x_angstrom,
            pixel_y_angstrom: 0.5 * self.pixel_y_angstrom,
        }
    }

    /// Extent in x \[Å\], from the left edge of the first pixel to the right edge of the last.
    pub fn width_angstrom(&self) -> f64 {
        self.width as f64 * self.pixel_x_angstrom
    }

    /// Extent in y \[Å\].
    pub fn height_angstrom(&self) -> f64 {
        self.height as f64 * self.pixel_y_angstrom
    }

    /// Pixel coordinates of a point given in Å from the field's top left corner.
    pub fn to_pixels(&self, x_angstrom: f64, y_angstrom: f64) -> (f64, f64) {
        (x_angstrom / self.pixel_x_angstrom - 0.5, y_angstrom / self.pixel_y_angstrom - 0.5)
    }
}
