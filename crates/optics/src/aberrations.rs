use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Geometric aberrations of the probe-forming lens, as amplitude and azimuth.
///
/// The phase they add at the beam tilt (α, φ), in the notation C_nm of Krivanek, is 2π/λ times
/// ½C₁₀α² + ½C₁₂α² cos 2(φ−φ₁₂) + ⅓C₂₁α³ cos(φ−φ₂₁) + ⅓C₂₃α³ cos 3(φ−φ₂₃) + ¼C₃₀α⁴ + ⅙C₅₀α⁶
/// + Σ C_nm α^(n+1)/(n+1) cos m(φ−φ_nm) over the [`HighOrders`]. Positive `defocus_angstrom` is underfocus.
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
    /// The azimuthal aberrations of third to fifth order.
    #[serde(skip_serializing_if = "HighOrders::is_none")]
    pub high_orders: HighOrders,
}

/// An aberration's amplitude \[Å\] and azimuth \[°\].
pub type Azimuthal = [f64; 2];

/// The azimuthal aberrations C_nm of third to fifth order, each as amplitude \[Å\] and azimuth \[°\].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HighOrders {
    /// Star aberration C₃₂.
    pub c32: Azimuthal,
    /// Fourfold astigmatism C₃₄.
    pub c34: Azimuthal,
    /// Fourth-order axial coma C₄₁.
    pub c41: Azimuthal,
    /// Three-lobe aberration C₄₃.
    pub c43: Azimuthal,
    /// Fivefold astigmatism C₄₅.
    pub c45: Azimuthal,
    /// Fifth-order star aberration C₅₂.
    pub c52: Azimuthal,
    /// Rosette aberration C₅₄.
    pub c54: Azimuthal,
    /// Sixfold astigmatism C₅₆.
    pub c56: Azimuthal,
}

impl HighOrders {
    /// Orders n and m, amplitude and azimuth.
    fn terms(&self) -> [(i32, f64, Azimuthal); 8] {
        [
            (3, 2.0, self.c32),
            (3, 4.0, self.c34),
            (4, 1.0, self.c41),
            (4, 3.0, self.c43),
            (4, 5.0, self.c45),
            (5, 2.0, self.c52),
            (5, 4.0, self.c54),
            (5, 6.0, self.c56),
        ]
    }

    fn is_none(&self) -> bool {
        self.terms().iter().all(|(_, _, [amplitude, _])| *amplitude == 0.0)
    }
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
            && self.high_orders.is_none()
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
            && self.high_orders.terms().iter().all(|(_, _, values)| values.iter().all(|v| v.is_finite()))
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
        let high: f64 = if self.high_orders.is_none() {
            0.0
        } else {
            let term = |(n, m, [amplitude, angle]): (i32, f64, Azimuthal)| {
                amplitude * a.powi(n + 1) / f64::from(n + 1) * azimuth(m, angle)
            };
            self.high_orders.terms().into_iter().map(term).sum()
        };
        2.0 * PI / wavelength_angstrom * (path + high)
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

    /// C_nm alone is 2π/λ α^(n+1)/(n+1) C_nm at its azimuth, as large with the other sign half a lobe on.
    #[test]
    fn high_orders_have_their_power_and_symmetry() {
        type Term = (fn(&mut HighOrders) -> &mut Azimuthal, i32, f64);
        let set: [Term; 8] = [
            (|h| &mut h.c32, 3, 2.0),
            (|h| &mut h.c34, 3, 4.0),
            (|h| &mut h.c41, 4, 1.0),
            (|h| &mut h.c43, 4, 3.0),
            (|h| &mut h.c45, 4, 5.0),
            (|h| &mut h.c52, 5, 2.0),
            (|h| &mut h.c54, 5, 4.0),
            (|h| &mut h.c56, 5, 6.0),
        ];
        for (which, n, m) in set {
            let mut lens = Aberrations::default();
            *which(&mut lens.high_orders) = [3e4, 25.0];
            let at = |deg: f64| {
                let (s, c) = deg.to_radians().sin_cos();
                lens.phase(0.03 * c, 0.03 * s, 0.025)
            };
            let expected = 2.0 * PI / 0.025 * 3e4 * 0.03_f64.powi(n + 1) / f64::from(n + 1);
            assert!((at(25.0) / expected - 1.0).abs() < 1e-9 && !lens.is_none());
            assert!((at(25.0 + 180.0 / m) / expected + 1.0).abs() < 1e-9, "C{n}{m}");
        }
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
