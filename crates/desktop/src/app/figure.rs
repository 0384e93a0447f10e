//! The panes as a figure.

use super::App;
use super::{Layout, canvas::BACKGROUND};
use crate::export::{Figure, FigureImage};
use crate::markers;
use crate::pyramid::Pyramid;
use crate::scene::ScaleBar;
use crate::tiles::{Shown, part};
use crate::view::View;
use egui::{Color32, Rect, pos2};

impl App {
    /// What the panes show now. `None` before they were drawn.
    pub(super) fn figure(&mut self) -> Option<Figure> {
        let canvas = self.canvas;
        let clips = match self.layout {
            Layout::Single => vec![canvas],
            Layout::SideBySide => {
                let (left, right) = canvas.split_left_right_at_fraction(0.5);
                vec![left, right]
            }
            Layout::Split => {
                let at = canvas.left() + self.split * canvas.width();
                vec![
                    Rect::from_min_max(canvas.min, pos2(at, canvas.bottom())),
                    Rect::from_min_max(pos2(at, canvas.top()), canvas.max),
                ]
            }
        };
        let panes = self.pane_rects.clone();
        if panes.is_empty() {
            return None;
        }
        let moved = |rect: Rect| rect.translate(-canvas.min.to_vec2());
        let mut figure = Figure {
            size: canvas.size(),
            width_mm: self.preferences.figure_mm,
            dpi: self.preferences.figure_dpi,
            images: Vec::new(),
            rings: Vec::new(),
            radius: 0.0,
            rings_in: Vec::new(),
            bars: Vec::new(),
            legend: None,
            background: BACKGROUND,
        };
        for (number, ((shown, whole), clip)) in panes.into_iter().zip(clips).enumerate() {
            let (view, pyramid) = match shown {
                Shown::Spectrum => (self.spectrum_view, self.spectrum.as_ref().map(|(_, p)| p.clone())),
                Shown::Picture(picture) => (self.view, self.picture(picture)),
            };
            if let Some(pyramid) = pyramid {
                figure.images.extend(self.image(&view, whole, clip, &pyramid).map(|image| FigureImage {
                    clip: moved(image.clip),
                    place: moved(image.place),
                    ..image
                }));
            }
            if shown == Shown::Spectrum {
                continue;
            }
            let Some(document) = &self.document else { continue };
            if self.show_columns {
                figure.radius = markers::radius(document.spacing_px(), &view);
                figure.rings_in.push(moved(clip));
                let colours = self.coloured.as_ref().map_or(&[][..], |coloured| &coloured.colours);
                let colour = |index: usize| colours.get(index).copied().unwrap_or(markers::FOUND);
                let columns = document.columns().iter().enumerate();
                figure.rings.extend(
                    columns
                        .map(|(index, c)| (view.screen_of(whole, c.place()), colour(index)))
                        .filter(|(place, _)| clip.contains(*place))
                        .map(|(place, colour): (_, Color32)| (place - canvas.min.to_vec2(), colour)),
                );
                let legend = self.coloured.as_ref().and_then(|coloured| coloured.legend.clone());
                figure.legend = legend.map(|legend| (legend, moved(clip)));
            }
            if number == 0 || self.layout != Layout::Split {
                let size = document.pixel_size.map(|size| size.x_angstrom);
                figure.bars.push(ScaleBar::new(moved(clip), &view, size));
            }
        }
        Some(figure)
    }

    /// The part of a picture that is seen in `clip`, of the level that print can show.
    fn image(&self, view: &View, whole: Rect, clip: Rect, pyramid: &Pyramid) -> Option<FigureImage> {
        let display = &self.preferences.display;
        // Dots of print a pixel of the image.
        let dots = view.zoom * f64::from(self.preferences.figure_mm / 25.4 * self.preferences.figure_dpi)
            / f64::from(self.canvas.width());
        let level = ((1.0 / dots).log2().floor().max(0.0) as usize).min(pyramid.levels() - 1);
        let factor = (1_usize << level) as f64;
        let image = pyramid.level(level);
        let (from, to) = (view.image_at(whole, clip.min), view.image_at(whole, clip.max));
        let range = |from: f64, to: f64, size: usize| {
            let low = ((from + 0.5) / factor).floor().max(0.0) as usize;
            let high = ((to + 0.5) / factor).ceil().clamp(0.0, size as f64) as usize;
            low.min(high)..high
        };
        let (rows, columns) = (range(from.1, to.1, image.nrows()), range(from.0, to.0, image.ncols()));
        if rows.is_empty() || columns.is_empty() {
            return None;
        }
        let corner = |column: usize, row: usize| {
            view.screen_of(whole, (column as f64 * factor - 0.5, row as f64 * factor - 0.5))
        };
        let place = Rect::from_min_max(corner(columns.start, rows.start), corner(columns.end, rows.end));
        let nearest = level == 0 && !display.smooth;
        Some(FigureImage { clip, place, image: part(image, rows, columns, display, pyramid), nearest })
    }
}
