//! Libraries on disk.

use crate::errors::{exception, out_of_range, wrong};
use adatom_archive::{Label, RecordIndex};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

/// A complete library on disk.
#[pyclass(frozen, module = "adatom._adatom")]
pub struct Library {
    library: adatom_archive::Library,
    index: RecordIndex,
}

#[pymethods]
impl Library {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| {
            let library = adatom_archive::Library::open(&path).map_err(exception)?;
            let index = library.index().map_err(exception)?;
            Ok(Self { library, index })
        })
    }

    /// What the library is, as JSON.
    fn manifest(&self) -> String {
        serde_json::to_string(self.library.manifest()).unwrap_or_default()
    }

    /// Names of the images that it has of each sample.
    fn labels(&self) -> Vec<&'static str> {
        let labels = self.library.manifest().labels.iter();
        labels.filter(|label| label.is_image()).map(|label| label.name()).collect()
    }

    /// Numbers of the samples.
    fn ids(&self) -> Vec<u64> {
        self.index.ids().collect()
    }

    /// The sample at a position: images of some labels, and its record as JSON.
    fn sample<'py>(
        &self,
        py: Python<'py>,
        position: usize,
        labels: Vec<String>,
    ) -> PyResult<(Bound<'py, PyDict>, String)> {
        let known = |name: &String| {
            let label = Label::from_name(name).filter(|label| label.is_image());
            label.ok_or_else(|| {
                wrong(format!("label is {name:?}; it must be one of {}", self.labels().join(", ")))
            })
        };
        let labels = labels.iter().map(known).collect::<PyResult<Vec<_>>>()?;
        let (record, images) = py.detach(|| {
            let record = self.index.record(position).map_err(exception)?;
            let record = record.ok_or_else(|| {
                out_of_range(format!("sample {position} was asked for; there are {}", self.index.ids().len()))
            })?;
            let image = |label: &Label| self.library.values(*label, &record).map_err(exception);
            let images = labels.iter().map(image).collect::<PyResult<Vec<_>>>()?;
            Ok::<_, PyErr>((record, images))
        })?;
        let named = PyDict::new(py);
        for (label, image) in labels.iter().zip(images) {
            named.set_item(label.name(), image.into_pyarray(py))?;
        }
        Ok((named, serde_json::to_string(&record).unwrap_or_default()))
    }
}
