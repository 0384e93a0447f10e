//! Crystals without edges: slabs and sheets that fill the field.

use crate::{Column, CrystalError, Field, ProjectedCell};

/// A slab of even thickness (Å) that fills the field and its margin without seam or duplicate.
///
/// Atoms in a column are `thickness / repeat` times the atoms per repeat, so they need not be whole numbers.
/// Columns come in the order of the cell's columns.
pub fn slab(
    cell: &ProjectedCell,
    field: &Field,
    thickness_angstrom: f64,
) -> Result<Vec<Column>, CrystalError> {
    CrystalError::check("thickness [Å]", thickness_angstrom, 0.0..=1e6, "0 to 1000000 Å")?;
    fill(cell, field, thickness_angstrom / cell.repeat_angstrom)
}

/// A two-dimensional material, such as graphene: exactly one repeat along the beam.
pub fn monolayer(cell: &ProjectedCell, field: &Field) -> Result<Vec<Column>, CrystalError> {
    fill(cell, field, 1.0)
}

/// Fills the field with a number of repeats along the beam.
fn fill(cell: &ProjectedCell, field: &Field, repeats: f64) -> Result<Vec<Column>, CrystalError> {
    let points: Vec<[f64; 2]> = cell.columns.iter().map(|column| [column.x, column.y]).collect();
    let species: Vec<Vec<_>> = cell
        .columns
        .iter()
        .map(|column| column.species.iter().map(|&(element, atoms)| (element, atoms * repeats)).collect())
        .collect();
    let mut columns = Vec::new();
    field.tile(&cell.vectors, &points, |[x, y], index| {
        columns.push(Column {
            x,
            y,
            species: species[index].clone(),
            u_iso_angstrom2: cell.columns[index].u_iso_angstrom2,
        });
    })?;
    Ok(columns)
}
