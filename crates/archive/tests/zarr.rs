//! Libraries as zarr stores.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_archive::{Build, Depth, Label, Layout, Library, Outcome, build, merge, verify};
use common::{assert_same, generator, request, run};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn chunk(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(&std::fs::read(path).unwrap()[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The values of a series' only chunk.
fn series(folder: &Path, name: &str) -> Vec<f64> {
    let description = json(&folder.join(name).join("zarr.json"));
    let count = description["shape"][0].as_u64().unwrap() as usize;
    let value = |bytes: &[u8]| {
        let bytes: [u8; 8] = bytes.try_into().unwrap();
        match description["data_type"].as_str().unwrap() {
            "int64" => i64::from_le_bytes(bytes) as f64,
            "float64" => f64::from_le_bytes(bytes),
            other => panic!("{other}"),
        }
    };
    let bytes = chunk(&folder.join(name).join("c.0"));
    assert_eq!(bytes.len(), 8 * 65_536);
    bytes.chunks_exact(8).take(count).map(value).collect()
}

#[test]
fn a_store_holds_what_the_files_of_a_folder_hold() {
    let parent = tempfile::tempdir().unwrap();
    let (files, store) = (parent.path().join("files"), parent.path().join("store"));
    let generator = generator(1);
    run(&request(&generator, &files, 3..=40)).unwrap();
    run(&Build { layout: Layout::Zarr, ..request(&generator, &store, 3..=40) }).unwrap();
    let (files, library) = (Library::open(&files).unwrap(), Library::open(&store).unwrap());
    assert_eq!(verify(&library, 2, &mut |_| {}).unwrap(), []);

    let root = json(&store.join("zarr.json"));
    assert_eq!((&root["zarr_format"], &root["node_type"]), (&3.into(), &"group".into()));
    for label in Label::ALL.into_iter().filter(|label| label.is_image()) {
        let description = json(&store.join(label.name()).join("zarr.json"));
        assert_eq!(description, root["consolidated_metadata"]["metadata"][label.name()]);
        let (rows, columns) = (48 * label.factor(), 64 * label.factor());
        assert_eq!(description["shape"], serde_json::json!([38, rows, columns]));
        assert_eq!(
            description["chunk_grid"]["configuration"]["chunk_shape"],
            serde_json::json!([1, rows, columns])
        );
        assert_eq!(description["data_type"], "uint8");
        for id in [3, 17, 40] {
            let image = files.image(label, id).unwrap();
            assert_eq!(library.image(label, id).unwrap(), image, "{label} {id}");
            let levels: Vec<u8> = image.iter().map(|level| *level as u8).collect();
            assert_eq!(chunk(&store.join(format!("{label}/c.{}.0.0", id - 3))), levels, "{label} {id}");
        }
    }
    let record = library.record(17).unwrap();
    assert_eq!(series(&store, "sample")[14], 17.0);
    let (first, count) =
        (series(&store, "first_column")[14] as usize, series(&store, "columns")[14] as usize);
    assert_eq!(count, record.columns.len());
    for (name, of) in
        [("column_x_px", (|c| c.x) as fn(&adatom_archive::ColumnRecord) -> f64), ("column_y_px", |c| c.y)]
    {
        let expected: Vec<f64> = record.columns.iter().map(of).collect();
        assert_eq!(series(&store, name)[first..first + count], expected);
    }
    assert_eq!(series(&store, "psnr_db")[14], record.psnr_db.unwrap());
    assert_eq!(series(&store, "grey_high")[14], f64::from(record.grey.unwrap().high));
}

/// The same bytes whatever stopped the build and however it was split; wrong chunks and arrays are named.
#[test]
fn a_store_resumes_and_merges_to_the_same_bytes() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    let generator = generator(1);
    let of = |folder, range| Build {
        layout: Layout::Zarr,
        depth: Depth::Sixteen,
        labels: vec![Label::Image, Label::NoNoise2x, Label::Position],
        ..request(&generator, folder, range)
    };
    let (one, other) = (path("one"), path("other"));
    run(&of(&one, 1..=48)).unwrap();
    let stop = AtomicBool::new(false);
    let stopped = build(&of(&other, 1..=48), &stop, &mut |p| stop.store(p.done == 20, Ordering::Relaxed));
    assert_eq!(stopped.unwrap(), Outcome::Stopped);
    run(&Build { resume: true, jobs: 1, ..of(&other, 1..=48) }).unwrap();
    assert_same(&one, &other);

    let parts = ["c", "a", "b"].map(path);
    for (part, range) in parts.iter().zip([7..=48, 1..=1, 2..=6]) {
        run(&of(part, range)).unwrap();
    }
    merge(&parts, &path("joined"), &mut |_| {}).unwrap();
    assert_same(&one, &path("joined"));

    let library = Library::open(&one).unwrap();
    assert_eq!(verify(&library, 2, &mut |_| {}).unwrap(), []);
    assert!(library.image(Label::Image, 0).is_err(), "a sample before the first has no chunk");
    std::fs::copy(one.join("image/c.5.0.0"), one.join("image/c.6.0.0")).unwrap();
    std::fs::write(one.join("noNoiseUpinterpolation2x/c.9.0.0"), b"x").unwrap();
    std::fs::copy(one.join("column_x_px/c.0"), one.join("column_y_px/c.0")).unwrap();
    std::fs::remove_file(one.join("psnr_db/zarr.json")).unwrap();
    std::fs::write(one.join("image/c.48.0.0"), b"x").unwrap();
    let issues = verify(&library, 2, &mut |_| {}).unwrap();
    for (file, what) in [
        ("image/c.6.0.0", "SHA-256"),
        ("noNoiseUpinterpolation2x/c.9.0.0", "SHA-256"),
        ("noNoiseUpinterpolation2x/c.9.0.0", "end of file"),
        ("column_y_px/c.0", "is not what follows"),
        ("psnr_db/zarr.json", "is missing"),
        ("image/c.48.0.0", "belongs to no sample"),
    ] {
        let said = issues.iter().any(|i| i.path == one.join(file) && i.message.contains(what));
        assert!(said, "{file} {what}: {issues:#?}");
    }
}
