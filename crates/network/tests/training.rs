//! Training learns, resumes exactly, and stops when its numbers break.

#![allow(clippy::unwrap_used)]

mod support;

use adatom_network::{
    Checkpoint, DeviceChoice, Loss, NetworkConfig, NetworkError, Observer, Outcome, Schedule, Source,
    StepReport, Task, TrainConfig, Trainer, TrainingSample, validation_loss,
};
use burn::tensor::{Device, Tensor, TensorData};
use support::{on_every_device, on_the_gpu};

const SIDE: usize = 16;

/// Spots at pseudo-random places whose label is the image without its offset.
struct Spots {
    broken_from: u64,
}

impl Source for Spots {
    fn sample(&self, index: u64) -> Result<TrainingSample, NetworkError> {
        let (x, y) = ((index * 7 % 11 + 2) as f32, (index * 5 % 9 + 3) as f32);
        let spot = |i: usize| {
            let (c, r) = ((i % SIDE) as f32, (i / SIDE) as f32);
            (-((c - x).powi(2) + (r - y).powi(2)) / 8.0).exp()
        };
        let targets: Vec<f32> = (0..SIDE * SIDE).map(spot).collect();
        let bad = if index >= self.broken_from { f32::NAN } else { 0.0 };
        let input = targets.iter().map(|v| v - 0.3 + bad).collect();
        Ok(TrainingSample { size: [SIDE, SIDE], input, weights: vec![1.0; targets.len()], targets })
    }
}

#[derive(Default)]
struct Log {
    losses: Vec<f32>,
    checkpoints: Vec<Checkpoint>,
    stop_at: Option<u64>,
    step: u64,
}

impl Observer for Log {
    fn step(&mut self, report: &StepReport) {
        self.losses.push(report.loss);
        self.step = report.step;
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), NetworkError> {
        self.checkpoints.push(checkpoint.clone());
        Ok(())
    }

    fn stop(&mut self) -> bool {
        self.stop_at.is_some_and(|at| self.step >= at)
    }
}

fn config(steps: u64) -> TrainConfig {
    TrainConfig {
        network: NetworkConfig { widths: vec![4, 8], tasks: vec![Task::NoBackgroundNoNoise] },
        batch: 2,
        loss: Loss::Mse,
        schedule: Schedule { peak_rate: 0.01, warmup_steps: 2, total_steps: steps },
        checkpoint_steps: 5,
        workers: 2,
        ..TrainConfig::default()
    }
}

#[test]
fn the_loss_falls() {
    on_every_device(|device| {
        let mut trainer = Trainer::new(config(60), "spots".into(), device).unwrap();
        let mut log = Log::default();
        assert_eq!(trainer.run(&Spots { broken_from: u64::MAX }, &mut log).unwrap(), Outcome::Finished);
        assert!(log.losses[59] < 0.1 * log.losses[0], "{} to {}", log.losses[0], log.losses[59]);
    });
}

/// The devices sum in another order: some 1e-7 of the loss at first, which Adam's steps may amplify.
#[test]
fn every_device_learns_the_same() {
    let losses = |device: &Device| {
        let (mut trainer, mut log) = (Trainer::new(config(20), "s".into(), device).unwrap(), Log::default());
        trainer.run(&Spots { broken_from: u64::MAX }, &mut log).unwrap();
        log.losses
    };
    let expected = losses(&DeviceChoice::Cpu.open().unwrap());
    on_the_gpu(|gpu| {
        for (step, (loss, expected)) in losses(gpu).iter().zip(&expected).enumerate() {
            assert!((loss - expected).abs() <= 1e-4 * expected, "step {step}: {loss}, not {expected}");
        }
    });
}

/// Through bytes, as after a kill: every loss and every weight is the same to the last bit.
#[test]
fn a_resumed_training_is_the_uninterrupted_one() {
    on_every_device(|device| {
        let source = Spots { broken_from: u64::MAX };
        let (mut whole, mut through) =
            (Trainer::new(config(20), "s".into(), device).unwrap(), Log::default());
        whole.run(&source, &mut through).unwrap();
        let (mut first, mut log) = (Trainer::new(config(20), "s".into(), device).unwrap(), Log::default());
        log.stop_at = Some(7);
        assert_eq!(first.run(&source, &mut log).unwrap(), Outcome::Stopped);
        let bytes = log.checkpoints.last().unwrap().to_bytes().unwrap();
        let mut second = Trainer::resume(Checkpoint::from_bytes(&bytes, "kept").unwrap(), device);
        log.stop_at = None;
        second.run(&source, &mut log).unwrap();
        assert_eq!(log.losses, through.losses);
        assert_eq!(second.state(), whole.state());
    });
}

/// What is trained is then the network as it is used, to rounding, and it learns: with the batches' statistics the first
/// loss is another one.
#[test]
fn fixed_statistics_stay_and_are_those_trained_with() {
    on_every_device(|device| {
        let source = Spots { broken_from: u64::MAX };
        let mut first = Trainer::new(config(20), "s".into(), device).unwrap();
        first.run(&source, &mut Log::default()).unwrap();
        let weights = first.state().average().clone();
        let samples = [0, 1].map(|index| source.sample(index).unwrap());
        let used = validation_loss(&weights, &samples, device).unwrap();
        let mut off = Vec::new();
        for fixed in [true, false] {
            let config = TrainConfig { fixed_statistics: fixed, ..config(20) };
            let mut trainer = Trainer::from_weights(config, weights.clone(), "s".into(), device).unwrap();
            let mut log = Log::default();
            trainer.run(&source, &mut log).unwrap();
            off.push((log.losses[0] / used - 1.0).abs());
            let after = trainer.state().average();
            let mut statistics = weights.parameters().iter().filter(|(_, p)| !p.learnt);
            assert_eq!(statistics.all(|(name, p)| after.parameters()[name] == *p), fixed);
            assert!(validation_loss(after, &samples, device).unwrap() < used);
        }
        assert!(off[0] < 1e-4 && off[1] > 1e-2, "{off:?}");
    });
}

#[test]
fn a_loss_that_is_no_number_stops_the_training_and_leaves_the_last_good_checkpoint() {
    on_every_device(|device| {
        let mut trainer = Trainer::new(config(20), "s".into(), device).unwrap();
        let mut log = Log::default();
        // Sample 14 belongs to step 8.
        let error = trainer.run(&Spots { broken_from: 14 }, &mut log).unwrap_err();
        assert!(matches!(error, NetworkError::Diverged { step: 8, checkpoint: 5, .. }), "{error}");
        assert_eq!(log.checkpoints.last().unwrap().step(), 5);
        assert!(log.checkpoints.last().unwrap().average().is_finite());
    });
}

#[test]
fn a_checkpoint_refuses_hostile_bytes() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let trainer = Trainer::new(config(3), "s".into(), &device).unwrap();
    let bytes = trainer.state().to_bytes().unwrap();
    for bad in [&b""[..], &[7; 100][..], &bytes[..bytes.len() - 9]] {
        assert!(<Checkpoint>::from_bytes(bad, "c").is_err());
    }
    assert_eq!(&Checkpoint::from_bytes(&bytes, "c").unwrap(), trainer.state());
}

/// Inference folds the batch norms into the convolutions: against plain loops.
#[test]
fn a_one_level_network_equals_its_convolutions_by_hand() {
    let shape = NetworkConfig { widths: vec![1], tasks: vec![Task::NoNoise] };
    let mut weights = adatom_network::Weights::new(shape, 4).unwrap();
    for (name, parameter) in weights.parameters_mut() {
        match name.as_str() {
            "down.0.0.gamma" => parameter.values[0] = 1.7,
            "down.0.0.beta" => parameter.values[0] = 0.2,
            "down.0.0.running_mean" => parameter.values[0] = -0.4,
            "down.0.0.running_var" => parameter.values[0] = 2.5,
            "head.bias" => parameter.values[0] = 0.1,
            _ => {}
        }
    }
    let image: Vec<f32> = (0..30).map(|i| ((i * 11 % 13) as f32 - 6.0) / 5.0).collect();
    let value = |name: &str| weights.parameters()[name].values.clone();
    let convolve = |input: &[f32], kernel: &[f32]| -> Vec<f32> {
        let at = |r: i32, c: i32| {
            if (0..5).contains(&r) && (0..6).contains(&c) { input[(r * 6 + c) as usize] } else { 0.0 }
        };
        (0..30)
            .map(|i| {
                let (r, c) = (i / 6, i % 6);
                (0..9).map(|k| kernel[k as usize] * at(r + k / 3 - 1, c + k % 3 - 1)).sum()
            })
            .collect()
    };
    let mut expected = image.clone();
    for block in ["down.0.0", "down.0.1"] {
        let part = |part: &str| value(&format!("{block}.{part}"))[0];
        let deviation = (part("running_var") + 1e-5).sqrt();
        expected = convolve(&expected, &value(&format!("{block}.weight")))
            .into_iter()
            .map(|v| (part("gamma") * (v - part("running_mean")) / deviation + part("beta")).max(0.0))
            .collect();
    }
    let head = value("head.weight")[0];
    on_every_device(|device| {
        let network = adatom_network::Unet::for_inference(&weights, device);
        let input = Tensor::<4>::from_data(TensorData::new(image.clone(), [1, 1, 5, 6]), device);
        let output = network.forward(input).unwrap().0.into_data().try_to_vec::<f32>().unwrap();
        for (a, b) in output.iter().zip(&expected) {
            assert!((a - (head * b + 0.1)).abs() < 1e-5, "{a} not {}", head * b + 0.1);
        }
    });
}
