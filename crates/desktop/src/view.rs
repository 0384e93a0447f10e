//! Which part of an image is on the screen, and where.

use egui::{Pos2, Rect, Vec2, vec2};

/// Points a pixel at least and at most.
const ZOOMS: (f64, f64) = (0.005, 200.0);
/// Part of the pane that an image fills that was fitted into it.
const FIT: f64 = 0.98;

/// A part of an image: what is in the middle, and how large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The place in the middle \[px\].
    pub centre: (f64, f64),
    /// Points of the screen a pixel, along x.
    pub zoom: f64,
    /// Height of a pixel over its width.
    pub aspect: f64,
    /// Whether the image is to be fitted into its pane.
    pub fit: bool,
}

impl Default for View {
    fn default() -> Self {
        Self { centre: (0.0, 0.0), zoom: 1.0, aspect: 1.0, fit: true }
    }
}

impl View {
    /// Fits an image of `(rows, columns)` into a pane, if that is asked for.
    pub fn fit_into(&mut self, pane: Rect, (rows, columns): (usize, usize)) {
        if self.fit && pane.width() > 1.0 && pane.height() > 1.0 {
            let (width, height) = (columns as f64, rows as f64 * self.aspect);
            let zoom = (f64::from(pane.width()) / width).min(f64::from(pane.height()) / height);
            self.zoom = (FIT * zoom).clamp(ZOOMS.0, ZOOMS.1);
            self.centre = ((columns as f64 - 1.0) / 2.0, (rows as f64 - 1.0) / 2.0);
        }
    }

    /// Where a place of the image is on the screen.
    pub fn screen_of(&self, pane: Rect, (x, y): (f64, f64)) -> Pos2 {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        pane.center() + vec2((dx * self.zoom) as f32, (dy * self.zoom * self.aspect) as f32)
    }

    /// The place of the image at a point of the screen.
    pub fn image_at(&self, pane: Rect, point: Pos2) -> (f64, f64) {
        let off = point - pane.center();
        (
            self.centre.0 + f64::from(off.x) / self.zoom,
            self.centre.1 + f64::from(off.y) / (self.zoom * self.aspect),
        )
    }

    /// Enlarges by `factor`; what is at `point` stays there.
    pub fn zoom_at(&mut self, pane: Rect, point: Pos2, factor: f64) {
        let (x, y) = self.image_at(pane, point);
        self.zoom = (self.zoom * factor).clamp(ZOOMS.0, ZOOMS.1);
        let now = self.image_at(pane, point);
        self.centre = (self.centre.0 + x - now.0, self.centre.1 + y - now.1);
        self.fit = false;
    }

    /// Moves what is seen by so many points.
    pub fn pan(&mut self, by: Vec2) {
        self.centre.0 -= f64::from(by.x) / self.zoom;
        self.centre.1 -= f64::from(by.y) / (self.zoom * self.aspect);
        self.fit = false;
    }

    /// One pixel of the image on `1 / pixels_per_point` points.
    pub fn one_to_one(&mut self, pixels_per_point: f32) {
        self.zoom = 1.0 / f64::from(pixels_per_point);
        self.fit = false;
    }
}

/// A round length for a scale bar that is at most `most` long: its length, and what to write.
/// `angstrom` says whether lengths are in ångström, or in pixels.
pub fn bar(most: f64, angstrom: bool) -> (f64, String) {
    let decade = 10.0_f64.powf(most.max(1e-6).log10().floor());
    let length =
        [1.0, 2.0, 5.0].map(|m| m * decade).into_iter().filter(|l| *l <= most).fold(decade, f64::max);
    let text = match (angstrom, length) {
        (false, _) => format!("{length} px"),
        (true, length) if length >= 1e4 => format!("{} µm", length / 1e4),
        (true, length) if length >= 10.0 => format!("{} nm", length / 10.0),
        (true, length) if length >= 1.0 => format!("{length} Å"),
        (true, length) => format!("{} pm", length * 100.0),
    };
    (length, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    fn pane() -> Rect {
        Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0))
    }

    #[test]
    fn what_is_at_the_cursor_stays_there_when_zooming() {
        let mut view = View { aspect: 1.5, ..View::default() };
        view.fit_into(pane(), (256, 512));
        let cursor = pos2(77.0, 201.0);
        let before = view.image_at(pane(), cursor);
        view.zoom_at(pane(), cursor, 3.7);
        let after = view.image_at(pane(), cursor);
        assert!((before.0 - after.0).abs() < 1e-9 && (before.1 - after.1).abs() < 1e-9);
        assert!(!view.fit);
    }

    #[test]
    fn places_and_points_are_inverse_and_a_fitted_image_is_inside() {
        let mut view = View { aspect: 2.0, ..View::default() };
        view.fit_into(pane(), (100, 1000));
        for place in [(-0.5, -0.5), (999.5, 99.5)] {
            let point = view.screen_of(pane(), place);
            assert!(pane().contains(point), "{point:?}");
            let back = view.image_at(pane(), point);
            assert!((back.0 - place.0).abs() < 1e-3 && (back.1 - place.1).abs() < 1e-3);
        }
    }

    #[test]
    fn bars_are_round_and_short_enough() {
        assert_eq!(bar(23.0, true), (20.0, "2 nm".to_owned()));
        assert_eq!(bar(7.3, true), (5.0, "5 Å".to_owned()));
        assert_eq!(bar(0.35, true), (0.2, "20 pm".to_owned()));
        assert_eq!(bar(180.0, false), (100.0, "100 px".to_owned()));
    }
}
