use crate::{Components, median, otsu_threshold};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A basin that rises less than this part of its peak above the pass to a higher one is a ripple
/// of that one.
const RIPPLE: f32 = 0.06;
/// Height of the pass from which on two columns touch.
const TOUCHING: f32 = 0.075;
/// Part of its peak above which a basin's pixels enter the weighted centre.
const FOOT: f32 = 0.25;

/// Part of the median distance to the nearest neighbour that two columns are apart at least.
const TWINS: f64 = 0.65;

/// How a map is turned into columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The paper's: Otsu's threshold, connected areas, their geometric centres.
    Otsu,
    /// Touching columns separated at the passes between them, intensity-weighted centres.
    #[default]
    Weighted,
}

/// Settings of a localiser.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The localiser.
    pub method: Method,
    /// Height of the map below which the weighted localiser sees no column; Otsu's has its own.
    pub threshold: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { method: Method::default(), threshold: 0.15 }
    }
}

/// Something to know about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Cut by the image's border: its centre is biased inwards.
    Border,
    /// Separated from a column that it touches in the map.
    Split,
    /// Not a peak of its own in the map: looked for where the lattice has a place for it.
    Expected,
    /// Single atoms, far from each other: its score tells how far it stands out from its surroundings.
    Single,
}

impl Flag {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Border => "border",
            Self::Split => "split",
            Self::Expected => "expected",
            Self::Single => "single",
        }
    }
}

/// A located column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Height of the map's peak, 0 to 1.
    pub height: f64,
    /// What to know about it.
    pub flags: Vec<Flag>,
}

/// Finds the columns of a map whose columns are peaks of height one, from top to bottom and left
/// to right.
pub fn locate(map: &Array2<f32>, settings: &Settings) -> Vec<Column> {
    let mut columns = match settings.method {
        Method::Otsu => otsu(map),
        Method::Weighted => without_twins(weighted(map, settings.threshold)),
    };
    columns.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
    columns
}

/// Drops the lower of two columns that are closer than [`TWINS`] of the median distance to the
/// nearest neighbour: one column that the map shows twice.
fn without_twins(mut columns: Vec<Column>) -> Vec<Column> {
    let positions: Vec<(f64, f64)> = columns.iter().map(|c| (c.x, c.y)).collect();
    let Some(median) = median_nearest_distance(&positions) else { return columns };
    columns.sort_by(|a, b| b.height.total_cmp(&a.height));
    let mut kept: Vec<Column> = Vec::with_capacity(columns.len());
    let limit = TWINS * median;
    // Kept columns by cells of the limit's size: a twin lies in the same or a neighbouring cell.
    let mut cells: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    for column in columns {
        let cell = ((column.x / limit).floor() as i64, (column.y / limit).floor() as i64);
        let twin = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (cell.0 + dx, cell.1 + dy))).any(|near| {
            let others = cells.get(&near).into_iter().flatten();
            others.into_iter().any(|i| (kept[*i].x - column.x).hypot(kept[*i].y - column.y) < limit)
        });
        if !twin {
            cells.entry(cell).or_default().push(kept.len());
            kept.push(column);
        }
    }
    kept
}

fn otsu(map: &Array2<f32>) -> Vec<Column> {
    let Some(threshold) = otsu_threshold(map) else { return Vec::new() };
    Components::of(map, |v| v > threshold)
        .areas
        .iter()
        .map(|area| {
            let n = area.len() as f64;
            let peak = area.iter().fold(0.0_f32, |peak, at| peak.max(map[*at]));
            Column {
                x: area.iter().map(|(_, column)| *column as f64).sum::<f64>() / n,
                y: area.iter().map(|(row, _)| *row as f64).sum::<f64>() / n,
                height: f64::from(peak.clamp(0.0, 1.0)),
                flags: if touches_border(area, map.dim()) { vec![Flag::Border] } else { Vec::new() },
            }
        })
        .collect()
}

fn touches_border(area: &[(usize, usize)], (height, width): (usize, usize)) -> bool {
    area.iter().any(|(row, column)| *row == 0 || *column == 0 || row + 1 == height || column + 1 == width)
}

/// A peak of the map with the pixels that drain to it.
struct Basin {
    peak: f32,
    pixels: Vec<(usize, usize)>,
    /// Height of the highest pass to a neighbour.
    pass: f32,
    split: bool,
    /// The higher basin of which it turned out to be a ripple.
    merged_into: Option<usize>,
}

fn weighted(map: &Array2<f32>, threshold: f32) -> Vec<Column> {
    basins(map, threshold)
        .iter()
        .filter(|basin| basin.merged_into.is_none() && basin.peak >= threshold)
        .map(|basin| {
            // Above the highest pass both sides of a peak are whole: a neighbour does not pull.
            let foot = basin.pass.max(FOOT * basin.peak);
            let inside: Vec<(usize, usize)> =
                basin.pixels.iter().copied().filter(|at| map[*at] > foot).collect();
            let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
            for &(row, column) in &inside {
                let weight = f64::from(map[(row, column)] - foot);
                sum += weight;
                x += weight * column as f64;
                y += weight * row as f64;
            }
            let mut flags = Vec::new();
            if touches_border(&inside, map.dim()) {
                flags.push(Flag::Border);
            }
            if basin.split {
                flags.push(Flag::Split);
            }
            Column { x: x / sum, y: y / sum, height: f64::from(basin.peak.clamp(0.0, 1.0)), flags }
        })
        .collect()
}

/// Watershed from the top down: pixels join the basin of their highest neighbour; where two
/// basins meet, the lower one is a ripple of the higher if it hardly rises above the pass.
fn basins(map: &Array2<f32>, threshold: f32) -> Vec<Basin> {
    let (height, width) = map.dim();
    let floor = FOOT * threshold;
    let mut order: Vec<(usize, usize)> =
        map.indexed_iter().filter(|(_, v)| **v > floor && v.is_finite()).map(|(at, _)| at).collect();
    order.sort_by(|a, b| map[*b].total_cmp(&map[*a]).then(a.cmp(b)));
    let mut owner = Array2::<u32>::from_elem((height, width), u32::MAX);
    let mut basins: Vec<Basin> = Vec::new();
    for (row, column) in order {
        let value = map[(row, column)];
        let mut meeting: Vec<usize> = Vec::new();
        for r in row.saturating_sub(1)..(row + 2).min(height) {
            for c in column.saturating_sub(1)..(column + 2).min(width) {
                if owner[(r, c)] != u32::MAX {
                    let root = root(&basins, owner[(r, c)] as usize);
                    if !meeting.contains(&root) {
                        meeting.push(root);
                    }
                }
            }
        }
        meeting.sort_by(|a, b| basins[*b].peak.total_cmp(&basins[*a].peak).then(a.cmp(b)));
        let home = match meeting.first() {
            None => {
                basins.push(Basin {
                    peak: value,
                    pixels: Vec::new(),
                    pass: 0.0,
                    split: false,
                    merged_into: None,
                });
                basins.len() - 1
            }
            Some(&highest) => {
                for &lower in &meeting[1..] {
                    if basins[lower].peak - value < RIPPLE * basins[lower].peak {
                        let pixels = std::mem::take(&mut basins[lower].pixels);
                        basins[lower].merged_into = Some(highest);
                        basins[highest].pixels.extend(pixels);
                    } else {
                        for side in [lower, highest] {
                            basins[side].pass = basins[side].pass.max(value);
                            basins[side].split |= value > TOUCHING;
                        }
                    }
                }
                highest
            }
        };
        owner[(row, column)] = home as u32;
        basins[home].pixels.push((row, column));
    }
    basins
}

fn root(basins: &[Basin], mut index: usize) -> usize {
    while let Some(higher) = basins[index].merged_into {
        index = higher;
    }
    index
}

/// Distance of every position to its nearest other one; infinite for a single position.
pub fn nearest_distances(positions: &[(f64, f64)]) -> Vec<f64> {
    let mut by_x: Vec<usize> = (0..positions.len()).collect();
    by_x.sort_by(|a, b| positions[*a].0.total_cmp(&positions[*b].0));
    let mut nearest = vec![f64::INFINITY; positions.len()];
    for (rank, &i) in by_x.iter().enumerate() {
        // Outwards on both sides, until x alone is farther than the nearest so far.
        let mut closer = |j: usize| {
            let (dx, dy) = (positions[j].0 - positions[i].0, positions[j].1 - positions[i].1);
            nearest[i] = nearest[i].min(dx.hypot(dy));
            dx.abs() < nearest[i]
        };
        let _ = by_x[rank + 1..].iter().all(|j| closer(*j));
        let _ = by_x[..rank].iter().rev().all(|j| closer(*j));
    }
    nearest
}

/// Median of the distances to the nearest neighbour; `None` with fewer than two positions.
pub fn median_nearest_distance(positions: &[(f64, f64)]) -> Option<f64> {
    if positions.len() < 2 {
        return None;
    }
    median(&mut nearest_distances(positions))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the Gaussian label: where two overlap the higher counts.
    fn map(spots: &[(f64, f64, f64)]) -> Array2<f32> {
        Array2::from_shape_fn((40, 60), |(r, c)| {
            spots
                .iter()
                .map(|(x, y, h)| {
                    h * (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * 1.8 * 1.8)).exp()
                })
                .fold(0.0, f64::max) as f32
        })
    }

    /// Tolerance 0.02 px: what the sampling of a σ = 1.8 px peak cut at its foot leaves.
    #[test]
    fn isolated_columns_are_found_to_a_fiftieth_of_a_pixel() {
        let truth = [(10.3, 8.7, 1.0), (30.9, 9.2, 0.5), (45.5, 30.1, 0.8)];
        let found = locate(&map(&truth), &Settings::default());
        assert_eq!(found.len(), 3);
        for (column, (x, y, h)) in found.iter().zip(truth) {
            assert!((column.x - x).abs() < 0.02 && (column.y - y).abs() < 0.02, "{column:?} not ({x}, {y})");
            assert!((column.height - h).abs() < 0.05 && column.flags.is_empty());
        }
    }

    #[test]
    fn touching_columns_are_separated_and_flagged() {
        let truth = [(20.0, 20.0, 1.0), (25.0, 20.0, 0.7)];
        let found = locate(&map(&truth), &Settings::default());
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|c| c.flags == [Flag::Split]));
        assert!((found[0].x - 20.0).abs() < 0.2 && (found[1].x - 25.0).abs() < 0.2, "{found:?}");
        let paper = locate(&map(&truth), &Settings { method: Method::Otsu, ..Default::default() });
        assert_eq!(paper.len(), 1, "connected areas don't separate them");
    }

    #[test]
    fn border_columns_are_kept_and_flagged() {
        for method in [Method::Weighted, Method::Otsu] {
            let found = locate(
                &map(&[(0.4, 20.0, 1.0), (30.0, 20.0, 1.0)]),
                &Settings { method, ..Default::default() },
            );
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].flags, [Flag::Border]);
            assert!(found[1].flags.is_empty());
        }
    }

    #[test]
    fn ripples_on_a_peak_are_not_columns() {
        let mut bumpy = map(&[(20.0, 20.0, 1.0)]);
        bumpy[(20, 21)] -= 0.04;
        bumpy[(19, 20)] -= 0.03;
        assert_eq!(locate(&bumpy, &Settings::default()).len(), 1);
    }

    #[test]
    fn a_column_shown_twice_is_one() {
        let lattice = (0..4)
            .flat_map(|i| (0..3).map(move |j| (8.0 + 12.0 * f64::from(i), 8.0 + 12.0 * f64::from(j), 1.0)));
        let twin = [(8.0 + 5.2, 8.0, 0.4)];
        let spots: Vec<_> = lattice.chain(twin).collect();
        assert_eq!(locate(&map(&spots), &Settings::default()).len(), 12);
    }

    #[test]
    fn maps_without_columns_give_none() {
        for empty in [Array2::zeros((5, 5)), Array2::from_elem((5, 5), f32::NAN), Array2::zeros((0, 0))] {
            assert!(locate(&empty, &Settings::default()).is_empty());
        }
    }

    #[test]
    fn nearest_distances_equal_brute_force() {
        let positions: Vec<(f64, f64)> =
            (0..60).map(|i| (f64::from(i * i * 37 % 101), f64::from(i * 53 % 97))).collect();
        let brute: Vec<f64> = positions
            .iter()
            .enumerate()
            .map(|(i, a)| {
                let others = positions.iter().enumerate().filter(|(j, _)| *j != i);
                others.map(|(_, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(f64::INFINITY, f64::min)
            })
            .collect();
        for (fast, slow) in nearest_distances(&positions).iter().zip(brute) {
            assert!((fast - slow).abs() < 1e-12);
        }
        assert_eq!(median_nearest_distance(&[(1.0, 1.0)]), None);
    }
}
