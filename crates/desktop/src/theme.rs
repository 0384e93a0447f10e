//! The font and the look, light and dark.

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, Style, TextStyle,
    Theme, Visuals, vec2,
};
use std::sync::Arc;

/// Inter, under the SIL Open Font License: it has superscripts, the minus among them, and Å.
const FONT: &[u8] = include_bytes!("../assets/Inter-Regular.otf");

/// The program's colour.
pub const ACCENT: Color32 = Color32::from_rgb(232, 74, 48);

/// Gives a context the font and the look.
pub fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::empty();
    fonts.font_data.insert("Inter".to_owned(), Arc::new(FontData::from_static(FONT)));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec!["Inter".to_owned()]);
    }
    ctx.set_fonts(fonts);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| look(style, theme));
    }
}

fn look(style: &mut Style, theme: Theme) {
    style.text_styles = [
        (TextStyle::Small, 11.0),
        (TextStyle::Body, 13.5),
        (TextStyle::Monospace, 13.0),
        (TextStyle::Button, 13.5),
        (TextStyle::Heading, 17.0),
    ]
    .map(|(text, size)| (text, FontId::proportional(size)))
    .into();
    style.spacing.item_spacing = vec2(8.0, 6.0);
    style.spacing.button_padding = vec2(9.0, 4.0);
    style.spacing.interact_size.y = 24.0;
    style.spacing.slider_width = 130.0;
    let mut visuals = match theme {
        Theme::Dark => Visuals::dark(),
        Theme::Light => Visuals::light(),
    };
    let round = CornerRadius::same(5);
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        state.corner_radius = round;
    }
    match theme {
        Theme::Dark => {
            visuals.panel_fill = Color32::from_rgb(27, 29, 34);
            visuals.window_fill = Color32::from_rgb(33, 36, 42);
            visuals.extreme_bg_color = Color32::from_rgb(17, 18, 22);
            visuals.faint_bg_color = Color32::from_rgb(36, 39, 46);
            visuals.widgets.noninteractive.fg_stroke = Stroke::new(1.0, Color32::from_rgb(208, 212, 220));
            visuals.widgets.inactive.fg_stroke = Stroke::new(1.0, Color32::from_rgb(222, 226, 233));
            visuals.selection.bg_fill = Color32::from_rgb(146, 48, 32);
            visuals.selection.stroke = Stroke::new(1.0, Color32::WHITE);
        }
        Theme::Light => {
            visuals.panel_fill = Color32::from_rgb(246, 246, 248);
            visuals.window_fill = Color32::from_rgb(252, 252, 253);
            visuals.faint_bg_color = Color32::from_rgb(236, 237, 240);
            visuals.widgets.noninteractive.fg_stroke = Stroke::new(1.0, Color32::from_rgb(45, 48, 54));
            visuals.widgets.inactive.fg_stroke = Stroke::new(1.0, Color32::from_rgb(35, 38, 44));
            visuals.selection.bg_fill = Color32::from_rgb(255, 205, 194);
            visuals.selection.stroke = Stroke::new(1.0, Color32::from_rgb(110, 24, 10));
        }
    }
    visuals.hyperlink_color = ACCENT;
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(6);
    style.visuals = visuals;
}
