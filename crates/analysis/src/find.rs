use crate::assign::Assigned;
use crate::cell;
use crate::fit::Fit;
use crate::grid::Grid;
use crate::seeds::seed_vectors;
use crate::translations::{Scale, improve};
use crate::{AnalysisError, Lattice, Place, Site, Vector, superlattice};
use serde::{Deserialize, Serialize};

/// Fewer columns are no lattice.
const FEWEST: usize = 12;
/// Sites are as bright as each other when they differ by this part of the brightest at most.
const AS_BRIGHT: f64 = 0.1;
/// How often a better cell is looked for.
const ROUNDS: usize = 3;

/// How a lattice is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatticeSettings {
    /// How far a column may be from where its neighbours expect it, as a part of the median
    /// distance to the nearest neighbour, 0.02 to 0.4.
    pub tolerance: f64,
    /// Part of the columns that must fit, 0 to 1; with fewer, [`AnalysisError::PartOnly`].
    pub least_part: f64,
    /// Vectors to begin with, good to a tenth of their lengths, in place of a search. They name
    /// the cell: it is neither reduced nor enlarged for brightness, and may be centred.
    pub guess: Option<(Vector, Vector)>,
}

impl Default for LatticeSettings {
    fn default() -> Self {
        Self { tolerance: 0.2, least_part: 0.6, guess: None }
    }
}

impl LatticeSettings {
    fn check(&self) -> Result<(), AnalysisError> {
        AnalysisError::check("tolerance", self.tolerance, 0.02, 0.4, "0.02 to 0.4")?;
        AnalysisError::check("least_part", self.least_part, 0.0, 1.0, "0 to 1")?;
        if let Some((a, b)) = self.guess {
            let sine = a.cross(b).abs() / (a.length() * b.length());
            AnalysisError::check("sine of the guess's angle", sine, 0.05, 1.0, "0.05 at least")?;
        }
        Ok(())
    }
}

/// Finds the lattice of columns at `positions` (x to the right, y down, any unit), whatever their
/// motif. `brightness`, one number a column on any scale, tells apart columns that are equal but
/// for their brightness: cells up to eight times the geometric one are considered.
///
/// Vectors that bring columns onto columns are looked for among the clusters of differences of
/// near columns, in several patches of the field; the two shortest that hold as often as the best
/// span the cell. Steps by them from column to column give whole indices to one sublattice, which
/// bears slow strain; the others follow from it, and Tukey's biweight fits all together. Of several
/// cells, larger and smaller ones among them, the one counts that tells most of the columns by the
/// least description. Regular displacements are told from noise when they explain a quarter of the
/// scatter. Grains turned by less than some 10° are walked across like a bent crystal; a smaller
/// tolerance keeps them apart.
///
/// # Errors
///
/// [`AnalysisError::TooFewColumns`] below 12 columns, [`AnalysisError::NoLattice`] when no
/// translation holds more often than chance, [`AnalysisError::OneDirection`] for a single row,
/// [`AnalysisError::PartOnly`] with the lattice of the largest grain when less than
/// [`LatticeSettings::least_part`] of the columns fit (those left over give the next grain's), and
/// what is wrong with settings or arrays.
pub fn find_lattice(
    positions: &[(f64, f64)],
    brightness: Option<&[f64]>,
    settings: &LatticeSettings,
) -> Result<Lattice, AnalysisError> {
    settings.check()?;
    let columns = positions.len();
    if let Some(count) = brightness.map(<[f64]>::len).filter(|n| *n != columns) {
        return Err(AnalysisError::LengthsDiffer { name: "brightness", count, columns });
    }
    let finite = |i: usize| {
        let (x, y) = positions[i];
        x.is_finite() && y.is_finite() && brightness.is_none_or(|b| b[i].is_finite())
    };
    if let Some(index) = (0..columns).find(|i| !finite(*i)) {
        return Err(AnalysisError::NotFinite { index });
    }
    if columns < FEWEST {
        return Err(AnalysisError::TooFewColumns { count: columns, needed: FEWEST });
    }
    let points: Vec<Vector> = positions.iter().map(|p| Vector::from(*p)).collect();
    let scale = Scale::new(&points, settings.tolerance);
    let grid = Grid::new(&points, 4.0 * scale.tolerance);
    let vectors = match settings.guess {
        None => seed_vectors(&points, &grid, &scale)?,
        Some((a, b)) => vec![(improve(a, &points, &grid, &scale), improve(b, &points, &grid, &scale))],
    };
    let none = AnalysisError::NoLattice { best: 0.0 };
    let assigned = |pair| Assigned::by_walking(&points, &grid, &scale, pair);
    let mut found = vectors.into_iter().filter_map(assigned).reduce(|p, q| better(p, q, &scale));
    if settings.guess.is_none() {
        for _ in 0..ROUNDS {
            let Some(before) = found else { break };
            let (places, others) = (before.sites, before.other_cells(&points, scale.tolerance));
            let area = before.fit.a.cross(before.fit.b);
            let now = others.into_iter().filter_map(assigned).fold(before, |p, q| better(p, q, &scale));
            let same = now.sites == places && now.fit.a.cross(now.fit.b) == area;
            found = Some(now);
            if same {
                break;
            }
        }
    }
    let mut found = found.ok_or(none.clone())?;
    if settings.guess.is_none() {
        if let Some(brightness) = brightness {
            let vectors = (found.fit.a, found.fit.b);
            let seen = [brightness.to_vec()];
            if let Some(form) = superlattice::larger_cell(&points, &found.places, found.sites, &seen, vectors)
            {
                found = found.enlarged(&points, form).ok_or(none.clone())?;
            }
        }
        let names = cell::conventional_names(found.fit.a, found.fit.b);
        found = found.renamed(&points, names).ok_or(none)?;
    }
    let lattice = found.lattice(&points, brightness);
    let fitted = lattice.fitted();
    if (fitted as f64) < settings.least_part * columns as f64 {
        return Err(AnalysisError::PartOnly { fitted, columns, lattice: Box::new(lattice) });
    }
    Ok(lattice)
}

fn better(p: Assigned, q: Assigned, scale: &Scale) -> Assigned {
    if q.evidence(scale) > p.evidence(scale) { q } else { p }
}

impl Assigned {
    /// As it is given back: sites in order, the origin in the middle.
    fn lattice(self, points: &[Vector], brightness: Option<&[f64]>) -> Lattice {
        let Fit { a, b, ref offsets, sigma } = self.fit;
        let mut counts = vec![(0, 0.0); self.sites];
        for (column, place) in self.places.iter().enumerate() {
            if let Some(place) = place {
                counts[place.site].0 += 1;
                counts[place.site].1 += brightness.map_or(0.0, |b| b[column]);
            }
        }
        let mean = |site: usize| brightness.map(|_| counts[site].1 / counts[site].0 as f64);
        let rightness = |site: usize| {
            let nearest = |other: &Vector| {
                let f = (*other - offsets[site]).in_basis(a, b);
                (a * (f.x - f.x.round()) + b * (f.y - f.y.round())).x
            };
            offsets.iter().map(nearest).sum::<f64>()
        };
        let bright: Vec<f64> = (0..self.sites).map(|site| mean(site).unwrap_or(0.0)).collect();
        let right: Vec<f64> = (0..self.sites).map(rightness).collect();
        let mut order: Vec<usize> = (0..self.sites).collect();
        order.sort_by(|p, q| bright[*q].total_cmp(&bright[*p]));
        let alike = AS_BRIGHT * bright[order[0]].abs();
        for group in order.chunk_by_mut(|p, q| bright[*p] - bright[*q] <= alike) {
            group.sort_by(|p, q| right[*q].total_cmp(&right[*p]));
        }
        let first = offsets[order[0]];
        // The whole cells by which each site's offset leaves the first one's cell, and what is left.
        let placed: Vec<(Vector, Vector)> = order
            .iter()
            .map(|site| {
                let f = (offsets[*site] - first).in_basis(a, b);
                let whole = Vector::new((f.x + 0.05).floor(), (f.y + 0.05).floor());
                (whole, f - whole)
            })
            .collect();
        let mut new_index = vec![0; self.sites];
        order.iter().enumerate().for_each(|(new, old)| new_index[*old] = new);
        let centroid = points.iter().fold(Vector::default(), |sum, p| sum + *p) * (1.0 / points.len() as f64);
        let middle = (centroid - first).in_basis(a, b);
        let middle = Vector::new(middle.x.round(), middle.y.round());
        let places: Vec<Option<Place>> = self
            .places
            .iter()
            .map(|place| {
                place.map(|p| {
                    let site = new_index[p.site];
                    let shift = placed[site].0 - middle;
                    Place { i: p.i + shift.x as i32, j: p.j + shift.y as i32, site }
                })
            })
            .collect();
        let site = |new: usize| Site {
            u: placed[new].1.x,
            v: placed[new].1.y,
            columns: counts[order[new]].0,
            brightness: mean(order[new]),
        };
        let mut lattice = Lattice {
            origin: first + a * middle.x + b * middle.y,
            a,
            b,
            sites: (0..self.sites).map(site).collect(),
            places,
            residuals: Vec::new(),
            sigma,
        };
        let displaced = |(place, at): (&Option<Place>, &Vector)| Some(*at - lattice.position((*place)?)?);
        lattice.residuals = lattice.places.iter().zip(points).map(displaced).collect();
        lattice
    }
}
