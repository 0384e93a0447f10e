//! The native part of the Python package `adatom`: crate `adatom` for the package's Python, which
//! checks and documents what users give. Whatever takes long runs without the interpreter's lock, on
//! threads of this package alone, and ends when the user presses Ctrl-C.
//!
//! Structures go to Python as JSON, images and columns as NumPy arrays that own the memory of the results.

mod analyse;
mod errors;
mod generate;
mod images;
mod library;
mod locate;
mod model;
mod run;
mod threads;
mod train;

use pyo3::prelude::*;

#[pymodule]
mod _adatom {
    #[pymodule_export]
    use crate::analyse::{analyse, bound, precision};
    #[pymodule_export]
    use crate::errors::{AnalysisError, FormatError};
    #[pymodule_export]
    use crate::generate::{Generator, Stream};
    #[pymodule_export]
    use crate::images::{describe, parse_pixel_size, read_image};
    #[pymodule_export]
    use crate::library::Library;
    #[pymodule_export]
    use crate::locate::{locate, restore};
    #[pymodule_export]
    use crate::model::{Model, material_names, recipe_names};
    #[pymodule_export]
    use crate::threads::{set_threads, suggest_threads, threads};
    #[pymodule_export]
    use crate::train::{adapt, train};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
