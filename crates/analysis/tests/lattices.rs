//! Lattices found in simulated columns whose lattice is known.
#![allow(clippy::unwrap_used)]

mod common;

use adatom_analysis::{AnalysisError, Lattice, LatticeSettings, Shape, Vector, find_lattice};
use common::{Crystal, Flaws, Random, columns, same_lattice};

fn pair(v: Vector) -> (f64, f64) {
    (v.x, v.y)
}

fn found(crystal: &Crystal, field: (f64, f64), flaws: Flaws, seed: u64) -> Lattice {
    let (positions, _) = columns(crystal, field, flaws, seed);
    let count = positions.len();
    find_lattice(&positions, None, &LatticeSettings::default()).unwrap_or_else(|e| panic!("{count}: {e}"))
}

fn assert_named(lattice: &Lattice) {
    assert!(lattice.a.x >= 0.0 && lattice.a.cross(lattice.b) > 0.0, "{:?} {:?}", lattice.a, lattice.b);
}

/// Noise of 3 % of the spacing, 5 % missing and 3 % spurious columns: both vectors to 0.3 %, the
/// primitive cell, and all but the spurious ones placed.
#[test]
fn plain_lattices_are_found_at_any_orientation() {
    let flaws = Flaws { noise: 0.3, missing: 0.05, spurious: 0.03 };
    for (crystal, shape) in [
        (Crystal::simple((10.0, 0.0), (0.0, 10.0)), Shape::Square),
        (Crystal::simple((10.0, 0.0), (-5.0, 75_f64.sqrt())), Shape::Hexagonal),
        (Crystal::simple((10.0, 0.0), (3.1, 12.7)), Shape::Oblique),
        (Crystal::simple((10.0, 0.0), (0.0, 16.0)), Shape::Rectangular),
    ] {
        for n in 0..20_u32 {
            let turned = crystal.turned(17.3 * f64::from(n) + 1.0);
            let lattice = found(&turned, (250.0, 200.0), flaws, u64::from(n));
            let close = same_lattice(turned.a, turned.b, pair(lattice.a), pair(lattice.b), 0.003);
            assert!(close, "{shape:?} {n}: {:?} {:?}", lattice.a, lattice.b);
            assert_eq!(lattice.shape(0.02), shape, "{n}");
            assert_eq!(lattice.sites.len(), 1);
            assert!((lattice.sigma - 0.3).abs() < 0.03, "{}", lattice.sigma);
            assert!(lattice.fitted() as f64 > 0.955 * lattice.places.len() as f64);
            assert_named(&lattice);
        }
    }
}

/// 20 to 30 columns are enough.
#[test]
fn small_fields_have_lattices() {
    let flaws = Flaws { noise: 0.3, missing: 0.03, spurious: 0.03 };
    let mut wrong = Vec::new();
    for n in 0..60_u32 {
        let turned = Crystal::simple((10.0, 0.0), (-1.0, 11.0)).turned(6.1 * f64::from(n));
        let (positions, _) = columns(&turned, (60.0, 45.0), flaws, 100 + u64::from(n));
        let good = match find_lattice(&positions, None, &LatticeSettings::default()) {
            Ok(l) => same_lattice(turned.a, turned.b, pair(l.a), pair(l.b), 0.03),
            Err(_) => false,
        };
        if !good {
            wrong.push((n, positions.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn silicon_110_is_primitive_and_has_a_rectangle() {
    let flaws = Flaws { noise: 0.07, missing: 0.03, spurious: 0.02 };
    let silicon = Crystal::silicon();
    let half = |sign: f64, c: &Crystal| (0.5 * (c.a.0 + sign * c.b.0), 0.5 * (c.a.1 + sign * c.b.1));
    for n in 0..20_u32 {
        let turned = silicon.turned(18.7 * f64::from(n));
        let lattice = found(&turned, (70.0, 60.0), flaws, u64::from(n));
        let (p, q) = (half(1.0, &turned), half(-1.0, &turned));
        assert!(same_lattice(p, q, pair(lattice.a), pair(lattice.b), 0.003), "{n}: {lattice:?}");
        assert_eq!(lattice.sites.len(), 2);
        assert_eq!(lattice.shape(0.03), Shape::CentredRectangular);
        let axes = lattice.axes(0.03).map(|step| lattice.vector(step).length());
        let (short, long) = (axes[0].min(axes[1]), axes[0].max(axes[1]));
        assert!((long / 5.431 - 1.0).abs() < 0.003 && (short / 3.8403 - 1.0).abs() < 0.003, "{axes:?}");
        // Brightness that is noise changes nothing, not even the sites' order.
        let (positions, brightness) = columns(&turned, (70.0, 60.0), flaws, u64::from(n));
        let bright = find_lattice(&positions, Some(&brightness), &LatticeSettings::default()).unwrap();
        assert_eq!(bright.places, lattice.places);
        // The motif is a quarter of the long side, to the right as the first site is on the left.
        let second = lattice.a * lattice.sites[1].u + lattice.b * lattice.sites[1].v;
        let nearest = (-1..=1)
            .flat_map(|i| (-1..=1).map(move |j| (i, j)))
            .map(|(i, j)| second + lattice.a * f64::from(i) + lattice.b * f64::from(j))
            .min_by(|v, w| v.length().total_cmp(&w.length()))
            .unwrap();
        assert!((nearest.length() - 1.35775).abs() < 0.03 && nearest.x > -0.1, "{nearest:?}");
        assert_named(&lattice);
    }
}

#[test]
fn honeycombs_have_two_sites_in_a_hexagonal_cell() {
    let flaws = Flaws { noise: 0.05, missing: 0.04, spurious: 0.02 };
    for n in 0..20_u32 {
        let turned = Crystal::honeycomb().turned(11.9 * f64::from(n));
        let lattice = found(&turned, (40.0, 36.0), flaws, u64::from(n));
        assert!(same_lattice(turned.a, turned.b, pair(lattice.a), pair(lattice.b), 0.003));
        assert_eq!((lattice.sites.len(), lattice.shape(0.03)), (2, Shape::Hexagonal));
        let (u, v) = (lattice.sites[1].u, lattice.sites[1].v);
        let thirds = [(1.0, 2.0), (2.0, 1.0)].map(|(p, q)| (u - p / 3.0).hypot(v - q / 3.0));
        assert!(thirds[0].min(thirds[1]) < 0.01, "{u} {v}");
    }
}

/// Without brightness the cell is the half, centred one; with it the cube's, bright site first.
#[test]
fn brightness_tells_the_sublattices_of_a_perovskite() {
    let flaws = Flaws { noise: 0.06, missing: 0.03, spurious: 0.02 };
    for n in 0..20_u32 {
        let turned = Crystal::perovskite().turned(13.3 * f64::from(n));
        let (positions, brightness) = columns(&turned, (45.0, 50.0), flaws, u64::from(n));
        let settings = LatticeSettings::default();
        let plain = find_lattice(&positions, None, &settings).unwrap();
        let full = find_lattice(&positions, Some(&brightness), &settings).unwrap();
        assert!((plain.a.cross(plain.b) - 0.5 * 3.905 * 3.905).abs() < 0.05);
        assert!(same_lattice(turned.a, turned.b, pair(full.a), pair(full.b), 0.003));
        assert_eq!((plain.sites.len(), full.sites.len()), (1, 2));
        let second = full.sites[1];
        assert!((second.u - 0.5).abs() < 0.01 && (second.v - 0.5).abs() < 0.01, "{second:?}");
        let means = full.sites.iter().map(|s| s.brightness.unwrap()).collect::<Vec<_>>();
        assert!((means[0] - 1.0).abs() < 0.03 && (means[1] - 0.6).abs() < 0.03, "{means:?}");
        // Brightness of columns that are alike enlarges nothing.
        let alike: Vec<f64> = {
            let mut random = Random(u64::from(n));
            positions.iter().map(|p| 1.0 + 0.01 * p.0 + 0.1 * random.normal()).collect()
        };
        assert_eq!(find_lattice(&positions, Some(&alike), &settings).unwrap().sites.len(), 1);
    }
}

/// Cells with vectors that hold for most columns, or nearly for all.
#[test]
fn motifs_that_look_like_smaller_cells_are_not_taken_for_them() {
    for (name, crystal, spacing) in [
        ("kagome", Crystal::kagome(), 3.0),
        ("layered", Crystal::layered(), 2.76),
        ("long", Crystal::long(), 3.1),
    ] {
        for (noise, missing) in [(0.03, 0.05), (0.05, 0.05), (0.03, 0.2)] {
            for n in 0..6_u32 {
                let turned = crystal.turned(31.7 * f64::from(n));
                let flaws = Flaws { noise: noise * spacing, missing, spurious: 0.03 };
                let lattice = found(&turned, (60.0, 50.0), flaws, u64::from(n));
                let close = same_lattice(turned.a, turned.b, pair(lattice.a), pair(lattice.b), 0.006);
                assert!(close, "{name} {noise} {missing} {n}: {:?} {:?}", lattice.a, lattice.b);
                assert_eq!(lattice.sites.len(), crystal.motif.len());
            }
        }
    }
}

/// A lattice bent by 8° across the field and strained by 4 %: indices stay whole.
#[test]
fn slow_strain_and_rotation_do_not_break_the_indices() {
    let flaws = Flaws { noise: 0.2, missing: 0.04, spurious: 0.02 };
    let crystal = Crystal::simple((10.0, 0.0), (1.0, 11.0)).turned(20.0);
    let (positions, _) = columns(&crystal, (400.0, 400.0), flaws, 3);
    let bent: Vec<(f64, f64)> =
        positions.iter().map(|&(x, y)| (x + 1e-4 * x * x, y + 1.7e-4 * x * y)).collect();
    let lattice = find_lattice(&bent, None, &LatticeSettings::default()).unwrap();
    assert!(lattice.fitted() as f64 > 0.96 * bent.len() as f64, "{} {}", lattice.fitted(), bent.len());
    // Differences of indices are those of the straight lattice.
    let index = |p: (f64, f64)| {
        let area = crystal.a.0 * crystal.b.1 - crystal.a.1 * crystal.b.0;
        let of = |v: (f64, f64), w: (f64, f64)| (v.0 * w.1 - v.1 * w.0) / area;
        (of(p, crystal.b), of(crystal.a, p))
    };
    let reference = lattice.places.iter().position(|p| p.is_some()).unwrap();
    let (u0, v0) = index(positions[reference]);
    let p0 = lattice.places[reference].unwrap();
    let [a, b] = [lattice.a, lattice.b].map(|v| index(pair(v))).map(|(u, v)| (u.round(), v.round()));
    let (mut right, mut placed) = (0, 0);
    for (position, place) in positions.iter().zip(&lattice.places) {
        let Some(place) = place else { continue };
        let (i, j) = (f64::from(place.i - p0.i), f64::from(place.j - p0.j));
        let (u, v) = index(*position);
        let off = (u - u0 - i * a.0 - j * b.0).hypot(v - v0 - i * a.1 - j * b.1);
        placed += 1;
        right += usize::from(off < 0.3);
    }
    assert!(placed - right <= 2, "{right} of {placed}");
}

/// A centred cell by hand: it is kept, with twice the sites.
#[test]
fn vectors_by_hand_name_the_cell() {
    let flaws = Flaws { noise: 0.07, missing: 0.03, spurious: 0.02 };
    let silicon = Crystal::silicon().turned(-31.0);
    let (positions, _) = columns(&silicon, (70.0, 60.0), flaws, 9);
    let off = |v: (f64, f64)| Vector::new(1.04 * v.0, 0.97 * v.1);
    let settings =
        LatticeSettings { guess: Some((off(silicon.a), off(silicon.b))), ..LatticeSettings::default() };
    let lattice = find_lattice(&positions, None, &settings).unwrap();
    assert!((lattice.a - Vector::from(silicon.a)).length() < 0.02, "{:?}", lattice.a);
    assert!((lattice.b - Vector::from(silicon.b)).length() < 0.02, "{:?}", lattice.b);
    assert_eq!(lattice.sites.len(), 4);
    let wrong = Some((Vector::new(4.6, 0.0), Vector::new(0.0, 2.3)));
    let refused = find_lattice(&positions, None, &LatticeSettings { guess: wrong, ..settings });
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn equal_columns_give_equal_lattices_and_residuals_are_displacements() {
    let flaws = Flaws { noise: 0.3, missing: 0.05, spurious: 0.03 };
    let crystal = Crystal::simple((10.0, 0.0), (3.1, 12.7)).turned(33.0);
    let (positions, _) = columns(&crystal, (300.0, 200.0), flaws, 4);
    let find = || find_lattice(&positions, None, &LatticeSettings::default()).unwrap();
    let lattice = find();
    assert_eq!(lattice, find());
    for ((place, residual), position) in lattice.places.iter().zip(&lattice.residuals).zip(&positions) {
        assert_eq!(place.is_some(), residual.is_some());
        if let (Some(place), Some(residual)) = (place, residual) {
            let at = lattice.position(*place).unwrap() + *residual;
            assert!((at - Vector::from(*position)).length() < 1e-9);
        }
    }
}

/// Units, an offset and a column from elsewhere don't matter.
#[test]
fn lattices_do_not_depend_on_the_unit_or_on_far_outliers() {
    let flaws = Flaws { noise: 0.3, missing: 0.05, spurious: 0.03 };
    let crystal = Crystal::simple((10.0, 0.0), (3.1, 12.7)).turned(33.0);
    let (mut positions, _) = columns(&crystal, (300.0, 300.0), flaws, 4);
    positions.push((4e11, -7e9));
    let settings = LatticeSettings::default();
    let lattice = find_lattice(&positions, None, &settings).unwrap();
    assert!(same_lattice(crystal.a, crystal.b, pair(lattice.a), pair(lattice.b), 0.003));
    assert_eq!(lattice.places.last(), Some(&None));
    positions.pop();
    let lattice = find_lattice(&positions, None, &settings).unwrap();
    for unit in [1e-10, 1e9] {
        let scaled: Vec<(f64, f64)> = positions.iter().map(|p| (unit * p.0, unit * p.1)).collect();
        let other = find_lattice(&scaled, None, &settings).unwrap();
        assert_eq!(other.places, lattice.places, "{unit}");
        assert!((other.a.length() / unit / lattice.a.length() - 1.0).abs() < 1e-9);
    }
    let square: Vec<(f64, f64)> =
        (0..36).map(|i| (1e6 + f64::from(i % 6), -1e6 + f64::from(i / 6))).collect();
    let exact = find_lattice(&square, None, &settings).unwrap();
    assert!((exact.a - Vector::new(1.0, 0.0)).length() < 1e-6 && exact.fitted() == 36);
    let twice: Vec<(f64, f64)> = square.iter().flat_map(|p| [*p, *p]).collect();
    let half = find_lattice(&twice, None, &settings);
    assert!(matches!(half, Err(AnalysisError::PartOnly { fitted: 36, columns: 72, .. })));
    let huge: Vec<(f64, f64)> = square.iter().map(|p| (1e300 * p.0, 1e300 * p.1)).collect();
    assert!(find_lattice(&huge, None, &settings).is_err());
}

/// Every place is one column's, in a field of twenty thousand.
#[test]
fn twenty_thousand_columns_each_have_their_own_place() {
    let flaws = Flaws { noise: 0.04, missing: 0.02, spurious: 0.02 };
    let (positions, _) = columns(&Crystal::silicon().turned(8.0), (330.0, 316.0), flaws, 11);
    assert!(positions.len() > 19_000);
    let lattice = find_lattice(&positions, None, &LatticeSettings::default()).unwrap();
    let mut places: Vec<_> = lattice.places.iter().flatten().collect();
    let fitted = places.len();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), fitted);
    assert!(fitted as f64 > 0.97 * positions.len() as f64);
}
