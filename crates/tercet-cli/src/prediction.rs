//! What a model says of one picture, or of the features of one example: the same for `tercet predict` and `tercet serve`.

use serde_json::{Map, Value, json};
use tercet::Dataset;
use tercet::image::Prepared;
use tercet::model::{Classifier, ModelFile};
use tercet::neighbors::Explanation;

use crate::ensemble::{Ensemble, gives_probabilities};

/// What a model says of an example.
pub struct Answer {
    /// (C): probabilities where the model gives any, shares of the vote, or plain scores.
    pub scores: Vec<f32>,
    /// Who voted for it, where neighbours did.
    pub explanation: Option<Explanation>,
}

/// A prepared picture as the only example of a set.
pub fn example(model: &ModelFile, prepared: &Prepared) -> tercet::Result<Dataset> {
    let (classes, pixels) = (model.card.classes.clone(), prepared.picture.pixels().to_vec());
    Dataset::from_pixels("picture", prepared.picture.shape(), pixels, vec![0], classes)
}

/// Asks about the only example of a set.
pub fn classify(ensemble: &Ensemble, data: &Dataset) -> tercet::Result<Answer> {
    let model = ensemble.first();
    if let (Classifier::Neighbors(neighbors), true) = (&model.classifier, ensemble.is_plain()) {
        let explanation = neighbors.explain(&neighbors.search(data)?, 0)?;
        let scores = explanation.shares.clone();
        return Ok(Answer { scores, explanation: Some(explanation) });
    }
    let mut scores = ensemble.scores(data)?.row(0).to_vec();
    if ensemble.models.len() == 1 && gives_probabilities(model) {
        tercet::loss::probabilities(&mut scores);
    }
    Ok(Answer { scores, explanation: None })
}

/// What the number beside a class is.
pub fn score_name(ensemble: &Ensemble) -> &'static str {
    let model = ensemble.first();
    match model.classifier {
        _ if ensemble.models.len() > 1 => "probability",
        Classifier::Neighbors(_) => "votes",
        _ if gives_probabilities(model) => "probability",
        _ => "score",
    }
}

/// The score of each class by its name.
pub fn scores_to_json(model: &ModelFile, scores: &[f32]) -> Map<String, Value> {
    model.card.classes.iter().cloned().zip(scores.iter().map(|&score| json!(score))).collect()
}

/// What was done to a picture, in words.
pub fn steps(prepared: &Prepared) -> Vec<String> {
    prepared.stages.iter().map(|stage| format!("{:?}", stage.step).to_lowercase()).collect()
}
