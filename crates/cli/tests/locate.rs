//! The command as a user types it.

#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use std::path::Path;
use std::process::{Command, Output};

fn adatom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatom")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A square lattice of 16 px with its columns at known places.
fn lattice(side: usize) -> Array2<f32> {
    Array2::from_shape_fn((side, side), |(row, column)| {
        let off = |v: usize| (v as f32 + 8.0 - 8.25).rem_euclid(16.0) - 8.0;
        (-(off(row).powi(2) + off(column).powi(2)) / (2.0 * 3.2 * 3.2)).exp() * 100.0 + 20.0
    })
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn locate_writes_the_contracted_files_and_right_positions() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lattice.tif");
    adatom_formats::write_tiff(&path, &lattice(160), None).unwrap();
    let done = adatom(&["locate", path.to_str().unwrap(), "--pixel-size", "9.4pm", "--json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let folder = dir.path().join("lattice.tif.adatom");
    assert_eq!(
        names(&folder),
        [
            "atoms.csv",
            "circularMask.tif",
            "gaussianMask.tif",
            "noBackgroundnoNoise.tif",
            "noNoise.tif",
            "noNoiseNoBackgroundSuperresolution.tif",
            "overlay.png",
            "report.json"
        ]
    );
    assert_eq!(report["pixel_size_angstrom"]["x"], 0.094);
    assert_eq!(report["columns"], 100);
    let csv = std::fs::read_to_string(folder.join("atoms.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("id,x_px,y_px,x_angstrom,y_angstrom,intensity,background,radius_px,score,flags")
    );
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 10, "{line}");
        let number = |i: usize| fields[i].parse::<f64>().unwrap();
        // A noise-free lattice: a quarter of a pixel is a sixtieth of the spacing. Columns cut by
        // the border are biased and flagged.
        let off = |v: f64| (v + 8.0 - 8.25).rem_euclid(16.0) - 8.0;
        if !fields[9].contains("border") {
            assert!(off(number(1)).abs() < 0.4 && off(number(2)).abs() < 0.4, "{line}");
        }
        assert!((number(3) - number(1) * 0.094).abs() < 1e-4, "{line}");
    }
    let map = adatom_formats::read_image(&folder.join("gaussianMask.tif"), &Default::default()).unwrap();
    assert_eq!(map.data.dim(), (160, 160));
    assert_eq!(map.source.sample_type, "32-bit float");
    // A second run replaces its own folder.
    assert!(adatom(&["locate", path.to_str().unwrap()]).status.success());
}

#[test]
fn bad_input_gives_one_line_exit_code_2_and_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("empty.tif"), b"").unwrap();
    std::fs::write(at("text.png"), b"this is no picture at all\n").unwrap();
    adatom_formats::write_tiff(&at("one.tif"), &Array2::from_elem((1, 1), 3.0), None).unwrap();
    adatom_formats::write_tiff(&at("flat.tif"), &Array2::from_elem((64, 64), 3.0), None).unwrap();
    let mut broken = lattice(64);
    broken[(5, 7)] = f32::NAN;
    adatom_formats::write_tiff(&at("nan.tif"), &broken, None).unwrap();
    adatom_formats::write_png_gray8(&at("good.png"), &lattice(64).mapv(|v| v as u8)).unwrap();
    let good = std::fs::read(at("good.png")).unwrap();
    std::fs::write(at("truncated.png"), &good[..good.len() / 2]).unwrap();
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    std::fs::write(at("huge.png"), huge).unwrap();
    let bad = [
        "empty.tif",
        "text.png",
        "one.tif",
        "flat.tif",
        "nan.tif",
        "truncated.png",
        "huge.png",
        "missing.tif",
    ];
    for name in bad {
        let path = at(name);
        let done = adatom(&["locate", path.to_str().unwrap()]);
        let message = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{name}: {message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{name}: {message}");
        assert!(message.contains(name), "{name}: {message}");
        assert!(!at(&format!("{name}.adatom")).exists(), "{name}");
    }
    let left: Vec<String> =
        names(dir.path()).into_iter().filter(|n| n.contains("partial") || n.contains("adatom")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn unwritable_output_is_refused_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("good.tif");
    adatom_formats::write_tiff(&path, &lattice(64), None).unwrap();
    let occupied = dir.path().join("occupied");
    std::fs::create_dir(&occupied).unwrap();
    std::fs::write(occupied.join("thesis.txt"), b"mine").unwrap();
    for output in [occupied.clone(), path.join("below-a-file"), dir.path().join("no/such/parent")] {
        let done = adatom(&["locate", path.to_str().unwrap(), "-o", output.to_str().unwrap()]);
        assert_eq!(done.status.code(), Some(2), "{}", text(&done.stderr));
        assert_eq!(text(&done.stderr).trim_end().lines().count(), 1);
    }
    assert_eq!(names(&occupied), ["thesis.txt"]);
}

#[test]
fn bad_usage_is_exit_code_2() {
    for arguments in [
        &["locate"][..],
        &["locate", "x.tif", "--pixel-size", "12"],
        &["locate", "x.tif", "--scale", "wide"],
        &["evaluate", "--recipe", "no-such-recipe"],
        &["evaluate", "--count", "0"],
        &["simulate"],
        &["train", "--out", "x", "--tasks", "nonsense"],
        &["frobnicate"],
    ] {
        let done = adatom(arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {}", text(&done.stderr));
    }
}

#[test]
fn json_commands_print_one_object() {
    let check = adatom(&["recipe", "check", "paper", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(value["valid"], true);
    let info = adatom(&["info", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert!(value["model"]["weights_sha256"].is_string());
    let evaluate = adatom(&["evaluate", "--count", "3", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&evaluate.stdout).unwrap();
    for key in ["count", "f1", "precision", "recall", "rmse_px", "psnr_in_db", "psnr_out_db"] {
        assert!(value[key].is_number(), "{key}");
        assert!(value["groups"].as_array().unwrap().iter().all(|group| group[key].is_number()), "{key}");
    }
    assert_eq!(value["count"], 3);
}
