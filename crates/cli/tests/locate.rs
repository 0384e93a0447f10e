//! The command as a user types it.

#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use std::path::Path;
use std::process::{Command, Output};

/// The contract of `atoms.csv`.
const ATOMS: &str = "id,x_px,y_px,x_angstrom,y_angstrom,intensity,background,radius_px,score,flags,\
    x_std_px,y_std_px,x_std_angstrom,y_std_angstrom,sigma_major_px,sigma_minor_px,angle_deg,height";

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

/// Numbers between zero and one that look random.
fn uniform(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    }
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
    assert_eq!(lines.next(), Some(ATOMS));
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 18, "{line}");
        assert!(fields[10..].iter().all(|cell| cell.is_empty()), "nothing was fitted: {line}");
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

/// A noisy lattice whose rows are displaced by 0.6 px: the fits' places carry error bars, and the rows are
/// written.
#[test]
fn fits_write_error_bars_and_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lattice.tif");
    let mut uniform = uniform(1);
    let mut normal = || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
    let mains = |row: u16| 0.8 * (std::f32::consts::TAU * 0.13 * f32::from(row)).sin();
    let rows: Vec<[f32; 2]> = (0..160).map(|row| [mains(row) + 0.6 * normal(), 0.6 * normal()]).collect();
    let image = Array2::from_shape_fn((160, 160), |(row, column)| {
        let off = |v: f32| (v + 8.0 - 8.25).rem_euclid(16.0) - 8.0;
        let (x, y) = (off(column as f32 - rows[row][0]), off(row as f32 - rows[row][1]));
        let expected = 100.0 * (-(x * x + y * y) / (2.0 * 3.2 * 3.2)).exp() + 20.0;
        expected + expected.sqrt() * normal()
    });
    adatom_formats::write_tiff(&path, &image, None).unwrap();
    let run = |method: &str| {
        let out = dir.path().join(method);
        let done = adatom(&[
            "locate",
            path.to_str().unwrap(),
            "--pixel-size",
            "0.1A",
            "--method",
            method,
            "--json",
            "-o",
            out.to_str().unwrap(),
        ]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        (out, serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap())
    };
    let (out, report) = run("auto");
    assert_eq!(report["settings"]["method"], "auto");
    let jitter = |axis: usize| report["fit"]["noise"]["jitter_px"][axis].as_f64().unwrap();
    // Both together along x: 0.6² + 0.8²/2 = 0.82².
    assert!((jitter(0) / 0.82 - 1.0).abs() < 0.25, "{}", jitter(0));
    assert!((jitter(1) / 0.6 - 1.0).abs() < 0.25, "{}", jitter(1));
    let line = &report["fit"]["jitter"]["lines"][0];
    assert_eq!(line["along"], "x");
    assert!((line["cycles_per_row"].as_f64().unwrap() - 0.13).abs() < 0.003, "{line}");
    assert!((line["amplitude_px"].as_f64().unwrap() - 0.8).abs() < 0.25, "{line}");
    let csv = std::fs::read_to_string(out.join("atoms.csv")).unwrap();
    assert_eq!(csv.lines().next(), Some(ATOMS));
    let off = |v: f64| (v + 8.0 - 8.25).rem_euclid(16.0) - 8.0;
    let (mut square, mut fitted) = (0.0, 0.0);
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |i: usize| fields[i].parse::<f64>().unwrap();
        if fields[9].is_empty() && !fields[10].is_empty() {
            assert!((number(12) - 0.1 * number(10)).abs() < 1e-4, "{line}");
            square += (off(number(1)) / number(10)).powi(2) + (off(number(2)) / number(11)).powi(2);
            fitted += 2.0;
        }
    }
    // Errors are as large as their bars say, within what 64 columns tell, or smaller.
    let pull = (square / fitted).sqrt();
    assert!(fitted > 100.0 && (0.4..1.4).contains(&pull), "{fitted} {pull}");
    let lines = std::fs::read_to_string(out.join("rows.csv")).unwrap();
    assert_eq!(lines.lines().next(), Some("row,x_px,y_px,x_angstrom,y_angstrom"));
    assert_eq!(lines.lines().count(), 161);
    let lines = std::fs::read_to_string(out.join("spectrum.csv")).unwrap();
    assert_eq!(lines.lines().next(), Some("cycles_per_row,x_px,y_px,x_angstrom,y_angstrom"));
    assert_eq!(lines.lines().count(), 81);
    // The same columns' spacings: noise of both localisers, and no disorder but what rows make.
    let done = adatom(&["precision", path.to_str().unwrap(), "--pixel-size", "0.1A", "--json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let precision: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let sigma = |method: &str, axis: &str| {
        let results = precision["results"].as_array().unwrap();
        let row = results.iter().find(|r| r["method"] == method && r["axis"] == axis && r["image"] == "raw");
        let row = row.unwrap();
        assert!((row["mean_pm"].as_f64().unwrap() - 160.0).abs() < 2.0, "{row}");
        row["sigma_pm"].as_f64().unwrap()
    };
    assert!(sigma("auto", "a") < sigma("gaussian", "a") && sigma("auto", "b") < sigma("gaussian", "b"));
    // Without being asked for no rows are solved for.
    let (out, report) = run("gaussian");
    assert!(report["fit"]["fitted"].as_u64().unwrap() >= 64);
    assert!(!out.join("rows.csv").exists() && !out.join("spectrum.csv").exists());
}

/// Columns at random, and an image whose pixel size nobody knows.
#[test]
fn precision_is_refused_politely_without_a_lattice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("amorphous.tif");
    let mut uniform = uniform(5);
    let places: Vec<[f32; 2]> = (0..70).map(|_| [256.0 * uniform(), 256.0 * uniform()]).collect();
    let image = Array2::from_shape_fn((256, 256), |(row, column)| {
        let square = |p: &[f32; 2]| (column as f32 - p[0]).powi(2) + (row as f32 - p[1]).powi(2);
        20.0 + places.iter().map(|p| 100.0 * (-square(p) / 20.0).exp()).sum::<f32>()
    });
    adatom_formats::write_tiff(&path, &image, None).unwrap();
    for (more, expected) in [(&["--pixel-size", "0.1A"][..], "lattice"), (&[][..], "--pixel-size")] {
        let done = adatom(&[&["precision", path.to_str().unwrap()], more].concat());
        let message = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{message}");
        assert!(message.contains("amorphous.tif") && message.contains(expected), "{message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    }
}

#[test]
fn localisers_are_measured_against_each_other_and_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("table.csv");
    let done = adatom(&[
        "bench",
        "localisation",
        "--psnr",
        "25",
        "--count",
        "1",
        "--json",
        "-o",
        csv.to_str().unwrap(),
    ]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let error = |jitter: bool, method: &str| {
        let row = rows.iter().find(|row| row["jitter"] == jitter && row["method"] == method).unwrap();
        row["rmse_px"].as_f64().unwrap()
    };
    for method in ["otsu", "centroid", "gaussian", "mle", "mle --descan", "gaussian, true starts"] {
        assert!(error(false, method) > 0.9 * error(false, "bound"), "{method}");
    }
    assert!(error(true, "mle --descan") < error(true, "gaussian"));
    let lines = std::fs::read_to_string(csv).unwrap();
    assert_eq!(lines.lines().count(), 15);
    let bad = adatom(&["bench", "localisation", "--psnr", "-3"]);
    assert_eq!(bad.status.code(), Some(2));
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
        &["locate", "x.tif", "--threshold", "7"],
        &["bench", "edges", "--threshold", "nan"],
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
