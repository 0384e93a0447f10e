use crate::Error;
use crate::precision::{SHAPE, lattice};
use adatom_analysis::{Lattice, Shape, SpacingSettings, Spacings, Strain, local_strain, spacings};

/// The lattice of columns, and how they deviate from it.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The lattice with every column's place and displacement.
    pub lattice: Lattice,
    /// Its shape.
    pub shape: Shape,
    /// Strain around every column, where there are neighbours enough.
    pub strain: Vec<Option<Strain>>,
    /// Spacings along the two vectors that are usually quoted, where there are enough.
    pub spacings: [Option<Spacings>; 2],
}

/// Finds the lattice of columns at `positions` (x to the right, y down, any unit of length) with their `brightness`,
/// and measures displacements, strain and spacings.
///
/// # Errors
/// When there is no lattice, or too few columns for one.
pub fn analyse(positions: &[(f64, f64)], brightness: &[f64]) -> Result<Analysis, Error> {
    let lattice = lattice(positions, brightness)?;
    let strain = local_strain(positions, &lattice)?;
    let settings = SpacingSettings::default();
    let spacings = lattice.axes(SHAPE).map(|step| spacings(positions, &lattice, None, step, &settings).ok());
    let shape = lattice.shape(SHAPE);
    Ok(Analysis { lattice, shape, strain, spacings })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square lattice, one per cent wider along x in its right half.
    #[test]
    fn strain_and_spacings_are_those_of_the_columns() {
        let at = |i: i32| f64::from(i) + 0.01 * f64::from((i - 10).max(0));
        let columns: Vec<_> = (0..400).map(|n| (4.0 * at(n % 20), 4.0 * f64::from(n / 20))).collect();
        let found = analyse(&columns, &vec![1.0; columns.len()]).unwrap();
        assert_eq!(found.shape, Shape::Square);
        let [Some(along_a), Some(along_b)] = &found.spacings else { panic!("no spacings") };
        assert!((along_a.mean.value - 4.019).abs() < 0.003 && (along_b.mean.value - 4.0).abs() < 1e-6);
        let xx = |column: usize| found.strain[column].unwrap().xx;
        assert!((xx(215) - xx(204) - 0.01).abs() < 1e-3, "{} {}", xx(215), xx(204));
        assert!(analyse(&columns[..5], &[1.0; 5]).is_err());
    }
}
