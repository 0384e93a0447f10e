//! Fits against truth: images whose columns, noise and displaced rows are known.

#![allow(clippy::unwrap_used)]

use adatom_imaging::{SampleRng, poisson};
use adatom_locate::{
    Fit, FitSettings, NoiseModel, Reason, Sampling, Shape, Start, Statistics, cramer_rao, fit_columns,
};
use ndarray::Array2;

/// Columns as (x, y, height, σ).
type Columns = Vec<(f64, f64, f64, f64)>;

/// A square lattice, every second column dimmer, positions off the pixels.
fn lattice(count: usize, spacing: f64, sigma: f64, height: f64) -> Columns {
    let at = |i: usize| 0.7 * spacing + spacing * 1.013 * i as f64;
    (0..count * count)
        .map(|i| {
            let dim = if (i % count + i / count).is_multiple_of(2) { 1.0 } else { 0.4 };
            (at(i % count), at(i / count) + 0.17 * (i % count) as f64, dim * height, sigma)
        })
        .collect()
}

fn expected(size: (usize, usize), columns: &Columns, background: f64, rows: &[[f64; 2]]) -> Array2<f64> {
    Array2::from_shape_fn(size, |(r, c)| {
        let [jx, jy] = rows.get(r).copied().unwrap_or_default();
        let (x, y) = (c as f64 - jx, r as f64 - jy);
        background
            + columns
                .iter()
                .map(|&(cx, cy, h, s)| h * (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * s * s)).exp())
                .sum::<f64>()
    })
}

fn exposed(expected: &Array2<f64>, seed: u64) -> Array2<f32> {
    let mut rng = SampleRng::new(seed, 0);
    expected.mapv(|v| poisson(v as f32, &mut rng))
}

/// Starts as a network gives them: off by a twentieth of the width along x and y, and with the mean displacement
/// of the column's rows; the width a little wrong.
fn displaced_starts(columns: &Columns, background: f64, rows: &[[f64; 2]]) -> Vec<Start> {
    let mut rng = SampleRng::new(77, 3);
    columns
        .iter()
        .map(|&(x, y, _, s)| {
            let weight = |row: usize| (-((row as f64 - y) / s).powi(2)).exp();
            let sum: f64 = (0..rows.len()).map(weight).sum();
            let mean = |axis: usize| -> f64 {
                rows.iter().enumerate().map(|(row, by)| weight(row) / sum * by[axis]).sum()
            };
            Start {
                x: x + 0.05 * s * rng.normal() + mean(0),
                y: y + 0.05 * s * rng.normal() + mean(1),
                sigma: 1.1 * s,
                background: Some(background),
            }
        })
        .collect()
}

fn starts(columns: &Columns, background: f64) -> Vec<Start> {
    displaced_starts(columns, background, &[])
}

/// Root-mean-square error and pull (error over its own standard deviation) over both axes, of the columns
/// at least `margin` inside.
fn errors(fit: &Fit, truth: &Columns, side: f64, margin: f64) -> (f64, f64) {
    let inside = |v: f64| v > margin && v < side - margin;
    let (mut square, mut pull, mut n) = (0.0, 0.0, 0.0);
    for (column, &(x, y, ..)) in fit.columns.iter().zip(truth) {
        let Some(std) = column.std_px().filter(|_| inside(x) && inside(y)) else { continue };
        for (off, std) in [(column.x - x, std[0]), (column.y - y, std[1])] {
            square += off * off;
            pull += (off / std).powi(2);
            n += 1.0;
        }
    }
    ((square / n).sqrt(), (pull / n).sqrt())
}

/// A lattice of 13 × 13 columns turned about the middle of an image of 340².
fn turned(peak: f64, by: f64) -> Columns {
    let (sin, cos) = f64::sin_cos(by);
    lattice(14, 24.0, 5.0, peak)
        .into_iter()
        .map(|(x, y, h, s)| {
            let (x, y) = (x - 170.0, y - 170.0);
            (170.0 + cos * x - sin * y, 170.0 + sin * x + cos * y, h, s)
        })
        .filter(|(x, y, ..)| *x > -8.0 && *y > -8.0 && *x < 348.0 && *y < 348.0)
        .collect()
}

const SIDE: usize = 340;

fn settings(statistics: Statistics) -> FitSettings {
    FitSettings { statistics, ..FitSettings::default() }
}

/// Only the columns inside are reported.
fn reported(columns: &Columns) -> Columns {
    let inside = |v: f64| v > 0.0 && v < SIDE as f64 - 1.0;
    columns.iter().copied().filter(|(x, y, ..)| inside(*x) && inside(*y)).collect()
}

#[test]
fn clean_images_give_back_what_made_them() {
    let columns = lattice(6, 12.0, 3.0, 100.0);
    let image = expected((92, 84), &columns, 20.0, &[]).mapv(|v| v as f32);
    for (shape, statistics) in [
        (Shape::Round, Statistics::LeastSquares),
        (Shape::Elliptical, Statistics::LeastSquares),
        (Shape::Round, Statistics::Poisson),
    ] {
        let noise = Some(NoiseModel::counting(1e-4, 0.0, 0.0));
        let settings = FitSettings { shape, statistics, noise, ..FitSettings::default() };
        let fit = fit_columns(&image, &starts(&columns, 20.0), &settings);
        for (column, &(x, y, h, s)) in fit.columns.iter().zip(&columns) {
            assert_eq!(column.reason, None, "{column:?}");
            assert!((column.x - x).hypot(column.y - y) < 0.06, "{shape:?} {column:?} not ({x}, {y})");
            assert!((column.height / h - 1.0).abs() < 0.06 && (column.sigma_px[0] / s - 1.0).abs() < 0.05);
        }
    }
}

/// 300 coordinates tell a pull of one to 4 %; the bounds leave room for what is learnt from the image itself.
/// The bound is that of a column alone with its height unknown, its neighbours being five widths away.
#[test]
fn likelihood_reaches_the_bound_and_error_bars_are_honest() {
    for peak in [10.0, 100.0, 1000.0] {
        let (columns, background) = (turned(peak, 0.3), 0.3 * peak);
        let image = exposed(&expected((SIDE, SIDE), &columns, background, &[]), 3);
        let columns = reported(&columns);
        let begin = starts(&columns, background);
        let mle = fit_columns(&image, &begin, &settings(Statistics::Poisson));
        let (error, pull) = errors(&mle, &columns, SIDE as f64, 18.0);
        // Starts are taken for less independent than these are.
        assert!((0.65..1.2).contains(&pull), "{peak}: {pull}");
        let (of_squares, pull) = errors(
            &fit_columns(&image, &begin, &settings(Statistics::LeastSquares)),
            &columns,
            SIDE as f64,
            18.0,
        );
        assert!((0.8..1.25).contains(&pull), "{peak}: {pull}");
        assert!(error < of_squares, "{peak}: {error} {of_squares}");
        // Half of the columns have four tenths of the height.
        let bound = (0.5 * (bound(peak, background).powi(2) + bound(0.4 * peak, background).powi(2))).sqrt();
        assert!(error < 1.1 * bound, "{peak}: {error} for {bound}");
    }
}

/// Bound along x of a column of width five, from the exact derivatives.
fn bound(height: f64, background: f64) -> f64 {
    let at = |r: usize, c: usize| {
        let (dx, dy) = (c as f64 - 25.0, r as f64 - 25.0);
        (dx, (-(dx * dx + dy * dy) / 50.0).exp())
    };
    let by_x = Array2::from_shape_fn((51, 51), |(r, c)| height * at(r, c).0 * at(r, c).1 / 25.0);
    let by_height = Array2::from_shape_fn((51, 51), |(r, c)| at(r, c).1);
    let variance = by_height.mapv(|g| background + height * g);
    cramer_rao(&[by_x, by_height], &variance).unwrap()[0]
}

/// Fitted alone, each of a pair 2.4 widths apart would be drawn to the other by more than a pixel.
#[test]
fn neighbours_do_not_pull() {
    let columns: Columns = (0..16)
        .flat_map(|i| {
            let (x, y) = (25.0 + 30.0 * f64::from(i % 4), 25.0 + 30.0 * f64::from(i / 4));
            [(x, y, 100.0, 4.0), (x + 9.6, y + 0.3, 60.0, 4.0)]
        })
        .collect();
    let image = expected((140, 150), &columns, 20.0, &[]).mapv(|v| v as f32);
    let noise = Some(NoiseModel::counting(1e-4, 0.0, 0.0));
    for statistics in [Statistics::LeastSquares, Statistics::Poisson] {
        let fit =
            fit_columns(&image, &starts(&columns, 20.0), &FitSettings { noise, ..settings(statistics) });
        for (column, (x, y, ..)) in fit.columns.iter().zip(&columns) {
            let off = (column.x - x).hypot(column.y - y);
            assert!(column.reason.is_none() && off < 0.1, "{statistics:?} {off} {column:?}");
        }
    }
}

/// A dim column beside each that is reported would draw it by a fifth of a pixel and more.
#[test]
fn columns_that_nobody_reported_do_not_pull_either() {
    let bright: Columns = (0..25)
        .map(|i| (20.0 + 30.0 * f64::from(i % 5), 20.0 + 30.0 * f64::from(i / 5), 100.0, 4.0))
        .collect();
    let dim = bright.iter().map(|(x, y, ..)| (x + 12.0, y + 1.0, 20.0, 4.0));
    let all: Columns = bright.iter().copied().chain(dim).collect();
    let image = exposed(&expected((165, 165), &all, 10.0, &[]).mapv(|v| 20.0 * v), 5);
    let fit = fit_columns(&image, &starts(&bright, 200.0), &settings(Statistics::Poisson));
    let bias = fit.columns.iter().zip(&bright).map(|(c, b)| c.x - b.0).sum::<f64>() / 25.0;
    assert!(bias.abs() < 0.04, "{bias}");
}

/// At every dose, for rows displaced by a tenth and by three tenths of the columns' width.
#[test]
fn solving_for_the_rows_improves_places_and_steady_rows_stay() {
    for peak in [10.0, 100.0, 1000.0] {
        for jitter in [0.0, 0.5, 1.5] {
            let (all, background) = (turned(peak, 0.3), 0.3 * peak);
            let mut rng = SampleRng::new(8, 1);
            let rows: Vec<[f64; 2]> =
                (0..SIDE).map(|_| [jitter * rng.normal(), jitter * rng.normal()]).collect();
            let image = exposed(&expected((SIDE, SIDE), &all, background, &rows), 4);
            let columns = reported(&all);
            let begin = displaced_starts(&columns, background, &rows);
            let plain = fit_columns(&image, &begin, &settings(Statistics::Poisson));
            let solved =
                fit_columns(&image, &begin, &FitSettings { descan: true, ..settings(Statistics::Poisson) });
            let (before, _) = errors(&plain, &columns, SIDE as f64, 30.0);
            let (after, pull) = errors(&solved, &columns, SIDE as f64, 30.0);
            // At ten counts noise hides most of what rows displaced by a tenth do.
            let part = if jitter == 0.0 {
                1.05
            } else if peak < 50.0 {
                0.95
            } else {
                0.9
            };
            assert!(after < part * before, "{peak} {jitter}: {before} {after}");
            assert!((0.7..1.2).contains(&pull), "{peak} {jitter}: {pull}");
            if jitter > 0.0 {
                let found = solved.noise.jitter_px;
                assert!(found.iter().all(|j| (0.75..1.25).contains(&(j / jitter))), "{jitter} {found:?}");
            }
        }
    }
}

#[test]
fn fits_that_make_no_sense_fall_back_and_say_why() {
    let columns = lattice(6, 14.0, 3.0, 100.0);
    let image = exposed(&expected((110, 110), &columns, 20.0, &[]), 6);
    let mut begin = starts(&columns, 20.0);
    begin.push(Start { x: 109.4, y: 60.0, sigma: 3.0, background: Some(20.0) });
    begin.push(Start { x: 99.0, y: 99.0, sigma: 3.0, background: Some(20.0) });
    let fit = fit_columns(&image, &begin, &settings(Statistics::LeastSquares));
    for (column, start) in fit.columns.iter().zip(&begin).skip(36) {
        assert!(column.reason.is_some() && column.covariance_px2.is_none(), "{column:?}");
        assert_eq!((column.x, column.y), (start.x, start.y));
    }
    assert_eq!(fit.columns[36].reason, Some(Reason::Border));
    assert!(fit.columns[..36].iter().filter(|c| c.reason.is_none()).count() >= 34);
}

/// Columns so narrow that the mean over a pixel isn't its middle's value.
#[test]
fn integrated_pixels_give_back_narrow_widths() {
    let columns: Columns =
        (0..16).map(|i| (8.3 + 9.0 * f64::from(i % 4), 8.6 + 9.0 * f64::from(i / 4), 1e4, 0.9)).collect();
    let fine = Array2::from_shape_fn((44, 44), |(r, c)| {
        let mut sum = 100.0;
        for sub in 0..100 {
            let at = |n: usize, of: i32| n as f64 + (f64::from(of) + 0.5) / 10.0 - 0.5;
            let (y, x) = (at(r, sub / 10), at(c, sub % 10));
            sum += columns
                .iter()
                .map(|&(cx, cy, h, s)| h * (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * s * s)).exp())
                .sum::<f64>()
                / 100.0;
        }
        sum as f32
    });
    let widths = |sampling| {
        let fit =
            fit_columns(&fine, &starts(&columns, 100.0), &FitSettings { sampling, ..FitSettings::default() });
        fit.columns.iter().map(|c| c.sigma_px[0]).sum::<f64>() / 16.0
    };
    assert!((widths(Sampling::Integrated) - 0.9).abs() < 0.01);
    // The pixel's own variance of a twelfth is added.
    assert!((widths(Sampling::Point) - (0.81_f64 + 1.0 / 12.0).sqrt()).abs() < 0.01);
}

#[test]
fn images_without_columns_or_numbers_give_no_fit() {
    let nothing = fit_columns(&Array2::zeros((5, 5)), &[], &FitSettings::default());
    assert!(nothing.columns.is_empty());
    let start = Start { x: 2.0, y: 2.0, sigma: 1.0, background: None };
    for image in [Array2::zeros((5, 5)), Array2::from_elem((5, 5), f32::NAN), Array2::zeros((1, 1))] {
        for statistics in [Statistics::LeastSquares, Statistics::Poisson] {
            let fit = fit_columns(&image, &[start; 3], &FitSettings { descan: true, ..settings(statistics) });
            assert!(fit.columns.iter().all(|c| c.x.is_finite() && c.y.is_finite()), "{:?}", fit.columns);
        }
    }
}
