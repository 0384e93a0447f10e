use std::f64::consts::PI;

/// Electron rest energy m₀c² in keV (CODATA 2018).
const REST_ENERGY_KEV: f64 = 510.998_950;
/// hc in keV Å (CODATA 2018).
const HC_KEV_ANGSTROM: f64 = 12.398_419_84;

/// Relativistic de Broglie wavelength in Å of electrons accelerated through `energy_kv` kilovolts:
/// λ = hc / √(E (E + 2 m₀c²)).
pub fn wavelength_angstrom(energy_kv: f64) -> f64 {
    HC_KEV_ANGSTROM / (energy_kv * (energy_kv + 2.0 * REST_ENERGY_KEV)).sqrt()
}

/// Relativistic interaction parameter σ in rad/(V Å): the phase an electron gains per volt and
/// ångström of projected potential, σ = 2π/(λ E) · (m₀c² + E)/(2 m₀c² + E).
pub fn interaction_parameter(energy_kv: f64) -> f64 {
    let volts = energy_kv * 1e3;
    2.0 * PI / (wavelength_angstrom(energy_kv) * volts) * (REST_ENERGY_KEV + energy_kv)
        / (2.0 * REST_ENERGY_KEV + energy_kv)
}

/// (γλ)² in Å²: what the integral of |f|² over spatial frequencies, f the scattering factor in Å for the rest
/// mass, has to be multiplied by to be a cross-section in Å²; γ = 1 + E/m₀c².
pub fn cross_section_factor(energy_kv: f64) -> f64 {
    (wavelength_angstrom(energy_kv) * (1.0 + energy_kv / REST_ENERGY_KEV)).powi(2)
}

/// Scherzer's underfocus in Å for phase contrast, √(1.5 C₃ λ), with `c3_mm` in millimetres.
pub fn scherzer_defocus_angstrom(energy_kv: f64, c3_mm: f64) -> f64 {
    (1.5 * c3_mm * 1e7 * wavelength_angstrom(energy_kv)).sqrt()
}

/// The semi-angle in mrad that goes with [`scherzer_defocus_angstrom`], (6 λ / C₃)^¼.
pub fn scherzer_semiangle_mrad(energy_kv: f64, c3_mm: f64) -> f64 {
    1e3 * (6.0 * wavelength_angstrom(energy_kv) / (c3_mm * 1e7)).powf(0.25)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kirkland (2010), table 5.1 and text: λ and σ to the digits printed there.
    #[test]
    fn wavelength_and_interaction_match_the_published_table() {
        for (kv, lambda, sigma) in [
            (60.0, 0.048661, 0.001_135_5),
            (100.0, 0.037014, 0.000_924_4),
            (200.0, 0.025079, 0.000_728_8),
            (300.0, 0.019687, 0.000_652_6),
        ] {
            assert!((wavelength_angstrom(kv) - lambda).abs() < 1.5e-6, "{kv} kV");
            assert!(
                (interaction_parameter(kv) - sigma).abs() < 3e-7,
                "{kv} kV: {}",
                interaction_parameter(kv)
            );
        }
    }

    /// 200 kV, C₃ = 1.3 mm: 700 Å and 10.37 mrad (Kirkland 2010, section 3.2).
    #[test]
    fn scherzer_values_match_the_textbook_case() {
        assert!((scherzer_defocus_angstrom(200.0, 1.3) - 699.3).abs() < 1.0);
        assert!((scherzer_semiangle_mrad(200.0, 1.3) - 10.37).abs() < 0.01);
    }
}
