//! Digital Micrograph: every pixel type, version and byte order, made by the test itself.

#![allow(clippy::unwrap_used)]

mod common;

use adatom_formats::{DType, Dataset, Kind, Selection, Stats, Virtual, open_bytes};
use common::dm::{FORMS, Form, Node};
use common::keep_seed;
use ndarray::array;
use std::path::Path;

fn open(bytes: Vec<u8>) -> Dataset {
    keep_seed("dm", &bytes);
    open_bytes(Path::new("made.dm"), bytes).unwrap()
}

fn sum_and_last(dataset: &Dataset) -> (f64, f64) {
    match dataset.stats(0).unwrap() {
        Stats::Real { sum, last, .. } => (sum, *last.last().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_real_type_is_read_in_every_version_and_byte_order() {
    fn check<const N: usize>(
        code: u32,
        element: u64,
        dtype: DType,
        values: [[u8; N]; 6],
        sum: f64,
        last: f64,
    ) {
        for form in FORMS {
            let dataset = open(form.image(code, &[3, 2], "nm", Node::Array(element, 6, form.bytes(values))));
            let signal = &dataset.signals()[0];
            assert_eq!(dataset.signals().len(), 1, "the thumbnail is no signal");
            assert_eq!(
                (signal.dtype, signal.shape(), &*signal.name),
                (dtype, vec![2, 3], "made"),
                "{form:?}"
            );
            assert_eq!(sum_and_last(&dataset), (sum, last), "{form:?} {dtype:?}");
        }
    }
    let values = [1, 2, 3, 4, 5, 100];
    check(1, 2, DType::I16, values.map(|v: i16| (-v).to_le_bytes()), -115.0, -100.0);
    check(2, 6, DType::F32, values.map(|v| (v as f32 / 8.0).to_le_bytes()), 14.375, 12.5);
    check(6, 10, DType::U8, values.map(|v| [v as u8]), 115.0, 100.0);
    check(7, 3, DType::I32, values.map(|v| (-100_000 * i32::from(v)).to_le_bytes()), -11_500_000.0, -1e7);
    check(9, 9, DType::I8, values.map(|v| (-v as i8).to_le_bytes()), -115.0, -100.0);
    check(10, 4, DType::U16, values.map(|v| (600 * v as u16).to_le_bytes()), 69_000.0, 60_000.0);
    check(11, 5, DType::U32, values.map(|v| (40_000_000 * v as u32).to_le_bytes()), 4.6e9, 4e9);
    check(12, 7, DType::F64, values.map(|v| (f64::from(v) / 8.0).to_le_bytes()), 14.375, 12.5);
    check(14, 8, DType::Bool, values.map(|v| [u8::from(v > 2)]), 4.0, 1.0);
    check(
        39,
        11,
        DType::I64,
        values.map(|v| (-i64::from(v) << 40).to_le_bytes()),
        -115.0 * 2f64.powi(40),
        -100.0 * 2f64.powi(40),
    );
    check(
        40,
        12,
        DType::U64,
        values.map(|v| ((v as u64) << 40).to_le_bytes()),
        115.0 * 2f64.powi(40),
        100.0 * 2f64.powi(40),
    );
}

#[test]
fn complex_numbers_and_colours_are_read() {
    for form in FORMS {
        let parts = form.bytes([3.0_f32, 4.0, 0.0, -2.0].map(f32::to_le_bytes));
        for data in [Node::Structs(vec![6, 6], 2, parts.clone()), Node::Array(6, 4, parts)] {
            let dataset = open(form.image(3, &[2, 1], "", data));
            let stats = dataset.stats(0).unwrap();
            assert_eq!(stats, Stats::Complex { sum_re: 3.0, sum_im: 2.0, max_abs: 5.0 }, "{form:?}");
            let image = dataset.image(&Selection::default()).unwrap();
            assert_eq!(image.data, array![[5.0, 2.0]]);
            assert!(image.source.notes.iter().any(|note| note.contains("modulus")));
        }
        let colour = open(form.image(23, &[1, 1], "", Node::Array(10, 4, vec![10, 20, 30, 0])));
        let image = colour.image(&Selection::default()).unwrap();
        let luminance = 0.2126 * 30.0 + 0.7152 * 20.0 + 0.0722 * 10.0;
        assert!((f64::from(image.data[[0, 0]]) - luminance).abs() < 1e-5);
    }
}

#[test]
fn calibration_and_settings_are_mapped() {
    let form = FORMS[2];
    let data = || Node::Array(4, 6, form.bytes([0_u16, 1, 2, 3, 4, 5].map(u16::to_le_bytes)));
    let dataset = open(form.image(10, &[3, 2], "pm", data()));
    let signal = &dataset.signals()[0];
    // Element i lies at (i - origin) × scale.
    assert_eq!((signal.axes[1].scale, signal.axes[1].offset), (0.5, -1.0));
    let size = signal.pixel_size().unwrap().unwrap();
    assert!((size.x_angstrom - 0.005).abs() < 1e-12);
    let known = &signal.metadata;
    assert_eq!(
        (known.energy_kv, known.camera_length_mm, known.dwell_us),
        (Some(200.0), Some(115.0), Some(8.0))
    );
    assert_eq!((known.scan_rotation_deg, known.date.as_deref()), (Some(0.0), Some("2016-08-27T20:54:09")));
    assert_eq!(dataset.original()["ImageList"][1]["Name"], "made");
    // A diffraction pattern has no pixel size in space, and says so.
    let pattern = open(form.image(10, &[3, 2], "1/nm", data()));
    assert!(pattern.signals()[0].pixel_size().unwrap_err().contains("diffraction"));
}

#[test]
fn frames_of_a_stack_are_read_one_by_one_and_spectra_are_summed() {
    let form = FORMS[0];
    let data = || Node::Array(10, 12, (0..12).collect());
    let stack = open(form.image(6, &[2, 2, 3], "nm", data()));
    assert_eq!((stack.signals()[0].frames(), stack.signals()[0].kind), (3, Kind::Image));
    assert_eq!(stack.image(&Selection::frame(2)).unwrap().data, array![[8.0, 9.0], [10.0, 11.0]]);
    let error = stack.image(&Selection::frame(3)).unwrap_err().to_string();
    assert!(error.contains("3 frames; use 0 to 2"), "{error}");
    // The same numbers with an axis in eV are a spectrum image, which is no image by itself.
    let spectra = open(form.image(6, &[2, 2, 3], "eV", data()));
    assert_eq!(spectra.signals()[0].kind, Kind::Spectrum { axis: 0 });
    assert!(spectra.image(&Selection::default()).unwrap_err().to_string().contains("virtual image"));
}

#[test]
fn a_file_cut_in_its_pixels_gives_the_frames_before() {
    let form = Form { version: 4, big_endian: false };
    let pixels: Vec<u8> = (0..200).collect();
    let whole = form.image(6, &[10, 5, 4], "nm", Node::Array(10, 200, pixels.clone()));
    let start = whole.windows(200).position(|window| window == pixels).unwrap();
    // The sizes follow the pixels in the file, so that a cut there loses the image.
    let error = open_bytes(Path::new("cut.dm4"), whole[..start + 120].to_vec()).unwrap_err().to_string();
    assert!(error.contains("damaged or incomplete Gatan DM4 file"), "{error}");
    // Cut behind the list of images, everything is there.
    let cut = open(whole[..whole.len() - 20].to_vec());
    assert_eq!(cut.image(&Selection::frame(3)).unwrap().data[[4, 9]], 199.0);
    assert!(cut.warnings()[0].contains("incomplete"), "{:?}", cut.warnings());
}

#[test]
fn a_virtual_image_of_a_band_sums_only_the_band() {
    // Two energies (0.5 eV apart from -1 eV) at 2 × 2 places: the last axis in eV, so DM's first.
    let form = FORMS[3];
    let axis = |unit| {
        let calibration =
            vec![("Origin", Node::Float(0.0)), ("Scale", Node::Float(1.0)), ("Units", Node::Text(unit))];
        ("", Node::Group(calibration))
    };
    let calibrations =
        Node::Group(vec![("Dimension", Node::Group(vec![axis("eV"), axis("nm"), axis("nm")]))]);
    let sizes = Node::Group([3, 2, 2].map(|size| ("", Node::Long(size))).into_iter().collect());
    let data = vec![
        ("Calibrations", calibrations),
        ("Data", Node::Array(10, 12, (0..12).collect())),
        ("DataType", Node::Long(6)),
        ("Dimensions", sizes),
    ];
    let image = ("", Node::Group(vec![("ImageData", Node::Group(data))]));
    let dataset = open(form.file(&Node::Group(vec![("ImageList", Node::Group(vec![image]))])));
    assert_eq!(dataset.signals()[0].kind, Kind::Spectrum { axis: 2 });
    let of = |virtual_image| {
        let selection = Selection { virtual_image: Some(virtual_image), ..Selection::default() };
        dataset.image(&selection).map(|image| image.data)
    };
    assert_eq!(of(Virtual::Sum).unwrap(), array![[3.0, 12.0], [21.0, 30.0]]);
    assert_eq!(of(Virtual::Band { from: 1.0, to: 2.0 }).unwrap(), array![[3.0, 9.0], [15.0, 21.0]]);
    assert!(
        of(Virtual::Band { from: 5.0, to: 9.0 }).unwrap_err().to_string().contains("no part of its axis")
    );
}
