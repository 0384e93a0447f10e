//! Columns as rings, in one mesh, or as discs in one picture where they are small.

use crate::edit::{EditedColumn, Origin};
use crate::view::View;
use adatom_locate::Flag;
use egui::{Color32, ColorImage, Context, Mesh, Pos2, Rect, TextureHandle, TextureOptions, Vec2, pos2, vec2};

/// Radius of a ring as a part of the distance to the nearest neighbour, and its limits \[points\].
const PART: f64 = 0.24;
const RADII: (f32, f32) = (1.2, 12.0);
/// Below this radius columns are discs \[points\].
const DISC: f32 = 2.4;
/// Thickness of a ring \[points\].
pub const THICKNESS: f32 = 1.5;

/// A found column's colour.
pub const FOUND: Color32 = Color32::from_rgb(255, 82, 54);
/// One that is cut by the border.
pub const BORDER: Color32 = Color32::from_rgb(255, 204, 0);
/// One that was edited.
pub const EDITED: Color32 = Color32::from_rgb(64, 220, 255);
/// A selected one.
pub const SELECTED: Color32 = Color32::from_rgb(255, 255, 255);

/// The colour of a column that isn't coloured by a value.
pub fn plain(column: &EditedColumn) -> Color32 {
    if column.origin != Origin::Found {
        EDITED
    } else if column.column.flags.contains(&Flag::Border) {
        BORDER
    } else {
        FOUND
    }
}

/// Radius of the rings \[points\], for columns that are so far from each other \[px\].
pub fn radius(spacing_px: Option<f64>, view: &View) -> f32 {
    let radius = (PART * spacing_px.unwrap_or(20.0) * view.zoom) as f32;
    radius.clamp(RADII.0, RADII.1)
}

/// The columns of a pane, to be drawn.
pub struct Marks<'a, F> {
    /// The pane that the view belongs to.
    pub pane: Rect,
    /// What of it is seen.
    pub seen: Rect,
    /// The view.
    pub view: &'a View,
    /// The columns.
    pub columns: &'a [EditedColumn],
    /// Their radius \[points\].
    pub radius: f32,
    /// The colour of the column of an index.
    pub colour: F,
}

/// Textures: a ring of the size that is drawn, and a picture of all discs for each of two panes.
#[derive(Default)]
pub struct Rings {
    ring: Option<(u32, TextureHandle)>,
    discs: [Option<TextureHandle>; 2],
}

impl Rings {
    /// The mesh of all columns that are seen in the pane of a number. Small ones, of which there are many, are discs
    /// in one picture: tens of thousands of triangles would take longer than a frame where the processor draws.
    pub fn mesh<F: Fn(usize) -> Color32>(
        &mut self,
        ctx: &Context,
        number: usize,
        marks: &Marks<'_, F>,
    ) -> Mesh {
        if marks.radius < DISC { self.discs(ctx, number, marks) } else { self.rings(ctx, marks) }
    }

    fn rings<F: Fn(usize) -> Color32>(&mut self, ctx: &Context, marks: &Marks<'_, F>) -> Mesh {
        let scale = ctx.pixels_per_point();
        let pixels = (marks.radius * scale * 4.0).round() as u32;
        if self.ring.as_ref().is_none_or(|(size, _)| *size != pixels) {
            let image = ring(pixels as f32 / 4.0, THICKNESS * scale);
            self.ring = Some((pixels, ctx.load_texture("ring", image, TextureOptions::LINEAR)));
        }
        let Some((_, texture)) = &self.ring else { return Mesh::default() };
        let size = texture.size_vec2() / scale;
        let mut mesh = Mesh::with_texture(texture.id());
        let near = marks.seen.expand2(0.5 * size);
        for (index, column) in marks.columns.iter().enumerate() {
            let centre = marks.view.screen_of(marks.pane, column.place());
            if near.contains(centre) {
                mesh.add_rect_with_uv(Rect::from_center_size(centre, size), ALL, (marks.colour)(index));
            }
        }
        mesh
    }

    fn discs<F: Fn(usize) -> Color32>(&mut self, ctx: &Context, number: usize, marks: &Marks<'_, F>) -> Mesh {
        let scale = ctx.pixels_per_point();
        // Pixel on pixel.
        let corner = (marks.seen.min * scale).floor();
        let size = (marks.seen.max * scale).ceil() - corner;
        let [width, height] = [size.x.max(1.0), size.y.max(1.0)].map(|side| side as usize);
        let mut image = ColorImage::filled([width, height], Color32::TRANSPARENT);
        for (index, column) in marks.columns.iter().enumerate() {
            let centre = marks.view.screen_of(marks.pane, column.place()) * scale - corner.to_vec2();
            disc(&mut image, centre, marks.radius * scale, (marks.colour)(index));
        }
        let Some(slot) = self.discs.get_mut(number) else { return Mesh::default() };
        let texture = match slot {
            Some(texture) => {
                texture.set(image, TextureOptions::NEAREST);
                texture
            }
            None => slot.insert(ctx.load_texture("discs", image, TextureOptions::NEAREST)),
        };
        let mut mesh = Mesh::with_texture(texture.id());
        let place = Rect::from_min_size(corner / scale, vec2(width as f32, height as f32) / scale);
        mesh.add_rect_with_uv(place, ALL, Color32::WHITE);
        mesh
    }
}

/// The whole of a texture.
const ALL: Rect = Rect { min: Pos2::ZERO, max: Pos2::new(1.0, 1.0) };

/// A disc with a soft edge on a picture.
fn disc(image: &mut ColorImage, centre: Pos2, radius: f32, colour: Color32) {
    let [width, height] = image.size;
    let reach = radius + 0.5;
    if !(-reach..width as f32 + reach).contains(&centre.x)
        || !(-reach..height as f32 + reach).contains(&centre.y)
    {
        return;
    }
    let range = |at: f32, side: usize| {
        ((at - reach).floor().max(0.0) as usize)..((at + reach).ceil().max(0.0) as usize).min(side)
    };
    for row in range(centre.y, height) {
        for column in range(centre.x, width) {
            let distance = (pos2(column as f32 + 0.5, row as f32 + 0.5) - centre).length();
            let coverage = (reach - distance).clamp(0.0, 1.0);
            if coverage > 0.0 {
                let pixel = &mut image.pixels[row * width + column];
                *pixel = colour.gamma_multiply(coverage) + pixel.gamma_multiply(1.0 - coverage);
            }
        }
    }
}

/// A ring, white on nothing, with soft edges and an empty border.
fn ring(radius: f32, thickness: f32) -> ColorImage {
    let side = 2 * (radius + 0.5 * thickness + 2.0).ceil() as usize;
    let middle = Vec2::splat(side as f32 / 2.0);
    let pixel = |index: usize| {
        let at = Vec2::new((index % side) as f32 + 0.5, (index / side) as f32 + 0.5);
        let coverage = 0.5 * thickness + 0.5 - ((at - middle).length() - radius).abs();
        Color32::from_white_alpha((coverage.clamp(0.0, 1.0) * 255.0).round() as u8)
    };
    ColorImage::new([side, side], (0..side * side).map(pixel).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom::LocatedColumn;

    fn columns() -> Vec<EditedColumn> {
        (0..1000)
            .map(|i| LocatedColumn::at(f64::from(i % 100) * 10.0, f64::from(i / 100) * 10.0))
            .map(|column| EditedColumn { column, origin: Origin::Found })
            .collect()
    }

    #[test]
    fn only_columns_in_the_pane_are_in_the_mesh() {
        let pane = Rect::from_min_size(pos2(0.0, 0.0), Vec2::splat(95.0));
        let view = View { centre: (500.0, 50.0), ..View::default() };
        let columns = columns();
        let marks =
            Marks { pane, seen: pane, view: &view, columns: &columns, radius: 3.0, colour: |_| FOUND };
        let mesh = Rings::default().mesh(&Context::default(), 0, &marks);
        // Ten by ten in the pane, and the rings that reach in.
        assert!((400..=480).contains(&mesh.vertices.len()), "{}", mesh.vertices.len());
    }

    #[test]
    fn many_small_columns_are_one_picture() {
        let pane = Rect::from_min_size(pos2(3.0, 5.0), Vec2::splat(100.0));
        let view = View { centre: (49.5, 49.5), ..View::default() };
        let columns = columns();
        let marks =
            Marks { pane, seen: pane, view: &view, columns: &columns, radius: 1.2, colour: |_| FOUND };
        let mesh = Rings::default().mesh(&Context::default(), 1, &marks);
        assert_eq!((mesh.vertices.len(), mesh.vertices[0].pos), (4, pane.min));
        let mut image = ColorImage::filled([20, 20], Color32::TRANSPARENT);
        disc(&mut image, pos2(10.5, 4.5), 1.2, FOUND);
        assert_eq!((image.pixels[4 * 20 + 10], image.pixels[4 * 20 + 13]), (FOUND, Color32::TRANSPARENT));
        disc(&mut image, pos2(-50.0, 4.5), 1.2, FOUND);
    }

    #[test]
    fn a_ring_is_empty_in_its_middle_and_at_its_border() {
        let image = ring(6.0, 1.5);
        let at = |x: usize, y: usize| image.pixels[y * image.size[0] + x].a();
        let middle = image.size[0] / 2;
        assert_eq!((at(middle, middle), at(0, 0)), (0, 0));
        assert!(at(middle + 5, middle) > 150);
    }
}
