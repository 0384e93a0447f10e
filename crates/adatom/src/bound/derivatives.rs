use adatom_imaging::ColumnImage;
use ndarray::Array2;

/// Variance of a pixel that isn't there.
const OUTSIDE: f64 = 1e12;

/// Derivatives of the expected image in the window of `own` by its x, y and height, then by those of the columns
/// `near` it; the height in units of the column's.
pub(crate) fn derivatives<'a>(
    own: &'a ColumnImage,
    near: impl Iterator<Item = &'a ColumnImage>,
) -> Vec<Array2<f64>> {
    let in_window = |image: &Array2<f32>, of: &ColumnImage| {
        Array2::from_shape_fn(own.value.dim(), |(r, c)| {
            let (row, column) = (own.top + r as isize - of.top, own.left + c as isize - of.left);
            match (usize::try_from(row), usize::try_from(column)) {
                (Ok(row), Ok(column)) => image.get((row, column)).map_or(0.0, |v| f64::from(*v)),
                _ => 0.0,
            }
        })
    };
    std::iter::once(own)
        .chain(near)
        .flat_map(|m| [&m.by[0], &m.by[1], &m.value].map(|image| in_window(image, m)))
        .collect()
}

/// The single column whose place is nearest to a point.
pub(crate) fn nearest_image(images: &[ColumnImage], x: f64, y: f64) -> Option<&ColumnImage> {
    let square = |c: &ColumnImage| (c.x - x).powi(2) + (c.y - y).powi(2);
    images.iter().min_by(|a, b| square(a).total_cmp(&square(b)))
}

/// Variances in the window of `own`: `of` a value of the image and the window's row and column, beyond measure
/// outside the image, where pixels tell nothing.
pub(crate) fn variance_in_window<T>(
    own: &ColumnImage,
    image: &Array2<T>,
    of: impl Fn(&T, (usize, usize)) -> f64,
) -> Array2<f64> {
    Array2::from_shape_fn(own.value.dim(), |(r, c)| {
        let at = (usize::try_from(own.top + r as isize), usize::try_from(own.left + c as isize));
        let (Ok(row), Ok(column)) = at else { return OUTSIDE };
        image.get((row, column)).map_or(OUTSIDE, |value| of(value, (r, c)))
    })
}
