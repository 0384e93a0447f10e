//! NumPy arrays of every type, order and version, alone and in archives.

use std::io::Write;

use adatom_formats::{Dataset, Kind, Selection, Stats, open, write_npy};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use ndarray::array;

use super::{encoded, first, opened, refusal};

/// An array's file with this dictionary.
pub fn made(version: u8, dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([version, 0]);
    match version {
        1 => file.extend((dictionary.len() as u16).to_le_bytes()),
        _ => file.extend((dictionary.len() as u32).to_le_bytes()),
    }
    file.extend(dictionary.as_bytes());
    file.extend(data);
    file
}

pub fn dictionary(descr: &str, fortran: bool, shape: &str) -> String {
    let fortran = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

/// An array with 0, 1, 2 and so on in the order of the file.
pub fn ramp(descr: &str, fortran: bool, shape: &str, count: usize) -> Vec<u8> {
    let numbers: Vec<_> = (0..count).map(|i| i as f64).collect();
    made(1, &dictionary(descr, fortran, shape), &encoded(descr, &numbers))
}

/// A ZIP archive; members are deflated if asked.
pub fn archive(members: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let packed = if deflate {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.clone()
        };
        let at = file.len() as u32;
        let mut common = vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
        for number in [crc.sum(), packed.len() as u32, content.len() as u32] {
            common.extend(number.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    let count = (members.len() as u16).to_le_bytes();
    file.extend([count, count].concat());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// One frame as rows of numbers.
fn frame(dataset: &Dataset, frame: usize) -> Vec<f32> {
    dataset.image(&Selection::frame(frame)).unwrap().data.into_iter().collect()
}

#[test]
fn every_type_in_both_orders_of_bytes_comes_back() {
    for order in ["<", ">"] {
        for kind in ["b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"] {
            let dataset = opened("a.npy", &ramp(&format!("{order}{kind}"), false, "(2, 3)", 6));
            assert_eq!(dataset.signals()[0].shape(), [2, 3]);
            assert_eq!(first(&dataset, 0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "{order}{kind}");
        }
        for kind in ["c8", "c16"] {
            let descr = format!("{order}{kind}");
            let dataset = opened(
                "a.npy",
                &made(1, &dictionary(&descr, false, "(1, 2)"), &encoded(&descr, &[1.0, 2.0, 3.0, 4.0])),
            );
            assert_eq!(dataset.stats(0).unwrap(), Stats::Complex { sum_re: 4.0, sum_im: 6.0, max_abs: 5.0 });
        }
    }
    assert_eq!(opened("a.npy", &ramp("|b1", false, "(2, 3)", 6)).signals()[0].dtype.numpy(), "bool");
}

#[test]
fn every_version_of_the_header_is_read() {
    for version in [1, 2, 3] {
        let file = made(version, &dictionary("|u1", false, "(2, 2)"), &[1, 2, 3, 4]);
        assert_eq!(first(&opened("a.npy", &file), 0), [1.0, 2.0, 3.0, 4.0]);
    }
    assert!(refusal(&made(4, &dictionary("|u1", false, "(2, 2)"), &[0; 4])).contains("version 4"));
}

#[test]
fn the_number_of_axes_decides_what_an_array_is() {
    let kinds = [
        ("()", 1, Kind::Other),
        ("(4,)", 4, Kind::Other),
        ("(4, 2)", 8, Kind::Image),
        ("(3, 4, 2)", 24, Kind::Image),
        ("(2, 3, 4, 2)", 48, Kind::Pattern),
        ("(1, 2, 3, 4, 2)", 48, Kind::Other),
    ];
    for (shape, count, kind) in kinds {
        let dataset = opened("a.npy", &ramp("<f4", false, shape, count));
        assert_eq!(dataset.signals()[0].kind, kind, "{shape}");
        assert!(matches!(dataset.stats(0).unwrap(), Stats::Real { max, .. } if max == (count - 1) as f64));
    }
    for (descr, shape, name) in [("|u1", "(2, 3, 3)", "RGB"), ("<u2", "(2, 3, 4)", "RGBA")] {
        let dataset = opened("a.npy", &ramp(descr, false, shape, if name == "RGB" { 18 } else { 24 }));
        let signal = &dataset.signals()[0];
        assert_eq!((signal.shape(), signal.dtype.is_colour()), (vec![2, 3], true));
        assert!(signal.dtype.describe().ends_with(name));
        assert!(matches!(dataset.stats(0).unwrap(), Stats::Colour(channels) if channels[1].1[1] == 1.0));
    }
}

#[test]
fn arrays_in_the_order_of_fortran_are_turned() {
    let dataset = opened("a.npy", &ramp(">i4", true, "(2, 3)", 6));
    assert_eq!(frame(&dataset, 0), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    let dataset = opened("a.npy", &ramp("<u2", true, "(2, 3, 2)", 12));
    assert_eq!(frame(&dataset, 0), [0.0, 6.0, 2.0, 8.0, 4.0, 10.0]);
    assert_eq!(frame(&dataset, 1), [1.0, 7.0, 3.0, 9.0, 5.0, 11.0]);
    // Element [i, j, k, l] of a shape (2, 3, 2, 2) is i + 2 j + 6 k + 12 l.
    let dataset = opened("a.npy", &ramp("<u2", true, "(2, 3, 2, 2)", 24));
    assert_eq!(first(&dataset, 0), [0.0, 12.0, 6.0, 18.0, 2.0, 14.0, 8.0, 20.0]);
    let dataset = opened("a.npy", &ramp("|u1", true, "(2, 2, 3)", 12));
    assert!(matches!(dataset.stats(0).unwrap(), Stats::Colour(channels) if channels[0].1 == [6.0, 0.0, 3.0]));
    assert_eq!(first(&opened("a.npy", &ramp("<f8", true, "(3,)", 3)), 0), [0.0, 1.0, 2.0]);
}

#[test]
fn arrays_of_no_numbers_are_refused() {
    let records = "{'descr': [('x', '<f4'), ('y', '<f4')], 'fortran_order': False, 'shape': (2,), }";
    assert!(refusal(&made(1, records, &[0; 16])).contains("records, [('x', '<f4'), ('y', '<f4')]"));
    for descr in ["|O", "<U5", "<M8[ns]", "<f16"] {
        assert!(
            refusal(&made(1, &dictionary(descr, false, "(2,)"), &[0; 64])).contains(&format!("{descr:?}"))
        );
    }
    for shape in ["(2, 0)", "(4294967296, 4294967296, 4294967296)", "(-1, 2)"] {
        assert!(refusal(&made(1, &dictionary("<f4", false, shape), &[0; 64])).contains("damaged"));
    }
    assert!(refusal(&ramp("<f4", false, "(3, 4)", 11)).contains("48 bytes of data, but only 44"));
}

#[test]
fn a_series_that_is_cut_off_keeps_its_whole_frames() {
    let dataset = opened("a.npy", &ramp("<f4", false, "(3, 2, 2)", 11));
    assert_eq!(dataset.signals()[0].shape(), [2, 2, 2]);
    assert!(dataset.warnings()[0].contains("1 of 3 frames are missing"));
    assert_eq!(frame(&dataset, 1), [4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn archives_have_a_signal_for_every_array() {
    for deflate in [false, true] {
        let stack = ramp("<f8", false, "(5, 40, 30)", 6000);
        let members = [
            ("stack.npy", stack),
            ("turned.npy", ramp("<u2", true, "(3, 2, 2)", 12)),
            ("names.npy", made(1, &dictionary("<U5", false, "(1,)"), &[0; 20])),
            ("readme.txt", b"text".to_vec()),
        ];
        let dataset = opened("a.npz", &archive(&members, deflate));
        assert_eq!(dataset.format(), "NumPy NPZ");
        let names: Vec<_> = dataset.signals().iter().map(|signal| signal.name.as_str()).collect();
        assert_eq!(names, ["stack", "turned", "names"]);
        // In any order, because packed data are read from front to back.
        for index in [3, 4, 0, 2] {
            assert_eq!(frame(&dataset, index)[7], (index * 1200 + 7) as f32);
        }
        assert_eq!(first(&dataset, 1), [0.0, 6.0, 3.0, 9.0, 1.0, 7.0, 4.0, 10.0]);
        assert!(dataset.signals()[2].notes[0].contains("<U5"));
        assert!(dataset.stats(2).is_err());
    }
}

#[test]
fn a_packed_array_with_a_wrong_checksum_is_damaged() {
    let mut file = archive(&[("a.npy", ramp("<f4", false, "(8, 8)", 64))], true);
    let at = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap() + 16;
    file[at] ^= 1;
    let error = opened("a.npz", &file).image(&Selection::default()).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn written_arrays_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.npy");
    let image = array![[0.5, -1.0, f32::MIN_POSITIVE], [2.0, 3.25, 1e30]];
    write_npy(&path, &image).unwrap();
    let dataset = open(&path).unwrap();
    assert_eq!(dataset.image(&Selection::default()).unwrap().data, image);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 128 + 24);
    write_npy(&path, &image.t().to_owned()).unwrap();
    assert_eq!(open(&path).unwrap().image(&Selection::default()).unwrap().data, image.t());
}
