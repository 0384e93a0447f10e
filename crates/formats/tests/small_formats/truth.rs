//! Real files against what an independent reader sees in them.
//!
//! They are not part of the project. `ADATOM_TEST_DATA` names the folder that has `formats/`; the
//! tests say so and pass when it is missing.

use std::path::Path;

use adatom_formats::{Dataset, Kind, Stats, open};
use serde_json::Value;

use super::common::test_data;

/// A text of the truth, where nothing is written in two ways.
fn text(value: &Value) -> &str {
    value.as_str().filter(|text| *text != "None").unwrap_or_default()
}

fn near(what: &str, ours: f64, theirs: &Value, tolerance: f64) {
    let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{what}: the truth has no number"));
    assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{what} is {ours}, not {theirs}");
}

fn compare(name: &str, dataset: &Dataset, index: usize, truth: &Value) {
    let signal = &dataset.signals()[index];
    let shape: Vec<_> =
        truth["shape"].as_array().unwrap().iter().map(|side| side.as_u64().unwrap() as usize).collect();
    assert_eq!(signal.shape(), shape, "{name}");
    assert_eq!(signal.dtype.numpy(), truth["dtype"], "{name}");
    if let Some(title) = truth["title"].as_str() {
        assert_eq!(signal.name, title, "{name}");
    }
    for (axis, truth) in signal.axes.iter().zip(truth["axes"].as_array().into_iter().flatten()) {
        assert_eq!(axis.name, text(&truth["name"]), "{name}");
        assert_eq!(axis.unit, text(&truth["units"]), "{name}");
        near(&format!("{name}: scale of {:?}", axis.name), axis.scale, &truth["scale"], 1e-9);
        near(&format!("{name}: offset of {:?}", axis.name), axis.offset, &truth["offset"], 1e-9);
    }
    let tolerance = if signal.dtype.numpy().contains("int") { 0.0 } else { 1e-6 };
    let Stats::Real { sum, min, max, first, last } = dataset.stats(index).unwrap() else {
        panic!("{name}: no real numbers")
    };
    for (what, ours) in [("sum", sum), ("min", min), ("max", max)] {
        near(&format!("{name}: {what}"), ours, &truth[what], tolerance);
    }
    for (what, ours) in [("first8", first), ("last4", last)] {
        let theirs = truth[what].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{name}: {what}");
        for (ours, theirs) in ours.iter().zip(theirs) {
            near(&format!("{name}: {what}"), *ours, theirs, 1e-7);
        }
    }
    let expected = match (name.contains("spectrum"), shape.len()) {
        (_, 1) => Kind::Other,
        (true, axes) => Kind::Spectrum { axis: axes - 1 },
        (false, _) => Kind::Image,
    };
    assert_eq!(signal.kind, expected, "{name}");
}

#[test]
fn all_files_agree_with_the_truth() {
    let Some(folder) = test_data("formats") else { return };
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let mut seen = 0;
    for file in truth["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let ours = name.starts_with("ser/") || name.starts_with("mrc/") || name.ends_with(".npy");
        let Some(signals) = file["signals"].as_array().filter(|_| ours) else { continue };
        let dataset = open(&folder.join(name)).unwrap();
        assert_eq!(dataset.signals().len(), signals.len(), "{name}");
        for (index, truth) in signals.iter().enumerate() {
            compare(name, &dataset, index, truth);
        }
        seen += 1;
    }
    assert!(seen >= 19, "only {seen} files");
}

fn of_folder(folder: &Path, name: &str) -> Dataset {
    open(&folder.join(name)).unwrap()
}

#[test]
fn an_emi_file_opens_all_its_series() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/16x16_STEM_BF_DF_acquire.emi");
    assert_eq!(dataset.format(), "TIA EMI");
    let names: Vec<_> = dataset.signals().iter().map(|signal| signal.name.as_str()).collect();
    assert_eq!(names, ["16x16_STEM_BF_DF_acquire_1", "16x16_STEM_BF_DF_acquire_2"]);
    for (index, name) in names.iter().enumerate() {
        let alone = of_folder(&folder, &format!("ser/{name}.ser"));
        assert_eq!(dataset.stats(index).unwrap(), alone.stats(0).unwrap());
        assert_eq!(dataset.signals()[index].metadata, alone.signals()[0].metadata);
    }
    let uuid = |name: &str| dataset.original().pointer(&format!("/{name}/emi/ObjectInfo/Uuid")).cloned();
    assert_eq!(uuid(names[0]).unwrap(), "392a0b2b-5edb-4c51-843c-57916c4059a0");
    assert_eq!(uuid(names[1]).unwrap(), "c925d651-25eb-4080-b200-0a0f0942d3cf");
}

#[test]
fn the_settings_of_a_scan_come_from_the_emi_file() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/03_Scanning Preview_1.ser");
    let metadata = &dataset.signals()[0].metadata;
    assert_eq!(metadata.date.as_deref(), Some("2019-04-25T09:30:09"));
    assert_eq!(metadata.microscope.as_deref(), Some("TitanCubed 300 kV D3128 UltraTwin"));
    assert_eq!(metadata.operator.as_deref(), Some("Service"));
    assert_eq!(metadata.mode.as_deref(), Some("STEM nP SA Zoom Diffraction"));
    assert_eq!(metadata.energy_kv, Some(200.0));
    assert_eq!(metadata.dwell_us, Some(12.0));
    assert_eq!(metadata.exposure_s, Some(0.23593));
    assert_eq!(metadata.magnification, Some(1_300_000.0));
    assert_eq!(metadata.camera_length_mm, Some(135.0));
    assert_eq!(metadata.defocus_nm, Some(221.0));
    assert_eq!(metadata.stage_tilt_deg, Some([0.0, 0.0]));
    assert_eq!(metadata.detector, None);
    let size = dataset.signals()[0].pixel_size().unwrap().unwrap();
    assert!((size.x_angstrom - 3.843_524_875).abs() < 1e-6, "{size}");
}

#[test]
fn the_settings_of_a_camera_come_from_the_emi_file() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/128x128-TEM_search_1.ser");
    let metadata = &dataset.signals()[0].metadata;
    assert_eq!(metadata.date.as_deref(), Some("2016-02-22T18:50:01"));
    assert_eq!(metadata.detector.as_deref(), Some("BM-Ceta"));
    assert_eq!((metadata.exposure_s, metadata.dwell_us), (Some(0.1), None));
    assert_eq!((metadata.magnification, metadata.camera_length_mm), (Some(22_500.0), None));
    let dataset = of_folder(&folder, "ser/16_STOimage_1.ser");
    assert_eq!(dataset.signals()[0].metadata.energy_kv, Some(80.0));
}

#[test]
fn a_series_without_an_emi_file_says_so_and_has_the_date_of_its_tag() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/64x64_diffraction_acquire_1.ser");
    let signal = &dataset.signals()[0];
    assert!(signal.notes[0].contains(".emi"), "{:?}", signal.notes);
    assert_eq!(signal.metadata.date.as_deref(), Some("2016-02-21T16:51:26Z"));
    assert!(signal.pixel_size().unwrap_err().contains("not believable"));
    let mrc = of_folder(&folder, "mrc/ROI_Random_Scan_Sum.mrc");
    assert!(mrc.signals()[0].pixel_size().unwrap_err().contains("not believable"));
}
