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
    /// Cells of about `size`, larger where most would be empty. Points far outside of the field of
    /// most are in the cells of its rim.
    pub fn new(points: &[Vector], size: f64) -> Self {
        let (left, width) = field(points.iter().map(|p| p.x).collect());
        let (top, height) = field(points.iter().map(|p| p.y).collect());
        let corner = Vector::new(left, top);
        let most = (8 * points.len() + 64) as f64;
        let mut size = size.max(f64::MIN_POSITIVE);
        while (width / size + 1.0) * (height / size + 1.0) > most {
            size *= 1.5;
        }
        let (columns, rows) = ((width / size) as usize + 1, (height / size) as usize + 1);
        let cell =
            |p: &Vector| slot(p.y - corner.y, size, rows) * columns + slot(p.x - corner.x, size, columns);
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
            (slot(centre - radius, self.size, count), slot(centre + radius, self.size, count))
        };
        let (left, right) = span(place.x - self.corner.x, self.columns);
        let (top, bottom) = span(place.y - self.corner.y, self.rows);
        (top..=bottom)
            .flat_map(move |row| {
                let line = row * self.columns;
                self.members[self.starts[line + left]..self.starts[line + right + 1]].iter().copied()
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

/// The cell of a distance from the first one's edge.
fn slot(distance: f64, size: f64, count: usize) -> usize {
    ((distance / size) as usize).min(count - 1)
}

/// Start and length of the range in which nearly all values are.
fn field(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return (0.0, 0.0) };
    let rank = (values.len() - 1) / 20;
    let (early, late) = (values[rank], values[values.len() - 1 - rank]);
    let beyond = 0.25 * (late - early);
    let start = low.max(early - beyond);
    (start, high.min(late + beyond) - start)
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
