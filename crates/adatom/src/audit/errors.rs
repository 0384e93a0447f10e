use super::estimate::{CASES, Estimates};
use adatom_library::Sample;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bins of a column's place within its pixel.
const BINS: usize = 8;

/// One localiser on one of the images. Only columns that it finds in both count.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRow {
    /// The localiser.
    pub method: &'static str,
    /// `raw` or `denoised`: what it looked at.
    pub image: &'static str,
    /// Positions, each column counting at every shift.
    pub n: usize,
    /// Mean error along x and y \[pm\].
    pub bias_pm: [f64; 2],
    /// Standard deviation of the errors along x and y \[pm\].
    pub sigma_pm: [f64; 2],
    /// What of it stays with a column through all shifts: neighbours, a wrong model \[pm\].
    pub fixed_pm: [f64; 2],
    /// What of it changes from shift to shift: noise, where there is new one, and the place in the pixel \[pm\].
    pub varying_pm: [f64; 2],
    /// Mean errors by the column's place within its pixel.
    pub phases: Vec<Phase>,
    /// Root mean square, over the places within a pixel, of the mean error along x and y \[pm\], `bias_pm` taken off.
    pub phase_pm: [f64; 2],
    /// Part of a column's displacement from its lattice by which it is found too close to the lattice, and its
    /// standard error; one would be a column put where the lattice has it. Of recipes only.
    pub pull: Option<[f64; 2]>,
    /// What denoising adds, in the row of the denoised image.
    pub added: Option<Added>,
}

/// Mean errors of columns at one place within their pixel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Phase {
    /// Distance from the pixel's left or upper edge, the middle of a range of an eighth \[px\].
    pub phase_px: f64,
    /// Mean error along x of those at this place along x, and the same for y \[pm\].
    pub bias_pm: [f64; 2],
}

/// The denoised image's errors against the recorded one's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Added {
    /// Mean difference of the errors along x and y \[pm\].
    pub bias_pm: [f64; 2],
    /// Root of the difference of the errors' variances, negative where denoising takes errors away \[pm\].
    pub sigma_pm: [f64; 2],
    /// Standard deviation of the difference of the errors: where the truth is known, how far denoising moves
    /// columns \[pm\].
    pub moved_pm: [f64; 2],
}

/// Errors of one column in one image pair \[pm\].
struct Pair {
    method: usize,
    column: (usize, i64, i64),
    phase: [f64; 2],
    errors: [[f64; 2]; 2],
}

/// Sums over columns with known displacements δ: e·δ, δ², e² and their number.
#[derive(Clone, Copy, Default)]
struct Pull {
    product: f64,
    displacement2: f64,
    error2: f64,
    count: f64,
}

/// Errors of all images.
#[derive(Default)]
pub(super) struct Errors {
    pairs: Vec<Pair>,
    image: usize,
    pull: [Pull; 4],
}

impl Errors {
    /// Adds the errors of an image that was moved by `shift` \[px\]; `pm` are its pixel's sides \[pm\].
    pub(super) fn add(&mut self, seen: &Estimates, shift: [f64; 2], pm: [f64; 2]) {
        for method in 0..2 {
            let both = seen.found[2 * method].iter().zip(&seen.found[2 * method + 1]).zip(&seen.places);
            for ((raw, denoised), place) in both {
                let (Some(raw), Some(denoised)) = (raw, denoised) else { continue };
                // A column is known by its place before the shift, to a hundredth of a pixel.
                let [x, y] = [0, 1].map(|axis| (100.0 * (place[axis] - shift[axis])).round() as i64);
                self.pairs.push(Pair {
                    method,
                    column: (self.image, x, y),
                    phase: place.map(|v| (v + 0.5).rem_euclid(1.0)),
                    errors: [raw, denoised].map(|e| [e[0] * pm[0], e[1] * pm[1]]),
                });
            }
        }
    }

    /// What comes now are other columns.
    pub(super) fn next_image(&mut self) {
        self.image += 1;
    }

    /// Adds the errors of a sample whose columns were displaced from those of `lattice`.
    pub(super) fn add_pull(&mut self, seen: &Estimates, lattice: &Sample) {
        let home = lattice.columns.iter().map(|c| [c.x, c.y]);
        let home: Vec<[f64; 2]> = home.chain(lattice.ignored.iter().map(|c| [c.x, c.y])).collect();
        for (target, place) in seen.places.iter().enumerate() {
            let offsets = home.iter().map(|h| [place[0] - h[0], place[1] - h[1]]);
            let Some(by) = offsets.min_by(|a, b| a[0].hypot(a[1]).total_cmp(&b[0].hypot(b[1]))) else {
                continue;
            };
            for (sums, found) in self.pull.iter_mut().zip(&seen.found) {
                let Some(error) = found[target] else { continue };
                for (e, d) in error.iter().zip(by) {
                    sums.product += e * d;
                    sums.displacement2 += d * d;
                    sums.error2 += e * e;
                    sums.count += 1.0;
                }
            }
        }
    }

    /// The results by case.
    pub(super) fn rows(&self) -> Vec<AuditRow> {
        let rows = CASES.iter().enumerate().map(|(case, &(method, image))| {
            let pairs: Vec<&Pair> = self.pairs.iter().filter(|pair| pair.method == case / 2).collect();
            let of = |image: usize, axis: usize| -> Vec<f64> {
                pairs.iter().map(|pair| pair.errors[image][axis]).collect()
            };
            let axes = [0, 1].map(|axis| Axis::new(&pairs, case % 2, axis));
            let added = (case % 2 == 1).then(|| {
                let differences = [0, 1].map(|axis| {
                    mean_and_variance(
                        of(1, axis).iter().zip(of(0, axis)).map(|(denoised, raw)| denoised - raw),
                    )
                });
                let variance = |image, axis| mean_and_variance(of(image, axis).into_iter()).1;
                Added {
                    bias_pm: differences.map(|(mean, _)| mean),
                    sigma_pm: [0, 1].map(|axis| signed_root(variance(1, axis) - variance(0, axis))),
                    moved_pm: differences.map(|(_, variance)| variance.sqrt()),
                }
            });
            AuditRow {
                method,
                image,
                n: pairs.len(),
                bias_pm: [0, 1].map(|axis| axes[axis].bias),
                sigma_pm: [0, 1].map(|axis| axes[axis].sigma),
                fixed_pm: [0, 1].map(|axis| axes[axis].fixed),
                varying_pm: [0, 1].map(|axis| axes[axis].varying),
                phases: (0..BINS)
                    .map(|bin| Phase {
                        phase_px: (bin as f64 + 0.5) / BINS as f64,
                        bias_pm: [0, 1].map(|axis| axes[axis].by_phase[bin]),
                    })
                    .collect(),
                phase_pm: [0, 1].map(|axis| axes[axis].phase()),
                pull: self.pull[case].of(),
                added,
            }
        });
        rows.collect()
    }
}

impl Pull {
    fn of(&self) -> Option<[f64; 2]> {
        let slope = self.product / self.displacement2;
        let left = (self.error2 - slope * self.product) / self.count;
        (self.displacement2 > 0.0).then(|| [-slope, (left.max(0.0) / self.displacement2).sqrt()])
    }
}

/// Errors along one axis.
struct Axis {
    bias: f64,
    sigma: f64,
    fixed: f64,
    varying: f64,
    by_phase: [f64; BINS],
}

impl Axis {
    fn new(pairs: &[&Pair], image: usize, axis: usize) -> Self {
        let error = |pair: &&Pair| pair.errors[image][axis];
        let (bias, variance) = mean_and_variance(pairs.iter().map(error));
        let mut columns: BTreeMap<(usize, i64, i64), Vec<f64>> = BTreeMap::new();
        let mut bins = [(0.0, 0.0); BINS];
        for pair in pairs {
            columns.entry(pair.column).or_default().push(error(pair));
            let bin = &mut bins[((pair.phase[axis] * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + error(pair), bin.1 + 1.0);
        }
        // Analysis of variance: what columns' own means leave has as many degrees of freedom as errors less columns.
        let own = |errors: &Vec<f64>| {
            let (_, variance) = mean_and_variance(errors.iter().copied());
            variance * errors.len() as f64
        };
        let freedom = pairs.len().saturating_sub(columns.len()).max(1) as f64;
        let varying2 = columns.values().map(own).sum::<f64>() / freedom;
        Self {
            bias,
            sigma: variance.sqrt(),
            fixed: (variance - varying2).max(0.0).sqrt(),
            varying: varying2.sqrt(),
            by_phase: bins.map(|(sum, count)| if count > 0.0 { sum / count } else { bias }),
        }
    }

    fn phase(&self) -> f64 {
        (self.by_phase.iter().map(|mean| (mean - self.bias).powi(2)).sum::<f64>() / BINS as f64).sqrt()
    }
}

fn mean_and_variance(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for value in values {
        sum += value;
        squares += value * value;
        count += 1.0;
    }
    let mean = sum / f64::max(count, 1.0);
    (mean, (squares / f64::max(count, 1.0) - mean * mean).max(0.0))
}

fn signed_root(value: f64) -> f64 {
    value.signum() * value.abs().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bias that goes with the place in the pixel, one that stays with a column, and their sum.
    #[test]
    fn errors_are_split_into_what_stays_and_what_changes() {
        let mut errors = Errors::default();
        for k in 0..8 {
            let shift = [f64::from(k) / 8.0, 0.0];
            let places: Vec<[f64; 2]> = (0..40).map(|i| [10.0 * f64::from(i) + shift[0], 5.0]).collect();
            let sine = |x: f64| 3.0 * (std::f64::consts::TAU * x).sin();
            let own = |i: usize| if i.is_multiple_of(2) { 2.0 } else { -2.0 };
            let raw = places.iter().enumerate().map(|(i, _)| Some([own(i), 1.0])).collect();
            let denoised = places.iter().enumerate().map(|(i, p)| Some([own(i) + sine(p[0]), 1.5])).collect();
            let nothing = || vec![None; 40];
            let found = [raw, denoised, nothing(), nothing()];
            errors.add(&Estimates { found, places }, shift, [1.0, 1.0]);
        }
        let rows = errors.rows();
        assert_eq!(rows.iter().map(|r| r.n).collect::<Vec<_>>(), [320, 320, 0, 0]);
        let close =
            |value: f64, wanted: f64| assert!((value - wanted).abs() < 0.02 * wanted, "{value}, {wanted}");
        close(rows[0].sigma_pm[0], 2.0);
        close(rows[0].bias_pm[1], 1.0);
        // Eight errors a column have seven degrees of freedom.
        let varying = 3.0 / 2.0_f64.sqrt() * (8.0_f64 / 7.0).sqrt();
        close(rows[1].varying_pm[0], varying);
        close(rows[1].fixed_pm[0], (4.0 + 4.5 - varying * varying).sqrt());
        close(rows[1].phase_pm[0], 3.0 / 2.0_f64.sqrt());
        let added = rows[1].added.unwrap();
        close(added.moved_pm[0], 3.0 / 2.0_f64.sqrt());
        close(added.sigma_pm[0], 3.0 / 2.0_f64.sqrt());
        close(added.bias_pm[1], 0.5);
    }
}
