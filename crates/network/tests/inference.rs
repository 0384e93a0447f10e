//! Inference gives the same maps in tiles and in one piece, and on every device.

#![allow(clippy::unwrap_used)]

mod support;

use adatom_network::{DeviceChoice, Inference, Maps, NetworkConfig, NetworkError, Task, Weights};
use ndarray::Array2;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{on_every_device, on_the_gpu};

/// Convolutions of other orders of summation round differently: some 1e-6 of the range a layer.
#[track_caller]
fn assert_equal(a: &Maps, b: &Maps) {
    for task in Task::ALL {
        let (low, high) = a[&task].iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let apart = (&a[&task] - &b[&task]).iter().fold(0.0_f32, |a, v| a.max(v.abs()));
        assert!(apart <= 1e-4 * (high - low), "{task:?}: {apart} of {}", high - low);
    }
}

fn image() -> Array2<f32> {
    Array2::from_shape_fn((75, 101), |(r, c)| ((r * 7 + c * 13) % 31) as f32 + (r as f32 * 0.3).sin())
}

/// Untrained weights let every pixel matter: a seam would show at once.
#[test]
fn tiled_and_whole_results_agree() {
    on_every_device(|device| {
        let config = NetworkConfig { widths: vec![4, 6, 8], ..Default::default() };
        let weights = Weights::new(config, 5).unwrap();
        let whole = Inference::new(weights.clone(), device).maps(&image(), |_, _| {}).unwrap();
        let tiled = Inference::new(weights, device).with_tile(60).maps(&image(), |_, _| {}).unwrap();
        assert_equal(&whole, &tiled);
    });
}

/// The network at its usual size, with the weights that come with the program and without.
#[test]
fn every_device_gives_the_same_maps() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/adatom.safetensors");
    let shipped = Weights::from_bytes(&std::fs::read(shipped).unwrap(), shipped).unwrap();
    let untrained = Weights::new(NetworkConfig::default(), 5).unwrap();
    let cpu = DeviceChoice::Cpu.open().unwrap();
    on_the_gpu(|gpu| {
        for weights in [&shipped, &untrained] {
            let [expected, maps] = [&cpu, gpu]
                .map(|device| Inference::new(weights.clone(), device).maps(&image(), |_, _| {}).unwrap());
            assert_equal(&expected, &maps);
        }
    });
}

#[test]
fn a_single_pixel_and_a_flat_image_go_through() {
    on_every_device(|device| {
        let weights = Weights::new(NetworkConfig { widths: vec![2, 2], ..Default::default() }, 5).unwrap();
        let network = Inference::new(weights, device);
        for size in [(1, 1), (1, 9), (5, 3)] {
            let maps = network.maps(&Array2::from_elem(size, 3.0), |_, _| {}).unwrap();
            assert!(maps.values().all(|map| map.dim() == size && map.iter().all(|v| v.is_finite())));
        }
    });
}

#[test]
fn a_stopped_network_ends_with_its_own_error() {
    let weights = Weights::new(NetworkConfig { widths: vec![2, 2], ..Default::default() }, 5).unwrap();
    let network = Inference::new(weights, &DeviceChoice::Cpu.open().unwrap()).with_tile(32);
    let stop = Arc::new(AtomicBool::new(false));
    let after_two = |done, _| stop.store(done == 2, Ordering::Relaxed);
    let stopped = network.clone().stopped_by(Arc::clone(&stop)).maps(&image(), after_two);
    assert!(matches!(stopped, Err(NetworkError::Stopped)));
    assert!(network.maps(&image(), |_, _| {}).is_ok());
}

/// A machine without a graphics adapter, or with one that is software, has the CPU.
#[test]
fn a_device_is_always_found() {
    let chosen = DeviceChoice::Auto.open().unwrap();
    if DeviceChoice::Gpu.open().is_err() {
        assert_eq!(chosen, DeviceChoice::Cpu.open().unwrap());
    }
}
