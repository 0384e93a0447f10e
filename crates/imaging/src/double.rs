use ndarray::Array2;

/// Weights of four neighbours a quarter of a pixel beyond the second: cubic convolution with a = −½ (Keys, IEEE
/// Trans. Acoust. 29, 1153, 1981), exact for parabolas.
const QUARTER: [f32; 4] = [-0.070_312_5, 0.867_187_5, 0.226_562_5, -0.023_437_5];

/// A smooth image at half its pixel size over the same field, so that pixel (2, 2) lies at 0.75 px. Meant for
/// backgrounds: of a wave of n pixels it keeps all but (π/2n)³ or so of the height.
pub fn double(image: &Array2<f32>) -> Array2<f32> {
    let (rows, columns) = image.dim();
    let mut wide = Array2::<f32>::zeros((rows, 2 * columns));
    let mut padded = vec![0.0; columns + 4];
    for (row, mut fine) in image.rows().into_iter().zip(wide.rows_mut()) {
        for (at, value) in (-2..).zip(&mut padded) {
            *value = beyond(columns, at).into_iter().map(|(index, part)| part * row[index]).sum();
        }
        let Some(fine) = fine.as_slice_mut() else { continue };
        let [a, b, c, d] = QUARTER;
        for (pair, around) in fine.chunks_exact_mut(2).zip(padded.windows(5)) {
            pair[0] = a * around[3] + b * around[2] + c * around[1] + d * around[0];
            pair[1] = a * around[1] + b * around[2] + c * around[3] + d * around[4];
        }
    }
    let mut both = Array2::zeros((2 * rows, 2 * columns));
    for (at, mut fine) in both.rows_mut().into_iter().enumerate() {
        let side = if at % 2 == 0 { -1 } else { 1 };
        for (step, weight) in [-side, 0, side, 2 * side].into_iter().zip(QUARTER) {
            let terms = beyond(rows, (at / 2) as isize + step);
            for (index, part) in terms.into_iter().filter(|term| term.1 != 0.0) {
                fine.scaled_add(weight * part, &wide.row(index));
            }
        }
    }
    both
}

/// A pixel as a sum of pixels that exist: outside, the parabola through the last three goes on.
fn beyond(count: usize, at: isize) -> [(usize, f32); 3] {
    let last = count as isize - 1;
    let outside = (-at).max(at - last).max(0) as f32;
    let edge = at.clamp(0, last);
    let inwards = if at < 0 { 1 } else { -1 };
    let pixel = |step: isize| (edge + inwards * step).clamp(0, last) as usize;
    [
        (pixel(0), 0.5 * (outside + 1.0) * (outside + 2.0)),
        (pixel(1), -outside * (outside + 2.0)),
        (pixel(2), 0.5 * outside * (outside + 1.0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(rows: usize, columns: usize, step: f64, of: impl Fn(f64, f64) -> f64) -> Array2<f32> {
        let place = |i: usize| (i as f64 + 0.5) * step - 0.5;
        Array2::from_shape_fn((rows, columns), |(row, column)| of(place(column), place(row)) as f32)
    }

    fn error(of: impl Fn(f64, f64) -> f64) -> f32 {
        let fine = double(&sampled(40, 60, 1.0, &of));
        (fine - sampled(80, 120, 0.5, &of)).mapv(f32::abs).fold(0.0, |a, b| a.max(*b))
    }

    #[test]
    fn ramps_are_kept_up_to_the_border_and_waves_well() {
        assert!(error(|x, y| 0.3 + 0.01 * x - 0.02 * y) < 1e-6);
        // The shortest waves of a background, 170 px, and the narrowest patches, σ 7.7 px of 256.
        assert!(error(|x, y| (x / 27.0).sin() * (y / 27.0).cos()) < 3e-4);
        assert!(error(|x, y| (-0.5 * ((x - 30.0).powi(2) + (y - 20.0).powi(2)) / 60.0).exp()) < 3e-4);
    }

    #[test]
    fn one_pixel_becomes_four_alike() {
        assert_eq!(double(&Array2::from_elem((1, 1), 3.0)), Array2::from_elem((2, 2), 3.0));
    }
}
