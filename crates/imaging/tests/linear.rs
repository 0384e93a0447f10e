//! The reciprocal-space image against a direct sum in real space.

#![allow(clippy::unwrap_used)]

use adatom_crystal::{Column, Element};
use adatom_imaging::{Grid, LinearModel, RowShift};
use adatom_optics::{Aberrations, Parametrisation, Probe, Scattering};
use ndarray::Array2;

fn column(x: f64, y: f64, symbol: &str, count: f64) -> Column {
    Column { x, y, species: vec![(Element::from_symbol(symbol).unwrap(), count)], u_iso_angstrom2: None }
}

fn elements(symbols: &[&str]) -> Vec<Element> {
    symbols.iter().map(|s| Element::from_symbol(s).unwrap()).collect()
}

fn point_model(aberrations: Aberrations, source: f64) -> LinearModel {
    let probe = Probe::new(200.0, 24.0, aberrations, source).unwrap();
    LinearModel::new(probe, &Scattering::PowerOfZ { exponent: 1.7 }, elements(&["Si", "Pt"])).unwrap()
}

fn image(model: &LinearModel, columns: &[Column], grid: &Grid, scan: Option<&[RowShift]>) -> Array2<f32> {
    model.spectrum(columns, grid).image(grid, scan)
}

/// Sum of Airy patterns with no periodicity; the tolerance is the tail of the columns' mirror
/// images beyond the margin, 1e-3 of the peak.
#[test]
fn image_is_the_direct_sum_of_probes_without_wrap_around() {
    let model = point_model(Aberrations::default(), 0.0);
    let grid = Grid::new(40, 30, 0.2).unwrap();
    let columns = [
        column(0.13, 0.21, "Pt", 3.0),
        column(3.456, 2.987, "Si", 12.0),
        column(7.9, 5.9, "Pt", 1.0),
        column(-1.1, 3.0, "Pt", 2.0),
    ];
    let computed = image(&model, &columns, &grid, None);
    let table: Vec<f64> = (0..720).map(|i| i as f64 * 0.02).collect();
    let profile = model.probe().intensity_profile(&table);
    let probe = |r: f64| {
        let at = r / 0.02;
        let i = at as usize;
        profile[i] * (1.0 - at.fract()) + profile[i + 1] * at.fract()
    };
    let peak = computed.iter().fold(0.0_f32, |a, b| a.max(*b));
    for ((row, col), value) in computed.indexed_iter() {
        let (x, y) = ((col as f64 + 0.5) * 0.2, (row as f64 + 0.5) * 0.2);
        let direct: f64 = columns
            .iter()
            .map(|c| {
                let z = f64::from(c.species[0].0.number()).powf(1.7) * c.species[0].1;
                z * probe((x - c.x).hypot(y - c.y))
            })
            .sum();
        assert!(
            (f64::from(*value) - direct).abs() < 1e-3 * f64::from(peak),
            "({row}, {col}): {value} against {direct}"
        );
    }
}

/// Moving the row by δ is the same as moving all columns by +δ: exact for sub-pixel shifts.
#[test]
fn scan_shift_equals_moved_columns() {
    let lens = Aberrations { coma_angstrom: 200.0, astigmatism2_angstrom: 20.0, ..Default::default() };
    let model = point_model(lens, 0.9);
    let grid = Grid::new(32, 32, 0.2).unwrap();
    let still = [column(2.0, 3.0, "Pt", 1.0), column(5.0, 4.4, "Si", 4.0)];
    let (dx, dy) = (0.137, -0.061);
    let moved: Vec<Column> = still.iter().map(|c| Column { x: c.x + dx, y: c.y + dy, ..c.clone() }).collect();
    let scan = vec![RowShift { x_angstrom: dx, y_angstrom: dy }; 32];
    let difference = image(&model, &still, &grid, Some(&scan)) - image(&model, &moved, &grid, None);
    let peak = image(&model, &still, &grid, None).iter().fold(0.0_f32, |a, b| a.max(*b));
    assert!(difference.iter().all(|v| v.abs() < 1e-4 * peak));
}

/// A whole column well inside the field carries its intensity; the Airy tail beyond 6 Å holds 2 %.
#[test]
fn a_columns_integral_is_its_scattering_times_its_atoms() {
    let probe = Probe::new(200.0, 24.0, Aberrations::default(), 0.9).unwrap();
    let scattering = Scattering::ProjectedPotential { parametrisation: Parametrisation::Lobato };
    let model = LinearModel::new(probe, &scattering, elements(&["Sr"])).unwrap();
    let grid = Grid::new(120, 120, 0.1).unwrap();
    let sr = column(6.0, 6.0, "Sr", 5.0);
    let integral = f64::from(image(&model, std::slice::from_ref(&sr), &grid, None).sum()) * 0.01;
    // h²/(2π m e) f(0) = 47.878 V Å² × 13.11 per Å.
    let expected = 5.0 * 47.878 * 13.1099;
    assert!((model.column_intensity(&sr) / expected - 1.0).abs() < 1e-4);
    assert!((integral / expected - 1.0).abs() < 0.025, "{integral} against {expected}");
}

/// A displacement U adds U to the variance of the column's profile: exact in the Gaussian model,
/// here by the ratio of Fourier coefficients, that is by the peak's drop.
#[test]
fn thermal_displacement_blurs_by_its_mean_square() {
    let model = point_model(Aberrations::default(), 0.9);
    let grid = Grid::new(64, 64, 0.1).unwrap();
    let cold = column(3.25, 3.25, "Si", 1.0);
    let hot = Column { u_iso_angstrom2: Some(0.04), ..cold.clone() };
    // A source of FWHM 0.9 Å has σ² = 0.14607 Å²: adding U = 0.04 is a source of FWHM 1.01577 Å.
    let wider = point_model(Aberrations::default(), (0.9_f64.powi(2) + 0.04 * 8.0 * 2.0_f64.ln()).sqrt());
    let difference =
        image(&model, &[hot], &grid, None) - image(&wider, std::slice::from_ref(&cold), &grid, None);
    let peak = image(&model, std::slice::from_ref(&cold), &grid, None).iter().fold(0.0_f32, |a, b| a.max(*b));
    // The periods differ by the wider source's margin, hence not to the last bit.
    assert!(difference.iter().all(|v| v.abs() < 1e-3 * peak));
}
