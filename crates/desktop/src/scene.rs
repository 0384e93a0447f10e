//! What is on an image besides its pixels, for the screen and for figures alike.

use crate::view::{View, bar};
use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

/// Distance of the scale bar from the corner, its thickness, and the size of its letters \[points\].
const MARGIN: f32 = 16.0;
const BAR: f32 = 5.0;
pub(crate) const LETTERS: f32 = 14.0;
/// Part of the pane's width that the bar takes at most.
const PART: f64 = 0.25;
/// Width of the colour scale \[points\].
const SCALE: f32 = 130.0;

/// A scale bar in a pane.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleBar {
    /// The bar.
    pub bar: Rect,
    /// What is written above it.
    pub text: String,
}

impl ScaleBar {
    /// A bar of a round length, in ångström where `angstrom_px` (along x) is known.
    pub fn new(pane: Rect, view: &View, angstrom_px: Option<f64>) -> Self {
        let points = view.zoom / angstrom_px.unwrap_or(1.0);
        let most = PART * f64::from(pane.width()).min(720.0) / points;
        let (length, text) = bar(most, angstrom_px.is_some());
        let corner = pos2(pane.left() + MARGIN, pane.bottom() - MARGIN - BAR);
        Self { bar: Rect::from_min_size(corner, vec2((length * points) as f32, BAR)), text }
    }

    /// Where its text stands: the middle of its bottom.
    pub fn text_place(&self) -> Pos2 {
        pos2(self.bar.center().x.max(self.bar.left() + 18.0), self.bar.top() - 3.0)
    }

    /// Paints it, white with a dark edge so that it is seen on any picture.
    pub fn paint(&self, painter: &Painter) {
        painter.rect_filled(self.bar.expand(1.0), 1.0, Color32::from_black_alpha(190));
        painter.rect_filled(self.bar, 0.0, Color32::WHITE);
        outlined(painter, self.text_place(), Align2::CENTER_BOTTOM, &self.text);
    }
}

/// White text with a dark edge.
pub fn outlined(painter: &Painter, place: Pos2, align: Align2, text: &str) {
    let font = FontId::proportional(LETTERS);
    for (dx, dy) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.7, 0.7), (-0.7, -0.7)] {
        let dark = Color32::from_black_alpha(190);
        painter.text(place + vec2(dx, dy), align, text, font.clone(), dark);
    }
    painter.text(place, align, text, font, Color32::WHITE);
}

/// What the colours of columns mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Legend {
    /// The quantity and its unit.
    pub title: String,
    /// What the darkest and the brightest colour stand for.
    pub ends: [String; 2],
    /// Colours from one end to the other.
    pub colours: Vec<Color32>,
}

impl Legend {
    fn bar(pane: Rect) -> Rect {
        let corner = pos2(pane.right() - MARGIN - SCALE, pane.bottom() - MARGIN - 26.0);
        Rect::from_min_size(corner, vec2(SCALE, 9.0))
    }

    /// The fields of its colour scale, in the lower right corner of a pane.
    pub fn parts(&self, pane: Rect) -> Vec<(Rect, Color32)> {
        let bar = Self::bar(pane);
        let step = SCALE / self.colours.len() as f32;
        let part = |index: usize| {
            let left = pos2(bar.left() + step * index as f32, bar.top());
            Rect::from_min_size(left, vec2(step + 0.5, bar.height())).intersect(bar)
        };
        self.colours.iter().enumerate().map(|(index, colour)| (part(index), *colour)).collect()
    }

    /// What it says, and where.
    pub fn texts(&self, pane: Rect) -> Vec<(Pos2, Align2, String)> {
        let bar = Self::bar(pane);
        let [low, high] = self.ends.clone();
        vec![
            (pos2(bar.center().x, bar.top() - 3.0), Align2::CENTER_BOTTOM, self.title.clone()),
            (bar.left_bottom() + vec2(0.0, 2.0), Align2::LEFT_TOP, low),
            (bar.right_bottom() + vec2(0.0, 2.0), Align2::RIGHT_TOP, high),
        ]
    }

    /// Paints it.
    pub fn paint(&self, painter: &Painter, pane: Rect) {
        self.parts(pane).into_iter().for_each(|(rect, colour)| {
            painter.rect_filled(rect, 0.0, colour);
        });
        let edge = Stroke::new(1.0, Color32::from_black_alpha(190));
        painter.rect_stroke(Self::bar(pane), 0.0, edge, StrokeKind::Outside);
        self.texts(pane).iter().for_each(|(place, align, text)| outlined(painter, *place, *align, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_right_at_every_zoom_and_size() {
        for (zoom, width) in [(0.1, 300.0), (1.0, 800.0), (7.3, 1600.0), (40.0, 500.0)] {
            let pane = Rect::from_min_size(pos2(0.0, 0.0), vec2(width, 400.0));
            let view = View { zoom, ..View::default() };
            let bar = ScaleBar::new(pane, &view, Some(0.21));
            let (number, unit) = bar.text.split_once(' ').unwrap();
            let unit =
                [("pm", 0.01), ("Å", 1.0), ("nm", 10.0), ("µm", 1e4)].iter().find(|u| u.0 == unit).unwrap();
            let angstrom = number.parse::<f64>().unwrap() * unit.1;
            let points = angstrom / 0.21 * zoom;
            assert!((points - f64::from(bar.bar.width())).abs() < 1e-3 * points, "{}", bar.text);
            assert!(bar.bar.width() <= 0.25 * width && bar.bar.width() > 0.05 * width.min(720.0));
        }
    }
}
