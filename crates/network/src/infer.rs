use crate::{NetworkError, Normalisation, Task, Unet, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, s};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Side of a square tile with its overlap \[px\]; others have at most as many pixels.
const TILE: usize = 864;

/// The restored images and maps of an image, in its own pixels and unit.
pub type Maps = BTreeMap<Task, Array2<f32>>;

/// A network ready to be applied to images of any size. Clones share its arrays.
#[derive(Clone)]
pub struct Inference {
    network: Arc<Unet>,
    weights: Arc<Weights>,
    device: Device,
    tile: usize,
    stop: Arc<AtomicBool>,
}

impl Inference {
    /// Puts `weights` on `device`.
    pub fn new(weights: Weights, device: &Device) -> Self {
        Self {
            network: Arc::new(Unet::for_inference(&weights, device)),
            weights: Arc::new(weights),
            device: device.clone(),
            tile: TILE,
            stop: Arc::default(),
        }
    }

    /// Ends [`Inference::maps`] with [`NetworkError::Stopped`] before its next tile when `stop` is set.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
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
    /// When the network can't be run, or was stopped.
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
        let config = self.weights.config();
        let (height, width) = image.dim();
        let normalisation = Normalisation::of(image);
        let mut maps: Maps =
            config.tasks.iter().map(|task| (*task, Array2::zeros((height, width)))).collect();
        let overlap = config.reach();
        let (tile_rows, tile_columns) =
            tile_size([height, width], self.tile * self.tile, overlap, config.stride());
        let tiles: Vec<(usize, usize)> = (0..height)
            .step_by(tile_rows)
            .flat_map(|top| (0..width).step_by(tile_columns).map(move |left| (top, left)))
            .collect();
        for (done, &(top, left)) in tiles.iter().enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(NetworkError::Stopped);
            }
            let rows = tile_rows.min(height - top);
            let columns = tile_columns.min(width - left);
            let size = |core: usize| core.next_multiple_of(config.stride()) + 2 * overlap;
            let (tile_height, tile_width) = (size(rows), size(columns));
            let mut input = Vec::with_capacity(tile_height * tile_width);
            for row in 0..tile_height {
                let line = image.row(reflect(top as isize + row as isize - overlap as isize, height));
                input.extend((0..tile_width).map(|column| {
                    let at = reflect(left as isize + column as isize - overlap as isize, width);
                    normalisation.input(line[at])
                }));
            }
            let input =
                Tensor::<4>::from_data(TensorData::new(input, [1, 1, tile_height, tile_width]), &self.device);
            let (output, _) = self.network.forward(input)?;
            let output = output
                .into_data()
                .try_to_vec::<f32>()
                .map_err(|e| NetworkError::Compute(format!("{e:?}")))?;
            for (channel, task) in config.tasks.iter().enumerate() {
                let Some(map) = maps.get_mut(task) else { continue };
                let mut core = map.slice_mut(s![top..top + rows, left..left + columns]);
                for (row, mut line) in core.rows_mut().into_iter().enumerate() {
                    let from = (channel * tile_height + row + overlap) * tile_width + overlap;
                    line.iter_mut()
                        .zip(&output[from..])
                        .for_each(|(to, v)| *to = normalisation.output(*task, *v));
                }
            }
            if !go_on(&maps, done + 1, tiles.len()) {
                return Ok(None);
            }
        }
        Ok(Some(maps))
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
