use crate::Vector;

/// Points sorted into square cells, so that those around a place are found without a search.
#[derive(Debug)]
pub(crate) struct Grid {
    corner: Vector,
    size: f64,
    columns: usize,
    rows: usize,
    /// First entry of every cell in `members`, and one more.
    starts: Vec<usize>,
    members: Vec<usize>,
    points: Vec<Vector>,
}

impl Grid {
    /// Cells of about `size`, larger where the points lie so scattered that most would be empty.
    pub fn new(points: &[Vector], size: f64) -> Self {
        let fold = |start: f64, pick: fn(f64, f64) -> f64, of: fn(&Vector) -> f64| {
            points.iter().map(of).fold(start, pick)
        };
        let corner = if points.is_empty() {
            Vector::default()
        } else {
            Vector::new(fold(f64::INFINITY, f64::min, |p| p.x), fold(f64::INFINITY, f64::min, |p| p.y))
        };
        let width = fold(corner.x, f64::max, |p| p.x) - corner.x;
        let height = fold(corner.y, f64::max, |p| p.y) - corner.y;
        let most = (8 * points.len() + 64) as f64;
        let mut size = size.max(f64::MIN_POSITIVE);
        while (width / size + 1.0) * (height / size + 1.0) > most {
            size *= 1.5;
        }
        let (columns, rows) = ((width / size) as usize + 1, (height / size) as usize + 1);
        let cell =
            |p: &Vector| ((p.y - corner.y) / size) as usize * columns + ((p.x - corner.x) / size) as usize;
        let mut starts = vec![0; columns * rows + 1];
        points.iter().for_each(|p| starts[cell(p) + 1] += 1);
        (0..columns * rows).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut members = vec![0; points.len()];
        for (index, point) in points.iter().enumerate() {
            let slot = &mut next[cell(point)];
            members[*slot] = index;
            *slot += 1;
        }
        Self { corner, size, columns, rows, starts, members, points: points.to_vec() }
    }

    /// Indices of the points closer to `place` than `radius`, with their squared distances.
    pub fn near(&self, place: Vector, radius: f64) -> impl Iterator<Item = (usize, f64)> + '_ {
        let span = |centre: f64, count: usize| {
            let low = ((centre - radius) / self.size).floor().max(0.0) as usize;
            let high = ((centre + radius) / self.size).floor();
            low..if high < 0.0 { 0 } else { (high as usize + 1).min(count) }
        };
        let across = span(place.x - self.corner.x, self.columns);
        let down = span(place.y - self.corner.y, self.rows);
        down.flat_map(move |row| {
            let line = row * self.columns;
            let (low, high) = (across.start.min(across.end), across.end);
            self.members[self.starts[line + low]..self.starts[line + high]].iter().copied()
        })
        .map(move |index| (index, (self.points[index] - place).dot(self.points[index] - place)))
        .filter(move |(_, squared)| *squared < radius * radius)
    }

    /// The point nearest to `place` within `radius`.
    pub fn nearest(&self, place: Vector, radius: f64) -> Option<usize> {
        self.near(place, radius)
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
            .map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_around_a_place_equal_brute_force() {
        let number = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
        let points: Vec<Vector> = (0..300)
            .map(|i| Vector::new(50.0 * number(2 * i) - 20.0, 9.0 * number(2 * i + 1)))
            .chain([Vector::new(4e6, -3e5)])
            .collect();
        let grid = Grid::new(&points, 1.3);
        for place in [Vector::new(0.0, 4.0), Vector::new(-30.0, 4.0), points[7], points[300]] {
            for radius in [0.5, 3.0, 40.0] {
                let mut found: Vec<usize> = grid.near(place, radius).map(|n| n.0).collect();
                found.sort_unstable();
                let brute: Vec<usize> =
                    (0..points.len()).filter(|i| (points[*i] - place).length() < radius).collect();
                assert_eq!(found, brute);
                let nearest = brute
                    .iter()
                    .copied()
                    .min_by(|a, b| (points[*a] - place).length().total_cmp(&(points[*b] - place).length()));
                assert_eq!(grid.nearest(place, radius), nearest);
            }
        }
        assert_eq!(Grid::new(&[], 1.0).nearest(Vector::default(), 5.0), None);
    }
}
