//! Names that people search by and that a library's records don't spell out.

/// Structure types, names and synonyms of the materials that come with the program.
const MATERIALS: [(&str, &str, &str); 17] = [
    ("Pt", "fcc metal", "platinum cubic"),
    ("Au", "fcc metal", "gold cubic"),
    ("PtFe", "L1₀ alloy", "L10 iron platinum FePt tetragonal"),
    ("NiO", "rock salt", "nickel oxide halite cubic"),
    ("SrTiO3", "perovskite", "strontium titanate STO cubic"),
    ("DyScO3", "perovskite", "dysprosium scandate DSO orthorhombic"),
    ("Si", "diamond", "silicon cubic dumbbell"),
    ("GaN", "wurtzite", "gallium nitride hexagonal"),
    ("graphene", "hexagonal sheet", "carbon two-dimensional 2D"),
    ("MoS2", "hexagonal sheet", "molybdenum disulfide disulphide two-dimensional 2D TMD"),
    ("TiO2", "rutile", "titanium dioxide titania tetragonal"),
    ("LiCoO2", "layered oxide", "lithium cobalt oxide LCO cathode battery"),
    ("LiNiO2", "layered oxide", "lithium nickel oxide LNO cathode battery"),
    (
        "LiNi0.33Mn0.33Co0.33O2",
        "layered oxide",
        "NMC NCM lithium nickel manganese cobalt oxide cathode battery",
    ),
    ("Co3O4", "spinel", "cobalt oxide cubic"),
    ("amorphous-graphene", "amorphous sheet", "carbon disordered two-dimensional 2D"),
    ("random-lattice", "random lattice", "two-dimensional random motif"),
];

/// Symbol and name of each element, in the order of their numbers.
const ELEMENTS: &str = "H hydrogen He helium Li lithium Be beryllium B boron C carbon N nitrogen O oxygen F fluorine \
    Ne neon Na sodium Mg magnesium Al aluminium Si silicon P phosphorus S sulfur Cl chlorine Ar argon K potassium \
    Ca calcium Sc scandium Ti titanium V vanadium Cr chromium Mn manganese Fe iron Co cobalt Ni nickel Cu copper \
    Zn zinc Ga gallium Ge germanium As arsenic Se selenium Br bromine Kr krypton Rb rubidium Sr strontium Y yttrium \
    Zr zirconium Nb niobium Mo molybdenum Tc technetium Ru ruthenium Rh rhodium Pd palladium Ag silver Cd cadmium \
    In indium Sn tin Sb antimony Te tellurium I iodine Xe xenon Cs caesium Ba barium La lanthanum Ce cerium \
    Pr praseodymium Nd neodymium Pm promethium Sm samarium Eu europium Gd gadolinium Tb terbium Dy dysprosium \
    Ho holmium Er erbium Tm thulium Yb ytterbium Lu lutetium Hf hafnium Ta tantalum W tungsten Re rhenium Os osmium \
    Ir iridium Pt platinum Au gold Hg mercury Tl thallium Pb lead Bi bismuth Po polonium At astatine Rn radon \
    Fr francium Ra radium Ac actinium Th thorium Pa protactinium U uranium Np neptunium Pu plutonium";

/// The structure type of a material; of a user's crystal it isn't known.
pub(crate) fn structure_type(material: &str) -> &'static str {
    MATERIALS.iter().find(|(name, ..)| *name == material).map_or("other crystal", |(_, kind, _)| kind)
}

/// Other names of a material.
pub(crate) fn synonyms(material: &str) -> &'static str {
    MATERIALS.iter().find(|(name, ..)| *name == material).map_or("", |(.., names)| names)
}

/// The name of an element.
pub(crate) fn element_name(symbol: &str) -> Option<&'static str> {
    let mut words = ELEMENTS.split_whitespace();
    while let (Some(found), Some(name)) = (words.next(), words.next()) {
        if found == symbol {
            return Some(name);
        }
    }
    None
}

/// What people call a specimen's shape.
pub(crate) fn morphology(form: &str) -> String {
    match form {
        "particle" => "nanoparticle".to_owned(),
        "monolayer" => "two-dimensional".to_owned(),
        "slab" => "crystal slab".to_owned(),
        other => other.replace('-', " "),
    }
}

/// A material's name where it is a path of a CIF file.
pub(crate) fn material_name(material: &str) -> &str {
    let name = file_name(material);
    name.strip_suffix(".cif").unwrap_or(name)
}

/// The last part of a path on any system; where the file lies is the business of its owner alone.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Text with digits for subscripts: SrTiO3 for SrTiO₃.
pub(crate) fn plain_digits(text: &str) -> String {
    let digit = |c: char| (c as u32).checked_sub('₀' as u32).and_then(|digit| char::from_digit(digit, 10));
    text.chars().map(|c| digit(c).unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_material_has_a_structure_type() {
        for name in adatom_library::material_names() {
            assert_ne!(structure_type(name), "other crystal", "{name}");
        }
    }

    #[test]
    fn elements_have_the_names_of_their_numbers() {
        assert_eq!(element_name("Sr"), Some("strontium"));
        assert_eq!(element_name("Pu"), Some("plutonium"));
        assert_eq!(element_name("strontium"), None);
        assert_eq!(ELEMENTS.split_whitespace().count(), 2 * 94);
    }

    #[test]
    fn a_users_crystal_is_named_by_its_file() {
        assert_eq!(material_name("/data/crystals/BaTiO3.cif"), "BaTiO3");
        assert_eq!(material_name("Pt"), "Pt");
        assert_eq!(material_name("C:\\crystals\\BaTiO3.cif"), "BaTiO3");
        assert_eq!(morphology("single-atoms"), "single atoms");
    }

    #[test]
    fn subscripts_are_digits() {
        assert_eq!(plain_digits("LiNi₀.₃₃O₂ ₐ"), "LiNi0.33O2 ₐ");
    }
}
