//! Robustness: accuracy on corrupted images.

use tercet::Dataset;
use tercet::evaluate::{CORRUPTION_SEED, CorruptedEvaluation, Corruption, Evaluation, corrupt};
use tercet_report::ModelCard;

use crate::ensemble::Ensemble;
use crate::progress::Stage;
use crate::table::{self, percent, with_header};
use crate::{interrupt, output};

/// The accuracy on each kind of corrupted images. `None` if Ctrl-C interrupted it.
pub fn evaluate(
    name: &str,
    ensemble: &Ensemble,
    test: &Dataset,
) -> anyhow::Result<Option<Vec<CorruptedEvaluation>>> {
    let stage = Stage::new(format!("{name}, corrupted images"), Corruption::ALL.len());
    let (labels, mut found) = (test.labels(), Vec::new());
    for (done, corruption) in Corruption::ALL.into_iter().enumerate() {
        if interrupt::was_asked() {
            return Ok(None);
        }
        stage.at(done);
        stage.note(corruption.to_string());
        let pictures = corrupt(test, corruption, CORRUPTION_SEED)?;
        let evaluation = Evaluation::from_scores(&ensemble.scores(&pictures)?, labels, test.classes())?;
        found.push(CorruptedEvaluation::of(corruption, &evaluation));
    }
    stage.done("");
    Ok(Some(found))
}

/// Prints the accuracies of the models on corrupted images.
pub fn print(models: &[ModelCard]) -> anyhow::Result<()> {
    let header: Vec<&str> =
        std::iter::once("corruption").chain(models.iter().map(|model| model.name.as_str())).collect();
    let mut rows = with_header(&header);
    let none = models.iter().map(|model| percent(model.evaluation.accuracy));
    rows.add_row(std::iter::once("none".to_owned()).chain(none));
    for (row, corruption) in Corruption::ALL.into_iter().enumerate() {
        let left = models.iter().map(|model| {
            model.robustness.get(row).map_or("–".to_owned(), |corrupted| percent(corrupted.accuracy))
        });
        rows.add_row(std::iter::once(corruption.to_string()).chain(left));
    }
    output::print("")?;
    table::print(&rows)
}
