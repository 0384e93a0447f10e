//! Columns that are no lattice, or not a single one.
#![allow(clippy::unwrap_used)]

mod common;

use adatom_analysis::{AnalysisError, LatticeSettings, Vector, find_lattice};
use common::{Crystal, Flaws, Random, columns, same_lattice};

fn pair(v: Vector) -> (f64, f64) {
    (v.x, v.y)
}

#[test]
fn random_positions_are_refused() {
    let mut accepted = Vec::new();
    for count in [12, 20, 30, 50, 100, 300, 1000, 5000] {
        for seed in 0..(if count > 200 { 3 } else { 60 }) {
            let mut random = Random(7_000 * seed + count);
            let side = 10.0 * (count as f64).sqrt();
            let positions: Vec<(f64, f64)> =
                (0..count).map(|_| (side * random.uniform(), side * random.uniform())).collect();
            if find_lattice(&positions, None, &LatticeSettings::default()).is_ok() {
                accepted.push((count, seed));
            }
        }
    }
    assert!(accepted.is_empty(), "{accepted:?}");
}

/// Random positions that keep their distance, as columns of an amorphous sheet do.
#[test]
fn amorphous_arrangements_are_refused() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let mut positions: Vec<(f64, f64)> = Vec::new();
        let side = if seed < 6 { 60.0 } else { 250.0 };
        for _ in 0..20_000 {
            let p = (side * random.uniform(), side * random.uniform());
            if positions.iter().all(|q| (p.0 - q.0).hypot(p.1 - q.1) > 9.0) {
                positions.push(p);
            }
        }
        let result = find_lattice(&positions, None, &LatticeSettings::default());
        assert!(result.is_err(), "{seed}: {} columns", positions.len());
    }
}

#[test]
fn of_two_grains_the_larger_is_told() {
    let flaws = Flaws { noise: 0.25, missing: 0.03, spurious: 0.02 };
    let crystal = Crystal::simple((10.0, 0.0), (0.0, 10.0));
    for border in [110.0, 90.0] {
        let (left, _) = columns(&crystal, (border, 200.0), flaws, 1);
        let (right, _) = columns(&crystal.turned(45.0), (200.0 - border, 200.0), flaws, 2);
        let other = left.len();
        let both: Vec<(f64, f64)> =
            left.into_iter().chain(right.into_iter().map(|(x, y)| (x + border, y))).collect();
        let (settings, columns) = (LatticeSettings::default(), both.len());
        let larger = if border > 100.0 { crystal.clone() } else { crystal.turned(45.0) };
        match find_lattice(&both, None, &settings) {
            Err(AnalysisError::PartOnly { fitted, columns: all, lattice }) => {
                assert_eq!(all, columns);
                assert!(same_lattice(larger.a, larger.b, pair(lattice.a), pair(lattice.b), 0.01));
                let in_left = lattice.places[..other].iter().flatten().count();
                let inside = if border > 100.0 { in_left } else { fitted - in_left };
                assert!(inside as f64 > 0.95 * fitted as f64, "{inside} of {fitted}");
                // Those left over are the other grain's.
                let rest: Vec<(f64, f64)> = both
                    .iter()
                    .zip(&lattice.places)
                    .filter(|(_, place)| place.is_none())
                    .map(|(position, _)| *position)
                    .collect();
                let smaller = if border > 100.0 { crystal.turned(45.0) } else { crystal.clone() };
                let next = find_lattice(&rest, None, &settings).unwrap();
                assert!(same_lattice(smaller.a, smaller.b, pair(next.a), pair(next.b), 0.01));
            }
            Ok(lattice) => panic!("{:?} {:?}", lattice.a, lattice.b),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A boundary of 10° looks like a bend where a tenth of the spacing is forgiven twice.
#[test]
fn a_narrow_tolerance_keeps_grains_apart_that_are_little_turned() {
    let flaws = Flaws { noise: 0.2, missing: 0.02, spurious: 0.02 };
    let crystal = Crystal::simple((10.0, 0.0), (0.0, 11.0)).turned(12.0);
    let (mut positions, _) = columns(&crystal, (140.0, 200.0), flaws, 1);
    let left = positions.len();
    let (right, _) = columns(&crystal.turned(10.0), (60.0, 200.0), flaws, 2);
    positions.extend(right.into_iter().map(|(x, y)| (x + 140.0, y)));
    let crossed = |tolerance| {
        let settings = LatticeSettings { tolerance, ..LatticeSettings::default() };
        let lattice = find_lattice(&positions, None, &settings).unwrap();
        lattice.places[left..].iter().flatten().count() as f64 / (positions.len() - left) as f64
    };
    assert!(crossed(0.2) > 0.8 && crossed(0.1) < 0.15, "{} {}", crossed(0.2), crossed(0.1));
}

#[test]
fn a_line_repeats_in_one_direction_only() {
    let mut random = Random(5);
    for noise in [0.0, 0.2] {
        for count in [15, 40, 200] {
            let positions: Vec<(f64, f64)> = (0..count)
                .map(|i| {
                    (
                        10.0 * f64::from(i) + noise * random.normal(),
                        4.0 * f64::from(i) + noise * random.normal(),
                    )
                })
                .collect();
            let result = find_lattice(&positions, None, &LatticeSettings::default());
            let Err(AnalysisError::OneDirection { vector }) = result else { panic!("{noise} {count}") };
            assert!((vector.length() - 10.77).abs() < 0.2, "{vector:?}");
        }
    }
}

#[test]
fn what_is_no_set_of_columns_is_refused() {
    let settings = LatticeSettings::default();
    let few = [(0.0, 0.0); 5];
    assert!(matches!(
        find_lattice(&few, None, &settings),
        Err(AnalysisError::TooFewColumns { count: 5, .. })
    ));
    let mut bad = vec![(1.0, 2.0); 20];
    assert!(find_lattice(&bad, None, &settings).is_err());
    bad[7].1 = f64::NAN;
    assert_eq!(find_lattice(&bad, None, &settings), Err(AnalysisError::NotFinite { index: 7 }));
    let short = find_lattice(&bad, Some(&[1.0]), &settings);
    assert!(matches!(short, Err(AnalysisError::LengthsDiffer { count: 1, columns: 20, .. })));
    let wide = LatticeSettings { tolerance: 0.9, ..settings };
    assert!(matches!(find_lattice(&bad, None, &wide), Err(AnalysisError::OutOfRange { .. })));
}
