//! The bounds of planned experiments against images simulated and fitted without them.

#![allow(clippy::unwrap_used)]

use adatom::{Experiment, bound};
use adatom_crystal::{Column, Element};
use adatom_imaging::{Grid, LinearModel, SampleRng, poisson};
use adatom_optics::{Aberrations, Probe, Scattering};
use ndarray::Array2;
use std::io::Write;

/// Two atoms, 1.6 Å apart along x, alone in a wide cell.
const PAIR: &str = "data_pair\n_cell_length_a 16\n_cell_length_b 16\n_cell_length_c 4\n_cell_angle_alpha 90\n\
    _cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\nloop_\n_atom_site_label\n\
    _atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n\
    Ga1 Ga 0.5 0.5 0.5\nAs1 As 0.6 0.5 0.5\n";
const APART: f64 = 1.6;
const PIXEL: f64 = 0.2;
const BACKGROUND: f64 = 0.2;
/// Electrons at the brightest point.
const ELECTRONS: f64 = 60.0;

fn experiment(structure: &str) -> Experiment {
    Experiment {
        structure: structure.to_owned(),
        zone: "001".to_owned(),
        rotation_deg: 0.0,
        thickness_angstrom: 40.0,
        merge_angstrom: 0.4,
        energy_kv: 200.0,
        semiangle_mrad: 24.0,
        aberrations: Aberrations::default(),
        source_fwhm_angstrom: 0.8,
        detector_mrad: [80.0, 200.0],
        peak_fraction: Some(0.1),
        pixel_angstrom: [PIXEL; 2],
        background: BACKGROUND,
        jitter_angstrom: 0.0,
        doses: vec![ELECTRONS / 0.1 / (PIXEL * PIXEL)],
    }
}

/// The two columns with their places and numbers of atoms, the gallium's in the middle of the field at first.
fn columns(parameters: &[f64], middle: f64) -> [Column; 2] {
    let column = |symbol, [x, y, atoms]: [f64; 3]| Column {
        x: middle + x,
        y: middle + y,
        species: vec![(Element::from_symbol(symbol).unwrap(), 10.0 * atoms)],
        u_iso_angstrom2: None,
    };
    let of = |first: usize| [parameters[first], parameters[first + 1], parameters[first + 2]];
    [column("Ga", of(0)), column("As", of(3))]
}

/// Solves a small symmetric system by elimination.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let pivot = a[i].clone();
        for row in i + 1..n {
            let factor = a[row][i] / pivot[i];
            a[row].iter_mut().zip(&pivot).for_each(|(value, above)| *value -= factor * above);
            b[row] -= factor * b[i];
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    b
}

/// Poisson images of the pair, fitted by maximum likelihood (Fisher's scoring) for both places, both heights and
/// the background: σ over 500 images is within 10 % of the bound, three times its own uncertainty.
#[test]
fn maximum_likelihood_attains_the_bound() {
    let mut file = tempfile::Builder::new().suffix(".cif").tempfile().unwrap();
    file.write_all(PAIR.as_bytes()).unwrap();
    let planned = bound(&experiment(file.path().to_str().unwrap())).unwrap();
    let gallium = planned.results.iter().find(|row| row.kind == "Ga").unwrap();

    let probe = Probe::new(200.0, 24.0, Aberrations::default(), 0.8).unwrap();
    let elements = ["Ga", "As"].map(|symbol| Element::from_symbol(symbol).unwrap());
    let model = LinearModel::new(probe, &Scattering::default(), elements).unwrap();
    let side = 61;
    let grid = Grid::new(side, side, PIXEL).unwrap();
    let middle = grid.width_angstrom() / 2.0 + 0.25 * PIXEL;
    let ideal = |p: &[f64]| model.spectrum(&columns(p, middle), &grid).image(&grid, None).mapv(f64::from);
    let truth = [0.0, 0.0, 1.0, APART, 0.0, 1.0, BACKGROUND];
    let peak = ideal(&truth).iter().fold(0.0_f64, |a, b| a.max(*b));
    let expected = |p: &[f64]| (ideal(p) / peak + p[6]) * ELECTRONS;
    let by: Vec<Array2<f64>> = (0..7)
        .map(|unknown| {
            let moved = |step: f64| {
                let mut p = truth;
                p[unknown] += step;
                expected(&p)
            };
            (moved(1e-2) - moved(-1e-2)) / 2e-2
        })
        .collect();
    let mean = expected(&truth).mapv(|v| v.max(1e-3));
    let information: Vec<Vec<f64>> =
        by.iter().map(|a| by.iter().map(|b| (a * b / &mean).sum()).collect()).collect();
    let mut rng = SampleRng::new(7, 0);
    let (trials, mut squares) = (500, [0.0; 2]);
    for _ in 0..trials {
        let image = mean.mapv(|v| f64::from(poisson(v as f32, &mut rng)));
        let mut p = truth;
        for _ in 0..3 {
            let now = expected(&p).mapv(|v| v.max(1e-3));
            let score = by.iter().map(|b| (b * &(&image / &now - 1.0)).sum()).collect();
            p.iter_mut().zip(solve(information.clone(), score)).for_each(|(p, step)| *p += step);
        }
        (0..2).for_each(|axis| squares[axis] += p[axis] * p[axis]);
    }
    for (squares, bound_pm) in squares.iter().zip(gallium.bound_pm) {
        let sigma_pm = 100.0 * (squares / f64::from(trials)).sqrt();
        let ratio = sigma_pm / bound_pm;
        assert!((ratio - 1.0).abs() < 0.1, "{sigma_pm} pm, bound {:?}", gallium.bound_pm);
    }
}

/// A wide Gaussian source makes a column nearly a Gaussian, whose bound without background is σ/√N; the atom's and
/// the aperture's own width, 0.8 Å, adds to the source's in squares: 5 %.
#[test]
fn an_isolated_column_without_background_has_sigma_over_root_n() {
    let mut file = tempfile::Builder::new().suffix(".cif").tempfile().unwrap();
    let wide = PAIR.replace(" 16", " 40");
    let alone: String =
        wide.lines().filter(|line| !line.starts_with("As1")).map(|line| format!("{line}\n")).collect();
    file.write_all(alone.as_bytes()).unwrap();
    let source = 6.0;
    let planned = bound(&Experiment {
        source_fwhm_angstrom: source,
        background: 0.0,
        pixel_angstrom: [0.4; 2],
        ..experiment(file.path().to_str().unwrap())
    })
    .unwrap();
    let row = &planned.results[0];
    let sigma_pm = 100.0 * (source / (8.0 * 2.0_f64.ln()).sqrt()).hypot(0.8);
    let ratio = row.bound_pm[0] / (sigma_pm / row.electrons.sqrt());
    assert!((ratio - 1.0).abs() < 0.03, "{ratio}");
}
