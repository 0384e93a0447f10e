use adatom_imaging::{Grid, RowShift};
use adatom_optics::Probe;
use ndarray::Array2;
use num_complex::{Complex32, Complex64};
use std::f64::consts::PI;

/// An image over one period of a specimen, as a Fourier series: known everywhere, as an image has no frequency that
/// its Nyquist-sampled scan ([`crate::Scan::nyquist`]) doesn't hold.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodicImage {
    period_angstrom: [f64; 2],
    origin_angstrom: [f64; 2],
    /// `(qx, qy, coefficient)`, frequencies in 1/Å, one of each pair ±q.
    terms: Vec<(f64, f64, Complex64)>,
}

impl PeriodicImage {
    /// From samples `[row][column]` over a period, the first at `origin` \[Å\].
    pub fn from_samples(samples: &Array2<f64>, period_angstrom: [f64; 2], origin_angstrom: [f64; 2]) -> Self {
        let (rows, columns) = samples.dim();
        let transform = |count: usize| {
            Array2::from_shape_fn((count, count), |(k, at)| {
                Complex64::cis(-2.0 * PI * (k * at % count) as f64 / count as f64)
            })
        };
        let complex = samples.mapv(Complex64::from);
        let spectrum = transform(rows).dot(&complex).dot(&transform(columns)) / (rows * columns) as f64;
        let mut terms = Vec::new();
        for ((ky, kx), &value) in spectrum.indexed_iter() {
            let (y, x) = (crate::grid::signed(ky, rows), crate::grid::signed(kx, columns));
            // With even numbers of samples the highest frequency stands for both signs.
            let (edge_x, edge_y) = (2 * kx == columns, 2 * ky == rows);
            let q = [x / period_angstrom[0], y / period_angstrom[1]];
            if (x, y) == (0.0, 0.0) || edge_x || edge_y {
                terms.push((q[0], q[1], value));
            } else if x > 0.0 || (x == 0.0 && y > 0.0) {
                terms.push((q[0], q[1], 2.0 * value));
            }
        }
        Self { period_angstrom, origin_angstrom, terms }
    }

    /// Extent of a period in x and y \[Å\].
    pub fn period_angstrom(&self) -> [f64; 2] {
        self.period_angstrom
    }

    /// The same with the finite size of a probe's source, tails included.
    #[must_use]
    pub fn with_source(mut self, probe: &Probe) -> Self {
        for (qx, qy, value) in &mut self.terms {
            *value *= probe.source_transfer(*qx * *qx + *qy * *qy);
        }
        self
    }

    /// Mean over a period.
    pub fn mean(&self) -> f64 {
        self.terms.iter().filter(|(qx, qy, _)| (*qx, *qy) == (0.0, 0.0)).map(|(_, _, value)| value.re).sum()
    }

    /// Value at a position \[Å\].
    pub fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let (x, y) = (x - self.origin_angstrom[0], y - self.origin_angstrom[1]);
        self.terms
            .iter()
            .map(|(qx, qy, value)| (value * Complex64::cis(2.0 * PI * (qx * x + qy * y))).re)
            .sum()
    }

    /// The image on the pixel centres of `grid`. `to_specimen` maps positions in the field \[Å\] to positions in the
    /// specimen \[Å\] and has to be affine, as rotations and shifts are. With `scan`, row i shows
    /// I(x − δx_i, y − δy_i).
    ///
    /// # Panics
    /// When `scan` has fewer rows than `grid`.
    pub fn render(
        &self,
        grid: &Grid,
        to_specimen: impl Fn([f64; 2]) -> [f64; 2],
        scan: Option<&[RowShift]>,
    ) -> Array2<f32> {
        let origin = to_specimen([0.0, 0.0]);
        let less = |p: [f64; 2]| [p[0] - origin[0], p[1] - origin[1]];
        let (along_x, along_y) = (less(to_specimen([1.0, 0.0])), less(to_specimen([0.0, 1.0])));
        let narrow = |v: Complex64| Complex32::new(v.re as f32, v.im as f32);
        let start = [origin[0] - self.origin_angstrom[0], origin[1] - self.origin_angstrom[1]];
        // Each term is a product of a factor of the row and one of the column.
        let count = self.terms.len();
        let mut rows = Array2::<Complex32>::zeros((grid.height, count));
        let mut columns = Array2::<Complex32>::zeros((count, grid.width));
        for (index, (qx, qy, value)) in self.terms.iter().enumerate() {
            let phase = |[x, y]: [f64; 2]| 2.0 * PI * (qx * x + qy * y);
            let (per_x, per_y, constant) = (phase(along_x), phase(along_y), phase(start));
            for row in 0..grid.height {
                let shift = scan.map_or(RowShift::default(), |rows| rows[row]);
                let y = (row as f64 + 0.5) * grid.pixel_y_angstrom - shift.y_angstrom;
                rows[(row, index)] =
                    narrow(value * Complex64::cis(constant + y * per_y - shift.x_angstrom * per_x));
            }
            for column in 0..grid.width {
                let x = (column as f64 + 0.5) * grid.pixel_x_angstrom;
                columns[(index, column)] = narrow(Complex64::cis(x * per_x));
            }
        }
        rows.dot(&columns).mapv(|v| v.re)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of three frequencies, sampled just above its Nyquist rate, is found again everywhere.
    #[test]
    fn a_band_limited_image_follows_from_its_samples() {
        let (px, py) = (4.0, 6.0);
        let truth = |x: f64, y: f64| {
            3.0 + (2.0 * PI * (2.0 * x / px - y / py) + 0.3).cos()
                + 0.5 * (2.0 * PI * 2.0 * y / py - 1.0).cos()
        };
        let origin = [0.7, -0.2];
        let samples = Array2::from_shape_fn((5, 5), |(row, column)| {
            truth(origin[0] + px * column as f64 / 5.0, origin[1] + py * row as f64 / 5.0)
        });
        let image = PeriodicImage::from_samples(&samples, [px, py], origin);
        for (x, y) in [(0.0, 0.0), (1.3, 2.9), (-7.1, 11.0)] {
            assert!((image.at([x, y]) - truth(x, y)).abs() < 1e-9);
        }
        assert!((image.mean() - 3.0).abs() < 1e-9);
        let grid = Grid::new(7, 5, 0.37).unwrap();
        let shifts = vec![RowShift { x_angstrom: 0.1, y_angstrom: -0.2 }; 5];
        let (sin, cos) = 0.4_f64.sin_cos();
        let turn = |[x, y]: [f64; 2]| [1.0 + cos * x - sin * y, 2.0 + sin * x + cos * y];
        let rendered = image.render(&grid, turn, Some(&shifts));
        for ((row, column), value) in rendered.indexed_iter() {
            let at = turn([(column as f64 + 0.5) * 0.37 - 0.1, (row as f64 + 0.5) * 0.37 + 0.2]);
            assert!((f64::from(*value) - truth(at[0], at[1])).abs() < 1e-5);
        }
    }
}
