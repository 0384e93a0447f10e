//! Noise and disorder of known size, told apart.
#![allow(clippy::unwrap_used)]

mod common;

use adatom_analysis::{
    Bootstrap, Interval, LatticeSettings, RowFilling, Separation, find_lattice, match_columns, separate,
    split_rows,
};
use common::{Crystal, Flaws, Random, columns};
use ndarray::Array2;

const QUICK: Bootstrap = Bootstrap { draws: 400, seed: 0, level: 0.95 };

fn moved(positions: &[(f64, f64)], sigma: f64, random: &mut Random) -> Vec<(f64, f64)> {
    positions.iter().map(|p| (p.0 + sigma * random.normal(), p.1 + sigma * random.normal())).collect()
}

fn separated(disorder: f64, noise_of_half: f64, seed: u64) -> Separation {
    let crystal = Crystal::simple((10.0, 0.0), (1.0, 11.0)).turned(12.0);
    let flaws = Flaws { noise: disorder, missing: 0.03, spurious: 0.0 };
    let (truth, _) = columns(&crystal, (250.0, 250.0), flaws, seed);
    let mut random = Random(seed ^ 0x5555);
    let lattice = find_lattice(&truth, None, &LatticeSettings::default()).unwrap();
    let mut half = || {
        let mut found = moved(&truth, noise_of_half, &mut random);
        // In any order, and not all.
        found.reverse();
        found.truncate(found.len() - 5);
        match_columns(&truth, &found, 4.0)
    };
    let (first, second) = (half(), half());
    separate(&first, &second, &lattice, None, [1, 0], &QUICK).unwrap()
}

fn holds(interval: Option<Interval>, truth: f64) -> bool {
    interval.is_some_and(|i| i.low <= truth && truth <= i.high)
}

/// A spacing has twice the variance of a coordinate. Means of 60 images to three standard errors,
/// and intervals of 95 % that hold in at least 50 of 60.
#[test]
fn known_noise_and_disorder_are_recovered() {
    for (disorder, noise) in [(0.2, 0.3), (0.1, 0.3), (0.3, 0.1), (0.0, 0.2)] {
        let (mut sums, mut held) = ([0.0; 4], [0; 2]);
        let images = 60;
        for seed in 0..images {
            let found = separated(disorder, noise, seed);
            for (n, raw) in [found.noise_of_half.raw, found.disorder.raw].into_iter().enumerate() {
                sums[n] += raw;
                sums[n + 2] += raw * raw;
            }
            held[0] += usize::from(holds(found.noise_of_half.interval, 2.0 * noise * noise));
            held[1] += usize::from(holds(found.disorder.interval, 2.0 * disorder * disorder));
            assert_eq!(found.noise.raw, 0.5 * found.noise_of_half.raw);
            assert!((found.column_noise() - (0.5 * found.noise.raw).sqrt()).abs() < 1e-12);
        }
        let n = images as f64;
        let mean = [sums[0] / n, sums[1] / n];
        let error = [0, 1].map(|i| ((sums[i + 2] / n - mean[i] * mean[i]) / n).sqrt());
        println!(
            "disorder {disorder} noise {noise}: {mean:?} ± {error:?} for {} {}; held {held:?}",
            2.0 * noise * noise,
            2.0 * disorder * disorder
        );
        assert!((mean[0] - 2.0 * noise * noise).abs() < 3.0 * error[0]);
        assert!((mean[1] - 2.0 * disorder * disorder).abs() < 3.0 * error[1]);
        assert!(held[0] >= 50 && held[1] >= 50, "{held:?}");
    }
}

#[test]
fn without_disorder_the_estimate_may_be_negative_and_sigma_is_zero() {
    let negative = (0..20).map(|seed| separated(0.0, 0.2, seed)).find(|s| s.disorder.raw < 0.0).unwrap();
    assert_eq!(negative.disorder.sigma(), 0.0);
    assert_eq!(negative.disorder.sigma_interval().unwrap().low, 0.0);
    assert!(negative.disorder.interval.unwrap().low < 0.0);
}

#[test]
fn columns_match_one_to_one_the_closest_first() {
    let columns = [(0.0, 0.0), (10.0, 0.0), (20.0, 0.0)];
    let found = [(11.0, 0.0), (9.5, 0.0), (3.9, 0.0), (f64::NAN, 0.0)];
    assert_eq!(match_columns(&columns, &found, 5.0), [Some((3.9, 0.0)), Some((9.5, 0.0)), None]);
    assert_eq!(match_columns(&columns, &found, 1.0), [None, Some((9.5, 0.0)), None]);
    assert_eq!(match_columns(&columns, &[], 1.0), [None; 3]);
}

/// Gaussian columns of σ = 2.5 px on a grid of 16 px.
fn image(truth: &[(f64, f64)], side: usize) -> Array2<f32> {
    let mut image = Array2::zeros((side, side));
    for &(x, y) in truth {
        for row in (y - 12.0).max(0.0) as usize..((y + 13.0) as usize).min(side) {
            for column in (x - 12.0).max(0.0) as usize..((x + 13.0) as usize).min(side) {
                let d2 = (column as f64 - x).powi(2) + (row as f64 - y).powi(2);
                image[(row, column)] += (-d2 / 12.5).exp() as f32;
            }
        }
    }
    image
}

/// Centroids with Gaussian weights of the columns' own width around the ideal places, which show
/// half of the displacement.
fn centroids(image: &Array2<f32>, ideal: &[(f64, f64)]) -> Vec<(f64, f64)> {
    ideal
        .iter()
        .map(|&(cx, cy)| {
            let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
            for dy in -10_i32..=10 {
                for dx in -10_i32..=10 {
                    let value = f64::from(image[((cy as i32 + dy) as usize, (cx as i32 + dx) as usize)]);
                    let weighted = value * (-f64::from(dx * dx + dy * dy) / 12.5).exp();
                    sum += weighted;
                    x += weighted * f64::from(dx);
                    y += weighted * f64::from(dy);
                }
            }
            (cx + 2.0 * x / sum, cy + 2.0 * y / sum)
        })
        .collect()
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

/// Columns displaced by 0.12 px and white noise of a twentieth of their height. What single images
/// tell is compared with what many images of the same columns say: their scatter around the
/// noiseless positions is the noise, the scatter of these the disorder. Rows filled linearly lose
/// the part of the noise that [`split_rows`] says.
#[test]
fn one_image_tells_noise_and_disorder_as_many_do() {
    let mut random = Random(77);
    let ideal: Vec<(f64, f64)> =
        (0..400).map(|i| (f64::from(16 * (i % 20) + 16), f64::from(16 * (i / 20) + 16))).collect();
    let truth = moved(&ideal, 0.12, &mut random);
    let clean = image(&truth, 336);
    let lattice = find_lattice(&ideal, None, &LatticeSettings::default()).unwrap();
    let exact = centroids(&clean, &ideal);
    let images: Vec<Array2<f32>> =
        (0..30).map(|_| clean.mapv(|v| v + (0.05 * random.normal()) as f32)).collect();
    let located: Vec<Vec<(f64, f64)>> = images.iter().map(|image| centroids(image, &ideal)).collect();
    for (step, linear) in [([1, 0], 0.96), ([0, 1], 0.89)] {
        let next = if step == [1, 0] { 1 } else { 20 };
        let pairs: Vec<usize> = (0..400 - next).filter(|i| next == 20 || i % 20 != 19).collect();
        let spacing = |of: &[(f64, f64)], i: usize| match next {
            1 => of[i + 1].0 - of[i].0,
            _ => of[i + 20].1 - of[i].1,
        };
        let disorder = variance(&pairs.iter().map(|i| spacing(&exact, *i)).collect::<Vec<_>>());
        let off = |of: &Vec<(f64, f64)>| {
            pairs.iter().map(|i| spacing(of, *i) - spacing(&exact, *i)).collect::<Vec<_>>()
        };
        let noise = variance(&located.iter().flat_map(off).collect::<Vec<_>>());
        for (filling, part) in [(RowFilling::Cubic, 0.985), (RowFilling::Linear, linear)] {
            let (mut found_noise, mut found_disorder, mut held) = (0.0, 0.0, 0);
            for image in &images {
                let (even, odd) = split_rows(image, filling).unwrap();
                let [even, odd] =
                    [even, odd].map(|half| match_columns(&ideal, &centroids(&half, &ideal), 8.0));
                let found = separate(&even, &odd, &lattice, None, step, &QUICK).unwrap();
                assert!(found.offset.abs() < 0.02, "{}", found.offset);
                found_noise += found.noise.raw / images.len() as f64;
                found_disorder += found.disorder.raw / images.len() as f64;
                held += usize::from(holds(found.disorder.interval, disorder));
            }
            println!(
                "{step:?} {filling:?}: noise {found_noise:.6} for {noise:.6}, \
                 disorder {found_disorder:.6} for {disorder:.6}, held {held}"
            );
            assert!((found_noise / noise - part).abs() < 0.05, "{found_noise} {noise}");
            if filling == RowFilling::Cubic {
                assert!((found_disorder / disorder - 1.0).abs() < 0.05, "{found_disorder} {disorder}");
                assert!(held >= 25, "{held}");
            }
        }
    }
}
