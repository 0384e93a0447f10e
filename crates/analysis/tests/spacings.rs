//! Spacings and strain of simulated columns whose noise is known.
#![allow(clippy::unwrap_used)]

mod common;

use adatom_analysis::{
    AnalysisError, Bootstrap, Lattice, LatticeSettings, SpacingSettings, Vector, find_lattice, local_strain,
    spacings,
};
use common::{Crystal, Flaws, Random, columns};

const QUICK: SpacingSettings = SpacingSettings {
    bins: adatom_analysis::BinWidth::FreedmanDiaconis,
    bootstrap: Bootstrap { draws: 300, seed: 1, level: 0.95 },
};

fn lattice_of(positions: &[(f64, f64)]) -> Lattice {
    find_lattice(positions, None, &LatticeSettings::default()).unwrap()
}

/// Every pair of columns about one vector apart, by looking at all pairs.
#[test]
fn pairs_equal_brute_force() {
    let flaws = Flaws { noise: 0.25, missing: 0.06, spurious: 0.0 };
    let (positions, _) =
        columns(&Crystal::simple((10.0, 0.0), (2.0, 12.0)).turned(25.0), (150.0, 120.0), flaws, 3);
    let lattice = lattice_of(&positions);
    assert_eq!(lattice.fitted(), positions.len());
    for step in [[1, 0], [0, 1], [1, -1], [2, 0]] {
        let found = spacings(&positions, &lattice, None, step, &QUICK).unwrap();
        let vector = lattice.vector(step);
        let mut expected = Vec::new();
        for (i, p) in positions.iter().enumerate() {
            for (j, q) in positions.iter().enumerate() {
                if (Vector::from(*q) - Vector::from(*p) - vector).length() < 3.0 {
                    expected.push([i, j]);
                }
            }
        }
        let mut pairs = found.pairs.clone();
        pairs.sort_unstable();
        assert_eq!(pairs, expected, "{step:?}");
        let mean = found.values.iter().sum::<f64>() / found.values.len() as f64;
        assert_eq!(found.mean.value, mean);
        assert_eq!(found.histogram.counts.iter().sum::<usize>(), found.values.len());
    }
}

/// The paper's figure 11: Si [110] along the sides of the rectangle. White noise of 4.8 pm a
/// coordinate makes a σ of 4.8 √2 = 6.79 pm and asks for 46 frames.
#[test]
fn silicon_spacings_have_the_noise_that_was_put_in() {
    let flaws = Flaws { noise: 0.048, missing: 0.02, spurious: 0.01 };
    let (positions, _) = columns(&Crystal::silicon().turned(7.0), (90.0, 80.0), flaws, 5);
    let lattice = lattice_of(&positions);
    let axes = lattice.axes(0.03);
    for (step, length) in axes.into_iter().zip([5.431, 3.8403]) {
        for site in [Some(0), Some(1), None] {
            let found = spacings(&positions, &lattice, site, step, &QUICK).unwrap();
            let n = found.values.len() as f64;
            println!("{step:?} {site:?} {n} {:?} {:?} {:?}", found.mean, found.sigma, found.robust_sigma);
            assert!((found.mean.value - length).abs() < 0.005);
            assert!((found.sigma.value - 0.0679).abs() < 3.0 * 0.0679 / n.sqrt());
            assert!((found.robust_sigma.value - 0.0679).abs() < 5.0 * 0.0679 / n.sqrt());
            let frames = found.frames_for_1_pm(100.0);
            assert!((frames - (100.0 * found.sigma.value).powi(2)).abs() < 1e-9);
            assert!((frames / 46.1 - 1.0).abs() < 0.25, "{frames}");
        }
    }
}

/// Of 120 images, the intervals of 95 % hold σ √2 and the vector's length in at least 102 (binomial
/// expectation 114, bootstrap of some twenty lines a little less).
#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let (mut sigma, mut robust, mut mean) = (0, 0, 0);
    let crystal = Crystal::simple((10.0, 0.0), (0.0, 10.0));
    for seed in 0..120 {
        let flaws = Flaws { noise: 0.3, ..Flaws::default() };
        let (positions, _) = columns(&crystal, (250.0, 250.0), flaws, 1000 + seed);
        let lattice = lattice_of(&positions);
        let found = spacings(&positions, &lattice, None, [1, 0], &QUICK).unwrap();
        let holds = |estimate: adatom_analysis::Estimate, truth: f64| {
            let interval = estimate.interval.unwrap();
            usize::from(interval.low <= truth && truth <= interval.high)
        };
        sigma += holds(found.sigma, 0.3 * 2_f64.sqrt());
        robust += holds(found.robust_sigma, 0.3 * 2_f64.sqrt());
        mean += holds(found.mean, 10.0);
    }
    println!("{sigma} {robust} {mean} of 120");
    assert!(sigma >= 102 && robust >= 102 && mean >= 102, "{sigma} {robust} {mean}");
}

#[test]
fn wrong_columns_change_sigma_but_hardly_the_robust_one() {
    let flaws = Flaws { noise: 0.2, ..Flaws::default() };
    let (mut positions, _) = columns(&Crystal::simple((10.0, 0.0), (0.0, 11.0)), (200.0, 200.0), flaws, 8);
    let lattice = lattice_of(&positions);
    positions.iter_mut().step_by(40).for_each(|p| p.0 += 3.0);
    let found = spacings(&positions, &lattice, None, [1, 0], &QUICK).unwrap();
    assert!(
        found.sigma.value > 0.5 && found.robust_sigma.value < 0.34,
        "{:?} {:?}",
        found.sigma,
        found.robust_sigma
    );
}

#[test]
fn equal_seeds_give_equal_intervals() {
    let flaws = Flaws { noise: 0.2, ..Flaws::default() };
    let (positions, _) =
        columns(&Crystal::honeycomb().turned(3.0), (30.0, 30.0), Flaws { noise: 0.05, ..flaws }, 8);
    let lattice = lattice_of(&positions);
    let with = |seed| {
        let bootstrap = Bootstrap { seed, ..QUICK.bootstrap };
        spacings(&positions, &lattice, Some(0), [0, 1], &SpacingSettings { bootstrap, ..QUICK }).unwrap()
    };
    assert_eq!(with(4), with(4));
    assert_ne!(with(4).sigma.interval, with(5).sigma.interval);
    assert_eq!(with(4).values, with(5).values);
}

#[test]
fn what_has_no_spacings_is_refused() {
    let (positions, _) = columns(&Crystal::honeycomb(), (20.0, 20.0), Flaws::default(), 1);
    let lattice = lattice_of(&positions);
    let with = |site, step| spacings(&positions, &lattice, site, step, &QUICK);
    assert!(matches!(with(Some(2), [1, 0]), Err(AnalysisError::OutOfRange { name: "site", .. })));
    assert!(matches!(with(None, [0, 0]), Err(AnalysisError::OutOfRange { name: "step", .. })));
    assert!(matches!(with(None, [50, 0]), Err(AnalysisError::TooFewSpacings { count: 0, .. })));
    let short = spacings(&positions[1..], &lattice, None, [1, 0], &QUICK);
    assert!(matches!(short, Err(AnalysisError::LengthsDiffer { .. })));
    let exact = with(None, [1, 0]).unwrap();
    assert!(exact.sigma.value < 1e-9 && exact.frames_for(0.01) < 1e-9);
}

/// Positions displaced by a known map have its gradient as strain, once the mean is taken off.
#[test]
fn strain_is_the_gradient_of_the_displacement() {
    let (positions, _) =
        columns(&Crystal::simple((10.0, 0.0), (0.0, 10.0)).turned(14.0), (300.0, 300.0), Flaws::default(), 2);
    let (k, l) = (6e-5, -4e-5);
    let bent: Vec<(f64, f64)> =
        positions.iter().map(|&(x, y)| (x + k * x * x + l * x * y, y + l * y * y)).collect();
    let lattice = lattice_of(&bent);
    let strains = local_strain(&bent, &lattice).unwrap();
    // Against the column closest to the middle, as the fitted lattice is strained on the mean.
    let middle = (0..positions.len())
        .min_by(|i, j| {
            let off = |n: &usize| (positions[*n].0 - 150.0).hypot(positions[*n].1 - 150.0);
            off(i).total_cmp(&off(j))
        })
        .unwrap();
    let gradient = |(x, y): (f64, f64)| [2.0 * k * x + l * y, 2.0 * l * y, 0.5 * l * x, -0.5 * l * x];
    let (zero, at) = (gradient(positions[middle]), strains[middle].unwrap());
    let mut inner = 0;
    for (position, strain) in positions.iter().zip(&strains) {
        let inside = |v: f64| (15.0..285.0).contains(&v);
        let Some(s) = strain.filter(|_| inside(position.0) && inside(position.1)) else { continue };
        let expected = gradient(*position);
        let found = [s.xx - at.xx, s.yy - at.yy, s.xy - at.xy, s.rotation - at.rotation];
        for n in 0..4 {
            assert!((found[n] - expected[n] + zero[n]).abs() < 6e-4, "{n} {found:?} {expected:?}");
        }
        inner += 1;
    }
    assert!(inner > 600, "{inner}");
    let mut random = Random(1);
    let noisy: Vec<(f64, f64)> = bent.iter().map(|p| (p.0 + 0.01 * random.normal(), p.1)).collect();
    assert!(local_strain(&noisy, &lattice).is_ok());
}
