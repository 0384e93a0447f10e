//! A library from a processor without AVX-512 is that from one with it.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

mod common;

use adatom_archive::Build;
use adatom_library::{Generator, Recipe};
use common::{assert_same, request, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const CHILD: &str = "ADATOM_TEST_CHILD_BUILDS";
/// Samples from places all over the published composition: of each 252nd number the next nine.
const PARTS: u64 = 57;
const STEP: u64 = 252;
const EACH: u64 = 9;

fn build_parts(parent: &Path) {
    let generator = Generator::new(Recipe::open("temimagenet").unwrap(), 1).unwrap();
    for part in 0..PARTS {
        let (first, folder) = (1 + part * STEP, parent.join(part.to_string()));
        run(&Build { jobs: 1, ..request(&generator, &folder, first..=first + EACH - 1) }).unwrap();
    }
}

/// Not a test of its own: what the test below runs on an emulated processor.
#[test]
#[ignore = "run by another test"]
fn child_builds() {
    use std::arch::is_x86_feature_detected as has;
    assert!(has!("avx2") && has!("fma") && !has!("avx512f"));
    build_parts(Path::new(&std::env::var_os(CHILD).unwrap()));
}

/// `ADATOM_QEMU=qemu-x86_64 cargo test --release -p adatom-archive --test processors -- --ignored avx`, on a
/// processor with AVX-512, with QEMU 7.2 or newer: two to ten minutes.
#[test]
#[ignore = "slow; ADATOM_QEMU names qemu-x86_64"]
fn avx2_and_avx512_give_the_same_bytes() {
    let qemu = std::env::var_os("ADATOM_QEMU").expect("ADATOM_QEMU names qemu-x86_64");
    assert!(std::arch::is_x86_feature_detected!("avx512f"), "this processor has no AVX-512");
    let parent = tempfile::tempdir().unwrap();
    let [native, emulated] = ["native", "emulated"].map(|name| -> PathBuf {
        let folder = parent.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    });
    build_parts(&native);
    let status = Command::new(qemu)
        .args(["-cpu", "Haswell"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_builds", "--ignored", "--nocapture"])
        .env(CHILD, &emulated)
        .status()
        .unwrap();
    assert!(status.success());
    assert_same(&native, &emulated);
}
