use adatom_optics::OpticsError;
use thiserror::Error;

/// Why a simulation is refused before it runs, or stopped.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum MultisliceError {
    /// A setting outside the range in which the simulation is right, with the numbers that would work.
    #[error("{name} is {value}; {remedy}")]
    Setting {
        /// The setting, with its unit.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right, in words and numbers.
        remedy: String,
    },
    /// Two atoms too close to each other to exist.
    #[error(
        "atoms {first} and {second} are {distance:.3} Å apart; atoms have to keep {limit} Å (check the structure for \
         doubled or half-occupied sites)"
    )]
    Overlap {
        /// The first atom: its element and place \[Å\].
        first: String,
        /// The second.
        second: String,
        /// Their distance \[Å\].
        distance: f64,
        /// The shortest distance allowed \[Å\].
        limit: f64,
    },
    /// The simulation needs more memory than it may have.
    #[error("the simulation needs {needed_mb:.0} MB and may use {budget_mb:.0} MB; {remedy}")]
    Memory {
        /// What it needs \[MB\].
        needed_mb: f64,
        /// The budget \[MB\].
        budget_mb: f64,
        /// What would fit.
        remedy: String,
    },
    /// The probe or an atom's scattering can't be computed.
    #[error(transparent)]
    Optics(#[from] OpticsError),
    /// The observer asked to stop.
    #[error("stopped")]
    Stopped,
}

impl MultisliceError {
    pub(crate) fn setting(name: &'static str, value: impl ToString, remedy: impl Into<String>) -> Self {
        Self::Setting { name, value: value.to_string(), remedy: remedy.into() }
    }
}
