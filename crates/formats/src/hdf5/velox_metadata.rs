//! What Velox says about how a signal was taken.

use serde_json::Value;

use crate::metadata::{Metadata, scaled, stated, worded};
use crate::time::from_unix_seconds;
use crate::tree::number;

/// The settings of the detector that recorded the signal.
pub(super) fn detector(settings: &Value) -> Option<&Value> {
    let result = &settings["BinaryResult"];
    let index = result["DetectorIndex"].as_str()?;
    settings["Detectors"].get(format!("Detector-{index}"))
}

/// The settings in the schema of all formats.
pub(super) fn metadata(settings: &Value) -> Metadata {
    let (optics, scan, stage) = (&settings["Optics"], &settings["Scan"], &settings["Stage"]);
    let empty = Value::Null;
    let detector = detector(settings).unwrap_or(&empty);
    let text = |value: &Value| value.as_str().and_then(worded);
    let times = |value: &Value, factor: f64| number(value).and_then(|value| scaled(value, factor));
    let degrees = |value: &Value| number(value).map(f64::to_degrees);
    let instrument = ["InstrumentClass", "InstrumentModel"].map(|name| text(&settings["Instrument"][name]));
    let mut instrument: Vec<_> = instrument.into_iter().flatten().collect();
    instrument.dedup();
    let custom = |name: &str| &settings["CustomProperties"][name]["value"];
    let mode = match (optics["OperatingMode"].as_str(), optics["ProjectorMode"].as_str()) {
        (Some("2"), _) => Some("STEM"),
        (Some("1"), Some("1")) => Some("DIFFRACTION"),
        (Some("1"), _) => Some("TEM"),
        _ => None,
    };
    let tilts = [degrees(&stage["AlphaTilt"]), degrees(&stage["BetaTilt"])];
    Metadata {
        title: None,
        date: date(settings),
        microscope: worded(&instrument.join(" ")),
        operator: None,
        mode: mode.map(str::to_owned),
        energy_kv: times(&optics["AccelerationVoltage"], 1e-3),
        // Some microscopes state negative angles for beams without a calibration.
        semiangle_mrad: times(&optics["BeamConvergence"], 1e3).filter(|&angle| angle > 0.0),
        detector: text(&settings["BinaryResult"]["Detector"]).or_else(|| text(&detector["DetectorName"])),
        inner_mrad: times(&detector["CollectionAngleRange"]["begin"], 1e3),
        outer_mrad: times(&detector["CollectionAngleRange"]["end"], 1e3),
        dwell_us: times(&scan["DwellTime"], 1e6),
        exposure_s: number(&detector["ExposureTime"]).or_else(|| number(&scan["FrameTime"])).and_then(stated),
        current_pa: times(&optics["LastMeasuredScreenCurrent"], 1e12),
        magnification: number(custom("StemMagnification"))
            .and_then(stated)
            .or_else(|| number(&optics["NominalMagnification"]).and_then(stated)),
        camera_length_mm: times(&optics["CameraLength"], 1e3),
        scan_rotation_deg: degrees(&scan["ScanRotation"]),
        defocus_nm: times(&optics["Defocus"], 1e9),
        stage_tilt_deg: match tilts {
            [Some(alpha), beta] => Some([alpha, beta.unwrap_or(0.0)]),
            _ => None,
        },
    }
}

/// When it was taken, in universal time; cameras state microseconds.
fn date(settings: &Value) -> Option<String> {
    let start = number(&settings["Acquisition"]["AcquisitionStartDatetime"]["DateTime"]).and_then(stated);
    let stamp = &settings["CustomProperties"]["Detectors[BM-Ceta].TimeStamp"]["value"];
    let seconds = start.or_else(|| number(stamp).map(|stamp| stamp / 1e6))?;
    from_unix_seconds(seconds).map(|text| text + "Z")
}
