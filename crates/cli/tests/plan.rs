//! Planning an experiment, and the paper's figures, as a user types them.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::process::{Command, Output};

fn adatom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatom")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(arguments: &[&str]) -> Value {
    let done = adatom(arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

const BEAM: [&str; 6] = ["--zone", "001", "--energy-kv", "200", "--semiangle-mrad", "24"];

fn bound(more: &[&str]) -> Value {
    let mut arguments = vec!["bound", "SrTiO3"];
    arguments.extend(BEAM);
    arguments.extend(["--pixel-size", "0.1A", "--json"]);
    arguments.extend(more);
    json(&arguments)
}

/// Four times the dose halves the bound; columns of oxygen are known worst and missed most; rows add their floor
/// in squares; and frames are those for 1 pm.
#[test]
fn bounds_follow_dose_and_column() {
    let found = bound(&["--dose", "200,800", "--jitter", "0.1A"]);
    let rows = found["results"].as_array().unwrap();
    let kinds: Vec<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Sr", "Ti/O", "O", "Sr", "Ti/O", "O"]);
    let number = |row: usize, key: &str| rows[row][key].as_f64().unwrap();
    let of = |row: usize, key: &str, axis: usize| rows[row][key][axis].as_f64().unwrap();
    for row in 0..3 {
        for axis in 0..2 {
            let ratio = of(row, "bound_pm", axis) / of(row + 3, "bound_pm", axis);
            assert!((ratio - 2.0).abs() < 1e-9);
            let both = of(row, "bound_pm", axis).hypot(of(row, "jitter_pm", axis));
            assert!((both - of(row, "total_pm", axis)).abs() < 1e-9);
            assert_eq!(of(row, "jitter_pm", axis), of(row + 3, "jitter_pm", axis));
        }
        let widest = of(row, "total_pm", 0).max(of(row, "total_pm", 1));
        assert!((number(row, "frames_for_1_pm") - widest * widest).abs() < 1e-9 * widest * widest);
    }
    assert!(of(0, "bound_pm", 0).max(of(1, "bound_pm", 0)) < 0.5 * of(2, "bound_pm", 0));
    let missed = |row: usize| number(row, "missed");
    assert!(
        missed(0) < 0.1 && missed(3) < 1e-6 && missed(2) > missed(1) && missed(5) < missed(2),
        "{rows:?}"
    );
    // In a square crystal under a round probe x and y differ by the rows alone.
    assert!((of(0, "bound_pm", 0) / of(0, "bound_pm", 1) - 1.0).abs() < 1e-3);
}

#[test]
fn bound_prints_a_table_and_asks_for_what_it_lacks() {
    let mut arguments = vec!["bound", "SrTiO3"];
    arguments.extend(BEAM);
    let common = arguments.clone();
    arguments.extend([
        "--pixel-size",
        "10pm",
        "--dose",
        "500",
        "--peak-fraction",
        "0.05",
        "--source-size",
        "0A",
    ]);
    let done = adatom(&arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let table = text(&done.stdout);
    assert!(table.contains("Ti/O") && table.contains("missed") && table.contains("5.0 %"), "{table}");
    for (more, expected) in [
        (&["--dose", "500"][..], "--pixel-size"),
        (&["--pixel-size", "0.1A"], "--dose"),
        (&["--pixel-size", "0.1A", "--dose", "0"], "dose"),
        (&["--pixel-size", "0.1A", "--dose", "9", "--jitter", "0.1"], "--jitter"),
        (&["--pixel-size", "0.1A", "--dose", "9", "--detector-mrad", "80"], "--detector-mrad"),
        (&["--pixel-size", "0.1A", "--dose", "9", "--detector-mrad", "80,20"], "outer_mrad"),
        (&["--pixel-size", "0.001A", "--dose", "9"], "pixel size"),
    ] {
        let mut arguments = common.clone();
        arguments.extend(more);
        let done = adatom(&arguments);
        assert_eq!(done.status.code(), Some(2), "{more:?}");
        assert!(text(&done.stderr).contains(expected), "{more:?}: {}", text(&done.stderr));
    }
}

/// Rows for both localisers on both images, of a recipe with the pull to the lattice.
#[test]
fn audits_compare_the_recorded_with_the_denoised_image() {
    let audit = json(&[
        "audit",
        "--recipe",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml"),
        "--count",
        "1",
        "--json",
    ]);
    let rows = audit["rows"].as_array().unwrap();
    let names: Vec<(&str, &str)> =
        rows.iter().map(|r| (r["method"].as_str().unwrap(), r["image"].as_str().unwrap())).collect();
    assert_eq!(
        names,
        [("gaussian", "raw"), ("gaussian", "denoised"), ("centroid", "raw"), ("centroid", "denoised")]
    );
    assert!(rows.iter().all(|row| row["phases"].as_array().unwrap().len() == 8));
    assert!(rows[0]["added"].is_null() && rows[1]["added"]["moved_pm"].is_array());
    assert!(rows[0]["n"].as_u64().unwrap() > 10 && rows[0]["pull"].is_array());
    let done = adatom(&["audit", "--json"]);
    assert_eq!(done.status.code(), Some(2));
}

/// A moved image's columns are found as far away: a fit to the recorded image to a hundredth of a pixel of 10 pm.
#[test]
fn audits_of_images_recover_what_was_injected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lattice.tif");
    let lattice = ndarray::Array2::from_shape_fn((128, 128), |(row, column)| {
        let off = |v: usize| (v as f32 + 8.0 - 8.25).rem_euclid(16.0) - 8.0;
        (-(off(row).powi(2) + off(column).powi(2)) / (2.0 * 3.2 * 3.2)).exp() * 100.0 + 20.0
    });
    adatom_formats::write_tiff(&path, &lattice, None).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(adatom(&["audit", path]).status.code(), Some(2), "no pixel size");
    let audit = json(&["audit", path, "--pixel-size", "10pm", "--json"]);
    let raw = &audit["rows"][0];
    assert!(raw["n"].as_u64().unwrap() >= 8 * 16, "{raw}");
    let small = |key: &str| raw[key].as_array().unwrap().iter().all(|v| v.as_f64().unwrap().abs() < 0.1);
    assert!(small("bias_pm") && small("sigma_pm"), "{raw}");
    assert!(raw["pull"].is_null());
    let done = adatom(&["audit", path, "--pixel-size", "10pm"]);
    assert!(text(&done.stdout).contains("what denoising adds"));
}

#[test]
fn figures_9_and_10_are_tables_csv_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("table.csv");
    let csv = csv.to_str().unwrap();
    let edges = json(&["bench", "edges", "--count", "1", "--json", "-o", csv]);
    let groups = edges["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 8);
    for group in groups {
        let sum: u64 =
            group["thickness"].as_array().unwrap().iter().map(|t| t["columns"].as_u64().unwrap()).sum();
        assert_eq!(group["columns"].as_u64().unwrap(), sum);
    }
    assert!(std::fs::read_to_string(csv).unwrap().starts_with("structure,method,atoms_least,"));
    let spinel = json(&["bench", "spinel", "--count", "1", "--json", "-o", csv]);
    let rows = spinel["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["recall"].as_f64().unwrap() <= 1.0) && rows.len() > 4);
    assert!(std::fs::read_to_string(csv).unwrap().starts_with("structure,method,separation_least,"));
}
