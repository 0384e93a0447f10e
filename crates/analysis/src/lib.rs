//! From columns to lattices: vectors and motifs, spacings, noise against disorder, displacement and
//! strain.
//!
//! Positions are `(x, y)`, x to the right, y down, in pixels or any unit of length; images are
//! `Array2<f32>` indexed `[row, column]`. Nothing here knows a file or a screen.
//!
//! ```
//! use adatom_analysis::{LatticeSettings, Shape, SpacingSettings, find_lattice, spacings};
//! let columns: Vec<(f64, f64)> =
//!     (0..48).map(|i| (3.9 * f64::from(i % 8) + 1.0, 3.9 * f64::from(i / 8) + 2.0)).collect();
//! let lattice = find_lattice(&columns, None, &LatticeSettings::default())?;
//! assert_eq!(lattice.shape(0.03), Shape::Square);
//! assert!((lattice.a.x - 3.9).abs() < 1e-9 && lattice.fitted() == 48);
//! let [along_a, _] = lattice.axes(0.03);
//! let found = spacings(&columns, &lattice, None, along_a, &SpacingSettings::default())?;
//! assert!((found.mean.value - 3.9).abs() < 1e-9 && found.frames_for_1_pm(100.0) < 1e-9);
//! # Ok::<(), adatom_analysis::AnalysisError>(())
//! ```

mod assign;
mod bootstrap;
mod cell;
mod error;
mod find;
mod fit;
mod grid;
mod lattice;
mod random;
mod rows;
mod seeds;
mod separation;
mod sites;
mod spacings;
mod statistics;
mod strain;
mod superlattice;
mod translations;
mod vector;
mod walk;

pub use bootstrap::{Bootstrap, Estimate, Interval};
pub use cell::Shape;
pub use error::AnalysisError;
pub use find::{LatticeSettings, find_lattice};
pub use lattice::{Lattice, Place, Site, Step};
pub use rows::{RowFilling, split_rows};
pub use separation::{Separation, Variance, match_columns, separate};
pub use spacings::{SpacingSettings, Spacings, spacings};
pub use statistics::{BinWidth, Histogram};
pub use strain::{Strain, local_strain};
pub use vector::Vector;
