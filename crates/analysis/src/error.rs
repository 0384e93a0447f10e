use crate::{Lattice, Vector};
use thiserror::Error;

/// Why positions can't be analysed.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum AnalysisError {
    /// Fewer columns than any lattice could be told by.
    #[error("{count} columns; a lattice is told by {needed} at least")]
    TooFewColumns {
        /// Columns given.
        count: usize,
        /// Columns needed.
        needed: usize,
    },
    /// A position or brightness that is no number.
    #[error("column {index} has a position or brightness that is not finite")]
    NotFinite {
        /// Its index.
        index: usize,
    },
    /// A list that should have one entry a column has another number.
    #[error("{name} has {count} entries for {columns} columns")]
    LengthsDiffer {
        /// The list.
        name: &'static str,
        /// Its entries.
        count: usize,
        /// The columns.
        columns: usize,
    },
    /// A setting without meaning.
    #[error("{name} is {value}; it must be {expected}")]
    OutOfRange {
        /// The setting's name.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What would be right, in words.
        expected: &'static str,
    },
    /// No translation brings the columns onto columns more often than chance would.
    #[error("no lattice: the best translation brings {:.0} % of the columns onto others", 100.0 * best)]
    NoLattice {
        /// Part of the columns that the best translation brings onto others.
        best: f64,
    },
    /// The columns repeat in one direction only.
    #[error("the columns repeat along one direction only, by ({:.3}, {:.3})", vector.x, vector.y)]
    OneDirection {
        /// The translation.
        vector: Vector,
    },
    /// A lattice fits a part of the columns only: several grains, or a crystal among other things.
    #[error("a lattice fits {fitted} of {columns} columns only")]
    PartOnly {
        /// Columns that it fits.
        fitted: usize,
        /// All columns.
        columns: usize,
        /// The lattice; its `places` say which columns it fits.
        lattice: Box<Lattice>,
    },
    /// Too few pairs of columns for statistics.
    #[error("{count} pairs of columns one step apart; {needed} are needed")]
    TooFewSpacings {
        /// Pairs found.
        count: usize,
        /// Pairs needed.
        needed: usize,
    },
    /// An image too small to be divided into even and odd rows.
    #[error("an image of {rows} rows has no two halves; four rows are needed")]
    TooFewRows {
        /// Its rows.
        rows: usize,
    },
}

impl AnalysisError {
    /// Checks that `value` is finite and lies between `low` and `high`.
    pub(crate) fn check(
        name: &'static str,
        value: f64,
        low: f64,
        high: f64,
        expected: &'static str,
    ) -> Result<(), Self> {
        if value >= low && value <= high { Ok(()) } else { Err(Self::OutOfRange { name, value, expected }) }
    }
}
