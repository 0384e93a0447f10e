//! A column's image, a Gaussian on a plane, and its derivatives.

use super::profile::Profile;
use super::{Sampling, Shape};

/// Most parameters of a column: position, height, three of its shape, three of its plane.
pub(super) const MOST: usize = 9;
/// Distance in widths from which on a column's image counts as nothing.
pub(super) const REACH: f64 = 4.5;

/// What the images of all columns have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub shape: Shape,
    pub sampling: Sampling,
    pub profile: Profile,
}

/// The parameters of a column's image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gaussian {
    pub x: f64,
    pub y: f64,
    /// Height above the plane.
    pub height: f64,
    /// Inverse covariance matrix of the shape, xx, xy, yy \[1/px²\].
    pub inverse: [f64; 3],
    /// The plane beneath: its value at the window's middle, its slopes along x and y.
    pub plane: [f64; 3],
}

/// A column's part of the image at a point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Value {
    pub value: f64,
    /// Derivatives by x, y, height and shape; a round column has one number of shape, the logarithm of
    /// its width.
    pub by: [f64; 6],
}

impl Gaussian {
    /// A round one.
    pub(super) fn round(x: f64, y: f64, height: f64, sigma: f64) -> Self {
        let inverse = 1.0 / (sigma * sigma);
        Self { x, y, height, inverse: [inverse, 0.0, inverse], plane: [0.0; 3] }
    }

    /// Geometric mean of the two widths \[px\].
    pub(super) fn sigma(&self) -> f64 {
        let [xx, xy, yy] = self.inverse;
        (xx * yy - xy * xy).max(1e-12).powf(-0.25)
    }

    /// The larger and the smaller width \[px\], and the larger one's direction from x towards y \[rad\].
    pub(super) fn axes(&self) -> (f64, f64, f64) {
        let [xx, xy, yy] = self.inverse;
        let (mean, half) = (0.5 * (xx + yy), 0.5 * (xx - yy).hypot(2.0 * xy));
        let width = |value: f64| value.max(1e-12).sqrt().recip();
        // The inverse is smallest along the longest axis.
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy) + std::f64::consts::FRAC_PI_2;
        (width(mean - half), width(mean + half), angle)
    }

    /// Squared distance of a point, in widths.
    pub(super) fn square(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = (x - self.x, y - self.y);
        let [xx, xy, yy] = self.inverse;
        xx * dx * dx + 2.0 * xy * dx * dy + yy * dy * dy
    }

    /// The plane beneath, at a place given by a window's [`super::patch::Window::terms`].
    pub(super) fn background(&self, [_, u, v]: [f64; 3]) -> f64 {
        self.plane[0] + self.plane[1] * u + self.plane[2] * v
    }

    /// Value alone at a point, without the plane.
    pub(super) fn at(&self, x: f64, y: f64, model: &Model) -> f64 {
        match model.sampling {
            Sampling::Point => self.height * model.profile.at(self.square(x, y)).0,
            Sampling::Integrated => self.integrated(x - self.x, y - self.y).value,
        }
    }

    /// Value and derivatives at a point, without the plane.
    pub(super) fn values(&self, x: f64, y: f64, model: &Model) -> Value {
        let (dx, dy) = (x - self.x, y - self.y);
        if model.sampling == Sampling::Integrated {
            return self.integrated(dx, dy);
        }
        let [xx, xy, yy] = self.inverse;
        let (along_x, along_y) = (xx * dx + xy * dy, xy * dx + yy * dy);
        let square = dx * along_x + dy * along_y;
        let (unit, by_square) = model.profile.at(square);
        let falling = -2.0 * self.height * by_square;
        let by = match model.shape {
            Shape::Round => [falling * along_x, falling * along_y, unit, falling * square, 0.0, 0.0],
            Shape::Elliptical => {
                let half = -0.5 * falling;
                [
                    falling * along_x,
                    falling * along_y,
                    unit,
                    half * dx * dx,
                    2.0 * half * dx * dy,
                    half * dy * dy,
                ]
            }
        };
        Value { value: self.height * unit, by }
    }

    /// The mean over a pixel of a round column, from the error function.
    fn integrated(&self, dx: f64, dy: f64) -> Value {
        let sigma = self.sigma();
        let side = |d: f64| {
            let (low, high) = (d - 0.5, d + 0.5);
            let gauss = |t: f64| (-0.5 * (t / sigma).powi(2)).exp();
            let scale = sigma * std::f64::consts::FRAC_PI_2.sqrt();
            let erf = |t: f64| libm::erf(t / (sigma * std::f64::consts::SQRT_2));
            let integral = scale * (erf(high) - erf(low));
            let (at_low, at_high) = (gauss(low), gauss(high));
            // By position, and by the logarithm of the width.
            (integral, at_low - at_high, integral - (high * at_high - low * at_low))
        };
        let (x, by_x, x_by_width) = side(dx);
        let (y, by_y, y_by_width) = side(dy);
        let h = self.height;
        let by = [h * by_x * y, h * x * by_y, x * y, h * (x_by_width * y + x * y_by_width), 0.0, 0.0];
        Value { value: h * x * y, by }
    }

    /// After a step of the parameters in the order of [`Value::by`], then the plane; steps that would
    /// jump are shortened.
    pub(super) fn stepped(&self, step: &[f64], shape: Shape) -> Self {
        let sigma = self.sigma();
        let length = step[0].hypot(step[1]);
        let shorten = if length > 0.5 * sigma { 0.5 * sigma / length } else { 1.0 };
        let mut next = *self;
        next.x += shorten * step[0];
        next.y += shorten * step[1];
        next.height += step[2];
        let plane = match shape {
            Shape::Round => {
                let factor = (-2.0 * step[3].clamp(-0.3, 0.3)).exp();
                next.inverse = [self.inverse[0] * factor, 0.0, self.inverse[2] * factor];
                4
            }
            Shape::Elliptical => {
                // Stays a shape: no principal value changes by more than a third.
                let limit = 0.35 / (sigma * sigma);
                let size = step[3..6].iter().fold(0.0_f64, |size, s| size.max(s.abs()));
                let shorten = if size > limit { limit / size } else { 1.0 };
                let moved: Vec<f64> =
                    self.inverse.iter().zip(&step[3..6]).map(|(i, s)| i + shorten * s).collect();
                if moved[0] > 0.0 && moved[0] * moved[2] - moved[1] * moved[1] > 0.0 {
                    next.inverse = [moved[0], moved[1], moved[2]];
                }
                6
            }
        };
        next.plane.iter_mut().zip(&step[plane..]).for_each(|(p, s)| *p += s);
        next
    }
}

impl Shape {
    /// Numbers of a column but its plane.
    pub(super) fn own(self) -> usize {
        match self {
            Self::Round => 4,
            Self::Elliptical => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of step 1e-5: errors of 1e-8 of the height are their own.
    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let column = Gaussian { x: 3.2, y: 5.1, height: 7.0, inverse: [0.3, -0.05, 0.2], plane: [0.0; 3] };
        let model = |shape, sampling| Model { shape, sampling, profile: Profile::default() };
        let cases = [
            (column, model(Shape::Elliptical, Sampling::Point)),
            (Gaussian::round(3.2, 5.1, 7.0, 1.7), model(Shape::Round, Sampling::Point)),
            (Gaussian::round(3.2, 5.1, 7.0, 0.8), model(Shape::Round, Sampling::Integrated)),
        ];
        for (column, model) in cases {
            for (x, y) in [(2.0, 6.0), (4.5, 3.1), (3.2, 5.1)] {
                let analytic = column.values(x, y, &model);
                assert!((analytic.value - column.at(x, y, &model)).abs() < 1e-12);
                for parameter in 0..model.shape.own() {
                    let moved = |by: f64| {
                        let mut step = [0.0; MOST];
                        step[parameter] = by;
                        column.stepped(&step, model.shape).at(x, y, &model)
                    };
                    let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!((numeric - analytic.by[parameter]).abs() < 1e-7, "{model:?} {parameter}");
                }
            }
        }
    }

    /// The mean over a pixel against the mean of 400 points in it.
    #[test]
    fn integrated_values_are_means_over_the_pixel() {
        let column = Gaussian::round(0.3, -0.2, 2.0, 0.7);
        let brute: f64 = (0..400)
            .map(|i| {
                let offset = |n: i32| (f64::from(n) + 0.5) / 20.0 - 0.5;
                column.at(1.0 + offset(i % 20), offset(i / 20), &Model::default())
            })
            .sum::<f64>()
            / 400.0;
        let integrated = Model { sampling: Sampling::Integrated, ..Model::default() };
        assert!((column.at(1.0, 0.0, &integrated) - brute).abs() < 1e-3);
    }

    #[test]
    fn axes_are_the_widths_and_the_direction() {
        let (sin, cos) = 0.4_f64.sin_cos();
        let (a, b): (f64, f64) = (1.0 / 9.0, 1.0 / 4.0);
        let inverse = [a * cos * cos + b * sin * sin, (a - b) * sin * cos, a * sin * sin + b * cos * cos];
        let column = Gaussian { x: 0.0, y: 0.0, height: 1.0, inverse, plane: [0.0; 3] };
        let (large, small, angle) = column.axes();
        assert!((large - 3.0).abs() < 1e-9 && (small - 2.0).abs() < 1e-9, "{large} {small}");
        assert!((angle.sin() * cos - angle.cos() * sin).abs() < 1e-9, "{angle}");
        assert!((column.sigma() - 6.0_f64.sqrt()).abs() < 1e-9);
    }
}
