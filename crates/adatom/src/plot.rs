//! The training curve and the reliability of scores as pictures.

use crate::Reliability;
use crate::canvas::{BLACK, Canvas, Colour, GRID, WHITE};
use ndarray::Array3;

const WIDTH: usize = 960;
const HEIGHT: usize = 560;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 64.0;
/// Okabe and Ito's colours, told apart by everybody.
const COLOURS: [Colour; 6] =
    [[0, 0, 0], [0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0]];

/// A curve with its name: points (step, value).
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Losses over steps, logarithmic, as `[row, column, rgb]`.
pub(crate) fn loss_curves(series: &[Series]) -> Array3<u8> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, WHITE);
    let all = || series.iter().flat_map(|s| s.points.iter()).filter(|p| p.1 > 0.0 && p.1.is_finite());
    let last = all().map(|p| p.0).fold(1.0, f64::max);
    let low = all().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let high = all().map(|p| p.1).fold(0.0, f64::max);
    let (low, high) = if low < high { (low.log10().floor(), high.log10().ceil()) } else { (-3.0, 0.0) };
    let x = |step: f64| LEFT + step / last * (WIDTH as f64 - LEFT - RIGHT);
    let y = |value: f64| {
        let part = (value.max(1e-30).log10() - low) / (high - low);
        HEIGHT as f64 - BOTTOM - part.clamp(0.0, 1.0) * (HEIGHT as f64 - TOP - BOTTOM)
    };
    for decade in low as i32..=high as i32 {
        let at = y(10.0_f64.powi(decade));
        canvas.line((LEFT, at), (WIDTH as f64 - RIGHT, at), 1.0, GRID);
        let label = format!("1e{decade}");
        canvas.text(LEFT as i64 - 10 - Canvas::text_width(2, &label), at as i64 - 8, 2, &label, BLACK);
    }
    for tick in 0..=4 {
        let step = last * f64::from(tick) / 4.0;
        canvas.line((x(step), TOP), (x(step), HEIGHT as f64 - BOTTOM), 1.0, GRID);
        let label = format!("{step:.0}");
        let left = (x(step) as i64 - Canvas::text_width(2, &label) / 2)
            .min(WIDTH as i64 - Canvas::text_width(2, &label));
        canvas.text(left, (HEIGHT as f64 - BOTTOM) as i64 + 8, 2, &label, BLACK);
    }
    canvas.text(WIDTH as i64 / 2 - 32, HEIGHT as i64 - 28, 2, "step", BLACK);
    canvas.text(8, 4, 2, "loss", BLACK);
    let longest = series.iter().map(|s| Canvas::text_width(1, &s.name)).max().unwrap_or(0);
    for (index, series) in series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let points = series.points.iter().filter(|p| p.1 > 0.0 && p.1.is_finite()).map(|p| (x(p.0), y(p.1)));
        let points: Vec<_> = points.collect();
        points.windows(2).for_each(|pair| canvas.line(pair[0], pair[1], 1.5, colour));
        let top = TOP as i64 + 8 + 14 * index as i64;
        let left = WIDTH as i64 - RIGHT as i64 - longest - 8;
        canvas.rectangle(left - 24, top + 2, 18, 4, colour);
        canvas.text(left, top, 1, &series.name, BLACK);
    }
    canvas.pixels
}

/// Side of the reliability plot \[px\].
const SIDE: usize = 560;

/// The part of columns that is right over their score, against the diagonal on which a chance
/// lies; the size of a mark goes with the logarithm of the number of columns.
pub fn reliability_plot(bins: &[Reliability]) -> Array3<u8> {
    let mut canvas = Canvas::new(SIDE, SIDE, WHITE);
    let length = SIDE as f64 - LEFT - RIGHT;
    let (x, y) = (|v: f64| LEFT + v * length, |v: f64| TOP + (1.0 - v) * length);
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        canvas.line((x(value), y(0.0)), (x(value), y(1.0)), 1.0, GRID);
        canvas.line((x(0.0), y(value)), (x(1.0), y(value)), 1.0, GRID);
        let label = format!("{value:.1}");
        let width = Canvas::text_width(2, &label);
        canvas.text(x(value) as i64 - width / 2, y(0.0) as i64 + 8, 2, &label, BLACK);
        canvas.text(LEFT as i64 - 10 - width, y(value) as i64 - 8, 2, &label, BLACK);
    }
    canvas.line((x(0.0), y(0.0)), (x(1.0), y(1.0)), 1.5, GRID.map(|v| v - 80));
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| (x(bin.score), y(bin.right))).collect();
    points.windows(2).for_each(|pair| canvas.line(pair[0], pair[1], 1.5, COLOURS[1]));
    for (bin, point) in bins.iter().zip(&points) {
        let radius = 2.5 + 1.2 * (bin.count as f64).log10();
        canvas.ring(point.0, point.1, radius, 2.0, COLOURS[2]);
    }
    canvas.text(SIDE as i64 / 2, SIDE as i64 - 28, 2, "score", BLACK);
    canvas.text(8, 4, 2, "right", BLACK);
    canvas.pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks lie where score and part say: here on the diagonal's middle and at its end.
    #[test]
    fn marks_lie_at_score_and_part() {
        let bin = |v: f64| Reliability { score: v, right: v, count: 100 };
        let picture = reliability_plot(&[bin(0.5), bin(1.0)]);
        let length = SIDE as f64 - LEFT - RIGHT;
        for v in [0.5, 1.0] {
            let (x, y) = ((LEFT + v * length) as usize, (TOP + (1.0 - v) * length) as usize);
            let ring = (0..8).any(|r| picture[(y, x + r, 0)] == COLOURS[2][0]);
            assert!(ring, "{v}");
        }
    }
}
