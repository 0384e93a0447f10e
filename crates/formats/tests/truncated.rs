//! Every real file, cut short at every 1 % of its length: an error of one line, or the part that is
//! whole, and never a panic.
//!
//! The files are not part of the project. `ADATOM_TEST_DATA` names the folder that has them; the
//! tests say so and pass when it is missing.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use adatom_formats::{Dataset, Image, Result, Selection, Stats, open, open_bytes};
use common::test_data;

/// Files with more bytes are cut in fewer places, as if they had so many.
const CUT_FINELY: usize = 2_000_000;
/// Signals with more elements are compared by their first frame only.
const MOST_ELEMENTS: usize = 1_000_000;

/// Where a file of so many bytes is cut.
fn cuts(length: usize) -> Vec<usize> {
    let parts = (100 * CUT_FINELY).checked_div(length).unwrap_or(100).clamp(10, 100);
    let mut cuts: Vec<_> = (0..parts).map(|part| part * length / parts).collect();
    // The last byte may be all that is missing.
    cuts.push(length.saturating_sub(1));
    cuts.dedup();
    cuts
}

/// What is compared of a signal: all of it where it is small, and its first frame.
struct Seen {
    name: String,
    shape: Vec<usize>,
    stats: Option<Result<Stats>>,
    frame: Option<Result<Image>>,
    /// What the user is told.
    said: Vec<String>,
}

fn seen(dataset: &Dataset) -> Vec<Seen> {
    let one = |number: usize| {
        let signal = &dataset.signals()[number];
        let elements = signal.shape().iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        let is_small = elements.is_some_and(|elements| elements <= MOST_ELEMENTS);
        let selection = Selection { signal: Some(signal.name.clone()), ..Selection::default() };
        // Of several signals with one name, the name means the first.
        let is_named = dataset.find(&signal.name).is_ok_and(|found| found == number);
        Seen {
            name: signal.name.clone(),
            shape: signal.shape(),
            stats: is_small.then(|| dataset.stats(number)),
            frame: (signal.frames() > 0 && is_named).then(|| dataset.image(&selection)),
            said: dataset.warnings().iter().chain(&signal.notes).cloned().collect(),
        }
    };
    (0..dataset.signals().len()).map(one).collect()
}

/// What is wrong with the line that says why something can't be read.
fn wrong_line(message: &str) -> Option<String> {
    let is_wrong = message.lines().count() != 1 || message.contains("impossible value");
    is_wrong.then(|| format!("it says {message:?}"))
}

/// What a cut file must not be: a panic, more than one line, or other values without a word.
fn problem(cut: Result<Dataset>, whole: &[Seen]) -> Option<String> {
    let cut = match cut {
        Ok(cut) => cut,
        Err(error) => return wrong_line(&error.to_string()),
    };
    let said_anyway = |said: &String| whole.iter().any(|signal| signal.said.contains(said));
    if cut.signals().len() < whole.len() && cut.warnings().iter().all(said_anyway) {
        return Some(format!("{} of {} signals without a word", cut.signals().len(), whole.len()));
    }
    let parts = seen(&cut);
    parts.iter().enumerate().find_map(|(number, part)| {
        let failed = [
            part.stats.as_ref().and_then(|stats| stats.as_ref().err()),
            part.frame.as_ref().and_then(|frame| frame.as_ref().err()),
        ];
        if let Some(wrong) = failed.into_iter().flatten().find_map(|error| wrong_line(&error.to_string())) {
            return Some(wrong);
        }
        let is_warned = !part.said.iter().all(said_anyway);
        let other = |what: &str| Some(format!("signal {number}: {what} without a word"));
        // Those that are left count from 0 again, and the name may be what is missing.
        let called_so = whole.iter().find(|whole| whole.name == part.name);
        let in_place = whole.get(number);
        let whole = in_place.filter(|whole| whole.name == part.name).or(called_so).or(in_place);
        let Some(whole) = whole.filter(|whole| whole.shape == part.shape || is_warned) else {
            return other("another shape");
        };
        match (&part.stats, &whole.stats) {
            // NaN is like nothing, so figures are compared as they are printed.
            (Some(Ok(part)), Some(Ok(whole)))
                if !is_warned && format!("{part:?}") != format!("{whole:?}") =>
            {
                return other("other values");
            }
            _ => {}
        }
        match (&part.frame, &whole.frame) {
            // Of the first frame not even a warning excuses other values.
            (Some(Ok(part)), Some(Ok(whole))) if bits(part) != bits(whole) => other("another image"),
            _ => None,
        }
    })
}

fn bits(image: &Image) -> Vec<u32> {
    image.data.iter().map(|value| value.to_bits()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn is_emi(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "emi")
}

#[test]
fn a_cut_file_is_an_error_or_the_part_that_is_whole() {
    let Some(folder) = test_data("formats") else { return };
    let (mut tried, mut wrong) = (0, Vec::new());
    for path in files(&folder) {
        let bytes = fs::read(&path).unwrap();
        // An EMI needs its SER beside it, and the parts of a store are no files of their own.
        let Some(whole) = open_bytes(&path, bytes.clone()).ok().filter(|_| !is_emi(&path)) else { continue };
        let whole = seen(&whole);
        tried += 1;
        for cut in cuts(bytes.len()) {
            if let Some(problem) = problem(open_bytes(&path, bytes[..cut].to_vec()), &whole) {
                wrong.push(format!("{} cut at {cut} of {}: {problem}", path.display(), bytes.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cuts are read wrongly\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 100, "only {tried} files");
}

/// Cuts `path`, one of the files that `opened` is made of, and puts it back.
fn cut_in_place(path: &Path, opened: &Path, wrong: &mut Vec<String>) {
    let bytes = fs::read(path).unwrap();
    let whole = seen(&open(opened).unwrap());
    for cut in cuts(bytes.len()) {
        fs::write(path, &bytes[..cut]).unwrap();
        if let Some(problem) = problem(open(opened), &whole) {
            wrong.push(format!("{} cut at {cut} of {}: {problem}", path.display(), bytes.len()));
        }
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_cut_emi_or_a_cut_series_beside_it_is_an_error_or_the_part_that_is_whole() {
    let Some(folder) = test_data("formats") else { return };
    let place = tempfile::tempdir().unwrap();
    let copies: Vec<_> = files(&folder.join("ser"))
        .into_iter()
        .map(|path| {
            let copy = place.path().join(path.file_name().unwrap());
            fs::write(&copy, fs::read(path).unwrap()).unwrap();
            copy
        })
        .collect();
    let (mut tried, mut wrong) = (0, Vec::new());
    for emi in copies.iter().filter(|path| is_emi(path)) {
        let base = emi.file_stem().unwrap().to_str().unwrap();
        let of_emi = |path: &&PathBuf| {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            !is_emi(path) && stem.strip_prefix(base).is_some_and(|number| number.starts_with('_'))
        };
        for series in copies.iter().filter(of_emi) {
            cut_in_place(emi, series, &mut wrong);
            cut_in_place(series, emi, &mut wrong);
            tried += 1;
        }
        cut_in_place(emi, emi, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} cuts are read wrongly\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 7, "only {tried} series");
}

#[test]
fn a_store_with_a_cut_block_or_description_is_an_error_or_the_part_that_is_whole() {
    let Some(folder) = test_data("formats") else { return };
    let stores = fs::read_dir(folder.join("zspy")).unwrap().map(|entry| entry.unwrap().path());
    let (mut tried, mut wrong) = (0, Vec::new());
    for store in stores.filter(|path| path.is_dir()) {
        let place = tempfile::tempdir().unwrap();
        for part in files(&store) {
            let copy = place.path().join(part.strip_prefix(&store).unwrap());
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::write(&copy, fs::read(part).unwrap()).unwrap();
        }
        for part in files(place.path()) {
            cut_in_place(&part, place.path(), &mut wrong);
        }
        tried += 1;
    }
    assert!(wrong.is_empty(), "{} cuts are read wrongly\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 2, "only {tried} stores");
}
