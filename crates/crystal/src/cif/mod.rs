//! Reading crystals from the Crystallographic Information File format (CIF 1.1, Hall, Allen and Brown 1991).
//!
//! `syntax` splits the text into data blocks, `value` reads single values, `operation` and `group` find the
//! symmetry, `atoms` reads the atom loops and `expand` applies the one to the other.

mod atoms;
mod expand;
mod group;
mod operation;
mod syntax;
mod value;

use self::syntax::{Block, Entry};
use crate::{Crystal, CrystalError, UnitCell};

/// Reads one data block: the one of this name, or else the first with atoms.
pub(crate) fn read(text: &str, block_name: Option<&str>) -> Result<Crystal, CrystalError> {
    let text = syntax::normalise(text);
    let blocks = syntax::blocks(&text)?;
    let block = choose(&blocks, block_name)?;
    let cell = unit_cell(block)?;
    let atoms = atoms::read(block, &cell)?;
    let operations = group::operations(block, &cell, &atoms)?;
    let sites = expand::expand(&cell, &atoms, &operations)?;
    Ok(Crystal { name: name(block), cell, sites, source: source(block) })
}

/// An error at a line and tag.
fn error(line: usize, tag: &str, found: impl Into<String>, expected: impl Into<String>) -> CrystalError {
    CrystalError::Cif { line, tag: tag.to_owned(), found: found.into(), expected: expected.into() }
}

/// A value in backquotes, cut to a readable length.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.trim().split('\n').next().unwrap_or_default();
    let mut short: String = line.chars().take(LONGEST).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    format!("`{short}`")
}

fn choose<'b, 't>(blocks: &'b [Block<'t>], name: Option<&str>) -> Result<&'b Block<'t>, CrystalError> {
    if blocks.is_empty() {
        return Err(error(
            1,
            "data_",
            "no data block",
            "a CIF, which has a line `data_NAME` before its values",
        ));
    }
    let names = || blocks.iter().take(8).map(|block| block.name).collect::<Vec<_>>().join("`, `");
    let Some(wanted) = name else {
        return blocks.iter().find(|block| atoms::has_atoms(block)).ok_or_else(|| {
            error(
                blocks[0].line,
                "_atom_site_fract_x",
                format!("no data block with atoms among `{}`", names()),
                "a loop over `_atom_site_label`, `_atom_site_fract_x`, `_y` and `_z`",
            )
        });
    };
    let bare = |name: &str| {
        let lower = name.trim().to_lowercase();
        lower.strip_prefix("data_").map(str::to_owned).unwrap_or(lower)
    };
    blocks.iter().find(|block| bare(block.name) == bare(wanted)).ok_or_else(|| {
        error(
            blocks[0].line,
            "data_",
            format!("no block {}", quoted(wanted)),
            format!("one of `{}`", names()),
        )
    })
}

fn unit_cell(block: &Block<'_>) -> Result<UnitCell, CrystalError> {
    let read = |tag: &str| -> Result<f64, CrystalError> {
        let entry = block.get(tag).ok_or_else(|| {
            error(block.line, tag, "nothing", format!("this value in the block `{}`", block.name))
        })?;
        value::number(&entry)
            .ok_or_else(|| error(entry.line, tag, quoted(entry.text), "a number such as 3.905(2) or 90"))
    };
    let lengths = [read("_cell_length_a")?, read("_cell_length_b")?, read("_cell_length_c")?];
    // A missing angle is a right one, by the definition of the data item.
    let angle = |tag: &str| match block.get(tag) {
        Some(entry) if !entry.is_unknown() => read(tag),
        _ => Ok(90.0),
    };
    let angles = [angle("_cell_angle_alpha")?, angle("_cell_angle_beta")?, angle("_cell_angle_gamma")?];
    UnitCell::new(lengths, angles).map_err(|fault| {
        let line = block.get("_cell_length_a").map_or(block.line, |entry| entry.line);
        let found = match fault {
            CrystalError::UnitCell(reason) => reason,
            other => other.to_string(),
        };
        error(line, "_cell_length_a to _cell_angle_gamma", found, "the parameters of a unit cell")
    })
}

/// The text of the first of these tags that has one, on one line.
fn first_text(block: &Block<'_>, tags: &[&str]) -> Option<String> {
    tags.iter()
        .filter_map(|tag| block.first(tag))
        .filter(|entry: &Entry<'_>| !entry.is_unknown())
        .map(|entry| entry.text.split_whitespace().collect::<Vec<_>>().join(" "))
        .find(|text| !text.is_empty())
}

fn name(block: &Block<'_>) -> String {
    first_text(block, &["_chemical_formula_structural", "_chemical_formula_sum", "_chemical_name_common"])
        .map(|text| text.replace(' ', ""))
        .unwrap_or_else(|| block.name.to_owned())
}

/// Author, journal, volume, year, page and database number, as far as they are given.
fn source(block: &Block<'_>) -> Option<String> {
    let parts: Vec<String> = [
        first_text(block, &["_publ_author_name", "_citation_author_name"]),
        first_text(block, &["_journal_name_full", "_citation_journal_full", "_citation_journal_abbrev"]),
        first_text(block, &["_journal_volume", "_citation_journal_volume"]),
        first_text(block, &["_journal_page_first", "_citation_page_first"]),
        first_text(block, &["_journal_year", "_citation_year"]).map(|year| format!("({year})")),
        first_text(block, &["_journal_paper_doi", "_citation_doi"]).map(|doi| format!("doi:{doi}")),
        first_text(block, &["_cod_database_code", "_database_code_cod"]).map(|code| format!("COD {code}")),
        first_text(block, &["_database_code_icsd", "_icsd_database_code"]).map(|code| format!("ICSD {code}")),
        first_text(block, &["_database_code_pdf", "_pd_database_code_pdf"]).map(|code| format!("PDF {code}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
