use adatom_crystal::{Element, ProjectedCell, ProjectedColumn};
use std::collections::BTreeMap;

/// Elements, the heaviest first, and thousandths of their atoms a repeat.
type MakeUp = Vec<(Element, i64)>;

/// Columns of a cell that are made of the same atoms.
#[derive(Debug, PartialEq)]
pub(super) struct Kind {
    /// The elements, the heaviest first; with their number a repeat where others are made of the same.
    pub(super) name: String,
    /// Their numbers in the cell.
    pub(super) members: Vec<usize>,
}

/// The kinds of columns, those with the most of the heaviest element first.
pub(super) fn kinds(cell: &ProjectedCell) -> Vec<Kind> {
    let mut groups: BTreeMap<MakeUp, Vec<usize>> = BTreeMap::new();
    for (index, column) in cell.columns.iter().enumerate() {
        groups.entry(make_up(column)).or_default().push(index);
    }
    let elements = |make_up: &[(Element, i64)]| make_up.iter().map(|(e, _)| *e).collect::<Vec<_>>();
    groups
        .iter()
        .rev()
        .map(|(make_up, members)| {
            let alike = groups.keys().filter(|other| elements(other) == elements(make_up)).count();
            let part = |(element, thousandths): &(Element, i64)| match alike {
                1 => element.symbol().to_owned(),
                _ => format!("{}{}", element.symbol(), *thousandths as f64 / 1e3),
            };
            Kind { name: make_up.iter().map(part).collect::<Vec<_>>().join("/"), members: members.clone() }
        })
        .collect()
}

fn make_up(column: &ProjectedColumn) -> MakeUp {
    column.species.iter().rev().map(|&(element, n)| (element, (1e3 * n).round() as i64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(species: &[(&str, f64)]) -> ProjectedColumn {
        let species = species.iter().map(|(s, n)| (Element::from_symbol(s).unwrap(), *n)).collect();
        ProjectedColumn { x: 0.0, y: 0.0, species, u_iso_angstrom2: None }
    }

    #[test]
    fn kinds_are_told_apart_by_make_up_and_named_by_elements() {
        let columns = vec![
            column(&[("O", 1.0)]),
            column(&[("Co", 1.0)]),
            column(&[("O", 1.0), ("Ti", 1.0)]),
            column(&[("Co", 2.0)]),
            column(&[("O", 1.0)]),
        ];
        let cell = ProjectedCell { vectors: [[4.0, 0.0], [0.0, 4.0]], repeat_angstrom: 4.0, columns };
        let found = kinds(&cell);
        let found: Vec<(&str, &[usize])> =
            found.iter().map(|kind| (kind.name.as_str(), &kind.members[..])).collect();
        assert_eq!(found, [("Co2", &[3][..]), ("Co1", &[1]), ("Ti/O", &[2]), ("O", &[0, 4])]);
    }
}
