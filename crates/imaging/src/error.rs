use adatom_optics::OpticsError;
use thiserror::Error;

/// What keeps an image from being computed.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum ImagingError {
    /// A setting outside the range in which the model holds.
    #[error("{name} is {value}; it must be {expected}")]
    OutOfRange {
        /// The setting's name, with its unit.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What would be right, in words.
        expected: &'static str,
    },
    /// The probe or an atom's scattering can't be computed.
    #[error(transparent)]
    Optics(#[from] OpticsError),
}

impl ImagingError {
    /// Checks that `value` lies between `low` and `high`.
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
