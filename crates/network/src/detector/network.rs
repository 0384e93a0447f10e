use super::DetectorConfig;
use super::anchors::Anchors;
use super::config::{CELL, LEVEL};
use super::region::{Region, by_score, suppress};
use super::roi_align::roi_align;
use crate::unet::Statistics;
use crate::weights::numbers;
use crate::{Arrays, NetworkError};
use adatom_convolution::conv2d_same;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Units of the deltas that the head learns, so that they are as large as its other outputs.
pub(crate) const HEAD_UNITS: [f32; 4] = [0.1, 0.1, 0.2, 0.2];
/// Proposals that overlap by more are one.
const SAME_PROPOSAL: f32 = 0.7;

/// What the trunk and the proposals' layers make of images.
pub(crate) struct Proposed {
    /// `[batch, channels, rows, columns]`.
    pub(crate) features: Tensor<4>,
    /// Logits, `[batch, anchors, rows, columns]`.
    pub(crate) chance: Tensor<4>,
    /// `[batch, 4 × anchors, rows, columns]`.
    pub(crate) deltas: Tensor<4>,
}

/// First stage: features, and of every anchor whether it stands for a column and where that is.
pub(crate) fn propose(
    arrays: &Arrays,
    config: &DetectorConfig,
    input: Tensor<4>,
    statistics: &mut Statistics,
) -> Result<Proposed, NetworkError> {
    let features = arrays.trunk(config.widths.len(), LEVEL, input, statistics)?;
    let x = arrays.norm_relu("propose", features.clone(), None, statistics);
    let layer = |name: &str| conv2d_same(x.clone(), arrays.kernel(name), Some(arrays.bias(name)));
    Ok(Proposed { features, chance: layer("propose.chance"), deltas: layer("propose.box") })
}

/// How many proposals are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Least logit.
    pub(crate) least: f32,
    /// Anchors looked at, the best first.
    pub(crate) looked_at: usize,
    /// Proposals kept.
    pub(crate) kept: usize,
}

impl Limits {
    /// A proposal for so many pixels of an area, of some five anchors each.
    pub(crate) fn new(least: f32, area: usize, pixels: usize) -> Self {
        let kept = area.div_ceil(pixels);
        Self { least, looked_at: 16 * kept / 3, kept }
    }
}

/// The proposals of every image, the best first; cut off from the gradients.
pub(crate) fn select(
    proposed: &Proposed,
    config: &DetectorConfig,
    limits: Limits,
) -> Result<Vec<Vec<Region>>, NetworkError> {
    let [batch, planes, rows, columns] = proposed.chance.dims();
    let anchors = Anchors { sides: &config.anchors, rows, columns };
    let values =
        |x: &Tensor<4>, planes: usize| numbers(x.clone().detach().reshape([batch * planes * rows * columns]));
    let (chance, deltas) = (values(&proposed.chance, planes)?, values(&proposed.deltas, 4 * planes)?);
    let count = anchors.len();
    let (height, width) = ((CELL * rows) as f32, (CELL * columns) as f32);
    let of_image = |(chance, deltas): (&[f32], &[f32])| {
        let mut likely: Vec<usize> = (0..count).filter(|i| chance[*i] >= limits.least).collect();
        if likely.len() > limits.looked_at {
            likely.select_nth_unstable_by(limits.looked_at, |a, b| chance[*b].total_cmp(&chance[*a]));
            likely.truncate(limits.looked_at);
            likely.sort_unstable();
        }
        let scores: Vec<f32> = likely.iter().map(|i| chance[*i]).collect();
        let regions: Vec<Region> = by_score(&scores)
            .into_iter()
            .map(|at| {
                let index = likely[at];
                anchors.region(index).moved(std::array::from_fn(|k| deltas[k * count + index]))
            })
            .filter(|r| r.x > -1.0 && r.y > -1.0 && r.x < width && r.y < height)
            .collect();
        suppress(&regions, SAME_PROPOSAL, limits.kept).into_iter().map(|i| regions[i]).collect()
    };
    Ok(chance.chunks_exact(count).zip(deltas.chunks_exact(4 * count)).map(of_image).collect())
}

/// Second stage: of every region (with the number of its image) the logit of the chance that it is a
/// column, `[regions]`, and the deltas to it in [`HEAD_UNITS`], `[regions, 4]`.
pub(crate) fn judge(
    arrays: &Arrays,
    config: &DetectorConfig,
    features: Tensor<4>,
    regions: &[(usize, Region)],
    device: &Device,
) -> (Tensor<1>, Tensor<2>) {
    let x = roi_align(features, regions, config.pooled, device);
    let layer = |name: &str, x: Tensor<2>| {
        let kernel = arrays.kernel(name);
        let outputs = kernel.dims()[0];
        let inputs = x.dims()[1];
        x.matmul(kernel.reshape([outputs, inputs]).transpose()) + arrays.bias(name).reshape([1, outputs])
    };
    let x = relu(layer("head.0", x));
    let x = relu(layer("head.1", x));
    (layer("head.chance", x.clone()).reshape([regions.len()]), layer("head.box", x))
}
