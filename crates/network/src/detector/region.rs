use std::cmp::Ordering;
use std::collections::HashMap;

/// Sides change by at most this factor, as a logarithm, when deltas are applied.
const MOST_GROWTH: f32 = 2.0;

/// A rectangle in pixels of the image, whose first pixel has its centre at zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Region {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Region {
    pub(crate) fn square(x: f32, y: f32, side: f32) -> Self {
        Self { x, y, width: side, height: side }
    }

    /// Common area over joint area.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        let common = |a: f32, a_side: f32, b: f32, b_side: f32| {
            ((a + a_side / 2.0).min(b + b_side / 2.0) - (a - a_side / 2.0).max(b - b_side / 2.0)).max(0.0)
        };
        let both = common(self.x, self.width, other.x, other.width)
            * common(self.y, self.height, other.y, other.height);
        both / (self.width * self.height + other.width * other.height - both).max(f32::MIN_POSITIVE)
    }

    /// What leads from this region to `target`: the shift in units of its sides and the logarithms of the
    /// sides' ratios.
    pub(crate) fn deltas_to(&self, target: &Self) -> [f32; 4] {
        [
            (target.x - self.x) / self.width,
            (target.y - self.y) / self.height,
            (target.width / self.width).ln(),
            (target.height / self.height).ln(),
        ]
    }

    /// The inverse of [`Region::deltas_to`].
    pub(crate) fn moved(&self, [dx, dy, dw, dh]: [f32; 4]) -> Self {
        let grown = |side: f32, by: f32| side * by.clamp(-MOST_GROWTH, MOST_GROWTH).exp();
        Self {
            x: self.x + dx * self.width,
            y: self.y + dy * self.height,
            width: grown(self.width, dw),
            height: grown(self.height, dh),
        }
    }
}

/// The order from the highest score to the lowest, equals as they come.
pub(crate) fn by_score(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].partial_cmp(&scores[*a]).unwrap_or(Ordering::Equal));
    order
}

/// Non-maximum suppression: which of `regions`, the best first, overlap with none better that is
/// kept by more than `most`; at most `count` of them.
pub(crate) fn suppress(regions: &[Region], most: f32, count: usize) -> Vec<usize> {
    // Regions that overlap are in neighbouring cells as large as the largest of them.
    let cell = regions.iter().fold(1.0_f32, |a, r| a.max(r.width).max(r.height));
    let place = |r: &Region| ((r.x / cell).floor() as i32, (r.y / cell).floor() as i32);
    let mut cells: HashMap<(i32, i32), Vec<usize>> = HashMap::new();
    let mut kept = Vec::new();
    for (index, region) in regions.iter().enumerate() {
        if kept.len() == count {
            break;
        }
        let (column, row) = place(region);
        let mut around = (row - 1..=row + 1).flat_map(|r| (column - 1..=column + 1).map(move |c| (c, r)));
        let hidden = around.any(|at| {
            cells.get(&at).is_some_and(|better| better.iter().any(|i| regions[*i].overlap(region) > most))
        });
        if !hidden {
            cells.entry((column, row)).or_default().push(index);
            kept.push(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_imaging::SampleRng;

    fn some(count: usize) -> Vec<Region> {
        let mut rng = SampleRng::new(1, 2);
        let mut draw = |low: f64, high: f64| rng.between(low, high) as f32;
        (0..count)
            .map(|_| Region {
                x: draw(-20.0, 90.0),
                y: draw(-20.0, 90.0),
                width: draw(3.0, 25.0),
                height: draw(3.0, 25.0),
            })
            .collect()
    }

    #[test]
    fn deltas_lead_there_and_nowhere_else() {
        let regions = some(40);
        for (from, to) in regions.iter().zip(&regions[1..]) {
            let reached = from.moved(from.deltas_to(to));
            for (a, b) in
                [(reached.x, to.x), (reached.y, to.y), (reached.width, to.width), (reached.height, to.height)]
            {
                // Growth is limited.
                let grown = (to.width / from.width).ln().abs().max((to.height / from.height).ln().abs());
                assert!(grown > MOST_GROWTH || (a - b).abs() < 1e-3, "{reached:?}, not {to:?}");
            }
        }
    }

    #[test]
    fn overlap_is_common_over_joint_area() {
        let (a, b) = (Region::square(0.0, 0.0, 4.0), Region::square(2.0, 0.0, 4.0));
        assert!((a.overlap(&b) - 8.0 / 24.0).abs() < 1e-6);
        assert_eq!(a.overlap(&a), 1.0);
        assert_eq!(a.overlap(&Region::square(4.5, 0.0, 4.0)), 0.0);
    }

    #[test]
    fn suppression_keeps_what_a_comparison_with_all_keeps() {
        let regions = some(300);
        let mut expected: Vec<usize> = Vec::new();
        for index in 0..regions.len() {
            if expected.iter().all(|i| regions[*i].overlap(&regions[index]) <= 0.3) {
                expected.push(index);
            }
        }
        assert_eq!(suppress(&regions, 0.3, usize::MAX), expected);
        assert_eq!(suppress(&regions, 0.3, 7), expected[..7]);
    }

    #[test]
    fn the_best_come_first() {
        assert_eq!(by_score(&[0.2, 0.9, 0.2, 0.5]), [1, 3, 0, 2]);
    }
}
