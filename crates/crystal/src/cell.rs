//! Unit cells and the little linear algebra that they need.

use serde::{Deserialize, Serialize};

use crate::CrystalError;

/// A vector in space, in ångström unless said otherwise.
pub(crate) type Vector = [f64; 3];

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn scaled(a: Vector, factor: f64) -> Vector {
    a.map(|x| x * factor)
}

/// `coefficients · rows`: fractional to cartesian coordinates.
pub(crate) fn combine(coefficients: Vector, rows: &[Vector; 3]) -> Vector {
    std::array::from_fn(|k| {
        coefficients[0] * rows[0][k] + coefficients[1] * rows[1][k] + coefficients[2] * rows[2][k]
    })
}

/// The six parameters of a unit cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UnitCell {
    /// Length of a (Å).
    pub a: f64,
    /// Length of b (Å).
    pub b: f64,
    /// Length of c (Å).
    pub c: f64,
    /// Angle between b and c (degrees).
    pub alpha_deg: f64,
    /// Angle between a and c (degrees).
    pub beta_deg: f64,
    /// Angle between a and b (degrees).
    pub gamma_deg: f64,
}

/// cos and sin of an angle in degrees, exact for the angles of the crystal systems.
fn cos_sin(degrees: f64) -> (f64, f64) {
    if degrees == 90.0 {
        (0.0, 1.0)
    } else if degrees == 60.0 {
        (0.5, 0.75f64.sqrt())
    } else if degrees == 120.0 {
        (-0.5, 0.75f64.sqrt())
    } else {
        let (sin, cos) = degrees.to_radians().sin_cos();
        (cos, sin)
    }
}

impl UnitCell {
    /// A cell whose parameters make sense: lengths of 0.5 to 500 Å, angles that close, and a volume that
    /// holds at least a tiny atom.
    pub fn new(lengths: [f64; 3], angles_deg: [f64; 3]) -> Result<Self, CrystalError> {
        let [a, b, c] = lengths;
        let [alpha_deg, beta_deg, gamma_deg] = angles_deg;
        let cell = Self { a, b, c, alpha_deg, beta_deg, gamma_deg };
        cell.check()?;
        Ok(cell)
    }

    /// A cubic cell with edge `a` (Å).
    pub fn cubic(a: f64) -> Result<Self, CrystalError> {
        Self::new([a; 3], [90.0; 3])
    }

    /// Checks what [`UnitCell::new`] promises.
    pub fn check(&self) -> Result<(), CrystalError> {
        for (name, length) in [("a", self.a), ("b", self.b), ("c", self.c)] {
            if !(0.5..=500.0).contains(&length) {
                return Err(CrystalError::UnitCell(format!("{name} is {length} Å; expected 0.5 to 500 Å")));
            }
        }
        for (name, angle) in [("alpha", self.alpha_deg), ("beta", self.beta_deg), ("gamma", self.gamma_deg)] {
            if !(5.0..=175.0).contains(&angle) {
                return Err(CrystalError::UnitCell(format!("{name} is {angle}°; expected 5° to 175°")));
            }
        }
        let shape = self.volume() / (self.a * self.b * self.c);
        if shape.is_finite() && shape > 1e-3 {
            Ok(())
        } else {
            Err(CrystalError::UnitCell(format!(
                "the angles {}°, {}°, {}° do not close to a cell",
                self.alpha_deg, self.beta_deg, self.gamma_deg
            )))
        }
    }

    /// Lattice vectors a, b, c as rows, in cartesian ångström: a along x, b in the xy plane.
    pub fn basis(&self) -> [[f64; 3]; 3] {
        let (cos_alpha, _) = cos_sin(self.alpha_deg);
        let (cos_beta, _) = cos_sin(self.beta_deg);
        let (cos_gamma, sin_gamma) = cos_sin(self.gamma_deg);
        let c_y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma;
        let c_z = (1.0 - cos_beta * cos_beta - c_y * c_y).max(0.0).sqrt();
        [
            [self.a, 0.0, 0.0],
            [self.b * cos_gamma, self.b * sin_gamma, 0.0],
            [self.c * cos_beta, self.c * c_y, self.c * c_z],
        ]
    }

    /// Reciprocal vectors a*, b*, c* as rows (1/Å), without the factor 2π.
    pub fn reciprocal(&self) -> [[f64; 3]; 3] {
        let [a, b, c] = self.basis();
        let volume = dot(a, cross(b, c));
        [
            scaled(cross(b, c), 1.0 / volume),
            scaled(cross(c, a), 1.0 / volume),
            scaled(cross(a, b), 1.0 / volume),
        ]
    }

    /// Volume (Å³).
    pub fn volume(&self) -> f64 {
        let [a, b, c] = self.basis();
        dot(a, cross(b, c))
    }

    /// Cartesian position (Å) of fractional coordinates.
    pub fn cartesian(&self, fractional: [f64; 3]) -> [f64; 3] {
        combine(fractional, &self.basis())
    }

    /// Distance (Å) between two fractional positions, to the nearest periodic image for near neighbours.
    pub(crate) fn periodic_distance(basis: &[Vector; 3], p: Vector, q: Vector) -> f64 {
        let delta = std::array::from_fn(|k| {
            let d = p[k] - q[k];
            d - d.round()
        });
        norm(combine(delta, basis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triclinic_basis_has_the_lengths_and_angles_asked_for() {
        let cell = UnitCell::new([4.1, 5.2, 6.3], [77.0, 101.0, 118.0]).unwrap();
        let [a, b, c] = cell.basis();
        let angle = |u, v| (dot(u, v) / norm(u) / norm(v)).acos().to_degrees();
        assert!(
            (norm(a) - 4.1).abs() < 1e-12 && (norm(b) - 5.2).abs() < 1e-12 && (norm(c) - 6.3).abs() < 1e-12
        );
        assert!((angle(b, c) - 77.0).abs() < 1e-9);
        assert!((angle(a, c) - 101.0).abs() < 1e-9);
        assert!((angle(a, b) - 118.0).abs() < 1e-9);
        for (i, row) in cell.reciprocal().into_iter().enumerate() {
            for (j, vector) in cell.basis().into_iter().enumerate() {
                assert!((dot(row, vector) - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn cells_that_do_not_close_are_refused() {
        assert!(UnitCell::new([4.0; 3], [30.0, 30.0, 100.0]).is_err());
        assert!(UnitCell::new([0.0, 4.0, 4.0], [90.0; 3]).is_err());
        assert!(UnitCell::new([f64::NAN, 4.0, 4.0], [90.0; 3]).is_err());
        assert!(UnitCell::new([4.0; 3], [90.0, 90.0, 180.0]).is_err());
    }
}
