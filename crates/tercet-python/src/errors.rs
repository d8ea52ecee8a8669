//! Converts the core's errors to Python exceptions.

use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyFloatingPointError, PyOSError, PyValueError};
use tercet::Error;

/// The exception for an error of the core.
pub fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            PyFileNotFoundError::new_err(text)
        }
        Error::File { .. } => PyOSError::new_err(text),
        Error::Diverged { .. } => PyFloatingPointError::new_err(text),
        _ => PyValueError::new_err(text),
    }
}
