use crate::AnalysisError;
use crate::random::{index, stream};
use crate::statistics::quantile;
use serde::{Deserialize, Serialize};

/// Fewer lattice lines don't tell how much lines differ.
const FEWEST_LINES: usize = 5;

/// How intervals are estimated: by drawing whole lattice lines again, with replacement (percentile
/// bootstrap). Spacings along a line share columns, so that single ones are not independent; lines
/// are, but for disorder and scan errors that reach across them, which the intervals miss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// How often all lines are drawn, 0 (no intervals) to 100,000.
    pub draws: usize,
    /// Seed; equal seeds give equal intervals.
    pub seed: u64,
    /// Part of the draws within the interval, 0.5 to 0.999.
    pub level: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { draws: 1000, seed: 0, level: 0.95 }
    }
}

/// An interval of confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A number with its interval, which is `None` with fewer than five lattice lines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Where it may be.
    pub interval: Option<Interval>,
}

impl Bootstrap {
    pub(crate) fn check(&self) -> Result<(), AnalysisError> {
        AnalysisError::check("draws", self.draws as f64, 0.0, 1e5, "0 to 100,000")?;
        AnalysisError::check("level", self.level, 0.5, 0.999, "0.5 to 0.999")
    }

    /// Intervals of `K` statistics, which are computed from how often each of the `lines` counts.
    /// Draws that have no value (not finite) are left out.
    pub(crate) fn intervals<const K: usize>(
        &self,
        lines: usize,
        statistics: impl Fn(&[u32]) -> [f64; K],
    ) -> [Option<Interval>; K] {
        if lines < FEWEST_LINES || self.draws == 0 {
            return [None; K];
        }
        let mut rng = stream(self.seed);
        let mut drawn = [(); K].map(|()| Vec::with_capacity(self.draws));
        let mut times = vec![0; lines];
        for _ in 0..self.draws {
            times.fill(0);
            (0..lines).for_each(|_| times[index(&mut rng, lines)] += 1);
            let values = statistics(&times);
            values.iter().zip(&mut drawn).filter(|(v, _)| v.is_finite()).for_each(|(v, all)| all.push(*v));
        }
        let outside = 0.5 * (1.0 - self.level);
        drawn.map(|mut values| {
            values.sort_by(f64::total_cmp);
            let end = |part| quantile(&values, part);
            (!values.is_empty()).then(|| Interval { low: end(outside), high: end(1.0 - outside) })
        })
    }
}
