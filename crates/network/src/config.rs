use crate::{NetworkError, Shape};
use adatom_library::Sample;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// What a head of the network predicts; the names are those of the library's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Task {
    /// Segmentation: one within a column's radius.
    #[serde(rename = "circularMask")]
    CircularMask,
    /// A narrow Gaussian of height one on every column.
    #[serde(rename = "gaussianMask")]
    GaussianMask,
    /// The image without noise.
    #[serde(rename = "noNoise")]
    NoNoise,
    /// The image without noise and background.
    #[serde(rename = "noBackgroundnoNoise")]
    NoBackgroundNoNoise,
    /// Narrow Gaussians that carry the columns' intensities.
    #[serde(rename = "noNoiseNoBackgroundSuperresolution")]
    Superresolution,
}

impl Task {
    /// All five, in the order of the heads.
    pub const ALL: [Self; 5] = [
        Self::CircularMask,
        Self::GaussianMask,
        Self::NoNoise,
        Self::NoBackgroundNoNoise,
        Self::Superresolution,
    ];

    /// The label's name in the library.
    pub fn name(self) -> &'static str {
        match self {
            Self::CircularMask => "circularMask",
            Self::GaussianMask => "gaussianMask",
            Self::NoNoise => "noNoise",
            Self::NoBackgroundNoNoise => "noBackgroundnoNoise",
            Self::Superresolution => "noNoiseNoBackgroundSuperresolution",
        }
    }

    /// The task's truth in a sample.
    pub fn label(self, sample: &Sample) -> &Array2<f32> {
        match self {
            Self::CircularMask => &sample.labels.circular_mask,
            Self::GaussianMask => &sample.labels.gaussian_mask,
            Self::NoNoise => &sample.labels.no_noise,
            Self::NoBackgroundNoNoise => &sample.labels.no_background_no_noise,
            Self::Superresolution => &sample.labels.superresolution,
        }
    }

    /// Whether it shows where columns are, and not how the image looks.
    pub fn is_mask(self) -> bool {
        matches!(self, Self::CircularMask | Self::GaussianMask)
    }

    /// Part of the task in a joint loss. Columns are what the network is for; how much of a dim
    /// pedestal is background can't be known from an image, and must not drown the rest.
    pub fn loss_weight(self) -> f32 {
        match self {
            Self::CircularMask => 0.5,
            Self::GaussianMask => 2.0,
            Self::NoNoise | Self::Superresolution => 1.0,
            Self::NoBackgroundNoNoise => 0.3,
        }
    }

    /// The task with this label name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }
}

/// More weights than this are refused.
const MAX_WEIGHTS: usize = 64_000_000;

/// Shape of a U-Net.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Channels of each level, the full resolution first.
    pub widths: Vec<usize>,
    /// One output channel each.
    pub tasks: Vec<Task>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self { widths: vec![16, 32, 64, 96], tasks: Task::ALL.to_vec() }
    }
}

impl NetworkConfig {
    /// Checks the shape.
    ///
    /// # Errors
    /// For no or more than six levels, a width of 0 or above 1024, or no, repeated or unknown tasks.
    pub fn check(&self) -> Result<(), NetworkError> {
        if self.widths.is_empty()
            || self.widths.len() > 6
            || self.widths.iter().any(|w| !(1..=1024).contains(w))
        {
            return Err(NetworkError::Setting {
                name: "widths",
                value: format!("{:?}", self.widths),
                expected: "one to six channel numbers from 1 to 1024",
            });
        }
        // 3×3 kernels of neighbouring levels, on the way down and up: nearly all the weights there are.
        let wide: usize = self.widths.iter().map(|w| 45 * w * w).sum();
        if wide > MAX_WEIGHTS {
            return Err(NetworkError::Setting {
                name: "widths",
                value: format!("{:?}", self.widths),
                expected: "small enough for 64 million weights",
            });
        }
        let mut tasks = self.tasks.clone();
        tasks.sort();
        tasks.dedup();
        if tasks.is_empty() || tasks.len() != self.tasks.len() {
            return Err(NetworkError::Setting {
                name: "tasks",
                value: format!("{:?}", self.tasks),
                expected: "at least one task and none twice",
            });
        }
        Ok(())
    }

    /// Sides of an input must be a multiple of this: 2 to the number of poolings.
    pub fn stride(&self) -> usize {
        1 << (self.widths.len() - 1)
    }

    /// How far an input pixel reaches in the output \[px\], rounded up to a multiple of the
    /// stride: two 3×3 convolutions a level on the way down and up, and the poolings' cells.
    pub fn reach(&self) -> usize {
        let levels = self.widths.len();
        let convolutions: usize =
            (0..levels).map(|level| (1 << level) * if level + 1 == levels { 2 } else { 4 }).sum();
        (convolutions + self.stride()).next_multiple_of(self.stride())
    }
}

/// What is minimised, a pixel and a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The paper's modified chi-square, (I − I_truth)² / (I_truth + max(I_truth)/10), with both
    /// images in units of the truth's range so that all tasks and samples weigh alike.
    #[default]
    ChiSquare,
    /// Mean squared error in the same units.
    Mse,
    /// Mean squared error for the two masks, the modified chi-square for the images. Where a column is doubtful
    /// the chi-square puts its peak far below its chance: errors of the background count eleven times.
    Mixed,
}

/// Warm-up and cosine decay of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak_rate: f64,
    /// Steps over which it rises from zero.
    pub warmup_steps: u64,
    /// Step at which it has fallen to a hundredth.
    pub total_steps: u64,
}

impl Schedule {
    /// The rate at `step`, counted from zero.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let span = self.total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let at = ((step - self.warmup_steps) as f64 / span).min(1.0);
        self.peak_rate * (0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * at).cos()))
    }
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig<S = NetworkConfig> {
    /// Shape of the network.
    pub network: S,
    /// Samples a step.
    pub batch: usize,
    /// What the U-Net minimises.
    pub loss: Loss,
    /// Learning rate over time.
    pub schedule: Schedule,
    /// Decoupled weight decay (AdamW); zero is Adam.
    pub weight_decay: f64,
    /// Gradients whose norm over all weights is larger are scaled down to it.
    pub clip_norm: f64,
    /// Memory of the moving average of the weights, the one that is kept.
    pub average_decay: f64,
    /// Whether batch norms keep the statistics that the weights come with instead of taking, and learning, those of
    /// the batches: for going on with samples that are all alike, whose statistics the network was never trained with.
    #[serde(default)]
    pub fixed_statistics: bool,
    /// Seed of weights and samples.
    pub seed: u64,
    /// Steps between checkpoints.
    pub checkpoint_steps: u64,
    /// Threads that make samples.
    pub workers: usize,
}

impl<S: Default> Default for TrainConfig<S> {
    fn default() -> Self {
        Self {
            network: S::default(),
            batch: 8,
            loss: Loss::default(),
            schedule: Schedule { peak_rate: 2e-3, warmup_steps: 100, total_steps: 6000 },
            weight_decay: 1e-4,
            clip_norm: 1.0,
            average_decay: 0.998,
            fixed_statistics: false,
            seed: 1,
            checkpoint_steps: 100,
            workers: 1,
        }
    }
}

impl<S: Shape> TrainConfig<S> {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`NetworkError::Setting`] naming the first that can't be used.
    pub fn check(&self) -> Result<(), NetworkError> {
        self.network.check()?;
        let wrong = |name, value: String, expected| Err(NetworkError::Setting { name, value, expected });
        if !(1..=4096).contains(&self.batch) {
            return wrong("batch", self.batch.to_string(), "1 to 4096");
        }
        if !(1..=1024).contains(&self.workers) {
            return wrong("workers", self.workers.to_string(), "1 to 1024");
        }
        if self.checkpoint_steps == 0 || self.schedule.total_steps == 0 {
            return wrong("steps", "0".to_owned(), "at least 1");
        }
        for (name, value, high) in [
            ("learning rate", self.schedule.peak_rate, 10.0),
            ("weight decay", self.weight_decay, 10.0),
            ("gradient norm limit", self.clip_norm, 1e9),
        ] {
            if !(0.0..=high).contains(&value) {
                return wrong(name, value.to_string(), "zero or a moderate positive number");
            }
        }
        if !(0.0..1.0).contains(&self.average_decay) {
            return wrong("average decay", self.average_decay.to_string(), "at least 0 and below 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_then_falls_to_a_hundredth() {
        let schedule = Schedule { peak_rate: 1.0, warmup_steps: 10, total_steps: 110 };
        assert!((schedule.rate(0) - 0.1).abs() < 1e-12);
        assert!((schedule.rate(10) - 1.0).abs() < 1e-12);
        assert!((schedule.rate(60) - 0.505).abs() < 1e-12);
        assert!((schedule.rate(110) - 0.01).abs() < 1e-12);
        assert!((schedule.rate(10_000) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn bad_shapes_are_refused() {
        assert!(NetworkConfig { widths: vec![], ..Default::default() }.check().is_err());
        assert!(NetworkConfig { widths: vec![0], ..Default::default() }.check().is_err());
        assert!(NetworkConfig { tasks: vec![Task::NoNoise; 2], ..Default::default() }.check().is_err());
        assert!(NetworkConfig::default().check().is_ok());
    }
}
