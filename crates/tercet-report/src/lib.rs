//! Reports and figures for Tercet's runs.
//!
//! [`Run`] is the record of a run: plain data that serde reads and writes. [`write()`] renders it as a single HTML file
//! that works offline, in light and dark, and loads nothing; [`Run::to_json`] gives programs the same numbers.
//! [`figures()`] returns its charts as separate files.
//!
//! There are three other pages: [`write_explained`] shows pictures next to the neighbours that classified them,
//! [`tuning`] the trials of a hyper-parameter search, and [`choice_of_k`] the accuracy against the number of
//! neighbours.
//!
//! ```
//! use tercet::data::Dataset;
//! use tercet::image::ImageShape;
//! use tercet::evaluate::Evaluation;
//! use tercet_report::{ModelCard, Run};
//!
//! let classes = vec!["dark".to_owned(), "light".to_owned()];
//! let test = Dataset::from_pixels("toy", ImageShape::gray(2, 1), vec![0, 9, 250, 255], vec![0, 1], classes)?;
//! let evaluation = Evaluation::from_predictions(&[0, 0], &test.labels(), test.classes())?;
//! let run = Run {
//!     title: "Always dark".into(),
//!     models: vec![ModelCard::new("constant", "a guess", evaluation)],
//!     ..Run::default()
//! };
//! let page = tercet_report::render(&run, &test)?;
//! assert!(page.starts_with("<!DOCTYPE html>"));
//! # Ok::<(), tercet::Error>(())
//! ```

mod chart;
mod check;
pub mod choice_of_k;
mod confidence;
mod corrupted;
mod curves;
mod explained;
mod figure;
mod model;
mod numbers;
mod page;
mod pictures;
mod record;
mod sprites;
mod templates;
#[cfg(test)]
mod tests;
pub mod tuning;

use std::path::Path;

pub use check::DataCheck;
pub use confidence::{Confidence, Scaled};
pub use curves::{Quantity, trainings};
pub use explained::{Explained, render_explained, write_explained};
pub use figure::{Picture, write_pictures};
pub use record::{
    AccuracyAtK, AccuracyByK, Comparison, DataCard, ModelCard, NeighborCard, NeighborStory, Run, Templates,
};

use tercet::Result;
use tercet::data::Dataset;

/// The page of a run as HTML. `test` is the test set that the models were evaluated on, in the same order.
///
/// # Errors
/// A record that does not fit this test set: different counts or classes, or indices out of range.
pub fn render(run: &Run, test: &Dataset) -> Result<String> {
    page::page(run, test)
}

/// Writes the page of a run to the file at `path`.
///
/// The page is written to a temporary file next to `path` and renamed, so that readers never see an incomplete page,
/// and an existing file is unchanged if writing fails.
///
/// # Errors
/// Those of [`render`], and a file that cannot be written.
pub fn write(path: &Path, run: &Run, test: &Dataset) -> Result<()> {
    tercet::file::replace(path, render(run, test)?.as_bytes())
}

/// The charts of a run and the weights of its models as separate files: `linear-loss.svg`, `linear-weights.png`, …. The
/// second of two models with the same name becomes `linear-2`.
///
/// # Errors
/// A chart that cannot be drawn.
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
