//! Velox files: images, spectra and spectrum images, each with its own settings as JSON.

use std::sync::Arc;

use serde_json::Value;

use super::velox_metadata::{detector, metadata};
use super::velox_names::Names;
use super::velox_stream::SpectrumImage;
use crate::array::Array;
use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::metadata::worded;
use crate::signal::{Axis, Kind, Signal};
use crate::tree::{Found, Group, View, number};

type Result<T> = std::result::Result<T, ReadError>;

/// The settings of something are never longer (bytes).
const MOST_SETTINGS: usize = 16 << 20;
/// Groups of the data that are signals, or hold only texts, drawings and the like.
const KNOWN: [&str; 9] = [
    "Image",
    "Spectrum",
    "SpectrumImage",
    "SpectrumStream",
    "EelsSpectrumImage",
    "Text",
    "Shape",
    "Annotation",
    "Line",
];

/// The single spectra, then the images, then the spectrum images.
pub(super) fn contents(tree: &Group) -> Result<Contents> {
    let empty = Group::default();
    let data = tree.group("Data").ok_or_else(|| ReadError::damaged("it has no group Data"))?;
    let of = |name: &str| data.groups.get(name).unwrap_or(&empty);
    let names = Names::new(tree);
    let mut found = Found::default();
    for group in of("Spectrum").groups.values() {
        spectrum(group, &mut found)?;
    }
    let is_mapped = data.groups.contains_key("SpectrumImage");
    let mut field = None;
    for (key, group) in &of("Image").groups {
        field = image(&names, key, group, is_mapped, &mut found)?.or(field);
    }
    for group in of("EelsSpectrumImage").groups.values() {
        eels(group, of("SpectrumImage"), &mut found)?;
    }
    if let (true, Some(field)) = (is_mapped, field) {
        match SpectrumImage::new(of("SpectrumStream"), of("SpectrumImage"), field)? {
            Some(planes) => {
                let first = of("SpectrumStream").groups.values().next().unwrap_or(&empty);
                let mut signal = spectrum_image(&settings(first)?, &planes);
                // The stream's settings name one of the detectors, the map's all together.
                let map = of("SpectrumImage").groups.values().next().unwrap_or(&empty);
                let all = settings(map)?["BinaryResult"]["Detector"].as_str().and_then(worded);
                signal.metadata.detector = all.or(signal.metadata.detector);
                found.push(signal, planes);
            }
            None => found.warnings.push(
                "the spectrum image is only there in a form of Velox's own, which isn't read (the file was pruned)"
                    .to_owned(),
            ),
        }
    }
    for (name, group) in data.groups.iter().filter(|(name, _)| !KNOWN.contains(&&name[..])) {
        let count = group.groups.len() + group.arrays.len();
        found.warnings.push(format!("Data/{name} ({count}) is not read"));
    }
    if found.signals.is_empty() {
        return Err(ReadError::damaged("there are no images or spectra under Data"));
    }
    Ok(found.contents(tags(tree, true)))
}

fn data_of(group: &Group) -> Result<&Arc<Array>> {
    group.arrays.get("Data").ok_or_else(|| ReadError::damaged("an image or spectrum has no Data"))
}

/// The settings of the first frame: JSON in bytes, filled up with zeros.
pub(super) fn settings(group: &Group) -> Result<Value> {
    let Some(array) = group.arrays.get("Metadata") else { return Ok(Value::Null) };
    let &[length, frames] = array.shape() else { return Ok(Value::Null) };
    if array.dtype() != DType::U8 || length > MOST_SETTINGS || frames == 0 {
        return Ok(Value::Null);
    }
    let mut bytes = array.read(&[0, 0], &[length, 1])?;
    bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
    Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// All tags, with the JSON in texts and settings taken apart.
fn tags(group: &Group, is_root: bool) -> Value {
    let mut tags = group.attributes.clone();
    for (name, child) in &group.groups {
        tags.insert(name.clone(), self::tags(child, false));
    }
    for (name, array) in &group.arrays {
        let parsed = || {
            let text = array.texts()?.into_iter().next()?;
            Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        let value = match &name[..] {
            "Metadata" if !is_root => settings(group).unwrap_or(Value::Null),
            _ => parsed().unwrap_or_else(|| crate::tree::described(array)),
        };
        tags.insert(name.clone(), value);
    }
    Value::Object(tags)
}

fn spectrum(group: &Group, found: &mut Found) -> Result<()> {
    let data = data_of(group)?;
    let settings = settings(group)?;
    let &[channels, count] = data.shape() else {
        return Err(ReadError::damaged(format!("a spectrum has the shape {:?}", data.shape())));
    };
    let mut axes = vec![energy_axis("Energy", channels, &settings)];
    let mut order = vec![0];
    if count > 1 {
        axes.insert(0, Axis::counting("Stack", count));
        order.insert(0, 1);
    }
    let kind = Kind::Spectrum { axis: axes.len() - 1 };
    let signal = Signal {
        name: "EDS".to_owned(),
        dtype: data.dtype(),
        axes,
        kind,
        metadata: metadata(&settings),
        notes: Vec::new(),
    };
    found.push(signal, View::of(data, order));
    Ok(())
}

/// Adds an image or a stack; gives its rows and columns.
fn image(
    names: &Names,
    key: &str,
    group: &Group,
    is_mapped: bool,
    found: &mut Found,
) -> Result<Option<[usize; 2]>> {
    let data = data_of(group)?;
    let settings = settings(group)?;
    let &[height, width, frames] = data.shape() else {
        return Err(ReadError::damaged(format!("an image has the shape {:?}", data.shape())));
    };
    let mut axes = field_axes(&settings["BinaryResult"], [height, width]);
    let mut order = vec![0, 1];
    let mut notes = Vec::new();
    if frames > 1 && is_mapped {
        // The frames of a map's image belong to the passes over the map.
        notes.push(format!("the first of {frames} frames, which were taken with the spectrum image"));
    } else if frames > 1 {
        let time =
            number(&settings["Scan"]["FrameTime"]).or_else(|| number(&detector(&settings)?["ExposureTime"]));
        let (factor, prefix) = prefix(time.unwrap_or(0.0) * frames as f64, 1);
        axes.insert(
            0,
            match time {
                Some(time) => Axis::new("Time", frames, time * factor, 0.0, &format!("{prefix}s")),
                None => Axis::counting("Time", frames),
            },
        );
        order.insert(0, 2);
    }
    let name = names.of(key, &settings).unwrap_or_else(|| key.to_owned());
    let signal =
        Signal { name, dtype: data.dtype(), axes, kind: Kind::Image, metadata: metadata(&settings), notes };
    found.push(signal, View::of(data, order));
    Ok(Some([height, width]))
}

/// Spectra of energy losses: `[column, loss, row]` in the file, or `[column, loss]`.
fn eels(group: &Group, maps: &Group, found: &mut Found) -> Result<()> {
    let data = data_of(group)?;
    let field = maps.groups.values().next().map(settings).transpose()?.unwrap_or_default();
    let result = &field["BinaryResult"];
    let (mut axes, order, losses) = match *data.shape() {
        [width, losses, height] => (field_axes(result, [height, width]).to_vec(), vec![2, 0, 1], losses),
        [width, losses] => (field_axes(result, [1, width])[1..].to_vec(), vec![0, 1], losses),
        _ => return Err(ReadError::damaged(format!("energy losses have the shape {:?}", data.shape()))),
    };
    let acquisition = group.groups.get("AcquisitionMetadata").map_or(Value::Null, Group::tags);
    let of = |name: &str, default: f64| number(&acquisition["Data"][name]).unwrap_or(default);
    axes.push(Axis::new("Energy-loss", losses, of("dispersion", 1.0), of("offset", 0.0), "eV"));
    let kind = Kind::Spectrum { axis: axes.len() - 1 };
    let metadata = metadata(&settings(group)?);
    let signal =
        Signal { name: "EELS".to_owned(), dtype: data.dtype(), axes, kind, metadata, notes: Vec::new() };
    found.push(signal, View::of(data, order));
    Ok(())
}

fn spectrum_image(settings: &Value, planes: &SpectrumImage) -> Signal {
    let mut axes = field_axes(&settings["BinaryResult"], planes.field()).to_vec();
    axes.push(energy_axis("X-ray energy", planes.channels(), settings));
    let notes = vec!["the sum of all detectors and frames".to_owned()];
    let kind = Kind::Spectrum { axis: 2 };
    Signal { name: "EDS".to_owned(), dtype: planes.dtype(), axes, kind, metadata: metadata(settings), notes }
}

/// Rows and columns. Both have the unit that makes the width a handy number.
fn field_axes(result: &Value, [height, width]: [usize; 2]) -> Vec<Axis> {
    let of = |group: &str, name: &str| number(&result[group][name]);
    let (x, y) = (of("PixelSize", "width").unwrap_or(1.0), of("PixelSize", "height").unwrap_or(1.0));
    let unit = result["PixelUnitX"].as_str().unwrap_or_default();
    let (factor, unit) = match unit.split_once('/') {
        Some((_, base)) => {
            let (factor, prefix) = prefix(x * width as f64 / 2.0, -1);
            (factor, format!("1 / {prefix}{}", base.trim()))
        }
        None if unit.is_empty() => (1.0, String::new()),
        None => {
            let (factor, prefix) = prefix(x * width as f64 / 2.0, 1);
            (factor, format!("{prefix}{unit}"))
        }
    };
    let offset = |name: &str| of("Offset", name).unwrap_or(0.0) * factor;
    vec![
        Axis::new("y", height, y * factor, offset("y"), &unit),
        Axis::new("x", width, x * factor, offset("x"), &unit),
    ]
}

/// The prefix of a unit to the power `power` (1 or -1) with which `value` lies between 1 and 1000, and
/// the factor to get there.
fn prefix(value: f64, power: i32) -> (f64, &'static str) {
    const PREFIXES: [(i32, &str); 8] =
        [(-15, "f"), (-12, "p"), (-9, "n"), (-6, "µ"), (-3, "m"), (0, ""), (3, "k"), (6, "M")];
    if value == 0.0 || !value.is_finite() {
        return (1.0, "");
    }
    let thousands = value.abs().log10() / f64::from(power) / 3.0;
    let thousands = if power > 0 { thousands.floor() } else { thousands.ceil() };
    let digits = (thousands * 3.0).clamp(-15.0, 6.0) as i32;
    let name = PREFIXES.iter().find(|(of, _)| *of == digits).map_or("", |(_, name)| name);
    (10_f64.powi(-digits * power), name)
}

fn energy_axis(name: &str, channels: usize, settings: &Value) -> Axis {
    let wanted = settings["BinaryResult"]["Detector"].as_str().unwrap_or_default();
    let detectors = settings["Detectors"].as_object();
    let calibration = detectors.into_iter().flat_map(|all| all.values()).find_map(|detector| {
        detector["DetectorName"].as_str().filter(|name| name.contains(wanted))?;
        Some((number(&detector["Dispersion"])?, number(&detector["OffsetEnergy"])?))
    });
    match calibration {
        Some((dispersion, offset)) => Axis::new(name, channels, dispersion / 1000.0, offset / 1000.0, "keV"),
        None => Axis::counting(name, channels),
    }
}
