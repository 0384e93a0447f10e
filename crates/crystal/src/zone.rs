//! Zone axes \[uvw\].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::CrystalError;

/// A direction \[uvw\] of the crystal, pointing from the image towards the viewer.
///
/// It is read from `110`, `1-10`, `[1 -1 0]`, `0,0,1` and the like, and written as `[1 -1 0]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneAxis([i32; 3]);

impl ZoneAxis {
    /// The largest index allowed, up or down.
    pub const MAX_INDEX: i32 = 99;

    /// A zone axis from its indices: not all zero, none beyond [`ZoneAxis::MAX_INDEX`].
    pub fn new(indices: [i32; 3]) -> Result<Self, CrystalError> {
        let fail = |reason| CrystalError::ZoneAxis { text: format!("{indices:?}"), reason };
        if indices == [0; 3] {
            Err(fail("all indices are zero"))
        } else if indices.iter().any(|index| index.unsigned_abs() > Self::MAX_INDEX.unsigned_abs()) {
            Err(fail("an index is beyond 99"))
        } else {
            Ok(Self(indices))
        }
    }

    /// The indices as given.
    pub fn indices(self) -> [i32; 3] {
        self.0
    }

    /// The indices without their common divisor.
    pub fn reduced(self) -> [i32; 3] {
        let divisor = self.0.iter().fold(0, |g, &index| gcd(g, index));
        self.0.map(|index| index / divisor.max(1))
    }

    /// Lattice vectors `t1`, `t2`, `t3`, as rows of integers in units of a, b, c, that generate the whole
    /// lattice (determinant 1), with `t3` the shortest lattice vector along the axis.
    pub(crate) fn lattice_basis(self) -> [[i32; 3]; 3] {
        let [u, v, w] = self.reduced();
        let (g, p, q) = extended_gcd(u, v);
        if g == 0 {
            // Along ±c: keep the determinant at one.
            return [[1, 0, 0], [0, w, 0], [0, 0, w]];
        }
        // f1 = (u/g, v/g, 0), f2 = (-q, p, 0) and f3 = (0, 0, 1) generate the lattice, and the axis is
        // g f1 + w f3. With alpha g + beta w = 1, beta f1 - alpha f3 completes it within their plane.
        let (_, alpha, beta) = extended_gcd(g, w);
        [[beta * (u / g), beta * (v / g), -alpha], [-q, p, 0], [u, v, w]]
    }
}

fn gcd(a: i32, b: i32) -> i32 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

/// `(g, p, q)` with `p a + q b = g = gcd(a, b) ≥ 0`.
fn extended_gcd(a: i32, b: i32) -> (i32, i32, i32) {
    if b == 0 {
        return (a.abs(), a.signum(), 0);
    }
    let (g, p, q) = extended_gcd(b, a % b);
    (g, q, p - (a / b) * q)
}

impl fmt::Display for ZoneAxis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [u, v, w] = self.0;
        write!(f, "[{u} {v} {w}]")
    }
}

impl FromStr for ZoneAxis {
    type Err = CrystalError;

    fn from_str(text: &str) -> Result<Self, CrystalError> {
        let fail = |reason| CrystalError::ZoneAxis { text: text.chars().take(40).collect(), reason };
        let inner = text.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']).trim();
        let is_separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '_');
        let parts: Vec<&str> = inner.split(is_separator).filter(|part| !part.is_empty()).take(5).collect();
        let numbers: Option<Vec<i32>> = match parts.as_slice() {
            [compact] => compact_indices(compact),
            _ => parts.iter().map(|part| part.replace('−', "-").parse().ok()).collect(),
        };
        let numbers = numbers.ok_or_else(|| fail("this is not a list of integers"))?;
        let indices: [i32; 3] = numbers.try_into().map_err(|_| fail("there are not three indices"))?;
        Self::new(indices).map_err(|error| match error {
            CrystalError::ZoneAxis { reason, .. } => fail(reason),
            other => other,
        })
    }
}

/// Single digits without separators, each with an optional minus before it: `1-10`.
fn compact_indices(text: &str) -> Option<Vec<i32>> {
    let mut indices = Vec::new();
    let mut sign = None;
    for c in text.chars().take(12) {
        match c {
            '-' | '−' | '+' if sign.is_none() => sign = Some(if c == '+' { 1 } else { -1 }),
            _ => indices.push(sign.take().unwrap_or(1) * i32::try_from(c.to_digit(10)?).ok()?),
        }
    }
    sign.is_none().then_some(indices)
}

impl TryFrom<String> for ZoneAxis {
    type Error = CrystalError;

    fn try_from(text: String) -> Result<Self, CrystalError> {
        text.parse()
    }
}

impl From<ZoneAxis> for String {
    fn from(axis: ZoneAxis) -> Self {
        axis.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_write_an_axis_are_read() {
        for (text, indices) in [
            ("110", [1, 1, 0]),
            ("[1 -1 0]", [1, -1, 0]),
            ("1-10", [1, -1, 0]),
            ("0 0 1", [0, 0, 1]),
            ("[-1,-1,2]", [-1, -1, 2]),
            ("12 0 -7", [12, 0, -7]),
            ("[10-1]", [1, 0, -1]),
        ] {
            let axis: ZoneAxis = text.parse().unwrap();
            assert_eq!(axis.indices(), indices, "{text}");
            assert_eq!(axis.to_string().parse::<ZoneAxis>().unwrap(), axis);
        }
        for text in ["", "000", "11", "1111", "1--10", "1 1", "a b c", "100 0 0", "99999999999 0 1", "110-"] {
            assert!(text.parse::<ZoneAxis>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_completed_basis_generates_the_lattice() {
        for u in -5..=5 {
            for v in -5..=5 {
                for w in -5..=5 {
                    let Ok(axis) = ZoneAxis::new([u, v, w]) else { continue };
                    let [a, b, c] = axis.lattice_basis();
                    let determinant = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
                        + a[2] * (b[0] * c[1] - b[1] * c[0]);
                    assert_eq!((determinant, c), (1, axis.reduced()), "{axis}");
                }
            }
        }
    }
}
