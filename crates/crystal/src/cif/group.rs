//! The space group of a data block, from its operations, its symbols or its number.

use moyo::data::{HallSymbol, HallSymbolEntry, hall_symbol_entry};

use super::atoms::Atom;
use super::operation::Operation;
use super::syntax::{Block, Entry, Loop};
use super::{error, expand, quoted};
use crate::{CrystalError, Site, UnitCell};

const OPERATION_TAGS: [&str; 4] = [
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop_operation",
    "_symmetry_equiv_pos_as_xyz_",
];
const HALL_TAGS: [&str; 2] = ["_space_group_name_hall", "_symmetry_space_group_name_hall"];
const HM_TAGS: [&str; 4] = [
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_space_group_name_h-m_ref",
];
const NUMBER_TAGS: [&str; 3] =
    ["_space_group_it_number", "_symmetry_int_tables_number", "_symmetry_space_group_number"];

/// A space group has at most 192 operations in its cell; more than this are no group.
const MAX_OPERATIONS: usize = 1000;

/// Number of settings in the table of Hall symbols.
const SETTINGS: i32 = 530;

/// The operations of the block's space group, the identity first; without any information, the identity alone.
pub(super) fn operations(
    block: &Block<'_>,
    cell: &UnitCell,
    atoms: &[Atom],
) -> Result<Vec<Operation>, CrystalError> {
    let listed = listed_operations(block)?;
    if !listed.is_empty() {
        return Ok(listed);
    }
    let known = |tags: &[&'static str]| {
        let mut entries = tags.iter().filter_map(|tag| Some((*tag, block.first(tag)?)));
        entries.find(|(_, entry)| !entry.is_unknown())
    };
    let (hall, hm, number) = (known(&HALL_TAGS), known(&HM_TAGS), known(&NUMBER_TAGS));
    let settings = hall
        .map(|(_, entry)| by_hall(entry.text))
        .filter(|settings| !settings.is_empty())
        .or_else(|| hm.map(|(_, entry)| by_hm(entry.text)).filter(|settings| !settings.is_empty()))
        .or_else(|| number.map(|(_, entry)| by_number(entry.text)).filter(|settings| !settings.is_empty()));
    match (settings, hm.or(hall).or(number)) {
        (Some(settings), _) => Ok(choose(settings, cell, atoms)),
        (None, None) => Ok(vec![Operation::IDENTITY]),
        (None, Some((tag, entry))) => Err(error(
            entry.line,
            tag,
            quoted(entry.text),
            "a space group, such as `P m -3 m` or `R -3 m:H`, or a list of symmetry operations",
        )),
    }
}

/// The operations that the block lists.
fn listed_operations(block: &Block<'_>) -> Result<Vec<Operation>, CrystalError> {
    let Some(table) = block.loop_with(&OPERATION_TAGS) else {
        return match OPERATION_TAGS.iter().find_map(|tag| block.get(tag)).filter(|entry| !entry.is_unknown())
        {
            Some(entry) => Ok(vec![parse(entry.line, entry.text)?]),
            None => Ok(Vec::new()),
        };
    };
    let mut operations = vec![Operation::IDENTITY];
    for (line, text) in operation_texts(table)? {
        let operation = parse(line, &text)?;
        if !operations.contains(&operation) {
            operations.push(operation);
        }
        if operations.len() > MAX_OPERATIONS {
            return Err(error(
                line,
                OPERATION_TAGS[0],
                "over 1000 operations",
                "at most 192, as in a space group",
            ));
        }
    }
    // A list of nothing but unknown values says nothing.
    if table.values.iter().all(Entry::is_unknown) { Ok(Vec::new()) } else { Ok(operations) }
}

fn parse(line: usize, text: &str) -> Result<Operation, CrystalError> {
    Operation::parse(text)
        .ok_or_else(|| error(line, OPERATION_TAGS[0], quoted(text), "an operation such as `-x, y+1/2, -z`"))
}

/// The texts of the listed operations, with those put together that were written with blanks and no quotes.
fn operation_texts(table: &Loop<'_>) -> Result<Vec<(usize, String)>, CrystalError> {
    if table.tags.len() == 1 {
        let mut texts: Vec<(usize, String)> = Vec::new();
        for entry in table.values.iter().filter(|entry| !entry.is_unknown()) {
            match texts.last_mut() {
                Some((_, text)) if text.matches(',').count() < 2 || text.trim_end().ends_with(',') => {
                    text.push_str(entry.text);
                }
                _ => texts.push((entry.line, entry.text.to_owned())),
            }
        }
        return Ok(texts);
    }
    let column = table.column(&OPERATION_TAGS).unwrap_or(0);
    Ok(table
        .rows()?
        .filter_map(|row| row.get(column))
        .filter(|entry| !entry.is_unknown())
        .map(|entry| (entry.line, entry.text.to_owned()))
        .collect())
}

fn settings() -> impl Iterator<Item = HallSymbolEntry> {
    (1..=SETTINGS).filter_map(hall_symbol_entry)
}

/// A symbol without blanks and underscores, in lower case.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect()
}

fn by_hall(text: &str) -> Vec<HallSymbolEntry> {
    let wanted = bare(text);
    settings().filter(|entry| bare(entry.hall_symbol) == wanted).collect()
}

fn by_number(text: &str) -> Vec<HallSymbolEntry> {
    let Ok(wanted) = text.trim().parse::<i32>() else { return Vec::new() };
    let of_number: Vec<_> = settings().filter(|entry| entry.number == wanted).collect();
    standard(of_number)
}

/// Leaves the standard axes of a space group: unique axis b with cell choice 1, and abc of an orthorhombic
/// cell, with both origins, and both axes of a rhombohedral lattice.
fn standard(settings: Vec<HallSymbolEntry>) -> Vec<HallSymbolEntry> {
    settings
        .into_iter()
        .filter(|entry| matches!(entry.setting, "" | "1" | "2" | "b" | "b1" | "H" | "R"))
        .collect()
}

/// The settings that a Hermann–Mauguin symbol can stand for.
fn by_hm(text: &str) -> Vec<HallSymbolEntry> {
    let (symbol, choice) = split_choice(text);
    let wanted = modern(&bare(&symbol));
    let full: Vec<_> = settings()
        .filter(|entry| {
            let full = bare(entry.hm_full);
            // Monoclinic symbols leave out the axes without symmetry: P 1 21/n 1 is P21/n.
            let short: String = entry.hm_full.split(' ').filter(|part| *part != "1").collect();
            full == wanted || ((3..=15).contains(&entry.number) && bare(&short) == wanted)
        })
        .collect();
    let named = if full.is_empty() {
        settings().filter(|entry| bare(entry.hm_short) == wanted).collect()
    } else {
        full
    };
    let chosen: Vec<_> =
        named.iter().filter(|entry| choice.as_deref().is_some_and(|c| entry.setting == c)).cloned().collect();
    if chosen.is_empty() { named } else { chosen }
}

/// Splits off the choice of origin or axes: `:2`, `:H`, or the letters S, Z, H and R at the end, as ICSD does.
fn split_choice(text: &str) -> (String, Option<String>) {
    let text = text.trim();
    if let Some((symbol, choice)) = text.split_once(':') {
        let choice = choice.trim();
        let choice = match choice.to_ascii_uppercase().as_str() {
            "H" | "R" => choice.to_ascii_uppercase(),
            _ => choice.to_lowercase(),
        };
        return (symbol.to_owned(), Some(choice));
    }
    let is_rhombohedral = text.starts_with(['R', 'r']);
    for (ending, choice) in [(" S", "1"), (" Z", "2"), (" H", "H"), (" R", "R"), ("H", "H"), ("R", "R")] {
        if ending.len() == 1 && !is_rhombohedral {
            continue;
        }
        if let Some(symbol) = text.strip_suffix(ending).filter(|symbol| !symbol.is_empty()) {
            return (symbol.to_owned(), Some(choice.to_owned()));
        }
    }
    (text.to_owned(), None)
}

/// A bare symbol with the spellings of older tables put to those of today.
fn modern(symbol: &str) -> String {
    let symbol = symbol.replace(['(', ')'], "");
    let aliases = [
        ("m3m", "m-3m"),
        ("d3m", "d-3m"),
        ("n3m", "n-3m"),
        ("m3c", "m-3c"),
        ("d3c", "d-3c"),
        ("n3n", "n-3n"),
        ("m3n", "m-3n"),
        ("a3d", "a-3d"),
    ];
    for (old, new) in aliases {
        if symbol.len() == old.len() + 1 && symbol.ends_with(old) {
            return format!("{}{new}", &symbol[..1]);
        }
    }
    match symbol.as_str() {
        "pm3" | "pn3" | "fm3" | "fd3" | "im3" | "pa3" | "ia3" => format!("{}-3", &symbol[..2]),
        // The double glide plane e has been written so since 1992.
        "cmca" | "cmcb" => "cmce".to_owned(),
        "ccmb" | "ccma" => "ccme".to_owned(),
        "abma" | "acma" => "aema".to_owned(),
        "acam" | "abam" => "aeam".to_owned(),
        "bbcm" | "bbam" => "bbem".to_owned(),
        "bmab" | "bmcb" => "bmeb".to_owned(),
        "cmma" | "cmmb" => "cmme".to_owned(),
        "ccca" | "cccb" => "ccce".to_owned(),
        "abm2" | "acm2" => "aem2".to_owned(),
        "aba2" | "aca2" => "aea2".to_owned(),
        _ => symbol,
    }
}

/// The operations of the setting that fits the cell; of two origins, the one that keeps the atoms further
/// apart, and of equals the second, which has the inversion centre at the origin.
fn choose(settings: Vec<HallSymbolEntry>, cell: &UnitCell, atoms: &[Atom]) -> Vec<Operation> {
    let fitting: Vec<_> = settings.iter().filter(|entry| fits(entry, cell)).cloned().collect();
    let candidates = if fitting.is_empty() { settings } else { fitting };
    // Of different axes that fit alike, the table has the standard ones first.
    let Some(first) = candidates.first() else { return vec![Operation::IDENTITY] };
    let mut best: Option<(f64, Vec<Operation>)> = None;
    for entry in candidates.iter().filter(|entry| differ_in_origin(first, entry)) {
        let operations = from_table(entry);
        let distance = shortest_distance(cell, atoms, &operations);
        if best.as_ref().is_none_or(|(known, _)| distance >= known - 1e-3) {
            best = Some((distance, operations));
        }
    }
    best.map_or_else(|| vec![Operation::IDENTITY], |(_, operations)| operations)
}

/// Whether two settings are the same, or the two origins of the same axes.
fn differ_in_origin(a: &HallSymbolEntry, b: &HallSymbolEntry) -> bool {
    let axes = |entry: &HallSymbolEntry| entry.setting.strip_prefix(['1', '2']);
    a.hall_number == b.hall_number
        || (a.number == b.number && axes(a).is_some() && axes(a) == axes(b) && a.hm_full == b.hm_full)
}

/// Whether the angles of a cell allow a setting.
fn fits(entry: &HallSymbolEntry, cell: &UnitCell) -> bool {
    let is = |angle: f64, value: f64| (angle - value).abs() < 0.3;
    let right = [is(cell.alpha_deg, 90.0), is(cell.beta_deg, 90.0), is(cell.gamma_deg, 90.0)];
    let is_hexagonal = right[0] && right[1] && is(cell.gamma_deg, 120.0);
    match (entry.number, entry.setting.trim_start_matches('-').chars().next()) {
        (_, Some('H')) => is_hexagonal,
        (_, Some('R')) => !is_hexagonal,
        (3..=15, Some('a')) => right[1] && right[2],
        (3..=15, Some('b')) => right[0] && right[2],
        (3..=15, Some('c')) => right[0] && right[1],
        _ => true,
    }
}

/// All operations of a setting, with its centring translations.
fn from_table(entry: &HallSymbolEntry) -> Vec<Operation> {
    let Some(symbol) = HallSymbol::new(entry.hall_symbol) else { return vec![Operation::IDENTITY] };
    let representatives = symbol.traverse();
    let mut operations = Vec::new();
    for centring in symbol.centering.lattice_points() {
        for operation in &representatives {
            let rotation = std::array::from_fn(|i| std::array::from_fn(|k| operation.rotation[(i, k)]));
            let translation = std::array::from_fn(|k| operation.translation[k] + centring[k]);
            operations.push(Operation::new(rotation, translation));
        }
    }
    operations
}

/// The shortest distance (Å) between two sites, or zero if they cannot be placed; large cells are not tried.
fn shortest_distance(cell: &UnitCell, atoms: &[Atom], operations: &[Operation]) -> f64 {
    const MOST_SITES: usize = 3000;
    if atoms.len() * operations.len() > 10 * MOST_SITES {
        return 0.0;
    }
    let sites: Vec<Site> = expand::expand(cell, atoms, operations).unwrap_or_default();
    if sites.is_empty() || sites.len() > MOST_SITES {
        return 0.0;
    }
    let basis = cell.basis();
    let mut shortest = cell.a.min(cell.b).min(cell.c);
    for (index, site) in sites.iter().enumerate() {
        for other in &sites[..index] {
            shortest = shortest.min(UnitCell::periodic_distance(&basis, site.position, other.position));
        }
    }
    shortest
}
