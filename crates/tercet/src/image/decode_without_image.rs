//! Picture files in a build without the feature `image`: an error that names the feature.

use std::path::Path;

use super::{Limits, Picture};
use crate::{Error, Result};

/// Reads a picture from a file; needs the feature `image`.
///
/// # Errors
/// Always: the feature is disabled.
pub fn open(path: &Path) -> Result<Picture> {
    decode(&[], path)
}

/// Decodes a picture; needs the feature `image`.
///
/// # Errors
/// Always: the feature is disabled.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Picture> {
    decode_within(bytes, path, Limits::MOST)
}

/// Decodes a picture within `limits`; needs the feature `image`.
///
/// # Errors
/// Always: the feature is disabled.
pub fn decode_within(_: &[u8], path: &Path, _: Limits) -> Result<Picture> {
    Err(Error::feature(path, "a picture", "image"))
}

/// The width and height that the header of a picture claims; needs the feature `image`.
///
/// # Errors
/// Always: the feature is disabled.
pub fn claimed_size(_: &[u8], path: &Path, _: Limits) -> Result<(u32, u32)> {
    Err(Error::feature(path, "a picture", "image"))
}
