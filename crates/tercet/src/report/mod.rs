//! One self-contained page for a run: what was done, how well it went, and the pictures that show why.
//!
//! [`Run`] is the record, plain data that serde reads and writes. [`write()`] draws it as a single HTML file that
//! opens offline, light and dark, and loads nothing; [`Run::to_json`] gives the same numbers to programs.
//!
//! ```
//! use tercet::data::{Dataset, ImageShape};
//! use tercet::evaluate::Evaluation;
//! use tercet::report::{self, ModelCard, Run};
//!
//! let classes = vec!["dark".to_owned(), "light".to_owned()];
//! let test = Dataset::from_pixels("toy", ImageShape::gray(2, 1), vec![0, 9, 250, 255], vec![0, 1], classes)?;
//! let evaluation = Evaluation::from_predictions(&[0, 0], &test.labels(), test.classes())?;
//! let run = Run {
//!     title: "Always dark".into(),
//!     models: vec![ModelCard::new("constant", "a guess", evaluation)],
//!     ..Run::default()
//! };
//! let page = report::render(&run, &test)?;
//! assert!(page.starts_with("<!DOCTYPE html>"));
//! # Ok::<(), tercet::Error>(())
//! ```

pub(crate) mod chart;
mod curves;
mod model;
pub(crate) mod numbers;
pub(crate) mod page;
mod pictures;
mod record;
mod sprites;
mod templates;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;

pub use record::{
    AccuracyAtK, AccuracyByK, Comparison, DataCard, ModelCard, NeighborCard, NeighborStory, Run, Templates,
};

use crate::data::Dataset;
use crate::{Error, Result};

/// The page of a run as HTML. `test` is the test set that the models were evaluated on, in the same order.
///
/// # Errors
/// Where the record does not speak of this test set: counts, classes or indices that do not fit it.
pub fn render(run: &Run, test: &Dataset) -> Result<String> {
    page::page(run, test)
}

/// Writes the page of a run into the file at `path`.
///
/// The file is written beside its place and then moved there, so that a reader never sees half a page and a failed
/// write leaves an older page as it was.
///
/// # Errors
/// Those of [`render`], and a place that cannot be written.
pub fn write(path: &Path, run: &Run, test: &Dataset) -> Result<()> {
    write_page(path, &render(run, test)?)
}

/// Writes a page beside its place, then moves it there.
pub(crate) fn write_page(path: &Path, page: &str) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".report-").suffix(".html");
    // Temporary files are private; a report is as readable as any other file that its owner makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(Error::file("write", path))?;
    file.write_all(page.as_bytes()).map_err(Error::file("write", path))?;
    file.as_file().sync_all().map_err(Error::file("write", path))?;
    file.persist(path).map_err(|error| Error::file("write", path)(error.error))?;
    Ok(())
}
