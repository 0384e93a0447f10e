//! Columns assigned to a lattice, and how much the lattice says of them.

use crate::cell::{self, Change, along};
use crate::fit::{self, Fit, Observation};
use crate::grid::Grid;
use crate::translations::Scale;
use crate::{Place, Vector, sites, superlattice, walk};
use std::collections::{HashMap, HashSet};

/// Columns of one sublattice from which on it is more than an accident.
const CORE: usize = 6;
/// What a site has to save beyond its two coordinates.
const DOUBT: f64 = 4.0;
/// Parts of the cell in which a site may repeat the first one.
const PARTS: i32 = 4;

/// Places of columns and the lattice fitted to them.
pub(crate) struct Assigned {
    pub places: Vec<Option<Place>>,
    pub sites: usize,
    pub fit: Fit,
}

impl Assigned {
    /// By walking along the vectors; `None` when that leads nowhere.
    pub fn by_walking(
        points: &[Vector],
        grid: &Grid,
        scale: &Scale,
        vectors: (Vector, Vector),
    ) -> Option<Self> {
        let core = walk::largest_sublattice(points, grid, scale.tolerance, vectors);
        if core.len() < CORE {
            return None;
        }
        let motif = sites::motif(points, &core, scale.tolerance);
        Self::new(points, motif.places, motif.sites)
    }

    fn new(points: &[Vector], places: Vec<Option<Place>>, sites: usize) -> Option<Self> {
        let fit = fit::fit(&observations(points, &places), sites)?;
        Some(Self { places, sites, fit })
    }

    /// In a larger cell; see [`superlattice::in_cell`].
    pub fn enlarged(&self, points: &[Vector], form: Change) -> Option<Self> {
        let sites = self.sites * (form[0][0] * form[1][1]) as usize;
        let places = self.places.iter().map(|p| p.map(|p| superlattice::in_cell(p, form))).collect();
        Self::new(points, places, sites)
    }

    /// With other vectors of the same lattice.
    pub fn renamed(&self, points: &[Vector], [p, q]: Change) -> Option<Self> {
        // Indices along the new vectors: the inverse of a matrix of determinant ±1.
        let determinant = p[0] * q[1] - p[1] * q[0];
        let rename = |place: Place| Place {
            i: determinant * (place.i * q[1] - place.j * q[0]),
            j: determinant * (place.j * p[0] - place.i * p[1]),
            ..place
        };
        let places = self.places.iter().map(|place| place.map(rename)).collect();
        Self::new(points, places, self.sites)
    }

    /// Columns that have a place.
    pub fn count(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// What the lattice saves in telling where the columns are, in nats (minimum description
    /// length): a column is within σ of its place instead of anywhere in the area of a place, less
    /// which places are empty, less the numbers that the lattice itself takes. So a cell that is
    /// too small has a large σ or empty places, one too large has too many sites.
    pub fn evidence(&self, scale: &Scale) -> f64 {
        let fitted = self.count() as f64;
        let area = self.fit.a.cross(self.fit.b).abs() / self.sites as f64;
        // Slow strain, which is no fault of the lattice, makes σ large; exact positions make it zero.
        let sigma = self.fit.sigma.clamp(0.02 * scale.tolerance, 0.5 * scale.tolerance);
        let saved = (area / (2.0 * std::f64::consts::PI * std::f64::consts::E * sigma * sigma)).ln();
        let places = fitted + self.holes() as f64;
        let full = fitted / places;
        let entropy = -full * full.ln() - if full < 1.0 { (1.0 - full) * (1.0 - full).ln() } else { 0.0 };
        fitted * saved - places * entropy - (self.sites as f64 + 2.0) * (fitted.ln() + DOUBT)
    }

    /// Empty sites of cells that have other cells on all four sides.
    fn holes(&self) -> usize {
        let mut cells: HashMap<(i32, i32), usize> = HashMap::new();
        self.places.iter().flatten().for_each(|p| *cells.entry((p.i, p.j)).or_default() += 1);
        let surrounded =
            |(i, j): (i32, i32)| walk::STEPS.iter().all(|(di, dj)| cells.contains_key(&(i + di, j + dj)));
        let beside = cells.keys().flat_map(|(i, j)| walk::STEPS.map(|(di, dj)| (i + di, j + dj)));
        let empty: HashSet<(i32, i32)> =
            beside.filter(|c| !cells.contains_key(c) && surrounded(*c)).collect();
        let partly: usize =
            cells.iter().filter(|(c, _)| surrounded(**c)).map(|(_, n)| self.sites.saturating_sub(*n)).sum();
        partly + empty.len() * self.sites
    }

    /// Vectors of cells that may be the true ones: larger where columns are displaced alike in
    /// every so many cells, smaller where a site repeats another.
    pub fn other_cells(&self, points: &[Vector], tolerance: f64) -> Vec<(Vector, Vector)> {
        let Fit { a, b, .. } = self.fit;
        let mut residuals = [vec![0.0; points.len()], vec![0.0; points.len()]];
        for (column, place) in self.places.iter().enumerate() {
            if let Some(p) = place {
                let residual = self.fit.residual(&observation(*p, points[column]));
                (residuals[0][column], residuals[1][column]) = (residual.x, residual.y);
            }
        }
        let larger = superlattice::larger_cell(points, &self.places, self.sites, &residuals, (a, b));
        let larger = larger.map(|form| (along(a, b, form[0]), along(a, b, form[1])));
        let offsets = self.fit.offsets.iter().skip(1).map(|offset| *offset - self.fit.offsets[0]);
        let smaller = offsets.filter_map(|offset| {
            let part = offset.in_basis(a, b);
            let whole = (2..=PARTS).find(|n| {
                let times = part * f64::from(*n);
                let off = Vector::new(times.x - times.x.round(), times.y - times.y.round());
                (a * off.x + b * off.y).length() < f64::from(*n) * 0.5 * tolerance
            })?;
            Some(with_centring(a, b, offset, whole))
        });
        let reduced = |(a, b): (Vector, Vector)| {
            let [first, second] = cell::conventional_names(a, b);
            (along(a, b, first), along(a, b, second))
        };
        larger.into_iter().chain(smaller).map(reduced).collect()
    }
}

fn observation(place: Place, at: Vector) -> Observation {
    Observation { i: f64::from(place.i), j: f64::from(place.j), site: place.site, at }
}

fn observations(points: &[Vector], places: &[Option<Place>]) -> Vec<Observation> {
    places.iter().zip(points).filter_map(|(place, at)| place.map(|p| observation(p, *at))).collect()
}

/// A basis of the lattice of a, b and a vector of which `times` is one of theirs: the shortest two.
fn with_centring(a: Vector, b: Vector, vector: Vector, times: i32) -> (Vector, Vector) {
    let mut all: Vec<Vector> = (0..times)
        .flat_map(|n| (-3..=3).flat_map(move |i| (-3..=3).map(move |j| (n, i, j))))
        .map(|(n, i, j)| vector * f64::from(n) + along(a, b, [i, j]))
        .collect();
    let area = a.cross(b).abs() / f64::from(times);
    all.retain(|v| v.dot(*v) > 0.01 * area);
    all.sort_by(|p, q| p.length().total_cmp(&q.length()));
    let second = all.iter().find(|v| all[0].cross(**v).abs() > 0.5 * area);
    (all[0], second.copied().unwrap_or(b))
}
