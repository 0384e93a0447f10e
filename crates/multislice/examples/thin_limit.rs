//! The linear model as the thin limit: what a probe on a column of SrTiO3 [001] scatters to 98–196 mrad at 200 kV, 20 mrad,
//! over what single atoms do, each in the first Born approximation and |probe|² strong. Atoms vibrate as at room temperature
//! in both; multislice is the mean of 16 configurations. Prints a table in CSV.
//!
//!     cargo run --release -p adatom-multislice --example thin_limit

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use adatom_crystal::{Column, Element};
use adatom_imaging::{Grid, LinearModel};
use adatom_multislice::{Atom, Detector, Phonons, Scan, Settings, Simulation, Specimen};
use adatom_optics::{Aberrations, Parametrisation, Probe, Scattering, cross_section_factor};

const SIDE: f64 = 3.905;
const CELLS: usize = 52;
const ANGLES: (f64, f64) = (98.0, 196.0);

/// Elements, places in a cell, an eighth of a cell down, so that none lies on a slice's edge, and mean square displacements
/// \[Å²\].
const SITES: [(&str, [f64; 3], f64); 5] = [
    ("Sr", [0.0, 0.0, 0.125], 0.0079),
    ("Ti", [0.5, 0.5, 0.625], 0.0056),
    ("O", [0.5, 0.5, 0.125], 0.0091),
    ("O", [0.5, 0.0, 0.625], 0.0091),
    ("O", [0.0, 0.5, 0.625], 0.0091),
];

fn main() {
    let probe = Probe::new(200.0, 20.0, Aberrations::default(), 0.0).unwrap();
    let element = |symbol: &str| Element::from_symbol(symbol).unwrap();
    let across = 4;
    let mut atoms = Vec::new();
    for (i, j, k) in
        (0..across * across * CELLS).map(|n| (n % across, n / across % across, n / across / across))
    {
        for (symbol, [x, y, z], u_iso_angstrom2) in SITES {
            let position = [(i as f64 + x) * SIDE, (j as f64 + y) * SIDE, (k as f64 + z) * SIDE];
            atoms.push(Atom { element: element(symbol), position, occupancy: 1.0, u_iso_angstrom2 });
        }
    }
    let width = across as f64 * SIDE;
    let specimen = Specimen { atoms, size_angstrom: [width, width, CELLS as f64 * SIDE] };
    let thicknesses: Vec<f64> = (1..=CELLS).map(|n| n as f64 * SIDE).collect();
    let angles = Scattering::AnnularCrossSection {
        parametrisation: Parametrisation::Lobato,
        inner_mrad: ANGLES.0,
        outer_mrad: ANGLES.1,
    };
    let linear = LinearModel::new(probe, &angles, SITES.map(|(symbol, ..)| element(symbol))).unwrap();
    let ratios: Vec<Vec<f64>> = [[0.0, 0.0], [0.5 * SIDE, 0.5 * SIDE], [0.5 * SIDE, 0.0]]
        .into_iter()
        .map(|place| {
            let mut settings = Settings::new(probe, 0.04, Scan::point(place));
            settings.slice_thickness_angstrom = 0.25 * SIDE;
            settings.thicknesses_angstrom = thicknesses.clone();
            settings.phonons = Some(Phonons { configurations: 16, seed: 1 });
            settings.detectors = vec![Detector::Annular { inner_mrad: ANGLES.0, outer_mrad: ANGLES.1 }];
            let recording = Simulation::new(specimen.clone(), settings).unwrap().run(&mut |_| true).unwrap();
            let cell = one_cell(&linear, place) * cross_section_factor(200.0);
            (0..CELLS).map(|n| recording.image(n, 0)[(0, 0)] / (cell * (n + 1) as f64)).collect()
        })
        .collect();
    println!("thickness_angstrom,Sr,Ti/O,O");
    for (n, thickness) in thicknesses.iter().enumerate() {
        println!("{thickness:.3},{:.4},{:.4},{:.4}", ratios[0][n], ratios[1][n], ratios[2][n]);
    }
}

/// The linear image of one cell's thickness at a place.
fn one_cell(linear: &LinearModel, place: [f64; 2]) -> f64 {
    let mut columns = Vec::new();
    for (i, j) in (0..81).map(|n| (f64::from(n % 9 - 4), f64::from(n / 9 - 4))) {
        for (symbol, [x, y, _], u) in SITES {
            let species = vec![(Element::from_symbol(symbol).unwrap(), 1.0)];
            let (x, y) = ((x + i) * SIDE - place[0], (y + j) * SIDE - place[1]);
            // Farther ones would be seen as if they were a period nearer.
            if x.abs().max(y.abs()) < linear.margin_angstrom() {
                let (x, y) = (x + 0.005, y + 0.005);
                columns.push(Column { x, y, species, u_iso_angstrom2: Some(u) });
            }
        }
    }
    let grid = Grid::new(1, 1, 0.01).unwrap();
    f64::from(linear.spectrum(&columns, &grid).image(&grid, None)[(0, 0)])
}
