//! The prediction for one picture, or for the features of one example: the same for `tercet predict` and
//! `tercet serve`.

use serde_json::{Map, Value, json};
use tercet::Model;
use tercet::data::Examples;
use tercet::image::Picture;
use tercet::model::ScoreKind;
use tercet::neighbors::Explanation;
use tercet::preprocess::{Prepared, Preprocessing};

use crate::ensemble::Ensemble;

/// The prediction for an example.
pub struct Prediction {
    /// (C): probabilities if the model has them, shares of the vote, or scores.
    pub scores: Vec<f32>,
    /// The neighbours that voted, for nearest neighbours.
    pub explanation: Option<Explanation>,
}

/// Classifies a picture of any size. The preprocessing that is returned is that of the first model.
pub fn of_picture(ensemble: &Ensemble, picture: &Picture) -> tercet::Result<(Prepared, Prediction)> {
    let prepared = ensemble.first().prepare(picture)?;
    let prediction = match ensemble.is_plain() {
        true => of_example(ensemble, &prepared.examples())?,
        false => shown(ensemble, ensemble.scores_of_picture(picture)?.row(0).to_vec()),
    };
    Ok((prepared, prediction))
}

/// Classifies the only example of a set.
pub fn of_example(ensemble: &Ensemble, example: &Examples) -> tercet::Result<Prediction> {
    let model = ensemble.first();
    if let (Some(neighbors), true) = (model.classifier().neighbors(), ensemble.is_plain()) {
        let explanation = neighbors.explain(&neighbors.search(&model.preprocessing().apply(example)?)?, 0)?;
        return Ok(Prediction { scores: explanation.shares.clone(), explanation: Some(explanation) });
    }
    Ok(shown(ensemble, ensemble.scores(example)?.row(0).to_vec()))
}

/// Scores as they are shown: as probabilities, if possible.
pub fn shown(ensemble: &Ensemble, mut scores: Vec<f32>) -> Prediction {
    if ensemble.score_kind() == ScoreKind::Logits {
        tercet::loss::probabilities(&mut scores);
    }
    Prediction { scores, explanation: None }
}

/// The name of the number next to a class.
pub fn score_name(ensemble: &Ensemble) -> &'static str {
    match (ensemble.score_kind(), ensemble.models.len()) {
        (ScoreKind::Probabilities, 1) => "votes",
        (ScoreKind::Probabilities | ScoreKind::Logits, _) => "probability",
        _ => "score",
    }
}

/// The score of each class, by name.
pub fn scores_to_json(model: &Model, scores: &[f32]) -> Map<String, Value> {
    model.classes().iter().cloned().zip(scores.iter().map(|&score| json!(score))).collect()
}

/// The preprocessing of a picture, in words.
pub fn stages(prepared: &Prepared) -> Vec<&'static str> {
    prepared.stages.iter().map(|stage| stage.name.name()).collect()
}

/// The steps of a preprocessing, in words.
pub fn steps(preprocessing: &Preprocessing) -> Vec<String> {
    preprocessing.steps().iter().map(ToString::to_string).collect()
}
