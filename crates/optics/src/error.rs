use thiserror::Error;

/// A setting that no microscope has, or that the model does not cover.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum OpticsError {
    /// A number outside the range in which the model holds.
    #[error("{name} is {value}; it must be {expected}")]
    OutOfRange {
        /// The setting's name, with its unit.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What would be right, in words.
        expected: &'static str,
    },
    /// An atomic number without published scattering factors.
    #[error("no scattering factor for atomic number {0}; the published tables cover 1 (H) to 103 (Lr)")]
    UnknownElement(u8),
}
