//! Which two vectors name a lattice, and what kind of lattice they make.

use crate::{Step, Vector};
use serde::{Deserialize, Serialize};

/// Vectors this close in length are equal choices.
const EQUAL: f64 = 1.02;

/// Vectors with slopes this close are equally near to the x axis.
const EQUAL_SLOPE: f64 = 0.01;

/// The shape of a lattice, whatever its motif.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Equal vectors at a right angle.
    Square,
    /// Vectors at a right angle.
    Rectangular,
    /// Equal vectors at 60° or 120°.
    Hexagonal,
    /// A rectangle with a lattice point in its middle.
    CentredRectangular,
    /// None of these.
    Oblique,
}

/// A matrix that turns old vectors into new ones: the rows are a and b.
pub(crate) type Change = [Step; 2];

pub(crate) const SAME: Change = [[1, 0], [0, 1]];

/// The vector of a step.
pub(crate) fn along(a: Vector, b: Vector, step: Step) -> Vector {
    a * f64::from(step[0]) + b * f64::from(step[1])
}

/// Gauss's reduction and then the convention of [`crate::Lattice`]: of the shortest vectors, a is
/// the one nearest to the x axis and points right, b turns clockwise on the screen from it, and of
/// equal choices for b it is the one at the obtuse angle.
pub(crate) fn conventional_names(a: Vector, b: Vector) -> Change {
    let [short, long] = reduced(a, b);
    let vector = |step: Step| along(a, b, step);
    let sum = |sign: i32| [long[0] + sign * short[0], long[1] + sign * short[1]];
    let third = if vector(sum(1)).length() < vector(sum(-1)).length() { sum(1) } else { sum(-1) };
    let (s, l, t) = (vector(short).length(), vector(long).length(), vector(third).length());
    let mut pairs = vec![[short, long]];
    if t < EQUAL * l {
        pairs.push([short, third]);
        if l < EQUAL * s {
            pairs.push([long, third]);
        }
    }
    let mut nearest = short;
    for member in pairs.iter().flatten() {
        if is_nearer_to_x(vector(*member), vector(nearest)) {
            nearest = *member;
        }
    }
    let first = turned(nearest, vector(nearest).x < 0.0);
    let partners = pairs.iter().filter_map(|[p, q]| match nearest {
        m if m == *p => Some(*q),
        m if m == *q => Some(*p),
        _ => None,
    });
    let partner = partners
        .map(|p| turned(p, vector(first).cross(vector(p)) < 0.0))
        .min_by(|p, q| vector(first).dot(vector(*p)).total_cmp(&vector(first).dot(vector(*q))));
    [first, partner.unwrap_or([-first[1], first[0]])]
}

/// Of two vectors as near as each other, the one that falls to the right.
fn is_nearer_to_x(v: Vector, than: Vector) -> bool {
    let slope = |v: Vector| v.y.abs() / v.length();
    let less = slope(than) - slope(v);
    if less.abs() < EQUAL_SLOPE { v.x * v.y > 0.0 && than.x * than.y < 0.0 } else { less > 0.0 }
}

fn turned(step: Step, turn: bool) -> Step {
    if turn { [-step[0], -step[1]] } else { step }
}

/// The shortest vector and the shortest one off its line.
fn reduced(a: Vector, b: Vector) -> Change {
    let [mut short, mut long] = SAME;
    // Each round but the last shortens a vector; rounding errors must not make it endless.
    for _ in 0..100 {
        if along(a, b, short).length() > along(a, b, long).length() {
            std::mem::swap(&mut short, &mut long);
        }
        let (s, l) = (along(a, b, short), along(a, b, long));
        let times = (s.dot(l) / s.dot(s)).round();
        if times == 0.0 {
            break;
        }
        long = [long[0] - times as i32 * short[0], long[1] - times as i32 * short[1]];
    }
    [short, long]
}

/// The shape of a reduced cell; lengths and the sines and cosines of angles may be `tolerance` off.
pub(crate) fn shape(a: Vector, b: Vector, tolerance: f64) -> Shape {
    let cosine = a.dot(b) / (a.length() * b.length());
    let equal = (a.length() / b.length()).ln().abs() < tolerance;
    match (equal, cosine.abs() < tolerance) {
        (true, true) => Shape::Square,
        (false, true) => Shape::Rectangular,
        (true, false) if (cosine.abs() - 0.5).abs() < tolerance => Shape::Hexagonal,
        _ if rectangle(a, b, tolerance).is_some() => Shape::CentredRectangular,
        _ => Shape::Oblique,
    }
}

/// The sides of the rectangle that a reduced cell is half of, named as a and b are.
pub(crate) fn rectangle(a: Vector, b: Vector, tolerance: f64) -> Option<Change> {
    let sign = if a.dot(b) > 0.0 { -1 } else { 1 };
    let choices = [[[1, 1], [1, -1]], [[1, 0], [sign, 2]], [[0, 1], [2, sign]]];
    let vector = |step: Step| along(a, b, step);
    let cosine = |pair: &Change| {
        let (p, q) = (vector(pair[0]), vector(pair[1]));
        p.dot(q).abs() / (p.length() * q.length())
    };
    let best = choices.into_iter().min_by(|p, q| cosine(p).total_cmp(&cosine(q)))?;
    if cosine(&best) >= tolerance {
        return None;
    }
    let [p, q] = if is_nearer_to_x(vector(best[1]), vector(best[0])) { [best[1], best[0]] } else { best };
    let first = turned(p, vector(p).x < 0.0);
    Some([first, turned(q, vector(first).cross(vector(q)) < 0.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polar(length: f64, degrees: f64) -> Vector {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Vector::new(length * cos, length * sin)
    }

    /// Against brute force over small integer combinations.
    #[test]
    fn names_are_the_shortest_vectors_and_turn_the_same_way() {
        for n in 0..200 {
            let angle = 1.8 * f64::from(n);
            let (p, q) =
                (polar(10.0, angle), polar(10.0 + 0.07 * f64::from(n), angle + 50.0 + f64::from(n % 70)));
            let (a, b) = (p + q * 2.0, p * 2.0 + q * 3.0);
            let [first, second] = conventional_names(a, b).map(|step| along(a, b, step));
            assert!(first.cross(second) > 0.0 && first.x >= 0.0);
            assert!((first.cross(second) - p.cross(q).abs()).abs() < 1e-6, "another area");
            let mut all: Vec<Vector> = (-9..=9)
                .flat_map(|i| (-9..=9).map(move |j| along(p, q, [i, j])))
                .filter(|v| v.length() > 0.0)
                .collect();
            all.sort_by(|v, w| v.length().total_cmp(&w.length()));
            let shortest = all[0];
            let next = all.iter().find(|v| v.cross(shortest).abs() > 1e-6).unwrap();
            let lengths = (first.length().min(second.length()), first.length().max(second.length()));
            assert!(lengths.0 < 1.021 * shortest.length() && lengths.1 < 1.021 * next.length(), "{n}");
        }
    }

    /// Three choices of a within a degree of noise: at 30° above, 30° below and across.
    #[test]
    fn equally_near_vectors_are_told_by_their_fall() {
        for noise in [-0.2, 0.0, 0.2] {
            let (p, q) = (polar(10.0, -30.0 + noise), polar(10.0, 90.0));
            let [a, b] = conventional_names(p, q).map(|step| along(p, q, step));
            assert!((a.angle_degrees() - 30.0).abs() < 0.5 && (b.angle_degrees() - 150.0).abs() < 0.5);
        }
    }

    #[test]
    fn shapes_are_recognised_at_any_orientation() {
        for n in 0..72 {
            let turn = 5.0 * f64::from(n) + 1.0;
            let of = |p: Vector, q: Vector| {
                let [a, b] = conventional_names(p, q).map(|step| along(p, q, step));
                (shape(a, b, 0.03), rectangle(a, b, 0.03).map(|pair| pair.map(|step| along(a, b, step))))
            };
            assert_eq!(of(polar(4.0, turn), polar(4.0, turn + 90.0)).0, Shape::Square);
            assert_eq!(of(polar(4.0, turn), polar(5.0, turn + 90.0)).0, Shape::Rectangular);
            assert_eq!(of(polar(4.0, turn), polar(4.0, turn + 60.0)).0, Shape::Hexagonal);
            assert_eq!(of(polar(4.0, turn), polar(5.0, turn + 75.0)), (Shape::Oblique, None));
            for (width, height) in [(5.431, 3.840), (3.0, 8.0)] {
                let (u, v) = (polar(width, turn), polar(height, turn + 90.0));
                let (shape, sides) = of((u + v) * 0.5, (u - v) * 0.5);
                assert_eq!(shape, Shape::CentredRectangular);
                let [first, second] = sides.unwrap();
                let mut lengths = [first.length(), second.length()];
                lengths.sort_by(f64::total_cmp);
                assert!((lengths[0] - width.min(height)).abs() < 1e-9);
                assert!((lengths[1] - width.max(height)).abs() < 1e-9);
                assert!(
                    first.cross(second) > 0.0
                        && first.y.abs() <= second.y.abs() / second.length() * first.length() + 1e-9
                );
            }
        }
    }
}
