use crate::bootstrap::{Bootstrap, Interval};
use crate::grid::Grid;
use crate::spacings::{FEWEST, Steps};
use crate::{AnalysisError, Lattice, Step, Vector};
use serde::{Deserialize, Serialize};

/// A variance that was estimated as a difference or covariance, in the positions' unit squared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Variance {
    /// The estimate as it came out; where the truth is near zero it may be negative.
    pub raw: f64,
    /// Its interval, not clamped either; `None` with fewer than five lattice lines.
    pub interval: Option<Interval>,
}

impl Variance {
    /// Standard deviation; zero for a negative estimate.
    pub fn sigma(&self) -> f64 {
        self.raw.max(0.0).sqrt()
    }

    /// Interval of the standard deviation, clamped at zero.
    pub fn sigma_interval(&self) -> Option<Interval> {
        let root = |v: f64| v.max(0.0).sqrt();
        self.interval.map(|i| Interval { low: root(i.low), high: root(i.high) })
    }

    fn halved(self) -> Self {
        let half = |i: Interval| Interval { low: 0.5 * i.low, high: 0.5 * i.high };
        Self { raw: 0.5 * self.raw, interval: self.interval.map(half) }
    }
}

/// What the scatter of spacings is made of; see [`separate`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// The site whose columns were taken; `None` for all sites together.
    pub site: Option<usize>,
    /// The step.
    pub step: Step,
    /// Spacings that both halves have.
    pub count: usize,
    /// Noise of a spacing in one half of the rows.
    pub noise_of_half: Variance,
    /// Noise of a spacing in the full image, if it has half of a half's variance.
    pub noise: Variance,
    /// What both halves share: the specimen and slow errors of the microscope.
    pub disorder: Variance,
    /// Mean difference of the spacings of both halves, first minus second: an error of the
    /// localiser that is not noise when it is far from zero.
    pub offset: f64,
}

impl Separation {
    /// Noise of one column's position along the step in the full image, σ/√2 of a spacing's, the
    /// columns' noises being independent.
    pub fn column_noise(&self) -> f64 {
        (0.5 * self.noise.raw.max(0.0)).sqrt()
    }
}

/// Separates noise from disorder by two independent measurements of the same columns, such as
/// those in the even and the odd rows of an image ([`crate::split_rows`]).
///
/// Spacings of both halves are s₁ = d + n₁ and s₂ = d + n₂ with independent noises of equal
/// variance. Then var(s₁ − s₂) = 2 var(n) gives the noise of a half, and cov(s₁, s₂) = var(d) the
/// disorder. Noise that is white, independent from row to row, and a localiser that is as good as
/// linear make the variance in the full image half of that in a half of its rows; hence
/// [`Separation::noise`]. Its sum with the disorder should be the variance of the spacings in the
/// full image. Displacements of single rows count as noise, those that last for several rows
/// as disorder.
///
/// `first` and `second` have an entry for each column of `lattice`, `None` where the half has not
/// found it; [`match_columns`] brings lists of positions into this form.
///
/// # Errors
///
/// As [`crate::spacings`].
pub fn separate(
    first: &[Option<(f64, f64)>],
    second: &[Option<(f64, f64)>],
    lattice: &Lattice,
    site: Option<usize>,
    step: Step,
    bootstrap: &Bootstrap,
) -> Result<Separation, AnalysisError> {
    lattice.check_columns("first", first.len())?;
    lattice.check_columns("second", second.len())?;
    bootstrap.check()?;
    let steps = Steps::new(lattice, site, step)?;
    let spacing = |of: &[Option<(f64, f64)>], [from, to]: [usize; 2]| {
        of[from].zip(of[to]).map(|(from, to)| steps.project(from, to)).filter(|s| s.is_finite())
    };
    let both: Vec<(f64, f64, usize)> = steps
        .pairs
        .iter()
        .zip(&steps.lines)
        .filter_map(|(pair, line)| Some((spacing(first, *pair)?, spacing(second, *pair)?, *line)))
        .collect();
    let count = both.len();
    if count < FEWEST {
        return Err(AnalysisError::TooFewSpacings { count, needed: FEWEST });
    }
    let mean = |of: fn(&(f64, f64, usize)) -> f64| both.iter().map(of).sum::<f64>() / count as f64;
    let (mean_first, mean_second) = (mean(|s| s.0), mean(|s| s.1));
    // Lines without a common spacing would make draws that have none.
    let mut sums = vec![Sums::default(); steps.line_count];
    both.iter().for_each(|s| sums[s.2].add(s.0 - mean_first, s.1 - mean_second));
    sums.retain(|s| s.count > 0.0);
    let drawn = |times: &[u32]| {
        let mut all = Sums::default();
        sums.iter().zip(times).for_each(|(line, times)| all.join(line, f64::from(*times)));
        all.noise_and_disorder()
    };
    let [noise, disorder] = drawn(&vec![1; sums.len()]);
    let intervals = bootstrap.intervals(sums.len(), drawn);
    let noise_of_half = Variance { raw: noise, interval: intervals[0] };
    Ok(Separation {
        site,
        step,
        count,
        noise_of_half,
        noise: noise_of_half.halved(),
        disorder: Variance { raw: disorder, interval: intervals[1] },
        offset: mean_first - mean_second,
    })
}

/// Sums over spacings: number, both halves' deviations, and their products.
#[derive(Clone, Default)]
struct Sums {
    count: f64,
    first: f64,
    second: f64,
    first_squared: f64,
    second_squared: f64,
    product: f64,
}

impl Sums {
    fn add(&mut self, p: f64, q: f64) {
        let one = Self {
            count: 1.0,
            first: p,
            second: q,
            first_squared: p * p,
            second_squared: q * q,
            product: p * q,
        };
        self.join(&one, 1.0);
    }

    fn join(&mut self, other: &Self, times: f64) {
        self.count += times * other.count;
        self.first += times * other.first;
        self.second += times * other.second;
        self.first_squared += times * other.first_squared;
        self.second_squared += times * other.second_squared;
        self.product += times * other.product;
    }

    /// var(s₁ − s₂)/2 and cov(s₁, s₂), with n − 1.
    fn noise_and_disorder(&self) -> [f64; 2] {
        let central = |sum: f64, p: f64, q: f64| (sum - p * q / self.count) / (self.count - 1.0);
        let covariance = central(self.product, self.first, self.second);
        let variances = central(self.first_squared, self.first, self.first)
            + central(self.second_squared, self.second, self.second);
        [0.5 * variances - covariance, covariance]
    }
}

/// For each of `columns` the one of `found` that is its own: pairs closer than `radius`, one to
/// one, the closest first. Half of the distance to the nearest neighbour is a good radius.
pub fn match_columns(columns: &[(f64, f64)], found: &[(f64, f64)], radius: f64) -> Vec<Option<(f64, f64)>> {
    let finite: Vec<(usize, Vector)> = found
        .iter()
        .enumerate()
        .filter(|(_, p)| p.0.is_finite() && p.1.is_finite())
        .map(|(index, p)| (index, Vector::from(*p)))
        .collect();
    let grid = Grid::new(&finite.iter().map(|f| f.1).collect::<Vec<_>>(), radius);
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (column, position) in columns.iter().enumerate() {
        let near = grid.near(Vector::from(*position), radius);
        pairs.extend(near.map(|(index, squared)| (squared, column, finite[index].0)));
    }
    pairs.sort_by(|p, q| p.0.total_cmp(&q.0).then((p.1, p.2).cmp(&(q.1, q.2))));
    let mut result = vec![None; columns.len()];
    let mut taken = vec![false; found.len()];
    for (_, column, index) in pairs {
        if result[column].is_none() && !taken[index] {
            taken[index] = true;
            result[column] = Some(found[index]);
        }
    }
    result
}
