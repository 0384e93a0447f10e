//! How the columns of an image differ from Gaussians, all in the same way.

use super::Symmetric;

/// Distance between knots, and their number, in widths.
const STEP: f64 = 0.3;
const KNOTS: usize = 16;
/// How far from a Gaussian a profile is believed to be, and how far from straight between knots, as
/// parts of the height.
const AWAY: f64 = 0.05;
const BEND: f64 = 0.02;

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

/// Gathers what columns leave, to learn their profile.
pub(super) struct Gathering {
    matrix: Symmetric,
    right: Vec<f64>,
}

impl Gathering {
    pub(super) fn new() -> Self {
        Self { matrix: Symmetric::zeros(KNOTS - 1), right: vec![0.0; KNOTS - 1] }
    }

    /// A pixel at `distance` widths from a column of this height, what is left there, and the weight.
    pub(super) fn add(&mut self, distance: f64, height: f64, residual: f64, weight: f64) {
        let place = distance / STEP;
        let index = place as usize;
        if index + 1 >= KNOTS {
            return;
        }
        let t = place - index as f64;
        let parts = [(index, (1.0 - t) * height), (index + 1, t * height)];
        // The knot at the centre is zero.
        for (i, a) in parts.iter().filter(|(i, _)| *i > 0) {
            self.right[i - 1] += weight * a * residual;
            for (j, b) in parts.iter().filter(|(j, _)| *j > 0) {
                self.matrix.add(i - 1, j - 1, weight * a * b);
            }
        }
    }

    pub(super) fn merge(mut self, other: &Self) -> Self {
        self.right.iter_mut().zip(&other.right).for_each(|(a, b)| *a += b);
        for row in 0..KNOTS - 1 {
            for column in 0..KNOTS - 1 {
                self.matrix.add(row, column, other.matrix.get(row, column));
            }
        }
        self
    }

    /// `before`, with what is left explained as well.
    pub(super) fn solve(&self, before: &Profile) -> Profile {
        let (mut matrix, mut right) = (self.matrix.clone(), self.right.clone());
        let mut believe = |parts: &[(usize, f64)], spread: f64| {
            let precision = spread.powi(-2);
            let now: f64 = parts.iter().map(|(i, part)| part * before.knots[*i]).sum();
            for &(i, a) in parts.iter().filter(|(i, _)| *i > 0) {
                right[i - 1] -= precision * a * now;
                for &(j, b) in parts.iter().filter(|(j, _)| *j > 0) {
                    matrix.add(i - 1, j - 1, precision * a * b);
                }
            }
        };
        for i in 1..KNOTS {
            believe(&[(i, 1.0)], AWAY);
        }
        for i in 1..KNOTS - 1 {
            believe(&[(i - 1, 1.0), (i, -2.0), (i + 1, 1.0)], BEND);
        }
        let mut profile = *before;
        if let Some(factor) = matrix.factor(0.0) {
            profile.knots[1..].iter_mut().zip(factor.solve(&right)).for_each(|(knot, step)| *knot += step);
        }
        // It ends at zero.
        profile.knots[KNOTS - 1] = 0.0;
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of step 1e-5.
    #[test]
    fn a_profile_is_smooth_and_learnt_back() {
        let mut truth = Profile::default();
        truth.knots.iter_mut().enumerate().skip(1).for_each(|(i, k)| {
            let s = i as f64 * STEP;
            *k = 0.05 * s * s * (-0.4 * s * s).exp();
        });
        for square in [0.01, 0.5, 2.0, 7.0] {
            let numeric = (truth.at(square + 1e-5).0 - truth.at(square - 1e-5).0) / 2e-5;
            assert!((truth.at(square).1 - numeric).abs() < 1e-6, "{square}");
        }
        let mut learnt = Profile::default();
        for _ in 0..3 {
            let mut gathering = Gathering::new();
            for i in 0..4000 {
                let s = 4.4 * f64::from(i) / 4000.0;
                gathering.add(s, 2.0, 2.0 * (truth.at(s * s).0 - learnt.at(s * s).0), 1e6);
            }
            learnt = gathering.solve(&learnt);
        }
        for s in [0.3, 1.0, 1.7, 2.5] {
            assert!((learnt.at(s * s).0 - truth.at(s * s).0).abs() < 2e-3, "{s}");
        }
    }
}
