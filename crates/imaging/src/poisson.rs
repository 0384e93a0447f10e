//! Poisson numbers, by tables where the mean is moderate.

use crate::SampleRng;
use std::sync::OnceLock;

/// From this mean on a number is drawn by transformed rejection instead of tables.
const TABLES_END: usize = 256;
/// Means between whole numbers that have tables.
const FRACTIONS: usize = 64;
/// Probability, over the likeliest number's, below which a table leaves a number out.
const NEGLIGIBLE: f64 = 1e-14;

/// A Poisson number with the given mean.
///
/// Below 256 it is the sum of three: one with the mean's whole part and one with its part in sixty-fourths from
/// alias tables (Walker, ACM Trans. Math. Softw. 3, 253, 1977), one with the rest by inversion. A sum of
/// Poisson numbers is one, so the only errors are those of 32 random bits, 2⁻³² of a probability's absolute value.
/// Larger means go by Hörmann's transformed rejection with squeeze (PTRS, Insurance: Math. Econ. 12, 39, 1993).
pub fn poisson(mean: f32, rng: &mut SampleRng) -> f32 {
    if mean <= 0.0 || mean.is_nan() {
        return 0.0;
    }
    if mean >= TABLES_END as f32 {
        return rejected(f64::from(mean), rng);
    }
    // All exact: the parts have no more bits than the mean.
    let whole = mean as usize;
    let left = (mean - whole as f32) * FRACTIONS as f32;
    let fraction = left as usize;
    let rest = (left - fraction as f32) / FRACTIONS as f32;
    let tables = tables();
    let drawn = tables.wholes[whole].draw(&tables.cells, rng.bits_u32())
        + tables.fractions[fraction].draw(&tables.cells, rng.bits_u32())
        + little(rest, rng.bits_u32());
    drawn as f32
}

/// A number with a mean below 1/64 from 32 random bits.
fn little(mean: f32, bits: u32) -> u32 {
    let uniform = (f64::from(bits) + 0.5) / 4_294_967_296.0;
    let mean = f64::from(mean);
    // P(N > 0) = 1 - e^-mean is below the mean: nearly always this is all.
    if uniform >= mean {
        return 0;
    }
    // e^-mean to 1e-13.
    let none = 1.0 - mean * (1.0 - mean / 2.0 * (1.0 - mean / 3.0 * (1.0 - mean / 4.0 * (1.0 - mean / 5.0))));
    let (mut number, mut term, mut beyond) = (0, none, 1.0 - none);
    while uniform < beyond {
        number += 1;
        term *= mean / f64::from(number);
        beyond -= term;
    }
    number
}

struct Tables {
    cells: Vec<Cell>,
    /// By the mean.
    wholes: Vec<Table>,
    /// By the mean in sixty-fourths.
    fractions: Vec<Table>,
}

/// The cells of one mean, each as likely as another.
#[derive(Clone, Copy)]
struct Table {
    start: u32,
    count: u32,
}

/// Two numbers: below the threshold one, else the other.
#[derive(Clone, Copy)]
struct Cell {
    threshold: u32,
    below: u16,
    above: u16,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut cells = Vec::new();
        let mut table = |mean: f64| Table::build(mean, &mut cells);
        let wholes = (0..TABLES_END).map(|mean| table(mean as f64)).collect();
        let fractions = (0..FRACTIONS).map(|part| table(part as f64 / FRACTIONS as f64)).collect();
        Tables { cells, wholes, fractions }
    })
}

impl Table {
    fn draw(self, cells: &[Cell], bits: u32) -> u32 {
        let product = u64::from(bits) * u64::from(self.count);
        let cell = cells[self.start as usize + (product >> 32) as usize];
        u32::from(if (product as u32) < cell.threshold { cell.below } else { cell.above })
    }

    /// Adds the cells of a mean to `cells`.
    fn build(mean: f64, cells: &mut Vec<Cell>) -> Self {
        // From the likeliest number outwards; only sums and products, so that every machine has the same table.
        let likeliest = mean.floor();
        let mut downwards = vec![1.0];
        let mut number = likeliest;
        while number > 0.0 && downwards[downwards.len() - 1] > NEGLIGIBLE {
            downwards.push(downwards[downwards.len() - 1] * number / mean);
            number -= 1.0;
        }
        let lowest = likeliest as usize + 1 - downwards.len();
        let mut parts: Vec<f64> = downwards.into_iter().rev().collect();
        let mut number = likeliest + 1.0;
        while parts[parts.len() - 1] > NEGLIGIBLE {
            parts.push(parts[parts.len() - 1] * mean / number);
            number += 1.0;
        }
        let scale = parts.len() as f64 / parts.iter().sum::<f64>();
        parts.iter_mut().for_each(|part| *part *= scale);
        // Each cell takes what it has and is filled up by one that has too much.
        let (mut few, mut many): (Vec<usize>, Vec<usize>) = (0..parts.len()).partition(|at| parts[*at] < 1.0);
        let named = |at: usize| (lowest + at) as u16;
        let start = cells.len();
        cells.extend((0..parts.len()).map(|at| Cell { threshold: 0, below: named(at), above: named(at) }));
        while let (Some(small), Some(&large)) = (few.pop(), many.last()) {
            let threshold = (parts[small] * 4_294_967_296.0) as u32;
            cells[start + small] = Cell { threshold, below: named(small), above: named(large) };
            parts[large] -= 1.0 - parts[small];
            if parts[large] < 1.0 {
                many.pop();
                few.push(large);
            }
        }
        Self { start: start as u32, count: parts.len() as u32 }
    }
}

/// A number with a large mean.
fn rejected(mean: f64, rng: &mut SampleRng) -> f32 {
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = f64::from(rng.uniform_f32()) - 0.5;
        let v = f64::from(rng.uniform_f32());
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k as f32;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let accept = (v * inverse_alpha / (a / (us * us) + b)).ln();
        if accept <= k * mean.ln() - mean - ln_factorial(k) {
            return k as f32;
        }
    }
}

/// ln k! by Stirling's series, to 1e-9 for k ≥ 8, by the product below.
fn ln_factorial(k: f64) -> f64 {
    if k < 8.0 {
        return (2..=k as u32).map(|i| f64::from(i).ln()).sum();
    }
    let x = k + 1.0;
    let half_ln_2pi = 0.918_938_533_204_672_7;
    (x - 0.5) * x.ln() - x + half_ln_2pi + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
        + 1.0 / (1260.0 * x.powi(5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Means on both sides of the switch of methods, on and between those that have tables.
    const MEANS: [f32; 16] = [
        0.1, 0.01, 0.7, 1.0, 2.515_625, 4.0, 11.9, 12.1, 40.0, 100.3, 255.0, 255.99, 256.0, 300.0, 3000.0,
        1e5,
    ];
    const DRAWS: usize = 400_000;

    fn histogram(mean: f32, index: u64) -> BTreeMap<u64, f64> {
        let mut rng = SampleRng::new(9, index);
        let mut histogram = BTreeMap::new();
        for _ in 0..DRAWS {
            *histogram.entry(poisson(mean, &mut rng) as u64).or_default() += 1.0;
        }
        histogram
    }

    /// Chi-square of the histogram against the exact probabilities, numbers beyond those expected ten times in one
    /// class on each side; the limit is its mean and five standard deviations.
    #[test]
    fn poisson_numbers_have_poissons_distribution() {
        for (index, mean) in MEANS.into_iter().enumerate() {
            let histogram = histogram(mean, index as u64);
            let exact = f64::from(mean);
            let reach = 10.0 * exact.sqrt() + 30.0;
            let (low, high) = ((exact - reach).max(0.0) as u64, (exact + reach) as u64);
            let expected =
                |k: u64| DRAWS as f64 * (k as f64 * exact.ln() - exact - ln_factorial(k as f64)).exp();
            let (mut statistic, mut classes) = (0.0, 0.0);
            let mut add = |seen: f64, expected: f64| {
                statistic += (seen - expected).powi(2) / expected;
                classes += 1.0;
            };
            let (mut rare_seen, mut rare_expected) = ([0.0; 2], [0.0; 2]);
            for k in low..=high {
                let seen = histogram.get(&k).copied().unwrap_or(0.0);
                if expected(k) >= 10.0 {
                    add(seen, expected(k));
                } else {
                    let side = usize::from(k as f64 > exact);
                    rare_seen[side] += seen;
                    rare_expected[side] += expected(k);
                }
            }
            for side in [0, 1] {
                if rare_expected[side] > 5.0 {
                    add(rare_seen[side], rare_expected[side]);
                }
            }
            assert_eq!(
                histogram.range(..low).count() + histogram.range(high + 1..).count(),
                0,
                "mean {mean}"
            );
            let limit = classes + 5.0 * (2.0_f64 * classes).sqrt();
            assert!(statistic < limit, "mean {mean}: χ² {statistic} of {classes}");
        }
    }

    /// Mean and variance are both the mean, the third central moment too: within five standard errors, which for
    /// the moments of a Poisson number follow from its cumulants.
    #[test]
    fn poisson_numbers_have_poissons_moments() {
        for (index, mean) in MEANS.into_iter().enumerate() {
            let exact = f64::from(mean);
            let moment = |power: i32, histogram: &BTreeMap<u64, f64>| {
                let terms = histogram.iter().map(|(k, times)| times * (*k as f64 - exact).powi(power));
                terms.sum::<f64>() / DRAWS as f64
            };
            let histogram = histogram(mean, 100 + index as u64);
            let fourth = exact + 3.0 * exact.powi(2);
            let sixth = exact + 25.0 * exact.powi(2) + 15.0 * exact.powi(3);
            for (power, expected, square) in [(1, 0.0, exact), (2, exact, fourth), (3, exact, sixth)] {
                let error = ((square - expected * expected) / DRAWS as f64).sqrt();
                let off = (moment(power, &histogram) - expected) / error;
                assert!(off.abs() < 5.0, "mean {mean}, moment {power}: {off} standard errors");
            }
        }
    }

    /// The tables against the formula, to the 32 bits of a random number.
    #[test]
    fn tables_hold_poissons_probabilities() {
        let tables = tables();
        for (mean, table) in
            [(1.0_f64, tables.wholes[1]), (100.0, tables.wholes[100]), (0.5, tables.fractions[32])]
        {
            let mut parts = BTreeMap::<u16, f64>::new();
            for cell in &tables.cells[table.start as usize..][..table.count as usize] {
                let below = f64::from(cell.threshold) / 4_294_967_296.0 / f64::from(table.count);
                *parts.entry(cell.below).or_default() += below;
                *parts.entry(cell.above).or_default() += 1.0 / f64::from(table.count) - below;
            }
            for (k, part) in parts {
                let k = f64::from(k);
                let exact = (k * mean.ln() - mean - ln_factorial(k)).exp();
                assert!((part - exact).abs() < 1e-9, "mean {mean}, {k}: {part} against {exact}");
            }
        }
    }

    #[test]
    fn small_parts_follow_the_exponential() {
        let mean = 0.015_f32;
        let bits = |part: f64| (part * 4_294_967_296.0) as u32;
        let one = 1.0 - f64::from(-mean).exp();
        let two = one - f64::from(mean) * f64::from(-mean).exp();
        for (part, number) in [(one + 1e-8, 0), (one - 1e-8, 1), (two + 1e-9, 1), (two - 1e-9, 2)] {
            assert_eq!(little(mean, bits(part)), number, "{part}");
        }
    }
}
