//! TIA series of every type, and their `.emi` files.

use adatom_formats::{Kind, Stats, open};

use super::{encoded, first, opened, refusal};

/// What a made series holds.
#[derive(Clone)]
pub struct Made<'a> {
    /// 64-bit offsets.
    pub wide: bool,
    pub kind: u16,
    pub numpy: &'a str,
    pub images: bool,
    /// Size and unit of each dimension.
    pub dimensions: &'a [(u32, &'a str)],
    /// Columns or channels, then rows.
    pub sides: &'a [u32],
    /// The positions of the elements change in x first.
    pub row_first: bool,
    pub valid: u32,
}

pub const IMAGES: Made<'_> = Made {
    wide: false,
    kind: 2,
    numpy: "<u2",
    images: true,
    dimensions: &[(3, "")],
    sides: &[4, 2],
    row_first: true,
    valid: 3,
};

/// A file whose element `e` holds the numbers `10 e`, `10 e + 1` and so on.
pub fn made(what: &Made<'_>) -> Vec<u8> {
    let mut file = b"II\x97\x01".to_vec();
    file.extend(if what.wide { 0x220_u16 } else { 0x210 }.to_le_bytes());
    let kinds: [u32; 2] = if what.images { [0x4122, 0x4152] } else { [0x4120, 0x4142] };
    file.extend(kinds.iter().flat_map(|kind| kind.to_le_bytes()));
    let total: u32 = what.dimensions.iter().map(|(size, _)| size).product();
    file.extend(total.to_le_bytes());
    file.extend(what.valid.to_le_bytes());
    let number = |file: &mut Vec<u8>, value: usize| {
        let bytes = (value as u64).to_le_bytes();
        file.extend(&bytes[..if what.wide { 8 } else { 4 }]);
    };
    let after = 8 + what.dimensions.iter().map(|(_, unit)| 32 + 3 + unit.len()).sum::<usize>();
    let table = file.len() + after + if what.wide { 4 } else { 0 };
    number(&mut file, table);
    file.extend((what.dimensions.len() as u32).to_le_bytes());
    let calibration = |file: &mut Vec<u8>, offset: f64, delta: f64, at: i32| {
        file.extend(offset.to_le_bytes());
        file.extend(delta.to_le_bytes());
        file.extend(at.to_le_bytes());
    };
    for (index, (size, unit)) in what.dimensions.iter().enumerate() {
        file.extend(size.to_le_bytes());
        calibration(&mut file, 1.0, 1e-9 * (index + 1) as f64, 0);
        for text in ["Dim", unit] {
            file.extend((text.len() as u32).to_le_bytes());
            file.extend(text.as_bytes());
        }
    }
    assert_eq!(file.len(), table);
    let values = what.sides.iter().product::<u32>() as usize;
    let complex = what.numpy.contains('c');
    let data = encoded(what.numpy, &vec![0.0; values * if complex { 2 } else { 1 }]).len();
    let element = 20 * what.sides.len() + 2 + 4 * what.sides.len() + data;
    let tag = if what.images { 8 } else { 24 };
    let start = table + 2 * total as usize * if what.wide { 8 } else { 4 };
    for part in [0, element] {
        for index in 0..total as usize {
            number(&mut file, start + index * (element + tag) + part);
        }
    }
    let columns = what.dimensions.first().map_or(1, |(size, _)| *size);
    for index in 0..total {
        for _ in what.sides {
            calibration(&mut file, 5e-9, 2e-9, 2);
        }
        file.extend(what.kind.to_le_bytes());
        file.extend(what.sides.iter().flat_map(|side| side.to_le_bytes()));
        let numbers: Vec<_> = (0..values).map(|i| f64::from(index * 10) + i as f64).collect();
        let numbers: Vec<_> = if complex { numbers.iter().flat_map(|&n| [n, -n]).collect() } else { numbers };
        file.extend(encoded(what.numpy, &numbers));
        file.extend([0x42, 0x41, 0, 0]);
        file.extend(1_456_073_586_u32.to_le_bytes());
        if !what.images {
            let (fast, slow) = (f64::from(index % columns), f64::from(index / columns));
            let position = if what.row_first { [fast, slow] } else { [slow, fast] };
            file.extend(position.iter().flat_map(|at| at.to_le_bytes()));
        }
    }
    file
}

#[test]
fn every_type_of_both_versions_comes_back() {
    let types = [
        (1, "<u1", "uint8"),
        (2, "<u2", "uint16"),
        (3, "<u4", "uint32"),
        (4, "<i1", "int8"),
        (5, "<i2", "int16"),
        (6, "<i4", "int32"),
        (7, "<f4", "float32"),
        (8, "<f8", "float64"),
    ];
    for wide in [false, true] {
        for (kind, numpy, name) in types {
            let dataset = opened("s_1.ser", &made(&Made { wide, kind, numpy, ..IMAGES }));
            let signal = &dataset.signals()[0];
            assert_eq!((signal.dtype.numpy(), signal.kind), (name, Kind::Image));
            assert_eq!(signal.shape(), [3, 2, 4]);
            // The lowest row comes first in the file.
            assert_eq!(first(&dataset, 0), [4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0], "{name}");
            let Stats::Real { last, .. } = dataset.stats(0).unwrap() else { panic!() };
            assert_eq!(last, [20.0, 21.0, 22.0, 23.0]);
        }
        for (kind, numpy, name) in [(9, "<c8", "complex64"), (10, "<c16", "complex128")] {
            let dataset = opened("s_1.ser", &made(&Made { wide, kind, numpy, ..IMAGES }));
            assert_eq!(dataset.signals()[0].dtype.numpy(), name);
            let Stats::Complex { sum_re, sum_im, .. } = dataset.stats(0).unwrap() else { panic!() };
            assert_eq!((sum_re, sum_im), (324.0, -324.0));
        }
    }
}

#[test]
fn the_steps_of_images_are_in_nanometres() {
    let dataset = opened("s_1.ser", &made(&IMAGES));
    let [frames, y, x] = &dataset.signals()[0].axes[..] else { panic!() };
    assert_eq!((frames.name.as_str(), frames.unit.as_str()), ("", ""));
    assert_eq!((y.name.as_str(), y.unit.as_str()), ("y", "nm"));
    assert!((x.scale - 2.0).abs() < 1e-12 && (x.offset - 1e-9).abs() < 1e-20, "{x:?}");
}

#[test]
fn spectra_have_the_shape_of_their_map() {
    let spectra = Made { images: false, sides: &[5], kind: 6, numpy: "<i4", valid: 6, ..IMAGES };
    let map = Made { dimensions: &[(3, "meters"), (2, "meters")], ..spectra.clone() };
    let dataset = opened("s_1.ser", &made(&map));
    let signal = &dataset.signals()[0];
    assert_eq!((signal.shape(), signal.kind), (vec![2, 3, 5], Kind::Spectrum { axis: 2 }));
    let names: Vec<_> = signal.axes.iter().map(|axis| (axis.name.as_str(), axis.unit.as_str())).collect();
    assert_eq!(names, [("y", "nm"), ("x", "nm"), ("Energy", "eV")]);
    assert!((signal.axes[0].scale - 2.0).abs() < 1e-12);
    assert_eq!(first(&dataset, 0), [0.0, 1.0, 2.0, 3.0, 4.0, 10.0, 11.0, 12.0]);
    // Positions that change in y first: the first dimension is the slowest.
    let dataset = opened("s_1.ser", &made(&Made { row_first: false, ..map.clone() }));
    assert_eq!(dataset.signals()[0].shape(), [3, 2, 5]);
    // A map that was stopped has the rows that are whole, and says what is missing.
    let dataset = opened("s_1.ser", &made(&Made { valid: 5, ..map }));
    assert_eq!(dataset.signals()[0].shape(), [1, 3, 5]);
    assert!(dataset.warnings()[0].contains("3 of 6 spectra are missing"), "{:?}", dataset.warnings());
    // A line, and a single spectrum.
    let line = Made { dimensions: &[(6, "meters")], ..spectra.clone() };
    let dataset = opened("s_1.ser", &made(&line));
    assert_eq!(dataset.signals()[0].kind, Kind::Spectrum { axis: 1 });
    assert_eq!(dataset.signals()[0].shape(), [6, 5]);
    let dataset = opened("s_1.ser", &made(&Made { valid: 1, ..line }));
    assert_eq!((dataset.signals()[0].shape(), dataset.signals()[0].kind), (vec![5], Kind::Other));
}

#[test]
fn images_on_a_map_are_patterns() {
    let map = Made { dimensions: &[(3, "meters"), (2, "meters")], valid: 6, ..IMAGES };
    let dataset = opened("s_1.ser", &made(&map));
    assert_eq!(dataset.signals()[0].kind, Kind::Pattern);
    assert_eq!(dataset.signals()[0].axes.len(), 4);
}

#[test]
fn series_that_are_not_finished_are_named() {
    assert!(refusal(&made(&Made { valid: 0, ..IMAGES })).contains("no valid element"));
    let mut strange = made(&IMAGES);
    strange[6] = 0x21;
    assert!(refusal(&strange).contains("0x4121"));
}

/// XML between binary data, as in an `.emi` file.
pub fn emi(blocks: &[&str]) -> Vec<u8> {
    let mut file = b"JK\x00\x02\x00\x00\x00\x00\x04M".to_vec();
    for block in blocks {
        file.extend([0xff; 70_000]);
        file.extend(format!("<ObjectInfo>{block}</ObjectInfo>").as_bytes());
    }
    file.push(0);
    file
}

#[test]
fn emi_files_find_their_series_whatever_the_case() {
    let folder = tempfile::tempdir().unwrap();
    let camera = "<AcquireInfo><CameraNamePath>C &amp; D</CameraNamePath></AcquireInfo>\
        <ExperimentalDescription><Root><Data><Label>Mode</Label><Value>STEM</Value><Unit></Unit></Data>\
        </Root></ExperimentalDescription>";
    let path = folder.path().join("scan.EMI");
    std::fs::write(&path, emi(&["<AcquireDate>Mon Feb 22 18:50:01 2016</AcquireDate>", camera])).unwrap();
    let message = open(&path).unwrap_err().to_string();
    assert!(message.contains("scan_1.ser") && message.lines().count() == 1, "{message}");
    std::fs::write(folder.path().join("Scan_2.SER"), made(&IMAGES)).unwrap();
    std::fs::write(folder.path().join("scan_1.ser"), made(&Made { valid: 2, ..IMAGES })).unwrap();
    std::fs::write(folder.path().join("scan_3.ser"), b"nothing of use").unwrap();
    let dataset = open(&path).unwrap();
    let [one, two] = dataset.signals() else { panic!("{:?}", dataset.signals()) };
    assert_eq!((one.name.as_str(), two.name.as_str()), ("scan_1", "Scan_2"));
    assert_eq!(one.metadata.date.as_deref(), Some("2016-02-22T18:50:01"));
    assert_eq!(two.metadata.detector.as_deref(), Some("C & D"));
    // A camera in STEM mode records diffraction patterns.
    assert_eq!((one.axes[1].unit.as_str(), two.axes[1].unit.as_str()), ("nm", "1 / nm"));
    assert!(dataset.warnings()[0].contains("scan_3.ser"), "{:?}", dataset.warnings());
    let alone = open(&folder.path().join("Scan_2.SER")).unwrap();
    assert_eq!(alone.signals()[0].metadata, two.metadata);
}
