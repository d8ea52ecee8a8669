//! Exporting models for other programs.
//!
//! [`onnx()`] writes any classifier as an ONNX model, which many runtimes and languages read; [`c()`] writes a network
//! or a linear classifier as C, for embedded systems.

mod c;
mod neighbors;
mod network;
mod onnx;
pub mod protobuf;
mod quantize;

pub use c::{COptions, CSource, c, name_in_c};
pub use onnx::{Options, onnx};
pub use quantize::quantize_int8;

use crate::model::Model;
use crate::network::Network;
use crate::preprocess::Step;
use crate::{Error, Result};

/// Rejects pixel steps, which no export supports.
fn check_pixel_steps(model: &Model) -> Result<()> {
    let is_exported =
        |step: &&Step| !matches!(step, Step::Invert | Step::Deskew | Step::SizeNormalize | Step::Blur { .. });
    match model.preprocessing().steps().iter().find(|step| !is_exported(step)) {
        None => Ok(()),
        Some(step) => {
            let expected = "a model without preprocessing of pixels";
            Err(Error::mismatch("preprocessing of the model to export", step, expected))
        }
    }
}

/// The network of a model, for raw input: pixels as value / 255, and features whose standardisation is folded into the
/// first layer. Its scores on such input are those of the model, up to rounding.
///
/// # Errors
/// Nearest neighbours, preprocessing of pixels, steps that cannot be folded into a layer, and non-finite weights.
pub fn network_of_raw_input(model: &Model) -> Result<&Network> {
    check_pixel_steps(model)?;
    let network = model.network_of_raw_input().ok_or_else(|| {
        let found = model.preprocessing().to_string();
        let expected = "steps that the first layer can contain: scale 255, or standardize of features whose means \
                        are at most 64 times their standard deviations";
        Error::mismatch("preprocessing of the model to export", found, expected)
    })?;
    if let Some(value) = network.first_non_finite() {
        return Err(Error::mismatch("a weight of the model to export", value, "finite numbers"));
    }
    Ok(network)
}

/// [`network_of_raw_input`] for an export that may read bytes.
///
/// # Errors
/// Those of [`network_of_raw_input`], and bytes for a model of features.
fn network_to_export(model: &Model, of_bytes: bool) -> Result<&Network> {
    if of_bytes && !model.preprocessing().input().pixels {
        let expected = "a model of pixels; these features enter as they are";
        return Err(Error::mismatch("input of the model to export as pixels", "features", expected));
    }
    network_of_raw_input(model)
}
