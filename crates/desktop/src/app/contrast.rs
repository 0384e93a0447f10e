//! Contrast: the histogram, black and white, gamma, colour map.

use super::App;
use crate::colour::{ColourMap, Contrast, Display};
use crate::pyramid::Histogram;
use egui::{ComboBox, Rect, Role, Sense, Slider, Stroke, Ui, WidgetInfo, pos2, vec2};

impl App {
    pub(super) fn contrast(&mut self, ui: &mut Ui) {
        let picture = self.first_picture();
        let histogram = self.picture(picture).map(|pyramid| pyramid.histogram);
        let display = &mut self.preferences.display;
        ComboBox::from_label("Colours")
            .selected_text(ColourMap::ALL.iter().find(|(map, _)| *map == display.map).map_or("", |m| m.1))
            .show_ui(ui, |ui| {
                for (map, name) in ColourMap::ALL {
                    ui.selectable_value(&mut display.map, map, name);
                }
            });
        if let Some(histogram) = &histogram {
            draw(ui, histogram, display);
        }
        let mut manual = matches!(display.contrast, Contrast::Manual(..));
        if ui.checkbox(&mut manual, "Manual contrast").changed() {
            display.contrast = match (&histogram, manual) {
                (Some(histogram), true) => {
                    let (low, high) = display.contrast.limits(histogram);
                    let (smallest, largest) = histogram.range();
                    let part = |value: f32| (value - smallest) / (largest - smallest).max(f32::MIN_POSITIVE);
                    Contrast::Manual(part(low), part(high))
                }
                _ => Contrast::default(),
            };
        }
        match &mut display.contrast {
            Contrast::Percentile(low, high) => {
                ui.add(Slider::new(low, 0.0..=50.0).suffix(" %").fixed_decimals(1).text("Black"));
                ui.add(Slider::new(high, 50.0..=100.0).suffix(" %").fixed_decimals(1).text("White"));
            }
            Contrast::Manual(low, high) => {
                let (from, to) = histogram.as_ref().map_or((0.0, 1.0), |histogram| histogram.range());
                for (part, words) in [(low, "Black"), (high, "White")] {
                    let mut value = from + *part * (to - from);
                    if ui.add(Slider::new(&mut value, from..=to).text(words)).changed() {
                        *part = (value - from) / (to - from).max(f32::MIN_POSITIVE);
                    }
                }
            }
        }
        ui.add(Slider::new(&mut display.gamma, 0.2..=3.0).logarithmic(true).fixed_decimals(2).text("Gamma"));
        ui.horizontal(|ui| {
            ui.checkbox(&mut display.smooth, "Smooth pixels");
            if ui.button("Reset").on_hover_text("Contrast and gamma as they were").clicked() {
                *display = Display { map: display.map, smooth: display.smooth, ..Display::default() };
            }
        });
    }
}

/// Counts as bars over the colours that values get.
fn draw(ui: &mut Ui, histogram: &Histogram, display: &Display) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 56.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Histogram"));
    let painter = ui.painter();
    painter.rect_filled(rect, 3.0, ui.visuals().extreme_bg_color);
    let (low, high) = display.contrast.limits(histogram);
    let (smallest, largest) = histogram.range();
    let most = histogram.counts.iter().copied().max().unwrap_or(1).max(1) as f32;
    let step = rect.width() / histogram.counts.len() as f32;
    let bar = ui.visuals().text_color().gamma_multiply(0.6);
    for (index, count) in histogram.counts.iter().enumerate() {
        // Square roots show rare values too.
        let height = (*count as f32 / most).sqrt() * (rect.height() - 4.0);
        let left = rect.left() + step * index as f32;
        let top = pos2(left, rect.bottom() - height);
        painter.rect_filled(Rect::from_min_max(top, pos2(left + step, rect.bottom())), 0.0, bar);
    }
    for value in [low, high] {
        let part = (value - smallest) / (largest - smallest).max(f32::MIN_POSITIVE);
        let x = rect.left() + part.clamp(0.0, 1.0) * rect.width();
        painter.vline(x, rect.y_range(), Stroke::new(1.5, crate::theme::ACCENT));
    }
}
