//! Networks.

use crate::errors::{exception, wrong};
use adatom::LoadedModel;
use adatom_network::{DeviceChoice, Task};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;

/// The device of a name.
pub fn device(name: &str) -> PyResult<DeviceChoice> {
    match name {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        "gpu" => Ok(DeviceChoice::Gpu),
        _ => Err(wrong(format!("device is {name:?}; it must be auto, cpu or gpu"))),
    }
}

/// The task of a name.
pub fn task(name: &str) -> PyResult<Task> {
    let known = || Task::ALL.map(Task::name).join(", ");
    Task::from_name(name).ok_or_else(|| wrong(format!("task is {name:?}; it must be one of {}", known())))
}

/// The model at a path, or the built-in one.
pub fn read(path: Option<&PathBuf>) -> PyResult<adatom::Model> {
    path.map_or_else(adatom::Model::built_in, |path| adatom::Model::from_path(path)).map_err(exception)
}

/// A network on a device.
#[pyclass(frozen, module = "adatom._adatom")]
pub struct Model {
    model: adatom::Model,
    /// In a box: its arrays are aligned as Python's memory isn't.
    pub(crate) loaded: Box<LoadedModel>,
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (path, device))]
    fn new(py: Python<'_>, path: Option<PathBuf>, device: &str) -> PyResult<Self> {
        let device = self::device(device)?;
        py.detach(|| {
            let model = read(path.as_ref())?;
            let loaded = Box::new(model.clone().open(device).map_err(exception)?);
            Ok(Self { model, loaded })
        })
    }

    /// The model card as JSON.
    fn card(&self) -> String {
        serde_json::to_string(self.model.card()).unwrap_or_default()
    }

    /// The network as an ONNX file.
    fn to_onnx<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.model.to_onnx())
    }

    /// The weights as a safetensors file.
    fn to_safetensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.model.weights().to_bytes().map_err(exception)?))
    }
}

/// Names of the built-in recipes.
#[pyfunction]
pub fn recipe_names() -> Vec<&'static str> {
    adatom_library::recipe_names().collect()
}

/// Names of the built-in materials.
#[pyfunction]
pub fn material_names() -> Vec<&'static str> {
    adatom_library::material_names().collect()
}
