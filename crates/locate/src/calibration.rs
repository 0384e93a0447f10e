use crate::features::{FEATURES, Features};

/// Evidence is kept between these logits, and the chance at so many steps between them.
const LOGITS: (f64, f64) = (-6.0, 10.0);
const BINS: usize = 40;
/// Columns and false columns that every step is given beforehand, half and half, so that few
/// observations claim no certainty.
const PRIOR: f64 = 1.0;
/// Weights of the logistic regression: a constant and one a feature.
const WEIGHTS: usize = 1 + FEATURES;

/// The chance that a column is real, from its [`Features`]: a logistic regression, and on top of
/// it straight lines between `[evidence, chance]` pairs that rise in both. Without weights the
/// chance is the height.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    weights: Option<[f64; WEIGHTS]>,
    points: Vec<[f64; 2]>,
}

impl Calibration {
    /// A calibration that was kept; `None` unless it has a constant and a weight for each of the first features, all
    /// numbers are finite and all pairs lie in 0 to 1 and rise in both numbers. Features that were added since weigh
    /// nothing.
    pub fn from_parts(weights: Option<&[f64]>, points: Vec<[f64; 2]>) -> Option<Self> {
        if weights.is_some_and(|kept| !(1..=WEIGHTS).contains(&kept.len())) {
            return None;
        }
        let weights = weights.map(|kept| std::array::from_fn(|i| kept.get(i).copied().unwrap_or(0.0)));
        let rise = points.windows(2).all(|pair| (0..2).all(|i| pair[0][i] < pair[1][i]));
        let within = points.iter().flatten().all(|v| (0.0..=1.0).contains(v));
        let finite = weights.iter().flatten().all(|w: &f64| w.is_finite());
        (rise && within && finite).then_some(Self { weights, points })
    }

    /// The regression's weights.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(<[f64; WEIGHTS]>::as_slice)
    }

    /// The pairs.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// The chance that a column is real.
    pub fn chance(&self, features: &Features) -> f64 {
        match self.weights {
            Some(weights) => interpolate(&self.points, evidence(&weights, features)).clamp(0.0, 1.0),
            None => features[0].exp().min(1.0),
        }
    }

    /// Fits the chance to columns that are right or wrong.
    pub fn fit(verdicts: &[(Features, bool)]) -> Self {
        let weights = regress(verdicts);
        let known: Vec<(f64, bool)> =
            verdicts.iter().map(|(features, right)| (evidence(&weights, features), *right)).collect();
        Self { weights: Some(weights), points: isotonic(&known) }
    }
}

/// The regression's logit, from 0 to 1 between its bounds.
fn evidence(weights: &[f64; WEIGHTS], features: &Features) -> f64 {
    let logit = weights[0] + weights[1..].iter().zip(features).map(|(w, f)| w * f).sum::<f64>();
    ((logit - LOGITS.0) / (LOGITS.1 - LOGITS.0)).clamp(0.0, 1.0)
}

/// Logistic regression by Newton's method, held a little by a ridge.
fn regress(verdicts: &[(Features, bool)]) -> [f64; WEIGHTS] {
    const RIDGE: f64 = 0.1;
    const STEPS: usize = 30;
    let mut weights = [0.0; WEIGHTS];
    for _ in 0..STEPS {
        let mut gradient = weights.map(|w| -RIDGE * w);
        let mut curvature = [[0.0; WEIGHTS]; WEIGHTS];
        (0..WEIGHTS).for_each(|i| curvature[i][i] = RIDGE);
        for (features, right) in verdicts {
            let mut row = [1.0; WEIGHTS];
            row[1..].copy_from_slice(features);
            let logit: f64 = weights.iter().zip(&row).map(|(w, f)| w * f).sum();
            let chance = 1.0 / (1.0 + (-logit).exp());
            for i in 0..WEIGHTS {
                gradient[i] += (f64::from(u8::from(*right)) - chance) * row[i];
                for j in 0..WEIGHTS {
                    curvature[i][j] += chance * (1.0 - chance) * row[i] * row[j];
                }
            }
        }
        let step = solve(curvature, gradient);
        weights.iter_mut().zip(step).for_each(|(w, s)| *w += s.clamp(-2.0, 2.0));
    }
    weights
}

/// Cholesky's way for a positive definite matrix.
fn solve(matrix: [[f64; WEIGHTS]; WEIGHTS], right: [f64; WEIGHTS]) -> [f64; WEIGHTS] {
    let mut lower = [[0.0; WEIGHTS]; WEIGHTS];
    for i in 0..WEIGHTS {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = matrix[i][j] - known;
            lower[i][j] = if i == j { rest.max(1e-12).sqrt() } else { rest / lower[j][j] };
        }
    }
    let mut result = right;
    for i in 0..WEIGHTS {
        let known: f64 = (0..i).map(|k| lower[i][k] * result[k]).sum();
        result[i] = (result[i] - known) / lower[i][i];
    }
    for i in (0..WEIGHTS).rev() {
        let known: f64 = (i + 1..WEIGHTS).map(|k| lower[k][i] * result[k]).sum();
        result[i] = (result[i] - known) / lower[i][i];
    }
    result
}

/// The best monotone function in the sense of least squares (pool adjacent violators), at steps of
/// the evidence.
fn isotonic(verdicts: &[(f64, bool)]) -> Vec<[f64; 2]> {
    let mut counts = vec![[0.0_f64; 2]; BINS];
    for &(evidence, right) in verdicts {
        let bin = ((evidence * BINS as f64) as usize).min(BINS - 1);
        counts[bin][0] += f64::from(u8::from(right));
        counts[bin][1] += 1.0;
    }
    // Blocks of neighbouring bins: right ones, all, number of bins.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for [right, all] in counts {
        if all == 0.0 {
            match blocks.last_mut() {
                Some(last) => last.2 += 1,
                None => blocks.push((0.0, PRIOR, 1)),
            }
            continue;
        }
        blocks.push((right + 0.5 * PRIOR, all + PRIOR, 1));
        while let [.., (r0, n0, _), (r1, n1, _)] = blocks.as_slice()
            && r0 / n0 > r1 / n1
        {
            if let (Some(last), Some(before)) = (blocks.pop(), blocks.last_mut()) {
                *before = (before.0 + last.0, before.1 + last.1, before.2 + last.2);
            }
        }
    }
    let mut points = vec![[0.0, 0.0]];
    let mut bin = 0;
    for (right, all, width) in blocks {
        let chance = right / all;
        for edge in [bin as f64 + 0.5, (bin + width) as f64 - 0.5] {
            let evidence = edge / BINS as f64;
            // Both must rise for the inverse to exist.
            let before = points[points.len() - 1];
            if evidence > before[0] {
                points.push([evidence, chance.max(before[1] + 1e-6).min(1.0)]);
            }
        }
        bin += width;
    }
    points
}

/// Straight between points, constant outside.
fn interpolate(points: &[[f64; 2]], value: f64) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return value };
    if value <= first[0] {
        return first[1];
    }
    for pair in points.windows(2) {
        if value <= pair[1][0] {
            let part = (value - pair[0][0]) / (pair[1][0] - pair[0][0]);
            return pair[0][1] + part * (pair[1][1] - pair[0][1]);
        }
    }
    last[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(i: u32) -> f64 {
        f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
    }

    /// Columns are right with the logistic chance of twice their second feature, cubed: no
    /// logistic function of it. 40,000 of them tell it to 0.03.
    #[test]
    fn a_known_chance_is_recovered() {
        let chance = |f: f64| (1.0 / (1.0 + (-2.0 * f).exp())).powi(3);
        let verdicts: Vec<(Features, bool)> = (0..40_000_u32)
            .map(|i| {
                let f = f64::from(i % 400) / 100.0 - 2.0;
                ([-0.5, f, 2.0, 0.01 * f64::from(i % 7), 0.5, 0.0, 1.0, 1.0], draw(i) < chance(f))
            })
            .collect();
        let calibration = Calibration::fit(&verdicts);
        for f in [-1.0, 0.0, 0.7, 1.8] {
            let found = calibration.chance(&[-0.5, f, 2.0, 0.03, 0.5, 0.0, 1.0, 1.0]);
            assert!((found - chance(f)).abs() < 0.03, "{f}: {found} not {}", chance(f));
        }
        let kept = Calibration::from_parts(calibration.weights(), calibration.points().to_vec());
        assert_eq!(kept, Some(calibration));
        assert!(Calibration::from_parts(None, vec![[0.0, 0.0], [0.5, 0.0]]).is_none());
        // Of a model that knew two features alone.
        let older = Calibration::from_parts(Some(&[0.5, 1.0, 2.0]), vec![[0.0, 0.0], [1.0, 1.0]]).unwrap();
        assert_eq!(older.weights().unwrap()[..4], [0.5, 1.0, 2.0, 0.0]);
        assert!(Calibration::from_parts(Some(&[1.0; 10]), Vec::new()).is_none());
    }
}
