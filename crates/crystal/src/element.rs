//! Chemical elements.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CrystalError;

/// Symbols in order of atomic number, starting with hydrogen.
#[rustfmt::skip]
const SYMBOLS: [&str; 103] = [
    "H", "He",
    "Li", "Be", "B", "C", "N", "O", "F", "Ne",
    "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar",
    "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
    "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
    "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu",
    "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn",
    "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr",
];

/// A chemical element, from hydrogen (1) to lawrencium (103).
///
/// It is written and read by serde as its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Element(u8);

impl Element {
    /// Carbon.
    pub const CARBON: Self = Self(6);
    /// Oxygen.
    pub const OXYGEN: Self = Self(8);

    /// The element with this atomic number, 1 to 103.
    pub fn from_number(number: u8) -> Result<Self, CrystalError> {
        if (1..=103).contains(&number) {
            Ok(Self(number))
        } else {
            Err(CrystalError::Element(number.to_string()))
        }
    }

    /// The element with this symbol, in any case; `D` and `T` are hydrogen.
    pub fn from_symbol(symbol: &str) -> Result<Self, CrystalError> {
        let wanted = symbol.trim();
        if wanted.eq_ignore_ascii_case("D") || wanted.eq_ignore_ascii_case("T") {
            return Ok(Self(1));
        }
        SYMBOLS
            .iter()
            .zip(1u8..)
            .find(|(known, _)| known.eq_ignore_ascii_case(wanted))
            .map(|(_, number)| Self(number))
            .ok_or_else(|| CrystalError::Element(wanted.chars().take(20).collect()))
    }

    /// The element of a type symbol with an oxidation state (`Ti4+`, `O2-`, `Fe2.67+`).
    pub(crate) fn from_type_symbol(text: &str) -> Option<Self> {
        let letters = leading_letters(text);
        let rest = &text[letters.len()..];
        let is_charge = rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
        if is_charge { Self::from_symbol(letters).ok() } else { Self::from_label(text) }
    }

    /// The element that a site label begins with (`Ti1`, `O2A`, `OW3`), two letters before one.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        let letters = leading_letters(label);
        let symbol = |length| letters.get(..length).and_then(|part| Self::from_symbol(part).ok());
        symbol(2).or_else(|| symbol(1))
    }

    /// Atomic number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Chemical symbol, such as `Ti`.
    pub fn symbol(self) -> &'static str {
        SYMBOLS.get(usize::from(self.0).wrapping_sub(1)).copied().unwrap_or("?")
    }
}

/// The ASCII letters that a text begins with.
fn leading_letters(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    &text[..end]
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl std::str::FromStr for Element {
    type Err = CrystalError;

    fn from_str(symbol: &str) -> Result<Self, CrystalError> {
        Self::from_symbol(symbol)
    }
}

impl TryFrom<String> for Element {
    type Error = CrystalError;

    fn try_from(symbol: String) -> Result<Self, CrystalError> {
        Self::from_symbol(&symbol)
    }
}

impl From<Element> for String {
    fn from(element: Element) -> Self {
        element.symbol().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_symbols_agree() {
        for (symbol, number) in
            [("H", 1), ("C", 6), ("Ti", 22), ("Sr", 38), ("Dy", 66), ("Pt", 78), ("Lr", 103)]
        {
            assert_eq!(Element::from_symbol(symbol).unwrap().number(), number);
            assert_eq!(Element::from_number(number).unwrap().symbol(), symbol);
        }
        assert!(Element::from_number(0).is_err() && Element::from_number(104).is_err());
        assert!(Element::from_symbol("Xx").is_err());
    }

    #[test]
    fn charges_and_labels_are_understood() {
        for (text, symbol) in
            [("Ti4+", "Ti"), ("O2-", "O"), ("Sr2+", "Sr"), ("SI", "Si"), ("Fe2.67+", "Fe"), ("D", "H")]
        {
            assert_eq!(Element::from_type_symbol(text).map(Element::symbol), Some(symbol), "{text}");
        }
        for (text, symbol) in [("Ti1", "Ti"), ("OW3", "O"), ("O2A", "O"), ("C", "C")] {
            assert_eq!(Element::from_label(text).map(Element::symbol), Some(symbol), "{text}");
        }
        assert_eq!(Element::from_type_symbol("Xx"), None);
        assert_eq!(Element::from_label("42"), None);
    }
}
