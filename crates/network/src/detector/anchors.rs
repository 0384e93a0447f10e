use super::config::CELL;
use super::region::Region;
use adatom_imaging::SampleRng;

/// An anchor overlaps with a column by more than the first to stand for it, and with all by less than
/// the second to stand for none.
const OVERLAPS: (f32, f32) = (0.5, 0.3);
/// Anchors of an image that are learnt from, and how many of them may stand for columns.
const LEARNT: usize = 320;
const STANDING: usize = 160;

/// The anchors of an image: at every feature one square of each side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchors<'a> {
    pub(crate) sides: &'a [usize],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// What the anchors of an image should say, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnchorTargets {
    /// One where an anchor stands for a column.
    pub(crate) chance: Vec<f32>,
    /// Weight of the chance.
    pub(crate) weight: Vec<f32>,
    /// The deltas to the column: four planes.
    pub(crate) deltas: Vec<f32>,
    /// Weight of the deltas.
    pub(crate) delta_weight: Vec<f32>,
}

impl Anchors<'_> {
    pub(crate) fn len(&self) -> usize {
        self.sides.len() * self.rows * self.columns
    }

    /// Side by side, row by row, feature by feature: the order of the network's channels.
    pub(crate) fn region(&self, index: usize) -> Region {
        let (plane, at) = (index / (self.rows * self.columns), index % (self.rows * self.columns));
        let centre = |cell: usize| (CELL * cell) as f32 + (CELL - 1) as f32 / 2.0;
        Region::square(centre(at % self.columns), centre(at / self.columns), self.sides[plane] as f32)
    }

    /// The anchors that overlap with `region` by `least` or more, and by how much.
    fn near(&self, region: &Region, least: f32) -> Vec<(usize, f32)> {
        let mut near = Vec::new();
        for (plane, &side) in self.sides.iter().enumerate() {
            let (anchor, own) = ((side * side) as f32, region.width * region.height);
            if anchor.min(own) < least * anchor.max(own) {
                continue;
            }
            let cells = |centre: f32, other: f32, size: usize| {
                let reach = (side as f32 + other) / 2.0;
                let cell = |at: f32| (at / CELL as f32).clamp(0.0, size as f32) as usize;
                cell(centre - reach)..(cell(centre + reach) + 1).min(size)
            };
            for row in cells(region.y, region.height, self.rows) {
                for column in cells(region.x, region.width, self.columns) {
                    let index = (plane * self.rows + row) * self.columns + column;
                    let overlap = self.region(index).overlap(region);
                    if overlap >= least {
                        near.push((index, overlap));
                    }
                }
            }
        }
        near
    }

    /// What to learn from an image with these columns and unlabelled ones.
    pub(crate) fn targets(
        &self,
        columns: &[Region],
        ignored: &[Region],
        rng: &mut SampleRng,
    ) -> AnchorTargets {
        let count = self.len();
        // The column that each anchor overlaps with most.
        let mut best = vec![(0.0_f32, usize::MAX); count];
        let mut stands = vec![false; count];
        for (column, region) in columns.iter().enumerate() {
            let near = self.near(region, 0.05);
            let most = near.iter().fold(0.0_f32, |a, n| a.max(n.1));
            for (index, overlap) in near {
                if overlap > best[index].0 {
                    best[index] = (overlap, column);
                }
                // Every column has an anchor that stands for it, the closest.
                stands[index] |= overlap >= OVERLAPS.0 || overlap > 0.999 * most;
            }
        }
        let mut spared = vec![false; count];
        for (index, overlap) in ignored.iter().flat_map(|region| self.near(region, 0.05)) {
            spared[index] |= overlap >= OVERLAPS.1;
        }
        let mut positive: Vec<usize> = (0..count).filter(|i| stands[*i]).collect();
        let mut negative: Vec<usize> =
            (0..count).filter(|i| !stands[*i] && !spared[*i] && best[*i].0 < OVERLAPS.1).collect();
        draw(&mut positive, STANDING, rng);
        draw(&mut negative, LEARNT - positive.len(), rng);
        let mut targets = AnchorTargets {
            chance: vec![0.0; count],
            weight: vec![0.0; count],
            deltas: vec![0.0; 4 * count],
            delta_weight: vec![0.0; count],
        };
        for &index in positive.iter().chain(&negative) {
            targets.weight[index] = 1.0 / (positive.len() + negative.len()) as f32;
        }
        for &index in &positive {
            targets.chance[index] = 1.0;
            targets.delta_weight[index] = 1.0 / positive.len() as f32;
            let deltas = self.region(index).deltas_to(&columns[best[index].1]);
            (0..4).for_each(|k| targets.deltas[k * count + index] = deltas[k]);
        }
        targets
    }
}

/// Keeps `count` of the items, drawn at random.
pub(crate) fn draw<T>(items: &mut Vec<T>, count: usize, rng: &mut SampleRng) {
    let count = count.min(items.len());
    for at in 0..count {
        let other = at + rng.index(items.len() - at);
        items.swap(at, other);
    }
    items.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDES: [usize; 3] = [6, 10, 16];

    #[test]
    fn nothing_near_is_overlooked() {
        let anchors = Anchors { sides: &SIDES, rows: 20, columns: 24 };
        for region in [Region::square(21.3, 17.9, 9.0), Region { x: 0.5, y: 38.0, width: 7.0, height: 14.0 }]
        {
            let mut near = anchors.near(&region, 0.3);
            near.sort_by_key(|n| n.0);
            let all: Vec<(usize, f32)> = (0..anchors.len())
                .map(|i| (i, anchors.region(i).overlap(&region)))
                .filter(|(_, overlap)| *overlap >= 0.3)
                .collect();
            assert_eq!(near, all);
        }
    }

    #[test]
    fn every_column_has_an_anchor_and_ignored_ones_are_left_out() {
        let anchors = Anchors { sides: &SIDES, rows: 32, columns: 32 };
        let columns = [Region::square(10.2, 11.1, 24.0), Region::square(40.0, 40.0, 10.0)];
        let ignored = [Region::square(40.0, 12.0, 10.0)];
        let targets = anchors.targets(&columns, &ignored, &mut SampleRng::new(1, 1));
        for column in &columns {
            let stands = (0..anchors.len()).filter(|i| targets.chance[*i] == 1.0);
            let overlap = stands.map(|i| anchors.region(i).overlap(column)).fold(0.0_f32, f32::max);
            assert!(overlap > 0.3, "{column:?}: {overlap}");
        }
        for index in 0..anchors.len() {
            let region = anchors.region(index);
            if region.overlap(&ignored[0]) >= 0.3 && region.overlap(&columns[1]) < 0.3 {
                assert_eq!(targets.weight[index], 0.0);
            }
            if targets.chance[index] == 1.0 {
                let deltas = std::array::from_fn(|k| targets.deltas[k * anchors.len() + index]);
                let reached = region.moved(deltas);
                assert!(columns.iter().any(|c| c.overlap(&reached) > 0.999));
            }
        }
        assert!((targets.weight.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    }
}
