//! Robust least squares of a lattice with a motif.

use crate::Vector;

/// Rounds of reweighting.
const ROUNDS: usize = 12;
/// Tukey's biweight gives up residuals beyond so many standard deviations.
const CUT: f64 = 4.685;
/// Ratio of a normal distribution's σ to the median length of a two-dimensional residual:
/// 1 / √(2 ln 2).
const MEDIAN_LENGTH: f64 = 0.849_321_800_288_019;

/// A column's place in the lattice and in the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    pub i: f64,
    pub j: f64,
    pub site: usize,
    pub at: Vector,
}

/// p = i a + j b + offset of the site.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    pub a: Vector,
    pub b: Vector,
    pub offsets: Vec<Vector>,
    /// Robust standard deviation of the residuals, per coordinate, with the degrees of freedom that
    /// are left.
    pub sigma: f64,
}

impl Fit {
    pub fn residual(&self, o: &Observation) -> Vector {
        o.at - self.a * o.i - self.b * o.j - self.offsets[o.site]
    }
}

/// Fits a, b and the offsets of all sites by Tukey's biweight, iteratively reweighted; `None` when
/// the observations lie on one line or a site has none.
pub(crate) fn fit(observations: &[Observation], sites: usize) -> Option<Fit> {
    let mut weights = vec![1.0; observations.len()];
    let (count, taken) = (observations.len() as f64, sites as f64 + 2.0);
    let freedom = (count / (count - taken).max(1.0)).sqrt();
    let mut result = None;
    for _ in 0..ROUNDS {
        let fitted = weighted(observations, sites, &weights)?;
        let lengths: Vec<f64> = observations.iter().map(|o| fitted.residual(o).length()).collect();
        let mut sorted = lengths.clone();
        let middle = sorted.len() / 2;
        let sigma = freedom * MEDIAN_LENGTH * *sorted.select_nth_unstable_by(middle, f64::total_cmp).1;
        // Exact positions leave rounding errors, which no weight should be made of.
        let limit = CUT * sigma + 1e-9 * (fitted.a.length() + fitted.b.length());
        for (weight, length) in weights.iter_mut().zip(&lengths) {
            let part = length / limit;
            *weight = if part < 1.0 { (1.0 - part * part).powi(2) } else { 0.0 };
        }
        let kept = Fit { sigma, ..fitted };
        let unchanged = result.as_ref().is_some_and(|before: &Fit| {
            (before.a - kept.a).length() + (before.b - kept.b).length() < 1e-12 * kept.a.length()
        });
        result = Some(kept);
        if unchanged {
            break;
        }
    }
    result
}

/// The offsets are eliminated: i, j and p minus their means of the site.
fn weighted(observations: &[Observation], sites: usize, weights: &[f64]) -> Option<Fit> {
    let mut means = vec![(0.0, 0.0, Vector::default(), 0.0); sites];
    for (o, &w) in observations.iter().zip(weights) {
        let mean = &mut means[o.site];
        *mean = (mean.0 + w * o.i, mean.1 + w * o.j, mean.2 + o.at * w, mean.3 + w);
    }
    if means.iter().any(|m| m.3 < 1e-6) {
        return None;
    }
    means.iter_mut().for_each(|m| *m = (m.0 / m.3, m.1 / m.3, m.2 * (1.0 / m.3), m.3));
    let (mut ii, mut ij, mut jj) = (0.0, 0.0, 0.0);
    let (mut ip, mut jp) = (Vector::default(), Vector::default());
    for (o, &w) in observations.iter().zip(weights) {
        let mean = means[o.site];
        let (i, j, p) = (o.i - mean.0, o.j - mean.1, o.at - mean.2);
        ii += w * i * i;
        ij += w * i * j;
        jj += w * j * j;
        ip = ip + p * (w * i);
        jp = jp + p * (w * j);
    }
    let determinant = ii * jj - ij * ij;
    if determinant <= 1e-9 * (ii * jj).max(1e-300) {
        return None;
    }
    let a = (ip * jj - jp * ij) * (1.0 / determinant);
    let b = (jp * ii - ip * ij) * (1.0 / determinant);
    let offsets = means.iter().map(|m| m.2 - a * m.0 - b * m.1).collect();
    Some(Fit { a, b, offsets, sigma: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One in seven observations is a tenth of a cell off.
    #[test]
    fn outliers_do_not_pull_the_lattice() {
        let (a, b) = (Vector::new(10.0, 1.0), Vector::new(-2.0, 12.0));
        let offsets = [Vector::new(3.0, 4.0), Vector::new(7.5, 9.0)];
        let observations: Vec<Observation> = (0..98_u32)
            .map(|n| {
                let (i, j, site) = (f64::from(n / 14), f64::from(n % 7), (n % 14 / 7) as usize);
                let off =
                    if n % 7 == 3 { Vector::new(1.0, 0.4 * f64::from(n % 5)) } else { Vector::default() };
                Observation { i, j, site, at: a * i + b * j + offsets[site] + off }
            })
            .collect();
        let fit = fit(&observations, 2).unwrap();
        assert!((fit.a - a).length() < 1e-6 && (fit.b - b).length() < 1e-6, "{fit:?}");
        assert!((fit.offsets[1] - offsets[1]).length() < 1e-6);
        assert!(fit.sigma < 1e-6);
    }

    #[test]
    fn a_line_has_no_second_vector() {
        let line: Vec<Observation> = (0..9)
            .map(|i| Observation { i: f64::from(i), j: 0.0, site: 0, at: Vector::new(f64::from(i), 0.0) })
            .collect();
        assert!(fit(&line, 1).is_none());
    }
}
