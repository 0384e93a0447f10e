//! Locating and restoring.

use crate::errors::wrong;
use crate::images::{Sides, pixel_size, usable};
use crate::model::{Model, task};
use crate::run::{Watcher, run};
use adatom::{AtomRow, Error, FitOptions, Localiser, LocateSettings, Restored, Scale};
use adatom_locate::{NoiseModel, Sampling, Shape};
use adatom_network::Maps;
use ndarray::Array2;
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How columns are found, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    method: String,
    scale: Value,
    threshold: f64,
    shape: String,
    sampling: String,
    gain: Option<f64>,
    offset: f64,
    descan: bool,
}

/// The scale that JSON tells.
pub fn scale(value: &Value) -> PyResult<Scale> {
    match value {
        Value::Number(number) => Ok(Scale::Fixed(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) => text.parse().map_err(|error: Error| wrong(error.to_string())),
        other => Err(wrong(format!("scale is {other}; it must be a text or a number"))),
    }
}

impl Settings {
    fn resolve(&self) -> PyResult<LocateSettings> {
        let unknown = |name: &str, value: &str, known: &str| {
            wrong(format!("{name} is {value:?}; it must be one of {known}"))
        };
        let method = Localiser::from_name(&self.method).ok_or_else(|| {
            unknown("method", &self.method, &Localiser::ALL.map(Localiser::name).join(", "))
        })?;
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(wrong(format!("threshold is {}; it must be 0 to 1", self.threshold)));
        }
        if self.descan && !method.fits() {
            return Err(wrong(format!(
                "descan needs the method gaussian, mle or auto; it is {}",
                self.method
            )));
        }
        let noise = match self.gain {
            Some(gain) if gain > 0.0 && gain.is_finite() && self.offset.is_finite() => {
                Some(NoiseModel::counting(gain, self.offset, 0.0))
            }
            Some(gain) => return Err(wrong(format!("gain is {gain}; it must be a positive number"))),
            None => None,
        };
        let fit = FitOptions {
            shape: match self.shape.as_str() {
                "round" => Shape::Round,
                "elliptical" => Shape::Elliptical,
                other => return Err(unknown("shape", other, "round, elliptical")),
            },
            sampling: match self.sampling.as_str() {
                "point" => Sampling::Point,
                "integrated" => Sampling::Integrated,
                other => return Err(unknown("sampling", other, "point, integrated")),
            },
            noise,
            descan: self.descan,
        };
        Ok(LocateSettings { scale: scale(&self.scale)?, method, threshold: self.threshold, fit })
    }
}

/// Finds the columns of an image: a dictionary of the table's columns, the maps, and the rest as JSON.
#[pyfunction]
#[pyo3(signature = (model, image, name, pixel, settings, progress))]
pub fn locate<'py>(
    py: Python<'py>,
    model: &Model,
    image: PyReadonlyArray2<'py, f32>,
    name: PathBuf,
    pixel: Sides,
    settings: &str,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>, String)> {
    let settings: Settings = serde_json::from_str(settings).map_err(|error| wrong(error.to_string()))?;
    let settings = settings.resolve()?;
    let pixel = pixel_size(pixel)?;
    let image = usable(py, &image, name)?;
    let (located, rows) = run(py, progress, |caller| {
        let model = &model.loaded;
        let restored = Restored::new(&image, pixel, model, &settings, &mut Watcher(caller))?;
        // Fits don't ask.
        if caller.stopped() {
            return Err(Error::Stopped);
        }
        let located = restored.into_located(&image, pixel, model, &settings);
        let rows = located.rows(pixel);
        Ok((located, rows))
    })?;
    let seconds: serde_json::Map<String, Value> =
        located.seconds.iter().map(|(name, s)| ((*name).to_owned(), json!(s))).collect();
    let displaced = located.fit.as_ref().and_then(|fit| fit.rows.as_ref());
    let rest = json!({
        "scale": located.scale,
        "fit": located.fit,
        "rows": displaced,
        "warnings": located.warnings,
        "seconds": seconds,
    });
    Ok((table(py, rows)?, maps(py, located.maps)?, rest.to_string()))
}

/// What of an image is restored, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restoring {
    scale: Value,
    tasks: Vec<String>,
}

/// Restores an image: the maps of some tasks, and the scale and warnings as JSON.
#[pyfunction]
#[pyo3(signature = (model, image, name, pixel, restoring, progress))]
pub fn restore<'py>(
    py: Python<'py>,
    model: &Model,
    image: PyReadonlyArray2<'py, f32>,
    name: PathBuf,
    pixel: Sides,
    restoring: &str,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyDict>, String)> {
    let restoring: Restoring = serde_json::from_str(restoring).map_err(|error| wrong(error.to_string()))?;
    let scale = scale(&restoring.scale)?;
    let tasks = restoring.tasks.iter().map(|name| task(name)).collect::<PyResult<Vec<_>>>()?;
    let pixel = pixel_size(pixel)?;
    let image = usable(py, &image, name)?;
    let restored = run(py, progress, |caller| {
        adatom::restore(&image, pixel, &model.loaded, scale, &tasks, &mut Watcher(caller))
    })?;
    let rest = json!({ "scale": restored.scale, "warnings": restored.warnings });
    Ok((maps(py, restored.maps)?, rest.to_string()))
}

fn maps(py: Python<'_>, maps: Maps) -> PyResult<Bound<'_, PyDict>> {
    let dictionary = PyDict::new(py);
    for (task, map) in maps {
        dictionary.set_item(task.name(), into_c_order(map).into_pyarray(py))?;
    }
    Ok(dictionary)
}

/// The same array with its rows one after the other.
fn into_c_order(map: Array2<f32>) -> Array2<f32> {
    if map.is_standard_layout() { map } else { map.as_standard_layout().into_owned() }
}

fn table(py: Python<'_>, rows: Vec<AtomRow>) -> PyResult<Bound<'_, PyDict>> {
    let columns = PyDict::new(py);
    columns.set_item("id", rows.iter().map(|row| row.id as i64).collect::<Vec<_>>().into_pyarray(py))?;
    type Number = (&'static str, fn(&AtomRow) -> f64);
    let before: [Number; 8] = [
        ("x_px", |row| row.x_px),
        ("y_px", |row| row.y_px),
        ("x_angstrom", |row| row.x_angstrom),
        ("y_angstrom", |row| row.y_angstrom),
        ("intensity", |row| row.intensity),
        ("background", |row| row.background),
        ("radius_px", |row| row.radius_px),
        ("score", |row| row.score),
    ];
    let after: [Number; 8] = [
        ("x_std_px", |row| row.x_std_px),
        ("y_std_px", |row| row.y_std_px),
        ("x_std_angstrom", |row| row.x_std_angstrom),
        ("y_std_angstrom", |row| row.y_std_angstrom),
        ("sigma_major_px", |row| row.sigma_major_px),
        ("sigma_minor_px", |row| row.sigma_minor_px),
        ("angle_deg", |row| row.angle_deg),
        ("height", |row| row.height),
    ];
    let numbers = |list: [Number; 8]| -> PyResult<()> {
        for (name, of) in list {
            columns.set_item(name, rows.iter().map(of).collect::<Vec<_>>().into_pyarray(py))?;
        }
        Ok(())
    };
    numbers(before)?;
    columns.set_item("flags", rows.iter().map(|row| row.flags.as_str()).collect::<Vec<_>>())?;
    numbers(after)?;
    Ok(columns)
}
