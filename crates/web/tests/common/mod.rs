//! Small libraries for the tests.
#![allow(dead_code)]

use adatom_archive::{Build, Depth, Label, Layout, Library, build};
use adatom_library::{Generator, Recipe};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// Samples of [`small`].
pub const COUNT: u64 = 48;

/// A folder with the library `small` in it, under `library`.
pub fn small(layout: Layout, depth: Depth) -> TempDir {
    let parent = tempfile::tempdir().unwrap();
    let recipe = Recipe::from_toml(include_str!("small.toml"), "small").unwrap();
    let generator = Generator::new(recipe, 7).unwrap();
    let folder = &parent.path().join("library");
    let labels = Label::ALL.to_vec();
    let request = Build {
        generator: &generator,
        folder,
        range: 1..=COUNT,
        labels,
        layout,
        depth,
        jobs: 2,
        resume: false,
    };
    build(&request, &AtomicBool::new(false), &mut |_| {}).unwrap();
    parent
}

pub fn open(parent: &TempDir) -> Library {
    Library::open(&parent.path().join("library")).unwrap()
}
