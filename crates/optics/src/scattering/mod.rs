//! How strongly, and how sharply, one atom scatters into the detector.

mod kirkland_table;
mod lobato_table;

use crate::{OpticsError, wavelength_angstrom};
use kirkland_table::KIRKLAND;
use lobato_table::LOBATO;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// h²/(2π m₀ e) in V Å²: the projected potential's Fourier transform is this times the electron
/// scattering factor in Å (Kirkland 2010, eq. 5.9 with CODATA 2018 constants).
pub const POTENTIAL_PER_SCATTERING_FACTOR: f64 = 47.877_645;

/// A published parametrisation of the electron scattering factors of free atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parametrisation {
    /// E. J. Kirkland, three Lorentzians and three Gaussians.
    Kirkland,
    /// I. Lobato and D. Van Dyck (2014), five terms with the right behaviour at both ends.
    #[default]
    Lobato,
}

/// One term of a parametrised scattering factor \[Å\], a function of k² \[1/Å²\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Term {
    /// `weight` / (k² + `offset`).
    Lorentzian {
        /// \[1/Å\].
        weight: f64,
        /// \[1/Å²\].
        offset: f64,
    },
    /// `weight` / (k² + `offset`)².
    SquaredLorentzian {
        /// \[1/Å³\].
        weight: f64,
        /// \[1/Å²\].
        offset: f64,
    },
    /// `weight` exp(−`width` k²).
    Gaussian {
        /// \[Å\].
        weight: f64,
        /// \[Å²\].
        width: f64,
    },
}

impl Term {
    /// Its value at `k_squared` \[1/Å²\].
    pub fn at(&self, k_squared: f64) -> f64 {
        match *self {
            Self::Lorentzian { weight, offset } => weight / (k_squared + offset),
            Self::SquaredLorentzian { weight, offset } => weight / (k_squared + offset).powi(2),
            Self::Gaussian { weight, width } => weight * (-width * k_squared).exp(),
        }
    }
}

impl Parametrisation {
    /// The terms whose sum is [`Self::scattering_factor`]: what its Fourier transforms are known of.
    ///
    /// # Errors
    /// [`OpticsError::UnknownElement`] outside Z = 1..=103.
    pub fn terms(self, atomic_number: u8) -> Result<Vec<Term>, OpticsError> {
        let row = usize::from(atomic_number).wrapping_sub(1);
        let unknown = OpticsError::UnknownElement(atomic_number);
        Ok(match self {
            Self::Kirkland => {
                let p = KIRKLAND.get(row).ok_or(unknown)?;
                let lorentzians =
                    p[..6].chunks_exact(2).map(|ab| Term::Lorentzian { weight: ab[0], offset: ab[1] });
                let gaussians =
                    p[6..].chunks_exact(2).map(|cd| Term::Gaussian { weight: cd[0], width: cd[1] });
                lorentzians.chain(gaussians).collect()
            }
            // a (2 + b k²)/(1 + b k²)² = a/(1 + b k²) + a/(1 + b k²)².
            Self::Lobato => {
                let p = LOBATO.get(row).ok_or(unknown)?;
                let term = |ab: &[f64]| {
                    let (a, offset) = (ab[0], 1.0 / ab[1]);
                    [
                        Term::Lorentzian { weight: a * offset, offset },
                        Term::SquaredLorentzian { weight: a * offset * offset, offset },
                    ]
                };
                p.chunks_exact(2).flat_map(term).collect()
            }
        })
    }

    /// Electron scattering factor f(k) in Å in the first Born approximation (rest mass) for the
    /// spatial frequency `k` = 2 sin(θ/2)/λ in 1/Å.
    ///
    /// # Errors
    /// [`OpticsError::UnknownElement`] outside Z = 1..=103.
    pub fn scattering_factor(self, atomic_number: u8, k: f64) -> Result<f64, OpticsError> {
        let row = usize::from(atomic_number).wrapping_sub(1);
        let k2 = k * k;
        let unknown = OpticsError::UnknownElement(atomic_number);
        Ok(match self {
            Self::Kirkland => {
                let p = KIRKLAND.get(row).ok_or(unknown)?;
                let lorentzians: f64 = p[..6].chunks_exact(2).map(|ab| ab[0] / (k2 + ab[1])).sum();
                let gaussians: f64 = p[6..].chunks_exact(2).map(|cd| cd[0] * (-cd[1] * k2).exp()).sum();
                lorentzians + gaussians
            }
            Self::Lobato => {
                let p = LOBATO.get(row).ok_or(unknown)?;
                p.chunks_exact(2).map(|ab| ab[0] * (2.0 + ab[1] * k2) / (1.0 + ab[1] * k2).powi(2)).sum()
            }
        })
    }
}

/// The object function of one atom in the linear model: what is convolved with the probe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scattering {
    /// The projected potential \[V Å²\], as in the paper.
    ProjectedPotential {
        /// Whose scattering factors.
        #[serde(default)]
        parametrisation: Parametrisation,
    },
    /// A point that scatters as the elastic cross-section into an annular detector,
    /// ∫ |f(k)|² 2πk dk between the two angles; times [`crate::cross_section_factor`] it is in Å². This carries
    /// the Z-contrast of a real ADF image.
    AnnularCrossSection {
        /// Whose scattering factors.
        #[serde(default)]
        parametrisation: Parametrisation,
        /// Inner collection semi-angle \[mrad\].
        inner_mrad: f64,
        /// Outer collection semi-angle \[mrad\].
        outer_mrad: f64,
    },
    /// A point that scatters as Zⁿ \[no unit\].
    PowerOfZ {
        /// The exponent n, 1.6 to 2 for high-angle detectors.
        exponent: f64,
    },
}

impl Default for Scattering {
    fn default() -> Self {
        Self::ProjectedPotential { parametrisation: Parametrisation::default() }
    }
}

impl Scattering {
    /// The atom's weight and shape at beam energy `energy_kv`, ready to be sampled in k.
    ///
    /// # Errors
    /// For an unknown element, detector angles out of order or an exponent outside 0..=4.
    pub fn atom(&self, atomic_number: u8, energy_kv: f64) -> Result<AtomTransfer, OpticsError> {
        let shape =
            |parametrisation| AtomTransfer { weight: 1.0, shape: Some((parametrisation, atomic_number)) };
        match *self {
            Self::ProjectedPotential { parametrisation } => {
                parametrisation.scattering_factor(atomic_number, 0.0)?;
                Ok(shape(parametrisation))
            }
            Self::AnnularCrossSection { parametrisation, inner_mrad, outer_mrad } => {
                let valid = inner_mrad >= 0.0 && outer_mrad > inner_mrad && outer_mrad <= 500.0;
                if !valid {
                    return Err(OpticsError::OutOfRange {
                        name: "outer_mrad",
                        value: outer_mrad,
                        expected: "above inner_mrad (itself at least 0) and at most 500",
                    });
                }
                let lambda = wavelength_angstrom(energy_kv);
                let (from, to) = (inner_mrad * 1e-3 / lambda, outer_mrad * 1e-3 / lambda);
                let steps = 400;
                let dk = (to - from) / f64::from(steps);
                let mut weight = 0.0;
                for step in 0..steps {
                    let k = from + (f64::from(step) + 0.5) * dk;
                    let f = parametrisation.scattering_factor(atomic_number, k)?;
                    weight += f * f * 2.0 * PI * k * dk;
                }
                Ok(AtomTransfer { weight, shape: None })
            }
            Self::PowerOfZ { exponent } => {
                if !(0.0..=4.0).contains(&exponent) {
                    return Err(OpticsError::OutOfRange {
                        name: "exponent",
                        value: exponent,
                        expected: "0 to 4",
                    });
                }
                Parametrisation::Lobato.scattering_factor(atomic_number, 0.0)?;
                Ok(AtomTransfer { weight: f64::from(atomic_number).powf(exponent), shape: None })
            }
        }
    }
}

/// Fourier transform of one atom's object function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtomTransfer {
    weight: f64,
    shape: Option<(Parametrisation, u8)>,
}

impl AtomTransfer {
    /// Value at spatial frequency `k` in 1/Å; at 0 it is the integral over the plane.
    pub fn at(&self, k: f64) -> f64 {
        match self.shape {
            None => self.weight,
            Some((parametrisation, atomic_number)) => {
                let f = parametrisation.scattering_factor(atomic_number, k).unwrap_or(0.0);
                self.weight * POTENTIAL_PER_SCATTERING_FACTOR * f
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed with abTEM 1.0.11 for Si, Sr and Pt.
    #[test]
    fn scattering_factors_equal_abtems() {
        for (z, k, lobato, kirkland) in [
            (14, 0.5, 1.967_707_88, 1.965_830_06),
            (14, 1.0, 0.742_908_55, 0.742_282_47),
            (38, 0.0, 13.109_9, 13.055_193_29),
            (38, 1.0, 1.742_044_17, 1.728_368_12),
            (78, 0.5, 5.998_901_97, 5.995_218_06),
        ] {
            let at = |p: Parametrisation| p.scattering_factor(z, k).unwrap();
            assert!((at(Parametrisation::Lobato) / lobato - 1.0).abs() < 1e-6, "Lobato Z = {z}, k = {k}");
            assert!(
                (at(Parametrisation::Kirkland) / kirkland - 1.0).abs() < 1e-6,
                "Kirkland Z = {z}, k = {k}"
            );
        }
    }

    #[test]
    fn terms_add_up_to_the_scattering_factor() {
        for p in [Parametrisation::Kirkland, Parametrisation::Lobato] {
            for (z, k) in [(1, 0.0), (6, 0.3), (38, 1.0), (79, 4.0)] {
                let sum: f64 = p.terms(z).unwrap().iter().map(|term| term.at(k * k)).sum();
                assert!((sum / p.scattering_factor(z, k).unwrap() - 1.0).abs() < 1e-9, "{p:?} Z = {z}");
            }
        }
    }

    /// Two independent fits of independent atomic calculations: apart by a few percent at most.
    #[test]
    fn the_two_tables_agree_with_each_other() {
        let at = |p: Parametrisation, z, k| p.scattering_factor(z, k).unwrap();
        for z in 1..=103_u8 {
            for k in [0.5, 1.0, 2.0, 4.0] {
                let (kirkland, lobato) =
                    (at(Parametrisation::Kirkland, z, k), at(Parametrisation::Lobato, z, k));
                assert!((kirkland / lobato - 1.0).abs() < 0.12, "Z = {z}, k = {k}: {kirkland} and {lobato}");
            }
        }
    }

    /// Rutherford's limit: f → Z/(2π² a₀ k²) at high k, up to 1 % screening left at k = 10 /Å.
    #[test]
    fn lobato_tends_to_rutherford_scattering() {
        let bohr = 0.529_177_21;
        for z in [6_u8, 14, 38, 78] {
            let k = 12.0;
            let rutherford = f64::from(z) / (2.0 * PI * PI * bohr * k * k);
            let f = Parametrisation::Lobato.scattering_factor(z, k).unwrap();
            assert!((f / rutherford - 1.0).abs() < 0.06, "Z = {z}: {f} against {rutherford}");
        }
    }

    /// High-angle cross-sections of a screened atom grow as about Z^1.6 to Z^2.
    #[test]
    fn annular_cross_section_grows_with_z_as_known() {
        let detector = Scattering::AnnularCrossSection {
            parametrisation: Parametrisation::Lobato,
            inner_mrad: 80.0,
            outer_mrad: 200.0,
        };
        let weight = |z| detector.atom(z, 200.0).unwrap().at(0.0);
        let exponent = (weight(78) / weight(14)).ln() / (78.0_f64 / 14.0).ln();
        assert!((1.5..2.0).contains(&exponent), "{exponent}");
    }

    /// Rutherford's cross-section beyond an angle, γ²λ⁴Z²/(4π³a₀²θ²) (Reimer and Kohl 2008, section 5.1); carbon
    /// beyond 150 mrad is 8 % screened at most.
    #[test]
    fn annular_cross_section_tends_to_rutherfords() {
        let detector = |inner_mrad: f64, outer_mrad: f64| {
            let parametrisation = Parametrisation::Lobato;
            Scattering::AnnularCrossSection { parametrisation, inner_mrad, outer_mrad }
        };
        let weight = detector(150.0, 300.0).atom(6, 200.0).unwrap().at(0.0);
        let lambda = wavelength_angstrom(200.0);
        let beyond = |mrad: f64| {
            let gamma: f64 = 1.0 + 200.0 / 510.999;
            (gamma * lambda * lambda * 6.0 / (0.529_177_21 * mrad * 1e-3)).powi(2) / (4.0 * PI.powi(3))
        };
        let rutherford = beyond(150.0) - beyond(300.0);
        let ours = weight * crate::cross_section_factor(200.0);
        assert!((0.92..1.0).contains(&(ours / rutherford)), "{ours} and {rutherford}");
    }

    #[test]
    fn unknown_elements_and_absurd_detectors_are_refused() {
        assert_eq!(Scattering::default().atom(0, 200.0), Err(OpticsError::UnknownElement(0)));
        assert!(Scattering::default().atom(104, 200.0).is_err());
        let swapped = Scattering::AnnularCrossSection {
            parametrisation: Parametrisation::Lobato,
            inner_mrad: 200.0,
            outer_mrad: 80.0,
        };
        assert!(swapped.atom(14, 200.0).is_err());
    }
}
