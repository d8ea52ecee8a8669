//! NPZ archives in a build without the feature `zip`: an error that names the feature.

use std::path::Path;

use super::Classes;
use super::raw_subset::RawSubset;
use crate::{Error, Result};

pub(super) fn read(_: &str, path: &Path) -> Result<(RawSubset, Option<RawSubset>, Option<Classes>)> {
    Err(Error::feature(path, "an NPZ or ZIP archive", "zip"))
}
