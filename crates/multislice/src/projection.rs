use adatom_optics::{OpticsError, POTENTIAL_PER_SCATTERING_FACTOR, Parametrisation, Term};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Distance along the beam beyond which an atom's potential is counted to the slices it lies beyond \[Å\].
pub(crate) const REACH_ANGSTROM: f64 = 6.0;

/// How an atom's potential is divided among slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    /// All of it to the slice that its centre lies in.
    #[default]
    Infinite,
    /// To every slice the part that lies in it; the first and the last also take what is beyond them.
    Finite,
}

/// The potential of one element, projected between two depths, as a function of the frequency across the beam.
pub(crate) struct ProjectedAtom {
    terms: Vec<Term>,
}

impl ProjectedAtom {
    pub(crate) fn new(parametrisation: Parametrisation, atomic_number: u8) -> Result<Self, OpticsError> {
        Ok(Self { terms: parametrisation.terms(atomic_number)? })
    }

    /// Fourier transform \[V Å²\] of the whole projected potential at frequency `k` \[1/Å\].
    pub(crate) fn whole(&self, k: f64) -> f64 {
        POTENTIAL_PER_SCATTERING_FACTOR * self.terms.iter().map(|term| term.at(k * k)).sum::<f64>()
    }

    /// The same of the part between the depths `from` and `to` \[Å\], measured from the atom's centre.
    ///
    /// With the scattering factor's Fourier transform along the beam in closed form, its integral over depth is
    /// too: exp(−2πκ|z|) for a Lorentzian 1/(k² + κ²), (1 + 2πκ|z|) exp(−2πκ|z|) for its square, and
    /// exp(−π²z²/d) for a Gaussian.
    pub(crate) fn between(&self, k: f64, from: f64, to: f64) -> f64 {
        let above = |z: f64| -> f64 {
            if z.abs() >= REACH_ANGSTROM {
                return if z > 0.0 { self.whole(k) } else { 0.0 };
            }
            POTENTIAL_PER_SCATTERING_FACTOR
                * self.terms.iter().map(|term| term.at(k * k) * part_above(term, k * k, z)).sum::<f64>()
        };
        above(to) - above(from)
    }
}

/// Part of a term's projection that lies at depths up to `z`.
fn part_above(term: &Term, k2: f64, z: f64) -> f64 {
    let tail = match *term {
        Term::Gaussian { width, .. } => return 0.5 * (1.0 + libm::erf(PI * z / width.sqrt())),
        Term::Lorentzian { offset, .. } => 0.5 * (-2.0 * PI * (k2 + offset).sqrt() * z.abs()).exp(),
        Term::SquaredLorentzian { offset, .. } => {
            let u = 2.0 * PI * (k2 + offset).sqrt() * z.abs();
            0.25 * (2.0 + u) * (-u).exp()
        }
    };
    if z > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part between two depths is ∫ dz ∫ dkz f(√(k² + kz²)) exp(2πi kz z), here by brute force: the integral
    /// over depth first, sin(2πkz z)/(πkz), then kz by the midpoint rule to 40 /Å.
    #[test]
    fn finite_projections_equal_the_integral_over_depth() {
        for (parametrisation, z, k, depth) in [
            (Parametrisation::Lobato, 38, 0.4_f64, 0.7),
            (Parametrisation::Lobato, 8, 1.5, 0.3),
            (Parametrisation::Kirkland, 22, 0.8, 0.5),
            (Parametrisation::Kirkland, 14, 0.2, 1.2),
        ] {
            let atom = ProjectedAtom::new(parametrisation, z).unwrap();
            let step = 1e-3;
            let brute: f64 = (0..40_000)
                .map(|i| (f64::from(i) + 0.5) * step)
                .map(|kz| {
                    let f = parametrisation.scattering_factor(z, k.hypot(kz)).unwrap();
                    2.0 * f * (2.0 * PI * kz * depth).sin() / (PI * kz) * step
                })
                .sum();
            let ours = atom.between(k, -depth, depth) / POTENTIAL_PER_SCATTERING_FACTOR;
            assert!((ours / brute - 1.0).abs() < 2e-3, "Z = {z}: {ours} and {brute}");
        }
    }

    #[test]
    fn parts_of_the_depth_add_up_to_the_whole() {
        let atom = ProjectedAtom::new(Parametrisation::Lobato, 79).unwrap();
        for k in [0.0, 0.5, 3.0] {
            let parts: f64 =
                [-1e9, -1.0, -0.2, 0.3, 2.0, 1e9].windows(2).map(|w| atom.between(k, w[0], w[1])).sum();
            assert!((parts / atom.whole(k) - 1.0).abs() < 1e-12);
        }
    }
}
