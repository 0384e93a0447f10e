use adatom_crystal::{Element, ProjectedCell, ProjectedColumn};
use adatom_imaging::SampleRng;

/// Nearest columns are this far apart \[Å\], as in common crystals.
const NEAREST_ANGSTROM: (f64, f64) = (1.8, 3.2);
/// Elements to draw from, light to heavy: they differ in the width of their potential.
const ELEMENTS: [&str; 8] = ["C", "Al", "Ti", "Fe", "Ga", "Zr", "Ba", "Au"];

/// Share of the random lattices that have oxygen between their columns, if oxygen has no label.
const OXIDES: f64 = 0.4;
/// Oxygen is at least this far from every other column \[Å\], as in rutile and spinel.
const OXYGEN_APART_ANGSTROM: f64 = 1.0;

/// The elements that random lattices are made of.
pub(crate) fn elements() -> impl Iterator<Item = Element> {
    named().chain([Element::OXYGEN])
}

fn named() -> impl Iterator<Item = Element> {
    ELEMENTS.iter().filter_map(|symbol| Element::from_symbol(symbol).ok())
}

/// A random two-dimensional lattice with one to five columns in its motif; all but the first
/// are as bright as the first or down to a twelfth of it. With `oxides`, some lattices have columns of
/// oxygen beside them. Returns the cell and the distance of its nearest columns but oxygen's \[Å\].
pub(crate) fn random_cell(rng: &mut SampleRng, oxides: bool) -> (ProjectedCell, f64) {
    let ratio = rng.between(1.0, 1.6);
    let angle = match rng.index(4) {
        0 => 90.0,
        1 => 60.0,
        _ => rng.between(58.0, 90.0),
    };
    let (sin, cos) = f64::to_radians(angle).sin_cos();
    let mut vectors = [[1.0, 0.0], [ratio * cos, ratio * sin]];
    let count = 1 + rng.index(5);
    // Places too close to each other are drawn again; a motif that does not fit loses a column.
    let apart = [0.0, 0.36, 0.4, 0.36, 0.33][count - 1];
    let mut places: Vec<[f64; 2]> = vec![[0.0, 0.0]];
    for _ in 0..40 {
        if places.len() == count {
            break;
        }
        let symmetric = rng.index(3) == 0;
        let (u, v) = if symmetric { (0.5, 0.5) } else { (rng.uniform(), rng.uniform()) };
        let place = point(&vectors, u, v);
        if places.iter().all(|other| lattice_distance(&vectors, place, *other) >= apart) {
            places.push(place);
        }
    }
    let mut nearest = 1.0_f64;
    for (i, a) in places.iter().enumerate() {
        for b in &places[..i] {
            nearest = nearest.min(lattice_distance(&vectors, *a, *b));
        }
    }
    let target = rng.between(NEAREST_ANGSTROM.0, NEAREST_ANGSTROM.1);
    let scale = target / nearest;
    vectors.iter_mut().flatten().for_each(|v| *v *= scale);
    // Atoms a repeat make the contrast: the same element with fewer atoms is fainter.
    let element = named().nth(rng.index(ELEMENTS.len())).unwrap_or(Element::CARBON);
    let mut columns: Vec<_> = places
        .into_iter()
        .enumerate()
        .map(|(index, [x, y])| {
            let atoms = if index == 0 { 1.0 } else { (-rng.between(0.0, 12.0_f64.ln())).exp() };
            ProjectedColumn {
                x: x * scale,
                y: y * scale,
                species: vec![(element, atoms)],
                u_iso_angstrom2: None,
            }
        })
        .collect();
    if oxides && rng.uniform() < OXIDES {
        add_oxygen(&mut columns, &vectors, rng);
    }
    (ProjectedCell { vectors, repeat_angstrom: 4.0, columns }, target)
}

/// Columns of oxygen wherever there is room, each with half to three times the atoms of the first column.
fn add_oxygen(columns: &mut Vec<ProjectedColumn>, vectors: &[[f64; 2]; 2], rng: &mut SampleRng) {
    let atoms = rng.between(0.5, 3.0);
    for _ in 0..1 + rng.index(12) {
        let [x, y] = point(vectors, rng.uniform(), rng.uniform());
        if columns.iter().all(|c| lattice_distance(vectors, [x, y], [c.x, c.y]) >= OXYGEN_APART_ANGSTROM) {
            columns.push(ProjectedColumn {
                x,
                y,
                species: vec![(Element::OXYGEN, atoms)],
                u_iso_angstrom2: None,
            });
        }
    }
}

/// The point with these coordinates along the vectors.
fn point(vectors: &[[f64; 2]; 2], u: f64, v: f64) -> [f64; 2] {
    [u * vectors[0][0] + v * vectors[1][0], u * vectors[0][1] + v * vectors[1][1]]
}

/// Distance of two points of a lattice, the nearest translation counting.
fn lattice_distance(vectors: &[[f64; 2]; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let mut nearest = f64::INFINITY;
    for i in -2..=2 {
        for j in -2..=2 {
            let (i, j) = (f64::from(i), f64::from(j));
            let dx = a[0] - b[0] + i * vectors[0][0] + j * vectors[1][0];
            let dy = a[1] - b[1] + i * vectors[0][1] + j * vectors[1][1];
            nearest = nearest.min(dx.hypot(dy));
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_never_closer_than_stated() {
        let mut oxides = 0;
        for index in 0..200 {
            let (mut cell, nearest) = random_cell(&mut SampleRng::new(4, index), true);
            oxides += usize::from(cell.columns.iter().any(|c| c.species[0].0 == Element::OXYGEN));
            assert!(cell.nearest_distance() >= OXYGEN_APART_ANGSTROM - 1e-9, "{index}");
            cell.columns.retain(|c| c.species[0].0 != Element::OXYGEN);
            assert!((cell.nearest_distance() / nearest - 1.0).abs() < 1e-9, "{index}");
            assert!((1.8..=3.2).contains(&nearest));
        }
        assert!((60..=100).contains(&oxides), "{oxides} of 200");
    }
}
