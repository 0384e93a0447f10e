//! What HyperSpy keeps, in HDF5 (`.hspy`) and in zarr (`.zspy`) alike.

use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::metadata::{Metadata, scaled, stated, worded};
use crate::signal::{Axis, Kind, Signal};
use crate::tree::{Found, Group, View};
use crate::unit::angstrom_per;

type Result<T> = std::result::Result<T, ReadError>;

/// Positions of axes with more elements are not read.
const MOST_POSITIONS: usize = 1 << 16;

/// The signals of a HyperSpy file, by the names of their groups.
pub(crate) fn contents(tree: &Group) -> Result<Contents> {
    let mut found = Found::default();
    let experiments = tree.group("Experiments").map(|group| &group.groups);
    for (name, group) in experiments.into_iter().flatten() {
        if group.arrays.contains_key("data") {
            signal(name, group, &mut found)?;
        }
    }
    if found.signals.is_empty() {
        return Err(ReadError::damaged("it has no data under Experiments"));
    }
    Ok(found.contents(tree.tags()))
}

fn signal(name: &str, group: &Group, found: &mut Found) -> Result<()> {
    let data = &group.arrays["data"];
    let mut notes = Vec::new();
    let (axes, navigate): (Vec<_>, Vec<_>) = data
        .shape()
        .iter()
        .enumerate()
        .map(|(number, &size)| match axis_group(group, number, data.shape().len()) {
            Some(from) => {
                Ok((axis(from, size, &mut notes)?, from.number("navigate").map(|value| value != 0.0)))
            }
            None => Ok((Axis::counting("", size), None)),
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    // Files before version 1.2 call it otherwise.
    let tags = group.group("metadata").or_else(|| group.group("mapped_parameters"));
    let empty = Group::default();
    let tags = tags.unwrap_or(&empty);
    let general = tags.group("General").unwrap_or(tags);
    let title = general.text("title").filter(|title| *title != "__unnamed__");
    let signal_type = tags.group("Signal").unwrap_or(tags).text("signal_type").unwrap_or_default();
    let record = tags.group("Signal").unwrap_or(tags).text("record_by").unwrap_or_default();
    let navigate = navigation(&navigate, record);
    let kind = kind(data.dtype(), &axes, &navigate, signal_type);
    if kind == Kind::Other && data.dtype() == DType::Object {
        notes.push(format!("signal {name:?} holds texts, or arrays of different lengths"));
    }
    let signal = Signal {
        name: title.unwrap_or_default().to_owned(),
        dtype: data.dtype(),
        axes,
        kind,
        metadata: metadata(title, general, tags),
        notes,
    };
    let planes = View::of(data, (0..data.shape().len()).collect());
    found.push(signal, planes);
    Ok(())
}

/// The group of an axis: of its own, or in the list of later files.
fn axis_group(group: &Group, number: usize, count: usize) -> Option<&Group> {
    group
        .groups
        .get(&format!("axis-{number}"))
        .or_else(|| group.group(&format!("_list_{count}_axes/{number}")))
}

fn axis(group: &Group, size: usize, notes: &mut Vec<String>) -> Result<Axis> {
    let (name, unit) = (group.text("name").unwrap_or_default(), group.text("units").unwrap_or_default());
    let mut axis = Axis::new(name, size, 1.0, 0.0, unit);
    if let Some(positions) = group.arrays.get("axis") {
        let positions = positions.numbers(MOST_POSITIONS)?.unwrap_or_default();
        if let [first, .., last] = positions[..] {
            axis.offset = first;
            axis.scale = (last - first) / (positions.len() - 1) as f64;
        }
        notes.push(format!("axis {name:?} has uneven steps: their mean is used"));
    } else if group.groups.contains_key("x") {
        notes.push(format!("axis {name:?} is given by a formula that is not read"));
    } else {
        axis.scale = group.number("scale").unwrap_or(1.0);
        axis.offset = group.number("offset").unwrap_or(0.0);
    }
    Ok(axis)
}

/// Which axes say where something was taken; files before version 1.3 only say what was recorded.
fn navigation(stated: &[Option<bool>], record: &str) -> Vec<bool> {
    let signal_axes = match record {
        "spectrum" => 1,
        _ => 2,
    };
    let by_record = |axis: usize| axis + signal_axes < stated.len();
    stated.iter().enumerate().map(|(axis, navigate)| navigate.unwrap_or_else(|| by_record(axis))).collect()
}

fn kind(dtype: DType, axes: &[Axis], navigate: &[bool], signal_type: &str) -> Kind {
    let signal: Vec<_> = (0..axes.len()).filter(|&axis| !navigate[axis]).collect();
    let last_two = axes.len() >= 2 && signal[..] == [axes.len() - 2, axes.len() - 1];
    let in_space = || signal.iter().all(|&axis| angstrom_per(&axes[axis].unit).is_some());
    match signal[..] {
        _ if dtype == DType::Object => Kind::Other,
        [axis] if axes.len() <= 3 => Kind::Spectrum { axis },
        [_, _] if last_two && axes.len() == 4 && (signal_type.contains("diffraction") || !in_space()) => {
            Kind::Pattern
        }
        [_, _] if last_two => Kind::Image,
        // A stack whose frames were not marked.
        [_, _, _] if axes.len() == 3 => Kind::Image,
        _ => Kind::Other,
    }
}

fn metadata(title: Option<&str>, general: &Group, tags: &Group) -> Metadata {
    let empty = Group::default();
    let instrument = tags.group("Acquisition_instrument").unwrap_or(tags);
    let microscope = instrument.group("TEM").or_else(|| instrument.group("SEM")).unwrap_or(&empty);
    let detectors = microscope.group("Detector").unwrap_or(&empty);
    let stage = microscope.group("Stage").unwrap_or(&empty);
    let camera = detectors.group("Camera").unwrap_or(&empty);
    let eels = detectors.group("EELS").or_else(|| microscope.group("EELS")).unwrap_or(&empty);
    let number = |group: &Group, name: &str| group.number(name).and_then(stated);
    let seconds = |group: &Group, name: &str| {
        let per_second = match group.text(&format!("{name}_units")) {
            Some("ms") => 1e-3,
            Some("us" | "µs") => 1e-6,
            _ => 1.0,
        };
        group.number(name).map(|value| value * per_second)
    };
    let tilt = [
        number(stage, "tilt_alpha").or_else(|| number(microscope, "tilt_stage")),
        number(stage, "tilt_beta"),
    ];
    let dwell = seconds(microscope, "dwell_time").or_else(|| seconds(eels, "dwell_time"));
    Metadata {
        title: title.and_then(worded),
        date: date(general),
        microscope: microscope.text("microscope").and_then(worded),
        operator: general.text("authors").and_then(worded),
        mode: microscope.text("acquisition_mode").and_then(worded),
        energy_kv: number(microscope, "beam_energy"),
        semiangle_mrad: number(microscope, "convergence_angle"),
        detector: detector(detectors),
        outer_mrad: number(eels, "collection_angle"),
        dwell_us: dwell.and_then(|seconds| scaled(seconds, 1e6)),
        exposure_s: seconds(camera, "exposure")
            .or_else(|| seconds(microscope, "exposure_time"))
            .or_else(|| seconds(microscope, "exposure"))
            .or_else(|| seconds(eels, "exposure"))
            .and_then(stated),
        current_pa: number(microscope, "beam_current").and_then(|nanoampere| scaled(nanoampere, 1e3)),
        magnification: number(microscope, "magnification"),
        camera_length_mm: number(microscope, "camera_length"),
        scan_rotation_deg: number(microscope, "rotation"),
        defocus_nm: number(microscope, "defocus"),
        stage_tilt_deg: tilt.iter().any(Option::is_some).then(|| tilt.map(|angle| angle.unwrap_or(0.0))),
        ..Metadata::default()
    }
}

/// The only detector that is named.
fn detector(detectors: &Group) -> Option<String> {
    let mut names = detectors.groups.keys();
    names.next().filter(|_| names.next().is_none()).cloned()
}

/// Date and time as ISO 8601. Old files have Python: `datetime.date(1991, 10, 1)`.
fn date(general: &Group) -> Option<String> {
    let python = |name: &str, separator: &str| {
        let text = general.text(name)?;
        let numbers = text.split_once('(')?.1.trim_end_matches(')').split(',');
        let numbers: Option<Vec<u32>> = numbers.map(|number| number.trim().parse().ok()).collect();
        Some(numbers?.iter().map(|number| format!("{number:02}")).collect::<Vec<_>>().join(separator))
    };
    let date = general.text("date").map(str::to_owned).or_else(|| python("_datetime_date", "-"))?;
    let time = general.text("time").map(str::to_owned).or_else(|| python("_datetime_time", ":"));
    worded(&match time {
        Some(time) => format!("{date}T{time}"),
        None => date,
    })
}
