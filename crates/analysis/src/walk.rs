//! Integer indices by walking from neighbour to neighbour.

use crate::Vector;
use crate::grid::Grid;
use std::collections::{HashMap, VecDeque};

/// Weight of a step just taken in the local vectors. Strain is followed, noise is not.
const FOLLOW: f64 = 0.25;
/// Steps to other columns that one in the middle of a grain has: chance meetings have one.
const PARTNERS: usize = 2;

pub(crate) const STEPS: [(i32, i32); 4] = [(1, 0), (-1, 0), (0, 1), (0, -1)];

/// A column that is part of a sublattice: its indices, and the vectors a and b around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    pub column: usize,
    pub i: i32,
    pub j: i32,
    pub a: Vector,
    pub b: Vector,
}

/// The largest set of columns that steps of ±a and ±b connect, each to two others at least.
pub(crate) fn largest_sublattice(
    points: &[Vector],
    grid: &Grid,
    tolerance: f64,
    (a, b): (Vector, Vector),
) -> Vec<Anchor> {
    let mut visited = vec![false; points.len()];
    let mut largest: Vec<Anchor> = Vec::new();
    for start in 0..points.len() {
        if visited[start] {
            continue;
        }
        let connected = walk(points, grid, tolerance, (a, b), start, &mut visited);
        if connected.len() > largest.len() {
            largest = connected;
        }
    }
    without_dangling(largest)
}

fn walk(
    points: &[Vector],
    grid: &Grid,
    tolerance: f64,
    (a, b): (Vector, Vector),
    start: usize,
    visited: &mut [bool],
) -> Vec<Anchor> {
    let mut taken = HashMap::from([((0, 0), start)]);
    let mut queue = VecDeque::from([Anchor { column: start, i: 0, j: 0, a, b }]);
    let mut connected = Vec::new();
    visited[start] = true;
    while let Some(here) = queue.pop_front() {
        for (di, dj) in STEPS {
            let (sign, vector) = if di != 0 { (f64::from(di), here.a) } else { (f64::from(dj), here.b) };
            let from = points[here.column];
            let Some(column) = grid.nearest(from + vector * sign, tolerance) else { continue };
            let place = (here.i + di, here.j + dj);
            if visited[column] || taken.contains_key(&place) {
                continue;
            }
            visited[column] = true;
            taken.insert(place, column);
            let seen = (points[column] - from) * sign;
            let followed = vector * (1.0 - FOLLOW) + seen * FOLLOW;
            let (a, b) = if di != 0 { (followed, here.b) } else { (here.a, followed) };
            queue.push_back(Anchor { column, i: place.0, j: place.1, a, b });
        }
        connected.push(here);
    }
    connected
}

/// Drops columns with fewer than [`PARTNERS`] until all have them.
fn without_dangling(anchors: Vec<Anchor>) -> Vec<Anchor> {
    let at: HashMap<(i32, i32), usize> = anchors.iter().enumerate().map(|(n, c)| ((c.i, c.j), n)).collect();
    let partners = |n: usize| {
        let (i, j) = (anchors[n].i, anchors[n].j);
        STEPS.into_iter().filter_map(|(di, dj)| at.get(&(i + di, j + dj)).copied()).collect::<Vec<_>>()
    };
    let mut counts: Vec<usize> = (0..anchors.len()).map(|n| partners(n).len()).collect();
    let mut kept = vec![true; anchors.len()];
    let mut drop: Vec<usize> = (0..anchors.len()).filter(|n| counts[*n] < PARTNERS).collect();
    drop.iter().for_each(|n| kept[*n] = false);
    while let Some(n) = drop.pop() {
        for partner in partners(n) {
            counts[partner] -= 1;
            if kept[partner] && counts[partner] < PARTNERS {
                kept[partner] = false;
                drop.push(partner);
            }
        }
    }
    anchors.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(anchor, _)| anchor).collect()
}
