/// Spacing of the heights at which a calibration is kept.
const STEP: f64 = 0.025;
/// Columns and false columns that every height is given beforehand, half and half, so that few
/// observations claim no certainty.
const PRIOR: f64 = 1.0;

/// The chance that a column is real, by the height of its peak in the map: straight between
/// `[height, chance]` pairs that rise in both. Without pairs the chance is the height.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    points: Vec<[f64; 2]>,
}

impl Calibration {
    /// A calibration that was kept; `None` unless all pairs lie in 0 to 1 and rise in both numbers.
    pub fn from_points(points: Vec<[f64; 2]>) -> Option<Self> {
        let rise = points.windows(2).all(|pair| (0..2).all(|i| pair[0][i] < pair[1][i]));
        let within = points.iter().flatten().all(|v| (0.0..=1.0).contains(v));
        (rise && within).then_some(Self { points })
    }

    /// Fits the chance to columns of known height that are right or wrong: the best monotone
    /// function in the sense of least squares (pool adjacent violators), at steps of the height.
    pub fn fit(verdicts: &[(f64, bool)]) -> Self {
        let bins = (1.0 / STEP).round() as usize;
        let mut counts = vec![[0.0_f64; 2]; bins];
        for &(height, right) in verdicts {
            let bin = ((height.clamp(0.0, 1.0) / STEP) as usize).min(bins - 1);
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
                let height = edge * STEP;
                // Both must rise for the inverse to exist.
                let before = points[points.len() - 1];
                if height > before[0] {
                    points.push([height, chance.max(before[1] + 1e-6).min(1.0)]);
                }
            }
            bin += width;
        }
        Self { points }
    }

    /// The chance that a column of this height is real.
    pub fn chance(&self, height: f64) -> f64 {
        interpolate(&self.points, height, [0, 1]).clamp(0.0, 1.0)
    }

    /// The height of a column with this chance.
    pub fn height(&self, chance: f64) -> f64 {
        interpolate(&self.points, chance, [1, 0])
    }

    /// The pairs.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }
}

/// Straight between points, constant outside; the value itself where there are none.
fn interpolate(points: &[[f64; 2]], value: f64, [from, to]: [usize; 2]) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return value };
    if value <= first[from] {
        return first[to];
    }
    for pair in points.windows(2) {
        if value <= pair[1][from] {
            let part = (value - pair[0][from]) / (pair[1][from] - pair[0][from]);
            return pair[0][to] + part * (pair[1][to] - pair[0][to]);
        }
    }
    last[to]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of height h are right with chance h²: 40,000 of them tell it to 0.03.
    #[test]
    fn a_known_chance_is_recovered() {
        let verdicts: Vec<(f64, bool)> = (0..40_000_u32)
            .map(|i| {
                let height = f64::from(i % 200) / 200.0;
                let draw = f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
                (height, draw < height * height)
            })
            .collect();
        let calibration = Calibration::fit(&verdicts);
        for height in [0.2, 0.5, 0.8, 0.95] {
            let chance = calibration.chance(height);
            assert!((chance - height * height).abs() < 0.03, "{height}: {chance}");
            assert!((calibration.height(chance) - height).abs() < 0.02);
        }
    }

    #[test]
    fn without_observations_the_chance_is_the_height() {
        assert_eq!(Calibration::default().chance(0.3), 0.3);
        assert_eq!(Calibration::default().height(0.7), 0.7);
        assert!(Calibration::from_points(vec![[0.0, 0.0], [0.5, 0.0]]).is_none());
        let all_right = Calibration::fit(&[(0.5, true); 10]);
        assert!(all_right.chance(0.9) > 0.9 && all_right.chance(0.0) < 0.1);
    }
}
