use serde::Serialize;

/// What is to be found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// A found column this close counts as this one \[px\].
    pub radius: f64,
    /// Whether missing it counts: false for columns at the border or without a label.
    pub required: bool,
}

/// Found columns against true ones.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Score {
    /// True columns that had to be found.
    pub truth: usize,
    /// Found columns, those left out of the count excepted.
    pub found: usize,
    /// Pairs.
    pub matched: usize,
    /// Sum of the squared distances of the pairs \[px²\].
    pub squared_error_px2: f64,
}

impl Score {
    /// Part of the true columns that were found; one if there were none.
    pub fn recall(&self) -> f64 {
        if self.truth == 0 { 1.0 } else { self.matched as f64 / self.truth as f64 }
    }

    /// Part of the found columns that are true; one if none were found.
    pub fn precision(&self) -> f64 {
        if self.found == 0 { 1.0 } else { self.matched as f64 / self.found as f64 }
    }

    /// Harmonic mean of precision and recall; one if there was nothing to find and nothing was.
    pub fn f1(&self) -> f64 {
        let both = self.truth + self.found;
        if both == 0 { 1.0 } else { 2.0 * self.matched as f64 / both as f64 }
    }

    /// Root-mean-square distance of the pairs \[px\]; zero without pairs.
    pub fn rmse_px(&self) -> f64 {
        if self.matched == 0 { 0.0 } else { (self.squared_error_px2 / self.matched as f64).sqrt() }
    }
}

/// Pairs found and true columns one to one, the closest pairs first: the numbers of each.
pub fn pairs(found: &[(f64, f64)], truth: &[Truth]) -> Vec<(usize, usize)> {
    let mut by_row: Vec<usize> = (0..found.len()).collect();
    by_row.sort_by(|a, b| found[*a].1.total_cmp(&found[*b].1));
    let mut near: Vec<(f64, usize, usize)> = Vec::new();
    for (index, t) in truth.iter().enumerate() {
        let first = by_row.partition_point(|i| found[*i].1 < t.y - t.radius);
        for &i in by_row[first..].iter().take_while(|i| found[**i].1 <= t.y + t.radius) {
            let distance = (found[i].0 - t.x).hypot(found[i].1 - t.y);
            if distance <= t.radius {
                near.push((distance, i, index));
            }
        }
    }
    // Among equally close ones those that count come first.
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(truth[b.2].required.cmp(&truth[a.2].required)));
    let (mut used, mut taken) = (vec![false; found.len()], vec![false; truth.len()]);
    near.retain(|&(_, i, t)| {
        let free = !used[i] && !taken[t];
        if free {
            (used[i], taken[t]) = (true, true);
        }
        free
    });
    near.into_iter().map(|(_, i, t)| (i, t)).collect()
}

/// Scores the [`pairs`]. A found column that pairs with one that is not required, or for which `exempt`
/// holds and that pairs with none, is left out of the count. Also says of every found column whether it is
/// right; `None` if it is left out.
pub fn score(
    found: &[(f64, f64)],
    truth: &[Truth],
    exempt: impl Fn((f64, f64)) -> bool,
) -> (Score, Vec<Option<bool>>) {
    let mut partner = vec![None; found.len()];
    let mut result = Score { truth: truth.iter().filter(|t| t.required).count(), ..Default::default() };
    for (i, t) in pairs(found, truth) {
        partner[i] = Some(t);
        if truth[t].required {
            result.matched += 1;
            result.squared_error_px2 += (found[i].0 - truth[t].x).powi(2) + (found[i].1 - truth[t].y).powi(2);
        }
    }
    let verdict = |(partner, position): (&Option<usize>, &(f64, f64))| match partner {
        Some(t) => truth[*t].required.then_some(true),
        None => (!exempt(*position)).then_some(false),
    };
    let verdicts: Vec<Option<bool>> = partner.iter().zip(found).map(verdict).collect();
    result.found = verdicts.iter().flatten().count();
    (result, verdicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(x: f64, y: f64, required: bool) -> Truth {
        Truth { x, y, radius: 2.0, required }
    }

    #[test]
    fn pairs_are_one_to_one_and_closest_first() {
        let found = [(0.0, 0.0), (1.0, 0.0), (50.0, 50.0)];
        let (score, verdicts) = score(&found, &[truth(0.9, 0.0, true), truth(20.0, 0.0, true)], |_| false);
        assert_eq!(verdicts, [Some(false), Some(true), Some(false)]);
        assert_eq!((score.truth, score.found, score.matched), (2, 3, 1));
        assert!((score.rmse_px() - 0.1).abs() < 1e-9);
        assert!((score.f1() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_required_counts_neither_way() {
        let found = [(10.0, 10.0), (0.2, 5.0)];
        let (score, verdicts) = score(&found, &[truth(10.0, 11.0, false)], |(x, _)| x < 1.0);
        assert_eq!(verdicts, [None, None]);
        assert_eq!((score.truth, score.found, score.matched), (0, 0, 0));
        assert_eq!(score.f1(), 1.0);
    }
}
