use crate::LibraryError;
use adatom_crystal::Crystal;
use std::borrow::Cow;
use std::path::Path;

/// Where a structure's atoms come from.
#[derive(Debug, Clone)]
pub enum Material {
    /// A crystal, from a built-in or a user's CIF file.
    Crystal(Box<Crystal>),
    /// A sheet of amorphous graphene, generated.
    AmorphousGraphene,
    /// A random two-dimensional lattice with a random motif, generated for every sample.
    RandomLattice,
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        const BUILT_IN: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../../materials/", $name, ".cif")))),*
        ];
    };
}

built_in![
    "Pt",
    "NiO",
    "SrTiO3",
    "DyScO3",
    "Si",
    "graphene",
    "MoS2",
    "TiO2",
    "LiCoO2",
    "LiNiO2",
    "LiNi0.33Mn0.33Co0.33O2",
    "Co3O4",
    "PtFe",
    "Au",
    "GaN",
];

/// Names of the built-in materials.
pub fn material_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).chain(["amorphous-graphene", "random-lattice"])
}

impl Material {
    /// A built-in material by name, or the CIF file at the path `name`.
    ///
    /// # Errors
    /// When there is neither, or the CIF can't be used.
    pub fn open(name: &str) -> Result<Self, LibraryError> {
        let crystal = |text: &str| {
            Crystal::from_cif(text)
                .map(|crystal| Self::Crystal(Box::new(crystal)))
                .map_err(|source| LibraryError::Crystal { structure: name.to_owned(), source })
        };
        match name {
            "amorphous-graphene" => return Ok(Self::AmorphousGraphene),
            "random-lattice" => return Ok(Self::RandomLattice),
            _ => {}
        }
        crystal(&material_text(name)?)
    }
}

/// The text that defines a material: its CIF, or the name of a generated one.
pub(crate) fn material_text(name: &str) -> Result<Cow<'static, str>, LibraryError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok(Cow::Borrowed(text));
    }
    if material_names().any(|known| known == name) {
        return Ok(Cow::Owned(name.to_owned()));
    }
    let path = Path::new(name);
    let text =
        std::fs::read_to_string(path).map_err(|source| LibraryError::Io { path: path.to_owned(), source })?;
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_material_is_readable() {
        for name in material_names() {
            assert!(Material::open(name).is_ok(), "{name}: {:?}", Material::open(name).err());
        }
    }
}
