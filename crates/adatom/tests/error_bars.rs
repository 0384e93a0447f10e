//! Error bars of fits of simulated samples.

#![allow(clippy::unwrap_used)]

use adatom_library::{Draw, Generator, Recipe};
use adatom_locate::{FitSettings, Start, Statistics, fit_columns};

/// Along [100] of TiO2, with the oxygen reported too, which is far fainter: whatever the fit doesn't know moves oxygen by
/// more than titanium, and error bars of titanium that were measured on both alike were three times its errors.
#[test]
fn bright_columns_are_not_doubted_for_dim_ones() {
    let mut recipe = Recipe::open("paper").unwrap();
    recipe.scan.sigma_jitter_angstrom = Draw::Fixed(0.0);
    let generator = Generator::new(recipe, 5).unwrap();
    let sample = generator.sample_at(3, 40.0).unwrap();
    assert_eq!(sample.settings.structure(), "TiO2 [100]");
    let start = |x: f64, y: f64| Start { x: x.round(), y: y.round(), sigma: 7.0, background: None };
    let labelled = sample.columns.iter().map(|c| start(c.x, c.y));
    let starts: Vec<Start> = labelled.chain(sample.ignored.iter().map(|c| start(c.x, c.y))).collect();
    let settings = FitSettings { statistics: Statistics::Poisson, ..FitSettings::default() };
    let fit = fit_columns(&sample.image, &starts, &settings);
    let (mut squares, mut variances, mut count) = (0.0_f64, 0.0, 0);
    for (fit, column) in fit.columns.iter().zip(&sample.columns) {
        let depth = column.x.min(column.y).min(255.0 - column.x).min(255.0 - column.y);
        let (Some(std), true) = (fit.std_px(), depth > 20.0) else { continue };
        squares += (fit.x - column.x).powi(2) + (fit.y - column.y).powi(2);
        variances += std[0].powi(2) + std[1].powi(2);
        count += 1;
    }
    let ratio: f64 = (variances / squares).sqrt();
    assert!(count > 100, "{count} columns");
    assert!((0.6..2.0).contains(&ratio), "error bars are {ratio} times the errors");
}
