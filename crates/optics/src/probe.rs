use crate::{Aberrations, OpticsError, Transfer, wavelength_angstrom};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use std::f64::consts::{LN_2, PI};

/// The focused electron probe of a STEM, with the finite size of its source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    energy_kv: f64,
    semiangle_mrad: f64,
    aberrations: Aberrations,
    source_fwhm_angstrom: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tails: Option<Tails>,
}

/// Broad Gaussian tails around the source's image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Tails {
    /// Part of the current in them.
    fraction: f64,
    /// Full width at half maximum \[Å\].
    fwhm_angstrom: f64,
}

impl Probe {
    /// A probe of `energy_kv` kilovolts and convergence semi-angle `semiangle_mrad`, whose
    /// incoherent source has a Gaussian image of `source_fwhm_angstrom` full width at half maximum.
    ///
    /// # Errors
    /// [`OpticsError::OutOfRange`] naming the setting that no STEM has.
    pub fn new(
        energy_kv: f64,
        semiangle_mrad: f64,
        aberrations: Aberrations,
        source_fwhm_angstrom: f64,
    ) -> Result<Self, OpticsError> {
        let check = |name, value: f64, low: f64, high: f64, expected| {
            if value >= low && value <= high {
                Ok(())
            } else {
                Err(OpticsError::OutOfRange { name, value, expected })
            }
        };
        check("energy_kv", energy_kv, 10.0, 3000.0, "10 to 3000 kV")?;
        check("semiangle_mrad", semiangle_mrad, 0.5, 150.0, "0.5 to 150 mrad")?;
        check("source_fwhm_angstrom", source_fwhm_angstrom, 0.0, 20.0, "0 to 20 Å")?;
        if !aberrations.is_finite() {
            return Err(OpticsError::OutOfRange {
                name: "aberrations",
                value: f64::NAN,
                expected: "finite numbers",
            });
        }
        Ok(Self { energy_kv, semiangle_mrad, aberrations, source_fwhm_angstrom, tails: None })
    }

    /// With the part `fraction` of the current in a second, broader Gaussian of `fwhm_angstrom`, as
    /// the tails of real probes have it.
    ///
    /// # Errors
    /// [`OpticsError::OutOfRange`] for a part outside 0 to 0.9 or a width outside 0 to 20 Å.
    pub fn with_tails(mut self, fraction: f64, fwhm_angstrom: f64) -> Result<Self, OpticsError> {
        for (name, value, high, expected) in [
            ("tail fraction", fraction, 0.9, "0 to 0.9"),
            ("tail width in Å", fwhm_angstrom, 20.0, "0 to 20 Å"),
        ] {
            if !(0.0..=high).contains(&value) {
                return Err(OpticsError::OutOfRange { name, value, expected });
            }
        }
        self.tails = (fraction > 0.0).then_some(Tails { fraction, fwhm_angstrom });
        Ok(self)
    }

    /// Transfer of the source's image, tails included, at the square of a spatial frequency
    /// \[1/Å²\]: one at zero.
    pub fn source_transfer(&self, k_squared: f64) -> f64 {
        // A Gaussian of standard deviation σ transforms to exp(−2π²σ²k²), and FWHM² = 8 ln2 σ².
        let gaussian = |fwhm: f64| (-PI * PI * fwhm * fwhm / (4.0 * LN_2) * k_squared).exp();
        let core = gaussian(self.source_fwhm_angstrom);
        self.tails.map_or(core, |t| (1.0 - t.fraction) * core + t.fraction * gaussian(t.fwhm_angstrom))
    }

    /// The larger width of the source's image and its tails \[Å\].
    pub fn widest_source_angstrom(&self) -> f64 {
        self.tails.map_or(self.source_fwhm_angstrom, |t| t.fwhm_angstrom.max(self.source_fwhm_angstrom))
    }

    /// Beam energy \[kV\].
    pub fn energy_kv(&self) -> f64 {
        self.energy_kv
    }

    /// Convergence semi-angle \[mrad\].
    pub fn semiangle_mrad(&self) -> f64 {
        self.semiangle_mrad
    }

    /// The lens's aberrations.
    pub fn aberrations(&self) -> &Aberrations {
        &self.aberrations
    }

    /// Full width at half maximum of the source's image \[Å\].
    pub fn source_fwhm_angstrom(&self) -> f64 {
        self.source_fwhm_angstrom
    }

    /// Relativistic wavelength \[Å\].
    pub fn wavelength_angstrom(&self) -> f64 {
        wavelength_angstrom(self.energy_kv)
    }

    /// Radius of the aperture in reciprocal space, α/λ \[1/Å\].
    pub fn aperture(&self) -> f64 {
        self.semiangle_mrad * 1e-3 / self.wavelength_angstrom()
    }

    /// Radius of a column's circular mask \[Å\]: ½√((λ/2α)² + d_source²). This is the formula by
    /// which the published library's radius files are made; the paper's Table 2 prints the
    /// aperture's term twice as large.
    pub fn column_radius_angstrom(&self) -> f64 {
        let diffraction = 0.5 * self.wavelength_angstrom() / (self.semiangle_mrad * 1e-3);
        0.5 * diffraction.hypot(self.source_fwhm_angstrom)
    }

    /// The probe's incoherent transfer function, the Fourier transform of |probe|² ⊗ source.
    ///
    /// # Errors
    /// When the aberrations smear the probe over more than the calculation can hold.
    pub fn transfer(&self) -> Result<Transfer, OpticsError> {
        Transfer::new(self)
    }

    /// |ψ(x, 0)|² \[1/Å²\] of the coherent probe (no source size) at distances `x` along the
    /// x axis \[Å\]; its integral over the plane is one. Direct quadrature over the aperture:
    /// slow, and independent of [`Transfer`].
    pub fn intensity_profile(&self, x: &[f64]) -> Vec<f64> {
        const RADIAL: u32 = 600;
        const AZIMUTHAL: u32 = 240;
        let edge = self.aperture();
        let lambda = self.wavelength_angstrom();
        let area = PI * edge * edge;
        x.iter()
            .map(|&x| {
                let mut wave = Complex64::default();
                for ring in 0..RADIAL {
                    let k = (f64::from(ring) + 0.5) / f64::from(RADIAL) * edge;
                    let mut sum = Complex64::default();
                    for step in 0..AZIMUTHAL {
                        let (sin, cos) = (2.0 * PI * f64::from(step) / f64::from(AZIMUTHAL)).sin_cos();
                        let chi = self.aberrations.phase(lambda * k * cos, lambda * k * sin, lambda);
                        sum += Complex64::cis(2.0 * PI * k * cos * x - chi);
                    }
                    wave += sum * k;
                }
                wave *= 2.0 * PI / f64::from(AZIMUTHAL) * edge / f64::from(RADIAL);
                wave.norm_sqr() / area
            })
            .collect()
    }
}
