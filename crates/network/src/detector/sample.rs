use super::DetectorConfig;
use super::anchors::{AnchorTargets, Anchors};
use super::config::CELL;
use super::region::Region;
use crate::{NetworkError, Normalisation, Source};
use adatom_imaging::SampleRng;
use adatom_library::{Generator, Sample};

/// Least side of the square around a column \[px\]: smaller ones have too few features to be told by.
const LEAST_SIDE: f32 = 6.0;
/// Stream of the random numbers that choose anchors, far from those of samples.
const CHOICE: u64 = 1 << 62;

/// One sample as a detector learns from it.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionSample {
    /// Rows and columns.
    pub(crate) size: [usize; 2],
    /// The normalised image.
    pub(crate) input: Vec<f32>,
    /// Squares around the columns' circular masks.
    pub(crate) columns: Vec<Region>,
    /// The same of columns without a label.
    pub(crate) ignored: Vec<Region>,
    /// What the anchors should say.
    pub(crate) targets: AnchorTargets,
}

impl DetectionSample {
    /// Normalises a sample and chooses the anchors to learn from.
    pub fn new(sample: &Sample, config: &DetectorConfig) -> Self {
        let normalisation = Normalisation::of(&sample.image);
        let side = (2.0 * sample.radius_px as f32).max(LEAST_SIDE);
        let square = |x: f64, y: f64| Region::square(x as f32, y as f32, side);
        let columns: Vec<Region> = sample.columns.iter().map(|c| square(c.x, c.y)).collect();
        let ignored: Vec<Region> = sample.ignored.iter().map(|c| square(c.x, c.y)).collect();
        let size = [sample.grid.height, sample.grid.width];
        let anchors = Anchors { sides: &config.anchors, rows: size[0] / CELL, columns: size[1] / CELL };
        let targets = anchors.targets(&columns, &ignored, &mut SampleRng::new(sample.index, CHOICE));
        let input = sample.image.iter().map(|v| normalisation.input(*v)).collect();
        Self { size, input, columns, ignored, targets }
    }
}

/// Samples for a detector, rendered on the fly.
pub struct Detections<'a> {
    /// Renders them.
    pub generator: &'a Generator,
    /// Shape of the detector.
    pub config: &'a DetectorConfig,
}

impl Source<DetectionSample> for Detections<'_> {
    fn sample(&self, index: u64) -> Result<DetectionSample, NetworkError> {
        Ok(DetectionSample::new(&self.generator.sample(index)?, self.config))
    }
}
