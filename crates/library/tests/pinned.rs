//! Samples that documents and weights refer to stay what they are, to the last bit of their 8-bit images,
//! on every x86-64 processor with FMA and AVX2, with AVX-512 or without (`processors` of the tests of `archive`).

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

use adatom_library::{Generator, Recipe};
use sha2::{Digest, Sha256};

/// What is pinned of a column.
#[derive(Debug)]
#[allow(dead_code)]
struct TruthColumn {
    x: f64,
    y: f64,
    intensity: f64,
}

/// The first 16 hexadecimal digits of the SHA-256 of images, labels and columns of four samples.
fn digest(recipe: &str) -> String {
    let generator = Generator::new(Recipe::open(recipe).unwrap(), 1).unwrap();
    let mut hash = Sha256::new();
    for index in [1, 2, 3, 100] {
        let sample = generator.sample(index).unwrap();
        let labels = &sample.labels;
        for image in [
            &sample.image,
            &labels.no_noise,
            &labels.no_background_no_noise,
            &labels.circular_mask,
            &labels.gaussian_mask,
            &labels.superresolution,
        ] {
            let highest = image.iter().fold(f32::MIN_POSITIVE, |a, v| a.max(*v));
            hash.update(image.iter().map(|v| (v / highest * 255.0).round() as u8).collect::<Vec<_>>());
        }
        let column = |c: &adatom_library::TruthColumn| TruthColumn { x: c.x, y: c.y, intensity: c.intensity };
        hash.update(format!("{:.6?}", sample.columns.iter().map(column).collect::<Vec<_>>()));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn samples_are_pinned() {
    let fma = std::arch::is_x86_feature_detected!("fma") && std::arch::is_x86_feature_detected!("avx2");
    if !fma {
        eprintln!("SKIPPED: this processor has no FMA or AVX2, on which the digests were made");
        return;
    }
    let recipes = ["paper", "extended", "unseen"];
    assert_eq!(recipes.map(digest), ["b7d378e3b6ef3b13", "4777e1c38d5fb031", "5d89780ca0830da7"]);
}
