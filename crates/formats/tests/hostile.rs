//! Broken and malicious files give one clear line, never a panic or a huge allocation.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Instant;

use adatom_formats::FormatError;
use common::{
    GREY_JPEG, entries, keep_named_seed, pages, put, ramp, random, raw_tiff, read, read_frame, valid_files,
};
use ndarray::Array2;

/// The message of the error that opening these bytes gives.
fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "hostile.png", bytes);
    let message = read(&path).unwrap_err().to_string();
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn what_is_no_image_is_named() {
    assert!(refusal(b"").contains("empty"));
    assert!(
        refusal(b"x,y\n1,2\n").contains("this is a text file; a file of one of these formats is needed: ")
    );
    assert!(refusal("Größe\n".as_bytes()).contains("text"));
    assert!(refusal(&[0; 4096]).contains("zero bytes"));
    assert!(refusal(b"\x89HDF\r\n\x1a\n").contains("HDF5"));
    assert!(refusal(&[0x17, 0x00, 0xff]).contains("17 00 ff"));
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("no\nsuch.tif")).unwrap_err();
    assert!(matches!(missing, FormatError::NotFound { .. }));
    assert_eq!(missing.to_string().lines().count(), 1);
    assert!(
        read(folder.path()).unwrap_err().to_string().contains("a folder without the files of a zspy store")
    );
    if cfg!(unix) {
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("device"));
    }
}

#[test]
fn headers_that_claim_too_much_are_refused_at_once() {
    let start = Instant::now();
    for (width, height) in [(30_000, 30_000), (u32::MAX, u32::MAX), (16_000, 16_000), (0, 5), (5, 0)] {
        for bits in [1, 8, 64] {
            refusal(&raw_tiff(false, &entries(width, height, bits, 1), &[0; 64]));
            let mut packed = entries(width, height, bits, 1);
            packed[3].3 = 8;
            refusal(&raw_tiff(true, &packed, &[0; 64]));
        }
        let mut png = valid_files().swap_remove(0).1;
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let check = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&check.to_be_bytes());
        refusal(&png);
    }
    let mut jpeg = GREY_JPEG.to_vec();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    assert!(refusal(&jpeg).contains("30000 × 30000"));
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn impossible_tiff_numbers_are_refused() {
    // Each changes one entry of a valid file: which, and the new count and value.
    let changes = [
        (5, 1, u32::MAX), // strips beyond the end
        (7, 1, 0),        // no rows in a strip
        (7, 1, 1),        // more strips than offsets
        (6, 1, 0),        // no samples
        (6, 1, 60_000),   // too many samples
        (2, 1, 0),        // no bits
        (2, 1, 65_535),   // too many bits
        (2, 1, 13),       // odd bits
        (3, 1, 34_712),   // unknown compression
        (4, 1, 32_803),   // unknown colours
        (9, 1, 5),        // complex samples
        (5, u32::MAX, 8), // a list longer than the file
    ];
    for (index, count, value) in changes {
        let mut broken = entries(4, 3, 8, 1);
        broken[index].2 = count;
        broken[index].3 = value;
        let message = refusal(&raw_tiff(false, &broken, &[1; 12]));
        if value == 34_712 {
            assert!(message.ends_with("export it as an uncompressed 16-bit or 32-bit TIFF"), "{message}");
        }
    }
    // Where a decoder is needed it must not see a list of numbers longer than the file.
    let mut many_colours = entries(4, 3, 8, 1);
    (many_colours[3].3, many_colours[4].2) = (8, 0x40_0001);
    assert!(refusal(&raw_tiff(false, &many_colours, &[1; 12])).contains("tag 262"));
    // Three of them that lie where the file says where its directory is: the first is zero, white.
    (many_colours[3].3, many_colours[4].2, many_colours[4].3) = (1, 3, 6);
    assert!(refusal(&raw_tiff(false, &many_colours, &[1; 12])).contains("is not one number"));
    // A BigTIFF entry of an unknown type makes the decoder misread those behind it.
    let mut unknown = pages(true);
    let at = unknown.windows(4).position(|bytes| bytes == [0x06, 0x01, 3, 0]).unwrap();
    unknown[at + 2] = 0x53;
    // Packed colours, so that the decoder is needed.
    let at = unknown.windows(4).position(|bytes| bytes == [0x03, 0x01, 3, 0]).unwrap();
    unknown[at + 12] = 5;
    assert!(refusal(&unknown).contains("tag 262 is of an unknown type"));
    let mut wide_tile = entries(4, 3, 8, 1);
    for (index, tag, value) in [(5, 324, 134), (7, 322, u32::MAX), (8, 325, 12), (9, 323, u32::MAX)] {
        (wide_tile[index].0, wide_tile[index].1, wide_tile[index].3) = (tag, 4, value);
    }
    refusal(&raw_tiff(false, &wide_tile, &[1; 12]));
}

#[test]
fn a_circle_of_tiff_pages_ends() {
    let mut bytes = pages(false);
    // The last page points back to the first.
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
    let mut at = first as usize;
    loop {
        let count = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let end = at + 2 + count * 12;
        match u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) {
            0 => {
                bytes[end..end + 4].copy_from_slice(&first.to_le_bytes());
                break;
            }
            next => at = next as usize,
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "circle.tif", &bytes);
    let image = read_frame(&path, 2).unwrap();
    assert_eq!((image.source.frames, image.data[[0, 0]]), (3, 2.0));
    assert!(image.source.notes[0].contains("circle"));
    assert!(matches!(read_frame(&path, 3), Err(FormatError::NoSuchFrame { frames: 3, .. })));
}

#[test]
fn tiff_pages_that_lie_over_each_other_end() {
    // Every four bytes a directory of ten thousand entries begins; read as told it takes minutes.
    let (count, entries) = (30_000_u32, 10_001_u16);
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    (0..count).for_each(|_| bytes.extend([entries.to_le_bytes(), [0; 2]].concat()));
    bytes.resize(8 + 2 + 12 * usize::from(entries), 0);
    (1..=count).for_each(|next| bytes.extend((8 + 4 * next).to_le_bytes()));
    refusal(&bytes);
}

#[test]
fn files_cut_short_give_an_error_or_the_whole_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    for (name, bytes) in valid_files() {
        keep_named_seed(name, &bytes);
        std::fs::write(&path, &bytes).unwrap();
        let whole = read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            match read(&path) {
                Ok(image) => assert_eq!(image.data, whole.data, "{name} cut at {length}"),
                Err(error) => {
                    let message = error.to_string();
                    assert_eq!(message.lines().count(), 1, "{message}");
                    assert!(!message.contains("impossible value"), "{name} cut at {length}: {message}");
                }
            }
        }
    }
}

#[test]
fn flipped_bytes_never_panic_not_even_in_a_decoder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped");
    let mut random = random();
    for (name, bytes) in valid_files() {
        for _ in 0..600 {
            let mut broken = bytes.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() as usize % broken.len();
                broken[at] = random() as u8;
            }
            std::fs::write(&path, &broken).unwrap();
            if let Err(error) = read(&path) {
                let message = error.to_string();
                assert_eq!(message.lines().count(), 1, "{name}: {message}");
                assert!(!message.contains("impossible value"), "{name}: {message}");
            }
        }
    }
}

#[test]
fn images_without_use_are_refused() {
    let image = |data: Array2<f32>| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tif");
        adatom_formats::write_tiff(&path, &data, None).unwrap();
        read(&path).unwrap()
    };
    assert!(image(ramp(16, 16)).check_usable(16).is_ok());
    let small = image(ramp(1, 1)).check_usable(16).unwrap_err().to_string();
    assert!(small.contains("1 × 1 pixels; at least 16 × 16"), "{small}");
    let flat = image(Array2::from_elem((20, 20), 3.5)).check_usable(16).unwrap_err().to_string();
    assert!(flat.contains("same value, 3.5"), "{flat}");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    })
}
