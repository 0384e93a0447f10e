//! From columns to lattices: vectors and motifs, spacings, noise against disorder, displacement and
//! strain.
//!
//! Positions are `(x, y)`, x to the right, y down, in pixels or any unit of length; images are
//! `Array2<f32>` indexed `[row, column]`. Nothing here knows a file or a screen.

mod cell;
mod error;
mod find;
mod fit;
mod grid;
mod lattice;
mod random;
mod seeds;
mod sites;
mod superlattice;
mod translations;
mod vector;
mod walk;

pub use cell::Shape;
pub use error::AnalysisError;
pub use find::{LatticeSettings, find_lattice};
pub use lattice::{Lattice, Place, Site, Step};
pub use vector::Vector;
