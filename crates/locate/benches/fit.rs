//! Fits of 10,000 columns on an image of 2048²: `cargo bench -p adatom-locate`.

#![allow(missing_docs)]

use adatom_imaging::{SampleRng, poisson};
use adatom_locate::{FitSettings, Start, Statistics, fit_columns};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

const SIDE: usize = 2048;
const COUNT: usize = 100;
const SIGMA: f64 = 4.0;

/// A hundred by a hundred columns of two heights, a peak of 200 electrons on a background of 40.
fn image() -> (Array2<f32>, Vec<Start>) {
    let mut expected = Array2::<f32>::from_elem((SIDE, SIDE), 40.0);
    let mut starts = Vec::new();
    for i in 0..COUNT * COUNT {
        let place = |n: usize| 20.4 * n as f64 + 14.0;
        let (x, y) = (place(i % COUNT) + 0.3 * (i as f64).sin(), place(i / COUNT) + 0.3 * (i as f64).cos());
        let height = if (i % COUNT + i / COUNT).is_multiple_of(2) { 200.0 } else { 90.0 };
        let (column, row) = (x.round() as usize, y.round() as usize);
        for r in row.saturating_sub(20)..(row + 21).min(SIDE) {
            for c in column.saturating_sub(20)..(column + 21).min(SIDE) {
                let square = (c as f64 - x).powi(2) + (r as f64 - y).powi(2);
                expected[(r, c)] += (height * (-square / (2.0 * SIGMA * SIGMA)).exp()) as f32;
            }
        }
        starts.push(Start { x: x.round(), y: y.round(), sigma: SIGMA, background: Some(40.0) });
    }
    let mut rng = SampleRng::new(1, 1);
    (expected.mapv(|v| poisson(v, &mut rng)), starts)
}

fn fits(criterion: &mut Criterion) {
    let (image, starts) = image();
    let mut group = criterion.benchmark_group("fit 10,000 columns of 2048²");
    group.sample_size(10);
    for (name, statistics, descan) in [
        ("gaussian", Statistics::LeastSquares, false),
        ("mle", Statistics::Poisson, false),
        ("mle, descan", Statistics::Poisson, true),
    ] {
        let settings = FitSettings { statistics, descan, ..FitSettings::default() };
        group.bench_function(name, |bencher| bencher.iter(|| fit_columns(&image, &starts, &settings)));
    }
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
