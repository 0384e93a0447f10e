use super::DetectorConfig;
use super::anchors::draw;
use super::network::{HEAD_UNITS, Limits, judge, propose, select};
use super::region::Region;
use super::sample::DetectionSample;
use crate::batch::common_size;
use crate::shape::{Learner, Losses};
use crate::{Arrays, NetworkError, TrainConfig};
use adatom_imaging::SampleRng;
use burn::tensor::{Device, Tensor, TensorData};

/// Pixels of an image for each proposal that is considered.
const SPARSE: usize = 64;
/// Proposals of an image that are learnt from, and how many of them may be columns.
const LEARNT: usize = 64;
const COLUMNS: usize = 32;
/// A proposal overlaps with a column by at least this to be one, and with an unlabelled one by this to
/// be left out.
const OVERLAPS: (f32, f32) = (0.5, 0.3);
/// Displaced copies of the true regions are proposals too, lest there be none at first, and lest those of
/// another size be taken for columns: by so much of their side, and as a logarithm of their size.
const DISPLACED: [(f64, f64); 2] = [(0.2, 0.2), (0.6, 0.9)];
/// Where the smooth L1 loss turns from square to linear, for anchors and for proposals.
const BENDS: (f32, f32) = (1.0 / 9.0, 1.0);
/// Stream of the random numbers of a step, far from those of samples.
const CHOICE: u64 = 1 << 63;

impl Learner for DetectorConfig {
    type Sample = DetectionSample;

    fn parts(&self) -> Vec<&'static str> {
        vec!["proposalChance", "proposalBox", "chance", "box"]
    }

    fn losses(
        config: &TrainConfig<Self>,
        step: u64,
        arrays: Arrays,
        samples: &[DetectionSample],
        device: &Device,
    ) -> Result<Losses, NetworkError> {
        let network = &config.network;
        let [height, width] = common_size(samples.iter().map(|s| s.size))?;
        let images: Vec<f32> = samples.iter().flat_map(|s| s.input.iter().copied()).collect();
        let images = TensorData::new(images, [samples.len(), 1, height, width]);
        let mut statistics = Vec::new();
        let proposed = propose(&arrays, network, Tensor::from_data(images, device), &mut statistics)?;
        let proposals = select(&proposed, network, Limits::new(f32::MIN, height * width, SPARSE))?;
        let mut rng = SampleRng::new(config.seed, CHOICE + step);
        let chosen = Chosen::new(samples, &proposals, &mut rng);
        let (first_chance, first_box) = first_stage(proposed.chance, proposed.deltas, samples, device);
        let (chance, deltas) = judge(&arrays, network, proposed.features, &chosen.regions, device);
        let (second_chance, second_box) = chosen.losses(chance, deltas, device);
        let parts = Tensor::cat(vec![first_chance, first_box, second_chance, second_box], 0);
        Ok(Losses { parts, arrays, statistics })
    }
}

/// The losses of the anchors: their chances and their boxes.
fn first_stage(
    chance: Tensor<4>,
    deltas: Tensor<4>,
    samples: &[DetectionSample],
    device: &Device,
) -> (Tensor<1>, Tensor<1>) {
    let [batch, planes, rows, columns] = chance.dims();
    let count = planes * rows * columns;
    let stack = |of: fn(&DetectionSample) -> &[f32], width: usize| {
        let values: Vec<f32> = samples.iter().flat_map(|s| of(s).iter().copied()).collect();
        Tensor::<3>::from_data(TensorData::new(values, [batch, width, count]), device)
    };
    let chance = cross_entropy(chance.reshape([batch, 1, count]), stack(|s| &s.targets.chance, 1))
        * stack(|s| &s.targets.weight, 1);
    let error = deltas.reshape([batch, 4, count]) - stack(|s| &s.targets.deltas, 4);
    let error = smooth(error, BENDS.0).sum_dim(1) * stack(|s| &s.targets.delta_weight, 1);
    (chance.sum() / batch as f32, error.sum() / batch as f32)
}

/// Proposals that are learnt from and what they should say.
struct Chosen {
    regions: Vec<(usize, Region)>,
    chance: Vec<f32>,
    weight: Vec<f32>,
    deltas: Vec<f32>,
    delta_weight: Vec<f32>,
}

impl Chosen {
    /// Draws as many proposals of every image.
    fn new(samples: &[DetectionSample], proposals: &[Vec<Region>], rng: &mut SampleRng) -> Self {
        let mut chosen = Self {
            regions: Vec::new(),
            chance: Vec::new(),
            weight: Vec::new(),
            deltas: Vec::new(),
            delta_weight: Vec::new(),
        };
        for (image, (sample, proposals)) in samples.iter().zip(proposals).enumerate() {
            chosen.add(image, sample, proposals, rng);
        }
        let columns = chosen.delta_weight.iter().sum::<f32>().max(1.0);
        chosen.delta_weight.iter_mut().for_each(|w| *w /= columns);
        let all = chosen.weight.iter().sum::<f32>().max(1.0);
        chosen.weight.iter_mut().for_each(|w| *w /= all);
        chosen
    }

    fn add(&mut self, image: usize, sample: &DetectionSample, proposals: &[Region], rng: &mut SampleRng) {
        let mut displaced = |region: &Region, (by, growth): (f64, f64)| {
            let mut shift = || rng.between(-by, by) as f32;
            let (x, y) = (region.x + shift() * region.width, region.y + shift() * region.height);
            let growth = rng.between(-growth, growth).exp() as f32;
            Region { x, y, width: region.width * growth, height: region.height * growth }
        };
        let copies = sample.columns.iter().flat_map(|column| DISPLACED.map(|by| displaced(column, by)));
        let more: Vec<Region> = copies.collect();
        let (mut columns, mut others) = (Vec::new(), Vec::new());
        for region in proposals.iter().chain(&more) {
            let overlap = |other: &&Region| region.overlap(other);
            let best = sample.columns.iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
            match best.filter(|best| overlap(best) >= OVERLAPS.0) {
                Some(best) => columns.push((*region, *best)),
                None if sample.ignored.iter().any(|i| overlap(&i) >= OVERLAPS.1) => {}
                None => others.push(*region),
            }
        }
        draw(&mut columns, COLUMNS, rng);
        draw(&mut others, LEARNT - columns.len(), rng);
        for (region, column) in &columns {
            let deltas = region.deltas_to(column);
            self.push(image, *region, [1.0; 3], std::array::from_fn(|k| deltas[k] / HEAD_UNITS[k]));
        }
        for region in &others {
            self.push(image, *region, [0.0, 1.0, 0.0], [0.0; 4]);
        }
        // Every step has as many, so that every array has a gradient.
        for _ in columns.len() + others.len()..LEARNT {
            self.push(image, Region::square(0.0, 0.0, 8.0), [0.0; 3], [0.0; 4]);
        }
    }

    fn push(
        &mut self,
        image: usize,
        region: Region,
        [chance, weight, delta_weight]: [f32; 3],
        deltas: [f32; 4],
    ) {
        self.regions.push((image, region));
        self.chance.push(chance);
        self.weight.push(weight);
        self.delta_weight.push(delta_weight);
        self.deltas.extend(deltas);
    }

    /// The losses of the proposals: their chances and their boxes.
    fn losses(self, chance: Tensor<1>, deltas: Tensor<2>, device: &Device) -> (Tensor<1>, Tensor<1>) {
        let count = self.regions.len();
        let list = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [count]), device);
        let chance = cross_entropy(chance, list(self.chance)) * list(self.weight);
        let target = Tensor::<2>::from_data(TensorData::new(self.deltas, [count, 4]), device);
        let error = smooth(deltas - target, BENDS.1).sum_dim(1).reshape([count]);
        (chance.sum(), (error * list(self.delta_weight)).sum())
    }
}

/// Binary cross-entropy of logits.
fn cross_entropy<const D: usize>(logits: Tensor<D>, truth: Tensor<D>) -> Tensor<D> {
    let softened = (logits.clone().abs().neg().exp() + 1.0).log();
    logits.clone().clamp_min(0.0) - logits * truth + softened
}

/// Smooth L1: square up to `bend`, then linear.
fn smooth<const D: usize>(error: Tensor<D>, bend: f32) -> Tensor<D> {
    let size = error.abs();
    let square = size.clone().clamp_max(bend);
    square.clone() * (size - square / 2.0) / bend
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceChoice;
    use crate::weights::numbers;

    #[test]
    fn losses_are_those_of_the_textbook() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let list = |values: [f32; 4]| Tensor::<1>::from_data(values, &device);
        let (logits, truth) = ([-60.0, 0.0, 2.0, 60.0], [0.0, 1.0, 0.0, 0.0]);
        let found = numbers(cross_entropy(list(logits), list(truth))).unwrap();
        for (found, expected) in found.iter().zip([0.0, 2.0_f32.ln(), (1.0 + 2.0_f32.exp()).ln(), 60.0]) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
        let found = numbers(smooth(list([-0.25, 0.5, 2.0, 0.0]), 0.5)).unwrap();
        for (found, expected) in found.iter().zip([0.0625, 0.25, 1.75, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        }
    }
}
