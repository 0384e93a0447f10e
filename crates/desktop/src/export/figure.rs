//! A view of an image as a figure: the pane as it looks, in a size and resolution for print.

use crate::raster::Raster;
use crate::scene::{Legend, ScaleBar};
use crate::{markers, theme};
use egui::{
    Align2, Color32, ColorImage, Context, Painter, Pos2, RawInput, Rect, Shape, Stroke, TextureFilter,
    TextureOptions, Vec2, ViewportId,
};

/// Millimetres an inch.
const INCH: f32 = 25.4;
/// Pixels of a picture at most.
const MOST: f32 = 4e8;

/// A picture in a figure.
#[derive(Clone)]
pub struct FigureImage {
    /// The part of the figure that it is seen in.
    pub clip: Rect,
    /// Where the whole of it would be.
    pub place: Rect,
    /// Its pixels.
    pub image: ColorImage,
    /// Whether its pixels stay sharp.
    pub nearest: bool,
}

/// What a figure shows, in points of the screen from its top left corner.
#[derive(Clone)]
pub struct Figure {
    /// Its size.
    pub size: Vec2,
    /// Its width in print \[mm\].
    pub width_mm: f32,
    /// Dots an inch, of PNG.
    pub dpi: f32,
    /// The pictures.
    pub images: Vec<FigureImage>,
    /// Columns: where, and in which colour.
    pub rings: Vec<(Pos2, Color32)>,
    /// Their radius.
    pub radius: f32,
    /// The part of the figure in which rings are drawn.
    pub rings_in: Vec<Rect>,
    /// The scale bars.
    pub bars: Vec<ScaleBar>,
    /// What the rings' colours mean, and the pane that says so.
    pub legend: Option<(Legend, Rect)>,
    /// Behind the pictures.
    pub background: Color32,
}

impl Figure {
    /// Points of print a point of the screen.
    pub fn print_scale(&self) -> f32 {
        self.width_mm / INCH * 72.0 / self.size.x
    }

    /// The figure as PNG.
    ///
    /// # Errors
    /// A message when it is too large.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        encode_png(&self.picture(self.width_mm / INCH * self.dpi / self.size.x)?, Some(self.dpi))
    }

    /// The figure with so many pixels a point.
    ///
    /// # Errors
    /// A message when it is too large.
    pub fn picture(&self, pixels_per_point: f32) -> Result<ColorImage, String> {
        let size = self.size * pixels_per_point;
        if !(1.0..=MOST).contains(&(size.x * size.y)) {
            return Err(format!(
                "a figure of {:.0} × {:.0} pixels is not drawn; choose a smaller width or fewer dots an inch",
                size.x, size.y
            ));
        }
        let ctx = Context::default();
        theme::install(&ctx);
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, self.size)),
            max_texture_side: Some(1 << 16),
            ..RawInput::default()
        };
        input.viewports.entry(ViewportId::ROOT).or_default().native_pixels_per_point = Some(pixels_per_point);
        let mut raster = Raster::default();
        // Fonts are there from the second frame on.
        let mut textures = Vec::new();
        let mut output = None;
        for _ in 0..2 {
            textures.clear();
            let mut drawn = ctx.run_ui(input.clone(), |ui| {
                let painter = ui.ctx().layer_painter(egui::LayerId::background());
                self.paint(&painter, &mut textures);
            });
            raster.take(&drawn.textures_delta);
            drawn.textures_delta.clear();
            output = Some(drawn);
        }
        let Some(output) = output else { return Err("nothing was drawn".to_owned()) };
        let triangles = ctx.tessellate(output.shapes, pixels_per_point);
        let pixels = [size.x.round() as usize, size.y.round() as usize];
        Ok(raster.draw(&triangles, pixels, pixels_per_point, self.background))
    }

    fn paint(&self, painter: &Painter, textures: &mut Vec<egui::TextureHandle>) {
        for picture in &self.images {
            let filter = if picture.nearest { TextureFilter::Nearest } else { TextureFilter::Linear };
            let options = TextureOptions { magnification: filter, ..TextureOptions::LINEAR };
            let texture = painter.ctx().load_texture("picture", picture.image.clone(), options);
            let uv = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
            painter.with_clip_rect(picture.clip).image(texture.id(), picture.place, uv, Color32::WHITE);
            textures.push(texture);
        }
        for (place, colour) in &self.rings {
            if let Some(pane) = self.rings_in.iter().find(|pane| pane.contains(*place)) {
                let stroke = Stroke::new(markers::THICKNESS, *colour);
                painter.with_clip_rect(*pane).add(Shape::circle_stroke(*place, self.radius, stroke));
            }
        }
        self.bars.iter().for_each(|bar| bar.paint(painter));
        if let Some((legend, pane)) = &self.legend {
            legend.paint(painter, *pane);
        }
    }

    /// The whole figure.
    pub fn all(&self) -> Rect {
        Rect::from_min_size(Pos2::ZERO, self.size)
    }

    /// The rings that lie in a pane.
    pub(super) fn visible_rings(&self) -> impl Iterator<Item = (Pos2, Color32)> {
        let inside = |place: &Pos2| self.rings_in.iter().any(|pane| pane.contains(*place));
        self.rings.iter().copied().filter(move |(place, _)| inside(place))
    }

    /// The fields of the legend's colour scale.
    pub(super) fn legend_parts(&self) -> Vec<(Rect, Color32)> {
        self.legend.as_ref().map_or_else(Vec::new, |(legend, pane)| legend.parts(*pane))
    }

    /// What the legend says, and where.
    pub(super) fn legend_texts(&self) -> Vec<(Pos2, Align2, String)> {
        self.legend.as_ref().map_or_else(Vec::new, |(legend, pane)| legend.texts(*pane))
    }
}

/// A picture as PNG, with its resolution where that is given \[dots an inch\].
///
/// # Errors
/// A message when it can't be packed.
pub fn encode_png(image: &ColorImage, dpi: Option<f32>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let [width, height] = image.size;
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(dpi) = dpi {
        let per_metre = (dpi / INCH * 1000.0).round() as u32;
        let unit = png::Unit::Meter;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit }));
    }
    let data: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
    writer.write_image_data(&data).map_err(|e| e.to_string())?;
    writer.finish().map_err(|e| e.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use egui::{pos2, vec2};

    pub(crate) fn figure() -> Figure {
        let all = Rect::from_min_size(Pos2::ZERO, vec2(200.0, 100.0));
        let pixels = (0..8).map(|i| Color32::from_gray(if i % 2 == 0 { 40 } else { 200 })).collect();
        Figure {
            size: all.size(),
            width_mm: 50.8,
            dpi: 300.0,
            images: vec![FigureImage {
                clip: all,
                place: all,
                image: ColorImage::new([4, 2], pixels),
                nearest: true,
            }],
            rings: vec![(pos2(150.0, 30.0), markers::FOUND)],
            radius: 8.0,
            rings_in: vec![all],
            bars: vec![ScaleBar {
                bar: Rect::from_min_size(pos2(16.0, 79.0), vec2(40.0, 5.0)),
                text: "2 nm".to_owned(),
            }],
            legend: None,
            background: Color32::BLACK,
        }
    }

    #[test]
    fn a_png_has_its_size_at_its_resolution_and_shows_image_ring_and_bar() {
        let figure = figure();
        let picture = figure.picture(figure.width_mm / INCH * figure.dpi / figure.size.x).unwrap();
        assert_eq!(picture.size, [600, 300]);
        let at = |x: usize, y: usize| picture.pixels[y * 600 + x];
        assert_eq!(at(60, 30), Color32::from_gray(40));
        assert_eq!(at(170, 120), Color32::from_gray(200));
        assert_eq!(at(3 * 158, 3 * 30), markers::FOUND);
        assert_eq!(at(3 * 36, 3 * 81), Color32::WHITE);
        let png = figure.png().unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        assert_eq!(reader.info().pixel_dims.unwrap().xppu, 11811);
    }

    #[test]
    fn a_figure_too_large_to_draw_is_refused() {
        let message = Figure { dpi: 1e6, ..figure() }.png().unwrap_err();
        assert!(message.contains("fewer dots"), "{message}");
    }
}
