//! The simulation against what is known in closed form.

#![allow(clippy::unwrap_used)]

use adatom_crystal::{Column, Element};
use adatom_imaging::{Grid, LinearModel};
use adatom_multislice::{
    Atom, Detector, Method, MultisliceError, Phonons, Projection, Sampling, Scan, Settings, Simulation,
    Specimen,
};
use adatom_optics::{
    Aberrations, Parametrisation, Probe, Scattering, interaction_parameter, wavelength_angstrom,
};
use ndarray::Array2;
use num_complex::{Complex32, Complex64};
use std::f64::consts::PI;

fn probe(semiangle_mrad: f64, defocus_angstrom: f64) -> Probe {
    Probe::new(200.0, semiangle_mrad, Aberrations { defocus_angstrom, ..Default::default() }, 0.0).unwrap()
}

fn atom(symbol: &str, position: [f64; 3]) -> Atom {
    let element = Element::from_symbol(symbol).unwrap();
    Atom { element, position, occupancy: 1.0, u_iso_angstrom2: 0.0 }
}

/// A column of `count` atoms, 4 Å apart, in a box of 12 Å.
fn column(symbol: &str, count: usize) -> Specimen {
    let atoms = (0..count).map(|i| atom(symbol, [6.0, 6.0, 1.0 + 4.0 * i as f64])).collect();
    Specimen { atoms, size_angstrom: [12.0, 12.0, 4.0 * count as f64] }
}

fn settings(probe: Probe, scan: Scan) -> Settings {
    let detectors = vec![annular(60.0, 115.0)];
    Settings { sampling: Sampling::Samples([192, 192]), detectors, ..Settings::new(probe, 0.1, scan) }
}

fn annular(inner_mrad: f64, outer_mrad: f64) -> Detector {
    Detector::Annular { inner_mrad, outer_mrad }
}

fn value(specimen: &Specimen, settings: &Settings) -> f64 {
    let simulation = Simulation::new(specimen.clone(), settings.clone()).unwrap();
    simulation.run(&mut |_| true).unwrap().image(0, 0)[(0, 0)]
}

/// An atom so dilute that it doesn't scatter: a vacuum of the thickness wanted.
fn vacuum(thickness: f64) -> Specimen {
    let ghost = Atom { occupancy: 1e-9, ..atom("H", [0.0, 0.0, 0.5 * thickness]) };
    Specimen { atoms: vec![ghost], size_angstrom: [12.0, 12.0, thickness] }
}

/// Propagation in vacuum is a change of focus: a probe focused 60 Å further down is, 60 Å down, in focus.
#[test]
fn vacuum_moves_the_focus_and_loses_nothing() {
    let here = settings(probe(25.0, 0.0), Scan::point([4.0, 5.0]));
    let above = settings(probe(25.0, -60.0), Scan::point([4.0, 5.0]));
    let wave = |specimen, settings: &Settings| {
        Simulation::new(specimen, settings.clone()).unwrap().exit_wave([4.0, 5.0], 0).unwrap()
    };
    let focused = wave(vacuum(1e-1), &here);
    let moved = wave(vacuum(60.0), &above);
    let back = wave(vacuum(60.0), &settings(probe(25.0, 60.0), Scan::point([4.0, 5.0])));
    let norm: f64 = focused.iter().map(|v| f64::from(v.norm_sqr())).sum();
    assert!((norm / (192.0 * 192.0) - 1.0).abs() < 1e-5);
    let difference = |a: &Array2<Complex32>, b: &Array2<Complex32>| {
        let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a - b).norm_sqr())).sum();
        (error / norm).sqrt()
    };
    // The 0.1 Å of the first make 0.1 % of the path.
    let (right, wrong) = (difference(&moved, &focused), difference(&back, &focused));
    assert!(right.min(wrong) < 0.02 && right.max(wrong) > 0.5, "{right} and {wrong}");
    assert!(wrong < right, "underfocus puts the crossover below the entrance surface");
}

/// All electrons within the band are somewhere: on a disc as wide as the band lies the whole beam, but for what a
/// thin light specimen scatters beyond it.
#[test]
fn intensity_is_conserved() {
    let scan = Scan::point([6.0, 6.3]);
    let mut with = settings(probe(25.0, 0.0), scan);
    with.detectors = vec![annular(0.0, 115.0)];
    assert!((value(&vacuum(40.0), &with) - 1.0).abs() < 1e-5);
    let carbon = value(&column("C", 4), &with);
    assert!(carbon < 1.0 && carbon > 0.985, "{carbon}");
}

/// Weak phase object: Ψ(k) = A(k) + iσ Σ V(k − k′) A(k′), exact to second order in σV. A hundredth of a carbon atom,
/// thin slice, beam by beam against the direct sum.
#[test]
fn a_weak_phase_is_imaged_as_perturbation_theory_says() {
    let carbon = Atom { occupancy: 0.01, ..atom("C", [6.0, 6.0, 0.05]) };
    let specimen = Specimen { atoms: vec![carbon], size_angstrom: [12.0, 12.0, 0.1] };
    let simulation = Simulation::new(specimen, settings(probe(20.0, 0.0), Scan::point([6.3, 5.8]))).unwrap();
    let pattern = simulation.diffraction_wave([6.3, 5.8], 0).unwrap();
    let vacuum = Simulation::new(vacuum(0.1), settings(probe(20.0, 0.0), Scan::point([6.3, 5.8]))).unwrap();
    let beam = vacuum.diffraction_wave([6.3, 5.8], 0).unwrap();
    let sigma = 0.01 * interaction_parameter(200.0);
    // Both waves have gone on by 0.1 Å.
    let propagated = |row: usize, column: usize| {
        let k2 = ((row as f64 - 96.0).powi(2) + (column as f64 - 96.0).powi(2)) / 144.0;
        Complex64::cis(-PI * 0.1 * wavelength_angstrom(200.0) * k2)
    };
    let (mut error, mut total) = (0.0, 0.0);
    // Samples of the dark field, up to 60 mrad.
    for (row, column) in [(96, 116), (96, 70), (120, 96), (112, 115), (75, 110), (96, 124), (80, 72)] {
        let mut expected = Complex64::default();
        for ((y, x), amplitude) in beam.indexed_iter().filter(|(_, a)| a.norm_sqr() > 1e-12) {
            let (kx, ky) = ((column as f64 - x as f64) / 12.0, (row as f64 - y as f64) / 12.0);
            let potential =
                47.877_645 * Parametrisation::Lobato.scattering_factor(6, kx.hypot(ky)).unwrap() / 144.0;
            let phase = Complex64::cis(-2.0 * PI * (kx + ky) * 6.0);
            let amplitude =
                Complex64::new(f64::from(amplitude.re), f64::from(amplitude.im)) / propagated(y, x);
            expected += Complex64::i() * sigma * potential * phase * amplitude;
        }
        expected *= propagated(row, column);
        let found = pattern[(row, column)];
        let found = Complex64::new(f64::from(found.re), f64::from(found.im));
        error += (found - expected).norm_sqr();
        total += expected.norm_sqr();
    }
    assert!((error / total).sqrt() < 5e-3, "{}", (error / total).sqrt());
}

/// As the specimen gets thinner the image of a column takes the shape of the linear model: |probe|² blurred by what
/// the atom scatters into the detector. With a wide hollow detector on a light atom, that is a point at high angles.
#[test]
fn the_thin_limit_has_the_shape_of_the_linear_model() {
    let positions: Vec<f64> = (0..6).map(|i| 0.15 * f64::from(i)).collect();
    let probe = probe(24.0, 0.0);
    let profile: Vec<f64> = positions
        .iter()
        .map(|x| {
            let mut s = settings(probe, Scan::point([6.0 + x, 6.0]));
            s.sampling = Sampling::Samples([384, 384]);
            s.detectors = vec![annular(130.0, 240.0)];
            value(
                &Specimen { atoms: vec![atom("Si", [6.0, 6.0, 0.5])], size_angstrom: [12.0, 12.0, 1.0] },
                &s,
            )
        })
        .collect();
    let element = Element::from_symbol("Si").unwrap();
    let point = Scattering::PowerOfZ { exponent: 1.7 };
    let model = LinearModel::new(probe, &point, [element]).unwrap();
    let linear: Vec<f64> = positions
        .iter()
        .map(|x| {
            let grid = Grid::new(1, 1, 0.01).unwrap();
            let column =
                Column { x: 0.005 - x, y: 0.005, species: vec![(element, 1.0)], u_iso_angstrom2: None };
            f64::from(model.spectrum([&column], &grid).image(&grid, None)[(0, 0)])
        })
        .collect();
    for (index, x) in positions.iter().enumerate() {
        let (ours, expected) = (profile[index] / profile[0], linear[index] / linear[0]);
        assert!((ours - expected).abs() < 0.03, "{x} Å: {ours} and {expected}");
    }
}

/// Finite projections put the same potential into slices of any thickness; with slices as thick as the specimen they
/// are the infinite ones.
#[test]
fn one_slice_holds_the_whole_potential_either_way() {
    let specimen = Specimen { atoms: vec![atom("Sr", [6.0, 6.1, 2.0])], size_angstrom: [12.0, 12.0, 4.0] };
    let mut s = settings(probe(24.0, 0.0), Scan::point([6.2, 6.0]));
    s.detectors = vec![annular(60.0, 115.0)];
    s.slice_thickness_angstrom = 4.0;
    let infinite = value(&specimen, &s);
    s.projection = Projection::Finite;
    assert!((value(&specimen, &s) / infinite - 1.0).abs() < 1e-5);
    // In thin slices the beam spreads within the atom: a little different, not much.
    s.slice_thickness_angstrom = 0.25;
    let finite = value(&specimen, &s);
    assert!((finite / infinite - 1.0).abs() < 0.05, "{finite} and {infinite}");
}

/// Positions are exact below a sample: moving atom and probe together by a third of one changes nothing but rounding
/// and what aliases.
#[test]
fn atoms_need_not_lie_on_samples() {
    let mut s = settings(probe(24.0, 0.0), Scan::point([6.2, 6.0]));
    s.sampling = Sampling::Samples([384, 384]);
    let specimen = |x| Specimen { atoms: vec![atom("Sr", [x, 6.0, 1.0])], size_angstrom: [12.0, 12.0, 2.0] };
    let here = value(&specimen(6.0), &s);
    let third = 12.0 / 384.0 / 3.0;
    s.scan = Scan::point([6.2 + third, 6.0]);
    let there = value(&specimen(6.0 + third), &s);
    assert!((here / there - 1.0).abs() < 1e-2, "{here} and {there}");
}

/// PRISM without interpolation is the conventional method. With a factor of two a window of 6 Å cuts the probe's tails
/// off: 10 %.
#[test]
fn prism_agrees_with_the_conventional_method() {
    let specimen = column("Sr", 3);
    let scan = Scan { origin_angstrom: [5.0, 6.0], extent_angstrom: [2.0, 1.0], positions: [5, 1] };
    let mut s = settings(probe(24.0, 20.0), scan);
    s.detectors =
        vec![annular(50.0, 115.0), annular(0.0, 20.0), Detector::CentreOfMass { outer_mrad: 100.0 }];
    s.defocus_spread_angstrom = 20.0;
    let run =
        |s: &Settings| Simulation::new(specimen.clone(), s.clone()).unwrap().run(&mut |_| true).unwrap();
    let conventional = run(&s);
    s.method = Method::Prism { interpolation: 1 };
    let whole = run(&s);
    s.method = Method::Prism { interpolation: 2 };
    let half = run(&s);
    for channel in 0..4 {
        let scale = conventional.image(0, channel).iter().fold(0.01_f64, |a, v| a.max(v.abs()));
        for position in 0..5 {
            let at = |r: &adatom_multislice::Recording| r.image(0, channel)[(0, position)];
            let (exact, same, near) = (at(&conventional), at(&whole), at(&half));
            assert!((exact - same).abs() < 1e-4 * scale, "{channel}: {exact} and {same}");
            assert!((exact - near).abs() < 0.1 * scale, "{channel}: {exact} and {near}");
        }
    }
}

/// Probes of PRISM that are put together share what their windows cover; each is what it is alone, across the box's edge
/// and from one row of the scan to the next, too.
#[test]
fn probes_of_prism_are_the_same_alone_and_together() {
    let scan = Scan { origin_angstrom: [9.0, 10.0], extent_angstrom: [8.0, 4.0], positions: [7, 3] };
    let mut s = settings(probe(24.0, 20.0), scan);
    s.detectors = vec![annular(50.0, 115.0), annular(0.0, 20.0)];
    s.method = Method::Prism { interpolation: 2 };
    let run = |s: &Settings| Simulation::new(column("Sr", 2), s.clone()).unwrap().run(&mut |_| true).unwrap();
    let together = run(&s);
    for (row, column) in (0..3).flat_map(|row| (0..7).map(move |column| (row, column))) {
        s.scan = Scan::point([9.0 + 8.0 / 7.0 * column as f64, 10.0 + 4.0 / 3.0 * row as f64]);
        let alone = run(&s);
        for channel in 0..2 {
            let (a, b) = (together.image(0, channel)[(row, column)], alone.image(0, channel)[(0, 0)]);
            assert!((a - b).abs() < 1e-5, "{row}, {column}: {a} and {b}");
        }
    }
}

/// A probe to the right of a column is pulled to the left, and sectors see it.
#[test]
fn deflection_points_to_the_column() {
    let mut s = settings(probe(24.0, 0.0), Scan::point([6.4, 6.0]));
    s.detectors = vec![
        Detector::CentreOfMass { outer_mrad: 110.0 },
        Detector::Segmented { inner_mrad: 20.0, outer_mrad: 60.0, segments: 4, rotation_deg: -45.0 },
    ];
    let seen = Simulation::new(column("Sr", 1), s).unwrap().run(&mut |_| true).unwrap();
    let at = |channel| seen.image(0, channel)[(0, 0)];
    assert_eq!(seen.channels[0], "com-x");
    assert!(at(0) < -1.0 && at(1).abs() < 1e-3, "{} {}", at(0), at(1));
    // Right, up, left, down; samples on a diagonal count to one side of it.
    assert!(at(4) > 1.3 * at(2) && (at(3) / at(5) - 1.0).abs() < 0.04);
}

/// A tilt of the specimen moves the wave sideways by depth × tan θ.
#[test]
fn tilt_shears_the_specimen() {
    let mut s = settings(probe(25.0, 0.0), Scan::point([4.0, 5.0]));
    let centre = |s: &Settings| {
        let wave = Simulation::new(vacuum(50.0), s.clone()).unwrap().exit_wave([4.0, 5.0], 0).unwrap();
        let (mut x, mut total) = (0.0, 0.0);
        for ((_, column), v) in wave.indexed_iter() {
            x += column as f64 * f64::from(v.norm_sqr());
            total += f64::from(v.norm_sqr());
        }
        x / total * 12.0 / 192.0
    };
    let straight = centre(&s);
    s.tilt_mrad = [20.0, 0.0];
    let moved = centre(&s) - straight;
    assert!((moved - 50.0 * 0.02).abs() < 0.05, "{moved}");
}

#[test]
fn configurations_are_averaged_and_a_stopped_run_resumes_to_the_same_bits() {
    let mut specimen = column("Sr", 3);
    specimen.atoms.iter_mut().for_each(|atom| atom.u_iso_angstrom2 = 0.008);
    let scan = Scan { origin_angstrom: [5.0, 5.0], extent_angstrom: [2.0, 2.0], positions: [9, 9] };
    let mut s = settings(probe(24.0, 0.0), scan);
    s.sampling = Sampling::Samples([96, 96]);
    s.detectors = vec![annular(30.0, 55.0)];
    s.phonons = Some(Phonons { configurations: 3, seed: 4 });
    let simulation = Simulation::new(specimen, s).unwrap();
    assert_eq!(simulation.units(), 6);
    let whole = simulation.run(&mut |_| true).unwrap();
    let mut kept = Vec::new();
    let stopped = simulation.run(&mut |unit| {
        kept.push(unit.clone());
        kept.len() < 3
    });
    assert_eq!(stopped, Err(MultisliceError::Stopped));
    let mut again = 0;
    let resumed = simulation.resume(kept, &mut |_| {
        again += 1;
        true
    });
    assert_eq!((again, resumed.unwrap()), (3, whole));
}

#[test]
fn what_cannot_be_right_is_refused_with_numbers_that_would_work() {
    let good = settings(probe(24.0, 0.0), Scan::point([6.0, 6.0]));
    let refusal = |change: &dyn Fn(&mut Settings)| {
        let mut s = good.clone();
        change(&mut s);
        Simulation::new(column("Sr", 3), s).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let outside = refusal(&|s| s.detectors = vec![annular(98.0, 196.0)]);
    assert!(outside.contains("129.7 mrad") && outside.contains("sample at 0.0414"), "{outside}");
    assert!(refusal(&|s| s.probe = probe(140.0, 0.0)).contains("convergence semi-angle"));
    assert!(refusal(&|s| s.memory_bytes = 1_000_000).contains("allow"));
    assert!(refusal(&|s| s.thicknesses_angstrom = vec![13.0]).contains("up to the specimen's 12 Å"));
    assert!(refusal(&|s| s.slice_thickness_angstrom = 0.0).contains("slice thickness"));
    assert!(refusal(&|s| s.method = Method::Prism { interpolation: 12 }).contains("at most"));
    let mut flat = column("Sr", 1);
    flat.size_angstrom[2] = 0.0;
    assert!(Simulation::new(flat, good.clone()).is_err());
    let mut twice = column("Sr", 1);
    twice.atoms.push(twice.atoms[0]);
    assert!(matches!(Simulation::new(twice, good), Err(MultisliceError::Overlap { .. })));
}
