//! The probe against closed forms, against its own brute-force sum and against abTEM.

#![allow(clippy::unwrap_used)]

use adatom_optics::{Aberrations, Probe};
use std::f64::consts::PI;

fn perfect() -> Probe {
    Probe::new(200.0, 24.0, Aberrations::default(), 0.0).unwrap()
}

fn aberrated() -> Probe {
    let lens = Aberrations {
        defocus_angstrom: 40.0,
        c3_mm: 0.005,
        c5_mm: 1.0,
        astigmatism2_angstrom: 15.0,
        astigmatism2_angle_deg: 25.0,
        coma_angstrom: 300.0,
        coma_angle_deg: 70.0,
        astigmatism3_angstrom: 250.0,
        astigmatism3_angle_deg: 10.0,
        ..Default::default()
    };
    Probe::new(200.0, 24.0, lens, 0.0).unwrap()
}

/// First Bessel function by its integral.
fn j1(x: f64) -> f64 {
    let n = 2000;
    (0..n).map(|i| (i as f64 + 0.5) * PI / n as f64).map(|t| (t - x * t.sin()).cos()).sum::<f64>() / n as f64
}

/// Intensity along x from the transfer function: ∫∫ T(k) exp(2πi kx x) d²k.
fn profile_from_transfer(probe: &Probe, x: f64) -> f64 {
    let transfer = probe.transfer().unwrap();
    let n = 400;
    let dk = 2.0 * transfer.cutoff() / n as f64;
    let mut sum = 0.0;
    for iy in 0..n {
        let ky = -transfer.cutoff() + (iy as f64 + 0.5) * dk;
        for ix in 0..n {
            let kx = -transfer.cutoff() + (ix as f64 + 0.5) * dk;
            let t = transfer.at(kx, ky);
            let (sin, cos) = (2.0 * PI * kx * x).sin_cos();
            sum += (t.re * cos - t.im * sin) * dk * dk;
        }
    }
    sum
}

#[test]
fn perfect_probe_is_the_airy_pattern() {
    let probe = perfect();
    let edge = probe.aperture();
    for x in [0.05, 0.2, 0.4, 0.8, 1.3] {
        let v = 2.0 * PI * edge * x;
        let airy = PI * edge * edge * (2.0 * j1(v) / v).powi(2);
        let peak = PI * edge * edge;
        let direct = probe.intensity_profile(&[x])[0];
        assert!((direct - airy).abs() < 1e-4 * peak, "quadrature at {x} Å: {direct} against {airy}");
        let transformed = profile_from_transfer(&probe, x);
        assert!((transformed - airy).abs() < 1e-3 * peak, "transfer at {x} Å: {transformed} against {airy}");
    }
    let first_zero = 0.609_83 / edge;
    assert!(probe.intensity_profile(&[first_zero])[0] < 1e-6 * PI * edge * edge);
}

/// Tolerance 0.5 % of the peak: the table's aperture is a grid of 180 points across.
#[test]
fn aberrated_transfer_agrees_with_a_direct_sum_over_the_aperture() {
    let probe = aberrated();
    let peak = probe.intensity_profile(&[0.0])[0];
    for x in [-2.0, -0.7, -0.3, 0.0, 0.3, 0.7, 2.0] {
        let direct = probe.intensity_profile(&[x])[0];
        let transformed = profile_from_transfer(&probe, x);
        assert!((direct - transformed).abs() < 5e-3 * peak, "{x} Å: {direct} against {transformed}");
    }
}

#[test]
fn transfer_is_one_at_zero_and_zero_at_the_cutoff() {
    for probe in [perfect(), aberrated()] {
        let transfer = probe.transfer().unwrap();
        assert!((transfer.at(0.0, 0.0).re - 1.0).abs() < 1e-9, "|probe|² integrates to one");
        assert!((transfer.cutoff() - 2.0 * 0.024 / 0.025_079_3).abs() < 1e-4);
        assert_eq!(transfer.at(transfer.cutoff(), 0.0).norm(), 0.0);
        assert!(transfer.at(0.999 * transfer.cutoff(), 0.0).norm() < 1e-3);
    }
}

#[test]
fn source_multiplies_by_a_gaussian_of_its_width() {
    let blurred = Probe::new(200.0, 24.0, Aberrations::default(), 0.9).unwrap();
    let (with, without) = (blurred.transfer().unwrap(), perfect().transfer().unwrap());
    let k = 0.6_f64;
    let sigma = 0.9 / 2.354_820_045;
    let expected = (-2.0 * PI * PI * sigma * sigma * k * k).exp();
    assert!((with.at(k, 0.0).re / without.at(k, 0.0).re - expected).abs() < 1e-9);
}

/// A Pt [001] sample of the published library: 11.327048 px of 11.76/256 Å at 200 kV, 24 mrad
/// and a 0.9 Å source.
#[test]
fn column_radius_is_the_published_librarys() {
    let probe = Probe::new(200.0, 24.0, Aberrations::default(), 0.9).unwrap();
    let published = 11.327_048_16 * 11.76 / 256.0;
    assert!((probe.column_radius_angstrom() / published - 1.0).abs() < 2e-5);
}

#[test]
fn settings_no_microscope_has_are_refused() {
    let none = Aberrations::default();
    for (kv, mrad, source) in
        [(0.0, 24.0, 0.9), (f64::NAN, 24.0, 0.9), (200.0, -1.0, 0.9), (200.0, 24.0, -0.1)]
    {
        assert!(Probe::new(kv, mrad, none, source).is_err());
    }
    let wild = Aberrations { defocus_angstrom: 1e5, ..none };
    assert!(Probe::new(200.0, 24.0, wild, 0.9).unwrap().transfer().is_err());
    // Spherical aberration balanced by defocus at the edge, where its slope alone looks harmless.
    let balanced = Aberrations { c3_mm: 50.0, defocus_angstrom: 50e7 * 0.024 * 0.024, ..none };
    assert!(Probe::new(200.0, 24.0, balanced, 0.9).unwrap().transfer().is_err());
    let infinite = Aberrations { c3_mm: 1e300, c5_mm: -1e300, ..none };
    assert!(Probe::new(200.0, 24.0, infinite, 0.9).unwrap().transfer().is_err());
    let nan = Aberrations { c3_mm: f64::NAN, ..none };
    assert!(Probe::new(200.0, 24.0, nan, 0.9).is_err());
}

/// Profiles along x from abTEM 1.0.11 (`Probe(..., extent=60, gpts=3000, soft=True)`, normalised
/// to unit integral). Its grid is periodic and its aperture soft, hence 1 % of the peak.
#[test]
fn profiles_equal_abtems() {
    let none = Aberrations::default();
    let round = Aberrations { defocus_angstrom: 60.0, c3_mm: 0.01, c5_mm: 2.0, ..none };
    let skewed = Aberrations { c5_mm: 1.0, ..*aberrated().aberrations() };
    let at = [-1.0, -0.5, -0.2, 0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5];
    for (kv, mrad, lens, abtem) in [
        (
            200.0,
            24.0,
            none,
            [
                0.02403, 0.14511, 1.99249, 2.89382, 2.64188, 1.99251, 1.20312, 0.14512, 0.01311, 0.02403,
                0.00837,
            ],
        ),
        (
            100.0,
            30.0,
            none,
            [
                0.03630, 0.30170, 1.59346, 2.07753, 1.94639, 1.59347, 1.12300, 0.30171, 0.00791, 0.03630,
                0.00403,
            ],
        ),
        (
            200.0,
            24.0,
            round,
            [
                0.06113, 0.16673, 1.29220, 1.91934, 1.74171, 1.29221, 0.76873, 0.16673, 0.16518, 0.06113,
                0.01217,
            ],
        ),
        (
            200.0,
            24.0,
            skewed,
            [
                0.00830, 0.04133, 1.07291, 1.76689, 1.68106, 1.30543, 0.79983, 0.09455, 0.04430, 0.04224,
                0.01123,
            ],
        ),
    ] {
        let ours = Probe::new(kv, mrad, lens, 0.0).unwrap().intensity_profile(&at);
        for ((x, ours), abtem) in at.iter().zip(ours).zip(abtem) {
            assert!((ours - abtem).abs() < 0.01 * 2.9, "{kv} kV {lens:?} at {x} Å: {ours} against {abtem}");
        }
    }
}
