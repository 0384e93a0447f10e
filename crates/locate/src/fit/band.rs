//! Symmetric matrices that are zero far from their diagonal.

/// A symmetric matrix of `n` rows whose elements more than `width` off the diagonal are zero.
#[derive(Debug, Clone)]
pub(super) struct Band {
    n: usize,
    width: usize,
    /// Lower half: element (i, j) at i × (width + 1) + width − (i − j).
    values: Vec<f64>,
}

impl Band {
    pub(super) fn zeros(n: usize, width: usize) -> Self {
        Self { n, width, values: vec![0.0; n * (width + 1)] }
    }

    fn index(&self, row: usize, column: usize) -> usize {
        row * (self.width + 1) + self.width + column - row
    }

    /// Adds to an element of the lower half; those of the upper are the same.
    pub(super) fn add(&mut self, row: usize, column: usize, value: f64) {
        debug_assert!(row >= column && row - column <= self.width);
        let index = self.index(row, column);
        self.values[index] += value;
    }

    /// An element; zero outside the band.
    pub(super) fn get(&self, row: usize, column: usize) -> f64 {
        let (high, low) = (row.max(column), row.min(column));
        if high - low > self.width { 0.0 } else { self.values[self.index(high, low)] }
    }

    /// Its lower Cholesky factor; `None` if it isn't positive.
    pub(super) fn factor(mut self) -> Option<BandFactor> {
        for i in 0..self.n {
            let first = i.saturating_sub(self.width);
            for j in first..=i {
                let from = first.max(j.saturating_sub(self.width));
                let mut sum = self.values[self.index(i, j)];
                for k in from..j {
                    sum -= self.values[self.index(i, k)] * self.values[self.index(j, k)];
                }
                let index = self.index(i, j);
                if i != j {
                    self.values[index] = sum / self.values[self.index(j, j)];
                } else if sum > 0.0 && sum.is_finite() {
                    self.values[index] = sum.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(BandFactor { lower: self })
    }
}

/// A lower Cholesky factor within the same band.
pub(super) struct BandFactor {
    lower: Band,
}

impl BandFactor {
    /// Solves for one right side.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (l, n) = (&self.lower, self.lower.n);
        let mut x = right[..n].to_vec();
        for i in 0..n {
            for k in i.saturating_sub(l.width)..i {
                x[i] -= l.values[l.index(i, k)] * x[k];
            }
            x[i] /= l.values[l.index(i, i)];
        }
        for i in (0..n).rev() {
            for k in i + 1..(i + l.width + 1).min(n) {
                x[i] -= l.values[l.index(k, i)] * x[k];
            }
            x[i] /= l.values[l.index(i, i)];
        }
        x
    }

    /// The part of the inverse within the band, by Takahashi's recursion from the last row upwards.
    pub(super) fn inverse(&self) -> Band {
        let (l, n) = (&self.lower, self.lower.n);
        let mut inverse = Band::zeros(n, l.width);
        for j in (0..n).rev() {
            let pivot = l.values[l.index(j, j)];
            let last = (j + l.width + 1).min(n);
            for i in (j..last).rev() {
                let mut sum = if i == j { 1.0 / pivot } else { 0.0 };
                for k in j + 1..last {
                    sum -= l.values[l.index(k, j)] * inverse.get(k, i);
                }
                let index = inverse.index(i, j);
                inverse.values[index] = sum / pivot;
            }
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Symmetric;

    /// Against a dense factorisation, to rounding.
    #[test]
    fn systems_and_inverses_are_those_of_the_dense_matrix() {
        let (n, width) = (14, 3);
        let mut band = Band::zeros(n, width);
        let mut dense = Symmetric::zeros(n);
        for i in 0..n {
            for j in i.saturating_sub(width)..=i {
                let value =
                    if i == j { 5.0 + i as f64 * 0.3 } else { ((i * 7 + j * 3) % 5) as f64 * 0.4 - 0.8 };
                band.add(i, j, value);
                dense.add(i, j, value);
                if i != j {
                    dense.add(j, i, value);
                }
            }
        }
        let right: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let (band, dense) = (band.factor().unwrap(), dense.factor(0.0).unwrap());
        let inverse = band.inverse();
        for (a, b) in band.solve(&right).iter().zip(dense.solve(&right)) {
            assert!((a - b).abs() < 1e-12);
        }
        for i in 0..n {
            let mut unit = vec![0.0; n];
            unit[i] = 1.0;
            let column = dense.solve(&unit);
            for (j, value) in column.iter().enumerate().filter(|(j, _)| i.abs_diff(*j) <= width) {
                assert!((inverse.get(i, j) - value).abs() < 1e-12, "{i} {j}");
            }
        }
        assert!(Band::zeros(3, 1).factor().is_none());
    }
}
