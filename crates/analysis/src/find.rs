use crate::cell::{self, Change};
use crate::fit::{self, Fit, Observation};
use crate::grid::Grid;
use crate::seeds::seed_vectors;
use crate::translations::{Scale, improve};
use crate::{AnalysisError, Lattice, Place, Site, Vector, sites, superlattice, walk};
use serde::{Deserialize, Serialize};

/// Fewer columns are no lattice.
const FEWEST: usize = 12;
/// Columns of one sublattice from which on it is more than an accident.
const CORE: usize = 6;

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
/// for their brightness: cells up to six times the geometric one are considered.
///
/// Vectors that bring columns onto columns are looked for among the clusters of differences of
/// near columns; the two shortest that hold as often as the best span the cell. Steps by them from
/// column to column give whole indices to one sublattice, which bears slow strain; the others
/// follow from it, and Tukey's biweight fits all together.
///
/// # Errors
///
/// [`AnalysisError::TooFewColumns`] below 12 columns, [`AnalysisError::NoLattice`] when no
/// translation holds more often than chance, [`AnalysisError::OneDirection`] for a single row,
/// [`AnalysisError::PartOnly`] with the lattice of the largest grain when less than
/// [`LatticeSettings::least_part`] of the columns fit, and what is wrong with settings or arrays.
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
    // More sites place more columns, but not on that account.
    let worth = |found: &Assigned| found.count() as f64 / (found.sites as f64).sqrt();
    let tried = vectors.into_iter().map(|pair| assign(&points, &grid, &scale, pair));
    let best = tried.reduce(|p, q| match (&p, &q) {
        (Ok(before), Ok(now)) if worth(now) > worth(before) => q,
        (Err(_), Ok(_)) => q,
        _ => p,
    });
    let mut found = best.unwrap_or(Err(AnalysisError::NoLattice { best: 0.0 }))?;
    if settings.guess.is_none() {
        if let Some(brightness) = brightness {
            let (places, vectors) = (&found.places, (found.fit.a, found.fit.b));
            let form = superlattice::by_brightness(&points, places, found.sites, brightness, vectors);
            found = found.enlarged(&points, form)?;
        }
        let names = cell::conventional_names(found.fit.a, found.fit.b);
        found = found.renamed(&points, names)?;
    }
    let lattice = found.lattice(&points, brightness);
    let fitted = lattice.fitted();
    if (fitted as f64) < settings.least_part * columns as f64 {
        return Err(AnalysisError::PartOnly { fitted, columns, lattice: Box::new(lattice) });
    }
    Ok(lattice)
}

/// Places of columns and the lattice fitted to them.
struct Assigned {
    places: Vec<Option<Place>>,
    sites: usize,
    fit: Fit,
}

fn assign(
    points: &[Vector],
    grid: &Grid,
    scale: &Scale,
    vectors: (Vector, Vector),
) -> Result<Assigned, AnalysisError> {
    let core = walk::largest_sublattice(points, grid, scale.tolerance, vectors);
    let none = || AnalysisError::NoLattice { best: core.len() as f64 / points.len() as f64 };
    if core.len() < CORE {
        return Err(none());
    }
    let motif = sites::motif(points, &core, scale.tolerance);
    Assigned::new(points, motif.places, motif.sites).ok_or_else(none)
}

impl Assigned {
    fn new(points: &[Vector], places: Vec<Option<Place>>, sites: usize) -> Option<Self> {
        let observations: Vec<Observation> = places
            .iter()
            .zip(points)
            .filter_map(|(place, at)| {
                place.map(|p| Observation { i: f64::from(p.i), j: f64::from(p.j), site: p.site, at: *at })
            })
            .collect();
        let fit = fit::fit(&observations, sites)?;
        Some(Self { places, sites, fit })
    }

    /// Columns that have a place.
    fn count(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// In a larger cell; see [`superlattice::in_cell`].
    fn enlarged(self, points: &[Vector], form: Change) -> Result<Self, AnalysisError> {
        if form == cell::SAME {
            return Ok(self);
        }
        let sites = self.sites * (form[0][0] * form[1][1]) as usize;
        let places = self.places.into_iter().map(|p| p.map(|p| superlattice::in_cell(p, form))).collect();
        Self::new(points, places, sites).ok_or(AnalysisError::NoLattice { best: 0.0 })
    }

    /// With other vectors of the same lattice.
    fn renamed(self, points: &[Vector], [p, q]: Change) -> Result<Self, AnalysisError> {
        // Indices along the new vectors: the inverse of a matrix of determinant ±1.
        let determinant = p[0] * q[1] - p[1] * q[0];
        let rename = |place: Place| Place {
            i: determinant * (place.i * q[1] - place.j * q[0]),
            j: determinant * (place.j * p[0] - place.i * p[1]),
            ..place
        };
        let places = self.places.into_iter().map(|place| place.map(rename)).collect();
        Self::new(points, places, self.sites).ok_or(AnalysisError::NoLattice { best: 0.0 })
    }

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
        let rank = |site: usize| mean(site).unwrap_or_else(|| rightness(site));
        let mut order: Vec<usize> = (0..self.sites).collect();
        order.sort_by(|p, q| rank(*q).total_cmp(&rank(*p)));
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
