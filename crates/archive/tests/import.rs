//! Downloads of the published library, made from the label files of `ADATOM_TEST_DATA`: as a user has them, and
//! spoilt.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_archive::{Label, Layout, Library, format_rows, import, parse_rows, verify};
use adatom_formats::encode_png_gray8;
use common::content;
use ndarray::Array2;
use std::fs;
use std::path::{Path, PathBuf};

/// Samples whose positions and radii are known.
const IDS: [u64; 4] = [6, 135, 950, 12965];
const SIDE: usize = 256;

fn text(name: &str) -> Option<String> {
    Some(fs::read_to_string(common::published()?.join(name)).unwrap())
}

/// A disc at every position, as wide as `radius` px.
fn discs(rows: &[Vec<f64>], radius: f64, factor: usize) -> Vec<u8> {
    let side = factor * SIDE;
    let mut image = Array2::<u8>::zeros((side, side));
    // Their places, from 1, in pixels of this image, from 0.
    let place = |v: f64| (v - 0.5) * factor as f64 - 0.5;
    let reach = radius * factor as f64;
    let around = |v: f64| (v - reach).ceil().max(0.0) as usize..((v + reach).max(-1.0) + 1.0) as usize;
    for at in rows {
        let (y, x) = (place(at[0]), place(at[1]));
        for row in around(y).take_while(|row| *row < side) {
            for column in around(x).take_while(|column| *column < side) {
                if (row as f64 - y).hypot(column as f64 - x) <= reach {
                    image[(row, column)] = 255;
                }
            }
        }
    }
    encode_png_gray8(&image).unwrap()
}

/// A clone of the repository: its thirteen folders, without `smallRadius`, and what else lies about.
fn download(folder: &Path) -> Option<()> {
    for id in IDS {
        let with_radius = text(&format!("positionRadius_{id:05}.txt"))?;
        let rows = parse_rows(&with_radius).unwrap();
        let radius = rows[0][2];
        let positions: Vec<[f64; 2]> = rows.iter().map(|row| [row[0], row[1]]).collect();
        for label in Label::ALL.into_iter().filter(|label| *label != Label::SmallRadius) {
            let (extension, bytes) = match label {
                Label::Position => ("txt", format_rows(&positions).into_bytes()),
                Label::PositionRadius => ("txt", with_radius.clone().into_bytes()),
                Label::Radius => ("txt", format_rows(&[[radius]]).into_bytes()),
                Label::Params => ("txt", text("params_00006.txt")?.into_bytes()),
                _ => ("png", discs(&rows, radius, label.factor())),
            };
            let path = folder.join(label.name());
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join(format!("{id:05}.{extension}")), bytes).unwrap();
        }
    }
    fs::create_dir(folder.join(".git")).unwrap();
    for name in
        ["README.md", ".gitignore", ".git/HEAD", "image/.DS_Store", "image/._00006.png", "position/Thumbs.db"]
    {
        fs::write(folder.join(name), b"\0\x05x").unwrap();
    }
    // A file that was checked out on Windows.
    let path = folder.join("position/00135.txt");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace('\n', "\r\n")).unwrap();
    Some(())
}

#[test]
fn a_download_becomes_a_library() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("TEM-ImageNet-v1.3-main");
    if download(&folder).is_none() {
        return;
    }
    let before = content(&folder);
    let manifest = import(&folder, &mut |_| {}).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.format), ("TEM-ImageNet-v1.3-main", Layout::Temimagenet));
    assert_eq!((manifest.first, manifest.last, manifest.labels.len()), (6, 12965, 13));
    let library = Library::open(&folder).unwrap();
    let records: Vec<_> = library.records().unwrap().map(|record| record.unwrap()).collect();
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), IDS);
    for record in &records {
        let rows = parse_rows(&text(&format!("positionRadius_{:05}.txt", record.id)).unwrap()).unwrap();
        assert_eq!(record.columns.len(), rows.len());
        for (column, row) in record.columns.iter().zip(&rows) {
            // Theirs are row and column from 1, ours x and y from 0.
            assert_eq!((column.x, column.y), (row[1] - 1.0, row[0] - 1.0));
        }
        assert_eq!(record.radius_px, rows[0][2]);
        assert!((record.pixel_angstrom - 11.76 / 256.0).abs() < 1e-12);
        let mask = library.image(Label::CircularMask, record.id).unwrap();
        let shown = record.columns.iter().filter(|c| {
            let at = (c.y.round() as usize, c.x.round() as usize);
            mask.get(at).is_some_and(|value| *value == 255.0)
        });
        assert!(shown.count() as f64 > 0.9 * rows.len() as f64);
    }
    let issues = verify(&library, 2, &mut |_| {}).unwrap();
    // What doesn't belong there is said; hidden files are nobody's business.
    let wrong: Vec<_> = issues.iter().map(|issue| issue.path.clone()).collect();
    assert_eq!(wrong, [folder.join("position/Thumbs.db")], "{issues:?}");
    let after = content(&folder);
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes));
    assert_eq!(after.len(), before.len() + 2);
}

/// Only some of the folders, as a sparse checkout leaves them.
#[test]
fn images_and_positions_alone_are_a_library_too() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("part");
    if download(&folder).is_none() {
        return;
    }
    for label in Label::ALL.into_iter().filter(|label| ![Label::Image, Label::Position].contains(label)) {
        let _ = fs::remove_dir_all(folder.join(label.name()));
    }
    let manifest = import(&folder, &mut |_| {}).unwrap();
    assert_eq!(manifest.labels, [Label::Image, Label::Position]);
    assert_eq!(Library::open(&folder).unwrap().record(950).unwrap().pixel_angstrom, 0.0);
}

type Spoil = fn(&Path) -> PathBuf;

/// Each spoils the download and returns the folder to import.
const SPOILT: [(&str, &str, Spoil); 11] = [
    ("image/00950.png: is no PNG", "a pointer of Git LFS", |folder| {
        fs::write(folder.join("image/00950.png"), "version https://git-lfs.github.com/spec/v1\n").unwrap();
        folder.to_owned()
    }),
    ("image/00950.png: is no PNG", "an empty file", |folder| {
        fs::write(folder.join("image/00950.png"), "").unwrap();
        folder.to_owned()
    }),
    ("image/00007.png", "a folder called as an image", |folder| {
        fs::create_dir(folder.join("image/00007.png")).unwrap();
        folder.to_owned()
    }),
    ("position/00135.txt", "a file that is missing", |folder| {
        fs::remove_file(folder.join("position/00135.txt")).unwrap();
        folder.to_owned()
    }),
    ("position/00006.txt: line 2: \"nan\" is no number", "NaN", |folder| {
        fs::write(folder.join("position/00006.txt"), "1 2\nnan 3\n").unwrap();
        folder.to_owned()
    }),
    ("position/00006.txt: line 1: 1 numbers; there must be 2", "one coordinate", |folder| {
        fs::write(folder.join("position/00006.txt"), "1\n").unwrap();
        folder.to_owned()
    }),
    ("params/00006.txt: 1 lines; there must be 13", "few parameters", |folder| {
        fs::write(folder.join("params/00006.txt"), "8\n").unwrap();
        folder.to_owned()
    }),
    ("radius/00006.txt: must be one positive number", "a radius of zero", |folder| {
        fs::write(folder.join("radius/00006.txt"), "0\n").unwrap();
        folder.to_owned()
    }),
    ("no images", "no images", |folder| {
        fs::remove_dir_all(folder.join("image")).unwrap();
        fs::create_dir(folder.join("image")).unwrap();
        folder.to_owned()
    }),
    ("has no folder image", "a folder too deep", |folder| folder.join("image")),
    ("has no folder image", "a folder too high", |folder| folder.parent().unwrap().to_owned()),
];

#[test]
fn a_spoilt_download_is_refused_and_left_as_it_was() {
    for (message, what, spoil) in SPOILT {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("download");
        if download(&folder).is_none() {
            return;
        }
        let given = spoil(&folder);
        let before = content(parent.path());
        let error = import(&given, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(message) && !error.contains('\n'), "{what}: {error}");
        assert_eq!(content(parent.path()), before, "{what}");
    }
}
