use super::DetectorConfig;
use super::network::{HEAD_UNITS, Limits, judge, propose, select};
use super::region::{Region, by_score, suppress};
use crate::infer::reflect;
use crate::weights::numbers;
use crate::{Arrays, NetworkError, Normalisation, Shape, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array2;
use std::path::Path;

/// Side of a tile with its overlap \[px\].
const TILE: usize = 640;
/// Detections less likely than this are not given.
const LEAST_SCORE: f32 = 0.02;
/// Least logit of a proposal.
const LEAST_CHANCE: f32 = -2.5;
/// Pixels of an image for each proposal at most: enough for columns 7 px apart.
const DENSE: usize = 20;
/// Regions judged at a time.
const AT_ONCE: usize = 512;
/// Columns that overlap by more are one.
const SAME_COLUMN: f32 = 0.3;

/// A column as the detector sees it, in pixels of the image that it was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Half the width of the box \[px\].
    pub half_width: f64,
    /// Half its height \[px\].
    pub half_height: f64,
    /// The chance that it is a column, 0 to 1.
    pub score: f64,
}

/// A Faster R-CNN ready to be applied to images of any size at the working scale.
pub struct Detector {
    arrays: Arrays,
    config: DetectorConfig,
    device: Device,
    tile: usize,
}

impl Detector {
    /// Puts `weights` on `device`.
    pub fn new(weights: &Weights<DetectorConfig>, device: &Device) -> Self {
        let arrays = Arrays::for_inference(weights, device);
        Self { arrays, config: weights.config().clone(), device: device.clone(), tile: TILE }
    }

    /// Reads weights that were trained by this program; `origin` names them in errors.
    ///
    /// # Errors
    /// When the bytes are no weights of a Faster R-CNN.
    pub fn from_bytes(bytes: &[u8], origin: &str, device: &Device) -> Result<Self, NetworkError> {
        Ok(Self::new(&Weights::from_bytes(bytes, origin)?, device))
    }

    /// Reads a weights file.
    ///
    /// # Errors
    /// When it can't be read or holds no weights of a Faster R-CNN.
    pub fn read(path: &Path, device: &Device) -> Result<Self, NetworkError> {
        let bytes =
            std::fs::read(path).map_err(|source| NetworkError::Io { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes, &path.display().to_string(), device)
    }

    /// With tiles of this side, the overlap included.
    #[must_use]
    pub fn with_tile(mut self, tile: usize) -> Self {
        self.tile = tile;
        self
    }

    /// The columns of `image`, which is at the working scale, the surest first. Large images go
    /// through in tiles that overlap; of each only what lies in its own part is taken.
    ///
    /// # Errors
    /// When the network can't be run.
    pub fn detect(&self, image: &Array2<f32>) -> Result<Vec<Detection>, NetworkError> {
        let normalisation = Normalisation::of(image);
        let (stride, reach) = (self.config.stride(), self.config.reach());
        let own = (self.tile.saturating_sub(2 * reach) / stride).max(1) * stride;
        let mut found = (Vec::new(), Vec::new());
        // One part of a side where the whole fits, else equal ones.
        let parts = |size: usize| {
            let part = if size <= self.tile { size } else { size.div_ceil(size.div_ceil(own)) };
            part.next_multiple_of(stride).max(stride)
        };
        let (height, width) = image.dim();
        let (down, across) = (parts(height), parts(width));
        for top in (0..height).step_by(down) {
            for left in (0..width).step_by(across) {
                let rows = Part::new(top, down, reach, height, stride);
                let columns = Part::new(left, across, reach, width, stride);
                self.detect_tile(image, &normalisation, [rows, columns], &mut found)?;
            }
        }
        let (regions, scores) = found;
        let order = by_score(&scores);
        let sorted: Vec<Region> = order.iter().map(|i| regions[*i]).collect();
        let kept = suppress(&sorted, SAME_COLUMN, usize::MAX);
        Ok(kept
            .into_iter()
            .map(|at| {
                let region = &sorted[at];
                Detection {
                    x: f64::from(region.x),
                    y: f64::from(region.y),
                    half_width: f64::from(region.width) / 2.0,
                    half_height: f64::from(region.height) / 2.0,
                    score: f64::from(scores[order[at]]),
                }
            })
            .collect())
    }

    fn detect_tile(
        &self,
        image: &Array2<f32>,
        normalisation: &Normalisation,
        [rows, columns]: [Part; 2],
        found: &mut (Vec<Region>, Vec<f32>),
    ) -> Result<(), NetworkError> {
        let (height, width) = image.dim();
        let mut input = Vec::with_capacity(rows.length * columns.length);
        for row in rows.first..rows.first + rows.length {
            let line = image.row(reflect(row as isize, height));
            let pixels = columns.first..columns.first + columns.length;
            input.extend(pixels.map(|column| normalisation.input(line[reflect(column as isize, width)])));
        }
        let input = TensorData::new(input, [1, 1, rows.length, columns.length]);
        let input = Tensor::<4>::from_data(input, &self.device);
        let proposed = propose(&self.arrays, &self.config, input, &mut Vec::new())?;
        let limits = Limits::new(LEAST_CHANCE, rows.length * columns.length, DENSE);
        let proposals: Vec<(usize, Region)> =
            select(&proposed, &self.config, limits)?.into_iter().flatten().map(|r| (0, r)).collect();
        for regions in proposals.chunks(AT_ONCE) {
            let features = proposed.features.clone();
            let (chance, deltas) = judge(&self.arrays, &self.config, features, regions, &self.device);
            let (chance, deltas) = (numbers(chance)?, numbers(deltas.reshape([4 * regions.len()]))?);
            for (((_, region), chance), deltas) in regions.iter().zip(chance).zip(deltas.chunks_exact(4)) {
                let score = 1.0 / (1.0 + (-chance).exp());
                let mut region = region.moved(std::array::from_fn(|k| deltas[k] * HEAD_UNITS[k]));
                region.x += columns.first as f32;
                region.y += rows.first as f32;
                if score >= LEAST_SCORE && rows.owns(region.y) && columns.owns(region.x) {
                    found.0.push(region);
                    found.1.push(score);
                }
            }
        }
        Ok(())
    }
}

/// A part of an image's side with its overlap.
#[derive(Debug, Clone, Copy)]
struct Part {
    first: usize,
    length: usize,
    own: (f32, f32),
}

impl Part {
    fn new(start: usize, own: usize, reach: usize, size: usize, stride: usize) -> Self {
        let end = (start + own).min(size);
        let first = start.saturating_sub(reach);
        let length = ((end + reach).min(size) - first).next_multiple_of(stride);
        Self { first, length, own: (start as f32 - 0.5, end as f32 - 0.5) }
    }

    fn owns(&self, at: f32) -> bool {
        at >= self.own.0 && at < self.own.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_own_every_pixel_once() {
        let parts: Vec<Part> = (0..100).step_by(40).map(|start| Part::new(start, 40, 16, 100, 8)).collect();
        for at in 0..100 {
            assert_eq!(parts.iter().filter(|part| part.owns(at as f32)).count(), 1, "{at}");
        }
        assert!(parts.iter().all(|part| part.first % 8 == 0 && part.length % 8 == 0));
    }
}
