use super::Sums;
use crate::Error;
use crate::bound::{derivatives, nearest_image, variance_in_window};
use crate::evaluate::required;
use adatom_imaging::ColumnImage;
use adatom_library::{Generator, Sample};
use adatom_locate::cramer_rao;
use ndarray::Array2;

/// Distance within which columns share pixels that matter, in their widths.
const REACH: f64 = 5.0;

/// The images of a sample's single columns, as far as bounds need them.
pub(super) fn single_columns(
    sample: &Sample,
    sigma: f64,
    generator: &Generator,
) -> Result<Vec<ColumnImage>, Error> {
    Ok(generator.column_images(sample.index, (REACH * sigma).ceil() as usize)?)
}

/// The bounds of a sample's columns, those that have to be found.
pub(super) fn of_sample(sample: &Sample, sigma: f64, images: &[ColumnImage]) -> Sums {
    let variance = sample.labels.no_noise.mapv(|v| f64::from(v.max(1e-4)) / sample.settings.peak_electrons);
    let mut sums = Sums { samples: 1, f1: 1.0, ..Sums::default() };
    for (truth, required) in sample.columns.iter().zip(required(sample)) {
        let (true, Some(own)) = (required, nearest_image(images, truth.x, truth.y)) else { continue };
        if let Some([x, y]) = of(own, images, &variance, sigma) {
            sums.count(x * x + y * y, truth, sample, sigma);
        }
    }
    sums
}

/// Bound of a column's x and y, all columns nearby having unknown places and heights too.
fn of(own: &ColumnImage, all: &[ColumnImage], variance: &Array2<f64>, sigma: f64) -> Option<[f64; 2]> {
    let near = |other: &&ColumnImage| {
        !std::ptr::eq(*other, own) && (other.x - own.x).hypot(other.y - own.y) < REACH * sigma
    };
    let noise = variance_in_window(own, variance, |value, _| *value);
    let derivatives = derivatives(own, all.iter().filter(near));
    let bound = cramer_rao(&derivatives, &noise)?;
    Some([bound[0], bound[1]])
}
