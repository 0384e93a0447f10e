//! Acquisition settings among the tags of an image.

use super::tags::Tag;
use crate::metadata::{Metadata, scaled, stated, worded};
use crate::time::{from_ole_days, from_windows_ticks};

/// What is known of the image called `name` from its `ImageTags`.
pub(super) fn of(name: &str, tags: &Tag) -> Metadata {
    let number = |path: &str| tags.at(path).and_then(Tag::number);
    let first = |paths: &[&str]| paths.iter().find_map(|path| number(path).and_then(stated));
    let word =
        |paths: &[&str]| paths.iter().find_map(|path| tags.at(path).and_then(Tag::text).and_then(worded));
    // 0 is level for a tilt, and a scan that isn't rotated.
    let tilt = |axis: &str| number(&format!("Microscope Info:Stage Position:Stage {axis}"));
    let tilts = tilt("Alpha").zip(tilt("Beta"));
    Metadata {
        title: worded(name),
        date: date(tags),
        microscope: word(&["Session Info:Microscope", "Microscope Info:Name", "Microscope Info:Microscope"]),
        operator: word(&["Session Info:Operator", "Microscope Info:Operator"]),
        mode: word(&["Microscope Info:Illumination Mode", "Microscope Info:Operation Mode"]),
        energy_kv: first(&["Microscope Info:Voltage"]).and_then(|volts| scaled(volts, 1e-3)),
        semiangle_mrad: first(&[
            "EELS:Convergence semi-angle (mrad)",
            "EELS:Experimental Conditions:Convergence semi-angle (mrad)",
            "EELS:Experimental:Convergence semi-angle (mrad)",
        ]),
        detector: word(&["DataBar:Signal Name", "DataBar:Device Name", "Acquisition:Device:Name"]),
        inner_mrad: None,
        outer_mrad: first(&[
            "EELS:Collection semi-angle (mrad)",
            "EELS:Experimental Conditions:Collection semi-angle (mrad)",
            "EELS:Experimental:Collection semi-angle (mrad)",
        ]),
        dwell_us: first(&["DigiScan:Sample Time"]),
        exposure_s: first(&[
            "Acquisition:Parameters:High Level:Exposure (s)",
            "DataBar:Exposure Time (s)",
            "EELS:Acquisition:Exposure (s)",
        ]),
        current_pa: first(&["Microscope Info:Probe Current (nA)"]).and_then(|nano| scaled(nano, 1e3)),
        magnification: first(&[
            "Microscope Info:Indicated Magnification",
            "Microscope Info:Actual Magnification",
        ]),
        camera_length_mm: first(&["Microscope Info:STEM Camera Length"]),
        scan_rotation_deg: number("DigiScan:Rotation"),
        defocus_nm: None,
        stage_tilt_deg: tilts.map(|(alpha, beta)| [alpha, beta]),
    }
}

/// The date from a tag that doesn't depend on the language of the computer, else as it stands there.
fn date(tags: &Tag) -> Option<String> {
    let number = |name: &str| tags.at("DataBar").and_then(|bar| bar.child(name)).and_then(Tag::number);
    let text =
        |name: &str| tags.at("DataBar").and_then(|bar| bar.child(name)).and_then(Tag::text).and_then(worded);
    number("Acquisition Time (OLE)")
        .and_then(from_ole_days)
        .or_else(|| number("Acquisition Time (OS)").and_then(from_windows_ticks))
        .or_else(|| {
            let (date, time) = (text("Acquisition Date"), text("Acquisition Time"));
            match (date, time) {
                (Some(date), Some(time)) => Some(format!("{date} {time}")),
                (date, _) => date,
            }
        })
}
