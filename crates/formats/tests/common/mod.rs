//! Small valid files of every kind, made in memory.

#![allow(dead_code, clippy::unwrap_used)]

pub mod dm;

use std::hash::{Hash, Hasher};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use adatom_formats::{Image, Result, Selection, read_image};
use ndarray::Array2;
use tiff::encoder::{Compression, TiffEncoder, colortype};

/// A value that differs from pixel to pixel.
pub fn ramp(width: usize, height: usize) -> Array2<f32> {
    Array2::from_shape_fn((height, width), |(row, column)| (row * 10 + column) as f32)
}

/// Numbers without a pattern, always the same ones (xorshift).
pub fn random() -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

pub fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Keeps a valid file as a seed of the fuzz target of its name's extension.
pub fn keep_named_seed(name: &str, bytes: &[u8]) {
    let target = match name.rsplit('.').next().unwrap_or(name) {
        "tif" => "tiff",
        "dm3" | "dm4" => "dm",
        "png" | "jpg" => "png_jpeg",
        "npz" => "npy",
        other => other,
    };
    keep_seed(target, bytes);
}

/// Keeps a valid file as a seed of the fuzz target `target`, if `ADATOM_FUZZ_CORPUS` names their folder.
pub fn keep_seed(target: &str, bytes: &[u8]) {
    let Some(corpus) = std::env::var_os("ADATOM_FUZZ_CORPUS") else { return };
    let folder = Path::new(&corpus).join(target);
    std::fs::create_dir_all(&folder).unwrap();
    let mut hasher = std::hash::DefaultHasher::new();
    bytes.hash(&mut hasher);
    std::fs::write(folder.join(format!("{:016x}", hasher.finish())), bytes).unwrap();
}

/// The first image of a file.
pub fn read(path: &Path) -> Result<Image> {
    read_image(path, &Selection::default())
}

/// Frame `frame` of a file.
pub fn read_frame(path: &Path, frame: usize) -> Result<Image> {
    read_image(path, &Selection::frame(frame))
}

pub fn png(
    colour: png::ColorType,
    depth: png::BitDepth,
    palette: Option<&[u8]>,
    size: (u32, u32),
    samples: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if let Some(palette) = palette {
        encoder.set_palette(palette.to_vec());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A one-page TIFF as another program writes it.
pub fn tiff<C: colortype::ColorType>(
    size: (u32, u32),
    samples: &[C::Inner],
    compression: Compression,
) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(compression);
    encoder.write_image::<C>(size.0, size.1, samples).unwrap();
    bytes.into_inner()
}

/// Three 8-bit pages of 4 × 3 pixels, page `n` filled with `n`; BigTIFF if asked.
pub fn pages(big: bool) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    if big {
        let mut encoder = TiffEncoder::new_big(&mut bytes).unwrap();
        (0..3).for_each(|n| encoder.write_image::<colortype::Gray8>(4, 3, &[n; 12]).unwrap());
    } else {
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        (0..3).for_each(|n| encoder.write_image::<colortype::Gray8>(4, 3, &[n; 12]).unwrap());
    }
    bytes.into_inner()
}

/// A TIFF put together by hand: entries `(tag, type, count, value)` as they stand in the file,
/// with the pixels behind the directory.
pub fn raw_tiff(big_endian: bool, entries: &[(u16, u16, u32, u32)], pixels: &[u8]) -> Vec<u8> {
    let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let mut bytes = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend(short(42));
    bytes.extend(long(8));
    bytes.extend(short(entries.len() as u16));
    for &(tag, kind, count, value) in entries {
        bytes.extend(short(tag));
        bytes.extend(short(kind));
        bytes.extend(long(count));
        // A single short stands at the front of its four bytes.
        if kind == 3 && count == 1 {
            bytes.extend(short(value as u16));
            bytes.extend([0; 2]);
        } else {
            bytes.extend(long(value));
        }
    }
    bytes.extend(long(0));
    bytes.extend(pixels);
    bytes
}

/// Entries of an uncompressed one-strip grey image whose pixels follow the directory.
pub fn entries(width: u32, height: u32, bits: u32, photometric: u32) -> Vec<(u16, u16, u32, u32)> {
    let data_at = 8 + 2 + 10 * 12 + 4;
    vec![
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, data_at),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, (width.saturating_mul(bits)).div_ceil(8).saturating_mul(height)),
        (339, 3, 1, 1),
    ]
}

/// 24 × 16 pixels, baseline grey, value about 10 × column + row; made with Pillow 13.0.
pub const GREY_JPEG: &[u8] = include_bytes!("grey.jpg");
/// 24 × 16 pixels, progressive, upper half red, lower half blue.
pub const COLOUR_JPEG: &[u8] = include_bytes!("colour.jpg");

/// One small valid file of each kind, with its name.
pub fn valid_files() -> Vec<(&'static str, Vec<u8>)> {
    let bytes: Vec<u8> = (0..96).collect();
    let words: Vec<u16> = (0..96).map(|v| v * 600).collect();
    let floats: Vec<f32> = (0..96).map(|v| v as f32 * 0.5 - 7.0).collect();
    vec![
        ("grey8.png", png(png::ColorType::Grayscale, png::BitDepth::Eight, None, (12, 8), &bytes)),
        ("rgb8.png", png(png::ColorType::Rgb, png::BitDepth::Eight, None, (8, 4), &bytes)),
        (
            "palette2.png",
            png(
                png::ColorType::Indexed,
                png::BitDepth::Two,
                Some(&[0, 0, 0, 9, 9, 9, 80, 90, 99, 255, 255, 255]),
                (4, 3),
                &[0x1b, 0xe4, 0x1b],
            ),
        ),
        ("plain16.tif", tiff::<colortype::Gray16>((12, 8), &words, Compression::Uncompressed)),
        ("lzw8.tif", tiff::<colortype::Gray8>((12, 8), &bytes, Compression::Lzw)),
        (
            "deflate32.tif",
            tiff::<colortype::Gray32Float>((12, 8), &floats, Compression::Deflate(Default::default())),
        ),
        ("packbits.tif", tiff::<colortype::RGB8>((8, 4), &bytes, Compression::Packbits)),
        ("pages.tif", pages(false)),
        ("big.tif", pages(true)),
        ("big-endian.tif", raw_tiff(true, &entries(4, 3, 8, 0), &bytes[..12])),
        ("plain.dm3", dm::FORMS[0].image(6, &[12, 8], "nm", dm::Node::Array(10, 96, bytes.clone()))),
        ("plain.dm4", dm::FORMS[3].image(6, &[12, 8], "nm", dm::Node::Array(10, 96, bytes.clone()))),
        (
            "transform.dm4",
            dm::FORMS[2].image(27, &[4, 2], "", dm::Node::Array(6, 12, (0..48).map(|v| v % 64).collect())),
        ),
        ("grey.jpg", GREY_JPEG.to_vec()),
        ("colour.jpg", COLOUR_JPEG.to_vec()),
    ]
}

/// The part `name` of the folder of real files, if this machine has it; says so loudly if not.
pub fn test_data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ADATOM_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let part = folder.join(name);
    if !part.exists() {
        eprintln!("\n*** SKIPPED: no real files, {} is missing; set ADATOM_TEST_DATA ***\n", part.display());
        return None;
    }
    Some(part)
}
