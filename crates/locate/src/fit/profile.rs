//! How the columns of an image differ from Gaussians, all in the same way.

use super::Symmetric;

/// Distance between knots, and their number, in widths.
const STEP: f64 = 0.3;
pub(super) const KNOTS: usize = 16;
/// How far from a Gaussian a profile is believed to be, and how far from straight between knots, as
/// parts of the height.
const AWAY: f64 = 0.05;
const BEND: f64 = 0.02;
const SAME_WIDTH: f64 = 1e-4;

/// What is added to the unit Gaussian at each distance from a column's centre, in widths: zero at the
/// centre and far away, smooth between.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Profile {
    knots: [f64; KNOTS],
}

impl Profile {
    /// Value at a squared distance, and its derivative by the squared distance.
    pub(super) fn at(&self, square: f64) -> (f64, f64) {
        let unit = (-0.5 * square).exp();
        let distance = square.max(1e-12).sqrt();
        let place = distance / STEP;
        let index = place as usize;
        if index + 1 >= KNOTS {
            return (unit, -0.5 * unit);
        }
        let knot = |i: isize| match usize::try_from(i.abs()) {
            Ok(i) => self.knots.get(i).copied().unwrap_or(0.0),
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
        self.knots[1..].iter_mut().zip(step).for_each(|(knot, step)| *knot += step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of step 1e-5.
    #[test]
    fn a_profile_is_smooth_and_the_sum_of_its_knots_parts() {
        let mut truth = Profile::default();
        truth.knots.iter_mut().enumerate().skip(1).for_each(|(i, k)| {
            let s = i as f64 * STEP;
            *k = 0.05 * s * s * (-0.4 * s * s).exp();
        });
        for square in [0.01, 0.5, 2.0, 7.0] {
            let numeric = (truth.at(square + 1e-5).0 - truth.at(square - 1e-5).0) / 2e-5;
            assert!((truth.at(square).1 - numeric).abs() < 1e-6, "{square}");
        }
        for distance in [0.1, 0.3, 0.44, 1.7, 2.5, 4.3] {
            let parts = Profile::parts(distance).into_iter();
            let sum: f64 =
                parts.map(|(knot, part)| part * truth.knots.get(knot).copied().unwrap_or(0.0)).sum();
            let whole = truth.at(distance * distance).0 - (-0.5 * distance * distance).exp();
            assert!((sum - whole).abs() < 1e-12, "{distance}: {sum} {whole}");
        }
    }
}
