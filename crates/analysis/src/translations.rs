//! Which vectors bring the columns onto columns.

use crate::grid::Grid;
use crate::random::sample;
use crate::{AnalysisError, Vector};
use std::f64::consts::PI;

/// Neighbours of a column among which the vectors of the lattice are looked for.
const REACH: usize = 80;
/// Neighbours from which the density is told.
const CLOSE: usize = 8;
/// Neighbours that surround a place inside the crystal.
const AROUND: usize = 12;
/// Columns on which a guess is tried.
const SAMPLE: usize = 2500;
/// Columns whose neighbours are counted for the scale.
const SCALE_SAMPLE: usize = 120;
/// Clusters of differences that are tried.
const CANDIDATES: usize = 150;
/// Bins of the histogram of differences in the tolerance.
const BINS: f64 = 2.0;
/// A cluster counts when it has this part of the fullest one's differences.
const FAINT: f64 = 0.15;
/// A translation is one of the lattice when it holds for this part of those for which the best
/// holds, give or take a standard error. Vectors of a motif hold for half of the columns or less.
const EQUAL: f64 = 0.85;
/// Parts of the tolerance that are tried.
const NARROWED: [f64; 5] = [0.15, 0.25, 0.35, 0.5, 0.7];
/// Part of the columns that must have a place inside the crystal one translation on.
const INSIDE: f64 = 0.25;
/// With more of the columns than this there is one grain.
const ONE_GRAIN: f64 = 0.9;
/// A gap in the ring of neighbours wider than this is the crystal's rim [rad].
const RIM: f64 = PI + 0.3;
/// Logarithm of the chance below which a translation is no accident.
const ACCIDENT: f64 = 8.0;

/// The lengths by which a set of columns is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Two places are the same within this.
    pub tolerance: f64,
    /// Longest vector that is looked for.
    reach: f64,
    /// Radius in which a place inside the crystal has neighbours on all sides.
    around: f64,
    /// Columns an area.
    density: f64,
    /// Smallest area of a cell: nearly that of the densest packing of columns.
    least_area: f64,
}

impl Scale {
    /// `tolerance` as a part of the median distance to the nearest neighbour.
    pub fn new(points: &[Vector], tolerance: f64) -> Self {
        let of = sample(points.len(), SCALE_SAMPLE);
        // From the farthest to the nearest, each among those before it.
        let wanted = [REACH.min(points.len() * 2 / 3), AROUND.min(points.len() / 2), CLOSE - 1, 0];
        let mut lengths = [(); 4].map(|()| Vec::with_capacity(of.len()));
        let mut squared = Vec::with_capacity(points.len());
        for &i in &of {
            squared.clear();
            squared.extend((0..points.len()).filter(|j| *j != i).map(|j| {
                let d = points[j] - points[i];
                d.dot(d)
            }));
            for (rank, lengths) in wanted.iter().zip(&mut lengths) {
                let rank = (*rank).min(squared.len() - 1);
                lengths.push(squared.select_nth_unstable_by(rank, f64::total_cmp).1.sqrt());
                squared.truncate(rank + 1);
            }
        }
        let [reach, around, close, nearest] = lengths.map(|mut l| {
            let middle = l.len() / 2;
            *l.select_nth_unstable_by(middle, f64::total_cmp).1
        });
        let density = CLOSE as f64 / (PI * close * close).max(f64::MIN_POSITIVE);
        // Columns that were found twice lie on top of each other.
        let nearest = nearest.max(0.2 / density.sqrt());
        Self { tolerance: tolerance * nearest, reach, around, density, least_area: 0.6 * nearest * nearest }
    }

    /// Part of places anywhere in the crystal that have a column within the tolerance, doubled
    /// because columns keep their distance.
    fn chance(&self) -> f64 {
        (2.0 * PI * self.tolerance * self.tolerance * self.density).min(0.5)
    }
}

/// The two shortest translations that bring `columns` onto columns as often as the best does;
/// `narrowed` as in [`Trial`].
pub(crate) fn shortest_translations(
    points: &[Vector],
    grid: &Grid,
    scale: &Scale,
    columns: &[usize],
    narrowed: bool,
) -> Result<(Vector, Vector), AnalysisError> {
    let candidates = clusters(points, grid, columns, scale);
    let trial = Trial { points, grid, scale, candidates: candidates.len(), narrowed };
    let tried = trial.tried(&candidates, columns);
    let all = trial.equal_to_best(tried.iter());
    let Some(&first) = all.vectors.first() else { return Err(AnalysisError::NoLattice { best: all.best }) };
    // Among several grains, those columns that are of the first vector's.
    let has = |i: usize, v: Vector| grid.nearest(points[i] + v, scale.tolerance).is_some();
    let members: Vec<usize> = columns.iter().copied().filter(|i| has(*i, first) || has(*i, -first)).collect();
    let one_grain = members.len() as f64 > ONE_GRAIN * columns.len() as f64;
    let tried = if one_grain { tried } else { trial.tried(&candidates, &members) };
    let own = trial.equal_to_best(tried.iter());
    let Some(&a) = own.vectors.first() else { return Err(AnalysisError::NoLattice { best: own.best }) };
    // A long second vector is blurred more by strain than the first, and compared with its like.
    let off_line = tried.iter().filter(|held| a.cross(held.vector).abs() > scale.least_area);
    let second = trial.equal_to_best(off_line);
    second.vectors.first().map(|b| (a, *b)).ok_or(AnalysisError::OneDirection { vector: a })
}

/// The translation close to a guess that brings most columns onto columns; the guess itself when
/// there is no cluster of differences close by.
pub(crate) fn improve(guess: Vector, points: &[Vector], grid: &Grid, scale: &Scale) -> Vector {
    const NEAR: f64 = 0.12;
    let columns = sample(points.len(), SAMPLE);
    let wide = Scale { reach: scale.reach.max(1.3 * guess.length()), ..*scale };
    let mut close = clusters(points, grid, &columns, &wide);
    close.extend(close.clone().iter().map(|v| -*v));
    close.retain(|v| (*v - guess).length() < NEAR * guess.length());
    let trial = Trial { points, grid, scale: &wide, candidates: 1, narrowed: false };
    let part = |v: &Vector| trial.held(*v, &columns).off.len();
    close.into_iter().map(|v| (part(&v), v)).max_by_key(|(hits, _)| *hits).map_or(guess, |(_, v)| v)
}

/// Centres of the clusters of differences between near columns, one of v and −v, the fullest first.
fn clusters(points: &[Vector], grid: &Grid, columns: &[usize], scale: &Scale) -> Vec<Vector> {
    let mut differences = Vec::new();
    for &i in columns {
        for (j, _) in grid.near(points[i], scale.reach) {
            if i != j {
                differences.extend([points[j] - points[i], points[i] - points[j]]);
            }
        }
    }
    let bin = (scale.tolerance / BINS).max(scale.reach / 500.0);
    let half = (scale.reach / bin).ceil() as usize + 3;
    let side = 2 * half + 1;
    let mut counts = vec![0_u32; side * side];
    let slot = |v: f64| ((v / bin).round() as isize + half as isize) as usize;
    differences.iter().for_each(|d| counts[slot(d.y) * side + slot(d.x)] += 1);
    let window = |row: usize, column: usize| -> u32 {
        (row - 1..=row + 1)
            .map(|r| counts[r * side + column - 1..=r * side + column + 1].iter().sum::<u32>())
            .sum()
    };
    let mut smooth = vec![0_u32; side * side];
    for row in 1..side - 1 {
        for column in 1..side - 1 {
            smooth[row * side + column] = window(row, column);
        }
    }
    let fullest = smooth.iter().copied().max().unwrap_or(0);
    let mut peaks: Vec<(u32, Vector)> = Vec::new();
    for row in 2..side - 2 {
        for column in 2..side - 2 {
            let here = smooth[row * side + column];
            let far_enough = (row as f64 - half as f64).hypot(column as f64 - half as f64) > BINS;
            if here < 2 || f64::from(here) < FAINT * f64::from(fullest) || !far_enough {
                continue;
            }
            let highest = (row - 2..=row + 2).all(|r| {
                (column - 2..=column + 2).all(|c| {
                    let there = smooth[r * side + c];
                    there < here || (there == here && (r, c) >= (row, column))
                })
            });
            if highest {
                let at = |i: usize| (i as f64 - half as f64) * bin;
                peaks.push((here, Vector::new(at(column), at(row))));
            }
        }
    }
    peaks.sort_by(|p, q| q.0.cmp(&p.0).then(p.1.y.total_cmp(&q.1.y)).then(p.1.x.total_cmp(&q.1.x)));
    let differences_grid = Grid::new(&differences, scale.tolerance);
    let mut centres: Vec<Vector> = Vec::new();
    for (_, peak) in peaks {
        let mut centre = peak;
        for _ in 0..4 {
            let (mut sum, mut count) = (Vector::default(), 0.0);
            for (index, _) in differences_grid.near(centre, scale.tolerance) {
                sum = sum + differences[index];
                count += 1.0;
            }
            if count > 0.0 {
                centre = sum * (1.0 / count);
            }
        }
        let centre = if (centre.x, centre.y) < (0.0, 0.0) { -centre } else { centre };
        let known = |v: &Vector| (*v - centre).length().min((*v + centre).length()) < scale.tolerance;
        if centre.length() > 1.5 * scale.tolerance && !centres.iter().any(known) {
            centres.push(centre);
        }
        if centres.len() == CANDIDATES {
            break;
        }
    }
    centres
}

/// Vectors that hold as well as the best one, the shortest first, and what part the best holds for.
struct Equal {
    vectors: Vec<Vector>,
    best: f64,
}

/// How well a translation holds.
struct Held {
    vector: Vector,
    /// Columns that have a place inside the crystal one translation on.
    inside: usize,
    /// How far off the columns there are, as a part of the tolerance, the nearest first.
    off: Vec<f64>,
}

impl Held {
    /// Part of the places that have a column within this part of the tolerance, and its standard
    /// error with one success and one failure more (Agresti and Coull).
    fn part(&self, narrowed: f64) -> (f64, f64) {
        let hits = self.off.partition_point(|off| *off < narrowed) as f64;
        let (count, likely) = (self.inside as f64 + 2.0, (hits + 1.0) / (self.inside as f64 + 2.0));
        (hits / self.inside as f64, (likely * (1.0 - likely) / count).sqrt())
    }
}

struct Trial<'a> {
    points: &'a [Vector],
    grid: &'a Grid,
    scale: &'a Scale,
    candidates: usize,
    /// Whether the tolerance is narrowed as far as the best translation bears, which those of a
    /// slightly smaller cell don't.
    narrowed: bool,
}

impl Trial<'_> {
    fn held(&self, vector: Vector, columns: &[usize]) -> Held {
        let mut held = Held { vector, inside: 0, off: Vec::new() };
        for &i in columns {
            let place = self.points[i] + vector;
            let nearest = self.grid.near(place, self.scale.tolerance).map(|n| n.1).min_by(f64::total_cmp);
            if let Some(squared) = nearest {
                held.off.push(squared.sqrt() / self.scale.tolerance);
                held.inside += 1;
            } else if self.is_inside(place) {
                held.inside += 1;
            }
        }
        held.off.sort_by(f64::total_cmp);
        held
    }

    fn is_inside(&self, place: Vector) -> bool {
        let mut angles: Vec<f64> = self
            .grid
            .near(place, self.scale.around)
            .map(|(index, _)| {
                let d = self.points[index] - place;
                d.y.atan2(d.x)
            })
            .collect();
        angles.sort_by(f64::total_cmp);
        let (Some(first), Some(last)) = (angles.first(), angles.last()) else { return false };
        let across = first + 2.0 * PI - last;
        angles.windows(2).map(|pair| pair[1] - pair[0]).fold(across, f64::max) < RIM
    }

    /// How well the candidates hold that have enough places inside the crystal.
    fn tried(&self, candidates: &[Vector], columns: &[usize]) -> Vec<Held> {
        let enough = |held: &Held| held.inside as f64 >= (INSIDE * columns.len() as f64).max(1.0);
        candidates.iter().map(|v| self.held(*v, columns)).filter(enough).collect()
    }

    fn equal_to_best<'h>(&self, tried: impl Iterator<Item = &'h Held>) -> Equal {
        let chance = self.scale.chance();
        let mut best = 0.0_f64;
        let mut all: Vec<&Held> = Vec::new();
        for held in tried {
            let (part, _) = held.part(1.0);
            best = best.max(part);
            // Chernoff's bound of the binomial tail, for the most favourable of all candidates.
            let surprise = held.inside as f64 * divergence(part, chance);
            if part > chance && surprise > ACCIDENT + (self.candidates as f64).ln() {
                all.push(held);
            }
        }
        let surest = |narrowed: f64, errors: f64| {
            let sure = |(part, error): (f64, f64)| part - errors * error;
            all.iter().map(|h| sure(h.part(narrowed))).fold(0.0, f64::max)
        };
        let wide = surest(1.0, 1.0);
        let mut narrow = NARROWED.into_iter().filter(|_| self.narrowed);
        let narrowed = narrow.find(|n| surest(*n, 2.0) >= EQUAL * wide).unwrap_or(1.0);
        let most = surest(narrowed, 1.0);
        all.retain(|held| {
            let (part, error) = held.part(narrowed);
            part + error >= EQUAL * most
        });
        all.sort_by(|p, q| p.vector.length().total_cmp(&q.vector.length()));
        Equal { vectors: all.into_iter().map(|h| h.vector).collect(), best }
    }
}

/// Kullback and Leibler's divergence of two coins.
fn divergence(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    term(p, q) + term(1.0 - p, 1.0 - q)
}
