//! Pictures as textures: tiles of the level that suits the screen, coloured when they come into view.

use crate::colour::{Display, Lookup};
use crate::document::Picture;
use crate::pyramid::Pyramid;
use crate::view::View;
use egui::{
    Color32, ColorImage, Mesh, Painter, Pos2, Rect, Shape, TextureFilter, TextureHandle, TextureOptions,
};
use ndarray::{Array2, s};
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;

/// Side of a tile without its border \[px of its level\].
const TILE: usize = 512;
/// Every tile has a border of its neighbours' pixels, so that no seam can be seen between them.
const BORDER: usize = 1;
/// Tiles kept beyond those in view.
const KEPT: usize = 96;

/// What a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    picture: Shown,
    level: usize,
    row: usize,
    column: usize,
    nearest: bool,
}

/// A picture of the document, or its power spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shown {
    /// A picture.
    Picture(Picture),
    /// The power spectrum.
    Spectrum,
}

struct Entry {
    texture: TextureHandle,
    used: u64,
}

/// The tiles on the graphics card.
#[derive(Default)]
pub struct Tiles {
    entries: HashMap<Key, Entry>,
    lookups: HashMap<Shown, (Display, Lookup)>,
    frame: u64,
}

impl Tiles {
    /// Forgets a picture whose pixels changed.
    pub fn forget(&mut self, picture: Shown) {
        self.entries.retain(|key, _| key.picture != picture);
        self.lookups.remove(&picture);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.lookups.clear();
    }

    /// A new frame begins: tiles that were not seen for long are dropped.
    pub fn begin_frame(&mut self) {
        self.frame += 1;
        if self.entries.len() > KEPT {
            let frame = self.frame;
            self.entries.retain(|_, entry| frame - entry.used < 60);
        }
    }

    /// Paints what of a picture is in a pane.
    pub fn paint(
        &mut self,
        painter: &Painter,
        pane: Rect,
        view: &View,
        shown: Shown,
        pyramid: &Pyramid,
        display: &Display,
    ) {
        if self.lookups.get(&shown).is_none_or(|(before, _)| before != display) {
            self.forget(shown);
            self.lookups.insert(shown, (*display, Lookup::new(display, &pyramid.histogram)));
        }
        let pixels = view.zoom * f64::from(painter.ctx().pixels_per_point());
        let level = ((1.0 / pixels).log2().floor().max(0.0) as usize).min(pyramid.levels() - 1);
        let image = pyramid.level(level);
        let nearest = level == 0 && pixels >= 2.0 && !display.smooth;
        let factor = (1 << level) as f64;
        let (rows, columns) = image.dim();
        // The edges of the level's pixels in those of the image, whose first begins at -0.5.
        let corner = |column: usize, row: usize| {
            view.screen_of(pane, (column as f64 * factor - 0.5, row as f64 * factor - 0.5))
        };
        for row in 0..rows.div_ceil(TILE) {
            for column in 0..columns.div_ceil(TILE) {
                let (top, left) = (row * TILE, column * TILE);
                let (bottom, right) = ((top + TILE).min(rows), (left + TILE).min(columns));
                let place = Rect::from_min_max(corner(left, top), corner(right, bottom));
                if !place.intersects(pane) {
                    continue;
                }
                let key = Key { picture: shown, level, row, column, nearest };
                let lookup = &self.lookups[&shown].1;
                let frame = self.frame;
                let entry = self.entries.entry(key).or_insert_with(|| {
                    let filter = if nearest { TextureFilter::Nearest } else { TextureFilter::Linear };
                    let options = TextureOptions { magnification: filter, ..TextureOptions::LINEAR };
                    let tile = coloured(image, (top, bottom), (left, right), lookup);
                    Entry { texture: painter.ctx().load_texture("tile", tile, options), used: frame }
                });
                entry.used = frame;
                let size = entry.texture.size_vec2();
                let border = BORDER as f32;
                let uv = Rect::from_min_max(
                    Pos2::new(border / size.x, border / size.y),
                    Pos2::new(1.0 - border / size.x, 1.0 - border / size.y),
                );
                let mut mesh = Mesh::with_texture(entry.texture.id());
                mesh.add_rect_with_uv(place, uv, Color32::WHITE);
                painter.add(Shape::mesh(mesh));
            }
        }
    }
}

/// A part of an image with its border, coloured.
fn coloured(
    image: &Array2<f32>,
    (top, bottom): (usize, usize),
    (left, right): (usize, usize),
    lookup: &Lookup,
) -> ColorImage {
    let (height, width) = (bottom - top + 2 * BORDER, right - left + 2 * BORDER);
    let mut pixels = vec![Color32::BLACK; width * height];
    let inside = |at: usize, first: usize, size: usize| (first + at).saturating_sub(BORDER).min(size - 1);
    pixels.par_chunks_mut(width).enumerate().for_each(|(row, line)| {
        let from = image.row(inside(row, top, image.nrows()));
        for (column, pixel) in line.iter_mut().enumerate() {
            *pixel = lookup.colour(from[inside(column, left, image.ncols())]);
        }
    });
    ColorImage::new([width, height], pixels)
}

/// A part of a picture, coloured, for figures.
pub fn part(
    image: &Array2<f32>,
    rows: Range<usize>,
    columns: Range<usize>,
    display: &Display,
    pyramid: &Pyramid,
) -> ColorImage {
    let lookup = Lookup::new(display, &pyramid.histogram);
    let size = [columns.len(), rows.len()];
    let pixels = image.slice(s![rows, columns]).iter().map(|value| lookup.colour(*value)).collect();
    ColorImage::new(size, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_carries_its_neighbours_pixels_around_it() {
        let image = Array2::from_shape_fn((8, 8), |(r, c)| (8 * r + c) as f32);
        let pyramid = Pyramid::of(image.clone());
        let lookup = Lookup::new(&Display::default(), &pyramid.histogram);
        let tile = coloured(&image, (4, 8), (0, 4), &lookup);
        assert_eq!(tile.size, [6, 6]);
        assert_eq!(tile.pixels[5], lookup.colour(image[(3, 4)]), "the neighbour's");
        assert_eq!(tile.pixels[6 * 5], lookup.colour(image[(7, 0)]), "the image's border, repeated");
    }
}
