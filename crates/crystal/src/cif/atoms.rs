//! The atom loops of a data block.

use std::collections::HashMap;

use super::syntax::{Block, Entry, Loop};
use super::{error, quoted, value};
use crate::cell::{dot, norm};
use crate::{Crystal, CrystalError, Element, UnitCell};

/// An atom of the asymmetric unit.
#[derive(Debug, Clone)]
pub(super) struct Atom {
    pub(super) line: usize,
    pub(super) label: String,
    pub(super) element: Element,
    pub(super) occupancy: f64,
    pub(super) position: [f64; 3],
    pub(super) u_iso: Option<f64>,
    pub(super) u_aniso: Option<[f64; 6]>,
}

const LABEL: &str = "_atom_site_label";
const TYPE: &str = "_atom_site_type_symbol";
const OCCUPANCY: &str = "_atom_site_occupancy";
const FRACT: [&str; 3] = ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"];
const ANISO_LABEL: &str = "_atom_site_aniso_label";
const ANISO_PARTS: [&str; 6] = ["11", "22", "33", "12", "13", "23"];

/// U = B / 8π².
const B_PER_U: f64 = 8.0 * std::f64::consts::PI * std::f64::consts::PI;

/// Whether a block lists atoms.
pub(super) fn has_atoms(block: &Block<'_>) -> bool {
    block.loop_with(&FRACT).is_some_and(|table| !table.values.is_empty()) || block.get(FRACT[0]).is_some()
}

/// Reads the atoms of the asymmetric unit.
pub(super) fn read(block: &Block<'_>, cell: &UnitCell) -> Result<Vec<Atom>, CrystalError> {
    let single;
    let table = match block.loop_with(&FRACT) {
        Some(table) => table,
        None => {
            single = single_row(block);
            &single
        }
    };
    let aniso = read_aniso(block)?;
    let columns = Columns::new(table)?;
    let mut atoms = Vec::new();
    for row in table.rows()? {
        if let Some(atom) = columns.atom(row, &aniso, cell)? {
            atoms.push(atom);
        }
        if atoms.len() > Crystal::MAX_SITES {
            return Err(CrystalError::TooLarge {
                what: "atoms in the CIF",
                count: atoms.len() as f64,
                limit: Crystal::MAX_SITES,
            });
        }
    }
    if atoms.is_empty() {
        return Err(error(table.line, FRACT[0], "no atom with a position", "at least one"));
    }
    Ok(atoms)
}

/// The atom of a block that gives its only one without a loop.
fn single_row<'t>(block: &Block<'t>) -> Loop<'t> {
    let tags = [
        LABEL,
        TYPE,
        OCCUPANCY,
        FRACT[0],
        FRACT[1],
        FRACT[2],
        "_atom_site_u_iso_or_equiv",
        "_atom_site_b_iso_or_equiv",
    ];
    let given: Vec<(String, Entry<'t>)> =
        tags.into_iter().filter_map(|tag| Some((tag.to_owned(), block.get(tag)?))).collect();
    let (tags, values) = given.into_iter().unzip();
    Loop { line: block.line, tags, values }
}

/// Where the columns of the atom loop are.
struct Columns {
    label: Option<usize>,
    symbol: Option<usize>,
    fract: [usize; 3],
    occupancy: Option<usize>,
    u_iso: Option<usize>,
    b_iso: Option<usize>,
    flag: Option<usize>,
}

impl Columns {
    fn new(table: &Loop<'_>) -> Result<Self, CrystalError> {
        let column = |name: &str| table.column(&[name]);
        let need = |name: &str| {
            column(name).ok_or_else(|| {
                error(table.line, name, "a loop over atoms without it", "fractional coordinates x, y and z")
            })
        };
        let columns = Self {
            label: column(LABEL),
            symbol: column(TYPE),
            fract: [need(FRACT[0])?, need(FRACT[1])?, need(FRACT[2])?],
            occupancy: column(OCCUPANCY),
            u_iso: column("_atom_site_u_iso_or_equiv"),
            b_iso: column("_atom_site_b_iso_or_equiv"),
            flag: column("_atom_site_calc_flag"),
        };
        if columns.label.is_none() && columns.symbol.is_none() {
            return Err(error(table.line, LABEL, "neither it nor a type symbol", "the element of each atom"));
        }
        Ok(columns)
    }

    /// The atom of a row; none for dummies, empty sites and hydrogen that was not located.
    fn atom(
        &self,
        row: &[Entry<'_>],
        aniso: &HashMap<String, [f64; 6]>,
        cell: &UnitCell,
    ) -> Result<Option<Atom>, CrystalError> {
        let at = |column: Option<usize>| column.and_then(|index| row.get(index)).filter(|e| !e.is_unknown());
        if at(self.flag).is_some_and(|entry| entry.text.eq_ignore_ascii_case("dum")) {
            return Ok(None);
        }
        let (label, symbol) = (at(self.label), at(self.symbol));
        let line = row.first().map_or(0, |entry| entry.line);
        let element = match (symbol, label) {
            (Some(entry), _) => Element::from_type_symbol(entry.text)
                .or_else(|| label.and_then(|label| Element::from_label(label.text)))
                .ok_or((entry, TYPE)),
            (None, Some(entry)) => Element::from_label(entry.text).ok_or((entry, LABEL)),
            (None, None) => return Err(error(line, LABEL, "`?`", "the element of the atom")),
        }
        .map_err(|(entry, tag)| {
            error(entry.line, tag, quoted(entry.text), "an element, such as `Ti`, `Ti4+` or `Ti1`")
        })?;
        let coordinates = self.fract.map(|column| at(Some(column)));
        if coordinates.iter().any(Option::is_none) && element.number() == 1 {
            return Ok(None);
        }
        let mut position = [0.0; 3];
        for ((target, entry), (tag, column)) in
            position.iter_mut().zip(coordinates).zip(FRACT.into_iter().zip(self.fract))
        {
            *target = entry
                .and_then(|entry| value::number(entry))
                .filter(|x| x.abs() < 1000.0)
                .map(value::unrounded)
                .ok_or_else(|| {
                    let entry = row.get(column);
                    let text = entry.map_or("", |entry| entry.text);
                    let line = entry.map_or(line, |entry| entry.line);
                    error(line, tag, quoted(text), "a fractional coordinate such as 0.25 or 0.3046(2)")
                })?;
        }
        let occupancy = match at(self.occupancy) {
            None => 1.0,
            Some(entry) => value::number(entry)
                .filter(|o| (0.0..=1.05).contains(o))
                .map(|o| o.min(1.0))
                .ok_or_else(|| error(entry.line, OCCUPANCY, quoted(entry.text), "a number from 0 to 1"))?,
        };
        if occupancy == 0.0 {
            return Ok(None);
        }
        let displacement = |column: Option<usize>, tag: &str| match at(column) {
            None => Ok(None),
            Some(entry) => value::number(entry).filter(|u| u.abs() < 100.0).map(Some).ok_or_else(|| {
                error(
                    entry.line,
                    tag,
                    quoted(entry.text),
                    "a mean-square displacement in Å² such as 0.005(1)",
                )
            }),
        };
        let u_iso = displacement(self.u_iso, "_atom_site_U_iso_or_equiv")?;
        let b_iso = displacement(self.b_iso, "_atom_site_B_iso_or_equiv")?;
        let label = label.or(symbol).map_or_else(|| element.symbol().to_owned(), |e| e.text.to_owned());
        let u_aniso = aniso.get(&label).copied();
        // Refinements of poor data end below zero now and then; that says nothing about the motion.
        let u_iso = u_iso
            .or(b_iso.map(|b| b / B_PER_U))
            .filter(|&u| u > 0.0)
            .or(u_aniso.map(|u| equivalent(u, cell)))
            .filter(|&u| u >= 0.0);
        Ok(Some(Atom { line, label, element, occupancy, position, u_iso, u_aniso }))
    }
}

/// U of each label that has anisotropic displacements; incomplete rows are left out.
fn read_aniso(block: &Block<'_>) -> Result<HashMap<String, [f64; 6]>, CrystalError> {
    let mut by_label = HashMap::new();
    let Some(table) = block.loop_with(&[ANISO_LABEL]) else { return Ok(by_label) };
    let Some(label) = table.column(&[ANISO_LABEL]) else { return Ok(by_label) };
    for (kind, divisor) in [("u", 1.0), ("b", B_PER_U)] {
        let tags = ANISO_PARTS.map(|part| format!("_atom_site_aniso_{kind}_{part}"));
        let Some(columns) = tags.iter().map(|tag| table.column(&[tag])).collect::<Option<Vec<_>>>() else {
            continue;
        };
        for row in table.rows()? {
            let mut parts = [0.0; 6];
            let mut is_known = true;
            for ((part, &column), tag) in parts.iter_mut().zip(&columns).zip(&tags) {
                let Some(entry) = row.get(column).filter(|entry| !entry.is_unknown()) else {
                    is_known = false;
                    continue;
                };
                *part = value::number(entry).ok_or_else(|| {
                    error(entry.line, tag, quoted(entry.text), "a mean-square displacement in Å²")
                })? / divisor;
            }
            if let Some(entry) = row.get(label).filter(|_| is_known) {
                by_label.insert(entry.text.to_owned(), parts);
            }
        }
    }
    Ok(by_label)
}

/// A third of the trace of U in a cartesian frame: ⅓ Σ U_ij a*_i a*_j a_i·a_j (Fischer and Tillmanns 1988).
fn equivalent(u: [f64; 6], cell: &UnitCell) -> f64 {
    let (basis, reciprocal) = (cell.basis(), cell.reciprocal());
    let u = symmetric(u);
    let mut sum = 0.0;
    for i in 0..3 {
        for j in 0..3 {
            sum += u[i][j] * norm(reciprocal[i]) * norm(reciprocal[j]) * dot(basis[i], basis[j]);
        }
    }
    sum / 3.0
}

/// The full tensor of U11, U22, U33, U12, U13, U23.
pub(super) fn symmetric([u11, u22, u33, u12, u13, u23]: [f64; 6]) -> [[f64; 3]; 3] {
    [[u11, u12, u13], [u12, u22, u23], [u13, u23, u33]]
}
