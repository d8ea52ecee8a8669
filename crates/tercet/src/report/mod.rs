//! One self-contained page for a run: what was done, how well it went, and the pictures that show why. Another,
//! [`write_explained`], shows pictures of one's own beside the neighbours that classified them.
//!
//! [`Run`] is the record, plain data that serde reads and writes. [`write()`] draws it as a single HTML file that
//! opens offline, light and dark, and loads nothing; [`Run::to_json`] gives the same numbers to programs.
//!
//! ```
//! use tercet::data::Dataset;
//! use tercet::image::ImageShape;
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
mod check;
mod confidence;
pub(crate) mod curves;
mod disturbed;
mod explained;
pub(crate) mod figure;
mod model;
pub(crate) mod numbers;
pub(crate) mod page;
mod pictures;
mod record;
mod sprites;
mod templates;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use check::DataCheck;
pub use confidence::{Confidence, Scaled};
pub use curves::{Quantity, trainings};
pub use explained::{Explained, render_explained, write_explained};
pub use figure::{Picture, write_pictures};
pub use record::{
    AccuracyAtK, AccuracyByK, Comparison, DataCard, ModelCard, NeighborCard, NeighborStory, Run, Templates,
};

use crate::Result;
use crate::data::Dataset;

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
    crate::file::replace(path, render(run, test)?.as_bytes())
}

/// The charts of a run as pictures that stand alone, and the weights of its models: `linear-loss.svg`, `linear-weights.png`,
/// …. The second of two models with the same name is `linear-2`.
///
/// # Errors
/// A chart that could not be drawn.
pub fn figures(run: &Run) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for (i, model) in run.models.iter().enumerate() {
        let name = figure::file_name(&model.name);
        let before = run.models[..i].iter().filter(|other| figure::file_name(&other.name) == name).count();
        let name = if before == 0 { name } else { format!("{name}-{}", before + 1) };
        let mut charts = match &model.history {
            Some(history) => curves::training(history, &name)?,
            None => Vec::new(),
        };
        if let Some(by_k) = &model.accuracy_by_k {
            charts.extend(curves::accuracy_by_k(by_k, &name)?);
        }
        if let Some(confidence) = &model.confidence {
            charts.extend(confidence::figures(confidence, &model.evaluation, &name)?);
        }
        pictures.extend(charts.iter().map(|chart| Picture::of(chart.id.clone(), chart)));
        for (layer, of_layer) in model.templates.iter().enumerate() {
            let number = if layer == 0 { String::new() } else { format!("-{}", layer + 1) };
            let picture = templates::picture(of_layer)?;
            pictures.extend(
                picture.map(|content| Picture { name: format!("{name}-weights{number}.png"), content }),
            );
        }
    }
    Ok(pictures)
}
