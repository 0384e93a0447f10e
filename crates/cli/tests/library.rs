//! `adatom library` from outside.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn adatom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatom")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const RECIPE: &str = "name = 'small'\n[image]\nwidth = 64\nheight = 64\nfield_of_view_angstrom = 10\n\
                      rotation_deg = [0, 15]\n[composition]\noffsets = 3\n[[composition.block]]\noptics = 'a'\n\
                      structures = ['s']\n[[optics]]\nid = 'a'\nenergy_kv = 200\nsemiangle_mrad = 20\n\
                      source_fwhm_angstrom = 0.9\n[[structure]]\nid = 's'\nmaterial = 'SrTiO3'\n";

#[test]
fn a_library_is_built_split_merged_checked_and_drawn() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("small.toml"), RECIPE).unwrap();
    let recipe = path("small.toml");
    let done = |arguments: &[&str]| {
        let output = adatom(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    };
    assert!(done(&["recipe", "check", &recipe]).contains("6 samples"));
    done(&["library", "build", &recipe, "-o", &path("whole")]);
    done(&["library", "build", &recipe, "-o", &path("a"), "--range", "1..4"]);
    done(&["library", "build", &recipe, "-o", &path("b"), "--range", "5..6", "--jobs", "1"]);
    done(&["library", "merge", &path("b"), &path("a"), "-o", &path("merged")]);
    for file in ["library.json", "samples.jsonl", "truth.parquet", "image/00005.png", "params/00001.txt"] {
        let read = |folder: &str| std::fs::read(Path::new(&path(folder)).join(file)).unwrap();
        assert!(read("whole") == read("merged"), "{file}");
    }
    assert!(done(&["library", "verify", &path("merged")]).contains("in order"));
    assert!(done(&["library", "info", &path("merged")]).contains("SrTiO3 [001] slab"));
    done(&["library", "show", &path("merged"), "3", "-o", &path("show.png")]);
    done(&["library", "sheet", &path("merged"), "-o", &path("sheet.png")]);
    assert!(Path::new(&path("show.png")).is_file() && Path::new(&path("sheet.png")).is_file());
    assert!(done(&["library", "build", &recipe, "-o", &path("whole"), "--resume"]).contains("already"));
}

/// One line each, exit code 2.
#[test]
fn mistakes_are_told_in_one_line() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    for (from, to, expected) in [
        (
            "field_of_view_angstrom = 10",
            "field_of_view_angstrom = -10",
            "line 5, image.field_of_view_angstrom: -10",
        ),
        ("offsets = 3", "offsets = 1000000000000", "composition.offsets: 2000000000000 samples"),
        ("energy_kv = 200", "energy_kv = nan", "energy_kv: NaN"),
        ("material = 'SrTiO3'", "material = 'SrTiO3'\nzone = '000'", "SrTiO3 [000]"),
        ("material = 'SrTiO3'", "material = 'none.cif'", "none.cif"),
    ] {
        std::fs::write(path("bad.toml"), RECIPE.replace(from, to)).unwrap();
        let output = adatom(&["library", "build", &path("bad.toml"), "-o", &path("x")]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected) && text.lines().count() == 1, "{expected}: {text}");
        assert!(!Path::new(&path("x")).exists());
    }
    let text = said(&adatom(&["library", "build", "paper", "-o", &path("x")]));
    assert!(text.contains("give --range"), "{text}");
    let text = said(&adatom(&["library", "build", "paper", "-o", &path("x"), "--range", "1..1000000000000"]));
    assert!(text.contains("range 1..1000000000000"), "{text}");
}
