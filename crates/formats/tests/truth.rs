//! Every real file against what an independent, well-established reader sees in it.
//!
//! The files are not part of the project. `ADATOM_TEST_DATA` names the folder that has them; the
//! test says so and passes when it is missing.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_formats::{Axis, DType, Dataset, Signal, Stats, open};
use common::test_data;
use serde_json::Value;
use std::path::Path;

/// Files that aren't read as the truth has them, and why a user is better off.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "tiff/olympus_SIS.tif",
        "its preview is a JPEG, whose decoders round differently: by one in a few pixels",
    ),
    (
        "dm4/2D_test_fft_packed_complex8.dm4",
        "the file states 5 × 5 values, and keeps three of five columns: the other reader takes five for four",
    ),
];

/// The other reader writes `None` where a name or a unit is missing.
fn word(value: &Value) -> &str {
    value.as_str().filter(|text| *text != "None").unwrap_or("")
}

fn near(ours: f64, theirs: &Value, tolerance: f64) -> bool {
    let theirs = theirs.as_f64().unwrap_or(f64::NAN);
    ours == theirs || (ours - theirs).abs() <= tolerance * theirs.abs()
}

fn compare_axis(ours: &Axis, theirs: &Value, problems: &mut Vec<String>) {
    let same = ours.name == word(&theirs["name"])
        && Some(ours.size as u64) == theirs["size"].as_u64()
        // Some files keep the places along an axis as 32-bit floats, whose steps are that uncertain.
        && near(ours.scale, &theirs["scale"], 1e-7)
        && near(ours.offset, &theirs["offset"], 1e-9)
        && ours.unit == word(&theirs["units"]);
    if !same {
        problems.push(format!("axis {ours:?} is not {theirs}"));
    }
}

/// Sums of 32-bit floats are the other reader's in 32 bits too, so they agree to its rounding only.
fn compare_stats(signal: &Signal, stats: &Stats, truth: &Value, problems: &mut Vec<String>) {
    let tolerance = match signal.dtype {
        DType::F32 | DType::C64 | DType::F16 => 2e-6,
        _ => 1e-12,
    };
    let mut check = |what: &str, ours: f64, theirs: &Value, tolerance: f64| {
        if !near(ours, theirs, tolerance) {
            problems.push(format!("{what} is {ours}, not {theirs}"));
        }
    };
    match stats {
        Stats::Real { sum, min, max, first, last } => {
            check("sum", *sum, &truth["sum"], tolerance);
            check("min", *min, &truth["min"], 1e-12);
            check("max", *max, &truth["max"], 1e-12);
            for (name, ours) in [("first8", first), ("last4", last)] {
                let theirs = truth[name].as_array().unwrap();
                check(
                    &format!("length of {name}"),
                    ours.len() as f64,
                    &Value::from(theirs.len() as f64),
                    0.0,
                );
                ours.iter().zip(theirs).for_each(|(a, b)| check(name, *a, b, 1e-12));
            }
        }
        Stats::Complex { sum_re, sum_im, max_abs } => {
            let size = truth["max_abs"].as_f64().unwrap();
            for (name, ours) in [("sum_re", *sum_re), ("sum_im", *sum_im)] {
                let theirs = truth[name].as_f64().unwrap();
                if (ours - theirs).abs() > 1e-5 * size {
                    problems.push(format!("{name} is {ours}, not {theirs}"));
                }
            }
            if !near(*max_abs, &truth["max_abs"], 1e-6) {
                problems.push(format!("max_abs is {max_abs}, not {size}"));
            }
        }
        Stats::Colour(channels) => {
            for (name, [sum, min, max]) in channels {
                let theirs = &truth["channels"][name.to_string()];
                check(&format!("sum of {name}"), *sum, &theirs["sum"], 0.0);
                check(&format!("min of {name}"), *min, &theirs["min"], 0.0);
                check(&format!("max of {name}"), *max, &theirs["max"], 0.0);
            }
        }
    }
}

fn compare(dataset: &Dataset, truth: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let theirs = truth["signals"].as_array().unwrap();
    if dataset.signals().len() != theirs.len() {
        let names: Vec<_> = dataset.signals().iter().map(|signal| &signal.name).collect();
        problems.push(format!("{} signals {names:?}, not {}", names.len(), theirs.len()));
    }
    for (number, (signal, truth)) in dataset.signals().iter().zip(theirs).enumerate() {
        let mut of_signal = Vec::new();
        if !word(&truth["title"]).is_empty() && signal.name != word(&truth["title"]) {
            of_signal.push(format!("name {:?} is not {}", signal.name, truth["title"]));
        }
        let shape: Vec<_> =
            truth["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        if signal.shape() != shape {
            of_signal.push(format!("shape {:?} is not {shape:?}", signal.shape()));
        }
        if signal.dtype.numpy() != truth["dtype"] {
            of_signal.push(format!("dtype {} is not {}", signal.dtype.numpy(), truth["dtype"]));
        }
        if let Some(axes) = truth["axes"].as_array() {
            signal
                .axes
                .iter()
                .zip(axes)
                .for_each(|(ours, theirs)| compare_axis(ours, theirs, &mut of_signal));
        }
        if signal.dtype != DType::Object {
            match dataset.stats(number) {
                Ok(stats) => compare_stats(signal, &stats, truth, &mut of_signal),
                Err(error) => of_signal.push(error.to_string()),
            }
        }
        problems.extend(of_signal.into_iter().map(|problem| format!("signal {number}: {problem}")));
    }
    problems
}

#[test]
fn every_file_is_read_as_an_independent_reader_sees_it() {
    let Some(folder) = test_data("formats") else { return };
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let (mut read, mut wrong) = (0, Vec::new());
    for file in truth["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        if std::env::var("ADATOM_ONLY").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        let excepted = EXCEPTIONS.iter().any(|(other, _)| *other == name);
        let problems = match open(&folder.join(name)) {
            Err(error) => vec![error.to_string()],
            // The sidecar of another file: it opens that one, which has its own entry.
            Ok(dataset) if file["signals"].is_null() => {
                if dataset.signals().is_empty() {
                    vec!["no signal".to_owned()]
                } else {
                    Vec::new()
                }
            }
            Ok(dataset) => compare(&dataset, file),
        };
        read += 1;
        if problems.is_empty() == excepted {
            wrong.push(format!("{name}:\n    {}", problems.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {read} files differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(read >= 111 || std::env::var_os("ADATOM_ONLY").is_some(), "only {read} files");
    assert!(EXCEPTIONS.iter().all(|(name, _)| Path::new(&folder).join(name).exists()));
}

#[test]
fn columns_are_looked_for_in_the_image_of_the_annular_detector() {
    let Some(folder) = test_data("formats") else { return };
    let name = |file: &str| {
        let dataset = open(&folder.join("emd_velox").join(file)).unwrap();
        dataset.signals()[dataset.default_signal().unwrap()].name.clone()
    };
    // Both have maps of four elements before it.
    assert_eq!(name("Test SI 16x16 215 kx.emd"), "HAADF");
    assert_eq!(name("Test SI 16x16 ReducedData 215 kx.emd"), "HAADF");
    assert_eq!(name("fei_emd_si.emd"), "HAADF");
    assert_eq!(name("FFTComplexEven.emd"), "HAADF");
}
