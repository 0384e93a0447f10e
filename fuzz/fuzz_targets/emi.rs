//! An EMI file beside a valid series, as the microscope leaves them.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process};

use adatom_fuzz::read_file;
use libfuzzer_sys::fuzz_target;

/// The series' length counts as the file's does.
static FOLDER: LazyLock<(PathBuf, usize)> = LazyLock::new(|| {
    let shared = PathBuf::from("/dev/shm");
    let root = if shared.is_dir() { shared } else { env::temp_dir() };
    let folder = root.join(format!("adatom-fuzz-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder to write to");
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/ser");
    let mut seeds = fs::read_dir(corpus).expect("the seeds of the target ser");
    let seed = seeds.next().expect("a seed").expect("a seed").path();
    fs::copy(&seed, folder.join("x_1.ser")).expect("a series");
    let length = fs::metadata(seed).expect("a seed").len() as usize;
    (folder, length)
});

fuzz_target!(|bytes: &[u8]| {
    let (folder, series) = &*FOLDER;
    let path = folder.join("x.emi");
    fs::write(&path, bytes).expect("an EMI file");
    read_file(&path, series + bytes.len());
});
