//! What the tests of libraries on disk share.

#![allow(dead_code)]

use adatom_archive::{ArchiveError, Build, Depth, Label, Layout, Outcome, build};
use adatom_library::{Generator, Recipe};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The label files of the published library in `ADATOM_TEST_DATA`; says so if they are missing.
pub fn published() -> Option<PathBuf> {
    let folder = std::env::var_os("ADATOM_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = folder.join("temimagenet/labels");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is missing; set ADATOM_TEST_DATA", folder.display());
        return None;
    }
    Some(folder)
}

/// A small recipe with 8 × 3 × 2 = 48 samples.
pub fn generator(seed: u64) -> Generator {
    let text = "name = 'small'\n[image]\nwidth = 64\nheight = 48\nfield_of_view_angstrom = [8, 12]\n\
                rotation_deg = [0, 20]\n[composition]\noffsets = 4\n[[composition.block]]\noptics = 'a'\n\
                structures = ['sto', 'au', 'mos2']\n\
                [[optics]]\nid = 'a'\nenergy_kv = 200\nsemiangle_mrad = 20\nsource_fwhm_angstrom = 0.9\n\
                [[structure]]\nid = 'sto'\nmaterial = 'SrTiO3'\n\
                [[structure]]\nid = 'au'\nmaterial = 'Au'\nform = 'particle'\nzone = '110'\n\
                [[structure]]\nid = 'mos2'\nmaterial = 'MoS2'\nform = 'monolayer'\n";
    Generator::new(Recipe::from_toml(text, "small").unwrap(), seed).unwrap()
}

pub fn request<'a>(generator: &'a Generator, folder: &'a Path, range: RangeInclusive<u64>) -> Build<'a> {
    Build {
        generator,
        folder,
        range,
        labels: Label::ALL.to_vec(),
        layout: Layout::Temimagenet,
        depth: Depth::Eight,
        jobs: 2,
        resume: false,
    }
}

pub fn run(request: &Build<'_>) -> Result<Outcome, ArchiveError> {
    build(request, &AtomicBool::new(false), &mut |_| {})
}

/// Every file of a folder with its content.
pub fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Fails with the first file that differs, not with all their bytes.
pub fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (content(a), content(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{} differs", name.display());
    }
}
