use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Geometric aberrations of the probe-forming lens, as amplitude and azimuth.
///
/// The phase they add at the beam tilt (α, φ), in the notation C_nm of Krivanek, is 2π/λ times
/// ½C₁₀α² + ½C₁₂α² cos 2(φ−φ₁₂) + ⅓C₂₁α³ cos(φ−φ₂₁) + ⅓C₂₃α³ cos 3(φ−φ₂₃) + ¼C₃₀α⁴ + ⅙C₅₀α⁶.
/// Positive `defocus_angstrom` is underfocus.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aberrations {
    /// Defocus Δf \[Å\], positive for underfocus (C₁₀ = −Δf).
    pub defocus_angstrom: f64,
    /// Twofold astigmatism C₁₂ \[Å\].
    pub astigmatism2_angstrom: f64,
    /// Azimuth of the twofold astigmatism \[°\].
    pub astigmatism2_angle_deg: f64,
    /// Axial coma C₂₁ \[Å\].
    pub coma_angstrom: f64,
    /// Azimuth of the coma \[°\].
    pub coma_angle_deg: f64,
    /// Threefold astigmatism C₂₃ \[Å\].
    pub astigmatism3_angstrom: f64,
    /// Azimuth of the threefold astigmatism \[°\].
    pub astigmatism3_angle_deg: f64,
    /// Third-order spherical aberration C₃ \[mm\].
    pub c3_mm: f64,
    /// Fifth-order spherical aberration C₅ \[mm\].
    pub c5_mm: f64,
}

impl Aberrations {
    /// Whether the phase is zero everywhere.
    pub fn is_none(&self) -> bool {
        self.defocus_angstrom == 0.0
            && self.astigmatism2_angstrom == 0.0
            && self.coma_angstrom == 0.0
            && self.astigmatism3_angstrom == 0.0
            && self.c3_mm == 0.0
            && self.c5_mm == 0.0
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        [
            self.defocus_angstrom,
            self.astigmatism2_angstrom,
            self.astigmatism2_angle_deg,
            self.coma_angstrom,
            self.coma_angle_deg,
            self.astigmatism3_angstrom,
            self.astigmatism3_angle_deg,
            self.c3_mm,
            self.c5_mm,
        ]
        .iter()
        .all(|v| v.is_finite())
    }

    /// The phase χ in radian at the beam tilt (`alpha_x`, `alpha_y`) in radian.
    pub fn phase(&self, alpha_x: f64, alpha_y: f64, wavelength_angstrom: f64) -> f64 {
        let a2 = alpha_x * alpha_x + alpha_y * alpha_y;
        let a = a2.sqrt();
        let phi = alpha_y.atan2(alpha_x);
        let azimuth = |order: f64, angle_deg: f64| (order * (phi - angle_deg.to_radians())).cos();
        let path = a2
            * (0.5
                * (self.astigmatism2_angstrom * azimuth(2.0, self.astigmatism2_angle_deg)
                    - self.defocus_angstrom)
                + a / 3.0
                    * (self.coma_angstrom * azimuth(1.0, self.coma_angle_deg)
                        + self.astigmatism3_angstrom * azimuth(3.0, self.astigmatism3_angle_deg))
                + a2 * (0.25 * self.c3_mm * 1e7 + a2 / 6.0 * self.c5_mm * 1e7));
        2.0 * PI / wavelength_angstrom * path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scherzer_defocus_angstrom, scherzer_semiangle_mrad, wavelength_angstrom};

    /// At Scherzer's focus χ dips to −πΔf²/(2λC₃) = −¾π at its stationary point and is back at
    /// zero at the Scherzer angle.
    #[test]
    fn scherzer_focus_flattens_the_phase() {
        let (kv, c3) = (200.0, 1.3);
        let lambda = wavelength_angstrom(kv);
        let lens = Aberrations {
            defocus_angstrom: scherzer_defocus_angstrom(kv, c3),
            c3_mm: c3,
            ..Default::default()
        };
        let edge = scherzer_semiangle_mrad(kv, c3) * 1e-3;
        assert!(lens.phase(edge, 0.0, lambda).abs() < 1e-9);
        let turn = (lens.defocus_angstrom / (c3 * 1e7)).sqrt();
        assert!((lens.phase(turn, 0.0, lambda) + 0.75 * PI).abs() < 1e-9);
        assert!((0..=100).all(|i| lens.phase(edge * i as f64 / 100.0, 0.0, lambda) > -0.75 * PI - 1e-9));
    }

    #[test]
    fn azimuthal_terms_have_their_symmetry() {
        let lens =
            Aberrations { astigmatism2_angstrom: 10.0, astigmatism2_angle_deg: 20.0, ..Default::default() };
        let at = |deg: f64| {
            let (s, c) = deg.to_radians().sin_cos();
            lens.phase(0.02 * c, 0.02 * s, 0.025)
        };
        assert!((at(20.0) - at(200.0)).abs() < 1e-9);
        assert!((at(20.0) + at(110.0)).abs() < 1e-9);
        assert!(at(20.0) > 0.0);
    }
}
