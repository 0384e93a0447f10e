use crate::{NetworkError, Normalisation, Task, Unet, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView2, Axis, Ix2, SliceInfo, SliceInfoElem, s};
use std::collections::BTreeMap;

/// Side of a square tile with its overlap \[px\]; others have at most as many pixels.
const TILE: usize = 864;
/// That of the tiles around single places.
const SMALL_TILE: usize = 256;

/// The restored images and maps of an image, in its own pixels and unit.
pub type Maps = BTreeMap<Task, Array2<f32>>;

/// A network ready to be applied to images of any size.
pub struct Inference {
    network: Unet,
    weights: Weights,
    device: Device,
    tile: usize,
}

impl Inference {
    /// Puts `weights` on `device`.
    pub fn new(weights: Weights, device: &Device) -> Self {
        Self { network: Unet::for_inference(&weights, device), weights, device: device.clone(), tile: TILE }
    }

    /// With tiles of at most as many pixels as a square of this side, the overlap included; the
    /// smallest tile is one of the network's stride and its overlap.
    #[must_use]
    pub fn with_tile(mut self, tile: usize) -> Self {
        self.tile = tile;
        self
    }

    /// The weights that are applied.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Computes every task's map of `image`. The image is continued by reflection at its borders
    /// and goes through in tiles that overlap by more than the network's reach, so that the tiles
    /// can't be seen and the network's own memory is that of one tile; the maps are whole.
    /// `progress` is called after each tile with the tiles done and their number.
    ///
    /// # Errors
    /// When the network can't be run.
    pub fn maps(
        &self,
        image: &Array2<f32>,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Maps, NetworkError> {
        let all = self.maps_while(image, |_, done, all| {
            progress(done, all);
            true
        })?;
        Ok(all.unwrap_or_default())
    }

    /// As [`Self::maps`]; `go_on` is called after each tile with the maps as far as they are done, zero elsewhere,
    /// and says whether to go on. `None` when it didn't want to.
    ///
    /// # Errors
    /// When the network can't be run.
    pub fn maps_while(
        &self,
        image: &Array2<f32>,
        mut go_on: impl FnMut(&Maps, usize, usize) -> bool,
    ) -> Result<Option<Maps>, NetworkError> {
        let (height, width) = image.dim();
        let normalisation = Normalisation::of(image);
        let mut maps: Maps =
            self.weights.config().tasks.iter().map(|task| (*task, Array2::zeros((height, width)))).collect();
        let parts = self.parts([height, width], self.tile);
        for (done, part) in parts.iter().enumerate() {
            self.see(image, &normalisation, part, Mirror::NONE, |task, seen| {
                if let Some(map) = maps.get_mut(&task) {
                    map.slice_mut(part.slice()).assign(&seen);
                }
            })?;
            if !go_on(&maps, done + 1, parts.len()) {
                return Ok(None);
            }
        }
        Ok(Some(maps))
    }

    /// Makes the masks of `maps`, which are those of the `image`, within `reach` of each of the places (x, y) \[px\] the
    /// means over the image upright and mirrored along its rows, its columns, and both: what differs between them is the network's
    /// own error. Rows stay rows, as they are displaced one by one and columns aren't. `go_on` is called after each tile and says
    /// whether to go on; without its consent some masks are means, and others not.
    ///
    /// # Errors
    /// When the network can't be run.
    pub fn average_mirrored(
        &self,
        image: &Array2<f32>,
        maps: &mut Maps,
        places: &[(f64, f64)],
        reach: f64,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<(), NetworkError> {
        let normalisation = Normalisation::of(image);
        let near = |tile: usize| -> Vec<Part> {
            let mut parts = self.parts([image.nrows(), image.ncols()], tile);
            parts.retain(|part| places.iter().any(|place| part.is_near(*place, reach)));
            parts
        };
        // Small tiles are mostly overlap: where there are places everywhere, larger ones are fewer pixels.
        let cost = |parts: &[Part]| {
            parts.iter().map(|part| self.padded(part).iter().product::<usize>()).sum::<usize>()
        };
        let (small, large) = (near(self.tile.min(SMALL_TILE)), near(self.tile));
        let parts = if cost(&small) < cost(&large) { small } else { large };
        for part in &parts {
            for mirror in Mirror::OTHERS {
                self.see(image, &normalisation, part, mirror, |task, seen| {
                    if let Some(map) = maps.get_mut(&task).filter(|_| task.is_mask()) {
                        let mut map = map.slice_mut(part.slice());
                        map += &seen;
                    }
                })?;
                if !go_on() {
                    return Ok(());
                }
            }
            for (_, map) in maps.iter_mut().filter(|(task, _)| task.is_mask()) {
                let mut map = map.slice_mut(part.slice());
                map /= (Mirror::OTHERS.len() + 1) as f32;
            }
        }
        Ok(())
    }

    /// The parts of an image that are tiles of at most so many pixels as a square of this side.
    fn parts(&self, [height, width]: [usize; 2], tile: usize) -> Vec<Part> {
        let config = self.weights.config();
        let (rows, columns) = tile_size([height, width], tile * tile, config.reach(), config.stride());
        let tops = (0..height).step_by(rows);
        let parts = tops.flat_map(|top| {
            (0..width).step_by(columns).map(move |left| Part {
                top,
                left,
                rows: rows.min(height - top),
                columns: columns.min(width - left),
            })
        });
        parts.collect()
    }

    /// Rows and columns of a part with its overlap.
    fn padded(&self, part: &Part) -> [usize; 2] {
        let config = self.weights.config();
        [part.rows, part.columns].map(|core| core.next_multiple_of(config.stride()) + 2 * config.reach())
    }

    /// Shows the network a part of an image, mirrored, and hands each task's map of it on, mirrored back.
    fn see(
        &self,
        image: &Array2<f32>,
        normalisation: &Normalisation,
        part: &Part,
        mirror: Mirror,
        mut take: impl FnMut(Task, ArrayView2<'_, f32>),
    ) -> Result<(), NetworkError> {
        let config = self.weights.config();
        let (height, width) = image.dim();
        let overlap = config.reach();
        let [tall, wide] = self.padded(part);
        let mut input = Vec::with_capacity(tall * wide);
        for row in 0..tall {
            let line = image.row(reflect(part.top as isize + row as isize - overlap as isize, height));
            input.extend((0..wide).map(|column| {
                let at = reflect(part.left as isize + column as isize - overlap as isize, width);
                normalisation.input(line[at])
            }));
        }
        let shaped = |e: ndarray::ShapeError| NetworkError::Compute(e.to_string());
        let input = Array2::from_shape_vec((tall, wide), input).map_err(shaped)?;
        let input = mirror.apply(input.view()).iter().copied().collect::<Vec<f32>>();
        let input = Tensor::<4>::from_data(TensorData::new(input, [1, 1, tall, wide]), &self.device);
        let (output, _) = self.network.forward(input)?;
        let output =
            output.into_data().try_to_vec::<f32>().map_err(|e| NetworkError::Compute(format!("{e:?}")))?;
        for (task, map) in config.tasks.iter().zip(output.chunks_exact(tall * wide)) {
            let map = mirror.apply(ArrayView2::from_shape((tall, wide), map).map_err(shaped)?);
            let core = map.slice(s![overlap..overlap + part.rows, overlap..overlap + part.columns]);
            take(*task, core.mapv(|value| normalisation.output(*task, value)).view());
        }
        Ok(())
    }
}

/// A part of an image that goes through the network at once.
struct Part {
    top: usize,
    left: usize,
    rows: usize,
    columns: usize,
}

impl Part {
    fn slice(&self) -> SliceInfo<[SliceInfoElem; 2], Ix2, Ix2> {
        let (bottom, right) = (self.top + self.rows, self.left + self.columns);
        s![self.top..bottom, self.left..right]
    }

    /// Whether a place is in it or at most `reach` beside it.
    fn is_near(&self, (x, y): (f64, f64), reach: f64) -> bool {
        let near = |at: f64, first: usize, size: usize| {
            at >= first as f64 - reach && at <= (first + size) as f64 - 1.0 + reach
        };
        near(y, self.top, self.rows) && near(x, self.left, self.columns)
    }
}

/// Upright or mirrored along the first axis, the second, or both.
#[derive(Clone, Copy)]
struct Mirror(u8);

impl Mirror {
    const NONE: Self = Self(0);
    const OTHERS: [Self; 3] = [Self(1), Self(2), Self(3)];

    /// Undoes itself.
    fn apply<'a>(self, mut map: ArrayView2<'a, f32>) -> ArrayView2<'a, f32> {
        for axis in [0, 1] {
            if self.0 & (1 << axis) > 0 {
                map.invert_axis(Axis(axis));
            }
        }
        map
    }
}

/// Rows and columns of the tiles, without their overlap, for which all tiles together have the
/// fewest pixels, of those with at most `most` pixels each; of equals the flattest.
fn tile_size(image: [usize; 2], most: usize, overlap: usize, stride: usize) -> (usize, usize) {
    // Equal parts of a side of the image, and that side of their tiles.
    let part = |side: usize, parts: usize| {
        let core = side.div_ceil(parts).next_multiple_of(stride);
        (core, core + 2 * overlap)
    };
    let smallest = |side: usize| side.div_ceil(stride).max(1);
    let mut best = (stride, stride);
    let mut fewest = usize::MAX;
    for down in 1..=smallest(image[0]) {
        let (rows, tall) = part(image[0], down);
        // The fewest tiles side by side that are small enough.
        let Some(fits) = (most / tall).checked_sub(2 * overlap).map(|core| core / stride * stride) else {
            continue;
        };
        if fits == 0 {
            continue;
        }
        let across = image[1].div_ceil(fits).max(1);
        let (columns, wide) = part(image[1], across);
        let pixels = down * across * tall * wide;
        if pixels <= fewest {
            (best, fewest) = ((rows, columns), pixels);
        }
    }
    best
}

/// Index of a sequence continued by reflection about its first and last element.
pub(crate) fn reflect(index: isize, length: usize) -> usize {
    if length <= 1 {
        return 0;
    }
    let period = 2 * (length as isize - 1);
    let at = index.rem_euclid(period);
    at.min(period - at) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_repeats_no_border() {
        let seen: Vec<usize> = (-3..7).map(|i| reflect(i, 4)).collect();
        assert_eq!(seen, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(reflect(-17, 1), 0);
    }

    #[test]
    fn tiles_are_few_and_small_enough() {
        assert_eq!(tile_size([512, 512], 864 * 864, 56, 8), (512, 512));
        assert_eq!(tile_size([1024, 1024], 864 * 864, 56, 8), (512, 1024));
        let (rows, columns) = tile_size([4096, 4096], 864 * 864, 56, 8);
        assert!((rows + 112) * (columns + 112) <= 864 * 864, "{rows} by {columns}");
        assert_eq!(tile_size([9, 9], 1, 56, 8), (8, 8));
        assert_eq!(tile_size([1, 1], 864 * 864, 56, 8), (8, 8));
    }
}
