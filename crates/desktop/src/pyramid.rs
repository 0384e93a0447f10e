//! An image at half, a quarter … of its size, so that it can be shown at any scale at the cost of the screen.

use adatom_formats::Image;
use ndarray::{Array2, ArrayView2, Zip, s};
use std::sync::Arc;

/// Side at which no smaller level is made \[px\].
const SMALLEST: usize = 256;
/// Bins of the histogram.
pub const BINS: usize = 256;
/// Pixels that the histogram looks at, about.
const SAMPLED: usize = 1 << 20;

/// The levels of an image; level 0 is the image itself.
#[derive(Clone)]
pub struct Pyramid {
    whole: Whole,
    smaller: Arc<Vec<Array2<f32>>>,
    /// How its values are distributed.
    pub histogram: Arc<Histogram>,
}

#[derive(Clone)]
enum Whole {
    Image(Arc<Image>),
    Map(Arc<Array2<f32>>),
}

/// Values of an image, sampled and sorted, with counts in equal bins from the smallest to the largest.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    sorted: Vec<f32>,
    /// Counts.
    pub counts: Vec<u32>,
}

impl Histogram {
    fn new(image: &Array2<f32>) -> Self {
        let step = (image.len() / SAMPLED).max(1);
        let mut sorted: Vec<f32> = image.iter().step_by(step).copied().filter(|v| v.is_finite()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let mut histogram = Self { counts: vec![0; BINS], sorted };
        let (low, high) = histogram.range();
        let scale = if high > low { BINS as f32 / (high - low) } else { 0.0 };
        for value in &histogram.sorted {
            histogram.counts[(((value - low) * scale) as usize).min(BINS - 1)] += 1;
        }
        histogram
    }

    /// Smallest and largest value.
    pub fn range(&self) -> (f32, f32) {
        match (self.sorted.first(), self.sorted.last()) {
            (Some(low), Some(high)) => (*low, *high),
            _ => (0.0, 1.0),
        }
    }

    /// The value below which this part of the pixels lies.
    pub fn quantile(&self, part: f32) -> f32 {
        let last = self.sorted.len().saturating_sub(1);
        let index = (part.clamp(0.0, 1.0) * last as f32).round() as usize;
        self.sorted.get(index).copied().unwrap_or(0.0)
    }
}

impl Pyramid {
    /// The levels of an image.
    pub fn new(image: Arc<Image>) -> Self {
        let (smaller, histogram) = levels(&image.data);
        Self { whole: Whole::Image(image), smaller, histogram }
    }

    /// The levels of a map.
    pub fn of(map: Array2<f32>) -> Self {
        let (smaller, histogram) = levels(&map);
        Self { whole: Whole::Map(Arc::new(map)), smaller, histogram }
    }

    /// Number of levels.
    pub fn levels(&self) -> usize {
        1 + self.smaller.len()
    }

    /// The image at a level.
    pub fn level(&self, level: usize) -> &Array2<f32> {
        match level.checked_sub(1) {
            Some(smaller) => &self.smaller[smaller.min(self.smaller.len() - 1)],
            None => self.whole(),
        }
    }

    /// The image itself.
    pub fn whole(&self) -> &Array2<f32> {
        match &self.whole {
            Whole::Image(image) => &image.data,
            Whole::Map(map) => map,
        }
    }
}

fn levels(image: &Array2<f32>) -> (Arc<Vec<Array2<f32>>>, Arc<Histogram>) {
    let mut smaller: Vec<Array2<f32>> = Vec::new();
    loop {
        let last = smaller.last().unwrap_or(image);
        if last.nrows().max(last.ncols()) <= SMALLEST {
            break;
        }
        let next = halved(last.view());
        smaller.push(next);
    }
    (Arc::new(smaller), Arc::new(Histogram::new(image)))
}

/// Means over 2 × 2 pixels; at an odd border over those that are there.
fn halved(image: ArrayView2<'_, f32>) -> Array2<f32> {
    let (rows, columns) = image.dim();
    let mut half = Array2::zeros((rows.div_ceil(2), columns.div_ceil(2)));
    Zip::indexed(&mut half).for_each(|(row, column), value| {
        let (bottom, right) = ((2 * row + 2).min(rows), (2 * column + 2).min(columns));
        *value = image.slice(s![2 * row..bottom, 2 * column..right]).mean().unwrap_or(0.0);
    });
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_means_and_end_small() {
        let pyramid = Pyramid::of(Array2::from_shape_fn((600, 1025), |(r, c)| (r * c) as f32));
        assert_eq!(pyramid.levels(), 4);
        assert_eq!(pyramid.level(1).dim(), (300, 513));
        assert_eq!(pyramid.level(1)[(1, 1)], (4.0 + 6.0 + 6.0 + 9.0) / 4.0);
        assert_eq!(pyramid.level(1)[(0, 512)], 0.5 * 1024.0);
        assert_eq!(pyramid.level(3).dim(), (75, 129));
    }

    #[test]
    fn quantiles_and_counts_cover_all_pixels() {
        let histogram = Histogram::new(&Array2::from_shape_fn((10, 100), |(r, c)| (100 * r + c) as f32));
        assert_eq!(histogram.range(), (0.0, 999.0));
        assert!((histogram.quantile(0.25) - 250.0).abs() <= 1.0);
        assert_eq!(histogram.counts.iter().sum::<u32>(), 1000);
    }
}
