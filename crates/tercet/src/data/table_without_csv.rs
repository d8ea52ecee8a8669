//! Tables in a build without the feature `csv`: an error that names the feature.

use super::ReadOptions;
use super::content::Content;
use super::raw_subset::{Labels, RawSubset};
use crate::{Error, Result};

/// The layout of a table, which cannot exist in this build.
pub(super) enum Layout {}

pub(super) fn read(
    _: String,
    content: Content<'_>,
    _: &ReadOptions,
    _: Option<&Layout>,
) -> Result<(RawSubset, Layout)> {
    Err(Error::feature(&content.path, "a table", "csv"))
}

pub(super) fn read_labels(content: Content<'_>) -> Result<Labels> {
    Err(Error::feature(&content.path, "labels as text", "csv"))
}
