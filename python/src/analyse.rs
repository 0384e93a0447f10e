//! What columns and planned experiments tell.

use crate::errors::wrong;
use crate::images::{pixel_size, usable};
use crate::model::Model;
use crate::run::{Watcher, run};
use adatom::{Experiment, LocateSettings};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use serde_json::json;
use std::path::PathBuf;

/// The lattice of columns at `positions` `[column, (x, y)]`, displacements, strain and spacings, as JSON.
#[pyfunction]
pub fn analyse(
    py: Python<'_>,
    positions: PyReadonlyArray2<'_, f64>,
    brightness: PyReadonlyArray1<'_, f64>,
) -> PyResult<String> {
    let places: Vec<(f64, f64)> =
        positions.as_array().rows().into_iter().map(|row| (row[0], row[1])).collect();
    let brightness = brightness.as_array().to_vec();
    let found = run(py, None, |_| adatom::analyse(&places, &brightness))?;
    let lattice = &found.lattice;
    Ok(json!({
        "origin": [lattice.origin.x, lattice.origin.y],
        "a": [lattice.a.x, lattice.a.y],
        "b": [lattice.b.x, lattice.b.y],
        "shape": found.shape,
        "sites": lattice.sites,
        "sigma": lattice.sigma,
        "places": lattice.places.iter().map(|p| p.map(|p| [p.i, p.j, p.site as i32])).collect::<Vec<_>>(),
        "residuals": lattice.residuals.iter().map(|r| r.map(|r| [r.x, r.y])).collect::<Vec<_>>(),
        "strain": found.strain.iter().map(|s| s.map(|s| [s.xx, s.yy, s.xy, s.rotation])).collect::<Vec<_>>(),
        "spacings": found.spacings,
    })
    .to_string())
}

/// How precisely the columns of an image are known, as JSON.
#[pyfunction]
#[pyo3(signature = (model, image, name, pixel, scale, progress))]
pub fn precision<'py>(
    py: Python<'py>,
    model: &Model,
    image: PyReadonlyArray2<'py, f32>,
    name: PathBuf,
    pixel: (f64, f64),
    scale: &str,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<String> {
    let scale = serde_json::from_str(scale).map_err(|error| wrong(error.to_string()))?;
    let settings = LocateSettings { scale: crate::locate::scale(&scale)?, ..LocateSettings::default() };
    let size = pixel_size(Some(pixel))?.ok_or_else(|| wrong("no pixel size"))?;
    let image = usable(py, &image, name)?;
    let found = run(py, progress, |caller| {
        adatom::precision(&image, size, &model.loaded, &settings, &mut Watcher(caller))
    })?;
    Ok(json!(found).to_string())
}

/// What an experiment, given as JSON, can tell, as JSON.
#[pyfunction]
pub fn bound(py: Python<'_>, experiment: &str) -> PyResult<String> {
    let experiment: Experiment =
        serde_json::from_str(experiment).map_err(|error| wrong(format!("experiment: {error}")))?;
    Ok(json!(run(py, None, |_| adatom::bound(&experiment))?).to_string())
}
