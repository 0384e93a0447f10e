//! Projection, tiling and particles against lists of atoms in space.
#![allow(clippy::unwrap_used)]

mod common;

use adatom_crystal::{
    Cluster, Column, Crystal, CrystalError, Facets, Field, ProjectedCell, ZoneAxis, cluster, monolayer,
    nanoparticle, slab,
};
use common::{atoms_around, dot, element, material, triclinic};
use proptest::prelude::*;

fn zone([u, v, w]: [i32; 3]) -> Option<ZoneAxis> {
    ZoneAxis::new([u, v, w]).ok()
}

fn total(columns: &[Column]) -> f64 {
    columns.iter().map(Column::atoms).sum()
}

/// Distances between all pairs below a limit, sorted: a fingerprint that does not know orientation.
fn fingerprint(points: &[[f64; 2]], limit: f64) -> Vec<f64> {
    let mut distances = Vec::new();
    for (i, p) in points.iter().enumerate() {
        for q in &points[..i] {
            let d = (p[0] - q[0]).hypot(p[1] - q[1]);
            if d < limit {
                distances.push(d);
            }
        }
    }
    distances.sort_by(f64::total_cmp);
    distances
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn number_density_is_conserved_for_any_cell_and_axis(
        numbers in proptest::collection::vec(0.0..1.0f64, 6 + 3 * 5),
        indices in proptest::array::uniform3(-4..=4i32),
    ) {
        let Some(zone) = zone(indices) else { return Ok(()) };
        let crystal = triclinic(&numbers);
        let cell = ProjectedCell::new(&crystal, zone, 0.2).unwrap();
        prop_assert!((cell.area() * cell.repeat_angstrom / crystal.cell.volume() - 1.0).abs() < 1e-9);
        for (symbol, number) in crystal.composition() {
            let projected: f64 =
                cell.columns.iter().flat_map(|c| &c.species).filter(|(e, _)| *e == symbol).map(|(_, n)| n).sum();
            prop_assert!((projected - number).abs() < 1e-9);
        }
        // The repeat is the length of [uvw] without its common divisor.
        let axis = crystal.cell.cartesian(zone.reduced().map(f64::from));
        prop_assert!((cell.repeat_angstrom - dot(axis, axis).sqrt()).abs() < 1e-9);
        // Reduced: no combination is shorter than the first vector.
        let [u, v] = cell.vectors;
        for n in -3..=3 {
            for m in -3..=3 {
                let (n, m) = (f64::from(n), f64::from(m));
                let length = (n * u[0] + m * v[0]).hypot(n * u[1] + m * v[1]);
                prop_assert!((n, m) == (0.0, 0.0) || length > u[0] - 1e-9);
            }
        }
    }

    #[test]
    fn a_slab_has_the_columns_of_the_crystal_in_space(
        numbers in proptest::collection::vec(0.0..1.0f64, 6 + 3 * 3),
        indices in proptest::array::uniform3(-2..=2i32),
        rotation_deg in -180.0..180.0f64,
    ) {
        let Some(zone) = zone(indices) else { return Ok(()) };
        let crystal = triclinic(&numbers);
        let cell = ProjectedCell::new(&crystal, zone, 0.0).unwrap();
        let field = Field { rotation_deg, ..Field::new(9.0, 9.0) };
        let columns = slab(&cell, &field, cell.repeat_angstrom).unwrap();

        // All atoms near the origin, projected along the axis; only those that cannot be at an edge are
        // compared, by the distances that they have from the origin, which no rotation changes.
        let axis = crystal.cell.cartesian(zone.indices().map(f64::from));
        let length = dot(axis, axis).sqrt();
        let mut expected: Vec<f64> = Vec::new();
        let mut seen: Vec<[f64; 3]> = Vec::new();
        for (_, p) in atoms_around(&crystal, 6) {
            let along = dot(p, axis) / length;
            let flat: [f64; 3] = std::array::from_fn(|k| p[k] - along * axis[k] / length);
            let radius = dot(flat, flat).sqrt();
            let is_new = seen.iter().all(|q| {
                let d: [f64; 3] = std::array::from_fn(|k| q[k] - flat[k]);
                dot(d, d) > 1e-10
            });
            if radius < 4.0 && is_new {
                seen.push(flat);
                expected.push(radius);
            }
        }
        let mut found: Vec<f64> =
            columns.iter().map(|c| (c.x - 4.5).hypot(c.y - 4.5)).filter(|r| *r < 4.0).collect();
        expected.sort_by(f64::total_cmp);
        found.sort_by(f64::total_cmp);
        prop_assert_eq!(found.len(), expected.len());
        for (p, q) in found.iter().zip(&expected) {
            prop_assert!((p - q).abs() < 1e-6);
        }
    }

    #[test]
    fn tiles_leave_no_seam_and_no_duplicate(
        numbers in proptest::collection::vec(0.0..1.0f64, 6 + 3 * 4),
        indices in proptest::array::uniform3(-3..=3i32),
        rotation_deg in -180.0..180.0f64,
        offset in proptest::array::uniform2(-50.0..50.0f64),
    ) {
        let Some(zone) = zone(indices) else { return Ok(()) };
        let cell = ProjectedCell::new(&triclinic(&numbers), zone, 0.2).unwrap();
        let field = Field { margin: 2.0, rotation_deg, offset, ..Field::new(25.0, 14.0) };
        let columns = slab(&cell, &field, 10.0).unwrap();
        // Brute force over many more lattice vectors than can reach the field.
        let [u, v] = cell.vectors;
        let mut expected = 0;
        let reach = (120.0 / v[1].min(u[0])).ceil() as i32 + 1;
        for n in -reach..=reach {
            for m in -reach..=reach {
                let (n, m) = (f64::from(n), f64::from(m));
                let shift = [n * u[0] + m * v[0], n * u[1] + m * v[1]];
                expected += cell
                    .columns
                    .iter()
                    .filter(|c| field.contains(field.to_image([c.x + shift[0], c.y + shift[1]])))
                    .count();
            }
        }
        prop_assert_eq!(columns.len(), expected);
        let points: Vec<[f64; 2]> = columns.iter().map(|c| [c.x, c.y]).collect();
        let closest = fingerprint(&points, 3.0).first().copied().unwrap_or(f64::INFINITY);
        prop_assert!(closest >= cell.nearest_distance() - 1e-9);
    }
}

#[test]
fn rotation_turns_counter_clockwise_about_the_centre_of_the_field() {
    let field = Field { rotation_deg: 90.0, ..Field::new(10.0, 20.0) };
    let [x, y] = field.to_image([1.0, 0.0]);
    // What pointed right points up.
    assert!((x - 5.0).abs() < 1e-12 && (y - 9.0).abs() < 1e-12);
    let turned = Field { rotation_deg: 37.0, offset: [0.4, -0.3], ..field };
    let [a, b] = turned.to_crystal(turned.to_image([1.3, -2.2]));
    assert!((a - 1.3).abs() < 1e-12 && (b + 2.2).abs() < 1e-12);
}

#[test]
fn cubic_001_has_a_to_the_right_and_b_up() {
    let mut crystal = material("SrTiO3");
    crystal.sites.retain(|site| site.label == "Sr1");
    let mut marked = crystal.sites[0].clone();
    marked.species = vec![(element("Pt"), 1.0)];
    marked.position = [0.3, 0.2, 0.0];
    crystal.sites.push(marked);
    let cell = ProjectedCell::new(&crystal, "001".parse().unwrap(), 0.1).unwrap();
    let field = Field::new(100.0, 100.0);
    let columns = slab(&cell, &field, 3.905).unwrap();
    let found = columns
        .iter()
        .filter(|c| c.species[0].0 == element("Pt"))
        .any(|c| (c.x - (50.0 + 0.3 * 3.905)).abs() < 1e-9 && (c.y - (50.0 - 0.2 * 3.905)).abs() < 1e-9);
    assert!(found);
}

#[test]
fn rotation_keeps_all_distances() {
    let cell = ProjectedCell::new(&material("Si"), "110".parse().unwrap(), 0.2).unwrap();
    let around_centre = |rotation_deg: f64| {
        let columns = slab(&cell, &Field { rotation_deg, ..Field::new(40.0, 40.0) }, 100.0).unwrap();
        let points: Vec<[f64; 2]> =
            columns.iter().map(|c| [c.x - 20.0, c.y - 20.0]).filter(|p| p[0].hypot(p[1]) < 15.0).collect();
        fingerprint(&points, 6.0)
    };
    let (straight, turned) = (around_centre(0.0), around_centre(23.7));
    assert_eq!(straight.len(), turned.len());
    assert!(straight.iter().zip(&turned).all(|(p, q)| (p - q).abs() < 1e-9));
}

#[test]
fn a_slab_holds_the_atoms_of_its_volume_and_a_monolayer_one_layer() {
    let crystal = material("DyScO3");
    let cell = ProjectedCell::new(&crystal, "110".parse().unwrap(), 0.5).unwrap();
    let (width, height) = (cell.vectors[0][0] * 5.0, cell.vectors[1][1] * 4.0);
    let columns = slab(&cell, &Field { offset: [0.123, 0.456], ..Field::new(width, height) }, 77.0).unwrap();
    let expected = width * height * 77.0 * 20.0 / crystal.cell.volume();
    assert!((total(&columns) - expected).abs() < 1e-6 * expected);
    let graphene = ProjectedCell::new(&material("graphene"), "001".parse().unwrap(), 0.2).unwrap();
    let sheet = monolayer(&graphene, &Field::new(30.0, 30.0)).unwrap();
    assert!(sheet.iter().all(|c| c.species == [(element("C"), 1.0)]));
}

/// Atoms of a particle by testing every atom against every half-space.
fn brute_force_particle(crystal: &Crystal, facets: &Facets, n: i32) -> usize {
    let [a, b, c] = crystal.cell.reciprocal();
    let mut count = 0;
    for (_, p) in atoms_around(crystal, n) {
        let mut is_inside = true;
        for h in -1..=1 {
            for k in -1..=1 {
                for l in -1..=1i32 {
                    let distance = match h * h + k * k + l * l {
                        1 => facets.d100,
                        2 => facets.d110,
                        3 => facets.d111,
                        _ => continue,
                    };
                    let (h, k, l) = (f64::from(h), f64::from(k), f64::from(l));
                    let normal: [f64; 3] = std::array::from_fn(|x| h * a[x] + k * b[x] + l * c[x]);
                    is_inside &= dot(normal, p) <= distance * dot(normal, normal).sqrt() + 1e-7;
                }
            }
        }
        count += usize::from(is_inside);
    }
    count
}

#[test]
fn a_nanoparticle_has_the_atoms_inside_its_facets() {
    let infinity = f64::INFINITY;
    for (name, facets) in [
        ("Pt", Facets { d111: 10.0, d100: 11.0, d110: infinity }),
        ("Pt", Facets { d111: infinity, d100: 9.0, d110: infinity }),
        ("Pt", Facets { d111: 8.0, d100: infinity, d110: infinity }),
        ("Si", Facets { d111: infinity, d100: infinity, d110: 9.5 }),
        ("DyScO3", Facets { d111: 9.0, d100: 10.0, d110: 8.5 }),
        ("TiO2", Facets::wulff(9.0, 1.1, 1.05)),
    ] {
        let crystal = material(name);
        let expected = brute_force_particle(&crystal, &facets, 9);
        for axis in ["001", "110", "111", "1-12"] {
            let field = Field { rotation_deg: 17.0, offset: [1.0, 2.0], ..Field::new(80.0, 80.0) };
            let columns = nanoparticle(&crystal, axis.parse().unwrap(), &facets, &field, 0.3).unwrap();
            assert!((total(&columns) - expected as f64).abs() < 1e-6, "{name} along {axis}: {expected}");
            let points: Vec<[f64; 2]> = columns.iter().map(|c| [c.x, c.y]).collect();
            assert!(fingerprint(&points, 5.0).first().is_none_or(|&d| d > 0.1), "{name} along {axis}");
        }
    }
}

#[test]
fn magic_cuboctahedra_of_platinum_have_13_and_55_atoms() {
    let a = 3.9231;
    for (shells, atoms) in [(1.0, 13.0), (2.0, 55.0)] {
        // Shell n of the cuboctahedron: {100} at n a/2 and {111} at n a/√3.
        let facets = Facets { d111: shells * a / 3f64.sqrt(), d100: shells * a / 2.0, d110: f64::INFINITY };
        let columns =
            nanoparticle(&material("Pt"), "110".parse().unwrap(), &facets, &Field::new(60.0, 60.0), 0.2)
                .unwrap();
        assert_eq!(total(&columns), atoms);
    }
}

#[test]
fn clusters_taper_to_nothing_and_hold_whole_atoms() {
    let cell = ProjectedCell::new(&material("Pt"), "001".parse().unwrap(), 0.2).unwrap();
    let field = Field::new(80.0, 80.0);
    let shape = Cluster {
        center: [45.0, 38.0],
        radius: 20.0,
        max_thickness: 30.0,
        taper: 12.0,
        irregularity: 0.15,
        seed: 3,
    };
    let columns = cluster(&cell, &field, &shape).unwrap();
    assert!(columns.len() > 100);
    for column in &columns {
        let distance = (column.x - 45.0).hypot(column.y - 38.0);
        assert!(distance < 20.0 * 1.15);
        assert!(column.species.iter().all(|(_, n)| *n >= 1.0 && n.fract() == 0.0));
        if distance < 20.0 * 0.85 - 12.0 {
            assert_eq!(column.atoms(), (30.0f64 / 3.9231).round());
        }
    }
    assert!(columns.iter().any(|c| c.atoms() == 1.0));
    assert_eq!(columns, cluster(&cell, &field, &shape).unwrap());
    assert_ne!(columns, cluster(&cell, &field, &Cluster { seed: 4, ..shape }).unwrap());
}

#[test]
fn senseless_settings_are_errors_and_never_fill_the_memory() {
    let crystal = material("Pt");
    let cell = ProjectedCell::new(&crystal, "001".parse().unwrap(), 0.2).unwrap();
    for field in [
        Field::new(1e5, 1e5),
        Field::new(f64::NAN, 10.0),
        Field::new(10.0, f64::INFINITY),
        Field { margin: -1.0, ..Field::new(10.0, 10.0) },
        Field { rotation_deg: f64::NAN, ..Field::new(10.0, 10.0) },
    ] {
        assert!(slab(&cell, &field, 10.0).is_err(), "{field:?}");
    }
    let field = Field::new(10.0, 10.0);
    assert!(slab(&cell, &field, f64::NAN).is_err());
    let infinity = f64::INFINITY;
    for d in [infinity, 0.0, -1.0, f64::NAN, 1e7] {
        let facets = Facets { d111: d, d100: infinity, d110: infinity };
        assert!(nanoparticle(&crystal, "001".parse().unwrap(), &facets, &field, 0.2).is_err(), "{d}");
    }
    let empty = Crystal { sites: Vec::new(), ..crystal.clone() };
    assert_eq!(ProjectedCell::new(&empty, "001".parse().unwrap(), 0.2), Err(CrystalError::Empty));
    assert!(ProjectedCell::new(&crystal, "001".parse().unwrap(), f64::NAN).is_err());
    // Large indices give thin cells, in which nothing is resolved, but nothing is lost either.
    let thin = ProjectedCell::new(&crystal, "97 98 99".parse().unwrap(), 0.2).unwrap();
    let atoms: f64 = thin.columns.iter().flat_map(|c| &c.species).map(|(_, n)| n).sum();
    assert!((atoms - 4.0).abs() < 1e-9);
}
