use ndarray::Array2;
use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use serde::Serialize;
use std::f64::consts::PI;

/// Larger images are measured in their centre.
const MAX_SIDE: usize = 1024;
/// Shortest distance of columns that can be told from noise \[px\].
const MIN_DISTANCE: f64 = 3.0;
/// A peak of the autocorrelation counts when it has this part of the highest one's height.
const SIGNIFICANT: f32 = 0.4;
/// Part of the highest peak's height by which a peak must rise from the valley before it.
const VALLEY: f32 = 0.3;
/// Part of the autocorrelation's value at zero that the highest peak must reach.
const DETECTION: f32 = 0.15;
/// Signal rises this far above the median power of its surroundings. The power of noise is
/// exponentially distributed: the strongest of a million pixels has 20 times the median.
const RISE: f32 = 25.0;

/// Signal counts when its power times k² is this part of the strongest.
const FAINT: f64 = 0.01;

/// How far apart the columns of an image are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spacing {
    /// Length of the shortest vector by which the image resembles itself \[px\].
    pub pixels: f64,
    /// Height of that peak of the autocorrelation over the highest one.
    pub strength: f64,
    /// Whether the power spectrum has Bragg spots. Without, the distance is that of an amorphous
    /// arrangement, or of no columns at all.
    pub lattice: bool,
}

/// Measures the column spacing of `image` from its autocorrelation: the shortest vector whose
/// peak is nearly as high as the highest. Vectors of several spacings are longer and so never
/// chosen. The autocorrelation is that of the Bragg spots in the power spectrum, or, where there
/// are none, as in an amorphous image or a very small field, of the frequencies that rise from the
/// noise; both weighted by the square of the spatial frequency so that slow backgrounds and the
/// outline of a particle don't count. `None` when no peak rises from the noise.
pub fn column_spacing(image: &Array2<f32>) -> Option<Spacing> {
    let (height, width) = image.dim();
    let (rows, columns) = (height.min(MAX_SIDE), width.min(MAX_SIDE));
    if rows < 8 || columns < 8 {
        return None;
    }
    let (top, left) = ((height - rows) / 2, (width - columns) / 2);
    let patch = image.slice(ndarray::s![top..top + rows, left..left + columns]);
    // Twice the size, so that the correlation does not wrap around.
    let (fft_rows, fft_columns) = (fast_size(2 * rows), fast_size(2 * columns));
    let mean = patch.iter().map(|v| f64::from(*v)).sum::<f64>() / patch.len() as f64;
    if !mean.is_finite() {
        return None;
    }
    let window = |i: usize, n: usize| 0.5 - 0.5 * (2.0 * PI * (i as f64 + 0.5) / n as f64).cos();
    let (wy, wx): (Vec<f64>, Vec<f64>) =
        ((0..rows).map(|r| window(r, rows)).collect(), (0..columns).map(|c| window(c, columns)).collect());
    let mut grid = vec![Complex32::default(); fft_rows * fft_columns];
    for (row, line) in patch.rows().into_iter().enumerate() {
        for (column, value) in line.iter().enumerate() {
            grid[row * fft_columns + column].re = ((f64::from(*value) - mean) * wy[row] * wx[column]) as f32;
        }
    }
    let mut planner = FftPlanner::new();
    let forward = (planner.plan_fft_forward(fft_columns), planner.plan_fft_forward(fft_rows));
    let grid = transform(grid, fft_columns, fft_rows, &forward);
    // `grid` is transposed: its rows are kx.
    let mut power: Vec<f32> = grid.into_iter().map(|v| v.norm_sqr()).collect();
    let bragg = keep_signal(&mut power, fft_columns, fft_rows);
    let dominant = dominant_frequency(&power, fft_columns, fft_rows);
    let power = power.iter().enumerate().map(|(index, power)| {
        let fx = frequency(index / fft_rows, fft_columns);
        let fy = frequency(index % fft_rows, fft_rows);
        let f2 = fx * fx + fy * fy;
        // k² lifts the lattice above slow changes; the Gaussian takes pixel noise away.
        Complex32::from(power * (f2 * (-f2 * 2.0 * (PI * 1.2_f64).powi(2)).exp()) as f32)
    });
    let inverse = (planner.plan_fft_inverse(fft_rows), planner.plan_fft_inverse(fft_columns));
    let correlation = transform(power.collect(), fft_rows, fft_columns, &inverse);
    let overlap_y = self_overlap(&wy);
    let overlap_x = self_overlap(&wx);
    let value = |dy: isize, dx: isize| {
        let row = dy.rem_euclid(fft_rows as isize) as usize;
        let column = dx.rem_euclid(fft_columns as isize) as usize;
        // Dividing by the root of the overlap leaves long vectors, seen less often, a little lower.
        let overlap = overlap_y[dy.unsigned_abs()] * overlap_x[dx.unsigned_abs()];
        correlation[row * fft_columns + column].re / (overlap as f32).sqrt()
    };
    // Beyond two fifths of the field too little of the image overlaps itself.
    let (reach_y, reach_x) = ((rows * 2 / 5) as isize, (columns * 2 / 5) as isize);
    let zero = value(0, 0);
    if zero.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
        return None;
    }
    let mut peaks: Vec<(f64, f64, f32)> = Vec::new();
    for dy in 0..reach_y {
        for dx in -reach_x..=reach_x {
            let here = value(dy, dx);
            let distance = (dy as f64).hypot(dx as f64);
            if distance < MIN_DISTANCE || here <= 0.0 || (dy == 0 && dx < 0) {
                continue;
            }
            let highest = (-1..=1)
                .flat_map(|y| (-1..=1).map(move |x| (y, x)))
                .all(|(y, x)| (y, x) == (0, 0) || (dx + x).abs() > reach_x || value(dy + y, dx + x) <= here);
            if highest {
                let refine = |before: f32, after: f32| {
                    let curvature = f64::from(before - 2.0 * here + after);
                    if curvature < 0.0 {
                        (0.5 * f64::from(before - after) / curvature).clamp(-0.5, 0.5)
                    } else {
                        0.0
                    }
                };
                let y = dy as f64 + refine(value(dy - 1, dx), value(dy + 1, dx));
                let x = dx as f64 + refine(value(dy, dx - 1), value(dy, dx + 1));
                peaks.push((y, x, here));
            }
        }
    }
    let highest = peaks.iter().fold(0.0_f32, |a, peak| a.max(peak.2));
    if !bragg && highest < DETECTION * zero {
        // Hardly more than one column: as far apart as the waves that the image is made of.
        return dominant.map(|frequency| Spacing { pixels: 1.0 / frequency, strength: 0.0, lattice: false });
    }
    // A ripple on the shoulder of the central peak has no valley between it and the centre.
    let stands_alone = |&(dy, dx, height): &(f64, f64, f32)| {
        let steps = dy.hypot(dx).ceil();
        let along = (0..=steps as u32).map(|step| f64::from(step) / steps);
        let lowest =
            along.map(|t| value((dy * t).round() as isize, (dx * t).round() as isize)).fold(zero, f32::min);
        height - lowest >= VALLEY * highest
    };
    peaks
        .into_iter()
        .filter(|peak| peak.2 >= SIGNIFICANT * highest && stands_alone(peak))
        .map(|(dy, dx, height)| (dy.hypot(dx), height))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(pixels, height)| Spacing { pixels, strength: f64::from(height / highest), lattice: bragg })
}

/// Zeroes all of a power spectrum but its Bragg spots; if it has none, all but what rises from the
/// noise. Says whether there are spots. `columns` × `rows`, the first index kx.
fn keep_signal(power: &mut [f32], columns: usize, rows: usize) -> bool {
    let bins = columns.max(rows) / 2;
    let ring_of = |index: usize| {
        let f = frequency(index / rows, columns).hypot(frequency(index % rows, rows));
        (f * 2.0 * bins as f64) as usize
    };
    let mut rings: Vec<Vec<f32>> = vec![Vec::new(); bins];
    for (index, value) in power.iter().enumerate() {
        if let Some(ring) = rings.get_mut(ring_of(index)) {
            ring.push(*value);
        }
    }
    let mut medians: Vec<f32> = rings.iter_mut().map(|ring| median(ring)).collect();
    // Displaced rows smear every spot along ky: a spot must stand out of its streak, too.
    let streaks: Vec<f32> = power.chunks_exact(rows).map(|line| median(&mut line.to_vec())).collect();
    // Less than a period a field is background, and spots have at least two.
    let period = 2.0 * bins as f64 / (columns.min(rows) as f64 / 2.0);
    // Far out the weight k² would make much of little.
    let weighted = |index: usize, value: f32| {
        let ring = ring_of(index) as f64;
        if ring > period { f64::from(value) * ring * ring } else { 0.0 }
    };
    let strongest =
        power.iter().enumerate().map(|(index, value)| weighted(index, *value)).fold(0.0, f64::max);
    let rises = |index: usize, value: f32, ground: f32| {
        value > RISE * ground.max(streaks[index / rows]) && weighted(index, value) > FAINT * strongest
    };
    let ring_median = |index: usize| medians.get(ring_of(index)).copied().unwrap_or(f32::INFINITY);
    let is_spot = |index: usize, value: f32| {
        ring_of(index) as f64 > 2.0 * period && rises(index, value, ring_median(index))
    };
    let mut kept: Vec<bool> = power.iter().enumerate().map(|(index, value)| is_spot(index, *value)).collect();
    let spots = kept.contains(&true);
    if !spots {
        let floor = median(&mut medians[bins * 7 / 10..]);
        kept = power.iter().enumerate().map(|(index, value)| rises(index, *value, floor)).collect();
    }
    power.iter_mut().zip(kept).filter(|(_, kept)| !kept).for_each(|(value, _)| *value = 0.0);
    spots
}

/// Mean spatial frequency of a power spectrum weighted as the autocorrelation is \[1/px\]; `None`
/// when nothing is left of it.
fn dominant_frequency(power: &[f32], columns: usize, rows: usize) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (index, value) in power.iter().enumerate() {
        let f = frequency(index / rows, columns).hypot(frequency(index % rows, rows));
        let weight = f64::from(*value) * f * f;
        sum += weight * f;
        weights += weight;
    }
    let mean = sum / weights;
    (mean.is_finite() && mean > 0.0).then_some(mean)
}

/// The median; zero of nothing.
pub(crate) fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

/// Both passes of a two-dimensional transform of a `rows` × `columns` grid given by rows; the
/// result is transposed.
fn transform(
    mut grid: Vec<Complex32>,
    columns: usize,
    rows: usize,
    (along_rows, along_columns): &(std::sync::Arc<dyn Fft<f32>>, std::sync::Arc<dyn Fft<f32>>),
) -> Vec<Complex32> {
    along_rows.process(&mut grid);
    let mut turned = vec![Complex32::default(); grid.len()];
    for (row, line) in grid.chunks_exact(columns).enumerate() {
        for (column, value) in line.iter().enumerate() {
            turned[column * rows + row] = *value;
        }
    }
    along_columns.process(&mut turned);
    turned
}

fn frequency(index: usize, size: usize) -> f64 {
    let signed = if 2 * index < size { index as f64 } else { index as f64 - size as f64 };
    signed / size as f64
}

/// The autocorrelation of a window at every lag up to half its length.
fn self_overlap(window: &[f64]) -> Vec<f64> {
    (0..=window.len() / 2).map(|lag| window.iter().zip(&window[lag..]).map(|(a, b)| a * b).sum()).collect()
}

/// The next size that has no prime factors above five.
fn fast_size(size: usize) -> usize {
    (size..)
        .find(|n| {
            let mut rest = *n;
            for factor in [2, 3, 5] {
                while rest.is_multiple_of(factor) {
                    rest /= factor;
                }
            }
            rest == 1
        })
        .unwrap_or(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice(size: usize, a: (f64, f64), b: (f64, f64), sigma: f64) -> Array2<f32> {
        let mut image = Array2::<f32>::zeros((size, size));
        for i in -80..80 {
            for j in -80..80 {
                let (x, y) = (
                    f64::from(i) * a.0 + f64::from(j) * b.0 + 3.3,
                    f64::from(i) * a.1 + f64::from(j) * b.1 + 1.7,
                );
                let reach = 4.0 * sigma;
                let range = |c: f64| (c - reach).max(0.0) as usize..((c + reach).max(0.0) as usize).min(size);
                for row in range(y) {
                    for column in range(x) {
                        let d2 = (column as f64 - x).powi(2) + (row as f64 - y).powi(2);
                        image[(row, column)] += (-d2 / (2.0 * sigma * sigma)).exp() as f32;
                    }
                }
            }
        }
        image
    }

    fn noise(index: usize) -> f32 {
        let mut h = index as u64 ^ 0x9e37_79b9_7f4a_7c15;
        h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((h ^ (h >> 31)) >> 40) as f32 / (1 << 24) as f32 - 0.5
    }

    #[test]
    fn spacing_of_a_lattice_is_its_shortest_vector() {
        for (a, b, expected) in [
            ((20.0, 0.0), (0.0, 20.0), 20.0),
            ((30.0, 5.0), (4.0, 47.0), 30.41),
            ((12.0, 0.0), (6.0, 10.39), 12.0),
        ] {
            let spacing = column_spacing(&lattice(256, a, b, 3.0)).unwrap();
            assert!((spacing.pixels - expected).abs() < 0.3, "{spacing:?} not {expected}");
        }
    }

    #[test]
    fn a_steep_ramp_and_strong_noise_do_not_mislead() {
        let mut image = lattice(200, (17.0, 3.0), (-2.0, 18.0), 3.0);
        image.indexed_iter_mut().for_each(|((r, c), v)| *v += 0.05 * c as f32 + 3.0 * noise(r * 200 + c));
        let spacing = column_spacing(&image).unwrap();
        assert!((spacing.pixels - 17.26).abs() < 0.5, "{spacing:?}");
    }

    #[test]
    fn noise_and_flat_images_have_no_spacing() {
        let image = Array2::from_shape_fn((128, 160), |(r, c)| noise(r * 160 + c));
        assert_eq!(column_spacing(&image), None);
        assert_eq!(column_spacing(&Array2::from_elem((64, 64), 5.0)), None);
        assert_eq!(column_spacing(&Array2::zeros((3, 3))), None);
    }
}
