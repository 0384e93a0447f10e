//! Writes `map.hspy` and `map.emd` into a folder, for other programs to open.

use std::path::PathBuf;

use adatom_formats::{PixelSize, write_emd, write_hspy};
use ndarray::Array2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("give a folder")?);
    let image = Array2::from_shape_fn((40, 60), |(y, x)| (y * 60 + x) as f32 * 0.5 - 3.0);
    let size = PixelSize::new(0.5, 0.25)?;
    let markers = [[1.0, 2.0], [30.0, 0.5], [59.0, 39.0]];
    write_hspy(&folder.join("map.hspy"), &image, Some(size), "a map", &markers)?;
    write_emd(&folder.join("map.emd"), &image, Some(size), "a map")?;
    Ok(())
}
