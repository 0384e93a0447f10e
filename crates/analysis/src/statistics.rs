use serde::{Deserialize, Serialize};

/// Ratio of a normal distribution's standard deviation to its median absolute deviation,
/// 1 / Φ⁻¹(3/4).
pub(crate) const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// Most bins of a histogram, whatever its width.
const MOST_BINS: f64 = 10_000.0;

/// How wide the bins of a histogram are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinWidth {
    /// 2 IQR / ∛n (Freedman and Diaconis 1981).
    #[default]
    FreedmanDiaconis,
    /// In the unit of the values.
    Given(f64),
}

/// Counts in bins of equal width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Left edge of the first bin, a multiple of the width.
    pub start: f64,
    /// Width of a bin.
    pub width: f64,
    /// Values in each bin; a value on an edge is in the bin to its right.
    pub counts: Vec<usize>,
}

impl Histogram {
    /// Counts finite `values`. One bin holds them all when they are equal or the width makes no
    /// sense; a width that gave more than 10,000 bins is enlarged.
    pub fn new(values: &[f64], width: BinWidth) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
            return Self { start: 0.0, width: 1.0, counts: Vec::new() };
        };
        let wanted = match width {
            BinWidth::Given(width) => width,
            BinWidth::FreedmanDiaconis => {
                2.0 * (quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) / (sorted.len() as f64).cbrt()
            }
        };
        if !(wanted > 0.0 && wanted.is_finite() && high > low) {
            let width = if high > low { (high - low) * 1.001 } else { 1.0 };
            return Self { start: low, width, counts: vec![sorted.len()] };
        }
        let width = wanted.max((high - low) / MOST_BINS);
        let start = (low / width).floor() * width;
        let mut counts = vec![0; ((high - start) / width) as usize + 1];
        sorted.iter().for_each(|v| counts[((v - start) / width) as usize] += 1);
        Self { start, width, counts }
    }
}

/// Quantile of sorted values, straight between them.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let rank = part * (sorted.len() - 1) as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (rank - below as f64) * (sorted[above] - sorted[below])
}

/// Mean and standard deviation with n − 1; the values are two at least.
pub(crate) fn mean_and_sigma(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// 1.4826 times the median absolute deviation from the median.
pub(crate) fn robust_sigma(values: &[f64]) -> f64 {
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        quantile(values, 0.5)
    };
    let mut values = values.to_vec();
    let middle = median(&mut values);
    values.iter_mut().for_each(|v| *v = (*v - middle).abs());
    MAD_TO_SIGMA * median(&mut values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_are_those_of_a_table() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let (mean, sigma) = mean_and_sigma(&values);
        assert_eq!(mean, 5.0);
        assert!((sigma - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        // Median 4.5; deviations 0.5 (five times), 2.5 (twice), 4.5.
        assert!((robust_sigma(&values) - 0.5 * MAD_TO_SIGMA).abs() < 1e-12);
    }

    /// 2 IQR / ∛n = 2 · 13.5 / 3 for 0 to 27 without one; bins start at a multiple of it.
    #[test]
    fn histograms_have_the_width_of_freedman_and_diaconis() {
        let values: Vec<f64> = (0..27).map(f64::from).collect();
        let histogram = Histogram::new(&values, BinWidth::FreedmanDiaconis);
        assert!((histogram.width - 26.0 / 3.0).abs() < 1e-12);
        // 26 is on the edge of a fourth.
        assert_eq!(histogram.counts, [9, 9, 8, 1]);
        let given = Histogram::new(&[-0.3, 0.1, 0.2, 0.9], BinWidth::Given(0.5));
        assert_eq!((given.start, given.counts), (-0.5, vec![1, 2, 1]));
    }

    #[test]
    fn odd_values_and_widths_give_a_histogram_nevertheless() {
        assert!(Histogram::new(&[], BinWidth::default()).counts.is_empty());
        assert_eq!(Histogram::new(&[3.0; 4], BinWidth::default()).counts, [4]);
        for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Histogram::new(&[1.0, 2.0], BinWidth::Given(width)).counts, [2]);
        }
        let fine = Histogram::new(&[0.0, 1.0, 1e9], BinWidth::Given(1e-6));
        assert_eq!(fine.counts.iter().sum::<usize>(), 3);
        assert!(fine.counts.len() <= 10_001);
    }
}
