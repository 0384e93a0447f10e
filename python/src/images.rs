//! Images from files and from arrays.

use crate::errors::{exception, wrong};
use adatom_formats::{Image, ImageInfo, PixelSize, Selection, Virtual};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use serde_json::json;
use std::path::PathBuf;

/// Width and height of a pixel \[Å\].
pub type Sides = Option<(f64, f64)>;

/// A pixel size that can be true.
pub fn pixel_size(sides: Sides) -> PyResult<Option<PixelSize>> {
    sides.map(|(x, y)| PixelSize::new(x, y)).transpose().map_err(|error| wrong(error.to_string()))
}

/// Reads an image: its pixels, the width and height of one in Å if they are known, and what is known of it as JSON.
#[pyfunction]
#[pyo3(signature = (path, signal, frame, virtual_band))]
pub fn read_image<'py>(
    py: Python<'py>,
    path: PathBuf,
    signal: Option<String>,
    frame: Option<usize>,
    virtual_band: Option<(f64, f64)>,
) -> PyResult<(Bound<'py, PyArray2<f32>>, Sides, String)> {
    let virtual_image = virtual_band.map(|(from, to)| match (from, to) {
        (f64::NEG_INFINITY, f64::INFINITY) => Virtual::Sum,
        _ => Virtual::Band { from, to },
    });
    let selection = Selection { signal, frame, virtual_image };
    let image = py.detach(|| adatom_formats::read_image(&path, &selection)).map_err(exception)?;
    let sides = image.pixel_size.map(|size| (size.x_angstrom, size.y_angstrom));
    let source = &image.source;
    let known = json!({
        "format": source.format,
        "signal": source.signal,
        "sample_type": source.sample_type,
        "frame": source.frame,
        "frames": source.frames,
        "metadata": source.metadata.known(),
        "notes": source.notes,
    });
    Ok((image.data.into_pyarray(py), sides, known.to_string()))
}

/// What is in a file, as JSON: the signals with their axes, metadata, warnings.
#[pyfunction]
pub fn describe(py: Python<'_>, path: PathBuf, stats: bool, tags: bool) -> PyResult<String> {
    py.detach(|| {
        let file = adatom_formats::open(&path).map_err(exception)?;
        let value = adatom::describe(&file, stats, tags).map_err(exception)?;
        Ok(value.to_string())
    })
}

/// Width and height in Å of a pixel such as `9.4pm`.
#[pyfunction]
pub fn parse_pixel_size(text: &str) -> PyResult<(f64, f64)> {
    let size = PixelSize::parse(text).map_err(|error| wrong(error.to_string()))?;
    Ok((size.x_angstrom, size.y_angstrom))
}

/// An image as the native part works on it, called `name` in messages, in which columns can be looked for.
pub fn usable(py: Python<'_>, image: &PyReadonlyArray2<'_, f32>, name: PathBuf) -> PyResult<Array2<f32>> {
    let view = image.as_array();
    py.detach(|| {
        let source = ImageInfo { path: name, ..ImageInfo::default() };
        let image = Image { data: view.to_owned(), pixel_size: None, source };
        image.check_finite().and_then(|()| image.check_usable(8)).map_err(exception)?;
        Ok(image.data)
    })
}
