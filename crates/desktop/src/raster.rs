//! Draws what egui wants drawn, on the processor: pictures for files, at any resolution, on machines without a
//! screen.

use egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive, Vertex};
use egui::{Color32, ColorImage, Rect, TextureFilter, TextureId, TextureOptions, TexturesDelta};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows that one thread draws at a time.
const BAND: usize = 64;

/// Textures as they came.
#[derive(Default)]
pub struct Raster {
    textures: HashMap<TextureId, (ColorImage, TextureOptions)>,
}

impl Raster {
    /// Takes new textures and changes of old ones. Those that are to be freed stay: they may still be drawn.
    pub fn take(&mut self, delta: &TexturesDelta) {
        for (id, changes) in &delta.set {
            for change in changes {
                let ImageData::Color(image) = &change.image;
                match (change.pos, self.textures.get_mut(id)) {
                    (Some([left, top]), Some((texture, _))) => paste(texture, image, left, top),
                    _ => {
                        self.textures.insert(*id, (ColorImage::clone(image), change.options));
                    }
                }
            }
        }
    }

    /// Draws triangles on `background`; `pixels_per_point` as they were tessellated with.
    pub fn draw(
        &self,
        primitives: &[ClippedPrimitive],
        size: [usize; 2],
        pixels_per_point: f32,
        background: Color32,
    ) -> ColorImage {
        let mut image = ColorImage::filled(size, background);
        image.pixels.par_chunks_mut(size[0] * BAND).enumerate().for_each(|(band, pixels)| {
            let top = band * BAND;
            let mut target = Target { pixels, width: size[0], top, bottom: (top + BAND).min(size[1]) };
            for ClippedPrimitive { clip_rect, primitive } in primitives {
                let Primitive::Mesh(mesh) = primitive else { continue };
                let Some((texture, options)) = self.textures.get(&mesh.texture_id) else { continue };
                target.mesh(mesh, texture, options, *clip_rect, pixels_per_point);
            }
        });
        image
    }
}

fn paste(texture: &mut ColorImage, image: &Arc<ColorImage>, left: usize, top: usize) {
    for row in 0..image.size[1] {
        let to = (top + row) * texture.size[0] + left;
        let from = row * image.size[0];
        texture.pixels[to..to + image.size[0]].copy_from_slice(&image.pixels[from..from + image.size[0]]);
    }
}

/// Some rows of a picture.
struct Target<'a> {
    pixels: &'a mut [Color32],
    width: usize,
    top: usize,
    bottom: usize,
}

impl Target<'_> {
    fn mesh(&mut self, mesh: &Mesh, texture: &ColorImage, options: &TextureOptions, clip: Rect, scale: f32) {
        let side = |value: f32, most: usize| (value * scale).round().clamp(0.0, most as f32) as usize;
        let columns = side(clip.min.x, self.width)..side(clip.max.x, self.width);
        let rows = side(clip.min.y, usize::MAX >> 40).max(self.top)
            ..side(clip.max.y, usize::MAX >> 40).min(self.bottom);
        if columns.is_empty() || rows.is_empty() {
            return;
        }
        for triangle in mesh.indices.chunks_exact(3) {
            let corners = [0, 1, 2].map(|corner| &mesh.vertices[triangle[corner] as usize]);
            self.triangle(corners, texture, options, (&columns, &rows), scale);
        }
    }

    fn triangle(
        &mut self,
        corners: [&Vertex; 3],
        texture: &ColorImage,
        options: &TextureOptions,
        (columns, rows): (&std::ops::Range<usize>, &std::ops::Range<usize>),
        scale: f32,
    ) {
        let [a, b, c] = corners.map(|v| [f64::from(v.pos.x * scale), f64::from(v.pos.y * scale)]);
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        if area == 0.0 || !area.is_finite() {
            return;
        }
        let span = |axis: usize, range: &std::ops::Range<usize>| {
            let low = a[axis].min(b[axis]).min(c[axis]) - 0.5;
            let high = a[axis].max(b[axis]).max(c[axis]) + 0.5;
            (low.ceil().max(range.start as f64) as usize)..(high.ceil().clamp(0.0, range.end as f64) as usize)
        };
        // Pixels on an edge belong to the triangle on one side of it only.
        let owns = |p: [f64; 2], q: [f64; 2]| {
            let (dx, dy) = ((q[0] - p[0]) * area.signum(), (q[1] - p[1]) * area.signum());
            dy < 0.0 || (dy == 0.0 && dx > 0.0)
        };
        let edges = [(b, c), (c, a), (a, b)].map(|(p, q)| (p, q, owns(p, q)));
        for row in span(1, rows) {
            for column in span(0, columns) {
                let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
                let mut weights = [0.0_f32; 3];
                let mut inside = true;
                for (weight, (p, q, owned)) in weights.iter_mut().zip(&edges) {
                    let part = ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / area;
                    inside &= part > 0.0 || (part == 0.0 && *owned);
                    *weight = part as f32;
                }
                if !inside {
                    continue;
                }
                let mix = |of: &dyn Fn(&Vertex) -> f32| {
                    corners.iter().zip(weights).map(|(corner, weight)| of(corner) * weight).sum::<f32>()
                };
                let uv = [mix(&|v| v.uv.x), mix(&|v| v.uv.y)];
                let texel = sample(texture, uv, options.magnification);
                let tint = [0, 1, 2, 3].map(|channel| mix(&|v| f32::from(v.color.to_array()[channel])));
                let pixel = &mut self.pixels[(row - self.top) * self.width + column];
                let below = pixel.to_array();
                let source = [0, 1, 2, 3].map(|channel| texel[channel] * tint[channel] / 255.0);
                let out = [0, 1, 2, 3].map(|channel| {
                    let value = source[channel] + f32::from(below[channel]) * (1.0 - source[3] / 255.0);
                    value.round().clamp(0.0, 255.0) as u8
                });
                *pixel = Color32::from_rgba_premultiplied(out[0], out[1], out[2], out[3]);
            }
        }
    }
}

/// A texture at a place, repeated at its border.
fn sample(texture: &ColorImage, [u, v]: [f32; 2], filter: TextureFilter) -> [f32; 4] {
    let [width, height] = texture.size;
    let at = |x: i64, y: i64| {
        let x = x.clamp(0, width as i64 - 1) as usize;
        let y = y.clamp(0, height as i64 - 1) as usize;
        texture.pixels[y * width + x].to_array().map(f32::from)
    };
    let (x, y) = (u * width as f32, v * height as f32);
    if filter == TextureFilter::Nearest {
        return at(x.floor() as i64, y.floor() as i64);
    }
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let corner = |dx: i64, dy: i64| at(left as i64 + dx, top as i64 + dy);
    let (a, b, c, d) = (corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1));
    [0, 1, 2, 3].map(|i| {
        let above = a[i] * (1.0 - fx) + b[i] * fx;
        let below = c[i] * (1.0 - fx) + d[i] * fx;
        above * (1.0 - fy) + below * fy
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{pos2, vec2};

    fn drawn(mesh: Mesh, texture: ColorImage, options: TextureOptions) -> ColorImage {
        let mut raster = Raster::default();
        raster.textures.insert(TextureId::default(), (texture, options));
        let clip_rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(7.0, 8.0));
        let primitive = ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(mesh) };
        raster.draw(&[primitive], [8, 8], 1.0, Color32::BLACK)
    }

    #[test]
    fn the_two_triangles_of_a_rectangle_cover_each_pixel_once() {
        let mut mesh = Mesh::default();
        let half = Color32::from_rgba_premultiplied(100, 0, 0, 128);
        let place = Rect::from_min_size(pos2(1.0, 1.0), vec2(4.0, 6.0));
        mesh.add_rect_with_uv(place, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), half);
        let white = ColorImage::filled([1, 1], Color32::WHITE);
        let image = drawn(mesh, white, TextureOptions::LINEAR);
        for (index, pixel) in image.pixels.iter().enumerate() {
            let (x, y) = (index % 8, index / 8);
            let inside = (1..5).contains(&x) && (1..7).contains(&y);
            assert_eq!(pixel.r(), if inside { 100 } else { 0 }, "{x} {y}");
        }
    }

    #[test]
    fn a_nearest_texture_keeps_its_pixels_and_nothing_is_drawn_outside_the_clip() {
        let mut mesh = Mesh::default();
        let place = Rect::from_min_size(pos2(0.0, 0.0), vec2(8.0, 8.0));
        let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        mesh.add_rect_with_uv(place, all, Color32::WHITE);
        let texture = ColorImage::new([2, 1], vec![Color32::from_gray(40), Color32::from_gray(200)]);
        let image = drawn(mesh, texture, TextureOptions::NEAREST);
        let line: Vec<u8> = image.pixels[..8].iter().map(Color32::r).collect();
        assert_eq!(line, [40, 40, 40, 40, 200, 200, 200, 0]);
    }
}
