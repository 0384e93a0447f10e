//! What the columns of an image look like: how they differ from Gaussians, all in the same way.

use super::Symmetric;
use super::gaussian::REACH;

/// Distance between knots, and their number, in widths.
const STEP: f64 = 0.3;
pub(super) const KNOTS: usize = 16;
/// How far from a Gaussian a profile is believed to be, and how far from straight between knots, as
/// parts of the height.
const AWAY: f64 = 0.05;
const BEND: f64 = 0.02;
const SAME_WIDTH: f64 = 1e-4;

/// Cells of the table that an image is looked up in, and their number for every unit of the squared distance.
const CELLS: usize = 1024;
const PER_UNIT: f64 = CELLS as f64 / (REACH * REACH);

/// The image of a column of unit height and width: a Gaussian and what is added to it, zero at the centre and far
/// away, smooth between.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    /// What is added at each distance from the centre, in widths.
    knots: [f64; KNOTS],
    /// The sum of both as a cubic polynomial of the squared distance in every cell; the last, beyond all others, is
    /// zero.
    cells: Box<[[f64; 4]; CELLS + 1]>,
}

impl Default for Profile {
    fn default() -> Self {
        Self::of([0.0; KNOTS])
    }
}

impl Profile {
    fn of(knots: [f64; KNOTS]) -> Self {
        let mut cells = Box::new([[0.0; 4]; CELLS + 1]);
        for (index, cell) in cells[..CELLS].iter_mut().enumerate() {
            let end = |at: usize| {
                let (value, slope) = sum(&knots, at as f64 / PER_UNIT);
                (value, slope / PER_UNIT)
            };
            let ((p0, m0), (p1, m1)) = (end(index), end(index + 1));
            *cell = [p0, m0, 3.0 * (p1 - p0) - 2.0 * m0 - m1, 2.0 * (p0 - p1) + m0 + m1];
        }
        Self { knots, cells }
    }

    /// Value at a squared distance, and its derivative by the squared distance. Farther away than [`REACH`] both are
    /// zero.
    #[inline(always)]
    pub(super) fn at(&self, square: f64) -> (f64, f64) {
        let place = square * PER_UNIT;
        let index = (place as usize).min(CELLS);
        let t = place - index as f64;
        let [a, b, c, d] = self.cells[index];
        (a + t * (b + t * (c + t * d)), PER_UNIT * (b + t * (2.0 * c + t * 3.0 * d)))
    }
}

/// A Gaussian and what knots add to it, at a squared distance, and the derivative by that.
fn sum(knots: &[f64; KNOTS], square: f64) -> (f64, f64) {
    let unit = (-0.5 * square).exp();
    let distance = square.max(1e-12).sqrt();
    let place = distance / STEP;
    let index = place as usize;
    if index + 1 >= KNOTS {
        return (unit, -0.5 * unit);
    }
    let knot = |i: isize| match usize::try_from(i.abs()) {
        Ok(i) => knots.get(i).copied().unwrap_or(0.0),
        Err(_) => 0.0,
    };
    // Cubic Hermite with the tangents of Catmull and Rom; even about the centre.
    let (i, t) = (index as isize, place - index as f64);
    let (p0, p1) = (knot(i), knot(i + 1));
    let (m0, m1) = (0.5 * (p1 - knot(i - 1)), 0.5 * (knot(i + 2) - p0));
    let (t2, t3) = (t * t, t * t * t);
    let value = (2.0 * t3 - 3.0 * t2 + 1.0) * p0
        + (t3 - 2.0 * t2 + t) * m0
        + (3.0 * t2 - 2.0 * t3) * p1
        + (t3 - t2) * m1;
    let slope =
        (6.0 * t2 - 6.0 * t) * (p0 - p1) + (3.0 * t2 - 4.0 * t + 1.0) * m0 + (3.0 * t2 - 2.0 * t) * m1;
    (unit + value, -0.5 * unit + slope / (STEP * 2.0 * distance))
}

impl Profile {
    /// The parts that knots have in the value at `distance` widths from the centre, beside the Gaussian's.
    pub(super) fn parts(distance: f64) -> [(usize, f64); 4] {
        let place = distance / STEP;
        let (index, t) = (place as usize, place.fract());
        let (t2, t3) = (t * t, t * t * t);
        let (m0, m1) = (t3 - 2.0 * t2 + t, t3 - t2);
        [
            (index.abs_diff(1), -0.5 * m0),
            (index, 2.0 * t3 - 3.0 * t2 + 1.0 - 0.5 * m1),
            (index + 1, 3.0 * t2 - 2.0 * t3 + 0.5 * m0),
            (index + 2, 0.5 * m1),
        ]
    }

    /// Adds to the normal equations of the knots from the second to the last but one, unknowns from number `first`
    /// on, how far from a Gaussian and how far from straight a profile is believed to be.
    pub(super) fn believe(&self, matrix: &mut Symmetric, right: &mut [f64], first: usize) {
        let free = 1..KNOTS - 1;
        let mut believe = |parts: &[(usize, f64)], spread: f64| {
            let precision = spread.powi(-2);
            let now: f64 = parts.iter().map(|(i, part)| part * self.knots[*i]).sum();
            for &(i, a) in parts.iter().filter(|(i, _)| free.contains(i)) {
                right[first + i - 1] -= precision * a * now;
                for &(j, b) in parts.iter().filter(|(j, _)| free.contains(j)) {
                    matrix.add(first + i - 1, first + j - 1, precision * a * b);
                }
            }
        };
        for i in free.clone() {
            believe(&[(i, 1.0)], AWAY);
            believe(&[(i - 1, 1.0), (i, -2.0), (i + 1, 1.0)], BEND);
        }
        // A change of the width is none of the profile: the Gaussian has the width that fits it best.
        let wider = free.clone().map(|i| {
            let s = STEP * i as f64;
            (i, STEP * s.powi(3) * (-0.5 * s * s).exp())
        });
        believe(&wider.collect::<Vec<_>>(), SAME_WIDTH);
    }

    /// Changes the knots from the second on.
    pub(super) fn change(&mut self, step: &[f64]) {
        let mut knots = self.knots;
        knots[1..].iter_mut().zip(step).for_each(|(knot, step)| *knot += step);
        *self = Self::of(knots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bumpy() -> [f64; KNOTS] {
        std::array::from_fn(|i| {
            let s = i as f64 * STEP;
            if i + 1 < KNOTS { 0.05 * s * s * (-0.4 * s * s).exp() } else { 0.0 }
        })
    }

    /// Central differences of step 1e-5.
    #[test]
    fn a_profile_is_smooth_and_the_sum_of_its_knots_parts() {
        let knots = bumpy();
        for square in [0.01, 0.5, 2.0, 7.0] {
            let numeric = (sum(&knots, square + 1e-5).0 - sum(&knots, square - 1e-5).0) / 2e-5;
            assert!((sum(&knots, square).1 - numeric).abs() < 1e-6, "{square}");
        }
        for distance in [0.1, 0.3, 0.44, 1.7, 2.5, 4.3] {
            let parts = Profile::parts(distance).into_iter();
            let added: f64 = parts.map(|(knot, part)| part * knots.get(knot).copied().unwrap_or(0.0)).sum();
            let whole = sum(&knots, distance * distance).0 - (-0.5 * distance * distance).exp();
            assert!((added - whole).abs() < 1e-12, "{distance}: {added} {whole}");
        }
    }

    /// A cubic over a cell of a fiftieth misses a Gaussian's value by 1e-10; where knots lie, at which the sum's
    /// second derivative jumps, by some millionths of the height.
    #[test]
    fn what_is_looked_up_is_the_sum() {
        let (gaussian, other) = (Profile::default(), Profile::of(bumpy()));
        for i in 0..5000 {
            let square = f64::from(i) * 20.2 / 5000.0;
            let (value, slope) = gaussian.at(square);
            let unit = (-0.5 * square).exp();
            assert!((value - unit).abs() < 1e-9 && (slope + 0.5 * unit).abs() < 1e-6, "{square}");
            let ((value, slope), exact) = (other.at(square), sum(&other.knots, square));
            assert!(
                (value - exact.0).abs() < 5e-6 && (slope - exact.1).abs() < 2e-3,
                "{square} {value} {exact:?}"
            );
        }
        assert_eq!(other.at(REACH * REACH + 1e-9), (0.0, 0.0));
        assert_eq!(other.at(1e30), (0.0, 0.0));
    }
}
