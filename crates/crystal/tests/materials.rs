//! The crystals in the `materials` folder have the atoms and distances that are known of them.
#![allow(clippy::unwrap_used)]

mod common;

use adatom_crystal::{ProjectedCell, ProjectedColumn, ZoneAxis};
use common::{count, element, material, shortest_distance};

fn project(name: &str, zone: &str) -> ProjectedCell {
    ProjectedCell::new(&material(name), zone.parse::<ZoneAxis>().unwrap(), 0.3).unwrap()
}

fn atoms(column: &ProjectedColumn, symbol: &str) -> f64 {
    column.species.iter().filter(|(e, _)| *e == element(symbol)).map(|(_, n)| n).sum()
}

#[track_caller]
fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() < tolerance, "{value} instead of {expected}");
}

#[test]
fn every_material_has_the_atoms_of_its_formula() {
    for (name, contents) in [
        ("Pt", &[("Pt", 4)][..]),
        ("NiO", &[("Ni", 4), ("O", 4)]),
        ("SrTiO3", &[("Sr", 1), ("Ti", 1), ("O", 3)]),
        ("DyScO3", &[("Dy", 4), ("Sc", 4), ("O", 12)]),
        ("Si", &[("Si", 8)]),
        ("graphene", &[("C", 2)]),
        ("MoS2", &[("Mo", 1), ("S", 2)]),
        ("TiO2", &[("Ti", 2), ("O", 4)]),
        ("LiCoO2", &[("Li", 3), ("Co", 3), ("O", 6)]),
        ("LiNiO2", &[("Li", 3), ("Ni", 3), ("O", 6)]),
        ("LiNi0.33Mn0.33Co0.33O2", &[("Li", 3), ("Ni", 3), ("Mn", 3), ("Co", 3), ("O", 6)]),
        ("Co3O4", &[("Co", 24), ("O", 32)]),
        ("PtFe", &[("Pt", 1), ("Fe", 1)]),
        ("Au", &[("Au", 4)]),
        ("GaN", &[("Ga", 2), ("N", 2)]),
    ] {
        let crystal = material(name);
        for &(symbol, number) in contents {
            assert_eq!(count(&crystal, symbol), number, "{symbol} in {name}");
        }
        assert!(crystal.source.is_some(), "{name}");
        assert!(crystal.sites.iter().all(|site| site.u_iso_angstrom2.is_some_and(|u| u > 0.001 && u < 0.02)));
    }
}

#[test]
fn bonds_have_their_known_lengths() {
    // Known from the literature on each compound, to the accuracy given.
    for (name, first, second, length, tolerance) in [
        ("Pt", "Pt", "Pt", 2.774, 0.001),
        ("NiO", "Ni", "O", 2.0886, 0.001),
        ("Co3O4", "Co", "O", 1.92, 0.01),
        ("PtFe", "Pt", "Fe", 2.675, 0.002),
        ("Au", "Au", "Au", 2.884, 0.001),
        ("GaN", "Ga", "N", 1.949, 0.003),
        ("SrTiO3", "Ti", "O", 1.9525, 0.001),
        ("DyScO3", "Sc", "O", 2.09, 0.03),
        ("DyScO3", "Dy", "O", 2.25, 0.05),
        ("Si", "Si", "Si", 2.3517, 0.001),
        ("graphene", "C", "C", 1.42, 0.001),
        ("MoS2", "Mo", "S", 2.41, 0.02),
        ("TiO2", "Ti", "O", 1.949, 0.003),
        ("LiCoO2", "Co", "O", 1.921, 0.01),
        ("LiCoO2", "Li", "O", 2.09, 0.02),
        ("LiNiO2", "Ni", "O", 1.975, 0.02),
    ] {
        near(shortest_distance(&material(name), first, second), length, tolerance);
    }
}

#[test]
fn mixed_site_of_nmc_is_one_site_with_three_metals() {
    let crystal = material("LiNi0.33Mn0.33Co0.33O2");
    let mixed: Vec<_> = crystal.sites.iter().filter(|site| site.species.len() == 3).collect();
    assert_eq!((mixed.len(), crystal.sites.len()), (3, 12));
    assert!(mixed.iter().all(|site| (site.occupancy() - 1.0).abs() < 1e-9));
}

#[test]
fn strontium_titanate_along_001_has_sr_ti_and_oxygen_columns() {
    let cell = project("SrTiO3", "001");
    assert_eq!(cell.columns.len(), 4);
    near(cell.repeat_angstrom, 3.905, 1e-9);
    near(cell.vectors[0][0], 3.905, 1e-9);
    let column = |symbol: &str| cell.columns.iter().find(|c| atoms(c, symbol) > 0.0).unwrap();
    let (sr, ti) = (column("Sr"), column("Ti"));
    near((sr.x - ti.x).hypot(sr.y - ti.y), 3.905 / 2f64.sqrt(), 1e-9);
    assert_eq!((atoms(sr, "O"), atoms(ti, "O"), ti.species.len()), (0.0, 1.0, 2));
    assert_eq!(cell.columns.iter().filter(|c| c.species == [(element("O"), 1.0)]).count(), 2);
}

#[test]
fn platinum_along_110_is_a_centred_rectangle_with_one_atom_per_2_774_angstrom() {
    let cell = project("Pt", "110");
    let density: f64 = cell.columns.iter().flat_map(|c| &c.species).map(|(_, n)| n).sum::<f64>();
    near(density / cell.area() / cell.repeat_angstrom, 4.0 / 3.9231f64.powi(3), 1e-12);
    for column in &cell.columns {
        near(cell.repeat_angstrom / atoms(column, "Pt"), 3.9231 / 2f64.sqrt(), 1e-9);
    }
    // Nearest columns: half the diagonal of the rectangle a by a/√2.
    near(cell.nearest_distance(), 3.9231 * (1.0f64 / 4.0 + 1.0 / 8.0).sqrt(), 1e-9);
}

#[test]
fn silicon_along_110_shows_dumbbells_of_1_36_angstrom_along_the_cube_axis() {
    let cell = project("Si", "110");
    near(cell.nearest_distance(), 5.4310205 / 4.0, 1e-9);
    // [1-10]/2 is the shorter vector and lies along x, so dumbbells stand upright.
    near(cell.vectors[0][0], 5.4310205 / 2f64.sqrt(), 1e-9);
    near(cell.vectors[1][1], 5.4310205, 1e-9);
    let upright = cell
        .columns
        .iter()
        .flat_map(|p| cell.columns.iter().map(move |q| (p, q)))
        .any(|(p, q)| (p.x - q.x).abs() < 1e-9 && ((p.y - q.y).abs() - 5.4310205 / 4.0).abs() < 1e-9);
    assert!(upright);
}

#[test]
fn dysprosium_scandate_along_110_separates_dy_from_sc_with_oxygen() {
    let cell = ProjectedCell::new(&material("DyScO3"), "110".parse().unwrap(), 0.7).unwrap();
    let with = |symbol: &str| cell.columns.iter().filter(|c| atoms(c, symbol) > 0.0).count();
    let (dy, sc) = (with("Dy"), with("Sc"));
    assert!(dy > 0 && sc > 0);
    assert!(cell.columns.iter().all(|c| atoms(c, "Dy") == 0.0 || atoms(c, "Sc") == 0.0));
    assert!(cell.columns.iter().any(|c| atoms(c, "Sc") > 0.0 && atoms(c, "O") > 0.0));
    let total = |symbol: &str| cell.columns.iter().map(|c| atoms(c, symbol)).sum::<f64>();
    assert_eq!((total("Dy"), total("Sc"), total("O")), (4.0, 4.0, 12.0));
}

#[test]
fn graphene_and_mos2_along_001_are_honeycombs() {
    let graphene = project("graphene", "001");
    assert_eq!(graphene.columns.len(), 2);
    near(graphene.nearest_distance(), 1.4203, 1e-3);
    let mos2 = project("MoS2", "001");
    assert_eq!(mos2.columns.len(), 2);
    near(mos2.nearest_distance(), 3.16 / 3f64.sqrt(), 1e-6);
    assert_eq!(mos2.columns.iter().map(|c| atoms(c, "S")).fold(0.0, f64::max), 2.0);
}

#[test]
fn layered_oxide_along_100_shows_metal_oxygen_and_lithium_columns() {
    let cell = project("LiCoO2", "100");
    for column in &cell.columns {
        assert_eq!(column.species.len(), 1);
    }
    near(cell.columns.iter().map(|c| atoms(c, "Co")).sum::<f64>(), 3.0, 1e-9);
}
