//! Libraries as they are built: whole, in parts, interrupted, on a full disk.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_archive::{Build, Depth, Label, Layout, Library, Outcome, build, merge, verify};
use common::{assert_same, content, generator, request, run};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CHILD: &str = "ADATOM_TEST_CHILD_BUILDS";

/// Not a test of its own: what the tests below run as a process to kill. `DIR FIRST LAST`.
#[test]
#[ignore = "run by other tests"]
fn child_builds() {
    let task = std::env::var(CHILD).unwrap();
    let [folder, first, last] = task.split('\n').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let generator = generator(1);
    let range = first.parse().unwrap()..=last.parse().unwrap();
    let resume = Path::new(folder).join("library.json").exists();
    let request = Build { resume, ..request(&generator, Path::new(folder), range) };
    // Slow, so that there is time to kill it.
    build(&request, &AtomicBool::new(false), &mut |_| std::thread::sleep(Duration::from_millis(4))).unwrap();
}

/// Builds in a process that is killed after a while; whether it finished before.
fn killed_after(folder: &Path, first: u64, last: u64, time: Duration) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_builds", "--ignored"])
        .env(CHILD, format!("{}\n{first}\n{last}", folder.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap().success()
}

fn whole(folder: &Path) {
    assert_eq!(run(&request(&generator(1), folder, 1..=48)).unwrap(), Outcome::Finished);
}

/// SIGKILL at many moments: the finished library is that of an uninterrupted build.
#[test]
fn a_killed_build_resumes_to_the_same_bytes() {
    let parent = tempfile::tempdir().unwrap();
    let (one, other) = (parent.path().join("one"), parent.path().join("other"));
    whole(&one);
    let mut kills = 0;
    // Times spread by the golden ratio, from before the first file to well into it.
    for step in 1..200 {
        let part = (f64::from(step) * 0.618_034).fract();
        if killed_after(&other, 1, 48, Duration::from_millis((30.0 + 170.0 * part) as u64)) {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2, "{kills}");
    let generator = generator(1);
    let outcome = run(&Build { resume: true, ..request(&generator, &other, 1..=48) }).unwrap();
    assert_eq!(outcome, Outcome::AlreadyComplete);
    assert_same(&one, &other);
    println!("{kills} kills");
}

/// Any sample by its position, its images in units of the ideal image's peak, in every layout.
#[test]
fn single_samples_are_read_in_the_unit_of_the_recipe() {
    let parent = tempfile::tempdir().unwrap();
    let generator = generator(1);
    for layout in [Layout::Temimagenet, Layout::Webdataset, Layout::Zarr] {
        let folder = parent.path().join(layout.name());
        run(&Build { layout, depth: Depth::Sixteen, ..request(&generator, &folder, 1..=48) }).unwrap();
        let library = Library::open(&folder).unwrap();
        let index = library.index().unwrap();
        assert!(index.ids().eq(1..=48));
        let record = index.record(3).unwrap().unwrap();
        assert_eq!(record, library.record(4).unwrap());
        assert_eq!(index.record(47).unwrap().unwrap().id, 48);
        assert!(index.record(48).unwrap().is_none());
        let checked = |id| library.checked_bytes(Label::Image, id, &record.files);
        assert_eq!(checked(4).unwrap(), library.bytes(Label::Image, 4).unwrap());
        assert!(checked(5).unwrap_err().to_string().contains("SHA-256"), "not the file of that record");
        let full = generator.full_sample(4).unwrap();
        let labels = [
            (Label::Image, &full.sample.image),
            (Label::Superresolution, &full.sample.labels.superresolution),
            (Label::GaussianMask, &full.sample.labels.gaussian_mask),
        ];
        for (label, expected) in labels {
            let range = expected.iter().fold(1.0_f32, |a, v| a.max(v.abs()));
            let apart = (&library.values(label, &record).unwrap() - expected).mapv(f32::abs);
            assert!(apart.iter().all(|v| *v < 2e-5 * range), "{} of {}", label, layout.name());
        }
    }
}

/// Seven ranges, two of them killed, merged in another order: the library of one build.
#[test]
fn parts_with_kills_merge_to_the_whole() {
    let parent = tempfile::tempdir().unwrap();
    let one = parent.path().join("one");
    whole(&one);
    let generator = generator(1);
    let ends = [0, 5, 6, 14, 20, 33, 40, 48];
    let mut parts: Vec<PathBuf> = Vec::new();
    for (part, ends) in ends.windows(2).enumerate() {
        let folder = parent.path().join(format!("part-{part}"));
        if part == 2 || part == 4 {
            killed_after(&folder, ends[0] + 1, ends[1], Duration::from_millis(60));
        }
        let resume = folder.exists();
        run(&Build { resume, jobs: part % 3 + 1, ..request(&generator, &folder, ends[0] + 1..=ends[1]) })
            .unwrap();
        parts.push(folder);
    }
    parts.rotate_left(3);
    let joined = parent.path().join("joined");
    merge(&parts, &joined, &mut |_| {}).unwrap();
    assert_same(&one, &joined);

    let gap = merge(&parts[1..], &parent.path().join("gap"), &mut |_| {}).unwrap_err().to_string();
    assert!(gap.contains("are missing before it"), "{gap}");
    let twice = [parts[0].clone(), parts[0].clone()];
    let twice = merge(&twice, &parent.path().join("twice"), &mut |_| {}).unwrap_err().to_string();
    assert!(twice.contains("are in two parts"), "{twice}");
    let other = parent.path().join("other");
    run(&request(&common::generator(2), &other, 6..=6)).unwrap();
    let other =
        merge(&[parts[0].clone(), other], &parent.path().join("x"), &mut |_| {}).unwrap_err().to_string();
    assert!(other.contains("no part of the same library"), "{other}");
    assert!(!parent.path().join("gap").exists() && !parent.path().join("twice").exists());
}

/// Shards are the same whatever stopped the build.
#[test]
fn shards_resume_to_the_same_bytes_and_verify() {
    let parent = tempfile::tempdir().unwrap();
    let (one, other) = (parent.path().join("one"), parent.path().join("other"));
    let generator = generator(1);
    let request = |folder| Build {
        layout: Layout::Webdataset,
        labels: vec![Label::Image, Label::Position, Label::CircularMask],
        ..request(&generator, folder, 1..=1048)
    };
    run(&request(&one)).unwrap_err();
    let request = |folder| Build { range: 1..=2000, ..request(folder) };
    run(&request(&one)).unwrap();
    let stop = AtomicBool::new(false);
    let outcome =
        build(&request(&other), &stop, &mut |p| stop.store(p.done > 1300, Ordering::Relaxed)).unwrap();
    assert_eq!(outcome, Outcome::Stopped);
    run(&Build { resume: true, jobs: 1, ..request(&other) }).unwrap();
    assert_same(&one, &other);
    assert!(one.join("shard-000000.tar").is_file() && one.join("shard-000001.tar").is_file());
    let library = Library::open(&one).unwrap();
    assert_eq!(verify(&library, 2, &mut |_| {}).unwrap(), []);
    assert_eq!(library.image(Label::CircularMask, 1500).unwrap().dim(), (48, 64));

    let path = one.join("shard-000001.tar");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 700].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let issues = verify(&library, 2, &mut |_| {}).unwrap();
    assert!(!issues.is_empty() && issues.iter().all(|issue| issue.path.starts_with(&path)), "{issues:?}");
}

#[test]
fn all_depths_verify() {
    let parent = tempfile::tempdir().unwrap();
    let generator = generator(3);
    for (name, depth) in [("8", Depth::Eight), ("16", Depth::Sixteen), ("float", Depth::Float)] {
        let folder = parent.path().join(name);
        run(&Build { depth, ..request(&generator, &folder, 1..=48) }).unwrap();
        let library = Library::open(&folder).unwrap();
        assert_eq!(verify(&library, 2, &mut |_| {}).unwrap(), [], "{name}");
        assert_eq!(library.image(Label::NoNoise2x, 7).unwrap().dim(), (96, 128));
    }
    // A float image is the sample itself.
    let library = Library::open(&parent.path().join("float")).unwrap();
    assert_eq!(library.image(Label::Image, 11).unwrap(), generator.sample(11).unwrap().image);
}

#[test]
fn verify_names_every_file_that_is_wrong() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("library");
    whole(&folder);
    let copy = |from: &str, to: &str| std::fs::copy(folder.join(from), folder.join(to)).unwrap();
    std::fs::remove_file(folder.join("noNoise/00003.png")).unwrap();
    copy("circularMask/00001.png", "circularMask/00004.png");
    copy("noNoise/00012.png", "noNoiseUpinterpolation2x/00013.png");
    std::fs::write(folder.join("position/00005.txt"), "1 x\n").unwrap();
    std::fs::write(folder.join("radius/00099.txt"), "1\n").unwrap();
    let issues = verify(&Library::open(&folder).unwrap(), 2, &mut |_| {}).unwrap();
    let said = |file: &str, what: &str| {
        issues.iter().any(|issue| issue.path == folder.join(file) && issue.message.contains(what))
    };
    for (file, what) in [
        ("noNoise/00003.png", "is missing"),
        ("circularMask/00004.png", "SHA-256"),
        ("circularMask/00004.png", "pixel ("),
        ("noNoiseUpinterpolation2x/00013.png", "px; with its image"),
        ("position/00005.txt", "line 1: \"x\" is no number"),
        ("radius/00099.txt", "belongs to no sample"),
    ] {
        assert!(said(file, what), "{file} {what}: {issues:#?}");
    }
    let wrong: std::collections::BTreeSet<_> = issues.iter().map(|issue| &issue.path).collect();
    assert_eq!(wrong.len(), 5, "{issues:#?}");
}

#[test]
fn a_folder_with_something_else_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("library");
    let generator = generator(1);
    run(&request(&generator, &folder, 1..=4)).unwrap();
    let before = content(&folder);
    let other = common::generator(2);
    let message = run(&Build { resume: true, ..request(&other, &folder, 1..=4) }).unwrap_err().to_string();
    assert!(message.contains("holds another library (small, seed 1, samples 1 to 4)"), "{message}");
    let message =
        run(&Build { depth: Depth::Float, ..request(&generator, &folder, 1..=4) }).unwrap_err().to_string();
    assert!(message.contains("depth"), "{message}");
    assert_eq!(content(&folder), before);

    let mine = parent.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("thesis.tex"), "x").unwrap();
    assert!(run(&request(&generator, &mine, 1..=4)).unwrap_err().to_string().contains("other files"));
    let file = mine.join("thesis.tex");
    assert!(run(&request(&generator, &file, 1..=4)).unwrap_err().to_string().contains("thesis.tex"));
    assert_eq!(content(&mine).len(), 1);
    for range in [0..=3, 1..=1_000_000_000_000, RangeInclusive::new(5, 4)] {
        let message = run(&request(&generator, &parent.path().join("x"), range)).unwrap_err().to_string();
        assert!(message.contains("give numbers from 1"), "{message}");
    }
}

/// Where a folder can't be written to, the error names the file; with room again the build goes on.
#[cfg(target_os = "linux")]
#[test]
fn errors_of_the_disk_name_the_file_and_leave_a_state_to_resume() {
    let parent = tempfile::tempdir().unwrap();
    let (one, other) = (parent.path().join("one"), parent.path().join("other"));
    whole(&one);
    let generator = generator(1);
    let stop = AtomicBool::new(false);
    build(&request(&generator, &other, 1..=48), &stop, &mut |p| stop.store(p.done == 9, Ordering::Relaxed))
        .unwrap();
    // A folder where a file has to go: refused as without permission, and for root too.
    let obstacle = other.join("circularMask/00010.png");
    std::fs::create_dir(&obstacle).unwrap();
    let resume = || Build { resume: true, ..request(&generator, &other, 1..=48) };
    let message = run(&resume()).unwrap_err().to_string();
    assert!(message.contains("circularMask/00010.png"), "{message}");
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(run(&resume()).unwrap(), Outcome::Finished);
    assert_same(&one, &other);
}

/// A process that may write files of 20 kB only, in place of a full disk: it ends with an error that names the
/// file, and the build goes on where it stopped when there is room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_a_state_to_resume() {
    let parent = tempfile::tempdir().unwrap();
    let (one, other) = (parent.path().join("one"), parent.path().join("other"));
    whole(&one);
    let program = std::env::current_exe().unwrap();
    let limited = format!(
        "trap '' XFSZ; ulimit -f 40; exec '{}' --exact child_builds --ignored --nocapture",
        program.display()
    );
    let output = Command::new("bash")
        .args(["-c", &limited])
        .env(CHILD, format!("{}\n1\n48", other.display()))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("samples.jsonl") && said.contains("FileTooLarge"), "{said}");
    let generator = generator(1);
    run(&Build { resume: true, ..request(&generator, &other, 1..=48) }).unwrap();
    assert_same(&one, &other);
}

/// A download of the published form becomes a library without a file of it being touched.
#[test]
fn a_folder_of_the_published_form_can_be_imported() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("download");
    whole(&folder);
    for name in ["library.json", "samples.jsonl", "truth.parquet"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let before = content(&folder);
    assert!(Library::open(&folder).err().unwrap().to_string().contains("imported first"));
    let manifest = adatom_archive::import(&folder, &mut |_| {}).unwrap();
    assert_eq!((manifest.first, manifest.last, manifest.labels.len()), (1, 48, 14));
    let library = Library::open(&folder).unwrap();
    let record = library.record(7).unwrap();
    let sample = generator(1).sample(7).unwrap();
    assert_eq!(record.columns.len(), sample.columns.len());
    assert!((record.columns[0].x - sample.columns[0].x).abs() < 1e-9);
    assert!((record.pixel_angstrom - sample.grid.pixel_x_angstrom).abs() < 1e-12);
    assert_eq!(verify(&library, 2, &mut |_| {}).unwrap(), []);
    let after = content(&folder);
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes));
    assert!(adatom_archive::import(&folder, &mut |_| {}).unwrap_err().to_string().contains("already"));
}

#[test]
fn a_sample_of_a_shard_is_read_alone_and_its_texts_follow_from_its_record() {
    let generator = common::generator(3);
    let parent = tempfile::tempdir().unwrap();
    let (files, shards) = (parent.path().join("files"), parent.path().join("shards"));
    common::run(&common::request(&generator, &files, 1..=48)).unwrap();
    common::run(&Build { layout: Layout::Webdataset, ..common::request(&generator, &shards, 1..=48) })
        .unwrap();
    let (files, packed) = (Library::open(&files).unwrap(), Library::open(&shards).unwrap());
    for id in [48, 1, 17] {
        let record = packed.record(id).unwrap();
        for label in Label::ALL {
            let bytes = files.bytes(label, id).unwrap();
            assert_eq!(packed.bytes(label, id).unwrap(), bytes, "{label} of {id}");
            let text = record.text(label).map(String::into_bytes);
            assert_eq!(text, (!label.is_image()).then_some(bytes), "{label} of {id}");
        }
        assert!(packed.bytes(Label::Image, 49).unwrap_err().to_string().contains("00049.image.png"));
    }
    // A shard that ends early still gives what lies before.
    let path = shards.join("shard-000000.tar");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let cut = Library::open(&shards).unwrap();
    assert!(cut.bytes(Label::Params, 2).is_ok());
    assert!(cut.bytes(Label::Image, 47).is_err());
}
