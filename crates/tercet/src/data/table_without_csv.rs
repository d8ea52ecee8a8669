//! Tables in a build without the feature `csv`: an error that names the feature.

use super::ReadOptions;
use super::content::Content;
use super::raw_subset::{Features, Labels, RawSubset};
use super::rows::{Found, Wanted};
use crate::{Error, Result};

/// The layout of a table, which cannot exist in this build.
pub(super) struct Layout {
    pub notes: Vec<String>,
    never: std::convert::Infallible,
}

pub(super) fn read(_: String, content: Content<'_>, _: &ReadOptions) -> Result<(RawSubset, Layout)> {
    Err(Error::feature(&content.path, "a table", "csv"))
}

pub(super) fn read_test(
    _: String,
    _: Content<'_>,
    _: &ReadOptions,
    like: &Layout,
) -> Result<Option<RawSubset>> {
    match like.never {}
}

pub(super) fn read_rows(content: Content<'_>, _: &ReadOptions, _: &Wanted<'_>) -> Result<(Features, Found)> {
    Err(Error::feature(&content.path, "a table", "csv"))
}

pub(super) fn read_labels(content: Content<'_>) -> Result<Labels> {
    Err(Error::feature(&content.path, "labels as text", "csv"))
}
