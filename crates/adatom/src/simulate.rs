use crate::Error;
use crate::canvas::{Canvas, WHITE};
use adatom_formats::{PixelSize, write_png_rgb8, write_tiff_u16};
use adatom_library::Generator;
use adatom_network::Task;
use ndarray::{Array2, s};
use std::path::Path;

/// Pixels between the pictures of a contact sheet.
const GAP: usize = 6;
/// Pixels of a contact sheet at most.
const MAX_SHEET_PIXELS: usize = 200_000_000;

/// Writes samples with their five labels as one picture, a sample a row.
///
/// # Errors
/// When a sample can't be made or the file can't be written.
pub fn contact_sheet(generator: &Generator, count: u64, file: &Path) -> Result<(), Error> {
    let (width, height) = (generator.recipe().image.width, generator.recipe().image.height);
    let panels = 1 + Task::ALL.len();
    let size = |n: usize, side: usize| n * (side + GAP) + GAP;
    if size(panels, width) * size(count as usize, height) > MAX_SHEET_PIXELS {
        return Err(Error::Setting {
            name: "size of the contact sheet",
            value: format!("{count} samples of {width} × {height} px"),
            expected: "at most 200 megapixels with all labels",
        });
    }
    let mut canvas = Canvas::new(size(panels, width), size(count as usize, height), WHITE);
    for index in 0..count {
        let sample = generator.sample(index)?;
        let images = std::iter::once(&sample.image).chain(Task::ALL.iter().map(|task| task.label(&sample)));
        for (panel, image) in images.enumerate() {
            let (low, high) = range(image);
            let grey = grey(image, low, high);
            let (top, left) = (size(index as usize, height), size(panel, width));
            for channel in 0..3 {
                canvas.pixels.slice_mut(s![top..top + height, left..left + width, channel]).assign(&grey);
            }
        }
    }
    Ok(write_png_rgb8(file, &canvas.pixels)?)
}

/// Writes one sample's image as 16-bit TIFF with its pixel size, as a microscope would, and
/// returns the number of its columns.
///
/// # Errors
/// When the sample can't be made or the file can't be written.
pub fn example(generator: &Generator, index: u64, file: &Path) -> Result<usize, Error> {
    let sample = generator.sample(index)?;
    let (low, high) = range(&sample.image);
    // A detector with an offset of 2,000 counts and its range well used.
    let scale = 50_000.0 / (high - low).max(f32::MIN_POSITIVE);
    let image = sample.image.mapv(|v| ((v - low) * scale + 2000.0).round() as u16);
    let size = PixelSize::square(sample.grid.pixel_x_angstrom)
        .map_err(|e| Error::Input { path: file.to_owned(), message: e.to_string() })?;
    write_tiff_u16(file, &image, Some(size))?;
    Ok(sample.columns.len())
}

fn range(image: &Array2<f32>) -> (f32, f32) {
    image.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)))
}

fn grey(image: &Array2<f32>, low: f32, high: f32) -> Array2<u8> {
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    image.mapv(|v| ((v - low) * scale).round().clamp(0.0, 255.0) as u8)
}
