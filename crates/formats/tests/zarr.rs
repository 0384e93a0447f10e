//! Zarr stores in folders and ZIP archives, made here, whole and broken.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use adatom_formats::{DType, Selection, Stats, open, open_bytes};
use common::keep_seed;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use ndarray::Array2;
use serde_json::json;

const SHAPE: [usize; 2] = [5, 7];
const BLOCK: [usize; 2] = [2, 3];

fn value(y: usize, x: usize) -> u16 {
    (y * 300 + x) as u16
}

/// The elements of a block in C order, or in Fortran's.
fn block(index: [usize; 2], is_reversed: bool, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let [height, width] = BLOCK;
    let at = |y: usize, x: usize| bytes(value(index[0] * height + y, index[1] * width + x));
    match is_reversed {
        false => (0..height * width).flat_map(|i| at(i / width, i % width)).collect(),
        true => (0..height * width).flat_map(|i| at(i % height, i / height)).collect(),
    }
}

fn blocks() -> impl Iterator<Item = [usize; 2]> {
    (0..SHAPE[0].div_ceil(BLOCK[0])).flat_map(|y| (0..SHAPE[1].div_ceil(BLOCK[1])).map(move |x| [y, x]))
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The codecs in a Blosc container, by their numbers there.
const BLOSC: [&str; 5] = ["blosc-blosclz", "blosc-lz4", "blosc-plain", "blosc-zlib", "blosc-zstd"];

/// A Blosc container of one block that isn't split, nothing in it shuffled: a dozen bytes, which each
/// codec tells as they are.
fn blosc(name: &str, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    assert_eq!(length, 12);
    let codec = BLOSC.iter().position(|codec| *codec == name).unwrap() as u8;
    let stream = match name {
        "blosc-blosclz" => [&[length as u8 - 1], bytes].concat(),
        "blosc-lz4" => [&[(length as u8) << 4], bytes].concat(),
        "blosc-zlib" => zlib(bytes),
        "blosc-zstd" => [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 12, 0x61, 0, 0], bytes].concat(),
        _ => bytes.to_vec(),
    };
    let is_plain = name == "blosc-plain";
    let flags = if is_plain { 0x02 } else { codec << 5 | 0x10 };
    let head = if is_plain { 0 } else { 8 };
    let total = 16 + head + stream.len() as u32;
    let mut container = vec![2, 1, flags, 2];
    container.extend([length, length, total].iter().flat_map(|number| number.to_le_bytes()));
    if !is_plain {
        container.extend([20, stream.len() as u32].iter().flat_map(|number| number.to_le_bytes()));
    }
    container.extend(stream);
    container
}

/// A HyperSpy store of version 2 as keys and bytes.
fn hyperspy_store(order: &str, compressor: &str) -> Vec<(String, Vec<u8>)> {
    let group = "Experiments/a map";
    let compression = if compressor.is_empty() {
        json!(null)
    } else {
        json!({"id": compressor.split('-').next(), "level": 1})
    };
    let array = json!({
        "zarr_format": 2, "shape": SHAPE, "chunks": BLOCK, "dtype": "<u2", "order": order,
        "compressor": compression, "filters": null, "fill_value": 9,
    });
    let axis =
        |name: &str| json!({"name": name, "units": "nm", "scale": 0.5, "offset": -1.0, "navigate": false});
    let group_mark = || json!({"zarr_format": 2});
    let mut store = vec![
        (".zgroup".to_owned(), group_mark()),
        (".zattrs".to_owned(), json!({"file_format": "ZSpy", "file_format_version": "3.3"})),
        ("Experiments/.zgroup".to_owned(), group_mark()),
        (format!("{group}/.zgroup"), group_mark()),
        (format!("{group}/data/.zarray"), array),
        (format!("{group}/axis-0/.zgroup"), group_mark()),
        (format!("{group}/axis-0/.zattrs"), axis("y")),
        (format!("{group}/axis-1/.zgroup"), group_mark()),
        (format!("{group}/axis-1/.zattrs"), axis("x")),
        (format!("{group}/metadata/.zgroup"), group_mark()),
        (format!("{group}/metadata/General/.zgroup"), group_mark()),
        (format!("{group}/metadata/General/.zattrs"), json!({"title": "a map"})),
    ]
    .into_iter()
    .map(|(key, text)| (key, text.to_string().into_bytes()))
    .collect::<Vec<_>>();
    for index in blocks() {
        let elements = block(index, order == "F", u16::to_le_bytes);
        let bytes = match compressor {
            "" => elements,
            "zlib" => zlib(&elements),
            name => blosc(name, &elements),
        };
        store.push((format!("{group}/data/{}.{}", index[0], index[1]), bytes));
    }
    store
}

fn put(folder: &Path, store: &[(String, Vec<u8>)]) {
    for (key, bytes) in store {
        let path = folder.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A ZIP archive of stored entries.
fn zipped(store: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (key, bytes) in store {
        let sizes = [&(bytes.len() as u32).to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes()].concat();
        let offset = file.len() as u32;
        let common =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &(key.len() as u16).to_le_bytes()]
                .concat();
        file.extend([&b"PK\x03\x04"[..], &common, &[0; 2], key.as_bytes(), bytes].concat());
        list.extend(
            [&b"PK\x01\x02\x14\0"[..], &common, &[0; 12], &offset.to_le_bytes(), key.as_bytes()].concat(),
        );
    }
    let (start, length, count) = (file.len() as u32, list.len() as u32, (store.len() as u16).to_le_bytes());
    file.extend(list);
    file.extend(
        [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &length.to_le_bytes(), &start.to_le_bytes(), &[0; 2]]
            .concat(),
    );
    file
}

fn expected() -> Array2<f32> {
    Array2::from_shape_fn(SHAPE, |(y, x)| value(y, x).into())
}

#[test]
fn hyperspy_stores_are_read_from_folders_and_archives() {
    let with_blosc = BLOSC.map(|codec| ("C", codec));
    for (order, compressor) in
        [("C", ""), ("F", ""), ("C", "zlib"), ("F", "zlib")].into_iter().chain(with_blosc)
    {
        let store = hyperspy_store(order, compressor);
        keep_seed("zarr", &zipped(&store));
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &store);
        for dataset in [open(folder.path()).unwrap(), open_bytes(Path::new("a.zip"), zipped(&store)).unwrap()]
        {
            assert_eq!(dataset.format(), "zspy");
            let signal = &dataset.signals()[0];
            assert_eq!((signal.name.as_str(), signal.dtype), ("a map", DType::U16));
            assert_eq!(
                (signal.axes[1].scale, signal.axes[1].offset, signal.axes[1].unit.as_str()),
                (0.5, -1.0, "nm")
            );
            assert_eq!(
                dataset.image(&Selection::default()).unwrap().data,
                expected(),
                "{order} {compressor}"
            );
        }
    }
}

#[test]
fn blocks_that_are_left_out_have_the_fill_value() {
    let mut store = hyperspy_store("C", "zlib");
    store.retain(|(key, _)| !key.ends_with("data/1.2"));
    let dataset = open_bytes(Path::new("a.zip"), zipped(&store)).unwrap();
    let mut filled = expected();
    (filled[[2, 6]], filled[[3, 6]]) = (9.0, 9.0);
    assert_eq!(dataset.image(&Selection::default()).unwrap().data, filled);
}

#[test]
fn version_3_is_read_with_its_codecs() {
    let folder = tempfile::tempdir().unwrap();
    let group = json!({"zarr_format": 3, "node_type": "group", "attributes": {}});
    let array = json!({
        "zarr_format": 3, "node_type": "array", "shape": SHAPE, "data_type": "uint16", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": BLOCK}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [
            {"name": "transpose", "configuration": {"order": [1, 0]}},
            {"name": "bytes", "configuration": {"endian": "big"}},
            {"name": "gzip", "configuration": {"level": 1}},
        ],
    });
    let mut store = vec![
        ("zarr.json".to_owned(), group.to_string().into_bytes()),
        ("scan/zarr.json".to_owned(), array.to_string().into_bytes()),
    ];
    for index in blocks() {
        let bytes = gzip(&block(index, true, u16::to_be_bytes));
        store.push((format!("scan/c/{}/{}", index[0], index[1]), bytes));
    }
    put(folder.path(), &store);
    keep_seed("zarr", &zipped(&store));
    let dataset = open(folder.path()).unwrap();
    assert_eq!((dataset.format(), dataset.signals()[0].name.as_str()), ("zarr", "/scan"));
    assert_eq!(dataset.image(&Selection::default()).unwrap().data, expected());
}

#[test]
fn claims_of_the_description_are_not_believed() {
    let data = "Experiments/a map/data/.zarray";
    let changes = [
        ("[5,7]", "[5000000,7000000]"),
        ("[5,7]", "[200000,200000]"),
        ("[5,7]", "[1e30,7]"),
        ("[5,7]", "5"),
        ("[2,3]", "[0,3]"),
        ("[2,3]", "[2]"),
        ("[2,3]", "[100000,100000]"),
        ("\"<u2\"", "\"<u4\""),
        ("\"<u2\"", "\"|O\""),
        ("\"zlib\"", "\"blosc\""),
        ("\"zlib\"", "\"lzma\""),
        ("\"zlib\"", "\"zstd\""),
    ];
    let start = std::time::Instant::now();
    for (from, to) in changes {
        let mut store = hyperspy_store("C", "zlib");
        let array = store.iter_mut().find(|(key, _)| key == data).unwrap();
        let text = String::from_utf8(array.1.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        array.1 = text.replace(from, to).into_bytes();
        let read = open_bytes(Path::new("a.zip"), zipped(&store))
            .and_then(|dataset| dataset.image(&Selection::default()));
        let message = read.unwrap_err().to_string();
        assert_eq!(message.lines().count(), 1, "{from} to {to}: {message}");
        if to == "\"lzma\"" {
            assert!(message.ends_with("save it again with gzip or without compression"), "{message}");
        }
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn broken_archives_are_refused() {
    let whole = zipped(&hyperspy_store("F", "zlib"));
    let read =
        |bytes: Vec<u8>| -> Option<Stats> { open_bytes(Path::new("a.zip"), bytes).ok()?.stats(0).ok() };
    assert!(read(whole.clone()).is_some());
    for percent in 0..100 {
        assert_eq!(read(whole[..whole.len() * percent / 100].to_vec()), None, "cut at {percent} %");
    }
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0xff;
        read(broken);
    }
}
