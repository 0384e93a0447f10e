//! Columns as rings, all in one mesh.

use crate::edit::{EditedColumn, Origin};
use crate::view::View;
use adatom_locate::Flag;
use egui::{Color32, ColorImage, Context, Mesh, Pos2, Rect, TextureHandle, TextureOptions, Vec2};

/// Radius of a ring as a part of the distance to the nearest neighbour, and its limits \[points\].
const PART: f64 = 0.24;
const RADII: (f32, f32) = (1.2, 12.0);
/// Below this radius rings are discs \[points\].
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

/// Textures of rings, made for the sizes that are drawn.
#[derive(Default)]
pub struct Rings {
    texture: Option<(u32, bool, TextureHandle)>,
}

impl Rings {
    /// The mesh of all columns that are in a pane.
    pub fn mesh(
        &mut self,
        ctx: &Context,
        pane: Rect,
        view: &View,
        columns: &[EditedColumn],
        radius: f32,
        colour: impl Fn(usize) -> Color32,
    ) -> Mesh {
        let scale = ctx.pixels_per_point();
        let disc = radius < DISC;
        let pixels = (radius * scale * 4.0).round() as u32;
        if self.texture.as_ref().is_none_or(|(size, filled, _)| (*size, *filled) != (pixels, disc)) {
            let image = ring(pixels as f32 / 4.0, THICKNESS * scale, disc);
            let texture = ctx.load_texture("ring", image, TextureOptions::LINEAR);
            self.texture = Some((pixels, disc, texture));
        }
        let Some((_, _, texture)) = &self.texture else { return Mesh::default() };
        let half = 0.5 * texture.size_vec2() / scale;
        let mut mesh = Mesh::with_texture(texture.id());
        let seen = pane.expand2(half);
        let uv = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        for (index, column) in columns.iter().enumerate() {
            let centre = view.screen_of(pane, column.place());
            if seen.contains(centre) {
                mesh.add_rect_with_uv(Rect::from_center_size(centre, 2.0 * half), uv, colour(index));
            }
        }
        mesh
    }
}

/// A ring or a disc, white on nothing, with soft edges and an empty border.
fn ring(radius: f32, thickness: f32, disc: bool) -> ColorImage {
    let side = 2 * (radius + 0.5 * thickness + 2.0).ceil() as usize;
    let middle = Vec2::splat(side as f32 / 2.0);
    let pixel = |index: usize| {
        let at = Vec2::new((index % side) as f32 + 0.5, (index / side) as f32 + 0.5);
        let distance = (at - middle).length();
        let coverage =
            if disc { radius + 0.5 - distance } else { 0.5 * thickness + 0.5 - (distance - radius).abs() };
        Color32::from_white_alpha((coverage.clamp(0.0, 1.0) * 255.0).round() as u8)
    };
    ColorImage::new([side, side], (0..side * side).map(pixel).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom::LocatedColumn;
    use egui::pos2;

    #[test]
    fn only_columns_in_the_pane_are_in_the_mesh() {
        let columns: Vec<EditedColumn> = (0..1000)
            .map(|i| LocatedColumn::at(f64::from(i % 100) * 10.0, f64::from(i / 100) * 10.0))
            .map(|column| EditedColumn { column, origin: Origin::Found })
            .collect();
        let pane = Rect::from_min_size(pos2(0.0, 0.0), Vec2::splat(95.0));
        let view = View { centre: (500.0, 50.0), ..View::default() };
        let mesh = Rings::default().mesh(&Context::default(), pane, &view, &columns, 1.0, |_| FOUND);
        // Ten by ten in the pane, and the rings that reach in.
        assert!((400..=480).contains(&mesh.vertices.len()), "{}", mesh.vertices.len());
    }

    #[test]
    fn a_ring_is_empty_in_its_middle_and_at_its_border() {
        let image = ring(6.0, 1.5, false);
        let at = |x: usize, y: usize| image.pixels[y * image.size[0] + x].a();
        let middle = image.size[0] / 2;
        assert_eq!((at(middle, middle), at(0, 0)), (0, 0));
        assert!(at(middle + 5, middle) > 150);
    }
}
