use ndarray::{Array2, Axis};
use std::f64::consts::PI;

/// Lobes of the Lanczos kernel.
const LOBES: f64 = 3.0;
/// Lobes of the one that moves images: frequencies up to 0.45 of a period a pixel pass to 3 %.
const MOVING_LOBES: f64 = 16.0;
/// Largest side that an image is resampled to.
const MAX_SIDE: usize = 16384;

/// A change of pixel size. The fields cover the same area: the outer edges of the first and the
/// last pixel stay where they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    from: (usize, usize),
    to: (usize, usize),
}

impl Resampling {
    /// From an image of `(rows, columns)` to one whose sides are `scale_y` and `scale_x` times as
    /// long, rounded to whole pixels, at least one and at most 16384.
    pub fn new(from: (usize, usize), scale_y: f64, scale_x: f64) -> Self {
        let side = |n: usize, scale: f64| ((n as f64 * scale).round() as usize).clamp(1, MAX_SIDE);
        Self { from, to: (side(from.0, scale_y), side(from.1, scale_x)) }
    }

    /// Size of the resampled image, `(rows, columns)`.
    pub fn target(&self) -> (usize, usize) {
        self.to
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self { from: self.to, to: self.from }
    }

    /// The scale along y and x that the rounded sides amount to.
    pub fn scale(&self) -> (f64, f64) {
        (self.to.0 as f64 / self.from.0 as f64, self.to.1 as f64 / self.from.1 as f64)
    }

    /// Where a point `(x, y)` of the original lies in the resampled image.
    pub fn forward(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (sy, sx) = self.scale();
        ((x + 0.5) * sx - 0.5, (y + 0.5) * sy - 0.5)
    }

    /// The resampled image: Lanczos-3, widened on the way down so that nothing aliases.
    ///
    /// # Panics
    /// When `image` has another size than stated.
    pub fn apply(&self, image: &Array2<f32>) -> Array2<f32> {
        assert_eq!(image.dim(), self.from, "image size");
        if self.from == self.to {
            return image.clone();
        }
        let columns = kernel(self.from.1, self.to.1);
        let rows = kernel(self.from.0, self.to.0);
        let mut narrow = Array2::<f32>::zeros((self.from.0, self.to.1));
        for (mut to, from) in narrow.rows_mut().into_iter().zip(image.rows()) {
            for (value, (first, weights)) in to.iter_mut().zip(&columns) {
                *value = weights.iter().enumerate().map(|(i, w)| w * from[first + i]).sum();
            }
        }
        let mut result = Array2::<f32>::zeros(self.to);
        for (mut to, (first, weights)) in result.rows_mut().into_iter().zip(&rows) {
            for (i, weight) in weights.iter().enumerate() {
                to.scaled_add(*weight, &narrow.row(first + i));
            }
        }
        result
    }
}

/// For each output pixel the first input pixel and the weights from there on; they sum to one.
fn kernel(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let step = from as f64 / to as f64;
    let stretch = step.max(1.0);
    (0..to)
        .map(|index| {
            let centre = (index as f64 + 0.5) * step - 0.5;
            let first = (centre - LOBES * stretch).ceil().max(0.0) as usize;
            let last = ((centre + LOBES * stretch).floor() as usize).min(from - 1).max(first);
            let weights: Vec<f64> =
                (first..=last).map(|i| lanczos((i as f64 - centre) / stretch, LOBES)).collect();
            let total: f64 = weights.iter().sum();
            (first, weights.into_iter().map(|w| (w / total) as f32).collect())
        })
        .collect()
}

fn lanczos(x: f64, lobes: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else if x.abs() >= lobes {
        0.0
    } else {
        let sinc = |x: f64| (PI * x).sin() / (PI * x);
        sinc(x) * sinc(x / lobes)
    }
}

/// The image moved by `x` to the right and `y` downwards \[px\], with its noise: a sinc of sixteen lobes on each
/// side keeps all that the pixels hold but the highest frequencies. Beyond its borders the image is mirrored; what
/// lies within sixteen pixels of them is affected.
pub fn moved(image: &Array2<f32>, x: f64, y: f64) -> Array2<f32> {
    let along_rows = moved_along(image, x, Axis(1));
    moved_along(&along_rows, y, Axis(0))
}

fn moved_along(image: &Array2<f32>, by: f64, axis: Axis) -> Array2<f32> {
    let whole = by.floor();
    let reach = MOVING_LOBES as isize;
    let taps: Vec<isize> = (1 - reach..=reach).collect();
    // A pixel takes what stood `by` before it.
    let weights: Vec<f64> =
        taps.iter().map(|tap| lanczos(*tap as f64 - (by - whole), MOVING_LOBES)).collect();
    let total: f64 = weights.iter().sum();
    let size = image.len_of(axis) as isize;
    let mirrored = |at: isize| {
        let at = at.rem_euclid(2 * size);
        at.min(2 * size - 1 - at) as usize
    };
    let mut result = Array2::zeros(image.dim());
    for (to, mut line) in result.axis_iter_mut(axis).enumerate() {
        for (tap, weight) in taps.iter().zip(&weights).filter(|(_, weight)| **weight != 0.0) {
            let from = mirrored(to as isize - whole as isize - tap);
            line.scaled_add((weight / total) as f32, &image.index_axis(axis, from));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(size: (usize, usize), x: f64, y: f64, sigma: f64) -> Array2<f32> {
        Array2::from_shape_fn(size, |(r, c)| {
            (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * sigma * sigma)).exp() as f32
        })
    }

    fn centre(image: &Array2<f32>) -> (f64, f64) {
        let sum: f64 = image.iter().map(|v| f64::from(*v)).sum();
        let x: f64 = image.indexed_iter().map(|((_, c), v)| c as f64 * f64::from(*v)).sum();
        let y: f64 = image.indexed_iter().map(|((r, _), v)| r as f64 * f64::from(*v)).sum();
        (x / sum, y / sum)
    }

    /// A spot's centre lands where `forward` says, up and down, to a hundredth of a pixel.
    #[test]
    fn positions_are_registered() {
        let image = spot((80, 90), 41.3, 37.8, 5.0);
        for scale in [0.37, 0.5, 0.81, 1.9] {
            let resampling = Resampling::new(image.dim(), scale, scale);
            let (x, y) = centre(&resampling.apply(&image));
            let (ex, ey) = resampling.forward((41.3, 37.8));
            assert!(
                (x - ex).abs() < 0.01 && (y - ey).abs() < 0.01,
                "scale {scale}: ({x}, {y}) not ({ex}, {ey})"
            );
            let (bx, by) = resampling.inverse().forward((ex, ey));
            assert!((bx - 41.3).abs() < 1e-9 && (by - 37.8).abs() < 1e-9);
        }
    }

    #[test]
    fn a_constant_stays_constant_and_one_pixel_is_enough() {
        for size in [(1, 1), (1, 7), (13, 5)] {
            let resampled = Resampling::new(size, 1.7, 0.6).apply(&Array2::from_elem(size, 2.5));
            assert!(resampled.iter().all(|v| (v - 2.5).abs() < 1e-5));
        }
    }
    /// A Gaussian lands where it was sent to a thousandth of a pixel; whole pixels are exact.
    #[test]
    fn moved_images_show_the_same_elsewhere() {
        let image = spot((60, 70), 30.2, 28.7, 2.5);
        for (x, y) in [(0.5, 0.0), (-0.3, 0.65), (2.25, -1.75)] {
            let expected = spot((60, 70), 30.2 + x, 28.7 + y, 2.5);
            let off = (moved(&image, x, y) - expected).mapv(f32::abs).fold(0.0_f32, |a, b| a.max(*b));
            assert!(off < 1e-3, "({x}, {y}): {off}");
        }
        let whole = moved(&image, 1.0, 0.0);
        assert!((whole[(20, 31)] - image[(20, 30)]).abs() < 1e-6);
    }

    /// White noise keeps its variance to 4 % an axis: what lies above 0.45 of a period a pixel is lost in part.
    #[test]
    fn moved_noise_keeps_its_variance() {
        let mut state = 3_u64;
        let noise = Array2::from_shape_fn((200, 200), |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        });
        let variance = |image: &Array2<f32>| image.mapv(|v| v * v).mean().unwrap();
        let kept = variance(&moved(&noise, 0.5, 0.5)) / variance(&noise);
        assert!((0.90..0.94).contains(&kept), "{kept}");
    }
}
