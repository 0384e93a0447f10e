//! Results appear complete or not at all.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io;
use std::path::Path;

use adatom_formats::{FormatError, OutputFolder, write_atomically};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atoms.csv");
    write_atomically(&path, |file| file.write_all(b"old")).unwrap();
    let error = write_atomically(&path, |file| {
        file.write_all(b"half of the new")?;
        Err(io::Error::other("disk on fire"))
    });
    assert!(error.unwrap_err().to_string().contains("disk on fire"));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["atoms.csv"]);
    write_atomically(&path, |file| file.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_folder_appears_on_commit_and_not_before() {
    let parent = tempfile::tempdir().unwrap();
    let destination = parent.path().join("image.adatom");
    let folder = OutputFolder::create(&destination).unwrap();
    fs::write(folder.path().join("report.json"), "{}").unwrap();
    assert!(!destination.exists());
    assert_eq!(folder.commit().unwrap(), destination);
    assert_eq!(names(parent.path()), ["image.adatom"]);
    assert_eq!(names(&destination), ["report.json"]);
}

#[test]
fn an_abandoned_folder_is_removed() {
    let parent = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(&parent.path().join("result")).unwrap();
    fs::write(folder.path().join("map.tif"), "half").unwrap();
    drop(folder);
    assert!(names(parent.path()).is_empty());
}

#[test]
fn an_older_result_is_replaced_as_a_whole() {
    let parent = tempfile::tempdir().unwrap();
    let destination = parent.path().join("result");
    fs::create_dir(&destination).unwrap();
    for old in ["report.json", "old.tif"] {
        fs::write(destination.join(old), "old").unwrap();
    }
    let folder = OutputFolder::create(&destination).unwrap();
    fs::write(folder.path().join("report.json"), "new").unwrap();
    assert_eq!(names(&destination), ["old.tif", "report.json"]);
    folder.commit().unwrap();
    assert_eq!(names(&destination), ["report.json"]);
    assert_eq!(names(parent.path()), ["result"]);
}

#[test]
fn an_empty_folder_is_used_and_anything_else_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let empty = parent.path().join("empty");
    fs::create_dir(&empty).unwrap();
    OutputFolder::create(&empty).unwrap().commit().unwrap();
    assert_eq!(names(parent.path()), ["empty"]);

    let photos = parent.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::write(photos.join("cat.jpg"), "cat").unwrap();
    let error = OutputFolder::create(&photos).unwrap_err();
    assert!(matches!(error, FormatError::Occupied { .. }));
    assert!(error.to_string().contains("a folder with other files is already there"));
    assert!(OutputFolder::create(&photos.join("cat.jpg")).is_err());
    assert!(OutputFolder::create(&parent.path().join("no/such/parent")).is_err());
    assert_eq!(names(parent.path()), ["empty", "photos"]);

    // Something that appears while the work is going on is left alone too.
    let late = parent.path().join("late");
    let folder = OutputFolder::create(&late).unwrap();
    fs::create_dir(&late).unwrap();
    fs::write(late.join("notes.txt"), "mine").unwrap();
    assert!(folder.commit().is_err());
    assert_eq!(names(parent.path()), ["empty", "late", "photos"]);
}
