//! Broken files give what is whole or one line: no panic, no wait, no large allocation.

// To count what is allocated.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use adatom_formats::{Dataset, FormatError, open_bytes};

use super::common::{keep_named_seed, keep_seed, random};
use super::{bmp, mrc, npy, ser};

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Counts the bytes that each thread has allocated.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Valid files of every kind, by name.
fn valid_files() -> Vec<(&'static str, Vec<u8>)> {
    let spectra = ser::Made {
        images: false,
        sides: &[50],
        kind: 6,
        numpy: "<i4",
        dimensions: &[(3, "meters"), (2, "meters")],
        valid: 6,
        ..ser::IMAGES
    };
    let members = || {
        [
            ("one.npy", npy::ramp("<f4", false, "(4, 8, 8)", 256)),
            ("two.npy", npy::ramp("<u2", true, "(2, 8, 8)", 128)),
        ]
    };
    let runs = [4, 1, 0, 0, 0, 3, 0, 2, 3, 0, 1, 1, 0, 0, 0, 2, 2, 0, 2, 3, 0, 1];
    let bitmap = |depth, compression, data| {
        bmp::Made { sides: (4, 3), depth, compression, table: &bmp::GREYS, data }.file()
    };
    vec![
        ("images_1.ser", ser::made(&ser::IMAGES)),
        ("wide_1.ser", ser::made(&ser::Made { wide: true, ..ser::IMAGES })),
        ("spectra_1.ser", ser::made(&spectra)),
        ("little.mrc", mrc::made("<", 1, "i2")),
        ("big.mrc", mrc::made(">", 2, "f4")),
        ("c.npy", npy::ramp("<f4", false, "(6, 8, 8)", 384)),
        ("fortran.npy", npy::ramp(">i2", true, "(3, 8, 8)", 192)),
        ("stored.npz", npy::archive(&members(), false)),
        ("deflated.npz", npy::archive(&members(), true)),
        ("palette.bmp", bitmap(8, 0, &[1; 12])),
        ("runs.bmp", bitmap(8, 1, &runs)),
        ("colour.bmp", bitmap(24, 0, &[5; 36])),
    ]
}

/// Reads everything of a file, within the limits that hold for every file.
fn read_all(name: &str, bytes: &[u8]) -> Result<Dataset, FormatError> {
    let held = bytes.to_vec();
    let start = Instant::now();
    let before = LIVE.get();
    PEAK.set(before);
    let dataset = open_bytes(Path::new(name), held);
    let result = dataset.and_then(|dataset| {
        for signal in 0..dataset.signals().len() {
            dataset.stats(signal)?;
        }
        Ok(dataset)
    });
    let allocated = PEAK.get() - before;
    assert!(allocated < 4 * bytes.len() as isize + (1 << 20), "{name}: {allocated} bytes were allocated");
    assert!(start.elapsed() < Duration::from_secs(5), "{name}");
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(!message.contains("impossible value"), "{name}: {message}");
        assert_eq!(message.lines().count(), 1, "{name}: {message}");
    }
    result
}

#[test]
fn files_that_end_early_give_what_is_whole_or_say_so() {
    for (name, bytes) in valid_files() {
        keep_named_seed(name, &bytes);
        let whole = read_all(name, &bytes).unwrap();
        assert!(whole.warnings().is_empty(), "{name}: {:?}", whole.warnings());
        let mut parts = 0;
        for percent in 0..100 {
            let Ok(part) = read_all(name, &bytes[..bytes.len() * percent / 100]) else { continue };
            let same = part.signals().iter().zip(whole.signals()).all(|(a, b)| a.axes == b.axes);
            assert!(same || part.warnings()[0].contains("are missing"), "{name} at {percent} %");
            parts += usize::from(!same);
        }
        let has_series = name.ends_with(".ser") || name.ends_with(".mrc") || name == "c.npy";
        assert_eq!(parts > 0, has_series, "{name}: {parts} parts");
    }
}

#[test]
fn flipped_bytes_are_survived() {
    for (name, bytes) in valid_files() {
        let mut random = random();
        let mut next = || random() as usize;
        for round in 0..600 {
            let mut broken = bytes.clone();
            for _ in 0..1 + round % 4 {
                // Half of them where headers are.
                let range = if next() % 2 == 0 { broken.len() } else { broken.len().min(160) };
                let at = next() % range;
                broken[at] = [next() as u8, 0xff, 0x7f, 0x80, 0][next() % 5];
            }
            let _ = read_all(name, &broken);
        }
    }
}

#[test]
fn flipped_bytes_in_an_emi_file_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.emi");
    std::fs::write(folder.path().join("x_1.ser"), ser::made(&ser::IMAGES)).unwrap();
    let bytes = ser::emi(&["<A><B>1</B></A><Root><Data><Label>L</Label><Value>1</Value></Data></Root>"]);
    // Without what lies between the texts.
    keep_seed("emi", &bytes.iter().copied().filter(|byte| *byte != 0xff).collect::<Vec<_>>());
    for at in (0..16).chain(bytes.len() - 150..bytes.len()) {
        for value in [0, b'<', b'>', b'&', b'/', 0xff] {
            let mut broken = bytes.clone();
            broken[at] = value;
            std::fs::write(&path, &broken).unwrap();
            if let Err(error) = adatom_formats::open(&path) {
                assert!(!error.to_string().contains("impossible value"), "{error}");
            }
        }
    }
}
