//! Small libraries for the tests.
#![allow(dead_code)]

use adatom_archive::{Build, Depth, Label, Layout, Library, build};
use adatom_library::{Generator, Recipe};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

/// Samples of [`small`].
pub const COUNT: u64 = 48;

/// The recipe of the library `small`.
pub const RECIPE: &str = include_str!("small.toml");

/// A folder with the library `small` in it, under `library`.
pub fn small(layout: Layout, depth: Depth) -> TempDir {
    let parent = tempfile::tempdir().unwrap();
    build_in(parent.path(), RECIPE, 1..=COUNT, &Label::ALL, layout, depth);
    parent
}

/// Builds a library under `library` in a folder.
pub fn build_in(
    parent: &Path,
    recipe: &str,
    range: std::ops::RangeInclusive<u64>,
    labels: &[Label],
    layout: Layout,
    depth: Depth,
) {
    let generator = Generator::new(Recipe::from_toml(recipe, "small").unwrap(), 7).unwrap();
    let folder = &parent.join("library");
    let labels = labels.to_vec();
    let request =
        Build { generator: &generator, folder, range, labels, layout, depth, jobs: 2, resume: false };
    build(&request, &AtomicBool::new(false), &mut |_| {}).unwrap();
}

pub fn open(parent: &TempDir) -> Library {
    Library::open(&parent.path().join("library")).unwrap()
}

/// What tests share as long as one of them has it; when the last is over it goes, and leaves nothing on the disk.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let made = Arc::new(make());
            *known = Arc::downgrade(&made);
            made
        })
    }
}
