//! Picture files in a build without the feature `image`: an error that names it.

use std::path::Path;

use super::{Limits, Picture};
use crate::{Error, Result};

/// Reads a picture from a file; needs the feature `image`.
///
/// # Errors
/// Always: the feature is not turned on.
pub fn open(path: &Path) -> Result<Picture> {
    decode(&[], path)
}

/// The picture in `bytes`; needs the feature `image`.
///
/// # Errors
/// Always: the feature is not turned on.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Picture> {
    decode_within(bytes, path, Limits::MOST)
}

/// The picture in `bytes`, if it is within `limits`; needs the feature `image`.
///
/// # Errors
/// Always: the feature is not turned on.
pub fn decode_within(_: &[u8], path: &Path, _: Limits) -> Result<Picture> {
    Err(Error::feature(path, "a picture", "image"))
}

/// The width and height that the header of a picture claims; needs the feature `image`.
///
/// # Errors
/// Always: the feature is not turned on.
pub fn claimed_size(_: &[u8], path: &Path, _: Limits) -> Result<(u32, u32)> {
    Err(Error::feature(path, "a picture", "image"))
}
