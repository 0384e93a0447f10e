//! Inference gives the same maps in tiles and in one piece, and on every device.

#![allow(clippy::unwrap_used)]

mod support;

use adatom_network::{DeviceChoice, Inference, Maps, NetworkConfig, Task, Weights};
use ndarray::{Array2, Ix2, SliceInfo, SliceInfoElem, s};
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

/// Against the maps of mirrored images by themselves; sides are multiples of the stride, so that the poolings' cells
/// are the same ones. Far from the places, and in other maps, nothing changes.
#[test]
fn masks_near_places_are_means_over_mirrored_images() {
    on_every_device(|device| {
        let config = NetworkConfig { widths: vec![4, 6, 8], ..Default::default() };
        let network = Inference::new(Weights::new(config, 5).unwrap(), device).with_tile(60);
        let image = image().slice(s![..72, ..100]).to_owned();
        let plain = network.maps(&image, |_, _| {}).unwrap();
        let mut sum = Array2::<f32>::zeros(image.dim());
        for (rows, columns) in [(1, 1), (-1, 1), (1, -1), (-1, -1)] {
            let mirrored =
                |map: &Array2<f32>| map.slice(s![..;rows, ..;columns]).as_standard_layout().to_owned();
            let maps = network.maps(&mirrored(&image), |_, _| {}).unwrap();
            sum += &mirrored(&maps[&Task::GaussianMask]);
        }
        let mean = sum / 4.0;
        let mut maps = plain.clone();
        network.average_mirrored(&image, &mut maps, &[(20.0, 10.0)], 6.0, || true).unwrap();
        let here = s![4..17, 14..27];
        let far = s![60.., 80..];
        let apart = |a: &Array2<f32>, b: &Array2<f32>, part: SliceInfo<[SliceInfoElem; 2], Ix2, Ix2>| {
            (&a.slice(part) - &b.slice(part)).iter().fold(0.0_f32, |most, v| most.max(v.abs()))
        };
        let map = &maps[&Task::GaussianMask];
        let moved = apart(map, &plain[&Task::GaussianMask], here);
        assert!(apart(map, &mean, here) < 1e-3 * moved, "{} {moved}", apart(map, &mean, here));
        assert!(apart(map, &plain[&Task::GaussianMask], far) == 0.0);
        assert!(maps[&Task::NoNoise] == plain[&Task::NoNoise]);
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

/// A machine without a graphics adapter, or with one that is software, has the CPU.
#[test]
fn a_device_is_always_found() {
    let chosen = DeviceChoice::Auto.open().unwrap();
    if DeviceChoice::Gpu.open().is_err() {
        assert_eq!(chosen, DeviceChoice::Cpu.open().unwrap());
    }
}
