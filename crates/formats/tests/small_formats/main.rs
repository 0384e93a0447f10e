//! TIA SER with its EMI, MRC, NumPy and BMP: every variant made in memory comes back, broken files
//! give one line, and real files agree with what an independent reader sees in them.

#![allow(clippy::unwrap_used)]

mod bmp;
#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod mrc;
mod npy;
mod ser;
mod truth;

use std::path::Path;

use adatom_formats::{Dataset, Stats, open_bytes};

/// Opens bytes as a file of this name.
fn opened(name: &str, bytes: &[u8]) -> Dataset {
    open_bytes(Path::new(name), bytes.to_vec()).unwrap()
}

/// The line that says why bytes are refused.
fn refusal(bytes: &[u8]) -> String {
    let message = open_bytes(Path::new("small"), bytes.to_vec()).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

/// The first eight elements of a signal of real numbers.
fn first(dataset: &Dataset, signal: usize) -> Vec<f64> {
    match dataset.stats(signal).unwrap() {
        Stats::Real { first, .. } => first,
        other => panic!("{other:?}"),
    }
}

/// Numbers as bytes of a type that NumPy calls `kind`, such as `<u2`.
fn encoded(kind: &str, numbers: &[f64]) -> Vec<u8> {
    let (order, kind) = kind.split_at(1);
    let one = |&number: &f64| -> Vec<u8> {
        let mut bytes = match kind {
            "b1" | "u1" => vec![number as u8],
            "i1" => (number as i8).to_le_bytes().to_vec(),
            "u2" => (number as u16).to_le_bytes().to_vec(),
            "i2" => (number as i16).to_le_bytes().to_vec(),
            "u4" => (number as u32).to_le_bytes().to_vec(),
            "i4" => (number as i32).to_le_bytes().to_vec(),
            "u8" => (number as u64).to_le_bytes().to_vec(),
            "i8" => (number as i64).to_le_bytes().to_vec(),
            "f2" => half::f16::from_f64(number).to_le_bytes().to_vec(),
            "f4" | "c8" => (number as f32).to_le_bytes().to_vec(),
            "f8" | "c16" => number.to_le_bytes().to_vec(),
            other => panic!("{other}"),
        };
        if order == ">" {
            bytes.reverse();
        }
        bytes
    };
    numbers.iter().flat_map(one).collect()
}
