//! Fourier transforms of real images, of which Digital Micrograph keeps one half.

use crate::error::ReadError;

/// A complex number as two floats.
pub(super) type Complex<T> = [T; 2];

/// The other half of a transform: conjugate.
fn conjugate<T: std::ops::Neg<Output = T> + Copy>([re, im]: Complex<T>) -> Complex<T> {
    [re, -im]
}

/// The whole transform, zero frequency at `[rows / 2, columns / 2]`, of a half with one column more
/// than half of `columns`: frequency 0 first, then the negative ones.
pub(super) fn unpack_half<T: std::ops::Neg<Output = T> + Copy>(
    half: &[Complex<T>],
    [rows, columns]: [usize; 2],
) -> Result<Vec<Complex<T>>, ReadError> {
    let stored = columns / 2 + 1;
    if rows == 0 || columns < 2 || half.len() != rows * stored {
        return Err(ReadError::damaged(format!(
            "a packed transform of {columns} × {rows} values is kept as {}",
            half.len()
        )));
    }
    let mut whole = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let opposite = (2 * (rows / 2) + rows - row) % rows;
        whole.extend((0..stored).rev().map(|k| half[row * stored + k]));
        whole.extend((1..columns.div_ceil(2)).map(|k| conjugate(half[opposite * stored + k])));
    }
    Ok(whole)
}

/// The whole transform, zero frequency at `[n, n]`, of the older form: 2n rows of n numbers that
/// hold the frequencies to the right, with the two outermost columns folded into the first.
pub(super) fn unpack_folded<T: std::ops::Neg<Output = T> + Copy + Default>(
    folded: &[Complex<T>],
    side: usize,
) -> Result<Vec<Complex<T>>, ReadError> {
    let n = side / 2;
    if n == 0 || !side.is_multiple_of(2) || folded.len() != side * n {
        return Err(ReadError::damaged(format!(
            "a packed transform of {side} × {side} values is kept as {}",
            folded.len()
        )));
    }
    let zero = T::default();
    let mut whole = vec![[zero, zero]; side * side];
    let mut known = vec![false; side * side];
    let mut set = |row: usize, column: usize, value: Complex<T>| {
        whole[row * side + column] = value;
        known[row * side + column] = true;
    };
    for row in 0..side {
        for column in 0..n {
            let value = folded[row * n + column];
            match (row, column) {
                // Four frequencies are real, and go by twos.
                (0, 0) => {
                    set(n, 0, [value[0], zero]);
                    set(0, 0, [value[1], zero]);
                }
                (row, 0) if row == n => {
                    set(n, n, [value[0], zero]);
                    set(0, n, [value[1], zero]);
                }
                (row, 0) if row < n => set(n + row, 0, value),
                _ => set(row, n + column, value),
            }
        }
    }
    for place in 0..side * side {
        let (row, column) = (place / side, place % side);
        let opposite = (side - row) % side * side + (side - column) % side;
        if !known[place] && known[opposite] {
            whole[place] = conjugate(whole[opposite]);
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// The transform of a real image, zero frequency in the middle, summed directly.
    fn transform(image: &dyn Fn(usize, usize) -> f64, [rows, columns]: [usize; 2]) -> Vec<Complex<f64>> {
        let mut whole = Vec::new();
        for v in 0..rows {
            for u in 0..columns {
                let (ky, kx) = (v as f64 - (rows / 2) as f64, u as f64 - (columns / 2) as f64);
                let mut sum = [0.0, 0.0];
                for y in 0..rows {
                    for x in 0..columns {
                        let phase = -TAU * (ky * y as f64 / rows as f64 + kx * x as f64 / columns as f64);
                        sum[0] += image(y, x) * phase.cos();
                        sum[1] += image(y, x) * phase.sin();
                    }
                }
                whole.push(sum);
            }
        }
        whole
    }

    fn image(y: usize, x: usize) -> f64 {
        (3 * y + 7 * x + y * x * x) as f64 % 11.0
    }

    fn assert_near(a: &[Complex<f64>], b: &[Complex<f64>]) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 1e-9, "{i}: {a:?} {b:?}");
        }
    }

    #[test]
    fn a_half_becomes_the_whole_transform() {
        for size in [[5, 4], [5, 5], [4, 6], [3, 8], [1, 2]] {
            let whole = transform(&image, size);
            let [rows, columns] = size;
            let half: Vec<_> = (0..rows)
                .flat_map(|row| (0..=columns / 2).map(move |k| (row, k)))
                .map(|(row, k)| whole[row * columns + columns / 2 - k])
                .collect();
            assert_near(&unpack_half(&half, size).unwrap(), &whole);
        }
        assert!(unpack_half(&[[0.0, 0.0]; 3], [2, 2]).is_err());
    }

    #[test]
    fn a_folded_transform_becomes_whole() {
        for side in [2, 4, 8] {
            let whole = transform(&image, [side, side]);
            let n = side / 2;
            let at = |row: usize, column: usize| whole[row * side + column];
            let mut folded = Vec::new();
            for row in 0..side {
                for column in 0..n {
                    folded.push(match (row, column) {
                        (0, 0) => [at(n, 0)[0], at(0, 0)[0]],
                        (row, 0) if row == n => [at(n, n)[0], at(0, n)[0]],
                        (row, 0) if row < n => at(n + row, 0),
                        _ => at(row, n + column),
                    });
                }
            }
            assert_near(&unpack_folded(&folded, side).unwrap(), &whole);
        }
    }
}
