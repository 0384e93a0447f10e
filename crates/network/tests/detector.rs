//! The detector learns, resumes exactly, and finds the same columns in tiles and in one piece.

#![allow(clippy::unwrap_used)]

mod support;

use adatom_library::{Generator, Recipe};
use adatom_network::{
    Checkpoint, DetectionSample, Detector, DetectorConfig, DeviceChoice, NetworkError, Observer, Outcome,
    Schedule, Source, StepReport, TrainConfig, Trainer, Weights,
};
use ndarray::Array2;
use support::on_every_device;

fn shape() -> DetectorConfig {
    DetectorConfig { widths: vec![4, 8, 8], anchors: vec![6, 12, 24], pooled: 3, hidden: 16 }
}

/// A few samples of small images, over and over.
struct Few(Vec<DetectionSample>);

impl Few {
    fn new(count: u64) -> Self {
        let mut recipe = Recipe::open("extended").unwrap();
        (recipe.image.width, recipe.image.height) = (64, 64);
        let generator = Generator::new(recipe, 1).unwrap();
        let sample = |index| DetectionSample::new(&generator.sample(index).unwrap(), &shape());
        Self((0..count).map(sample).collect())
    }
}

impl Source<DetectionSample> for Few {
    fn sample(&self, index: u64) -> Result<DetectionSample, NetworkError> {
        Ok(self.0[index as usize % self.0.len()].clone())
    }
}

#[derive(Default)]
struct Log {
    reports: Vec<StepReport>,
    last: Option<Checkpoint<DetectorConfig>>,
    stop_at: Option<u64>,
}

impl Observer<DetectorConfig> for Log {
    fn step(&mut self, report: &StepReport) {
        self.reports.push(report.clone());
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint<DetectorConfig>) -> Result<(), NetworkError> {
        self.last = Some(checkpoint.clone());
        Ok(())
    }

    fn stop(&mut self) -> bool {
        self.stop_at == Some(self.reports.len() as u64)
    }
}

fn config(steps: u64) -> TrainConfig<DetectorConfig> {
    TrainConfig {
        network: shape(),
        batch: 2,
        schedule: Schedule { peak_rate: 5e-3, warmup_steps: 5, total_steps: steps },
        average_decay: 0.9,
        checkpoint_steps: 5,
        ..TrainConfig::default()
    }
}

#[test]
fn a_few_samples_are_learnt_by_heart() {
    on_every_device(|device| {
        let (source, mut log) = (Few::new(2), Log::default());
        let mut trainer = Trainer::new(config(120), "few".into(), device).unwrap();
        assert_eq!(trainer.run(&source, &mut log).unwrap(), Outcome::Finished);
        let mean = |reports: &[StepReport], part: usize| {
            reports.iter().map(|r| r.task_losses[part]).sum::<f32>() / reports.len() as f32
        };
        for part in 0..4 {
            let (first, last) = (mean(&log.reports[..10], part), mean(&log.reports[110..], part));
            assert!(last < 0.7 * first, "part {part}: {first} to {last}");
        }
    });
}

/// To the last bit on the CPU; a GPU adds the gradients of features that several boxes share in any order, which
/// changes the last digits.
#[test]
fn a_resumed_training_is_the_uninterrupted_one() {
    let cpu = DeviceChoice::Cpu.open().unwrap();
    on_every_device(|device| {
        let (source, mut through) = (Few::new(4), Log::default());
        let mut whole = Trainer::new(config(12), "few".into(), device).unwrap();
        whole.run(&source, &mut through).unwrap();
        let mut log = Log { stop_at: Some(7), ..Log::default() };
        let mut first = Trainer::new(config(12), "few".into(), device).unwrap();
        assert_eq!(first.run(&source, &mut log).unwrap(), Outcome::Stopped);
        let bytes = log.last.take().unwrap().to_bytes().unwrap();
        let mut second = Trainer::resume(Checkpoint::from_bytes(&bytes, "kept").unwrap(), device);
        log.stop_at = None;
        second.run(&source, &mut log).unwrap();
        assert_eq!(log.reports.len(), through.reports.len());
        for (resumed, through) in log.reports.iter().zip(&through.reports) {
            assert!((resumed.loss / through.loss - 1.0).abs() < 1e-3, "{resumed:?} {through:?}");
        }
        if *device == cpu {
            assert_eq!(log.reports, through.reports);
            assert_eq!(second.state(), whole.state());
        }
    });
}

/// Untrained weights take much for columns: a seam would show at once.
#[test]
fn tiled_and_whole_images_have_the_same_columns() {
    let image = Array2::from_shape_fn((250, 331), |(r, c)| {
        (r as f32 * 0.31).sin() * (c as f32 * 0.27).cos() + ((r * 7 + c * 13) % 31) as f32 / 60.0
    });
    on_every_device(|device| {
        let detector = || Detector::new(&Weights::new(shape(), 3).unwrap(), device);
        let whole = detector().detect(&image).unwrap();
        let tiled = detector().with_tile(160).detect(&image).unwrap();
        assert!(whole.len() > 20, "{}", whole.len());
        // Limits on proposals are by area: the least likely may differ.
        let there = |d: &&adatom_network::Detection| {
            tiled.iter().any(|t| (t.x - d.x).hypot(t.y - d.y) < 0.01 && (t.score - d.score).abs() < 1e-3)
        };
        let same = whole.iter().filter(there).count();
        assert!(same as f64 > 0.9 * whole.len() as f64, "{same} of {} and {}", whole.len(), tiled.len());
        assert!(whole.windows(2).all(|pair| pair[0].score >= pair[1].score));
    });
}

#[test]
fn a_single_pixel_and_a_flat_image_go_through() {
    on_every_device(|device| {
        let detector = Detector::new(&Weights::new(shape(), 3).unwrap(), device);
        for size in [(1, 1), (1, 9), (5, 3), (40, 40)] {
            let found = detector.detect(&Array2::from_elem(size, 3.0)).unwrap();
            assert!(found.iter().all(|d| d.score.is_finite() && d.x < size.1 as f64 && d.y < size.0 as f64));
        }
    });
}

#[test]
fn hostile_bytes_and_other_networks_are_refused_by_name() {
    on_every_device(|device| {
        let good = Weights::new(shape(), 3).unwrap().to_bytes().unwrap();
        assert!(Detector::from_bytes(&good, "w", device).is_ok());
        let unet = Weights::new(adatom_network::NetworkConfig::default(), 3).unwrap().to_bytes().unwrap();
        for bad in [&b""[..], &good[..good.len() - 9], &unet] {
            let error = Detector::from_bytes(bad, "w.safetensors", device).err().unwrap().to_string();
            assert!(error.starts_with("w.safetensors"), "{error}");
        }
    });
}
