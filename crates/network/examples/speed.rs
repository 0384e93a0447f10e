//! Times one case of the network in a process of its own and prints the best time and the peak
//! memory as JSON: `speed CASE REPEATS`, with the cases `forward512`, `forward1024`, `train`,
//! `tiles4096` and `gemm`. `benches/peers/network.sh` compares them with other programs.

#![allow(clippy::print_stdout)]

use adatom_network::{
    Checkpoint, DeviceChoice, Inference, NetworkConfig, NetworkError, Observer, Schedule, Source, StepReport,
    TrainConfig, Trainer, TrainingSample, Unet, Weights,
};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array2;
use std::time::Instant;

/// Side of a training image, and images a step.
const SIDE: usize = 256;
const BATCH: usize = 4;
/// Side of the matrices whose product measures the processor.
const MATRIX: usize = 1536;

fn shape() -> NetworkConfig {
    NetworkConfig { widths: vec![16, 32, 64, 128], ..NetworkConfig::default() }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| i.wrapping_mul(2_654_435_761) as f32 / 2e9 - 1.0).collect()
}

/// The seconds of the fastest of several runs, after one that does not count.
fn best(repeats: usize, mut run: impl FnMut() -> Result<(), NetworkError>) -> Result<f64, NetworkError> {
    run()?;
    let mut best = f64::INFINITY;
    for _ in 0..repeats {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn forward(side: usize, repeats: usize, device: &Device) -> Result<f64, NetworkError> {
    let network = Unet::for_inference(&Weights::new(shape(), 1)?, device);
    let input = Tensor::<4>::from_data(TensorData::new(numbers(side * side), [1, 1, side, side]), device);
    best(repeats, || {
        let output = network.forward(input.clone())?.0.into_data();
        std::hint::black_box(output);
        Ok(())
    })
}

fn tiles(side: usize, repeats: usize, device: &Device) -> Result<f64, NetworkError> {
    let inference = Inference::new(Weights::new(shape(), 1)?, device);
    let image = Array2::from_shape_fn((side, side), |(r, c)| ((r * 7 + c * 13) % 31) as f32);
    best(repeats, || inference.maps(&image, |_, _| {}).map(|maps| drop(std::hint::black_box(maps))))
}

fn gemm(repeats: usize, device: &Device) -> Result<f64, NetworkError> {
    let matrix = || {
        let data = TensorData::new(numbers(MATRIX * MATRIX), [MATRIX, MATRIX]);
        Tensor::<2>::from_data(data, device)
    };
    let (a, b) = (matrix(), matrix());
    best(repeats, || {
        std::hint::black_box(a.clone().matmul(b.clone()).into_data());
        Ok(())
    })
}

/// The same sample over and over.
struct Same(TrainingSample);

impl Source for Same {
    fn sample(&self, _: u64) -> Result<TrainingSample, NetworkError> {
        Ok(self.0.clone())
    }
}

/// Takes the time of each step.
struct Clock {
    last: Instant,
    best: f64,
}

impl Observer for Clock {
    fn step(&mut self, report: &StepReport) {
        if report.step > 1 {
            self.best = self.best.min(self.last.elapsed().as_secs_f64());
        }
        self.last = Instant::now();
    }

    fn checkpoint(&mut self, _: &Checkpoint) -> Result<(), NetworkError> {
        Ok(())
    }
}

fn train(repeats: usize, device: &Device) -> Result<f64, NetworkError> {
    let tasks = shape().tasks.len();
    let config = TrainConfig {
        network: shape(),
        batch: BATCH,
        schedule: Schedule { total_steps: repeats as u64 + 1, ..<TrainConfig>::default().schedule },
        ..TrainConfig::default()
    };
    let pixels = SIDE * SIDE;
    let sample = TrainingSample {
        size: [SIDE, SIDE],
        input: numbers(pixels),
        targets: numbers(tasks * pixels),
        weights: vec![1.0; tasks * pixels],
    };
    let mut clock = Clock { last: Instant::now(), best: f64::INFINITY };
    Trainer::new(config, "speed".to_owned(), device)?.run(&Same(sample), &mut clock)?;
    Ok(clock.best)
}

/// The largest memory this process ever held, where the system tells it \[MB\].
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

fn main() -> Result<(), NetworkError> {
    adatom_convolution::keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().unwrap_or_default();
    let repeats = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let device = DeviceChoice::Cpu.open()?;
    let seconds = match case.as_str() {
        "forward512" => forward(512, repeats, &device)?,
        "forward1024" => forward(1024, repeats, &device)?,
        "train" => train(repeats, &device)?,
        "tiles4096" => tiles(4096, repeats, &device)?,
        "gemm" => gemm(repeats, &device)?,
        _ => {
            return Err(NetworkError::Setting {
                name: "case",
                value: case,
                expected: "forward512, forward1024, train, tiles4096 or gemm",
            });
        }
    };
    let memory = peak_memory().map_or("null".to_owned(), |m| format!("{m:.1}"));
    println!("{{\"case\": \"{case}\", \"ms\": {:.3}, \"peak_mb\": {memory}}}", 1e3 * seconds);
    Ok(())
}
