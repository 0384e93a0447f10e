use crate::bootstrap::{Bootstrap, Estimate};
use crate::statistics::{BinWidth, Histogram, MAD_TO_SIGMA, mean_and_sigma, robust_sigma};
use crate::{AnalysisError, Lattice, Place, Step, Vector};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Spacings without which there are no statistics.
pub(crate) const FEWEST: usize = 3;

/// How spacings are summarised.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SpacingSettings {
    /// Bins of the histogram.
    pub bins: BinWidth,
    /// Intervals.
    pub bootstrap: Bootstrap,
}

/// Distances of columns one step of the lattice apart, in the unit of the positions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spacings {
    /// The site whose columns were taken; `None` for all sites together.
    pub site: Option<usize>,
    /// The step.
    pub step: Step,
    /// Indices of the two columns of every spacing.
    pub pairs: Vec<[usize; 2]>,
    /// The spacings: differences projected on the step's direction in the fitted lattice.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: Estimate,
    /// Their standard deviation, with n − 1: the precision of the paper's figures 8 and 11.
    pub sigma: Estimate,
    /// 1.4826 times their median absolute deviation, which a few wrong columns don't change.
    pub robust_sigma: Estimate,
    /// Their histogram.
    pub histogram: Histogram,
}

impl Spacings {
    /// Frames whose mean has a standard deviation of `target`, N = (σ/target)².
    pub fn frames_for(&self, target: f64) -> f64 {
        (self.sigma.value / target).powi(2)
    }

    /// Frames for 1 pm, with the unit of the positions in picometres (100 for ångström).
    pub fn frames_for_1_pm(&self, unit_pm: f64) -> f64 {
        self.frames_for(1.0 / unit_pm)
    }
}

/// The spacings of columns at `positions` one `step` apart on `site`, or on each site where that is
/// `None`. `lattice` is the one found in these positions, or in others of the same columns in the
/// same order. [`Lattice::axes`] gives the steps that are usually quoted.
///
/// # Errors
///
/// [`AnalysisError::LengthsDiffer`] when there is not a position for each column of the lattice,
/// [`AnalysisError::TooFewSpacings`] below three spacings, [`AnalysisError::OutOfRange`] for a step
/// [0, 0], a site that the lattice has not or a meaningless setting.
pub fn spacings(
    positions: &[(f64, f64)],
    lattice: &Lattice,
    site: Option<usize>,
    step: Step,
    settings: &SpacingSettings,
) -> Result<Spacings, AnalysisError> {
    lattice.check_columns("positions", positions.len())?;
    settings.bootstrap.check()?;
    let steps = Steps::new(lattice, site, step)?;
    let projected = |pair: &[usize; 2]| steps.project(positions[pair[0]], positions[pair[1]]);
    let values: Vec<f64> = steps.pairs.iter().map(projected).collect();
    if values.len() < FEWEST {
        return Err(AnalysisError::TooFewSpacings { count: values.len(), needed: FEWEST });
    }
    if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
        return Err(AnalysisError::NotFinite { index: steps.pairs[bad][0] });
    }
    let (mean, sigma) = mean_and_sigma(&values);
    let drawn = Drawn::new(&values, &steps.lines, steps.line_count, mean);
    let intervals = settings.bootstrap.intervals(steps.line_count, |times| drawn.statistics(times));
    let estimate = |value, n: usize| Estimate { value, interval: intervals[n] };
    Ok(Spacings {
        site,
        step,
        mean: estimate(mean, 0),
        sigma: estimate(sigma, 1),
        robust_sigma: estimate(robust_sigma(&values), 2),
        histogram: Histogram::new(&values, settings.bins),
        pairs: steps.pairs,
        values,
    })
}

/// Pairs of columns one step apart, by lattice lines along the step.
pub(crate) struct Steps {
    direction: Vector,
    pub pairs: Vec<[usize; 2]>,
    /// The line of every pair.
    pub lines: Vec<usize>,
    pub line_count: usize,
}

impl Steps {
    pub fn new(lattice: &Lattice, site: Option<usize>, step: Step) -> Result<Self, AnalysisError> {
        let last = lattice.sites.len().saturating_sub(1) as f64;
        if let Some(site) = site {
            AnalysisError::check("site", site as f64, 0.0, last, "an index into the lattice's sites")?;
        }
        let common = greatest_common_divisor(step[0], step[1]);
        AnalysisError::check("step", f64::from(common), 1.0, 1000.0, "a step other than [0, 0]")?;
        let vector = lattice.vector(step);
        let at: HashMap<Place, usize> =
            lattice.places.iter().enumerate().filter_map(|(column, p)| p.map(|p| (p, column))).collect();
        let mut by_line: BTreeMap<(usize, i64), Vec<[usize; 2]>> = BTreeMap::new();
        for (column, place) in lattice.places.iter().enumerate() {
            let Some(place) = place.filter(|p| site.is_none_or(|s| s == p.site)) else { continue };
            let next = Place { i: place.i + step[0], j: place.j + step[1], ..place };
            if let Some(&other) = at.get(&next) {
                let (m, n) = (i64::from(step[0] / common), i64::from(step[1] / common));
                let line = n * i64::from(place.i) - m * i64::from(place.j);
                by_line.entry((place.site, line)).or_default().push([column, other]);
            }
        }
        let line_count = by_line.len();
        let (mut pairs, mut lines) = (Vec::new(), Vec::new());
        for (line, (_, of)) in by_line.into_iter().enumerate() {
            lines.extend(std::iter::repeat_n(line, of.len()));
            pairs.extend(of);
        }
        Ok(Self { direction: vector * (1.0 / vector.length()), pairs, lines, line_count })
    }

    pub fn project(&self, from: (f64, f64), to: (f64, f64)) -> f64 {
        (Vector::from(to) - Vector::from(from)).dot(self.direction)
    }
}

fn greatest_common_divisor(m: i32, n: i32) -> i32 {
    let (mut m, mut n) = (m.saturating_abs(), n.saturating_abs());
    while n != 0 {
        (m, n) = (n, m % n);
    }
    m
}

/// Spacings prepared so that a draw of lines costs little.
struct Drawn {
    /// Deviations from the mean of all and their squares, summed by line, and their number.
    sums: Vec<(f64, f64, f64)>,
    mean: f64,
    /// Deviations with their lines, in rising order.
    sorted: Vec<(f64, usize)>,
}

impl Drawn {
    fn new(values: &[f64], lines: &[usize], line_count: usize, mean: f64) -> Self {
        let mut sums = vec![(0.0, 0.0, 0.0); line_count];
        let mut sorted: Vec<(f64, usize)> = values.iter().zip(lines).map(|(v, l)| (v - mean, *l)).collect();
        for &(d, line) in &sorted {
            let sum = &mut sums[line];
            *sum = (sum.0 + d, sum.1 + d * d, sum.2 + 1.0);
        }
        sorted.sort_by(|p, q| p.0.total_cmp(&q.0));
        Self { sums, mean, sorted }
    }

    /// Mean, σ and robust σ when line l counts `times[l]` times.
    fn statistics(&self, times: &[u32]) -> [f64; 3] {
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for (line, &times) in self.sums.iter().zip(times) {
            let times = f64::from(times);
            sum += times * line.0;
            squares += times * line.1;
            count += times * line.2;
        }
        let variance = (squares - sum * sum / count) / (count - 1.0);
        [self.mean + sum / count, variance.max(0.0).sqrt(), self.robust_sigma(times, count)]
    }

    /// Median and, outwards from it on both sides, the median of the distances.
    fn robust_sigma(&self, times: &[u32], count: f64) -> f64 {
        let weight = |n: usize| f64::from(times[self.sorted[n].1]);
        let mut seen = 0.0;
        let middle = (0..self.sorted.len()).find(|n| {
            seen += weight(*n);
            2.0 * seen >= count
        });
        let Some(middle) = middle else { return f64::NAN };
        let median = self.sorted[middle].0;
        let (mut below, mut above) = (middle, middle + 1);
        let mut within = weight(middle);
        let mut farthest = 0.0;
        while 2.0 * within < count {
            let down = below.checked_sub(1).map(|n| median - self.sorted[n].0);
            let up = self.sorted.get(above).map(|v| v.0 - median);
            match (down, up) {
                (Some(down), up) if up.is_none_or(|up| down <= up) => {
                    below -= 1;
                    within += weight(below);
                    farthest = down;
                }
                (_, Some(up)) => {
                    within += weight(above);
                    above += 1;
                    farthest = up;
                }
                _ => break,
            }
        }
        MAD_TO_SIGMA * farthest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against values repeated as often as their line counts.
    #[test]
    fn a_draw_of_lines_equals_the_statistics_of_repeated_values() {
        let values: Vec<f64> = (0..41).map(|i| f64::from(i * i * 37 % 101)).collect();
        let lines: Vec<usize> = (0..41).map(|i| i % 7).collect();
        let (mean, _) = mean_and_sigma(&values);
        let drawn = Drawn::new(&values, &lines, 7, mean);
        for times in [[1, 1, 1, 1, 1, 1, 1], [0, 3, 1, 0, 2, 1, 0], [0, 0, 7, 0, 0, 0, 0]] {
            let repeated: Vec<f64> = values
                .iter()
                .zip(&lines)
                .flat_map(|(v, l)| std::iter::repeat_n(*v, times[*l] as usize))
                .collect();
            let (mean, sigma) = mean_and_sigma(&repeated);
            let found = drawn.statistics(&times);
            assert!((found[0] - mean).abs() < 1e-9 && (found[1] - sigma).abs() < 1e-9);
            // The median of an even number is the lower one in a draw.
            let mut sorted = repeated.clone();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted[(sorted.len() - 1) / 2];
            let mut off: Vec<f64> = sorted.iter().map(|v| (v - middle).abs()).collect();
            off.sort_by(f64::total_cmp);
            let expected = MAD_TO_SIGMA * off[(off.len() - 1) / 2];
            assert!((found[2] - expected).abs() < 1e-9, "{times:?}: {} not {expected}", found[2]);
        }
    }

    #[test]
    fn common_divisors() {
        for (m, n, expected) in [(0, 0, 0), (1, 0, 1), (0, -3, 3), (4, -6, 2), (5, 7, 1)] {
            assert_eq!(greatest_common_divisor(m, n), expected);
        }
    }
}
