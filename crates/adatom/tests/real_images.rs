//! Real ADF-STEM images of other people, which are not part of this project: run with
//! `cargo test --release -p adatom --test real_images -- --ignored --nocapture`, with the folder
//! that holds `stem/` named by `ADATOM_TEST_DATA`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use adatom::{LocateSettings, LocatedColumn, Model, locate};
use adatom_locate::{median_nearest_distance, nearest_distances};
use adatom_network::DeviceChoice;
use std::path::PathBuf;

/// Columns this close to the border may be cut by it \[px\].
const MARGIN: f64 = 15.0;

/// The columns inside the margin, or nothing when the image is not there.
fn columns_inside(name: &str) -> Option<Vec<LocatedColumn>> {
    let root = std::env::var("ADATOM_TEST_DATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let path = PathBuf::from(root).join("stem/atomsegnet").join(name);
    if !path.is_file() {
        println!("SKIPPED: {} is not there; set ADATOM_TEST_DATA", path.display());
        return None;
    }
    let image = adatom_formats::read_image(&path, &Default::default()).unwrap();
    let model = Model::built_in().unwrap().open(DeviceChoice::Cpu).unwrap();
    let located = locate(&image.data, None, &model, &LocateSettings::default(), &mut |_| {}).unwrap();
    let (right, bottom) = (image.width() as f64 - 1.0 - MARGIN, image.height() as f64 - 1.0 - MARGIN);
    let inside = |c: &LocatedColumn| c.x > MARGIN && c.y > MARGIN && c.x < right && c.y < bottom;
    Some(located.columns.into_iter().filter(inside).collect())
}

fn positions(columns: &[LocatedColumn]) -> Vec<(f64, f64)> {
    columns.iter().map(|c| (c.x, c.y)).collect()
}

/// `seen` is what a person counts inside the margin, checked on the overlay.
/// One column of the first and of the last image lies on the margin and may count or not.
fn assert_count(name: &str, found: usize, seen: usize) {
    println!("{name}: {found} columns inside, {seen} seen by eye");
    assert!(found.abs_diff(seen) <= 1, "{name}: {found} columns inside, {seen} seen by eye");
}

/// Bright Dy and dim Sc/O columns alternate: as many of the one as of the other.
#[test]
#[ignore = "needs images that are not part of the project"]
fn dyscandate_bright_and_dim_columns_are_found() {
    let Some(inner) = columns_inside("10_dso_8nm_none_none.png") else { return };
    assert_count("DyScO3", inner.len(), 819);
    let mut intensities: Vec<f64> = inner.iter().map(|c| c.intensity).collect();
    intensities.sort_by(f64::total_cmp);
    let middle = 0.5 * (intensities[intensities.len() / 10] + intensities[intensities.len() * 9 / 10]);
    let bright = inner.iter().filter(|c| c.intensity > middle).count();
    println!("bright {bright}, dim {}", inner.len() - bright);
    assert!((0.9..1.1).contains(&(bright as f64 / (inner.len() - bright) as f64)));
    let nearest = nearest_distances(&positions(&inner));
    assert!(nearest.iter().all(|d| (18.0..45.0).contains(d)), "no twins and no gaps");
}

#[test]
#[ignore = "needs images that are not part of the project"]
fn silicon_dumbbells_are_resolved_into_two() {
    let Some(inner) = columns_inside("Si110_5nmX25us_03_none_none.png") else { return };
    assert_count("Si [110]", inner.len(), 356);
    // Each column has its partner at the dumbbell's distance; only pairs cut by the margin lack it.
    let nearest = nearest_distances(&positions(&inner));
    let paired = nearest.iter().filter(|d| (10.0..20.0).contains(*d)).count();
    println!("{paired} of {} in dumbbells", inner.len());
    assert!(inner.len() - paired <= 14);
}

#[test]
#[ignore = "needs images that are not part of the project"]
fn gold_columns_are_found_across_the_grain_boundary() {
    let Some(inner) = columns_inside("Grain_boundry_gold_512px.png") else { return };
    assert_count("gold", inner.len(), 633);
    let nearest = nearest_distances(&positions(&inner));
    assert!(nearest.iter().all(|d| (14.0..24.0).contains(d)), "no twins and no gaps");
    let apart = median_nearest_distance(&positions(&inner)).unwrap();
    assert!((17.0..19.5).contains(&apart), "{apart}");
}
