use crate::cell::{self, Shape};
use crate::{AnalysisError, Vector};
use serde::{Deserialize, Serialize};

/// A translation of a lattice, [m, n]: m a + n b.
pub type Step = [i32; 2];

/// Where in a lattice a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Cells along a from the origin.
    pub i: i32,
    /// Cells along b from the origin.
    pub j: i32,
    /// Index into [`Lattice::sites`].
    pub site: usize,
}

/// A site of the motif: one column a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Part of a from the cell's corner, −0.05 to 0.95 so that noise makes no 1 of a 0.
    pub u: f64,
    /// Part of b, likewise.
    pub v: f64,
    /// Columns found on the site.
    pub columns: usize,
    /// Mean brightness of its columns, if brightness was given.
    pub brightness: Option<f64>,
}

/// A lattice with its motif, fitted to columns.
///
/// The cell is primitive and a and b are the shortest such vectors, unless vectors were given. Of
/// the shortest vectors a is the nearest to the image's x axis (of two equally near, the one that
/// falls) and points to the right; b lies
/// clockwise from it on the screen (a × b > 0 with y down). Where two vectors of equal length
/// (within 2 %) could be b, as in a hexagonal lattice, it is the one at the obtuse angle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lattice {
    /// Corner of the cell (0, 0), where its first site is; the cell nearest to the columns' centroid.
    pub origin: Vector,
    /// First vector, in the unit of the positions.
    pub a: Vector,
    /// Second vector, likewise.
    pub b: Vector,
    /// The motif. With brightness the brightest site is the first; of sites that are as bright as
    /// each other to a tenth of the brightest, the one from which the others, each the nearest of
    /// its kind, lie most to the right.
    pub sites: Vec<Site>,
    /// Each column's place; `None` for those that don't fit.
    pub places: Vec<Option<Place>>,
    /// Each column's displacement from its place.
    pub residuals: Vec<Option<Vector>>,
    /// Robust standard deviation of the residuals, per coordinate.
    pub sigma: f64,
}

impl Lattice {
    /// Where the lattice has `place`; `None` when there is no such site.
    pub fn position(&self, place: Place) -> Option<Vector> {
        let site = self.sites.get(place.site)?;
        Some(self.origin + self.a * (f64::from(place.i) + site.u) + self.b * (f64::from(place.j) + site.v))
    }

    /// The vector of a step.
    pub fn vector(&self, step: Step) -> Vector {
        cell::along(self.a, self.b, step)
    }

    /// Number of columns that fit.
    pub fn fitted(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// The shape of the lattice. Lengths (relative) and the cosines of angles may be `tolerance`
    /// off; 0.03 suits images with ordinary scan distortion.
    pub fn shape(&self, tolerance: f64) -> Shape {
        cell::shape(self.a, self.b, tolerance)
    }

    /// The steps along which spacings are usually quoted: the sides of the rectangle for a centred
    /// rectangular lattice, which is twice the primitive cell, and a and b for any other. Named as
    /// a and b are: the first is the nearer to the x axis.
    pub fn axes(&self, tolerance: f64) -> [Step; 2] {
        match self.shape(tolerance) {
            Shape::CentredRectangular => cell::rectangle(self.a, self.b, tolerance).unwrap_or(cell::SAME),
            _ => cell::SAME,
        }
    }

    pub(crate) fn check_columns(&self, name: &'static str, count: usize) -> Result<(), AnalysisError> {
        let columns = self.places.len();
        if count == columns { Ok(()) } else { Err(AnalysisError::LengthsDiffer { name, count, columns }) }
    }
}
