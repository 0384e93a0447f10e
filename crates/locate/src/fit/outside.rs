//! Columns just outside the image, whose feet reach in.

use super::Start;
use super::patch::depth;
use crate::nearest_distances;
use crate::neighbours::Neighbours;

/// Neighbours within this many times the distance to the nearest one are continued beyond the border.
const SHELL: f64 = 1.5;
/// How far from the border, in widths, a column matters.
const REACH: f64 = 3.0;
/// Places at least this deep in the image are no guesses: a column there would have been seen \[px\].
pub(super) const INSIDE: f64 = 0.5;
/// Part of the distance to the nearest neighbour within which guesses are the same column.
const SAME: f64 = 0.45;

/// Guesses of the columns outside an image of `size` (rows, columns): the neighbours of each column near
/// the border, reflected in it.
pub(super) fn beyond(starts: &[Start], size: (usize, usize)) -> Vec<Start> {
    let positions: Vec<(f64, f64)> = starts.iter().map(|s| (s.x, s.y)).collect();
    let nearest = nearest_distances(&positions);
    let widest = nearest.iter().copied().filter(|d| d.is_finite()).fold(0.0, f64::max);
    if widest <= 0.0 {
        return Vec::new();
    }
    let neighbours = Neighbours::new(&positions, SHELL * widest);
    // Sums of the guesses, their number, and the distance within which they are the same.
    let mut guesses: Vec<(Start, f64, f64)> = Vec::new();
    for (i, start) in starts.iter().enumerate() {
        let same = SAME * nearest[i];
        if depth(start.x, start.y, size) > SHELL * nearest[i] + REACH * start.sigma {
            continue;
        }
        let shell =
            |j: &usize| (positions[*j].0 - start.x).hypot(positions[*j].1 - start.y) < SHELL * nearest[i];
        for j in neighbours.of(i).into_iter().filter(shell) {
            let (x, y) = (2.0 * start.x - positions[j].0, 2.0 * start.y - positions[j].1);
            let near = |other: &(f64, f64)| (other.0 - x).hypot(other.1 - y) < same;
            let depth = depth(x, y, size);
            if depth >= INSIDE || -depth > REACH * start.sigma || positions.iter().any(near) {
                continue;
            }
            let known =
                guesses.iter_mut().find(|(sum, n, same)| (sum.x / n - x).hypot(sum.y / n - y) < *same);
            match known {
                Some((sum, n, _)) => {
                    (sum.x, sum.y) = (sum.x + x, sum.y + y);
                    *n += 1.0;
                }
                None => guesses.push((Start { x, y, ..*start }, 1.0, same)),
            }
        }
    }
    guesses.into_iter().map(|(sum, n, _)| Start { x: sum.x / n, y: sum.y / n, ..sum }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lattice_goes_on_beyond_the_border_and_a_particle_ends() {
        let start = |x: f64, y: f64| Start { x, y, sigma: 3.0, background: None };
        let lattice: Vec<Start> =
            (0..25).map(|i| start(4.0 + 10.0 * f64::from(i % 5), 4.0 + 10.0 * f64::from(i / 5))).collect();
        let found = beyond(&lattice, (50, 80));
        let expected = |x: f64, y: f64| found.iter().any(|s| (s.x - x).hypot(s.y - y) < 1e-9);
        // Above, below and to the left; not in the empty part on the right.
        assert!(expected(14.0, -6.0) && expected(-6.0, 24.0) && expected(24.0, 54.0));
        assert!(found.iter().all(|s| s.x < 55.0), "{found:?}");
        assert!(beyond(&[start(1.0, 1.0)], (50, 80)).is_empty());
    }
}
