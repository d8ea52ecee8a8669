//! The core's errors as Python's exceptions.

use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyFloatingPointError, PyOSError, PyValueError};
use tercet::Error;

/// The exception that says what a core's error says.
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
