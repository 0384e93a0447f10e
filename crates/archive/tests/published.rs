//! The published library's own files.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_archive::{format_rows, parse_rows};
use std::path::PathBuf;

fn labels() -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(common::published()?).unwrap();
    Some(entries.map(|entry| entry.unwrap().path()).collect())
}

#[test]
fn every_text_file_is_rewritten_byte_for_byte() {
    let Some(paths) = labels() else { return };
    assert!(paths.len() >= 9, "{paths:?}");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let rows = parse_rows(&text).unwrap();
        assert!(!rows.is_empty());
        assert_eq!(format_rows(&rows), text, "{}", path.display());
    }
}

/// The circle's radius by our formula is the one in their files.
#[test]
fn radii_are_those_of_the_published_formula() {
    let Some(paths) = labels() else { return };
    let read = |name: &str| {
        let path = paths.iter().find(|path| path.ends_with(name)).unwrap();
        parse_rows(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let params = read("params_00006.txt");
    let optics = adatom_library::OpticsRecipe {
        source_fwhm_angstrom: adatom_library::Draw::Fixed(params[8][0]),
        ..adatom_library::OpticsRecipe::perfect("a", params[5][0], params[7][0])
    };
    let text = format!(
        "name = 'a'\n[image]\nfield_of_view_angstrom = {}\n[[optics]]\nid = 'a'\nenergy_kv = {}\n\
         semiangle_mrad = {}\nsource_fwhm_angstrom = {}\n[[structure]]\nmaterial = 'Pt'\n",
        params[0][0], optics.energy_kv, optics.semiangle_mrad, params[8][0]
    );
    let recipe = adatom_library::Recipe::from_toml(&text, "a").unwrap();
    let sample = adatom_library::Generator::new(recipe, 1).unwrap().sample(1).unwrap();
    let published = read("positionRadius_00006.txt")[0][2];
    assert!((sample.radius_px / published - 1.0).abs() < 2e-5, "{} {published}", sample.radius_px);
}
