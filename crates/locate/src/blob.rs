use crate::spacing::median;
use ndarray::{Array2, Axis, Zip, s};

/// Width of the narrowest filter \[px\] and the factor from one to the next.
const FIRST_SIGMA: f64 = 0.84;
const STEP: f64 = std::f64::consts::SQRT_2;
/// Number of filters: up to columns of 14 px.
const FILTERS: usize = 10;
/// Responses that are looked at: so many of the highest, but at most this part of all maxima.
const HIGHEST: usize = 10;
const PART: f64 = 0.25;
/// What is around a spot, in widths of the filter.
const SURROUNDINGS: f64 = 8.0;
/// Fewer maxima than this say nothing.
const FEWEST: usize = 3;
/// Parts of the image down and across, each with a noise of its own.
const BLOCKS: usize = 4;
/// How far the highest responses must lie above the typical one, in its standard deviations. The
/// highest maxima of smoothed normal noise of a megapixel lie up to 4.6 above.
const DETECTION: f32 = 4.8;

/// σ of the spots that stand out most from their surroundings \[px\]: single atoms on a support,
/// where there is no lattice to measure. Differences of Gaussians of rising width are matched
/// filters for rising spots; the one whose highest responses rise farthest above its typical
/// response tells the width. `None` when no filter's do.
pub fn spot_sigma(image: &Array2<f32>) -> Option<f64> {
    if image.is_empty() || image.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let shortest = image.nrows().min(image.ncols()) as f64;
    let mut blurred = blur(image, FIRST_SIGMA);
    let mut sigma = FIRST_SIGMA;
    let mut rises: Vec<(f64, f32)> = Vec::new();
    for _ in 0..FILTERS {
        let wider = sigma * STEP;
        if 8.0 * wider > shortest {
            break;
        }
        let next = blur(&blurred, (wider * wider - sigma * sigma).sqrt());
        let mut response = blurred;
        response -= &next;
        if let Some(rise) = rise(&response) {
            rises.push((sigma * STEP.sqrt(), rise));
        }
        (blurred, sigma) = (next, wider);
    }
    // Only a rise above those on both sides is a width.
    let tops = rises.windows(3).filter(|w| w[1].1 >= DETECTION && w[1].1 > w[0].1 && w[1].1 >= w[2].1);
    let top = tops.max_by(|a, b| a[1].1.total_cmp(&b[1].1))?;
    // The top of a parabola, on the logarithmic scale of widths.
    let ((middle, highest), before, after) = (top[1], top[0].1, top[2].1);
    let offset = f64::from(0.5 * (before - after) / (before - 2.0 * highest + after));
    // Against white noise the difference of two close Gaussians of mean width s answers a spot of
    // σ as s³/(σ² + s²)², most at s = √3 σ.
    Some(middle * STEP.powf(offset) / 3.0_f64.sqrt())
}

/// How far spots of this σ \[px\] at some places stand out from what is around: the response of the filter matched to them, the
/// highest within a pixel, over the standard deviation that the mean absolute response around tells.
pub fn standing_out(image: &Array2<f32>, places: &[(f64, f64)], sigma: f64) -> Vec<f64> {
    let width = 3.0_f64.sqrt() * sigma;
    let (narrow, wide) = (blur(image, width / STEP.sqrt()), blur(image, width * STEP.sqrt()));
    let response = narrow - wide;
    let (rows, columns) = image.dim();
    // What is around changes slowly: means over squares will do.
    let side = (width as usize).max(1);
    let mean = |(down, across): (usize, usize)| {
        let (top, left) = (down * side, across * side);
        let square = s![top..(top + side).min(rows), left..(left + side).min(columns)];
        response.slice(square).mapv(f32::abs).mean().unwrap_or(0.0)
    };
    let squares = Array2::from_shape_fn((rows.div_ceil(side), columns.div_ceil(side)), mean);
    let around = blur(&squares, SURROUNDINGS * width / side as f64);
    let at = |place: f64, size: usize| (place.round().max(0.0) as usize).min(size.saturating_sub(1));
    let stands = |&(x, y): &(f64, f64)| {
        let (row, column) = (at(y, rows), at(x, columns));
        let near = s![
            row.saturating_sub(1)..(row + 2).min(rows),
            column.saturating_sub(1)..(column + 2).min(columns)
        ];
        let highest = response.slice(near).iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        // The mean absolute value of normal noise is 0.8 of its standard deviation.
        f64::from(highest)
            / (f64::from(around[(row / side, column / side)]) * (0.5 * std::f64::consts::PI).sqrt())
                .max(1e-30)
    };
    places.iter().map(stands).collect()
}

/// How far the highest maxima of a response lie above its median, in standard deviations as the
/// median of the deviations tells them in each of [`BLOCKS`] times as many parts of the image:
/// bright places are noisier than dark ones.
fn rise(response: &Array2<f32>) -> Option<f32> {
    let (rows, columns) = response.dim();
    let typical = median(&mut response.iter().copied().collect::<Vec<_>>());
    let part = |size: usize, block: usize| block * size / BLOCKS..(block + 1) * size / BLOCKS;
    let mut deviations = Array2::<f32>::zeros((BLOCKS, BLOCKS));
    for ((down, across), deviation) in deviations.indexed_iter_mut() {
        let block = response.slice(s![part(rows, down), part(columns, across)]);
        *deviation = 1.4826 * median(&mut block.iter().map(|v| (v - typical).abs()).collect::<Vec<_>>());
    }
    let mut maxima: Vec<f32> = Vec::new();
    for row in 1..rows.saturating_sub(1) {
        for column in 1..columns.saturating_sub(1) {
            let here = response[(row, column)];
            let deviation = deviations[(row * BLOCKS / rows, column * BLOCKS / columns)];
            let around = response.slice(s![row - 1..=row + 1, column - 1..=column + 1]);
            if here > typical && deviation > 0.0 && around.iter().all(|v| *v <= here) {
                maxima.push((here - typical) / deviation);
            }
        }
    }
    let count = HIGHEST.min((PART * maxima.len() as f64) as usize);
    if count < FEWEST {
        return None;
    }
    maxima.sort_by(|a, b| b.total_cmp(a));
    Some(maxima[..count].iter().sum::<f32>() / count as f32)
}

/// A Gaussian blur; beyond the border the image is mirrored.
fn blur(image: &Array2<f32>, sigma: f64) -> Array2<f32> {
    let reach = (4.0 * sigma).ceil() as isize;
    let mut weights: Vec<f32> =
        (-reach..=reach).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp() as f32).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    let mut result = image.clone();
    for axis in [Axis(0), Axis(1)] {
        let source = result.clone();
        let size = source.len_of(axis) as isize;
        Zip::from(result.lanes_mut(axis)).and(source.lanes(axis)).for_each(|mut to, from| {
            for (i, to) in to.iter_mut().enumerate() {
                let first = i as isize - reach;
                let term = |(k, w): (usize, &f32)| w * from[mirrored(first + k as isize, size)];
                *to = weights.iter().enumerate().map(term).sum();
            }
        });
    }
    result
}

/// The index that shows at `index` when a line of `size` pixels is mirrored at its borders.
fn mirrored(index: isize, size: isize) -> usize {
    let folded = index.rem_euclid(2 * size);
    (if folded < size { folded } else { 2 * size - 1 - folded }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(index: usize) -> f32 {
        let hash =
            |i: usize| ((i as u32).wrapping_mul(2_654_435_761) ^ 0x5bd1_e995).wrapping_mul(2_246_822_519);
        let uniform = |i: usize| (hash(i) >> 8) as f32 / (1 << 24) as f32;
        (0..12).map(|k| uniform(12 * index + k)).sum::<f32>() - 6.0
    }

    fn places() -> Vec<(f64, f64)> {
        (0..8).map(|k| (f64::from(37 * k % 230 + 13), f64::from(91 * k % 230 + 13))).collect()
    }

    fn spots(sigma: f64, height: f64) -> Array2<f32> {
        let places = places();
        Array2::from_shape_fn((256, 256), |(r, c)| {
            let spot = |(x, y): &(f64, f64)| {
                (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * sigma * sigma)).exp()
            };
            // On a slope that is higher than the spots.
            (height * places.iter().map(spot).sum::<f64>()) as f32 + noise(256 * r + c) + 0.1 * c as f32
        })
    }

    /// Within 30 %: the scale it is used for is chosen among three that differ by 40 %.
    #[test]
    fn the_width_of_single_spots_is_measured_in_noise() {
        for (sigma, height) in [(1.8, 4.0), (3.0, 2.5), (5.0, 2.0)] {
            let measured = spot_sigma(&spots(sigma, height)).unwrap();
            assert!((measured / sigma - 1.0).abs() < 0.3, "{measured} px, not {sigma}");
        }
    }

    /// Against white noise of unit variance a filter of width √3 σ, twice a Gaussian's second derivative, answers a spot of
    /// height h with √(2π) 3√3/8 hσ = 1.63 hσ standard deviations: within 20 %, as two Gaussians' difference is only about
    /// that derivative, the highest of nine pixels is taken, and the spots themselves are around. Between them there is noise alone.
    #[test]
    fn spots_stand_out_as_far_as_theory_says() {
        for (sigma, height) in [(1.8, 1.6), (3.0, 1.0)] {
            let image = spots(sigma, height);
            let places = places();
            let mean = |z: &[f64]| z.iter().sum::<f64>() / z.len() as f64;
            let found = mean(&standing_out(&image, &places, sigma));
            let theory = (2.0 * std::f64::consts::PI).sqrt() * 27.0_f64.sqrt() / 8.0 * height * sigma;
            assert!((found / theory - 1.0).abs() < 0.2, "{sigma} px: {found}, not {theory}");
            let away: Vec<(f64, f64)> =
                places.iter().map(|(x, y)| (x + 8.0 * sigma, y + 8.0 * sigma)).collect();
            let noise = mean(&standing_out(&image, &away, sigma));
            assert!(noise.abs() < 1.5, "{noise}");
        }
        assert!(standing_out(&Array2::zeros((9, 9)), &[(40.0, -3.0)], 2.0)[0].abs() < 1e-9);
    }

    #[test]
    fn noise_and_flat_images_have_no_spots() {
        assert_eq!(spot_sigma(&spots(2.0, 0.0)), None);
        assert_eq!(spot_sigma(&Array2::zeros((64, 64))), None);
        assert_eq!(spot_sigma(&Array2::zeros((3, 0))), None);
        assert_eq!(spot_sigma(&Array2::from_elem((64, 64), f32::NAN)), None);
    }
}
