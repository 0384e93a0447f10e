use adatom_imaging::ColumnImage;
use ndarray::Array2;

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
