//! Real microscope files against what independent readers see in them.
//!
//! The files are not part of the project. `ADATOM_TEST_DATA` names the folder that has them; the
//! tests say so and pass when it is missing.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use adatom_formats::{Image, open};
use serde_json::Value;

fn data(list: &str) -> Option<(PathBuf, Value)> {
    let folder = std::env::var_os("ADATOM_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let list = folder.join(list);
    match std::fs::read(&list) {
        Ok(text) => Some((list.parent().unwrap().to_owned(), serde_json::from_slice(&text).unwrap())),
        Err(error) => {
            eprintln!(
                "\n*** SKIPPED: no real files, {} ({error}); set ADATOM_TEST_DATA ***\n",
                list.display()
            );
            None
        }
    }
}

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
    let Some((folder, manifest)) = data("stem/manifest.json") else { return };
    let mut seen = 0;
    for truth in manifest["files"].as_array().unwrap() {
        let name = truth["file"].as_str().unwrap();
        if !(name.ends_with(".png") || name.ends_with(".tif")) || truth["sum"].is_null() {
            continue;
        }
        let image = open(&folder.join(name), None).unwrap();
        compare(name, &image, truth);
        if let Some(nm) = truth["pixel_nm"].as_f64() {
            let size = image.pixel_size.unwrap_or_else(|| panic!("{name}: no pixel size"));
            assert!((size.x_angstrom / (10.0 * nm) - 1.0).abs() < 1e-5, "{name}: {size}");
        }
        seen += 1;
    }
    assert!(seen > 30, "only {seen} files");
}

#[test]
fn tiff_files_of_many_programs_agree_with_the_truth() {
    let Some((folder, truth)) = data("formats/truth.json") else { return };
    let mut seen = 0;
    for file in truth["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        if !name.starts_with("tiff/") {
            continue;
        }
        let path = folder.join(name);
        let first = open(&path, None).unwrap_or_else(|error| panic!("{error}"));
        for (index, signal) in file["signals"].as_array().unwrap().iter().enumerate() {
            if signal["sum"].is_null() {
                continue;
            }
            if signal["shape"].as_array().unwrap().len() == 2 {
                compare(name, &open(&path, Some(index)).unwrap(), signal);
            } else {
                let sum: f64 = (0..first.source.frames)
                    .flat_map(|frame| open(&path, Some(frame)).unwrap().data.into_iter())
                    .map(f64::from)
                    .sum();
                assert_eq!(sum, signal["sum"].as_f64().unwrap(), "{name}");
            }
            let (unit, scale) = (&signal["axes"][1]["units"], signal["axes"][1]["scale"].as_f64().unwrap());
            if let (Some("µm"), Some(size)) = (unit.as_str(), first.pixel_size) {
                assert!((size.x_angstrom / (1e4 * scale) - 1.0).abs() < 1e-5, "{name}: {size}");
            }
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} files");
}
