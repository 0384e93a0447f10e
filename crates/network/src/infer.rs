use crate::{NetworkError, Normalisation, Task, Unet, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, s};
use std::collections::BTreeMap;

/// Side of a tile without its overlap \[px\].
const TILE: usize = 512;

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

    /// With another tile side, rounded up to the network's stride.
    #[must_use]
    pub fn with_tile(mut self, tile: usize) -> Self {
        self.tile = tile.max(1).next_multiple_of(self.weights.config().stride());
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
        let config = self.weights.config();
        let (height, width) = image.dim();
        let normalisation = Normalisation::of(image);
        let mut maps: Maps =
            config.tasks.iter().map(|task| (*task, Array2::zeros((height, width)))).collect();
        let tiles: Vec<(usize, usize)> = (0..height)
            .step_by(self.tile)
            .flat_map(|top| (0..width).step_by(self.tile).map(move |left| (top, left)))
            .collect();
        let overlap = config.reach();
        for (done, &(top, left)) in tiles.iter().enumerate() {
            let rows = self.tile.min(height - top);
            let columns = self.tile.min(width - left);
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
            progress(done + 1, tiles.len());
        }
        Ok(maps)
    }
}

/// Index of a sequence continued by reflection about its first and last element.
fn reflect(index: isize, length: usize) -> usize {
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
}
