use crate::{AnalysisError, Lattice, Place, Vector};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Neighbours around a column, those across the cell included.
const NEIGHBOURS: [(i32, i32); 8] = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)];
/// Neighbours without which there is no strain.
const FEWEST: usize = 4;

/// Strain around a column against the fitted lattice; small numbers, to first order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Strain {
    /// Along x: positive where the lattice is wider.
    pub xx: f64,
    /// Along y.
    pub yy: f64,
    /// Shear, half of the change of the right angle \[rad\].
    pub xy: f64,
    /// Rotation \[rad\], clockwise on the screen.
    pub rotation: f64,
}

/// Strain around every column: the linear map from the lattice's vectors to those seen, by least
/// squares over the neighbours at ±a, ±b and ±a±b on the same site. `None` for columns outside the
/// lattice or with fewer than four such neighbours, or with all of them on a line.
///
/// # Errors
///
/// [`AnalysisError::LengthsDiffer`] when there is not a position for each column of the lattice.
pub fn local_strain(
    positions: &[(f64, f64)],
    lattice: &Lattice,
) -> Result<Vec<Option<Strain>>, AnalysisError> {
    lattice.check_columns("positions", positions.len())?;
    let at: HashMap<Place, usize> =
        lattice.places.iter().enumerate().filter_map(|(column, p)| p.map(|p| (p, column))).collect();
    let around = |column: usize, place: Place| {
        let here = Vector::from(positions[column]);
        let pairs: Vec<(Vector, Vector)> = NEIGHBOURS
            .iter()
            .filter_map(|&(i, j)| {
                let other = at.get(&Place { i: place.i + i, j: place.j + j, ..place })?;
                Some((lattice.vector([i, j]), Vector::from(positions[*other]) - here))
            })
            .collect();
        strain(&pairs)
    };
    Ok(lattice.places.iter().enumerate().map(|(column, p)| p.and_then(|p| around(column, p))).collect())
}

/// From pairs of vectors of the lattice and those seen in their place.
fn strain(pairs: &[(Vector, Vector)]) -> Option<Strain> {
    if pairs.len() < FEWEST {
        return None;
    }
    let sum = |of: fn(&(Vector, Vector)) -> f64| pairs.iter().map(of).sum::<f64>();
    let (xx, xy, yy) = (sum(|p| p.0.x * p.0.x), sum(|p| p.0.x * p.0.y), sum(|p| p.0.y * p.0.y));
    let determinant = xx * yy - xy * xy;
    if determinant <= 1e-9 * xx * yy {
        return None;
    }
    // One row of the map for either coordinate seen.
    let row = |sx: f64, sy: f64| ((sx * yy - sy * xy) / determinant, (sy * xx - sx * xy) / determinant);
    let (x_x, x_y) = row(sum(|p| p.1.x * p.0.x), sum(|p| p.1.x * p.0.y));
    let (y_x, y_y) = row(sum(|p| p.1.y * p.0.x), sum(|p| p.1.y * p.0.y));
    Some(Strain { xx: x_x - 1.0, yy: y_y - 1.0, xy: 0.5 * (x_y + y_x), rotation: 0.5 * (y_x - x_y) })
}
