//! Calibrating and adapting a model as a user types it, on a network that is trained in seconds.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");

fn adatom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatom")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A network of a few steps.
fn model(dir: &Path) -> PathBuf {
    let folder = dir.join("model");
    let path = folder.to_str().unwrap();
    let done = adatom(&[
        "train", "--recipe", RECIPE, "--out", path, "--widths", "4,6", "--batch", "2", "--steps", "30",
        "--warmup", "2",
    ]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    folder
}

#[test]
fn a_calibrated_model_says_chances_and_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let folder = model(dir.path());
    let path = folder.to_str().unwrap();
    let done = adatom(&["calibrate", "--model", path, "--recipes", RECIPE, "--count", "4"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let card: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("card.json")).unwrap()).unwrap();
    assert_eq!(card["calibration"]["weights"].as_array().unwrap().len(), 9);
    let done = adatom(&["evaluate", "--recipe", RECIPE, "--count", "2", "--model", path, "--json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let evaluation: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(evaluation["samples"].as_array().unwrap().len(), 2);
    let bins = evaluation["reliability"].as_array().unwrap();
    assert!(bins.iter().all(|bin| (0.0..=1.0).contains(&bin["right"].as_f64().unwrap())));
}

/// The report says what the model was worth before and after; a folder appears only with a model
/// that did not get worse, and then it can be used.
#[test]
fn adapt_judges_before_and_after_and_writes_no_worse_model() {
    let dir = tempfile::tempdir().unwrap();
    let folder = model(dir.path());
    let adapted = dir.path().join("adapted");
    let done = adatom(&[
        "adapt",
        "--structure",
        "Si",
        "--zone",
        "110",
        "--energy-kv",
        "200",
        "--semiangle-mrad",
        "24",
        "--pixel-size",
        "0.1A",
        "--minutes",
        "0.05",
        "--samples",
        "2",
        "--json",
        "-o",
        adapted.to_str().unwrap(),
        "--model",
        folder.to_str().unwrap(),
    ]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(report["before"]["f1"].is_number() && report["after"]["f1"].is_number());
    assert_eq!(report["folder"].is_string(), adapted.exists());
    if adapted.exists() {
        let done =
            adatom(&["evaluate", "--recipe", RECIPE, "--count", "1", "--model", adapted.to_str().unwrap()]);
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
}

#[test]
fn adapt_asks_for_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("adapted");
    let common = ["adapt", "--zone", "110", "--energy-kv", "200", "--semiangle-mrad", "24", "-o"];
    for (more, expected) in [
        (&["--structure", "Si"][..], "--pixel-size"),
        (&["--structure", "no-such.cif", "--pixel-size", "0.1A"], "no-such.cif"),
        (&["--structure", "Si", "--pixel-size", "0.1A", "--minutes", "0"], "minutes"),
    ] {
        let mut arguments = common.to_vec();
        arguments.push(output.to_str().unwrap());
        arguments.extend(more);
        let done = adatom(&arguments);
        assert_eq!(done.status.code(), Some(2), "{more:?}");
        let message = text(&done.stderr);
        assert!(message.contains(expected), "{more:?}: {message}");
        assert!(!output.exists());
    }
}
