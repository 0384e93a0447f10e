//! Columns just outside the image, whose feet reach in.

use super::Start;
use super::patch::depth;
use crate::neighbours::Neighbours;
use crate::{median, nearest_distances};
use rayon::prelude::*;

/// How far from the border, in widths, a column matters.
const REACH: f64 = 4.5;
/// Columns within this many distances to the nearest one are a column's surroundings.
const AROUND: f64 = 3.2;
/// Places at least this deep in the image are no guesses: a column there would have been seen \[px\].
pub(super) const INSIDE: f64 = 0.5;
/// Part of the distance to the nearest neighbour within which two places are the same.
const SAME: f64 = 0.3;
/// Columns of the interior that a column at the border is compared with, the nearest ones, and how many of them,
/// the most alike, are believed.
const COMPARED: usize = 150;
const BELIEVED: usize = 6;
/// Neighbours that two columns must have in common to be alike, and the part that may be different.
const COMMON: usize = 3;
const DIFFERENT: f64 = 0.15;
/// Least standard deviation of a guess, in distances to the nearest neighbour.
const LEAST_SPREAD: f64 = 0.02;

/// A column that is not reported, but believed to be there: outside the image, or seen in the residual.
#[derive(Debug, Clone)]
pub(super) struct Silent {
    pub start: Start,
    /// Standard deviation of its place along x and y \[px\].
    pub spread: f64,
    /// Columns that it is like, if any is: such a one, the column that stands to it as the third one does to this
    /// one.
    pub like: Vec<[usize; 3]>,
}

/// The columns outside an image of `size` (rows, columns): each column near the border is compared with those
/// of the interior, and what stands around the ones most alike is expected around it. Any lattice goes on like
/// that, whatever its motif; where nothing is alike nothing is expected.
pub(super) fn beyond(starts: &[Start], size: (usize, usize)) -> Vec<Silent> {
    let positions: Vec<(f64, f64)> = starts.iter().map(|s| (s.x, s.y)).collect();
    let Some(apart) =
        median(&mut nearest_distances(&positions)).filter(|apart| apart.is_finite() && *apart > 0.0)
    else {
        return Vec::new();
    };
    let around = AROUND * apart;
    let neighbours = Neighbours::new(&positions, around);
    let offsets: Vec<Vec<(usize, f64, f64)>> = (0..starts.len())
        .into_par_iter()
        .map(|i| {
            let of = |j: usize| (j, positions[j].0 - positions[i].0, positions[j].1 - positions[i].1);
            neighbours.of(i).into_iter().map(of).collect()
        })
        .collect();
    let deep = |i: usize| depth(positions[i].0, positions[i].1, size);
    let inner: Vec<usize> = (0..starts.len()).filter(|i| deep(*i) >= around).collect();
    let same = SAME * apart;
    let border: Vec<usize> = (0..starts.len()).filter(|i| deep(*i) < around).collect();
    // What each column at the border expects, and by which example.
    let expected = border.into_par_iter().flat_map_iter(|i| {
        let (x, y) = positions[i];
        let mut alike: Vec<(f64, usize)> = nearest(&inner, &positions, i)
            .into_iter()
            .filter_map(|k| Some((unlike(&offsets[i], &offsets[k], (x, y), size, same)?, k)))
            .collect();
        alike.sort_by(|a, b| a.0.total_cmp(&b.0));
        alike.truncate(BELIEVED);
        let (offsets, starts) = (&offsets, starts);
        alike.into_iter().flat_map(move |(_, k)| offsets[k].iter().map(move |offset| (k, offset))).filter_map(
            move |(k, &(j, dx, dy))| {
                let place = (x + dx, y + dy);
                let depth = depth(place.0, place.1, size);
                let known =
                    |(_, ox, oy): &(usize, f64, f64)| (ox - dx).powi(2) + (oy - dy).powi(2) < same * same;
                let fits = depth < INSIDE && -depth < REACH * starts[i].sigma;
                (fits && !offsets[i].iter().any(known)).then_some((place, [j, k, i]))
            },
        )
    });
    let expected: Vec<((f64, f64), [usize; 3])> = expected.collect();
    let mut guesses: Vec<Guess> = Vec::new();
    for (place, like) in expected {
        add(&mut guesses, place, like, same);
    }
    let start = |guess: Guess| {
        let n = guess.places.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| guess.places.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let square =
            guess.places.iter().map(|p| (p.0 - x).powi(2) + (p.1 - y).powi(2)).sum::<f64>() / (2.0 * n);
        let sigma = starts[guess.like[0][0]].sigma;
        Silent {
            start: Start { x, y, sigma, background: None },
            spread: square.sqrt().max(LEAST_SPREAD * apart),
            like: guess.like,
        }
    };
    guesses.into_iter().map(start).collect()
}

/// Where some expect the same column.
struct Guess {
    places: Vec<(f64, f64)>,
    like: Vec<[usize; 3]>,
}

fn add(guesses: &mut Vec<Guess>, place: (f64, f64), like: [usize; 3], same: f64) {
    let near = |g: &&mut Guess| {
        let n = g.places.len() as f64;
        let sum = g.places.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (sum.0 / n - place.0).powi(2) + (sum.1 / n - place.1).powi(2) < same * same
    };
    match guesses.iter_mut().find(near) {
        Some(guess) => {
            guess.places.push(place);
            guess.like.push(like);
        }
        None => guesses.push(Guess { places: vec![place], like: vec![like] }),
    }
}

/// Those of a list that are nearest to a column.
fn nearest(list: &[usize], positions: &[(f64, f64)], to: usize) -> Vec<usize> {
    let square =
        |i: &usize| (positions[*i].0 - positions[to].0).powi(2) + (positions[*i].1 - positions[to].1).powi(2);
    let mut list = list.to_vec();
    if list.len() > COMPARED {
        list.select_nth_unstable_by(COMPARED, |a, b| square(a).total_cmp(&square(b)));
        list.truncate(COMPARED);
    }
    list
}

/// How much the surroundings of a column at `place` differ from those of another one, where they are in the image:
/// the mean squared distance of what is the same, more for what is not; `None` if they are not alike.
fn unlike(
    own: &[(usize, f64, f64)],
    other: &[(usize, f64, f64)],
    (x, y): (f64, f64),
    size: (usize, usize),
    same: f64,
) -> Option<f64> {
    let nearest = |list: &[(usize, f64, f64)], dx: f64, dy: f64| {
        list.iter().map(|(_, ox, oy)| (ox - dx).powi(2) + (oy - dy).powi(2)).fold(f64::INFINITY, f64::min)
    };
    let (mut common, mut different, mut sum) = (0, 0, 0.0);
    for &(_, dx, dy) in own {
        let square = nearest(other, dx, dy);
        if square < same * same {
            common += 1;
            sum += square;
        } else {
            different += 1;
        }
    }
    // At the very border a column may or may not have been seen.
    let seen = |dx: f64, dy: f64| depth(x + dx, y + dy, size) > same;
    different +=
        other.iter().filter(|(_, dx, dy)| seen(*dx, *dy) && nearest(own, *dx, *dy) >= same * same).count();
    let alike = common >= COMMON && different as f64 <= DIFFERENT * common as f64;
    alike.then(|| (sum + different as f64 * same * same) / common as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lattice of pairs, as of Si [110]: its pairs go on, and no column stands where a pair would be turned round.
    #[test]
    fn a_lattice_with_a_motif_goes_on_beyond_the_border_and_a_particle_ends() {
        let start = |x: f64, y: f64| Start { x, y, sigma: 3.0, background: None };
        let lattice: Vec<Start> = (0..200)
            .map(|i| {
                let (row, column, second) = (i / 2 / 10, i / 2 % 10, i % 2);
                start(4.0 + 30.0 * f64::from(column) + 10.0 * f64::from(second), 4.0 + 20.0 * f64::from(row))
            })
            .collect();
        let found = beyond(&lattice, (190, 400));
        let expected = |x: f64, y: f64| {
            found.iter().any(|b| (b.start.x - x).hypot(b.start.y - y) < 1e-9 && b.spread < 1.0)
        };
        // On the left the second of a pair; above and below nothing is near enough; on the right the image goes on.
        assert!((0..10).all(|row| !expected(-6.0, 4.0 + 20.0 * f64::from(row))));
        let near = beyond(&lattice, (190, 296));
        assert!(near.iter().all(|b| b.start.x < 310.0), "{near:?}");
        let shifted: Vec<Start> = lattice.iter().map(|s| Start { x: s.x - 7.0, ..*s }).collect();
        let inside: Vec<Start> = shifted.into_iter().filter(|s| s.x > 0.0).collect();
        let found = beyond(&inside, (190, 400));
        assert!(found.iter().filter(|b| (b.start.x + 3.0).abs() < 1e-9).count() >= 6, "{found:?}");
        assert!(found.iter().all(|b| b.start.x < 300.0));
        assert!(beyond(&[start(1.0, 1.0)], (50, 80)).is_empty());
    }
}
