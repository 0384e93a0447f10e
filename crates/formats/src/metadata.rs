//! How an image was taken, in one schema for every format.

use serde::Serialize;
use serde_json::{Map, Value};

/// The settings of an acquisition that matter; what a file doesn't say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metadata {
    /// What the user called it.
    pub title: Option<String>,
    /// When it was taken: ISO 8601 where the file's form is understood, otherwise as it stands there.
    pub date: Option<String>,
    /// Name of the microscope.
    pub microscope: Option<String>,
    /// Who took it.
    pub operator: Option<String>,
    /// STEM, TEM, DIFFRACTION and the like, as the file says.
    pub mode: Option<String>,
    /// Beam energy (kV).
    pub energy_kv: Option<f64>,
    /// Convergence semi-angle of the probe (mrad).
    pub semiangle_mrad: Option<f64>,
    /// Name of the detector or camera.
    pub detector: Option<String>,
    /// Inner collection angle of the detector (mrad).
    pub inner_mrad: Option<f64>,
    /// Outer collection angle of the detector (mrad).
    pub outer_mrad: Option<f64>,
    /// Time at one position of the probe (µs).
    pub dwell_us: Option<f64>,
    /// Exposure of a camera, or of a whole frame (s).
    pub exposure_s: Option<f64>,
    /// Beam current (pA).
    pub current_pa: Option<f64>,
    /// Magnification.
    pub magnification: Option<f64>,
    /// Camera length (mm).
    pub camera_length_mm: Option<f64>,
    /// Rotation of the scan (°).
    pub scan_rotation_deg: Option<f64>,
    /// Defocus (nm), positive overfocus as the file says it.
    pub defocus_nm: Option<f64>,
    /// Tilts of the stage (°), alpha and beta.
    pub stage_tilt_deg: Option<[f64; 2]>,
}

impl Metadata {
    /// What is known, by the fields' names.
    #[must_use]
    pub fn known(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        }
    }
}

/// The number, if it is one that says something.
pub(crate) fn stated(value: f64) -> Option<f64> {
    (value.is_finite() && value != 0.0).then_some(value)
}

/// The number times `factor`, rounded where that only undoes the noise of a change of units.
pub(crate) fn scaled(value: f64, factor: f64) -> Option<f64> {
    let product = value * factor;
    let digits = 12 - product.abs().log10().floor().clamp(-290.0, 290.0) as i32;
    let unit = 10_f64.powi(digits);
    let rounded = (product * unit).round() / unit;
    stated(if rounded.is_finite() { rounded } else { product })
}

/// The text without blanks around it, if anything is left.
pub(crate) fn worded(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}
