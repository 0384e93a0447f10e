//! The field of view and what fills it.

use serde::{Deserialize, Serialize};

use crate::{CrystalError, Element};

/// Most columns that a field may hold.
pub(crate) const MAX_COLUMNS: usize = 4_000_000;

/// A column of atoms along the beam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Distance from the field's left edge, to the right (Å).
    pub x: f64,
    /// Distance from the field's top edge, downwards (Å).
    pub y: f64,
    /// Elements in the column with their number of atoms, in order of atomic number.
    pub species: Vec<(Element, f64)>,
    /// Mean-square displacement along one direction, averaged over the atoms that have one (Å²).
    pub u_iso_angstrom2: Option<f64>,
}

impl Column {
    /// Number of atoms of all elements.
    pub fn atoms(&self) -> f64 {
        self.species.iter().map(|(_, atoms)| atoms).sum()
    }
}

/// The part of the specimen that the image shows, and how the crystal lies in it.
///
/// See the crate's conventions for the axes and for what a rotation of zero means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Extent in x (Å).
    pub width: f64,
    /// Extent in y (Å).
    pub height: f64,
    /// Columns up to this far outside the edges are included (Å).
    #[serde(default)]
    pub margin: f64,
    /// Turns the crystal about the centre of the field, counter-clockwise on the screen (degrees).
    #[serde(default)]
    pub rotation_deg: f64,
    /// Shift of the crystal's origin from the centre of the field, in image axes, after the rotation (Å).
    #[serde(default)]
    pub offset: [f64; 2],
}

impl Field {
    /// A field without margin, rotation or offset; width and height in ångström.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, margin: 0.0, rotation_deg: 0.0, offset: [0.0; 2] }
    }

    /// The centre of the field in image axes (Å).
    pub fn center(&self) -> [f64; 2] {
        [self.width / 2.0, self.height / 2.0]
    }

    /// Whether a position in image axes (Å) lies in the field or its margin.
    pub fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let m = self.margin;
        x >= -m && x < self.width + m && y >= -m && y < self.height + m
    }

    /// Image position (Å) of a position in the plane of a projected cell (Å).
    pub fn to_image(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (sin, cos) = self.rotation_deg.to_radians().sin_cos();
        let center = self.center();
        [center[0] + self.offset[0] + x * cos + y * sin, center[1] + self.offset[1] - x * sin + y * cos]
    }

    /// Position in the plane of a projected cell (Å) of an image position (Å).
    pub fn to_crystal(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (sin, cos) = self.rotation_deg.to_radians().sin_cos();
        let center = self.center();
        let (dx, dy) = (x - center[0] - self.offset[0], y - center[1] - self.offset[1]);
        [dx * cos - dy * sin, dx * sin + dy * cos]
    }

    /// The corners of the field with its margin, in the plane of a projected cell (Å).
    pub(crate) fn corners(&self) -> [[f64; 2]; 4] {
        let m = self.margin;
        let (right, bottom) = (self.width + m, self.height + m);
        [[-m, -m], [right, -m], [-m, bottom], [right, bottom]].map(|corner| self.to_crystal(corner))
    }

    /// Checks that all numbers make sense.
    pub fn check(&self) -> Result<(), CrystalError> {
        CrystalError::check("field width [Å]", self.width, 0.0..=1e5, "0 to 100000 Å")?;
        CrystalError::check("field height [Å]", self.height, 0.0..=1e5, "0 to 100000 Å")?;
        CrystalError::check("field margin [Å]", self.margin, 0.0..=1e4, "0 to 10000 Å")?;
        CrystalError::check("rotation [degrees]", self.rotation_deg, -1e6..=1e6, "an angle in degrees")?;
        for value in self.offset {
            CrystalError::check("field offset [Å]", value, -1e6..=1e6, "-1000000 to 1000000 Å")?;
        }
        Ok(())
    }

    /// Calls `place` with the image position of every lattice copy of `points` (in the plane of the crystal)
    /// that falls into the field, and with the index of the point.
    pub(crate) fn tile(
        &self,
        vectors: &[[f64; 2]; 2],
        points: &[[f64; 2]],
        mut place: impl FnMut([f64; 2], usize),
    ) -> Result<(), CrystalError> {
        self.check()?;
        let determinant = vectors[0][0] * vectors[1][1] - vectors[0][1] * vectors[1][0];
        // With a border of one cell, so that the cost of long and narrow fields is counted too.
        let border = 2.0 * self.margin + vectors.iter().flatten().map(|v| v.abs()).sum::<f64>();
        let area = (self.width + border) * (self.height + border);
        let count = area / determinant.abs() * points.len() as f64;
        if !count.is_finite() || count > MAX_COLUMNS as f64 {
            return Err(CrystalError::TooLarge { what: "columns in the field", count, limit: MAX_COLUMNS });
        }
        let fractional = |[x, y]: [f64; 2]| {
            [
                (x * vectors[1][1] - y * vectors[1][0]) / determinant,
                (y * vectors[0][0] - x * vectors[0][1]) / determinant,
            ]
        };
        let corners = self.corners().map(fractional);
        // All copies of one point lie on lattice lines along the first vector: for each line, the part inside
        // the field is an interval, so that no time is lost on long and narrow fields.
        for (index, &point) in points.iter().enumerate() {
            let [f0, f1] = fractional(point);
            let bounds = |axis: usize| {
                corners.iter().fold((f64::MAX, f64::MIN), |(low, high), corner| {
                    (low.min(corner[axis]), high.max(corner[axis]))
                })
            };
            let (low1, high1) = bounds(1);
            for n1 in (low1 - f1).floor() as i64..=(high1 - f1).ceil() as i64 {
                let Some((low0, high0)) = interval_at(&corners, f1 + n1 as f64) else { continue };
                for n0 in (low0 - f0 - 1e-6).floor() as i64..=(high0 - f0 + 1e-6).ceil() as i64 {
                    let (n0, n1) = (n0 as f64, n1 as f64);
                    let position = self.to_image([
                        point[0] + n0 * vectors[0][0] + n1 * vectors[1][0],
                        point[1] + n0 * vectors[0][1] + n1 * vectors[1][1],
                    ]);
                    if self.contains(position) {
                        place(position, index);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where the line with this second coordinate crosses a parallelogram, as an interval of the first
/// coordinate; slightly outside, the nearest corner counts as crossed.
fn interval_at(corners: &[[f64; 2]; 4], level: f64) -> Option<(f64, f64)> {
    let level = level.clamp(
        corners.iter().map(|c| c[1]).fold(f64::MAX, f64::min),
        corners.iter().map(|c| c[1]).fold(f64::MIN, f64::max),
    );
    let mut interval: Option<(f64, f64)> = None;
    for [p, q] in [[0, 1], [1, 3], [3, 2], [2, 0]].map(|pair| pair.map(|i: usize| corners[i])) {
        if (p[1] - level) * (q[1] - level) > 0.0 {
            continue;
        }
        let ends = if p[1] == q[1] {
            [p[0], q[0]]
        } else {
            let x = p[0] + (q[0] - p[0]) * (level - p[1]) / (q[1] - p[1]);
            [x, x]
        };
        for x in ends {
            let (low, high) = interval.unwrap_or((x, x));
            interval = Some((low.min(x), high.max(x)));
        }
    }
    interval
}
