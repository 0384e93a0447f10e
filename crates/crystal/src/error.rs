//! Everything that can go wrong in this crate.

/// Why a structure could not be read, oriented or cut.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CrystalError {
    /// A value in a CIF is missing or wrong.
    #[error("CIF line {line}, {tag}: found {found}; expected {expected}")]
    Cif {
        /// Line in the text, counted from 1.
        line: usize,
        /// The data name that the value belongs to, or the construct that was being read.
        tag: String,
        /// What the file says.
        found: String,
        /// What would have been right.
        expected: String,
    },
    /// No such chemical element.
    #[error("no element is called `{0}`; expected a symbol from H to Lr, such as `Ti`")]
    Element(String),
    /// The six cell parameters do not describe a unit cell.
    #[error("unit cell: {0}")]
    UnitCell(String),
    /// A zone axis could not be understood.
    #[error("zone axis `{text}`: {reason}; expected three integers such as `110`, `1-10` or `[1 -1 0]`")]
    ZoneAxis {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A number is outside the range that makes sense.
    #[error("{name} is {value}; expected {expected}")]
    Setting {
        /// The setting, with its unit.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What would have been right.
        expected: &'static str,
    },
    /// The result would hold more than this crate is willing to build.
    #[error("{what}: about {count:.0}, more than the limit of {limit}")]
    TooLarge {
        /// What there would be too much of.
        what: &'static str,
        /// How many there would be.
        count: f64,
        /// How many are allowed.
        limit: usize,
    },
    /// No orthogonal box repeats the crystal without more strain than is allowed.
    #[error(
        "zone axis {zone}: no orthogonal box with sides up to {max_side} Å needs less strain than {max_strain}; the least \
         found is {least:.4}: allow that, or longer sides"
    )]
    NoOrthogonalCell {
        /// The zone axis.
        zone: String,
        /// Longest side that was allowed (Å).
        max_side: f64,
        /// Largest component of the strain that was allowed.
        max_strain: f64,
        /// The least that was found; infinite if nothing came near.
        least: f64,
    },
    /// The crystal has no atoms.
    #[error("the crystal has no atoms")]
    Empty,
}

impl CrystalError {
    /// Checks that a setting is finite and within a closed range.
    pub(crate) fn check(
        name: &'static str,
        value: f64,
        range: std::ops::RangeInclusive<f64>,
        expected: &'static str,
    ) -> Result<(), Self> {
        if range.contains(&value) { Ok(()) } else { Err(Self::Setting { name, value, expected }) }
    }
}
