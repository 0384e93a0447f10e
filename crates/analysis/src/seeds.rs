//! Where vectors are looked for: in patches, so that neither grains nor slow strain blur them.

use crate::grid::Grid;
use crate::random::sample;
use crate::translations::{Scale, shortest_translations};
use crate::{AnalysisError, Vector};

/// Columns of a patch.
const PATCH: usize = 150;
/// Columns of the sample of all.
const SAMPLE: usize = 1000;
/// Parts of the field's width and height at which patches lie.
const AT: [f64; 3] = [0.2, 0.5, 0.8];

/// Pairs of vectors that span a lattice somewhere, each lattice once. The errors are those of the
/// whole field, when there is a lattice nowhere.
pub(crate) fn seed_vectors(
    points: &[Vector],
    grid: &Grid,
    scale: &Scale,
) -> Result<Vec<(Vector, Vector)>, AnalysisError> {
    let mut pairs: Vec<(Vector, Vector)> = Vec::new();
    let mut add = |pair: (Vector, Vector)| {
        if !pairs.iter().any(|known| same_lattice(pair, *known, scale.tolerance)) {
            pairs.push(pair);
        }
    };
    let seek = |columns: &[usize], narrowed| shortest_translations(points, grid, scale, columns, narrowed);
    patches(points).iter().filter_map(|patch| seek(patch, true).ok()).for_each(&mut add);
    let all = sample(points.len(), SAMPLE);
    let whole = seek(&all, true).map(&mut add);
    // Few columns may look narrower than they are.
    let wide = if points.len() <= PATCH { seek(&all, false).map(&mut add) } else { whole.clone() };
    match wide {
        Err(error) if pairs.is_empty() => Err(error),
        _ => Ok(pairs),
    }
}

/// The columns nearest to nine places of the field.
fn patches(points: &[Vector]) -> Vec<Vec<usize>> {
    if points.len() <= PATCH {
        return Vec::new();
    }
    let quantile = |part: f64, of: fn(&Vector) -> f64| {
        let mut values: Vec<f64> = points.iter().map(of).collect();
        let rank = (part * (values.len() - 1) as f64) as usize;
        *values.select_nth_unstable_by(rank, f64::total_cmp).1
    };
    let (xs, ys) = (AT.map(|part| quantile(part, |p| p.x)), AT.map(|part| quantile(part, |p| p.y)));
    ys.into_iter()
        .flat_map(|y| xs.map(|x| Vector::new(x, y)))
        .map(|place| {
            let squared = |i: &usize| (points[*i] - place).dot(points[*i] - place);
            let mut nearest: Vec<usize> = (0..points.len()).collect();
            nearest.select_nth_unstable_by(PATCH, |i, j| squared(i).total_cmp(&squared(j)).then(i.cmp(j)));
            nearest.truncate(PATCH);
            nearest.sort_unstable();
            nearest
        })
        .collect()
}

/// Whether each vector of one pair is a whole combination of the other's, and the areas are equal.
fn same_lattice((a, b): (Vector, Vector), (p, q): (Vector, Vector), tolerance: f64) -> bool {
    let whole = |v: Vector| {
        let part = v.in_basis(a, b);
        let whole = Vector::new(part.x.round(), part.y.round());
        ((a * whole.x + b * whole.y - v).length() < tolerance).then_some(whole)
    };
    matches!((whole(p), whole(q)), (Some(m), Some(n)) if m.cross(n).abs() == 1.0)
}
