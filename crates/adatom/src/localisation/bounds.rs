use super::Sums;
use crate::Error;
use crate::bound::derivatives;
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
        let own = images.iter().min_by(|a, b| {
            let square = |c: &ColumnImage| (c.x - truth.x).powi(2) + (c.y - truth.y).powi(2);
            square(a).total_cmp(&square(b))
        });
        let (true, Some(own)) = (required, own) else { continue };
        if let Some([x, y]) = of(own, images, &variance, sigma) {
            sums.count(x * x + y * y, sample, sigma);
        }
    }
    sums
}

/// Bound of a column's x and y, all columns nearby having unknown places and heights too.
fn of(own: &ColumnImage, all: &[ColumnImage], variance: &Array2<f64>, sigma: f64) -> Option<[f64; 2]> {
    let (rows, columns) = own.value.dim();
    let near = |other: &&ColumnImage| {
        !std::ptr::eq(*other, own) && (other.x - own.x).hypot(other.y - own.y) < REACH * sigma
    };
    // Pixels outside the image tell nothing.
    let noise = Array2::from_shape_fn((rows, columns), |(r, c)| {
        let (row, column) = (own.top + r as isize, own.left + c as isize);
        match (usize::try_from(row), usize::try_from(column)) {
            (Ok(row), Ok(column)) => variance.get((row, column)).copied().unwrap_or(1e12),
            _ => 1e12,
        }
    });
    let derivatives = derivatives(own, all.iter().filter(near));
    let bound = cramer_rao(&derivatives, &noise)?;
    Some([bound[0], bound[1]])
}
