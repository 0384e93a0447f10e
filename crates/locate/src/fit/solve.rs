//! Small symmetric systems.

/// A symmetric matrix of up to `N` rows, of which `n` are used, and its lower Cholesky factor in place.
#[derive(Debug, Clone)]
pub(crate) struct Symmetric {
    n: usize,
    values: Vec<f64>,
}

impl Symmetric {
    pub(crate) fn zeros(n: usize) -> Self {
        Self { n, values: vec![0.0; n * n] }
    }

    pub(crate) fn add(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.n + column] += value;
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.n + column]
    }

    /// Adds `weight` times the outer product of `vector` with itself.
    pub(crate) fn add_outer(&mut self, vector: &[f64], weight: f64) {
        for (row, a) in vector.iter().enumerate().take(self.n) {
            let scaled = weight * a;
            let line = &mut self.values[row * self.n..row * self.n + self.n];
            line.iter_mut().zip(vector).for_each(|(value, b)| *value += scaled * b);
        }
    }

    /// Its Cholesky factor with `damping` of the diagonal added; `None` if it isn't positive.
    pub(crate) fn factor(&self, damping: f64) -> Option<Factor> {
        let n = self.n;
        let mut lower = self.values.clone();
        (0..n).for_each(|i| lower[i * n + i] *= 1.0 + damping);
        for i in 0..n {
            for j in 0..=i {
                let mut sum = lower[i * n + j];
                for k in 0..j {
                    sum -= lower[i * n + k] * lower[j * n + k];
                }
                if i != j {
                    lower[i * n + j] = sum / lower[j * n + j];
                } else if sum > 1e-13 * self.values[i * n + i].abs() && sum.is_finite() {
                    lower[i * n + i] = sum.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Factor { n, lower })
    }
}

/// A lower Cholesky factor.
pub(crate) struct Factor {
    n: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// A column of the inverse.
    pub(crate) fn inverse_column(&self, index: usize) -> Vec<f64> {
        let mut unit = vec![0.0; self.n];
        unit[index] = 1.0;
        self.solve(&unit)
    }

    /// Solves for one right side.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = right[..n].to_vec();
        for i in 0..n {
            for k in 0..i {
                x[i] -= self.lower[i * n + k] * x[k];
            }
            x[i] /= self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                x[i] -= self.lower[k * n + i] * x[k];
            }
            x[i] /= self.lower[i * n + i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_a_singular_one_refused() {
        let mut matrix = Symmetric::zeros(3);
        for vector in [[1.0, 2.0, 0.5], [0.0, 1.0, -1.0], [3.0, 0.2, 0.1]] {
            matrix.add_outer(&vector, 1.0);
        }
        let x = matrix.factor(0.0).unwrap().solve(&[1.0, 2.0, 3.0]);
        for row in 0..3 {
            let product: f64 = (0..3).map(|column| matrix.get(row, column) * x[column]).sum();
            assert!((product - (row + 1) as f64).abs() < 1e-9, "{x:?}");
        }
        let mut singular = Symmetric::zeros(2);
        singular.add_outer(&[1.0, 2.0], 1.0);
        assert!(singular.factor(0.0).is_none());
    }
}
