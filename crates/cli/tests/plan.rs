//! Planning an experiment as a user types it.

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
