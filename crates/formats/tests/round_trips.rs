//! What is written comes back, and what other programs write comes in, in full depth.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_formats::{Image, PixelSize, write_png_gray8, write_png_rgb8, write_tiff, write_tiff_u16};
use common::{COLOUR_JPEG, GREY_JPEG, entries, pages, png, put, ramp, raw_tiff, read, read_frame, tiff};
use ndarray::{Array2, Array3, array};
use png::{BitDepth, ColorType};
use tiff::encoder::{Compression, colortype};

fn open_bytes(bytes: &[u8]) -> Image {
    let folder = tempfile::tempdir().unwrap();
    read(&put(folder.path(), "image.dat", bytes)).unwrap()
}

/// tifffile 2026.3.3 and Pillow 13.0.0 read the same values from such a file, and tifffile sees
/// an ImageJ file with the unit nm and a resolution of 5000/47 pixels for 0.094 Å.
#[test]
fn a_float_tiff_keeps_every_bit_and_the_pixel_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    let odd = [0.1, -0.0, f32::MIN_POSITIVE / 4.0, f32::MAX, f32::from_bits(0x7fc0_1234), f32::NEG_INFINITY];
    let data = Array2::from_shape_vec((2, 3), odd.to_vec()).unwrap();
    let size = PixelSize::new(0.123_456_789, 7.5).unwrap();
    write_tiff(&path, &data, Some(size)).unwrap();

    let image = read_frame(&path, 0).unwrap();
    assert!(image.data.iter().zip(&data).all(|(a, b)| a.to_bits() == b.to_bits()));
    let back = image.pixel_size.unwrap();
    assert!((back.x_angstrom / size.x_angstrom - 1.0).abs() < 1e-9);
    assert!((back.y_angstrom / size.y_angstrom - 1.0).abs() < 1e-9);
    assert_eq!(image.source.sample_type, "32-bit float");
    assert_eq!(image.source.notes, ["2 of 6 pixels are NaN or infinite"]);
    let error = image.check_finite().unwrap_err().to_string();
    assert!(error.contains("2 pixels are NaN or infinite, the first at row 1, column 1"), "{error}");
}

#[test]
fn a_sixteen_bit_tiff_keeps_values_and_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("example.tif");
    let data = Array2::from_shape_fn((3, 5), |(row, column)| (row * 20_000 + column) as u16);
    // Also from an array that is not in the order of rows.
    let transposed = data.t().as_standard_layout().to_owned();
    write_tiff_u16(&path, &transposed.reversed_axes(), None).unwrap();
    let image = read(&path).unwrap();
    assert_eq!(image.data, data.mapv(f32::from));
    assert_eq!((image.width(), image.height()), (5, 3));
    assert_eq!(image.pixel_size, None);
    assert_eq!(image.source.sample_type, "16-bit unsigned");
}

#[test]
fn figures_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overlay.png");
    write_png_gray8(&path, &array![[1, 2, 3], [253, 254, 255]]).unwrap();
    assert_eq!(read(&path).unwrap().data, array![[1.0, 2.0, 3.0], [253.0, 254.0, 255.0]]);
    let colour =
        Array3::from_shape_fn((2, 2, 3), |(row, column, channel)| (row * 100 + column * 10 + channel) as u8);
    write_png_rgb8(&path, &colour).unwrap();
    let image = read(&path).unwrap();
    assert!((image.data[[1, 1]] - (0.2126 * 110.0 + 0.7152 * 111.0 + 0.0722 * 112.0)).abs() < 1e-4);
    assert_eq!(image.source.notes, ["colour image: converted to luminance (Rec. 709)"]);
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing");
    assert!(write_tiff(&path, &Array2::zeros((0, 4)), None).is_err());
    assert!(write_png_gray8(&path, &Array2::zeros((4, 0))).is_err());
    assert!(write_png_rgb8(&path, &Array3::zeros((4, 4, 4))).is_err());
    assert!(write_tiff(&folder.path().join("no/such/folder.tif"), &ramp(4, 4), None).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn png_depths_are_kept_as_stored() {
    let cases: &[(BitDepth, &[u8], &[f32])] = &[
        (BitDepth::One, &[0b1010_0000], &[1.0, 0.0, 1.0, 0.0]),
        (BitDepth::Two, &[0b0001_1011], &[0.0, 1.0, 2.0, 3.0]),
        (BitDepth::Four, &[0x05, 0xaf], &[0.0, 5.0, 10.0, 15.0]),
        (BitDepth::Eight, &[0, 1, 128, 255], &[0.0, 1.0, 128.0, 255.0]),
        (BitDepth::Sixteen, &[0, 0, 0, 1, 1, 0, 255, 255], &[0.0, 1.0, 256.0, 65535.0]),
    ];
    for (depth, samples, values) in cases {
        let image = open_bytes(&png(ColorType::Grayscale, *depth, None, (4, 1), samples));
        assert_eq!(image.data.as_slice().unwrap(), *values, "{depth:?}");
        assert_eq!(image.source.sample_type, format!("{}-bit unsigned", (*depth as u8).max(8)));
    }
}

#[test]
fn png_alpha_is_dropped_and_greys_stay_exact() {
    let image = open_bytes(&png(ColorType::GrayscaleAlpha, BitDepth::Eight, None, (2, 1), &[7, 0, 9, 255]));
    assert_eq!(image.data, array![[7.0, 9.0]]);
    assert_eq!(image.source.notes, ["alpha channel ignored"]);
    let image = open_bytes(&png(ColorType::Rgba, BitDepth::Sixteen, None, (1, 1), &[1, 3, 1, 3, 1, 3, 0, 0]));
    assert_eq!(image.data, array![[259.0]]);
    let palette = [10, 10, 10, 20, 20, 20];
    let image = open_bytes(&png(ColorType::Indexed, BitDepth::One, Some(&palette), (3, 1), &[0b0100_0000]));
    assert_eq!(image.data, array![[10.0, 20.0, 10.0]]);
}

#[test]
fn tiff_types_and_compressions_are_kept_as_stored() {
    fn check<C: colortype::ColorType>(samples: &[C::Inner], values: &[f32], sample_type: &str)
    where
        [C::Inner]: tiff::encoder::TiffValue,
    {
        let deflate = Compression::Deflate(Default::default());
        for compression in [Compression::Uncompressed, Compression::Lzw, deflate, Compression::Packbits] {
            let image = open_bytes(&tiff::<C>((2, 2), samples, compression));
            assert_eq!(image.data.as_slice().unwrap(), values);
            assert_eq!(image.source.sample_type, sample_type);
        }
    }
    check::<colortype::Gray8>(&[0, 1, 2, 255], &[0.0, 1.0, 2.0, 255.0], "8-bit unsigned");
    check::<colortype::GrayI8>(&[0, 1, -2, -128], &[0.0, 1.0, -2.0, -128.0], "8-bit signed");
    check::<colortype::Gray16>(&[0, 1, 256, 65535], &[0.0, 1.0, 256.0, 65535.0], "16-bit unsigned");
    check::<colortype::GrayI16>(&[0, 1, -2, -32768], &[0.0, 1.0, -2.0, -32768.0], "16-bit signed");
    check::<colortype::Gray32>(
        &[0, 1, 65536, u32::MAX],
        &[0.0, 1.0, 65536.0, 4294967296.0],
        "32-bit unsigned",
    );
    check::<colortype::GrayI32>(&[0, 1, -2, i32::MIN], &[0.0, 1.0, -2.0, -2147483648.0], "32-bit signed");
    check::<colortype::Gray32Float>(&[0.1, -1.5, 1e30, 3.0], &[0.1, -1.5, 1e30, 3.0], "32-bit float");
    check::<colortype::Gray64Float>(&[0.1, -1.5, 1e30, 3.0], &[0.1, -1.5, 1e30, 3.0], "64-bit float");
    check::<colortype::RGB16>(
        &[9, 9, 9, 8, 8, 8, 7, 7, 7, 6, 6, 6],
        &[9.0, 8.0, 7.0, 6.0],
        "16-bit unsigned RGB",
    );
}

#[test]
fn every_page_of_a_tiff_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    for big in [false, true] {
        let path = put(folder.path(), "pages.png", &pages(big));
        for frame in 0..3 {
            let image = read_frame(&path, frame).unwrap();
            assert_eq!(image.data, Array2::from_elem((3, 4), frame as f32));
            assert_eq!((image.source.format, image.source.frames, image.source.frame), ("TIFF", 3, frame));
        }
        let error = read_frame(&path, 3).unwrap_err().to_string();
        assert!(error.contains("frame 3 was asked for, but the file has 3 frames; use 0 to 2"), "{error}");
    }
}

#[test]
fn the_scale_of_imagej_is_believed_when_it_can_be_true() {
    use tiff::encoder::Rational;
    use tiff::tags::Tag;
    let read = |description: &str, (n, d): (u32, u32)| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).unwrap();
        let mut image = encoder.new_image::<colortype::Gray8>(2, 1).unwrap();
        image.encoder().write_tag(Tag::ImageDescription, description).unwrap();
        image.x_resolution(Rational { n, d });
        image.y_resolution(Rational { n: 2 * n, d });
        image.write_data(&[1, 2]).unwrap();
        let image = open_bytes(&bytes.into_inner());
        (image.pixel_size, image.source.notes)
    };
    let size = PixelSize::new(2.0, 1.0).unwrap();
    assert_eq!(read("ImageJ=1.53k\nunit=nm\n", (5, 1)), (Some(size), vec![]));
    assert_eq!(read("ImageJ=1.53k\nunit=\\u00B5m\n", (5000, 1)), (Some(size), vec![]));
    assert_eq!(read("ImageJ=1.53k\nunit=pixel\n", (5, 1)), (None, vec![]));
    assert_eq!(read("a scanner at 300 dots an inch", (300, 1)), (None, vec![]));
    for resolution in [(0, 1), (1, 0), (0, 0), (1, u32::MAX)] {
        let (size, notes) = read("ImageJ=1.53k\nunit=nm\n", resolution);
        assert_eq!(size, None);
        assert!(notes[0].starts_with("the file's calibration is not used"), "{notes:?}");
    }
}

#[test]
fn only_a_real_loss_of_digits_is_reported() {
    let notes = |value| {
        open_bytes(&tiff::<colortype::Gray32>((1, 1), &[value], Compression::Uncompressed)).source.notes
    };
    assert!(notes(1 << 24).is_empty());
    assert_eq!(notes((1 << 24) + 2), ["32-bit unsigned values are rounded to 24 significant bits"]);
}

#[test]
fn byte_order_inversion_palettes_and_tiles_are_understood() {
    // Big-endian, 16 bits, white is zero.
    let image = open_bytes(&raw_tiff(true, &entries(2, 1, 16, 0), &[0, 0, 1, 0]));
    assert_eq!(image.data, array![[65535.0, 65279.0]]);
    assert_eq!(image.source.notes, ["white is zero in this file: values were inverted"]);
    // One bit a pixel, rows padded to bytes.
    let image = open_bytes(&raw_tiff(false, &entries(9, 2, 1, 1), &[0x80, 0x80, 0x01, 0]));
    assert_eq!(image.data.iter().sum::<f32>(), 3.0);
    assert_eq!((image.data[[0, 0]], image.data[[0, 8]], image.data[[1, 7]]), (1.0, 1.0, 1.0));
    // A palette shows the stored values in colour; the values are what was measured.
    let image = open_bytes(&raw_tiff(false, &entries(3, 1, 8, 3), &[5, 200, 7]));
    assert_eq!(image.data, array![[5.0, 200.0, 7.0]]);
    // Two tiles of 16 × 16 for 20 × 3 pixels.
    let mut tiled = entries(20, 3, 8, 1);
    tiled.retain(|entry| !matches!(entry.0, 273 | 278 | 279));
    let data_at = 8 + 2 + 11 * 12 + 4 + 16;
    tiled.splice(
        6..6,
        [(322, 3, 1, 16), (323, 3, 1, 16), (324, 4, 2, data_at - 16), (325, 4, 2, data_at - 8)],
    );
    let mut pixels: Vec<u8> =
        [data_at, data_at + 256, 256, 256].iter().flat_map(|v: &u32| v.to_le_bytes()).collect();
    pixels.extend((0..2).flat_map(|tile| (0..256).map(move |i| (i / 16 * 20 + tile * 16 + i % 16) as u8)));
    let image = open_bytes(&raw_tiff(false, &tiled, &pixels));
    assert_eq!(image.data, Array2::from_shape_fn((3, 20), |(row, column)| (row * 20 + column) as f32));
}

#[test]
fn jpegs_are_read_in_grey_and_colour() {
    let image = open_bytes(GREY_JPEG);
    assert_eq!((image.width(), image.height(), image.source.format), (24, 16, "JPEG"));
    let worst = image.data.indexed_iter().map(|((row, column), v)| (v - (10 * column + row) as f32).abs());
    assert!(worst.fold(0.0, f32::max) < 6.0);
    let image = open_bytes(COLOUR_JPEG);
    assert!((image.data[[2, 12]] - 0.2126 * 255.0).abs() < 4.0, "{}", image.data[[2, 12]]);
    assert!((image.data[[13, 12]] - 0.0722 * 255.0).abs() < 4.0, "{}", image.data[[13, 12]]);
}
