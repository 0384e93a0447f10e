use ndarray::Array2;

/// Grey levels of the histogram.
const LEVELS: usize = 256;

/// Otsu's threshold (IEEE Trans. Syst. Man Cybern. 9, 62, 1979): the grey level, of 256 between
/// the smallest and the largest value, that separates `map` into the two classes with the largest
/// variance between them. Pixels above it belong to the brighter class. `None` for a map without
/// contrast or with values that are not finite.
pub fn otsu_threshold(map: &Array2<f32>) -> Option<f32> {
    let (low, high) = map.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    if !(low.is_finite() && high.is_finite() && high > low) {
        return None;
    }
    let width = (high - low) / LEVELS as f32;
    let mut histogram = [0.0_f64; LEVELS];
    for value in map {
        histogram[(((value - low) / width) as usize).min(LEVELS - 1)] += 1.0;
    }
    let total: f64 = histogram.iter().sum();
    let moment: f64 = histogram.iter().enumerate().map(|(level, n)| level as f64 * n).sum();
    let (mut count, mut below) = (0.0, 0.0);
    let mut best = (0.0, 0);
    for (level, n) in histogram.iter().enumerate().take(LEVELS - 1) {
        count += n;
        below += level as f64 * n;
        let rest = total - count;
        if count > 0.0 && rest > 0.0 {
            let between = count * rest * (below / count - (moment - below) / rest).powi(2);
            if between > best.0 {
                best = (between, level);
            }
        }
    }
    Some(low + (best.1 + 1) as f32 * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_populations_are_separated() {
        let map = Array2::from_shape_fn(
            (40, 40),
            |(r, c)| if (r + c) % 5 == 0 { 0.9 } else { 0.1 } + 0.01 * (r % 3) as f32,
        );
        let threshold = otsu_threshold(&map).unwrap();
        let bright = map.iter().filter(|v| **v > threshold).count();
        assert_eq!(bright, 320, "a fifth of the pixels, above {threshold}");
    }

    /// The textbook search: the level with the largest between-class variance by brute force.
    #[test]
    fn threshold_equals_the_brute_force_search() {
        let map = Array2::from_shape_fn((31, 37), |(r, c)| ((r * r * 7 + c * 13 + r * c) % 97) as f32 / 97.0);
        let (low, high) = (0.0_f32, 96.0 / 97.0);
        let level = |v: f32| (((v - low) / ((high - low) / 256.0)) as usize).min(255) as f64;
        let between = |t: usize| {
            let (a, b): (Vec<f64>, Vec<f64>) = map.iter().map(|v| level(*v)).partition(|l| *l <= t as f64);
            if a.is_empty() || b.is_empty() {
                return 0.0;
            }
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            a.len() as f64 * b.len() as f64 * (mean(&a) - mean(&b)).powi(2)
        };
        let brute = (0..255).fold(0, |best, t| if between(t) > between(best) { t } else { best });
        let threshold = otsu_threshold(&map).unwrap();
        assert!((threshold - (brute + 1) as f32 * (high - low) / 256.0).abs() < 1e-6);
    }

    #[test]
    fn flat_and_broken_maps_have_no_threshold() {
        assert_eq!(otsu_threshold(&Array2::zeros((3, 3))), None);
        assert_eq!(otsu_threshold(&Array2::from_elem((3, 3), f32::NAN)), None);
        assert_eq!(otsu_threshold(&Array2::zeros((0, 0))), None);
    }
}
