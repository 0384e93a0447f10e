//! What the microscope's beam is and how an atom scatters it: relativistic wavelength and
//! interaction, aberrations, the focused probe and its transfer function, and published
//! electron scattering factors.
//!
//! Lengths are in ångström, spatial frequencies in 1/Å, angles in milliradian where the name
//! says so. Nothing here knows a file, an image or a crystal.
//!
//! ```
//! use adatom_optics::{Aberrations, Probe};
//! let probe = Probe::new(200.0, 24.0, Aberrations::default(), 0.9)?;
//! assert!((probe.wavelength_angstrom() - 0.02508).abs() < 1e-5);
//! // Radius of a column's mask: aperture and source added in quadrature.
//! assert!((probe.column_radius_angstrom() - 0.5203).abs() < 1e-3);
//! # Ok::<(), adatom_optics::OpticsError>(())
//! ```

mod aberrations;
mod electron;
mod error;
mod probe;
mod scattering;
mod transfer;

pub use aberrations::{Aberrations, Azimuthal, HighOrders};
pub use electron::{
    cross_section_factor, interaction_parameter, scherzer_defocus_angstrom, scherzer_semiangle_mrad,
    wavelength_angstrom,
};
pub use error::OpticsError;
pub use probe::Probe;
pub use scattering::{AtomTransfer, POTENTIAL_PER_SCATTERING_FACTOR, Parametrisation, Scattering, Term};
pub use transfer::Transfer;
