//! HDF5 files as others arrange them, made here with small contents.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use adatom_formats::{DType, Dataset, FormatError, Kind, Selection, Stats, Virtual, open_bytes};
use common::keep_seed;
use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use ndarray::array;
use serde_json::json;

fn opened(file: FileBuilder) -> Dataset {
    let bytes = file.finish().unwrap();
    keep_seed("hdf5", &bytes);
    open_bytes(Path::new("folder/built.h5"), bytes).unwrap()
}

/// Adds the groups of a path, innermost filled by `fill`.
fn nest(file: &mut FileBuilder, path: &[&str], fill: impl FnOnce(&mut GroupBuilder)) {
    fn inside(group: &mut GroupBuilder, path: &[&str], fill: impl FnOnce(&mut GroupBuilder)) {
        match path {
            [] => fill(group),
            [name, rest @ ..] => {
                let mut child = group.create_group(name);
                inside(&mut child, rest, fill);
                group.add_group(child.finish());
            }
        }
    }
    let mut group = file.create_group(path[0]);
    inside(&mut group, &path[1..], fill);
    file.add_group(group.finish());
}

#[test]
fn any_array_of_numbers_is_called_by_its_path() {
    let mut file = FileBuilder::new();
    nest(&mut file, &["entry", "data"], |group| {
        let counts: Vec<_> = (0..120_u16).collect();
        group
            .create_dataset("scan")
            .with_u16_data(&counts)
            .with_shape(&[2, 3, 4, 5])
            .with_chunks(&[1, 2, 4, 3])
            .with_lzf();
        group.create_dataset("image").with_f64_data(&[1.5, -2.0, 4.0, 8.0]).with_shape(&[2, 2]);
        group.create_dataset("note").with_vlen_strings(&["by hand"]);
        group
            .create_dataset("list")
            .with_i32_data(&[3, 1, 2])
            .with_shape(&[3])
            .with_chunks(&[2])
            .with_fletcher32();
        group.set_attr("energy", AttrValue::F64(200.0));
    });
    let dataset = opened(file);
    assert_eq!(dataset.format(), "HDF5");
    let found: Vec<_> =
        dataset.signals().iter().map(|signal| (signal.name.as_str(), signal.dtype, signal.kind)).collect();
    assert_eq!(
        found,
        [
            ("/entry/data/image", DType::F64, Kind::Image),
            ("/entry/data/list", DType::I32, Kind::Other),
            ("/entry/data/scan", DType::U16, Kind::Pattern),
        ]
    );
    let data = &dataset.original()["entry"]["data"];
    assert_eq!((&data["note"], &data["energy"]), (&json!("by hand"), &json!(200.0)));
    assert_eq!(dataset.image(&Selection::default()).unwrap().data, array![[1.5, -2.0], [4.0, 8.0]]);
    let Stats::Real { first, last, .. } = dataset.stats(1).unwrap() else { panic!("no numbers") };
    assert_eq!((first, last), (vec![3.0, 1.0, 2.0], vec![3.0, 1.0, 2.0]));
    let sums = Selection {
        signal: Some("/entry/data/scan".to_owned()),
        virtual_image: Some(Virtual::Sum),
        ..Selection::default()
    };
    let expected = ndarray::Array2::from_shape_fn((2, 3), |(y, x)| {
        (0..20).map(|i| ((y * 3 + x) * 20 + i) as f32).sum::<f32>()
    });
    assert_eq!(dataset.image(&sums).unwrap().data, expected);
    let refused = Selection { virtual_image: None, ..sums };
    assert!(dataset.image(&refused).unwrap_err().to_string().contains("virtual image"));
}

#[test]
fn files_without_numbers_say_so() {
    let mut file = FileBuilder::new();
    file.create_dataset("note").with_vlen_strings(&["nothing here"]);
    let error = open_bytes(Path::new("a"), file.finish().unwrap()).unwrap_err();
    assert!(matches!(error, FormatError::NoImage { .. }), "{error}");
    assert!(error.to_string().ends_with("HDF5: it has no arrays of numbers"), "{error}");
}

/// What Velox says of an image or a spectrum.
fn settings() -> Vec<u8> {
    let settings = json!({
        "Optics": {"AccelerationVoltage": "300000", "BeamConvergence": "0.025", "OperatingMode": "2"},
        "Scan": {"DwellTime": "2e-06", "FrameTime": "0.5", "ScanRotation": "0"},
        "Stage": {"AlphaTilt": "0", "BetaTilt": "0"},
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1664324827"}},
        "Detectors": {
            "Detector-0": {"DetectorName": "HAADF", "CollectionAngleRange": {"begin": "0.06", "end": "0.2"}},
            "Detector-1": {"DetectorName": "SuperX1", "Dispersion": "10", "OffsetEnergy": "-250"},
        },
        "BinaryResult": {
            "DetectorIndex": "0", "Detector": "HAADF", "PixelUnitX": "m",
            "PixelSize": {"width": "2e-11", "height": "3e-11"}, "Offset": {"x": "-1e-10", "y": "0"},
        },
    });
    let mut bytes = settings.to_string().into_bytes();
    bytes.resize(4000, 0);
    bytes
}

fn velox(frames: u64, stream: Option<&[u16]>) -> FileBuilder {
    let mut file = FileBuilder::new();
    file.create_dataset("Version").with_vlen_strings(&["{\"version\": \"4\", \"format\": \"Velox\"}"]);
    let mut data = file.create_group("Data");
    let mut put = |kind: &str, fill: &dyn Fn(&mut GroupBuilder)| {
        let mut group = data.create_group(kind);
        let mut child = group.create_group("0a1b");
        fill(&mut child);
        child.create_dataset("Metadata").with_u8_data(&settings()).with_shape(&[4000, 1]);
        group.add_group(child.finish());
        data.add_group(group.finish());
    };
    put("Image", &|group| {
        // Frame f of pixel (y, x) is 100 f + 10 y + x.
        let size = [2, 3, frames];
        let pixels = (0..2)
            .flat_map(|y| (0..3).flat_map(move |x| (0..frames as u16).map(move |f| 100 * f + 10 * y + x)));
        let pixels: Vec<_> = pixels.collect();
        group
            .create_dataset("Data")
            .with_u16_data(&pixels)
            .with_shape(&size)
            .with_chunks(&[2, 2, 2])
            .with_deflate(1);
    });
    if let Some(stream) = stream {
        put("SpectrumImage", &|group| {
            group
                .create_dataset("SpectrumImageSettings")
                .with_vlen_strings(&["{\"endFramePosition\": \"2\"}"]);
        });
        put("SpectrumStream", &|group| {
            group.create_dataset("Data").with_u16_data(stream).with_shape(&[stream.len() as u64, 1]);
            group.create_dataset("AcquisitionSettings").with_vlen_strings(&["{\"bincount\": \"8\"}"]);
        });
    }
    file.add_group(data.finish());
    file
}

#[test]
fn frames_of_velox_come_first_and_are_calibrated() {
    let dataset = opened(velox(4, None));
    assert_eq!((dataset.format(), dataset.signals().len()), ("Velox EMD", 1));
    let signal = &dataset.signals()[0];
    let axes: Vec<_> =
        signal.axes.iter().map(|axis| (axis.name.as_str(), axis.size, axis.unit.as_str())).collect();
    assert_eq!(axes, [("Time", 4, "s"), ("y", 2, "pm"), ("x", 3, "pm")]);
    assert!((signal.axes[2].scale - 20.0).abs() < 1e-9 && (signal.axes[2].offset + 100.0).abs() < 1e-9);
    let known = &signal.metadata;
    assert_eq!((known.energy_kv, known.semiangle_mrad, known.dwell_us), (Some(300.0), Some(25.0), Some(2.0)));
    assert_eq!(
        (known.inner_mrad, known.outer_mrad, known.mode.as_deref()),
        (Some(60.0), Some(200.0), Some("STEM"))
    );
    assert_eq!(known.date.as_deref(), Some("2022-09-28T00:27:07Z"));
    let image = dataset.image(&Selection::frame(3)).unwrap();
    assert_eq!(image.data, array![[300.0, 301.0, 302.0], [310.0, 311.0, 312.0]]);
    assert_eq!(image.pixel_size.unwrap().to_string(), "0.2 × 0.3 Å");
    assert!(matches!(dataset.image(&Selection::frame(4)), Err(FormatError::NoSuchFrame { frames: 4, .. })));
}

#[test]
fn a_stream_of_x_rays_becomes_a_spectrum_image() {
    const NEXT: u16 = u16::MAX;
    // Two frames of 2 × 3 positions, then counts of a frame that was not finished.
    let first = [1, NEXT, NEXT, 7, 7, NEXT, NEXT, 2, NEXT, NEXT];
    let second = [1, 3, NEXT, 0, NEXT, NEXT, 9, NEXT, NEXT, 5, NEXT];
    let stream = [&first[..], &second, &[4, NEXT, 4]].concat();
    let dataset = opened(velox(2, Some(&stream)));
    let names: Vec<_> = dataset.signals().iter().map(|signal| signal.name.as_str()).collect();
    assert_eq!(names, ["HAADF", "EDS"]);
    let map = &dataset.signals()[1];
    assert_eq!((map.shape(), map.kind, map.dtype), (vec![2, 3, 8], Kind::Spectrum { axis: 2 }, DType::U16));
    // Channel 9 is beyond the eight, and the third frame isn't counted.
    let Stats::Real { sum, .. } = dataset.stats(1).unwrap() else { panic!("no numbers") };
    assert_eq!(sum, 8.0);
    let selection = Selection {
        signal: Some("EDS".to_owned()),
        virtual_image: Some(Virtual::Sum),
        ..Selection::default()
    };
    assert_eq!(dataset.image(&selection).unwrap().data, array![[3.0, 1.0, 2.0], [0.0, 1.0, 1.0]]);
}

#[test]
fn the_image_of_a_detector_goes_before_maps_of_elements() {
    let built = |detectors: &[&str]| {
        let mut file = FileBuilder::new();
        file.create_dataset("Version").with_vlen_strings(&["{\"format\": \"Velox\"}"]);
        let mut data = file.create_group("Data");
        let mut images = data.create_group("Image");
        let mut displays = file.create_group("Displays");
        let mut display = displays.create_group("ImageDisplay");
        for (number, name) in detectors.iter().enumerate() {
            let key = format!("{number:04}");
            let is_element = name.len() < 2;
            let detector = if is_element { "SuperXG2" } else { name };
            let result = json!({"Detector": detector, "PixelUnitX": "m", "PixelSize": {"width": "2e-11", "height": "2e-11"}});
            let settings = json!({"BinaryResult": result}).to_string().into_bytes();
            let mut image = images.create_group(&key);
            image.create_dataset("Data").with_u16_data(&[1, 2, 3, 4]).with_shape(&[2, 2, 1]);
            let length = settings.len() as u64;
            image.create_dataset("Metadata").with_u8_data(&settings).with_shape(&[length, 1]);
            images.add_group(image.finish());
            if is_element {
                let shared = format!("/shared{number}");
                let label = json!({"id": name, "data": &shared}).to_string();
                display.create_dataset(&key).with_vlen_strings(&[&label]);
                let path = json!({"dataPath": format!("/Data/Image/{key}")}).to_string();
                file.create_dataset(&shared[1..]).with_vlen_strings(&[&path]);
            }
        }
        displays.add_group(display.finish());
        file.add_group(displays.finish());
        data.add_group(images.finish());
        let map = data.create_group("SpectrumImage");
        data.add_group(map.finish());
        file.add_group(data.finish());
        let dataset = opened(file);
        let names: Vec<_> = dataset.signals().iter().map(|signal| signal.name.clone()).collect();
        assert_eq!(names, detectors);
        names[dataset.default_signal().unwrap()].clone()
    };
    assert_eq!(built(&["C", "O", "HAADF"]), "HAADF");
    assert_eq!(built(&["C", "BF-S", "O", "HAADF", "DF4"]), "HAADF");
    assert_eq!(built(&["C", "BF", "DF4", "O"]), "DF4");
    assert_eq!(built(&["C", "BF"]), "BF");
    assert_eq!(built(&["C", "O"]), "C");
}

/// Groups with soft links to arrays, groups, links, themselves and nothing, in the form of HDF5 1.6
/// and in that of 1.10; made with h5py 3.16.
const LINKS: [&[u8]; 2] = [include_bytes!("common/links_old.h5"), include_bytes!("common/links_new.h5")];

#[test]
fn soft_links_are_followed_inside_the_file() {
    for bytes in LINKS {
        keep_seed("hdf5", bytes);
        let dataset = open_bytes(Path::new("links.h5"), bytes.to_vec()).unwrap();
        let names: Vec<_> = dataset.signals().iter().map(|signal| signal.name.as_str()).collect();
        let expected = ["/a/again", "/a/image", "/b/inner/image", "/chain", "/group/again", "/group/image"];
        assert_eq!(names, expected);
        for number in 0..names.len() {
            let Stats::Real { sum, .. } = dataset.stats(number).unwrap() else { panic!("no numbers") };
            assert_eq!(sum, 66.0);
        }
    }
}

#[test]
fn broken_links_give_one_line() {
    let mut random = common::random();
    for bytes in LINKS {
        for round in 0..3000 {
            let mut broken = bytes.to_vec();
            match round % 2 {
                0 => broken.truncate(random() as usize % bytes.len()),
                _ => (0..1 + random() % 4)
                    .for_each(|_| broken[random() as usize % bytes.len()] = random() as u8),
            }
            let read =
                |dataset: Dataset| (0..dataset.signals().len()).try_for_each(|i| dataset.stats(i).map(drop));
            if let Err(error) = open_bytes(Path::new("links.h5"), broken).and_then(read) {
                let message = error.to_string();
                assert_eq!(message.lines().count(), 1, "{message}");
                assert!(!message.contains("impossible value"), "{message}");
            }
        }
    }
}

/// 300 KB whose tree names the same links over and over would take gigabytes.
#[test]
fn links_that_are_named_over_and_over_are_refused() {
    const TREE: usize = 136;
    let mut bytes = LINKS[0].to_vec();
    assert_eq!(bytes[TREE..TREE + 4], *b"TREE");
    // Behind the head a key, then a child and a key for each of 32; there is one.
    let (count, first) = (TREE + 6, TREE + 24);
    bytes[count] = 32;
    let pair: [u8; 16] = bytes[first + 8..first + 24].try_into().unwrap();
    (1..32).for_each(|n| bytes[first + 8 + 16 * n..][..16].copy_from_slice(&pair));
    let error = open_bytes(Path::new("links.h5"), bytes).err().unwrap().to_string();
    assert!(error.contains("links of a group are broken, or overlap"), "{error}");
}

/// Found by fuzzing: eight times the size in bits was more than 32 bits hold.
#[test]
fn a_number_of_half_a_gigabyte_is_refused() {
    let mut file = FileBuilder::new();
    nest(&mut file, &["entry"], |group| {
        group.create_dataset("counts").with_u16_data(&[1, 2, 3, 4]).with_shape(&[2, 2]);
    });
    let mut bytes = file.finish().unwrap();
    // An unsigned number of fixed point, its size, the offset and the number of its bits.
    let number = [0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0];
    let at = bytes.windows(number.len()).position(|window| window == number).unwrap();
    bytes[at + 4..at + 8].copy_from_slice(&0x2000_0002_u32.to_le_bytes());
    let opened = open_bytes(Path::new("huge.h5"), bytes).and_then(|d| d.image(&Selection::default()));
    assert_eq!(opened.unwrap_err().to_string().lines().count(), 1);
}
