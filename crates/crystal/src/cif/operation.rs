//! Symmetry operations.

/// `position → rotation · position + translation`, in fractional coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Operation {
    pub(super) rotation: [[i32; 3]; 3],
    pub(super) translation: [f64; 3],
}

impl Operation {
    pub(super) const IDENTITY: Self =
        Self { rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation: [0.0; 3] };

    /// An operation whose translation is put to 0..1 and to an exact 24th when it was rounded from one.
    pub(super) fn new(rotation: [[i32; 3]; 3], translation: [f64; 3]) -> Self {
        let translation = translation.map(|t| {
            let exact = (t * 24.0).round() / 24.0;
            let t = if (t - exact).abs() < 2e-3 { exact } else { t };
            t.rem_euclid(1.0)
        });
        Self { rotation, translation }
    }

    /// Reads `-x, y+1/2, z`, `1/2-X,.5+Y,Z` or `x-y,x,z+5/6`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rows = text.split(',');
        let parsed = [component(rows.next()?)?, component(rows.next()?)?, component(rows.next()?)?];
        if rows.next().is_some() {
            return None;
        }
        let rotation = parsed.map(|(row, _)| row);
        let [a, b, c] = rotation;
        let determinant = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        (determinant.abs() == 1).then(|| Self::new(rotation, parsed.map(|(_, shift)| shift)))
    }

    pub(super) fn apply(&self, position: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| {
            let row = self.rotation[i];
            let turned: f64 = (0..3).map(|k| f64::from(row[k]) * position[k]).sum();
            wrap(turned + self.translation[i])
        })
    }
}

/// Puts a fractional coordinate to 0..1, and one that is a rounding error below 1 to 0.
pub(super) fn wrap(value: f64) -> f64 {
    let wrapped = value.rem_euclid(1.0);
    if wrapped > 1.0 - 1e-9 { 0.0 } else { wrapped }
}

/// One of the three parts: the row of the rotation, and the shift.
fn component(text: &str) -> Option<([i32; 3], f64)> {
    let bytes: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let (mut row, mut shift) = ([0i32; 3], 0.0);
    let mut rest = bytes.as_slice();
    if rest.is_empty() || rest.len() > 60 {
        return None;
    }
    while let Some(&first) = rest.first() {
        let sign = match first {
            b'-' => -1,
            _ => 1,
        };
        if matches!(first, b'+' | b'-') {
            rest = &rest[1..];
        }
        let (value, after) = quotient(rest)?;
        rest = after;
        match rest.first().map(u8::to_ascii_lowercase) {
            Some(axis @ b'x'..=b'z') => {
                // Factors other than one do not occur in a space group.
                if value.is_some_and(|factor| factor != 1.0) {
                    return None;
                }
                row[usize::from(axis - b'x')] += sign;
                rest = &rest[1..];
            }
            _ => shift += f64::from(sign) * value?,
        }
        // Terms need a sign between them.
        if !matches!(rest.first(), None | Some(b'+' | b'-')) {
            return None;
        }
    }
    row.iter().all(|factor| factor.abs() <= 1).then_some((row, shift))
}

/// An optional number or quotient, with an optional `*` after it.
fn quotient(bytes: &[u8]) -> Option<(Option<f64>, &[u8])> {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<f64>().ok();
    let length = digits(bytes);
    if length == 0 {
        return Some((None, bytes));
    }
    let top = read(&bytes[..length])?;
    let rest = &bytes[length..];
    if let Some(under) = rest.strip_prefix(b"/") {
        let length = digits(under);
        let bottom = read(&under[..length])?;
        let value = top / bottom;
        return value.is_finite().then_some((Some(value), &under[length..]));
    }
    Some((Some(top), rest.strip_prefix(b"*").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_in_every_spelling() {
        let half_turn = Operation::new([[-1, 0, 0], [0, 1, 0], [0, 0, -1]], [0.0, 0.5, 0.5]);
        for text in ["-x, y+1/2, -z+1/2", "-X,1/2+Y,.5-Z", " -x , 0.5+y, 0.5 - z", "-x,y-1/2,3/2-z"] {
            assert_eq!(Operation::parse(text), Some(half_turn), "{text}");
        }
        let screw = Operation::parse("x-y,x,z+0.8333").unwrap();
        assert_eq!(screw.rotation, [[1, -1, 0], [1, 0, 0], [0, 0, 1]]);
        assert!((screw.translation[2] - 5.0 / 6.0).abs() < 1e-12);
        for text in [
            "", "x,y", "x,y,z,u", "x,y,w", "x,x,z", "x y,y,z", "2x,y,z", "x,y,z+", "x,y,1/0", "x,,z", "é,y,z",
        ] {
            assert_eq!(Operation::parse(text), None, "{text}");
        }
    }
}
