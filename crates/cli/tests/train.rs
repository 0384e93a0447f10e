//! Training as a user types it, on a network and a recipe that are done in seconds.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn adatom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatom")).args(arguments).output().unwrap()
}

fn train(folder: &Path, more: &[&str]) -> Output {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");
    let mut arguments = vec!["train", "--recipe", recipe, "--out", folder.to_str().unwrap()];
    if !more.contains(&"--resume") {
        arguments.extend([
            "--widths",
            "4,6",
            "--batch",
            "2",
            "--warmup",
            "2",
            "--checkpoint",
            "4",
            "--seed",
            "5",
        ]);
    }
    if !more.iter().any(|a| ["--resume", "--steps"].contains(a)) {
        arguments.extend(["--steps", "12"]);
    }
    arguments.extend(more);
    adatom(&arguments)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A training that was cut off after step 8 and resumed draws the same curve and ends with the
/// same weights as one that ran through.
#[test]
fn resume_continues_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let (through, cut) = (dir.path().join("through"), dir.path().join("cut"));
    let done = train(&through, &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(train(&cut, &[]).status.success());
    // Cut off: the state of step 8, with a curve that ran on.
    let eight = dir.path().join("eight");
    assert!(train(&eight, &["--stop-after", "8"]).status.success());
    std::fs::copy(eight.join("checkpoint.safetensors"), cut.join("checkpoint.safetensors")).unwrap();
    std::fs::remove_file(cut.join("weights.safetensors")).unwrap();
    let done = train(&cut, &["--resume"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    for file in ["curve.csv", "weights.safetensors"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&through), read(&cut), "{file}");
    }
    let curve = std::fs::read_to_string(through.join("curve.csv")).unwrap();
    assert_eq!(curve.lines().count(), 13);
    assert!(through.join("curve.png").is_file() && through.join("card.json").is_file());
    // What was trained can be used.
    let check = adatom(&["evaluate", "--model", through.to_str().unwrap(), "--count", "1", "--json"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
}

/// The detector goes the same way, and can be evaluated and gone on from.
#[test]
fn a_detector_is_trained_resumed_and_evaluated() {
    let dir = tempfile::tempdir().unwrap();
    let (through, cut) = (dir.path().join("through"), dir.path().join("cut"));
    let kind = ["--model", "faster-rcnn"];
    let run = |folder: &Path, more: &[&str]| {
        let done = train(folder, &[&kind, more].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
    };
    run(&through, &[]);
    run(&cut, &["--stop-after", "8"]);
    let wrong = train(&cut, &["--resume"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("adatom.faster-rcnn"), "{}", text(&wrong.stderr));
    run(&cut, &["--resume"]);
    for file in ["curve.csv", "weights.safetensors"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&through), read(&cut), "{file}");
    }
    let curve = std::fs::read_to_string(through.join("curve.csv")).unwrap();
    assert!(curve.starts_with("step,loss,rate,gradient_norm,proposalChance,proposalBox,chance,box\n"));
    run(&dir.path().join("further"), &["--init", through.to_str().unwrap()]);
    let check = adatom(&["evaluate", "--detector", through.to_str().unwrap(), "--count", "1", "--json"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
    let masks = train(&dir.path().join("masks"), &["--model", "faster-rcnn", "--tasks", "gaussianMask"]);
    assert_eq!(masks.status.code(), Some(2));
}

/// Also of one that was stopped and gone on with.
#[test]
fn a_card_tells_what_came_before_and_what_was_minimised() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    assert!(train(&first, &["--steps", "2"]).status.success());
    let from = ["--init", first.to_str().unwrap(), "--loss", "mixed", "--stop-after", "4"];
    assert!(train(&second, &from).status.success());
    assert!(train(&second, &["--resume"]).status.success());
    let card = std::fs::read_to_string(second.join("card.json")).unwrap();
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    assert_eq!(card["steps"], 12);
    let trained_on = card["trained_on"].as_str().unwrap();
    assert!(trained_on.contains("chi-square of the images; before that 2 steps"), "{trained_on}");
}

#[test]
fn a_running_folder_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    assert!(train(&folder, &["--steps", "2"]).status.success());
    let again = train(&folder, &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--resume"));
}

#[test]
fn a_library_on_disk_is_trained_on_and_tested() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("library");
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");
    let done = adatom(&["simulate", "--recipe", recipe, "--count", "8", "-o", library.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let folder = dir.path().join("run");
    let (library, folder) = (library.to_str().unwrap(), folder.to_str().unwrap());
    let done = adatom(&[
        "train",
        "--library",
        library,
        "--out",
        folder,
        "--widths",
        "4,6",
        "--batch",
        "2",
        "--steps",
        "4",
        "--warmup",
        "1",
    ]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("test loss on the held-back quarter"));
}
