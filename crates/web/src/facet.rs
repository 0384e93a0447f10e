//! By what samples can be chosen.

/// What is known of a sample and can be chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// What it shows.
    Material,
    /// The kind of crystal or other order.
    Structure,
    /// Chemical elements in the field; a sample has several.
    Elements,
    /// The specimen's shape.
    Morphology,
    /// The crystal's direction along the beam.
    Zone,
    /// Width of the field \[Å\].
    Field,
    /// Rotation of the scan \[°\].
    Rotation,
    /// Beam energy \[kV\].
    Energy,
    /// Convergence semi-angle \[mrad\].
    Semiangle,
    /// Peak signal over noise \[dB\].
    Psnr,
    /// Labelled atom columns in the image.
    Columns,
    /// The background's shape.
    Background,
}

/// Whether a facet's values are words or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words; any of several can be asked for.
    Words,
    /// Numbers; values and ranges can be asked for.
    Numbers,
}

impl Facet {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 12] = [
        Self::Material,
        Self::Structure,
        Self::Elements,
        Self::Morphology,
        Self::Zone,
        Self::Field,
        Self::Rotation,
        Self::Energy,
        Self::Semiangle,
        Self::Psnr,
        Self::Columns,
        Self::Background,
    ];

    /// Its name in addresses and in the API.
    pub fn key(self) -> &'static str {
        match self {
            Self::Material => "material",
            Self::Structure => "structure",
            Self::Elements => "element",
            Self::Morphology => "morphology",
            Self::Zone => "zone",
            Self::Field => "field_angstrom",
            Self::Rotation => "rotation_deg",
            Self::Energy => "energy_kv",
            Self::Semiangle => "semiangle_mrad",
            Self::Psnr => "psnr_db",
            Self::Columns => "columns",
            Self::Background => "background",
        }
    }

    /// The facet of a key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.key() == key)
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Material => "Material",
            Self::Structure => "Structure type",
            Self::Elements => "Elements",
            Self::Morphology => "Morphology",
            Self::Zone => "Zone axis",
            Self::Field => "Field of view",
            Self::Rotation => "Rotation",
            Self::Energy => "Beam energy",
            Self::Semiangle => "Semi-angle",
            Self::Psnr => "PSNR",
            Self::Columns => "Columns per image",
            Self::Background => "Background",
        }
    }

    /// Its unit, empty where there is none.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Field => "Å",
            Self::Rotation => "°",
            Self::Energy => "kV",
            Self::Semiangle => "mrad",
            Self::Psnr => "dB",
            _ => "",
        }
    }

    /// Words or numbers.
    pub fn kind(self) -> Kind {
        match self {
            Self::Field | Self::Rotation | Self::Energy | Self::Semiangle | Self::Psnr | Self::Columns => {
                Kind::Numbers
            }
            _ => Kind::Words,
        }
    }

    /// What a value is called on a page: `20 Å`, `[110]`, `nanoparticle`.
    pub fn label(self, value: &str) -> String {
        match self {
            Self::Zone => format!("[{value}]"),
            Self::Rotation => format!("{value}°"),
            _ if self.unit().is_empty() => value.to_owned(),
            _ => format!("{value} {}", self.unit()),
        }
    }

    pub(crate) fn at(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_facet_has_a_key_of_its_own_and_a_place() {
        for (at, facet) in Facet::ALL.into_iter().enumerate() {
            assert_eq!(facet.at(), at);
            assert_eq!(Facet::from_key(facet.key()), Some(facet));
        }
        assert_eq!(Facet::from_key("Material"), None);
        assert_eq!(Facet::Rotation.label("15"), "15°");
        assert_eq!(Facet::Field.label("20"), "20 Å");
    }
}
