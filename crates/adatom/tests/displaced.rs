//! Fits of simulated samples whose rows are displaced.

#![allow(clippy::unwrap_used)]

use adatom_library::{Generator, Recipe};
use adatom_locate::{FitSettings, Start, Statistics, fit_columns};

/// Along [100] of TiO2 oxygen stands beside every column of titanium, which is all that is reported. At 40 dB what displaced
/// rows leave of it is far above the noise, and was taken for columns of their own: places were off by twice what
/// the rows do themselves, j / √(2√π σ).
#[test]
fn what_displaced_rows_leave_is_not_taken_for_columns() {
    let generator = Generator::new(Recipe::open("paper").unwrap(), 5).unwrap();
    let sample = generator.sample_at(3, 40.0).unwrap();
    assert_eq!(sample.settings.structure(), "TiO2 [100]");
    let sigma = 7.0;
    let start = |x: f64, y: f64| Start { x: x.round(), y: y.round(), sigma, background: None };
    let starts: Vec<Start> = sample.columns.iter().map(|c| start(c.x, c.y)).collect();
    let rows = 0.2 / sample.grid.pixel_x_angstrom / (2.0 * std::f64::consts::PI.sqrt() * sigma).sqrt();
    for (descan, most) in [(false, 1.3), (true, 0.8)] {
        let settings = FitSettings { statistics: Statistics::Poisson, descan, ..FitSettings::default() };
        let fit = fit_columns(&sample.image, &starts, &settings);
        let off = fit.columns.iter().zip(&sample.columns).filter(|(fit, _)| fit.reason.is_none());
        let squares: Vec<f64> =
            off.flat_map(|(fit, c)| [(fit.x - c.x).powi(2), (fit.y - c.y).powi(2)]).collect();
        assert!(squares.len() >= 2 * (starts.len() - 5), "{} of {}", squares.len() / 2, starts.len());
        let error = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
        assert!(error < most * rows, "{error} px, {rows} px by the rows, descan {descan}");
    }
}
