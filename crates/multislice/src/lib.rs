//! Multislice simulation of scanning transmission electron microscopy: what the beam does inside a specimen,
//! where the linear model of `adatom-imaging` is only its thin limit.
//!
//! A [`Specimen`] is a box of atoms. [`Simulation`] checks it and the [`Settings`], refusing what can't be right
//! with numbers that would work, tells what it will cost ([`Plan`]), and runs: projected potentials in slices,
//! a probe for every position propagated through them ([`Method::Conventional`]) or put together from plane waves
//! ([`Method::Prism`]), detectors. Images are fractions of the incident beam. One over a whole period of the
//! specimen becomes a [`PeriodicImage`], which can be sampled anywhere.
//!
//! Lengths are in ångström; x is to the right, y down and z along the beam, with the entrance surface at zero.
//! Potentials, waves and sums over them are in single precision, everything that leads to them in double.
//!
//! ```
//! use adatom_multislice::{Atom, Detector, Scan, Settings, Simulation, Specimen};
//! use adatom_crystal::Element;
//! use adatom_optics::{Aberrations, Probe};
//!
//! let gold = Element::from_symbol("Au").expect("an element");
//! let atom = Atom { element: gold, position: [5.0, 5.0, 1.0], occupancy: 1.0, u_iso_angstrom2: 0.0 };
//! let specimen = Specimen { atoms: vec![atom], size_angstrom: [10.0, 10.0, 2.0] };
//! let probe = Probe::new(200.0, 24.0, Aberrations::default(), 0.0)?;
//! let mut settings = Settings::new(probe, 0.06, Scan::point([5.0, 5.0]));
//! settings.detectors = vec![Detector::Annular { inner_mrad: 60.0, outer_mrad: 120.0 }];
//! let on_atom = Simulation::new(specimen.clone(), settings.clone())?.run(&mut |_| true)?;
//! settings.scan = Scan::point([0.0, 0.0]);
//! let beside = Simulation::new(specimen, settings)?.run(&mut |_| true)?;
//! assert!(on_atom.image(0, 0)[(0, 0)] > 20.0 * beside.image(0, 0)[(0, 0)]);
//! # Ok::<(), adatom_multislice::MultisliceError>(())
//! ```

mod detector;
mod engine;
mod error;
mod grid;
mod image;
mod plan;
mod potential;
mod prism;
mod probe;
mod projection;
mod scan;
mod settings;
mod simulation;
mod specimen;

pub use detector::Detector;
pub use error::MultisliceError;
pub use grid::WaveGrid;
pub use image::PeriodicImage;
pub use plan::Plan;
pub use projection::Projection;
pub use scan::Scan;
pub use settings::{Method, Sampling, Settings};
pub use simulation::{Recording, Simulation, Unit};
pub use specimen::{Atom, Phonons, Specimen};
