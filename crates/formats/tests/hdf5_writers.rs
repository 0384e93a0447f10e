//! What the HDF5 writers write is read back, and broken files of theirs are refused.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use adatom_formats::{
    DType, FormatError, Kind, PixelSize, Selection, Stats, open, open_bytes, write_emd, write_hspy,
};
use common::{keep_seed, random};
use ndarray::Array2;

fn ramp(height: usize, width: usize) -> Array2<f32> {
    Array2::from_shape_fn((height, width), |(y, x)| (y * width + x) as f32 * 0.5 - 3.0)
}

/// A file of each writer.
fn written(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let image = ramp(23, 31);
    let size = PixelSize::new(0.25, 0.5).unwrap();
    let (hspy, emd) = (folder.join("a.hspy"), folder.join("a.emd"));
    write_hspy(&hspy, &image, Some(size), "a map", &[[1.0, 2.0], [30.0, 0.5]]).unwrap();
    write_emd(&emd, &image, Some(size), "a map").unwrap();
    vec![("hspy", std::fs::read(hspy).unwrap()), ("emd", std::fs::read(emd).unwrap())]
}

#[test]
fn images_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in written(folder.path()) {
        keep_seed("hdf5", &bytes);
        let dataset = open_bytes(Path::new(name), bytes).unwrap();
        assert_eq!(dataset.format(), if name == "hspy" { "HyperSpy" } else { "Berkeley EMD" });
        let [signal] = dataset.signals() else { panic!("{:?}", dataset.signals()) };
        assert_eq!((signal.name.as_str(), signal.dtype, signal.kind), ("a map", DType::F32, Kind::Image));
        let axes: Vec<_> =
            signal.axes.iter().map(|axis| (axis.name.as_str(), axis.size, axis.unit.as_str())).collect();
        assert_eq!(axes, [("y", 23, "nm"), ("x", 31, "nm")]);
        let image = dataset.image(&Selection::default()).unwrap();
        assert_eq!(image.data, ramp(23, 31), "{name}");
        assert_eq!(image.pixel_size.unwrap().to_string(), "0.25 × 0.5 Å");
    }
}

#[test]
fn markers_are_in_the_unit_of_the_axes() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = open_bytes(Path::new("a"), written(folder.path()).swap_remove(0).1).unwrap();
    let points = &dataset.original()["Experiments"]["a map"]["metadata"]["Markers"]["Points"];
    assert_eq!(points["class"], "Points");
    let offsets: Vec<_> =
        points["kwargs"]["offsets"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    for (ours, expected) in offsets.iter().zip([0.025, 0.1, 0.75, 0.025]) {
        assert!((ours - expected).abs() < 1e-12, "{offsets:?}");
    }
}

#[test]
fn sizes_and_titles_of_all_kinds_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (side, title) in [([1, 1], ""), ([1, 700], "a/b"), ([700, 1], "."), ([3000, 200], "Größe 1 Å")] {
        let image = ramp(side[0], side[1]);
        let path = folder.path().join("image");
        write_hspy(&path, &image, None, title, &[]).unwrap();
        let dataset = open(&path).unwrap();
        assert_eq!(dataset.signals()[0].name, title);
        let read = dataset.image(&Selection::default()).unwrap();
        assert_eq!((read.data == image, read.pixel_size), (true, None));
        write_emd(&path, &image, None, title).unwrap();
        let dataset = open(&path).unwrap();
        let Stats::Real { first, last, .. } = dataset.stats(0).unwrap() else { panic!("no numbers") };
        assert_eq!((first.first(), last.last()), (Some(&-3.0), image.last().map(|&v| f64::from(v)).as_ref()));
        assert_eq!(dataset.image(&Selection::default()).unwrap().data, image);
    }
    let nothing = write_emd(&folder.path().join("none"), &ramp(0, 5), None, "").unwrap_err();
    assert!(matches!(nothing, FormatError::Unwritable { .. }));
    assert!(!folder.path().join("none").exists());
}

/// Opens the bytes and reads everything; an error must be one line.
fn survives(name: &str, bytes: Vec<u8>) -> Option<Array2<f32>> {
    let read = || {
        let dataset = open_bytes(Path::new(name), bytes)?;
        for index in 0..dataset.signals().len() {
            dataset.stats(index)?;
        }
        dataset.image(&Selection::default())
    };
    match read() {
        Ok(image) => Some(image.data),
        Err(error) => {
            let message = error.to_string();
            assert_eq!(message.lines().count(), 1, "{message}");
            None
        }
    }
}

#[test]
fn files_cut_short_give_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in written(folder.path()) {
        for percent in 0..100 {
            let length = bytes.len() * percent / 100;
            assert_eq!(survives(name, bytes[..length].to_vec()), None, "{name} cut at {length}");
        }
    }
}

#[test]
fn flipped_bytes_never_hang_and_never_escape() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = random();
    let start = std::time::Instant::now();
    for (name, bytes) in written(folder.path()) {
        for _ in 0..1500 {
            let mut broken = bytes.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() as usize % broken.len();
                broken[at] = random() as u8;
            }
            survives(name, broken);
        }
        // Every byte of the start, where the structure is.
        for at in 0..bytes.len().min(2000) {
            for value in [0x00, 0xff, bytes[at] ^ 0x80] {
                let mut broken = bytes.clone();
                broken[at] = value;
                survives(name, broken);
            }
        }
    }
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}
