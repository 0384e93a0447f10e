use crate::{Detector, Phonons, Projection, Scan};
use adatom_optics::{Parametrisation, Probe};

/// How the wave is sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// At most so far apart \[Å\], rounded to a length that is transformed fast.
    Angstrom(f64),
    /// With so many samples in x and y.
    Samples([usize; 2]),
}

/// How probes are propagated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Each by itself.
    #[default]
    Conventional,
    /// Plane waves are, and probes are sums of them (C. Ophus, Adv. Struct. Chem. Imaging 3, 13 (2017)). With an
    /// interpolation factor f only every f-th plane wave in both directions is, and each probe lives in a part of
    /// the box 1/f as wide. With 1 the result is that of the conventional method.
    Prism {
        /// The factor f.
        interpolation: usize,
    },
}

/// Everything a simulation needs besides the specimen.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The probe. Its source's size is not in the recordings; see [`crate::PeriodicImage::with_source`].
    pub probe: Probe,
    /// Sampling of potential and wave.
    pub sampling: Sampling,
    /// Thickness of slices at most \[Å\]; the specimen is divided into equal ones.
    pub slice_thickness_angstrom: f64,
    /// Whose scattering factors.
    pub parametrisation: Parametrisation,
    /// How potentials are divided among slices.
    pub projection: Projection,
    /// Frozen phonons; none leaves the atoms at rest.
    pub phonons: Option<Phonons>,
    /// Tilt of the specimen towards x and y \[mrad\], small.
    pub tilt_mrad: [f64; 2],
    /// Standard deviation of the focus from electron to electron \[Å\].
    pub defocus_spread_angstrom: f64,
    /// Detectors.
    pub detectors: Vec<Detector>,
    /// Thicknesses at which to record \[Å\], each rounded to a slice; empty for the whole thickness alone.
    pub thicknesses_angstrom: Vec<f64>,
    /// Probe positions.
    pub scan: Scan,
    /// How probes are propagated.
    pub method: Method,
    /// Memory that may be used \[bytes\].
    pub memory_bytes: usize,
}

impl Settings {
    /// Conventional multislice at a sampling in Å: slices of 2 Å, infinite projections after Lobato and Van Dyck,
    /// atoms at rest, one detector from 80 to 200 mrad, up to 4 GB.
    pub fn new(probe: Probe, sampling_angstrom: f64, scan: Scan) -> Self {
        Self {
            probe,
            sampling: Sampling::Angstrom(sampling_angstrom),
            slice_thickness_angstrom: 2.0,
            parametrisation: Parametrisation::default(),
            projection: Projection::default(),
            phonons: None,
            tilt_mrad: [0.0; 2],
            defocus_spread_angstrom: 0.0,
            detectors: vec![Detector::Annular { inner_mrad: 80.0, outer_mrad: 200.0 }],
            thicknesses_angstrom: Vec::new(),
            scan,
            method: Method::default(),
            memory_bytes: 4_000_000_000,
        }
    }
}
