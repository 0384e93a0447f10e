//! Real microscope files against what independent readers see in them.
//!
//! The files are not part of the project. `ADATOM_TEST_DATA` names the folder that has them; the
//! tests say so and pass when it is missing.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_formats::Image;
use common::{read, test_data};
use serde_json::Value;

fn compare(name: &str, image: &Image, truth: &Value) {
    let shape: Vec<_> =
        truth["shape"].as_array().unwrap().iter().map(|side| side.as_u64().unwrap() as usize).collect();
    assert_eq!(image.data.shape(), &shape[shape.len() - 2..], "{name}");
    let values = || image.data.iter().map(|&value| f64::from(value));
    let near = |ours: f64, theirs: &Value, what: &str| {
        let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{name}: no {what}"));
        assert!((ours - theirs).abs() <= 1e-7 * theirs.abs(), "{name}: {what} is {ours}, not {theirs}");
    };
    near(values().fold(f64::INFINITY, f64::min), &truth["min"], "min");
    near(values().fold(f64::NEG_INFINITY, f64::max), &truth["max"], "max");
    near(values().sum(), &truth["sum"], "sum");
}

#[test]
fn every_png_and_tiff_image_agrees_with_the_manifest() {
    let Some(folder) = test_data("stem") else { return };
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut seen = 0;
    for truth in manifest["files"].as_array().unwrap() {
        let name = truth["file"].as_str().unwrap();
        if !(name.ends_with(".png") || name.ends_with(".tif")) || truth["sum"].is_null() {
            continue;
        }
        let image = read(&folder.join(name)).unwrap();
        compare(name, &image, truth);
        if let Some(nm) = truth["pixel_nm"].as_f64() {
            let size = image.pixel_size.unwrap_or_else(|| panic!("{name}: no pixel size"));
            assert!((size.x_angstrom / (10.0 * nm) - 1.0).abs() < 1e-5, "{name}: {size}");
        }
        seen += 1;
    }
    assert!(seen > 30, "only {seen} files");
}
