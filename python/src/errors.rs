//! Errors as Python's exceptions, with the same messages.

use adatom::Error;
use adatom_archive::ArchiveError;
use adatom_formats::FormatError as Format;
use adatom_library::LibraryError;
use adatom_network::NetworkError;
use pyo3::exceptions::{
    PyFileExistsError, PyFileNotFoundError, PyIndexError, PyKeyboardInterrupt, PyOSError, PyPermissionError,
    PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;
use std::io;

pyo3::create_exception!(
    adatom,
    FormatError,
    PyValueError,
    "A file that can't be used: damaged, of an unknown format, or without what was asked for."
);
pyo3::create_exception!(
    adatom,
    AnalysisError,
    PyValueError,
    "Columns without the lattice that was asked for."
);

/// A computation that could not be done.
pub fn failed(message: impl Into<String>) -> PyErr {
    PyRuntimeError::new_err(message.into())
}

/// A setting that can't be used.
pub fn wrong(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

/// The exception of an error.
pub fn exception(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let message = error.to_string();
    match &error {
        Error::Format(error) => of_format(error, message),
        Error::Library(error) | Error::Network(NetworkError::Library(error)) => of_library(error, message),
        Error::Archive(ArchiveError::Format(error)) => of_format(error, message),
        Error::Archive(ArchiveError::Library(error)) => of_library(error, message),
        Error::Archive(ArchiveError::Io { source, .. }) | Error::Network(NetworkError::Io { source, .. }) => {
            of_io(source, message)
        }
        Error::Archive(ArchiveError::Content { .. } | ArchiveError::Setting { .. }) => wrong(message),
        Error::Stopped => PyKeyboardInterrupt::new_err(message),
        Error::Network(NetworkError::Weights { .. } | NetworkError::Setting { .. }) => wrong(message),
        Error::Network(_) => failed(message),
        Error::Analysis(_) => AnalysisError::new_err(message),
        Error::Input { path, .. } if !path.exists() => PyFileNotFoundError::new_err(message),
        Error::Input { .. } | Error::Setting { .. } => wrong(message),
    }
}

/// A sample that a library has not.
pub fn out_of_range(message: String) -> PyErr {
    PyIndexError::new_err(message)
}

fn of_format(error: &Format, message: String) -> PyErr {
    match error {
        Format::NotFound { .. } => PyFileNotFoundError::new_err(message),
        Format::Occupied { .. } => PyFileExistsError::new_err(message),
        Format::Unreadable { source, .. } | Format::Unwritable { source, .. } => of_io(source, message),
        _ => FormatError::new_err(message),
    }
}

fn of_library(error: &LibraryError, message: String) -> PyErr {
    match error {
        LibraryError::Io { source, .. } => of_io(source, message),
        LibraryError::UnknownRecipe { .. } => PyFileNotFoundError::new_err(message),
        _ => wrong(message),
    }
}

fn of_io(error: &io::Error, message: String) -> PyErr {
    match error.kind() {
        io::ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
        io::ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
        io::ErrorKind::AlreadyExists => PyFileExistsError::new_err(message),
        _ => PyOSError::new_err(message),
    }
}
