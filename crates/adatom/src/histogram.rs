//! Numbers in classes, as text and as a picture.

use crate::canvas::{BLACK, Canvas, Colour, GRID};

/// Size of one histogram's panel \[px\], and its frame.
pub(crate) const WIDTH: usize = 440;
pub(crate) const HEIGHT: usize = 300;
const FRAME: [i64; 2] = [30, 48];
const BAR: Colour = [0, 114, 178];

/// Numbers in classes of the same width.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// What was counted, with its unit.
    pub title: String,
    /// Lower end of the first class.
    pub low: f64,
    /// Width of a class.
    pub step: f64,
    /// Numbers in the classes.
    pub counts: Vec<u64>,
    /// The number in the middle, and those above which nine and one in ten lie.
    pub quantiles: [f64; 3],
}

impl Histogram {
    /// Classes from the lowest value on, the last of a thousand holding what is beyond; `None` without a value.
    pub(crate) fn of(title: &str, mut values: Vec<f64>, step: f64) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let (first, last) = (*values.first()?, *values.last()?);
        let class = |value: f64| (value / step + 1e-9).floor() as i64;
        let mut counts = vec![0; (class(last) - class(first) + 1).clamp(1, 1000) as usize];
        for value in &values {
            let at = (class(*value) - class(first)) as usize;
            counts[at.min(999)] += 1;
        }
        let quantile = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
        let quantiles = [0.5, 0.1, 0.9].map(quantile);
        Some(Self { title: title.to_owned(), low: class(first) as f64 * step, step, counts, quantiles })
    }

    /// Decimals that tell a class from the next.
    fn digits(&self) -> usize {
        (-self.step.log10() - 1e-9).ceil().max(0.0) as usize
    }

    /// The histogram as text.
    pub fn text(&self) -> String {
        let digits = self.digits();
        let highest = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let [middle, low, high] = self.quantiles;
        let places = digits + 1;
        let mut text = format!(
            "{}: {middle:.places$} in the middle, eight in ten from {low:.places$} to {high:.places$}\n",
            self.title
        );
        for (at, count) in self.counts.iter().enumerate() {
            let from = self.low + at as f64 * self.step;
            let bar = "#".repeat((count * 60).div_ceil(highest) as usize);
            text += format!("{from:8.digits$} {count:7} {bar}").trim_end();
            text.push('\n');
        }
        text
    }
}

/// Draws a histogram from `left` on.
pub(crate) fn draw(canvas: &mut Canvas, left: i64, histogram: &Histogram) {
    let [side, below] = FRAME;
    let (width, height) = (WIDTH as i64 - 2 * side, HEIGHT as i64 - side - below);
    let (x0, y0) = (left + side, side + height);
    // Only what isn't rare, so that a few far away don't flatten the rest.
    let total: u64 = histogram.counts.iter().sum();
    let rare = |count: &u64| *count * 2000 < total;
    let first = histogram.counts.iter().position(|count| !rare(count)).unwrap_or(0);
    let last = histogram.counts.iter().rposition(|count| !rare(count)).unwrap_or(first);
    let shown = &histogram.counts[first..=last];
    let highest = shown.iter().copied().max().unwrap_or(1).max(1) as f64;
    let place = |class: usize| x0 + class as i64 * width / shown.len() as i64;
    let every = shown.len().div_ceil(5).max(1);
    let digits = histogram.digits();
    for class in (0..=shown.len()).step_by(every) {
        canvas.rectangle(place(class), side, 1, height + 6, GRID);
        let label = format!("{:.digits$}", histogram.low + (first + class) as f64 * histogram.step);
        canvas.text(place(class) - Canvas::text_width(1, &label) / 2, y0 + 10, 1, &label, BLACK);
    }
    for (class, count) in shown.iter().enumerate() {
        let bar = (*count as f64 / highest * height as f64).round() as i64;
        canvas.rectangle(place(class), y0 - bar, (place(class + 1) - place(class) - 1).max(1), bar, BAR);
    }
    canvas.rectangle(x0, y0, width, 1, BLACK);
    canvas.text(x0, 10, 1, &histogram.title, BLACK);
    let middle = format!("in the middle {:.*}, {} in all", digits + 1, histogram.quantiles[0], total);
    canvas.text(x0, y0 + 28, 1, &middle, BLACK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_in_their_classes() {
        let histogram = Histogram::of("x", vec![0.1, 0.29, 0.3, f64::NAN, -0.05], 0.1).unwrap();
        assert_eq!((histogram.low, &histogram.counts[..]), (-0.1, &[1, 0, 1, 1, 1][..]));
        assert_eq!(histogram.text().lines().count(), 6);
        assert!(Histogram::of("x", vec![f64::NAN], 1.0).is_none());
    }
}
