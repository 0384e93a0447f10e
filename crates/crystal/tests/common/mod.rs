//! What the tests share: the materials, small random crystals and a three-dimensional list of atoms.
#![allow(dead_code)]

use adatom_crystal::{Crystal, Element, Site, UnitCell};

/// A crystal of the `materials` folder.
pub fn material(name: &str) -> Crystal {
    let path = format!("{}/../../materials/{name}.cif", env!("CARGO_MANIFEST_DIR"));
    Crystal::from_cif(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn element(symbol: &str) -> Element {
    Element::from_symbol(symbol).unwrap()
}

pub fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A crystal without symmetry from numbers in 0..1.
pub fn triclinic(numbers: &[f64]) -> Crystal {
    let length = |k: usize| 3.0 + 5.0 * numbers[k];
    let angle = |k: usize| 70.0 + 45.0 * numbers[k];
    let cell = UnitCell::new([length(0), length(1), length(2)], [angle(3), angle(4), angle(5)]).unwrap();
    let symbols = ["O", "Ti", "Sr", "Pt"];
    let sites = numbers[6..]
        .chunks_exact(3)
        .zip(symbols.iter().cycle())
        .map(|(p, symbol)| Site::new(element(symbol), [p[0], p[1], p[2]]))
        .collect();
    Crystal { name: "triclinic".to_owned(), cell, sites, source: None }
}

/// Cartesian positions of all atoms in cells from `-n` to `n`, with the index of the site.
pub fn atoms_around(crystal: &Crystal, n: i32) -> Vec<(usize, [f64; 3])> {
    let mut atoms = Vec::new();
    for i in -n..=n {
        for j in -n..=n {
            for k in -n..=n {
                for (index, site) in crystal.sites.iter().enumerate() {
                    let [x, y, z] = site.position;
                    let fractional = [x + f64::from(i), y + f64::from(j), z + f64::from(k)];
                    atoms.push((index, crystal.cell.cartesian(fractional)));
                }
            }
        }
    }
    atoms
}

/// Sites of an element in a crystal.
pub fn count(crystal: &Crystal, symbol: &str) -> usize {
    crystal.sites.iter().filter(|site| site.species.iter().any(|(e, _)| *e == element(symbol))).count()
}

/// The shortest distance between two different sites, with periodic images.
pub fn shortest_distance(crystal: &Crystal, first: &str, second: &str) -> f64 {
    let is =
        |index: usize, symbol: &str| crystal.sites[index].species.iter().any(|(e, _)| *e == element(symbol));
    let around = atoms_around(crystal, 2);
    let mut shortest = f64::INFINITY;
    for (index, site) in crystal.sites.iter().enumerate().filter(|(index, _)| is(*index, first)) {
        let p = crystal.cell.cartesian(site.position);
        for (_, q) in around.iter().filter(|(other, _)| is(*other, second)) {
            let d = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
            let distance = dot(d, d).sqrt();
            if distance > 1e-6 && crystal.sites[index].position.iter().all(|x| (0.0..1.0).contains(x)) {
                shortest = shortest.min(distance);
            }
        }
    }
    shortest
}
