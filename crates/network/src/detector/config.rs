use crate::arrays::{norm_relu_arrays, trunk_arrays};
use crate::{NetworkConfig, NetworkError, Shape};
use serde::{Deserialize, Serialize};

/// Level of the trunk whose features are used: pixels of 2 × 2 of the image.
pub(crate) const LEVEL: usize = 1;
/// Pixels of the image from one feature to the next.
pub(crate) const CELL: usize = 1 << LEVEL;

/// More weights than this are refused.
const MAX_WEIGHTS: usize = 64_000_000;

/// Shape of a Faster R-CNN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// Channels of each level of the trunk, the full resolution first.
    pub widths: Vec<usize>,
    /// Sides of the square anchors \[px\].
    pub anchors: Vec<usize>,
    /// Features that a proposal is reduced to, along each side.
    pub pooled: usize,
    /// Width of the head's two layers.
    pub hidden: usize,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self { widths: vec![16, 32, 64, 128], anchors: vec![6, 10, 16, 26, 40], pooled: 7, hidden: 96 }
    }
}

impl DetectorConfig {
    /// Channels of the features.
    pub(crate) fn features(&self) -> usize {
        self.widths[LEVEL]
    }

    /// How far an input pixel reaches in the regions \[px\], rounded up to a multiple of the stride.
    pub(crate) fn reach(&self) -> usize {
        // The proposals' own convolution, and half a region around.
        let more = 2 * CELL + self.anchors.iter().max().copied().unwrap_or(0);
        (self.trunk().reach() + more).next_multiple_of(self.stride())
    }

    fn trunk(&self) -> NetworkConfig {
        NetworkConfig { widths: self.widths.clone(), ..NetworkConfig::default() }
    }
}

impl Shape for DetectorConfig {
    const NAME: &'static str = "faster-rcnn";
    const WEIGHTS_KEY: &'static str = "adatom.faster-rcnn";
    const CHECKPOINT_KEY: &'static str = "adatom.faster-rcnn.checkpoint";

    fn check(&self) -> Result<(), NetworkError> {
        self.trunk().check()?;
        let wrong = |name, value: String, expected| Err(NetworkError::Setting { name, value, expected });
        if self.widths.len() <= LEVEL {
            return wrong("widths", format!("{:?}", self.widths), "at least two levels for a faster-rcnn");
        }
        let anchors = &self.anchors;
        if !(1..=16).contains(&anchors.len()) || anchors.iter().any(|side| !(2..=512).contains(side)) {
            return wrong("anchors", format!("{anchors:?}"), "one to sixteen sides of 2 to 512 px");
        }
        if !(1..=32).contains(&self.pooled) {
            return wrong("pooled", self.pooled.to_string(), "1 to 32");
        }
        if !(1..=1024).contains(&self.hidden) {
            return wrong("hidden", self.hidden.to_string(), "1 to 1024");
        }
        let count: usize = self.arrays().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        if count > MAX_WEIGHTS {
            return wrong("weights", count.to_string(), "at most 64 million");
        }
        Ok(())
    }

    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let (features, anchors) = (self.features(), self.anchors.len());
        let mut arrays = trunk_arrays(&self.widths, LEVEL);
        norm_relu_arrays(&mut arrays, "propose", features, features);
        let mut layer = |name: &str, shape: [usize; 4]| {
            arrays.push((format!("{name}.weight"), shape.to_vec()));
            arrays.push((format!("{name}.bias"), vec![shape[0]]));
        };
        layer("propose.chance", [anchors, features, 1, 1]);
        layer("propose.box", [4 * anchors, features, 1, 1]);
        layer("head.0", [self.hidden, self.pooled, self.pooled, features]);
        layer("head.1", [self.hidden, self.hidden, 1, 1]);
        layer("head.chance", [1, self.hidden, 1, 1]);
        layer("head.box", [4, self.hidden, 1, 1]);
        arrays
    }

    fn stride(&self) -> usize {
        self.trunk().stride()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_shapes_are_refused() {
        let good = DetectorConfig::default();
        assert!(good.check().is_ok());
        for bad in [
            DetectorConfig { widths: vec![16], ..good.clone() },
            DetectorConfig { anchors: vec![], ..good.clone() },
            DetectorConfig { anchors: vec![0], ..good.clone() },
            DetectorConfig { pooled: 0, ..good.clone() },
            DetectorConfig { hidden: 0, ..good.clone() },
            DetectorConfig { widths: vec![1024, 1024], pooled: 32, hidden: 1024, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
