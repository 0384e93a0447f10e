//! What Velox calls an image: the detector, the element, or what was computed.

use std::collections::HashMap;

use serde_json::Value;

use super::velox_metadata::detector;
use crate::metadata::worded;
use crate::tree::Group;

/// Names of images by their keys.
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Looks through what the file says about displays and operations.
    pub(super) fn new(tree: &Group) -> Self {
        let mut names = HashMap::new();
        operations(tree, &mut names);
        if tree.group("Data/SpectrumImage").is_some() {
            displays(tree, &mut names);
        }
        Self(names)
    }

    /// The name of an image; that of its detector if nothing else is said.
    pub(super) fn of(&self, key: &str, settings: &Value) -> Option<String> {
        let recorded = || {
            let detector = detector(settings).and_then(|detector| detector["DetectorName"].as_str());
            detector.or_else(|| settings["BinaryResult"]["Detector"].as_str()).and_then(worded)
        };
        self.0.get(key).cloned().or_else(recorded)
    }
}

/// The JSON that an array of texts starts with.
fn json(tree: &Group, path: &str) -> Value {
    let text = tree.array(path).and_then(|array| array.texts()).and_then(|texts| texts.into_iter().next());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
}

/// All JSON in a group, by the names of its arrays.
fn all<'a>(tree: &'a Group, path: &'a str) -> impl Iterator<Item = Value> + 'a {
    let names = tree.group(path).into_iter().flat_map(|group| group.arrays.keys());
    names.map(move |name| json(tree, &format!("{path}/{name}")))
}

/// The key of an image in a path to it.
fn key(path: &Value) -> Option<String> {
    path.as_str()?.rsplit('/').next().filter(|key| !key.is_empty()).map(str::to_owned)
}

/// Names of the operations that made images; the first that knows one counts.
fn operations(tree: &Group, names: &mut HashMap<String, String>) {
    let mut name = |path: &Value, name: Option<&str>| {
        if let (Some(key), Some(name)) = (key(path), name) {
            names.entry(key).or_insert_with(|| name.to_owned());
        }
    };
    for operation in all(tree, "Operations/CameraInputOperation") {
        name(&operation["dataPath"], operation["cameraName"].as_str());
    }
    for operation in all(tree, "Operations/StemInputOperation") {
        name(&operation["dataPath"], operation["detector"].as_str());
    }
    for operation in all(tree, "Operations/SurfaceReconstructionOperation") {
        let (plain, filtered) = match operation["integrationMode"].as_str() {
            Some("true") => ("iDPC", "Filtered iDPC"),
            _ => ("dDPC", "Filtered dDPC"),
        };
        name(&operation["unfilteredDataPath"], Some(plain));
        let is_filtered = operation["enableFilter"].as_str() == Some("true");
        name(&operation["dataPath"], Some(if is_filtered { filtered } else { plain }));
    }
    for operation in all(tree, "Operations/MathematicsOperation") {
        let segments = match operation["outputs"][0]["inputIndex"].as_str() {
            Some("0") => Some("A-C"),
            Some("1") => Some("B-D"),
            _ => None,
        };
        name(&operation["dataPath"], segments);
    }
    for operation in all(tree, "Operations/DpcOperation") {
        name(&operation["dataPath"], Some("DPC"));
    }
    for operation in all(tree, "Operations/IntegrationOperation") {
        name(&operation["dataPath"], Some("DCFI"));
    }
    for operation in all(tree, "Operations/FftOperation") {
        name(&operation["imageOutputPath"], Some("Half FFT"));
    }
}

/// Labels of the displays of a map: those of the elements. They go before the operations.
fn displays(tree: &Group, names: &mut HashMap<String, String>) {
    // Since version 11 a display refers to something shared that refers to the image.
    for display in all(tree, "Displays/ImageDisplay") {
        let shared = display["data"].as_str().map_or(Value::Null, |path| json(tree, path));
        if let (Some(key), Some(label)) = (key(&shared["dataPath"]), display["id"].as_str()) {
            names.insert(key, label.to_owned());
        }
    }
    for display in all(tree, "Presentation/Displays/ImageDisplay") {
        if let (Some(key), Some(label)) = (key(&display["dataPath"]), display["display"]["label"].as_str()) {
            names.insert(key, label.to_owned());
        }
    }
}
