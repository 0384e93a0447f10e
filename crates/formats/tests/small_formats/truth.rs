//! What only SER, EMI and MRC files say, of real ones; `truth.rs` compares their pixels and axes.
//!
//! They are not part of the project. `ADATOM_TEST_DATA` names the folder that has `formats/`; the
//! tests say so and pass when it is missing.

use std::path::Path;

use adatom_formats::{Dataset, Kind, open};

use super::common::test_data;

#[test]
fn spectra_are_told_from_images() {
    let Some(folder) = test_data("formats") else { return };
    let series = std::fs::read_dir(folder.join("ser")).unwrap().map(|entry| entry.unwrap().path());
    let kinds =
        series.filter(|path| path.extension().is_some_and(|extension| extension == "ser")).map(|path| {
            let dataset = open(&path).unwrap();
            let signal = &dataset.signals()[0];
            let expected = match (path.to_string_lossy().contains("spectrum"), signal.axes.len()) {
                (_, 1) => Kind::Other,
                (true, axes) => Kind::Spectrum { axis: axes - 1 },
                (false, _) => Kind::Image,
            };
            assert_eq!(signal.kind, expected, "{}", path.display());
        });
    assert!(kinds.count() >= 14);
}

fn of_folder(folder: &Path, name: &str) -> Dataset {
    open(&folder.join(name)).unwrap()
}

#[test]
fn an_emi_file_opens_all_its_series() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/16x16_STEM_BF_DF_acquire.emi");
    assert_eq!(dataset.format(), "TIA EMI");
    let names: Vec<_> = dataset.signals().iter().map(|signal| signal.name.as_str()).collect();
    assert_eq!(names, ["16x16_STEM_BF_DF_acquire_1", "16x16_STEM_BF_DF_acquire_2"]);
    for (index, name) in names.iter().enumerate() {
        let alone = of_folder(&folder, &format!("ser/{name}.ser"));
        assert_eq!(dataset.stats(index).unwrap(), alone.stats(0).unwrap());
        assert_eq!(dataset.signals()[index].metadata, alone.signals()[0].metadata);
    }
    let uuid = |name: &str| dataset.original().pointer(&format!("/{name}/emi/ObjectInfo/Uuid")).cloned();
    assert_eq!(uuid(names[0]).unwrap(), "392a0b2b-5edb-4c51-843c-57916c4059a0");
    assert_eq!(uuid(names[1]).unwrap(), "c925d651-25eb-4080-b200-0a0f0942d3cf");
}

#[test]
fn the_settings_of_a_scan_come_from_the_emi_file() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/03_Scanning Preview_1.ser");
    let metadata = &dataset.signals()[0].metadata;
    assert_eq!(metadata.date.as_deref(), Some("2019-04-25T09:30:09"));
    assert_eq!(metadata.microscope.as_deref(), Some("TitanCubed 300 kV D3128 UltraTwin"));
    assert_eq!(metadata.operator.as_deref(), Some("Service"));
    assert_eq!(metadata.mode.as_deref(), Some("STEM nP SA Zoom Diffraction"));
    assert_eq!(metadata.energy_kv, Some(200.0));
    assert_eq!(metadata.dwell_us, Some(12.0));
    assert_eq!(metadata.exposure_s, Some(0.23593));
    assert_eq!(metadata.magnification, Some(1_300_000.0));
    assert_eq!(metadata.camera_length_mm, Some(135.0));
    assert_eq!(metadata.defocus_nm, Some(221.0));
    assert_eq!(metadata.stage_tilt_deg, Some([0.0, 0.0]));
    assert_eq!(metadata.detector, None);
    let size = dataset.signals()[0].pixel_size().unwrap().unwrap();
    assert!((size.x_angstrom - 3.843_524_875).abs() < 1e-6, "{size}");
}

#[test]
fn the_settings_of_a_camera_come_from_the_emi_file() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/128x128-TEM_search_1.ser");
    let metadata = &dataset.signals()[0].metadata;
    assert_eq!(metadata.date.as_deref(), Some("2016-02-22T18:50:01"));
    assert_eq!(metadata.detector.as_deref(), Some("BM-Ceta"));
    assert_eq!((metadata.exposure_s, metadata.dwell_us), (Some(0.1), None));
    assert_eq!((metadata.magnification, metadata.camera_length_mm), (Some(22_500.0), None));
    let dataset = of_folder(&folder, "ser/16_STOimage_1.ser");
    assert_eq!(dataset.signals()[0].metadata.energy_kv, Some(80.0));
}

#[test]
fn a_series_without_an_emi_file_says_so_and_has_the_date_of_its_tag() {
    let Some(folder) = test_data("formats") else { return };
    let dataset = of_folder(&folder, "ser/64x64_diffraction_acquire_1.ser");
    let signal = &dataset.signals()[0];
    assert!(signal.notes[0].contains(".emi"), "{:?}", signal.notes);
    assert_eq!(signal.metadata.date.as_deref(), Some("2016-02-21T16:51:26Z"));
    assert!(signal.pixel_size().unwrap_err().contains("not believable"));
    let mrc = of_folder(&folder, "mrc/ROI_Random_Scan_Sum.mrc");
    assert!(mrc.signals()[0].pixel_size().unwrap_err().contains("not believable"));
}
