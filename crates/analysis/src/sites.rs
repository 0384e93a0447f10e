//! The motif: which other columns go with those of one sublattice.

use crate::Place;
use crate::Vector;
use crate::grid::Grid;
use crate::walk::{Anchor, STEPS};
use std::collections::HashMap;

/// A site has this part of the first one's columns at least.
const OCCUPIED: f64 = 0.25;
/// Tolerances that two sites are apart at least.
const APART: f64 = 1.5;
/// Anchors from whose indices a column's are told.
const ANCHORS: usize = 6;
/// Clusters that are kept apart while sites are looked for.
const CLUSTERS: usize = 200;
/// Passes in which columns beyond a gap are reached from those just placed.
const PASSES: usize = 30;

/// Every column's place in the lattice, and the number of sites.
pub(crate) struct Motif {
    pub places: Vec<Option<Place>>,
    pub sites: usize,
}

/// Columns in units of the cell: what the anchors around them say.
struct Indexed {
    column: usize,
    at: Vector,
    a: Vector,
    b: Vector,
}

/// A site's fractional place and the columns seen there so far.
#[derive(Clone, Copy)]
struct Cluster {
    at: Vector,
    count: f64,
}

/// Finds the sites that go with the sublattice of the anchors and assigns all columns to them.
pub(crate) fn motif(points: &[Vector], core: &[Anchor], tolerance: f64) -> Motif {
    let mut places = vec![None; points.len()];
    let mut taken: HashMap<Place, (usize, f64)> = HashMap::new();
    for anchor in core {
        let place = Place { i: anchor.i, j: anchor.j, site: 0 };
        places[anchor.column] = Some(place);
        taken.insert(place, (anchor.column, 0.0));
    }
    let mut anchors = core.to_vec();
    let mut anchor_sites = vec![Vector::default(); core.len()];
    let mut sites: Vec<Cluster> = Vec::new();
    let mut fresh = true;
    for _ in 0..PASSES {
        if !fresh {
            break;
        }
        fresh = false;
        let indexed = index(points, &places, &anchors, &anchor_sites);
        if sites.is_empty() {
            sites = clusters(&indexed, core.len(), tolerance);
        }
        let mut placed: Vec<(usize, Vector, Vector)> = Vec::new();
        for column in &indexed {
            let closest = sites
                .iter()
                .enumerate()
                .map(|(site, cluster)| (site, distance(column.at - cluster.at, column.a, column.b)))
                .min_by(|p, q| p.1.total_cmp(&q.1));
            let Some((site, off)) = closest.filter(|c| c.1 < tolerance) else { continue };
            let whole = column.at - sites[site].at;
            let place = Place { i: whole.x.round() as i32, j: whole.y.round() as i32, site };
            if let Some((before, other)) = taken.get(&place).copied() {
                if other <= off {
                    continue;
                }
                places[before] = None;
            }
            taken.insert(place, (column.column, off));
            places[column.column] = Some(place);
            placed.push((column.column, column.a, column.b));
        }
        for (column, a, b) in placed {
            let Some(place) = places[column] else { continue };
            let partners = STEPS.iter().filter(|(di, dj)| {
                taken.contains_key(&Place { i: place.i + di, j: place.j + dj, site: place.site })
            });
            // Chance meetings don't lead further.
            if partners.count() >= 2 {
                anchors.push(Anchor { column, i: place.i, j: place.j, a, b });
                anchor_sites.push(sites[place.site].at);
                fresh = true;
            }
        }
    }
    Motif { places, sites: sites.len() }
}

/// What the anchors around say of every column without a place.
fn index(
    points: &[Vector],
    places: &[Option<Place>],
    anchors: &[Anchor],
    anchor_sites: &[Vector],
) -> Vec<Indexed> {
    let Some(first) = anchors.first() else { return Vec::new() };
    let (a, b) = (first.a, first.b);
    let reach = 1.3 * a.length().max(b.length());
    let at: Vec<Vector> = anchors.iter().map(|anchor| points[anchor.column]).collect();
    let grid = Grid::new(&at, 0.5 * reach);
    let mut result = Vec::new();
    for column in (0..points.len()).filter(|c| places[*c].is_none()) {
        let mut near: Vec<(usize, f64)> = grid.near(points[column], reach).collect();
        near.sort_by(|p, q| p.1.total_cmp(&q.1).then(p.0.cmp(&q.0)));
        near.truncate(ANCHORS);
        if near.is_empty() {
            continue;
        }
        let share = 1.0 / near.len() as f64;
        let mut indexed =
            Indexed { column, at: Vector::default(), a: Vector::default(), b: Vector::default() };
        for (n, _) in near {
            let anchor = &anchors[n];
            let whole = Vector::new(f64::from(anchor.i), f64::from(anchor.j)) + anchor_sites[n];
            let step = (points[column] - at[n]).in_basis(anchor.a, anchor.b);
            indexed.at = indexed.at + (whole + step) * share;
            indexed.a = indexed.a + anchor.a * share;
            indexed.b = indexed.b + anchor.b * share;
        }
        result.push(indexed);
    }
    result
}

/// Length of a difference of fractional places to the nearest whole cell.
fn distance(difference: Vector, a: Vector, b: Vector) -> f64 {
    let (u, v) = (difference.x - difference.x.round(), difference.y - difference.y.round());
    (a * u + b * v).length()
}

/// The fractional places where many columns are, the first one's own among them at (0, 0).
fn clusters(indexed: &[Indexed], first: usize, tolerance: f64) -> Vec<Cluster> {
    let mut clusters = vec![Cluster { at: Vector::default(), count: first as f64 }];
    let add = |clusters: &mut Vec<Cluster>, column: &Indexed, fresh: bool| {
        let off = |cluster: &Cluster| distance(column.at - cluster.at, column.a, column.b);
        let closest = (0..clusters.len()).min_by(|p, q| off(&clusters[*p]).total_cmp(&off(&clusters[*q])));
        match closest {
            Some(closest) if off(&clusters[closest]) < tolerance => {
                let cluster = &mut clusters[closest];
                cluster.count += 1.0;
                let d = column.at - cluster.at;
                let step = Vector::new(d.x - d.x.round(), d.y - d.y.round()) * (1.0 / cluster.count);
                cluster.at = cluster.at + step;
            }
            _ if fresh && clusters.len() < CLUSTERS => {
                clusters.push(Cluster { at: column.at, count: 1.0 });
            }
            _ => {}
        }
    };
    indexed.iter().for_each(|column| add(&mut clusters, column, true));
    // What one site's columns began twice becomes one, and all are counted again.
    let scale = indexed.first().map(|c| (c.a, c.b));
    let merged = |mut clusters: Vec<Cluster>| {
        clusters[1..].sort_by(|p, q| q.count.total_cmp(&p.count));
        let mut kept: Vec<Cluster> = Vec::new();
        for cluster in clusters {
            let close = |k: &&mut Cluster| {
                scale.is_some_and(|(a, b)| distance(k.at - cluster.at, a, b) < APART * tolerance)
            };
            match kept.iter_mut().find(close) {
                Some(same) => same.count += cluster.count,
                None => kept.push(cluster),
            }
        }
        kept
    };
    for _ in 0..2 {
        clusters = merged(clusters);
        clusters.iter_mut().enumerate().for_each(|(n, c)| c.count = if n == 0 { first as f64 } else { 1.0 });
        indexed.iter().for_each(|column| add(&mut clusters, column, false));
    }
    let mut kept = merged(clusters);
    kept.retain(|cluster| cluster.count >= OCCUPIED * first as f64);
    let origin = kept.first().map_or(Vector::default(), |c| c.at);
    for cluster in &mut kept {
        let at = cluster.at - origin;
        cluster.at = Vector::new(at.x - at.x.floor(), at.y - at.y.floor());
    }
    kept
}
