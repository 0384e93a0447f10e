//! MRC files of every mode in both orders of bytes.

use adatom_formats::{Stats, open_bytes};

use super::{encoded, first, opened, refusal};

/// What the header of a made file says.
pub struct Made<'a> {
    pub order: &'a str,
    pub mode: i32,
    pub sides: [i32; 3],
    pub extended: Vec<u8>,
    pub extended_type: &'a [u8; 4],
    pub data: Vec<u8>,
}

impl Made<'_> {
    pub fn file(&self) -> Vec<u8> {
        let mut head = vec![0; 1024];
        let mut put = |at: usize, kind: &str, numbers: &[f64]| {
            let bytes = encoded(&format!("{}{kind}", self.order), numbers);
            head[at..at + bytes.len()].copy_from_slice(&bytes);
        };
        let sides = self.sides.map(f64::from);
        put(0, "i4", &sides);
        put(12, "i4", &[self.mode.into()]);
        put(28, "i4", &sides);
        put(40, "f4", &sides.map(|side| side * 2.0));
        put(64, "i4", &[1.0, 2.0, 3.0]);
        put(92, "i4", &[self.extended.len() as f64]);
        put(108, "i4", &[20140.0]);
        put(196, "f4", &[10.0, 20.0, 30.0]);
        head[104..108].copy_from_slice(self.extended_type);
        head[208..212].copy_from_slice(b"MAP ");
        head[212..214].copy_from_slice(if self.order == ">" { &[0x11, 0x11] } else { &[0x44, 0x44] });
        head[224..229].copy_from_slice(b"label");
        head.extend(&self.extended);
        head.extend(&self.data);
        head
    }
}

/// Two sections of 3 rows and 4 columns that hold 0 to 23.
pub fn made(order: &str, mode: i32, kind: &str) -> Vec<u8> {
    let numbers: Vec<_> = (0..24).map(f64::from).collect();
    let data = encoded(&format!("{order}{kind}"), &numbers);
    Made { order, mode, sides: [4, 3, 2], extended: vec![7; 80], extended_type: b"SERI", data }.file()
}

#[test]
fn every_mode_in_both_orders_comes_back() {
    for order in ["<", ">"] {
        for (mode, kind, name) in [
            (0, "i1", "int8"),
            (1, "i2", "int16"),
            (2, "f4", "float32"),
            (6, "u2", "uint16"),
            (12, "f2", "float16"),
        ] {
            let bytes = made(order, mode, kind);
            let dataset = opened("map.mrc", &bytes);
            let signal = &dataset.signals()[0];
            assert_eq!((signal.shape(), signal.dtype.numpy()), (vec![2, 3, 4], name));
            assert_eq!(first(&dataset, 0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "{order}{mode}");
            let [z, y, x] = &signal.axes[..] else { panic!() };
            assert_eq!((z.unit.as_str(), y.unit.as_str(), x.scale, x.offset), ("", "nm", 0.2, 1.0));
            // The stamp may be wrong.
            let mut stamped = bytes.clone();
            stamped[212..214].copy_from_slice(if order == "<" { &[0x11, 0x11] } else { &[0x44, 0x44] });
            assert_eq!(first(&opened("map.mrc", &stamped), 0)[7], 7.0);
            // Without the mark, the length decides.
            stamped[208..212].fill(0);
            assert_eq!(opened("map", &stamped).format(), "MRC");
            stamped.push(0);
            assert!(refusal(&stamped).contains("which no known image does"));
        }
        for (mode, kind) in [(3, "i2"), (4, "c8")] {
            let numbers: Vec<_> = (0..24).map(f64::from).collect();
            let data = encoded(&format!("{order}{kind}"), &numbers);
            let sides = [4, 3, 1];
            let made = Made { order, mode, sides, extended: Vec::new(), extended_type: &[0; 4], data };
            let dataset = opened("map.mrc", &made.file());
            assert_eq!(dataset.signals()[0].shape(), [3, 4]);
            let Stats::Complex { sum_re, sum_im, .. } = dataset.stats(0).unwrap() else { panic!() };
            assert_eq!((sum_re, sum_im), (132.0, 144.0), "{mode}");
        }
    }
}

#[test]
fn half_bytes_and_colours_come_back() {
    let data = vec![0x10, 0x02, 0x43, 0x05];
    let mut made =
        Made { order: "<", mode: 101, sides: [3, 2, 1], extended: Vec::new(), extended_type: &[0; 4], data };
    assert_eq!(first(&opened("map.mrc", &made.file()), 0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    (made.mode, made.data) = (16, (0..18).collect());
    let dataset = opened("map.mrc", &made.file());
    assert!(dataset.signals()[0].dtype.is_colour());
    assert!(matches!(dataset.stats(0).unwrap(), Stats::Colour(channels) if channels[0].1[0] == 45.0));
}

#[test]
fn the_sign_of_bytes_follows_the_flag_of_imod_and_the_version() {
    let data = vec![0, 1, 2, 200];
    let made =
        Made { order: "<", mode: 0, sides: [2, 2, 1], extended: Vec::new(), extended_type: &[0; 4], data };
    let mut file = made.file();
    assert_eq!(first(&opened("map.mrc", &file), 0)[3], -56.0);
    file[152..156].copy_from_slice(b"IMOD");
    assert_eq!(first(&opened("map.mrc", &file), 0)[3], 200.0);
    file[156] = 1;
    assert_eq!(first(&opened("map.mrc", &file), 0)[3], -56.0);
    file[152..156].fill(0);
    file[108..112].fill(0);
    file[80..84].copy_from_slice(&200_f32.to_le_bytes());
    let dataset = opened("map.mrc", &file);
    assert_eq!(first(&dataset, 0)[3], 200.0);
    assert!(dataset.signals()[0].notes[0].contains("without a sign"));
}

#[test]
fn extended_headers_of_the_microscope_are_read() {
    for order in ["<", ">"] {
        for (extended_type, length) in [(b"FEI1", 768), (b"FEI2", 888)] {
            let mut extended = vec![0; length];
            let mut put = |at: usize, number: f64| {
                extended[at..at + 8].copy_from_slice(&encoded(&format!("{order}f8"), &[number]));
            };
            let fields = [(84, 300e3), (100, 12.5), (108, -1.0), (156, 5e-11), (220, -1.5e-6)];
            let scan = [(289, 57e3), (301, 0.1), (571, 2e-6), (579, 0.5)];
            fields.into_iter().chain(scan).for_each(|(at, number)| put(at, number));
            extended[519..524].copy_from_slice(b"HAADF");
            let data = vec![0; 16];
            let file = Made { order, mode: 2, sides: [2, 2, 1], extended, extended_type, data }.file();
            let dataset = opened("map.mrc", &file);
            let signal = &dataset.signals()[0];
            let metadata = &signal.metadata;
            assert_eq!((metadata.energy_kv, metadata.dwell_us), (Some(300.0), Some(2.0)));
            assert_eq!((metadata.detector.as_deref(), metadata.exposure_s), (Some("HAADF"), Some(0.5)));
            assert_eq!((metadata.magnification, metadata.camera_length_mm), (Some(57e3), Some(100.0)));
            assert_eq!((metadata.defocus_nm, metadata.stage_tilt_deg), (Some(-1500.0), Some([12.5, -1.0])));
            assert!((signal.axes[1].scale - 0.05).abs() < 1e-12, "{:?}", signal.axes);
        }
    }
    let mut extended = vec![0; 128 * 1024];
    extended[44..48].copy_from_slice(&1e-9_f32.to_le_bytes());
    extended[..4].copy_from_slice(&3_f32.to_le_bytes());
    let made =
        Made { order: "<", mode: 0, sides: [2, 2, 1], extended, extended_type: &[0; 4], data: vec![0; 4] };
    let dataset = opened("map.mrc", &made.file());
    assert!((dataset.signals()[0].axes[0].scale - 1.0).abs() < 1e-6);
    assert_eq!(dataset.signals()[0].metadata.stage_tilt_deg, Some([3.0, 0.0]));
}

#[test]
fn a_stack_that_is_cut_off_keeps_its_whole_sections() {
    let mut bytes = made("<", 6, "u2");
    bytes.truncate(bytes.len() - 1);
    let dataset = opened("map.mrc", &bytes);
    assert_eq!(dataset.signals()[0].shape(), [1, 3, 4]);
    assert!(dataset.warnings()[0].contains("1 of 2 frames are missing"));
    bytes.truncate(1024 + 80 + 23);
    assert!(refusal(&bytes).contains("48 bytes"), "{}", refusal(&bytes));
    bytes[92..96].copy_from_slice(&1_000_000_i32.to_le_bytes());
    assert!(refusal(&bytes).contains("extended header has 1000000 bytes"));
    assert!(open_bytes("map".as_ref(), bytes[..1000].to_vec()).is_err());
}
