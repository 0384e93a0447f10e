use ndarray::Array2;

/// The connected areas of a binary map, 8-connected.
#[derive(Debug, Clone)]
pub struct Components {
    /// Zero outside, else the area's number from one.
    pub labels: Array2<u32>,
    /// Pixels `(row, column)` of each area.
    pub areas: Vec<Vec<(usize, usize)>>,
}

impl Components {
    /// Finds the areas of the pixels for which `inside` holds.
    pub fn of(map: &Array2<f32>, inside: impl Fn(f32) -> bool) -> Self {
        let (height, width) = map.dim();
        let mut labels = Array2::<u32>::zeros((height, width));
        let mut areas: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut pending = Vec::new();
        for row in 0..height {
            for column in 0..width {
                if labels[(row, column)] != 0 || !inside(map[(row, column)]) {
                    continue;
                }
                let label = areas.len() as u32 + 1;
                let mut area = Vec::new();
                labels[(row, column)] = label;
                pending.push((row, column));
                while let Some((r, c)) = pending.pop() {
                    area.push((r, c));
                    for nr in r.saturating_sub(1)..(r + 2).min(height) {
                        for nc in c.saturating_sub(1)..(c + 2).min(width) {
                            if labels[(nr, nc)] == 0 && inside(map[(nr, nc)]) {
                                labels[(nr, nc)] = label;
                                pending.push((nr, nc));
                            }
                        }
                    }
                }
                areas.push(area);
            }
        }
        Self { labels, areas }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn diagonal_neighbours_belong_together() {
        let map = array![[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        let components = Components::of(&map, |v| v > 0.5);
        let sizes: Vec<usize> = components.areas.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1]);
    }
}
