use adatom_crystal::{Element, ProjectedCell, ProjectedColumn};
use adatom_imaging::SampleRng;

/// Nearest columns are this far apart \[Å\], as in common crystals.
const NEAREST_ANGSTROM: (f64, f64) = (1.8, 3.2);
/// Elements to draw from, light to heavy: they differ in the width of their potential.
const ELEMENTS: [&str; 8] = ["C", "Al", "Ti", "Fe", "Ga", "Zr", "Ba", "Au"];

/// Share of the random lattices that have oxygen between their columns, if oxygen has no label, of those of
/// [`OXIDE_FORMER`] and heavier elements: of lighter ones oxygen could not be told.
const OXIDES: f64 = 0.5;
const OXIDE_FORMER: &str = "Ti";
/// Oxygen is at least this far from every other column \[Å\], as in rutile and spinel.
const OXYGEN_APART_ANGSTROM: f64 = 1.0;

/// The elements that random lattices are made of.
pub(crate) fn elements() -> impl Iterator<Item = Element> {
    named().chain([Element::OXYGEN])
}

fn named() -> impl Iterator<Item = Element> {
    ELEMENTS.iter().filter_map(|symbol| Element::from_symbol(symbol).ok())
}

/// Symmetric motifs have no columns closer than this part of their cell's first vector.
const APART: f64 = 0.2;
/// Columns in a motif at most.
const MOST_COLUMNS: usize = 12;

/// A symmetry in coordinates along the vectors: a matrix of whole numbers and a shift.
type Operation = ([[f64; 2]; 2], [f64; 2]);

/// Which cells a plane group goes with.
#[derive(Clone, Copy)]
enum Lattice {
    Any,
    Rectangular,
    Square,
    Hexagonal,
}

const TURN_2: Operation = ([[-1.0, 0.0], [0.0, -1.0]], [0.0, 0.0]);
const TURN_4: Operation = ([[0.0, -1.0], [1.0, 0.0]], [0.0, 0.0]);
const TURN_6: Operation = ([[0.0, -1.0], [1.0, 1.0]], [0.0, 0.0]);
const MIRROR: Operation = ([[-1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]);
const DIAGONAL: Operation = ([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0]);
const GLIDE: Operation = ([[1.0, 0.0], [0.0, -1.0]], [0.5, 0.5]);
const SHIFTED_MIRROR: Operation = ([[-1.0, 0.0], [0.0, 1.0]], [0.5, 0.0]);
const CENTRED: Operation = ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5]);

/// Plane groups of crystals along their zone axes, by generators: p2, p2mm, c2mm, p2gg, p2mg, p4mm, p6mm.
const GROUPS: [(Lattice, &[Operation]); 7] = [
    (Lattice::Any, &[TURN_2]),
    (Lattice::Rectangular, &[TURN_2, MIRROR]),
    (Lattice::Rectangular, &[TURN_2, MIRROR, CENTRED]),
    (Lattice::Rectangular, &[TURN_2, GLIDE]),
    (Lattice::Rectangular, &[TURN_2, SHIFTED_MIRROR]),
    (Lattice::Square, &[TURN_4, MIRROR]),
    (Lattice::Hexagonal, &[TURN_6, DIAGONAL]),
];

/// A random two-dimensional lattice: half of them with one to five columns anywhere in the motif, half with a plane group's
/// symmetry. All columns but the first kind are as bright as the first or down to a twelfth of it. With `oxides`,
/// some lattices have columns of oxygen beside them. Returns the cell and the distance of its nearest columns but
/// oxygen's \[Å\].
pub(crate) fn random_cell(rng: &mut SampleRng, oxides: bool) -> (ProjectedCell, f64) {
    let (lattice, symmetry) = match rng.index(2) {
        0 => (Lattice::Any, [].as_slice()),
        _ => GROUPS[rng.index(GROUPS.len())],
    };
    let (ratio, angle) = match lattice {
        Lattice::Any => {
            let ratio = rng.between(1.0, 1.6);
            let angle = match rng.index(4) {
                0 => 90.0,
                1 => 60.0,
                _ => rng.between(58.0, 90.0),
            };
            (ratio, angle)
        }
        Lattice::Rectangular => (rng.between(1.0, 1.8), 90.0),
        Lattice::Square => (1.0, 90.0),
        Lattice::Hexagonal => (1.0, 60.0),
    };
    let (sin, cos) = f64::to_radians(angle).sin_cos();
    let mut vectors = [[1.0, 0.0], [ratio * cos, ratio * sin]];
    // Places too close to each other are drawn again; a motif that does not fit loses a kind of columns.
    let kinds = 1 + rng.index(if symmetry.is_empty() { 5 } else { 3 });
    let apart = if symmetry.is_empty() { [0.0, 0.36, 0.4, 0.36, 0.33][kinds - 1] } else { APART };
    let mut places: Vec<(usize, [f64; 2])> = Vec::new();
    let mut kind = 0;
    for trial in 0..40 {
        let origin = kind == 0 && (symmetry.is_empty() || trial > 20);
        let place = if origin { [0.0, 0.0] } else { random_place(rng, symmetry) };
        let added: Vec<[f64; 2]> =
            orbit(place, symmetry).iter().map(|[u, v]| point(&vectors, *u, *v)).collect();
        let all: Vec<[f64; 2]> = places.iter().map(|(_, place)| *place).chain(added.clone()).collect();
        if all.len() <= MOST_COLUMNS && nearest(&vectors, &all) >= apart {
            places.extend(added.into_iter().map(|place| (kind, place)));
            kind += 1;
        }
        if kind == kinds {
            break;
        }
    }
    let target = rng.between(NEAREST_ANGSTROM.0, NEAREST_ANGSTROM.1);
    let all: Vec<[f64; 2]> = places.iter().map(|(_, place)| *place).collect();
    let scale = target / nearest(&vectors, &all);
    vectors.iter_mut().flatten().for_each(|v| *v *= scale);
    // Atoms a repeat make the contrast: the same element with fewer atoms is fainter.
    let element = named().nth(rng.index(ELEMENTS.len())).unwrap_or(Element::CARBON);
    let mut atoms = [1.0; 5];
    atoms[1..].iter_mut().for_each(|atoms| *atoms = (-rng.between(0.0, 12.0_f64.ln())).exp());
    let mut columns: Vec<_> = places
        .into_iter()
        .map(|(kind, [x, y])| ProjectedColumn {
            x: x * scale,
            y: y * scale,
            species: vec![(element, atoms[kind])],
            u_iso_angstrom2: None,
        })
        .collect();
    let former = Element::from_symbol(OXIDE_FORMER).is_ok_and(|former| element >= former);
    if oxides && former && rng.uniform() < OXIDES {
        add_oxygen(&mut columns, &vectors, symmetry, rng);
    }
    (ProjectedCell { vectors, repeat_angstrom: 4.0, columns }, target)
}

/// A place in the motif by its coordinates along the vectors. Where there is symmetry many columns lie on its elements.
fn random_place(rng: &mut SampleRng, symmetry: &[Operation]) -> [f64; 2] {
    if symmetry.is_empty() {
        return if rng.index(3) == 0 { [0.5, 0.5] } else { [rng.uniform(), rng.uniform()] };
    }
    [0, 1].map(|_| match rng.index(5) {
        0 => 0.0,
        1 => 0.5,
        2 => 0.25,
        _ => rng.uniform(),
    })
}

/// All places that the operations make of one, each once, within the cell.
fn orbit(place: [f64; 2], symmetry: &[Operation]) -> Vec<[f64; 2]> {
    const SAME: f64 = 1e-6;
    let within = |v: f64| {
        let v = v.rem_euclid(1.0);
        if v > 1.0 - SAME { 0.0 } else { v }
    };
    let mut places = vec![place.map(within)];
    let mut next = 0;
    while let Some(&[u, v]) = places.get(next) {
        for (matrix, shift) in symmetry {
            let image = [0, 1].map(|i| within(matrix[i][0] * u + matrix[i][1] * v + shift[i]));
            if !places.iter().any(|p| (p[0] - image[0]).abs() < SAME && (p[1] - image[1]).abs() < SAME) {
                places.push(image);
            }
        }
        next += 1;
    }
    places
}

/// Columns of oxygen wherever there is room, each with half to three times the atoms of the dimmest column.
fn add_oxygen(
    columns: &mut Vec<ProjectedColumn>,
    vectors: &[[f64; 2]; 2],
    symmetry: &[Operation],
    rng: &mut SampleRng,
) {
    let dimmest = columns.iter().map(|c| c.species[0].1).fold(1.0, f64::min);
    let atoms = dimmest * rng.between(0.5, 3.0);
    for _ in 0..1 + rng.index(12) {
        let places = orbit([rng.uniform(), rng.uniform()], symmetry);
        let places: Vec<[f64; 2]> = places.iter().map(|[u, v]| point(vectors, *u, *v)).collect();
        let all: Vec<[f64; 2]> = columns.iter().map(|c| [c.x, c.y]).chain(places.clone()).collect();
        if nearest(vectors, &all) >= OXYGEN_APART_ANGSTROM {
            columns.extend(places.into_iter().map(|[x, y]| ProjectedColumn {
                x,
                y,
                species: vec![(Element::OXYGEN, atoms)],
                u_iso_angstrom2: None,
            }));
        }
    }
}

/// Shortest distance between columns at these places and their repeats.
fn nearest(vectors: &[[f64; 2]; 2], places: &[[f64; 2]]) -> f64 {
    let [a, b] = vectors;
    let repeats = [*a, *b, [a[0] - b[0], a[1] - b[1]], [a[0] + b[0], a[1] + b[1]]];
    let mut nearest = repeats.iter().map(|[x, y]| x.hypot(*y)).fold(f64::INFINITY, f64::min);
    for (i, a) in places.iter().enumerate() {
        for b in &places[..i] {
            nearest = nearest.min(lattice_distance(vectors, *a, *b));
        }
    }
    nearest
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

    /// The order of the plane groups' point groups times their lattice points.
    #[test]
    fn orbits_have_as_many_places_as_the_plane_group_says() {
        let general = [0.137, 0.291];
        let orders = [2, 4, 8, 4, 4, 8, 12];
        for ((_, symmetry), order) in GROUPS.iter().zip(orders) {
            assert_eq!(orbit(general, symmetry).len(), order);
        }
        assert_eq!(orbit([0.0, 0.0], GROUPS[5].1), [[0.0, 0.0]]);
        assert_eq!(orbit([0.0, 0.0], GROUPS[2].1), [[0.0, 0.0], [0.5, 0.5]]);
    }

    #[test]
    fn motifs_have_one_to_twelve_columns() {
        let mut most = 0;
        for index in 0..200 {
            let (cell, _) = random_cell(&mut SampleRng::new(9, index), true);
            assert!(!cell.columns.is_empty(), "{index}");
            most = most.max(cell.columns.iter().filter(|c| c.species[0].0 != Element::OXYGEN).count());
        }
        assert_eq!(most, MOST_COLUMNS);
    }

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
