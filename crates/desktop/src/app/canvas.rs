//! The image: panes, what is drawn in them, and what the pointer does there.

use super::{App, Command, Drag, Layout, Tool};
use crate::document::Picture;
use crate::edit::{Edit, Place};
use crate::markers::{self, Marks, SELECTED};
use crate::scene::{ScaleBar, outlined};
use crate::tiles::Shown;
use crate::view::View;
use adatom_formats::PixelSize;
use egui::{
    Align2, Color32, CursorIcon, Frame, Painter, PointerButton, Pos2, Rect, Response, Role, Sense, Shape,
    Stroke, Ui, WidgetInfo, pos2, vec2,
};

/// How near to a column one must point \[points\].
const NEAR: f32 = 14.0;
/// Enlargement a point of scrolling.
const SCROLL: f32 = 0.004;
/// Behind the image.
pub(super) const BACKGROUND: Color32 = Color32::from_gray(20);

impl Shown {
    /// What it is called on the screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Picture(picture) => picture.name(),
            Self::Spectrum => "Power spectrum",
        }
    }
}

impl App {
    pub(super) fn canvas(&mut self, ui: &mut Ui) {
        egui::CentralPanel::no_frame().frame(Frame::new().fill(BACKGROUND)).show(ui, |ui| {
            self.canvas = ui.available_rect_before_wrap();
            if self.document.is_none() {
                self.welcome(ui);
                return;
            }
            self.colour();
            self.pane_rects.clear();
            match self.layout {
                Layout::Single => self.pane(ui, self.canvas, self.canvas, 0),
                Layout::SideBySide => {
                    let (left, right) = self.canvas.split_left_right_at_fraction(0.5);
                    let left = Rect::from_min_max(left.min, left.max - vec2(1.0, 0.0));
                    let right = Rect::from_min_max(right.min + vec2(1.0, 0.0), right.max);
                    self.pane(ui, left, left, 0);
                    self.pane(ui, right, right, 1);
                }
                Layout::Split => {
                    let at = self.canvas.left() + self.split * self.canvas.width();
                    let left = Rect::from_min_max(self.canvas.min, pos2(at, self.canvas.bottom()));
                    let right = Rect::from_min_max(pos2(at, self.canvas.top()), self.canvas.max);
                    self.pane(ui, left, self.canvas, 0);
                    self.pane(ui, right, self.canvas, 1);
                    self.splitter(ui, at);
                }
            }
        });
    }

    fn welcome(&mut self, ui: &mut Ui) {
        let text = |size: f32, grey: u8| (egui::FontId::proportional(size), Color32::from_gray(grey));
        let middle = self.canvas.center();
        let painter = ui.painter();
        let (font, colour) = text(26.0, 235);
        painter.text(middle - vec2(0.0, 64.0), Align2::CENTER_CENTER, "Adatom", font, colour);
        let (font, colour) = text(15.0, 165);
        let line = "Drop an image or a session here";
        painter.text(middle - vec2(0.0, 28.0), Align2::CENTER_CENTER, line, font, colour);
        let rect = Rect::from_center_size(middle + vec2(0.0, 80.0), vec2(420.0, 160.0));
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            ui.visuals_mut().override_text_color = Some(Color32::from_gray(225));
            ui.visuals_mut().widgets.inactive.weak_bg_fill = Color32::from_gray(48);
            ui.visuals_mut().widgets.hovered.weak_bg_fill = Color32::from_gray(70);
            ui.vertical_centered(|ui| {
                if ui.button("Open an image…").clicked() {
                    self.queue.push(Command::Open);
                }
                ui.add_space(8.0);
                for path in self.preferences.recent.clone().into_iter().take(4) {
                    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                    let button = egui::Button::new(name).frame(false);
                    if ui.add(button).on_hover_text(path.display().to_string()).clicked() {
                        self.queue.push(Command::OpenFile(path));
                    }
                }
            });
        });
    }

    /// A pane: `rect` is what is seen of `whole`, to which the view belongs.
    fn pane(&mut self, ui: &mut Ui, rect: Rect, whole: Rect, number: usize) {
        let shown = self.panes[number];
        let response = ui.interact(rect, ui.scope_id().with(("pane", number)), Sense::click_and_drag());
        let label = format!("Image {}: {}", number + 1, shown.name());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
        let Some(document) = &self.document else { return };
        let size = match (shown, &self.spectrum) {
            (Shown::Spectrum, Some((spectrum, _))) => spectrum.log_power.dim(),
            _ => document.image.data.dim(),
        };
        let view = if shown == Shown::Spectrum { &mut self.spectrum_view } else { &mut self.view };
        if number == 0 || shown == Shown::Spectrum || self.panes[0] == Shown::Spectrum {
            view.fit_into(whole, size);
        }
        self.pane_rects.push((shown, whole));
        self.point(ui, &response, shown, whole);
        let view = if shown == Shown::Spectrum { self.spectrum_view } else { self.view };
        let painter = ui.painter().with_clip_rect(rect);
        let pyramid = match shown {
            Shown::Spectrum => self.spectrum.as_ref().map(|(_, pyramid)| pyramid.clone()),
            Shown::Picture(picture) => self.picture(picture),
        };
        match pyramid {
            Some(pyramid) => {
                let display = self.preferences.display;
                self.tiles.paint(&painter, whole, &view, shown, &pyramid, &display);
            }
            None => {
                let text = match shown {
                    Shown::Spectrum => "Computing the power spectrum…".to_owned(),
                    Shown::Picture(picture) => {
                        format!("{}: not there yet. Find columns makes it.", picture.name())
                    }
                };
                outlined(&painter, rect.center(), Align2::CENTER_CENTER, &text);
            }
        }
        match shown {
            Shown::Spectrum => self.paint_spots(&painter, whole, &view),
            Shown::Picture(_) => self.paint_columns(&painter, number, whole, &view, rect),
        }
        if self.layout != Layout::Single {
            let (place, align) = match number {
                1 if self.layout == Layout::Split => (rect.right_top() + vec2(-12.0, 8.0), Align2::RIGHT_TOP),
                _ => (rect.left_top() + vec2(12.0, 8.0), Align2::LEFT_TOP),
            };
            outlined(&painter, place, align, shown.name());
        }
        if let (Some(coloured), Shown::Picture(_), true) = (&self.coloured, shown, self.show_columns)
            && let Some(legend) = &coloured.legend
            && (number == 1 || self.layout == Layout::Single)
        {
            legend.paint(&painter, rect);
        }
    }

    fn paint_columns(&mut self, painter: &Painter, number: usize, pane: Rect, view: &View, seen: Rect) {
        let Some(document) = &self.document else { return };
        let columns = std::sync::Arc::clone(document.columns());
        let radius = markers::radius(document.spacing_px(), view);
        if let Some(growing) = &self.growing {
            for place in &growing.places {
                let stroke = Stroke::new(markers::THICKNESS, markers::FOUND.gamma_multiply(0.8));
                painter.add(Shape::circle_stroke(view.screen_of(pane, *place), 4.0, stroke));
            }
        } else if self.show_columns {
            let colours = self.coloured.as_ref().map_or(&[][..], |coloured| &coloured.colours);
            let colour = |index: usize| colours.get(index).copied().unwrap_or(markers::FOUND);
            let marks = Marks { pane, seen, view, columns: &columns, radius, colour };
            let mesh = self.rings.mesh(painter.ctx(), number, &marks);
            painter.add(Shape::mesh(mesh));
            for index in &self.selection {
                let Some(column) = columns.get(*index) else { continue };
                let centre = view.screen_of(pane, column.place());
                if seen.expand(20.0).contains(centre) {
                    painter.circle_stroke(
                        centre,
                        radius + 2.5,
                        Stroke::new(4.0, Color32::from_black_alpha(150)),
                    );
                    painter.circle_stroke(centre, radius + 2.5, Stroke::new(2.0, SELECTED));
                }
            }
        }
        let dark = Stroke::new(3.0, Color32::from_black_alpha(160));
        let bright = Stroke::new(1.5, SELECTED);
        match &self.drag {
            Drag::Column { index, to } => {
                if let Some(column) = columns.get(*index) {
                    let ends = [view.screen_of(pane, column.place()), view.screen_of(pane, *to)];
                    painter.line_segment(ends, dark);
                    painter.line_segment(ends, bright);
                    painter.circle_stroke(ends[1], radius, Stroke::new(2.0, markers::EDITED));
                }
            }
            Drag::Lasso(places) => {
                let points: Vec<Pos2> = places.iter().map(|place| view.screen_of(pane, *place)).collect();
                painter.add(Shape::line(points.clone(), dark));
                painter.add(Shape::line(points, bright));
            }
            Drag::Nothing => {}
        }
        self.paint_vectors(painter, pane, view);
        if self.layout != Layout::Split || self.pane_rects.len() == 1 {
            let size = self.document.as_ref().and_then(|document| document.pixel_size);
            ScaleBar::new(seen, view, size.map(|size| size.x_angstrom)).paint(painter);
        }
    }

    /// The lattice's vectors: those being clicked, or those that were found.
    fn paint_vectors(&self, painter: &Painter, pane: Rect, view: &View) {
        let Some(document) = &self.document else { return };
        let unit = document.pixel_size.unwrap_or(PixelSize { x_angstrom: 1.0, y_angstrom: 1.0 });
        let arrows: Vec<(Place, Place, &str)> = match (&self.vectors[..], &self.lattice) {
            ([origin, ends @ ..], _) => {
                let ends = ends.iter().zip(["a", "b"]).map(|(end, name)| (*origin, *end, name));
                let hover = self.hover.filter(|_| ends.len() < 2).map(|(_, place)| (*origin, place, ""));
                ends.chain(hover).collect()
            }
            ([], Some(found)) if self.show_columns && self.colour_by.needs_lattice() => {
                let lattice = &found.lattice;
                let place = |x: f64, y: f64| (x / unit.x_angstrom, y / unit.y_angstrom);
                let origin = place(lattice.origin.x, lattice.origin.y);
                let end = |v: adatom_analysis::Vector| place(lattice.origin.x + v.x, lattice.origin.y + v.y);
                vec![(origin, end(lattice.a), "a"), (origin, end(lattice.b), "b")]
            }
            _ => return,
        };
        for (from, to, name) in arrows {
            let (from, to) = (view.screen_of(pane, from), view.screen_of(pane, to));
            painter.line_segment([from, to], Stroke::new(4.0, Color32::from_black_alpha(170)));
            painter.arrow(from, to - from, Stroke::new(2.0, markers::EDITED));
            outlined(painter, to + vec2(9.0, 0.0), Align2::LEFT_CENTER, name);
        }
    }

    fn paint_spots(&self, painter: &Painter, pane: Rect, view: &View) {
        let Some((spectrum, _)) = &self.spectrum else { return };
        let unit = if spectrum.calibrated { ("1/Å", "Å") } else { ("1/px", "px") };
        for spot in &self.spots {
            let centre = view.screen_of(pane, spot.place);
            painter.circle_stroke(centre, 8.0, Stroke::new(3.5, Color32::from_black_alpha(170)));
            painter.circle_stroke(centre, 8.0, Stroke::new(1.8, markers::EDITED));
            let length = spot.length();
            let text = format!("{length:.4} {}  ({:.3} {})", unit.0, 1.0 / length, unit.1);
            outlined(painter, centre + vec2(13.0, 0.0), Align2::LEFT_CENTER, &text);
        }
    }

    /// The line between two pictures on each other.
    fn splitter(&mut self, ui: &mut Ui, at: f32) {
        let area = Rect::from_center_size(pos2(at, self.canvas.center().y), vec2(14.0, self.canvas.height()));
        let response = ui.interact(area, ui.scope_id().with("splitter"), Sense::drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, "Split"));
        if response.hovered() || response.dragged() {
            ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
        }
        if let Some(pointer) = response.interact_pointer_pos().filter(|_| response.dragged()) {
            self.split = ((pointer.x - self.canvas.left()) / self.canvas.width()).clamp(0.02, 0.98);
        }
        let painter = ui.painter();
        let ends = [pos2(at, self.canvas.top()), pos2(at, self.canvas.bottom())];
        painter.line_segment(ends, Stroke::new(4.0, Color32::from_black_alpha(150)));
        painter.line_segment(ends, Stroke::new(2.0, Color32::WHITE));
        let knob = pos2(at, self.canvas.center().y);
        painter.circle(knob, 11.0, Color32::WHITE, Stroke::new(1.0, Color32::from_black_alpha(150)));
        for side in [-1.0, 1.0] {
            let tip = knob + vec2(side * 7.0, 0.0);
            let corners = vec![tip, tip + vec2(-side * 4.0, -4.0), tip + vec2(-side * 4.0, 4.0)];
            painter.add(Shape::convex_polygon(corners, Color32::from_gray(60), Stroke::NONE));
        }
    }

    /// The column nearest to a point, if one is near enough.
    fn column_at(&self, pane: Rect, point: Pos2) -> Option<usize> {
        let document = self.document.as_ref()?;
        let radius = markers::radius(document.spacing_px(), &self.view).max(NEAR);
        let distances = document
            .columns()
            .iter()
            .enumerate()
            .map(|(index, column)| (index, self.view.screen_of(pane, column.place()).distance(point)));
        let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (nearest.1 <= radius).then_some(nearest.0)
    }

    /// What the pointer does in a pane.
    fn point(&mut self, ui: &Ui, response: &Response, shown: Shown, pane: Rect) {
        let view = if shown == Shown::Spectrum { &mut self.spectrum_view } else { &mut self.view };
        if let Some(pointer) = response.hover_pos() {
            let (scroll, zoom) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
            let factor = (scroll * SCROLL).exp() * zoom;
            if (factor - 1.0).abs() > 1e-4 {
                view.zoom_at(pane, pointer, f64::from(factor));
            }
            self.hover = Some((shown, view.image_at(pane, pointer)));
        } else if self.hover.is_some_and(|(before, _)| before == shown) && !response.dragged() {
            self.hover = None;
        }
        let panning = response.dragged_by(PointerButton::Middle)
            || response.dragged_by(PointerButton::Secondary)
            || (response.dragged_by(PointerButton::Primary)
                && (shown == Shown::Spectrum
                    || ui.input(|input| input.key_down(egui::Key::Space))
                    || (self.tool != Tool::Lasso
                        && self.drag == Drag::Nothing
                        && !self.grabs(response, pane))));
        if panning {
            view_of(self, shown).pan(response.drag_delta());
            ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
            return;
        }
        if shown == Shown::Spectrum {
            if response.clicked()
                && let (Some(point), Some((spectrum, _))) = (response.interact_pointer_pos(), &self.spectrum)
            {
                let spot = spectrum.spot_near(self.spectrum_view.image_at(pane, point));
                let (same, others): (Vec<_>, Vec<_>) =
                    self.spots.drain(..).partition(|other| near(other.place, spot.place));
                self.spots = others;
                if same.is_empty() {
                    self.spots.push(spot);
                }
            }
            return;
        }
        if response.hovered() {
            let icon = match self.tool {
                Tool::Select | Tool::Move => CursorIcon::Default,
                Tool::Delete => CursorIcon::PointingHand,
                Tool::Add | Tool::Lasso | Tool::Vectors => CursorIcon::Crosshair,
            };
            ui.ctx().set_cursor_icon(icon);
        }
        self.drag_tool(ui, response, pane);
        if response.clicked()
            && let Some(point) = response.interact_pointer_pos()
        {
            let shift = ui.input(|input| input.modifiers.shift || input.modifiers.command);
            self.click(pane, point, shift);
        }
    }

    /// Whether a drag that begins here takes a column along.
    fn grabs(&self, response: &Response, pane: Rect) -> bool {
        self.tool == Tool::Move
            && response.drag_started()
            && response
                .ctx
                .input(|i| i.pointer.press_origin())
                .is_some_and(|p| self.column_at(pane, p).is_some())
    }

    fn drag_tool(&mut self, ui: &Ui, response: &Response, pane: Rect) {
        let Some(point) = response.interact_pointer_pos() else { return };
        let place = self.view.image_at(pane, point);
        if response.drag_started_by(PointerButton::Primary) {
            let origin = ui.input(|input| input.pointer.press_origin()).unwrap_or(point);
            match self.tool {
                Tool::Lasso => self.drag = Drag::Lasso(vec![self.view.image_at(pane, origin)]),
                Tool::Move => {
                    if let Some(index) = self.column_at(pane, origin) {
                        self.drag = Drag::Column { index, to: place };
                    }
                }
                _ => {}
            }
        }
        if response.dragged() {
            match &mut self.drag {
                Drag::Lasso(places) => places.push(place),
                Drag::Column { to, .. } => *to = place,
                Drag::Nothing => {}
            }
        }
        if response.drag_stopped() {
            match std::mem::take(&mut self.drag) {
                Drag::Lasso(places) => {
                    let Some(document) = &self.document else { return };
                    let columns = document.columns().iter().enumerate();
                    let inside =
                        columns.filter(|(_, c)| is_inside(&places, c.place())).map(|(index, _)| index);
                    if !ui.input(|input| input.modifiers.shift) {
                        self.selection.clear();
                    }
                    self.selection.extend(inside);
                }
                Drag::Column { index, to } => {
                    if let Some(document) = &mut self.document
                        && let Some(from) = document.columns().get(index).map(|column| column.place())
                    {
                        document.edit(Edit::Move { from, to });
                        self.columns_changed();
                    }
                }
                Drag::Nothing => {}
            }
        }
    }

    fn click(&mut self, pane: Rect, point: Pos2, shift: bool) {
        let place = self.view.image_at(pane, point);
        let at = self.column_at(pane, point);
        let Some(document) = &mut self.document else { return };
        let (rows, columns) = document.image.data.dim();
        let inside =
            (-0.5..columns as f64 - 0.5).contains(&place.0) && (-0.5..rows as f64 - 0.5).contains(&place.1);
        match self.tool {
            Tool::Add if inside => {
                document.add(place);
                self.columns_changed();
            }
            Tool::Delete => {
                if let Some(at) = at.map(|index| document.columns()[index].place()) {
                    document.edit(Edit::Delete { at: vec![at] });
                    self.columns_changed();
                }
            }
            Tool::Vectors => {
                let place = at.map_or(place, |index| document.columns()[index].place());
                self.vectors.push(place);
                if let [o, a, b] = self.vectors[..] {
                    self.vectors.clear();
                    self.find_lattice(Some([(a.0 - o.0, a.1 - o.1), (b.0 - o.0, b.1 - o.1)]));
                    self.colour_by = super::ColourBy::Sublattice;
                }
            }
            Tool::Select | Tool::Move | Tool::Lasso | Tool::Add => match at {
                Some(index) if shift && self.selection.remove(&index) => {}
                Some(index) if shift => self.selection.extend([index]),
                Some(index) => {
                    self.selection = [index].into();
                    self.tab = super::Tab::Columns;
                }
                None if !shift => self.selection.clear(),
                None => {}
            },
        }
    }

    /// What is under the pointer, in words.
    pub(super) fn read_out(&self) -> Option<String> {
        let (shown, (x, y)) = self.hover?;
        let document = self.document.as_ref()?;
        if shown == Shown::Spectrum {
            let (spectrum, _) = self.spectrum.as_ref()?;
            let at = spectrum.at((x, y));
            let (unit, length) = if spectrum.calibrated { ("1/Å", "Å") } else { ("1/px", "px") };
            let (g, angle) = (at.length(), at.angle_deg());
            return Some(format!("|g| {g:.4} {unit}   d {:.3} {length}   {angle:.1}°", 1.0 / g));
        }
        let mut text = format!("x {x:.1}  y {y:.1} px");
        if let Some(size) = document.pixel_size {
            text += &format!("   {:.2}  {:.2} Å", x * size.x_angstrom, y * size.y_angstrom);
        }
        let Shown::Picture(picture) = shown else { return Some(text) };
        let pixel = (y.round() as usize, x.round() as usize);
        if x > -0.5
            && y > -0.5
            && let Some(value) = document.pixels(picture).and_then(|pixels| pixels.get(pixel))
        {
            text += &format!("   value {}", super::colours::short(f64::from(*value)));
        }
        Some(text)
    }

    /// The picture in the first pane, if it is one.
    pub(super) fn first_picture(&self) -> Picture {
        match self.panes[0] {
            Shown::Picture(picture) => picture,
            Shown::Spectrum => Picture::Input,
        }
    }
}

fn view_of(app: &mut App, shown: Shown) -> &mut View {
    if shown == Shown::Spectrum { &mut app.spectrum_view } else { &mut app.view }
}

fn near(a: Place, b: Place) -> bool {
    (a.0 - b.0).hypot(a.1 - b.1) < 2.0
}

/// Whether a place is inside a polygon.
fn is_inside(polygon: &[Place], (x, y): Place) -> bool {
    let mut inside = false;
    for (index, (x1, y1)) in polygon.iter().enumerate() {
        let (x2, y2) = polygon[(index + polygon.len() - 1) % polygon.len()];
        if (*y1 > y) != (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1 {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasso_holds_what_it_is_drawn_around() {
        let lasso = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 4.0), (0.0, 10.0)];
        assert!(is_inside(&lasso, (2.0, 5.0)) && is_inside(&lasso, (5.0, 2.0)));
        assert!(
            !is_inside(&lasso, (5.0, 8.0)) && !is_inside(&lasso, (11.0, 5.0)) && !is_inside(&[], (0.0, 0.0))
        );
    }
}
