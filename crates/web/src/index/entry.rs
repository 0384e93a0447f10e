use super::series::checksum;
use super::words::{element_name, material_name, morphology, plain_digits, structure_type, synonyms};
use crate::Facet;
use crate::query::MAX_WORD;
use adatom_library::SampleSettings;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// What the index keeps of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// Where its line begins in `samples.jsonl` \[bytes\].
    pub offset: u64,
    /// Length of the line without its end \[bytes\].
    pub length: u32,
    /// CRC-32 of the line, by which damage shows.
    pub crc: u32,
    /// Values of the facets of words, by [`Facet`]; of elements the symbols with spaces between. Empty where
    /// unknown.
    pub words: BTreeMap<Facet, String>,
    /// Values of the facets of numbers; missing where unknown.
    pub numbers: BTreeMap<Facet, f32>,
}

/// A line of `samples.jsonl`, as far as the index needs it.
#[derive(Deserialize)]
struct Head<'a> {
    id: u64,
    settings: Option<SampleSettings>,
    psnr_db: Option<f64>,
    #[serde(borrow)]
    columns: Vec<Atoms<'a>>,
    #[serde(borrow)]
    unlabelled: Vec<Atoms<'a>>,
}

#[derive(Deserialize)]
struct Atoms<'a> {
    #[serde(borrow)]
    atoms: BTreeMap<&'a str, IgnoredAny>,
}

impl Entry {
    /// The entry of a line, which stands at `offset`.
    ///
    /// # Errors
    /// When the line is no record.
    pub fn from_line(line: &str, offset: u64) -> Result<Self, String> {
        let head: Head<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let length = u32::try_from(line.len()).map_err(|_| "longer than 4 GB".to_owned())?;
        let elements: BTreeSet<&str> =
            head.columns.iter().chain(&head.unlabelled).flat_map(|c| c.atoms.keys().copied()).collect();
        let mut words = BTreeMap::new();
        let mut numbers = BTreeMap::from([(Facet::Columns, head.columns.len() as f32)]);
        if let Some(s) = &head.settings {
            words.insert(Facet::Material, material_name(&s.material).to_owned());
            words.insert(Facet::Structure, structure_type(&s.material).to_owned());
            words.insert(Facet::Zone, s.zone.clone());
            words.insert(Facet::Morphology, morphology(&name(s.form)));
            words.insert(Facet::Background, name(s.background));
            // Longer ones, as a file's name may be, could not be asked for.
            words.values_mut().for_each(|word| *word = word.chars().take(MAX_WORD).collect());
            numbers.extend([
                (Facet::Field, s.field_of_view_angstrom as f32),
                (Facet::Rotation, s.rotation_deg as f32),
                (Facet::Energy, s.probe.energy_kv() as f32),
                (Facet::Semiangle, s.probe.semiangle_mrad() as f32),
            ]);
        }
        words.insert(Facet::Elements, elements.into_iter().collect::<Vec<_>>().join(" "));
        numbers.extend(head.psnr_db.map(|psnr| (Facet::Psnr, psnr as f32)));
        Ok(Self { id: head.id, offset, length, crc: checksum(line.as_bytes()), words, numbers })
    }

    /// What of an imported sample only its file of parameters tells: field, energy and semi-angle.
    pub fn add_params(&mut self, params: &[f64]) {
        for (facet, at) in [(Facet::Field, 0), (Facet::Energy, 5), (Facet::Semiangle, 7)] {
            if let Some(value) = params.get(at) {
                self.numbers.entry(facet).or_insert(*value as f32);
            }
        }
    }

    /// The words by which text finds the sample; many samples share them.
    pub(crate) fn text(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for (facet, value) in self.words.iter().filter(|(_, value)| !value.is_empty()) {
            words.push(value.clone());
            match facet {
                Facet::Material => words.push(synonyms(value).to_owned()),
                Facet::Elements => {
                    words.extend(value.split(' ').filter_map(element_name).map(str::to_owned));
                }
                _ => {}
            }
        }
        words.retain(|word| !word.is_empty());
        plain_digits(&words.join(" "))
    }
}

/// The name of a variant, as records have it.
fn name(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
