//! What the colours of columns mean.

use super::App;
use crate::colour::{CATEGORIES, ColourMap};
use crate::document::Document;
use crate::markers::plain;
use crate::scene::Legend;
use crate::work::LatticeResult;
use adatom_locate::median;
use egui::Color32;

/// By what columns are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ColourBy {
    /// Found, cut by the border, edited.
    #[default]
    Kind,
    Intensity,
    Score,
    Uncertainty,
    Residual,
    Sublattice,
}

impl ColourBy {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Kind, "Kind"),
        (Self::Intensity, "Intensity"),
        (Self::Score, "Score"),
        (Self::Uncertainty, "Uncertainty"),
        (Self::Residual, "Residual from the lattice"),
        (Self::Sublattice, "Sublattice"),
    ];

    pub(super) fn needs_lattice(self) -> bool {
        matches!(self, Self::Residual | Self::Sublattice)
    }
}

/// The colours of all columns.
pub(super) struct Coloured {
    by: ColourBy,
    revision: u64,
    pub(super) colours: Vec<Color32>,
    pub(super) legend: Option<Legend>,
}

/// A column whose value isn't known.
const UNKNOWN: Color32 = Color32::from_gray(150);
/// Colours of a legend.
const STEPS: usize = 32;
/// Parts of the values that are beyond the ends of the colours.
const BEYOND: f64 = 0.01;

impl App {
    /// Colours the columns, if anything changed.
    pub(super) fn colour(&mut self) {
        let Some(document) = &self.document else { return };
        let (by, revision) = (self.colour_by, document.revision());
        if self.coloured.as_ref().is_some_and(|c| c.by == by && c.revision == revision) {
            return;
        }
        let lattice = self.lattice.as_ref().filter(|lattice| lattice.revision == revision);
        if by.needs_lattice() && lattice.is_none() && self.jobs.running(crate::jobs::Kind::Look).is_none() {
            let tab = self.tab;
            self.find_lattice(None);
            self.tab = tab;
            return;
        }
        self.coloured = Some(coloured(document, by, lattice));
    }
}

fn coloured(document: &Document, by: ColourBy, lattice: Option<&LatticeResult>) -> Coloured {
    let columns = document.columns();
    let revision = document.revision();
    let of_values = |values: Vec<Option<f64>>, title: String| {
        let (colours, legend) = by_value(&values, title);
        Coloured { by, revision, colours, legend }
    };
    match by {
        ColourBy::Kind => {
            Coloured { by, revision, colours: columns.iter().map(plain).collect(), legend: None }
        }
        ColourBy::Intensity => {
            of_values(columns.iter().map(|c| Some(c.column.intensity)).collect(), "Intensity".to_owned())
        }
        ColourBy::Score => {
            of_values(columns.iter().map(|c| Some(c.column.score)).collect(), "Score".to_owned())
        }
        ColourBy::Uncertainty => {
            let (unit, name) = match document.pixel_size {
                Some(size) => ([100.0 * size.x_angstrom, 100.0 * size.y_angstrom], "pm"),
                None => ([1.0; 2], "px"),
            };
            let value = |fit: adatom::ColumnFit| {
                ((fit.std_px[0] * unit[0]).powi(2) + (fit.std_px[1] * unit[1]).powi(2)).sqrt()
            };
            let values = columns.iter().map(|c| c.column.fit.map(value)).collect();
            of_values(values, format!("Uncertainty [{name}]"))
        }
        ColourBy::Residual => {
            let (factor, name) = if document.pixel_size.is_some() { (100.0, "pm") } else { (1.0, "px") };
            let values = match lattice {
                Some(lattice) => {
                    lattice.lattice.residuals.iter().map(|r| r.map(|r| factor * r.length())).collect()
                }
                None => vec![None; columns.len()],
            };
            of_values(values, format!("Residual [{name}]"))
        }
        ColourBy::Sublattice => {
            let place = |index: usize| lattice.and_then(|l| *l.lattice.places.get(index)?);
            let colour = |index| place(index).map_or(UNKNOWN, |p| CATEGORIES[p.site % CATEGORIES.len()]);
            let sites = lattice.map_or(0, |l| l.lattice.sites.len());
            let legend = (sites > 0).then(|| Legend {
                title: "Sublattice".to_owned(),
                ends: ["1".to_owned(), sites.to_string()],
                colours: (0..sites).map(|site| CATEGORIES[site % CATEGORIES.len()]).collect(),
            });
            Coloured { by, revision, colours: (0..columns.len()).map(colour).collect(), legend }
        }
    }
}

fn by_value(values: &[Option<f64>], title: String) -> (Vec<Color32>, Option<Legend>) {
    let mut known: Vec<f64> = values.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    if median(&mut known).is_none() {
        return (vec![UNKNOWN; values.len()], None);
    }
    known.sort_by(f64::total_cmp);
    let at = |part: f64| known[((known.len() - 1) as f64 * part).round() as usize];
    let (low, high) = (at(BEYOND), at(1.0 - BEYOND));
    let scale = if high > low { 1.0 / (high - low) } else { 0.0 };
    let map = ColourMap::Viridis;
    let colour = |value: &Option<f64>| {
        let value = value.filter(|value| value.is_finite());
        value.map_or(UNKNOWN, |value| map.at(((value - low) * scale) as f32))
    };
    let legend = Legend {
        title,
        ends: [short(low), short(high)],
        colours: (0..STEPS).map(|step| map.at(step as f32 / (STEPS - 1) as f32)).collect(),
    };
    (values.iter().map(colour).collect(), Some(legend))
}

/// A number in three or four digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e5 || (size > 0.0 && size < 1e-3) => format!("{value:.2e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_are_grey_and_the_ends_are_the_maps() {
        let values = [Some(1.0), None, Some(3.0), Some(f64::NAN)];
        let (colours, legend) = by_value(&values, String::new());
        assert_eq!(colours, [ColourMap::Viridis.at(0.0), UNKNOWN, ColourMap::Viridis.at(1.0), UNKNOWN]);
        assert_eq!(legend.unwrap().ends, ["1.00", "3.00"]);
        assert!(by_value(&[None], String::new()).1.is_none());
    }
}
