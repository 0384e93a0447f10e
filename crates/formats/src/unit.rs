//! Units as microscopes spell them.

/// How many ångström one `unit` has; `None` if it is no length that is known here.
pub(crate) fn angstrom_per(unit: &str) -> Option<f64> {
    match plain(unit).as_str() {
        "A" | "Å" | "\u{212b}" | "A\u{30a}" | "Ang" | "angstrom" | "Angstrom" | "ångström" | "Ångström" => {
            Some(1.0)
        }
        "pm" => Some(0.01),
        "nm" => Some(10.0),
        // The micro sign and the Greek letter look alike and are both in use.
        "um" | "\u{b5}m" | "\u{3bc}m" | "micron" | "microns" => Some(1e4),
        "mm" => Some(1e7),
        "cm" => Some(1e8),
        "m" => Some(1e10),
        _ => None,
    }
}

/// Whether the unit is one of reciprocal length or of an angle: that of a diffraction pattern.
pub(crate) fn is_reciprocal(unit: &str) -> bool {
    let unit = plain(unit);
    let inverse = unit
        .strip_prefix("1/")
        .or_else(|| ["^-1", "-1", "⁻¹"].iter().find_map(|power| unit.strip_suffix(power)))
        .is_some_and(|length| angstrom_per(length).is_some());
    inverse || matches!(unit.as_str(), "mrad" | "rad" | "deg" | "°")
}

/// Whether the unit is one of energy: that of a spectrum's axis.
pub(crate) fn is_energy(unit: &str) -> bool {
    matches!(plain(unit).as_str(), "meV" | "eV" | "keV" | "MeV")
}

/// The unit without brackets, blanks and the underscores of older Berkeley files (`[n_m]`).
fn plain(unit: &str) -> String {
    unit.trim().trim_matches(['[', ']']).chars().filter(|c| !c.is_whitespace() && *c != '_').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_known_however_they_are_spelt() {
        for unit in ["um", "µm", "μm", " µm ", "[u_m]"] {
            assert_eq!(angstrom_per(unit), Some(1e4), "{unit}");
        }
        for unit in ["A", "Å", "A\u{30a}", "\u{212b}", "angstrom"] {
            assert_eq!(angstrom_per(unit), Some(1.0), "{unit}");
        }
        assert_eq!(angstrom_per("[n_m]"), Some(10.0));
        for unit in ["", "px", "eV", "1/nm", "s"] {
            assert_eq!(angstrom_per(unit), None, "{unit}");
        }
    }

    #[test]
    fn reciprocal_lengths_are_no_lengths() {
        for unit in ["1/nm", "1 / µm", "1/A", "nm^-1", "mrad", "A^-1"] {
            assert!(is_reciprocal(unit), "{unit}");
        }
        for unit in ["nm", "", "1/s", "eV"] {
            assert!(!is_reciprocal(unit), "{unit}");
        }
    }

    #[test]
    fn energies_are_known_in_every_size() {
        for unit in ["eV", "keV", "meV", " eV ", "[eV]", "[k_eV]"] {
            assert!(is_energy(unit), "{unit}");
        }
        for unit in ["", "V", "kV", "nm", "1/eV", "ev"] {
            assert!(!is_energy(unit), "{unit}");
        }
    }
}
