use std::collections::HashMap;

/// Positions by square cells, to find those near a point without looking at all.
pub(crate) struct Neighbours<'a> {
    positions: &'a [(f64, f64)],
    reach: f64,
    cells: HashMap<(i64, i64), Vec<usize>>,
}

impl<'a> Neighbours<'a> {
    /// For searches within `reach`.
    pub(crate) fn new(positions: &'a [(f64, f64)], reach: f64) -> Self {
        let mut cells: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, position) in positions.iter().enumerate() {
            cells.entry(cell(*position, reach)).or_default().push(index);
        }
        Self { positions, reach, cells }
    }

    /// The positions in the cell of a point and in those around it: all within reach, and some more.
    pub(crate) fn about(&self, point: (f64, f64)) -> impl Iterator<Item = usize> + '_ {
        let (column, row) = cell(point, self.reach);
        let around = (-1..=1)
            .flat_map(move |dy| (-1..=1).map(move |dx| (column.saturating_add(dx), row.saturating_add(dy))));
        around.filter_map(|cell| self.cells.get(&cell)).flatten().copied()
    }

    /// At most so many of the positions about a point that are wanted and no farther than `within`, nearest first, with their
    /// distances.
    pub(crate) fn nearest(
        &self,
        point: (f64, f64),
        within: f64,
        most: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<(f64, usize)> {
        let distance = |i: usize| (self.positions[i].0 - point.0).hypot(self.positions[i].1 - point.1);
        let mut near: Vec<(f64, usize)> =
            self.about(point).filter(|i| wanted(*i)).map(|i| (distance(i), i)).collect();
        near.retain(|(distance, _)| *distance <= within);
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.truncate(most);
        near
    }

    /// The other positions within reach of one of them.
    pub(crate) fn of(&self, index: usize) -> Vec<usize> {
        let (x, y) = self.positions[index];
        let near = |i: &usize| {
            let (px, py) = self.positions[*i];
            *i != index && (px - x).hypot(py - y) <= self.reach
        };
        self.about((x, y)).filter(near).collect()
    }
}

fn cell((x, y): (f64, f64), reach: f64) -> (i64, i64) {
    ((x / reach).floor() as i64, (y / reach).floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_equal_brute_force() {
        let positions: Vec<(f64, f64)> =
            (0..80).map(|i| (f64::from(i * i * 37 % 101), f64::from(i * 53 % 97))).collect();
        let neighbours = Neighbours::new(&positions, 12.5);
        for (index, a) in positions.iter().enumerate() {
            let mut found = neighbours.of(index);
            found.sort_unstable();
            let brute: Vec<usize> = (0..positions.len())
                .filter(|j| *j != index && (positions[*j].0 - a.0).hypot(positions[*j].1 - a.1) <= 12.5)
                .collect();
            assert_eq!(found, brute);
            let distance = |i: &usize| (positions[*i].0 - a.0).hypot(positions[*i].1 - a.1);
            let mut sorted = brute.iter().map(distance).collect::<Vec<f64>>();
            sorted.sort_by(f64::total_cmp);
            let nearest = neighbours.nearest(*a, 12.5, 3, |i| i != index);
            assert!(nearest.iter().all(|(d, i)| *d == distance(i) && *i != index));
            assert!(nearest.iter().map(|n| n.0).eq(sorted.into_iter().take(3)));
        }
    }
}
