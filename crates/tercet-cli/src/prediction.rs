//! The prediction for one picture, or for the features of one example: the same for `tercet predict` and
//! `tercet serve`.

use serde_json::{Map, Value, json};
use tercet::data::Examples;
use tercet::image::{Bounds, Picture};
use tercet::matrix::argmax;
use tercet::model::ScoreKind;
use tercet::neighbors::Explanation;
use tercet::preprocess::{Character, Characters, Prepared, Preprocessing};
use tercet::{Error, Model};

use crate::ensemble::Ensemble;

/// The prediction for an example.
pub struct Prediction {
    /// (C): probabilities if the model has them, shares of the vote, or scores.
    pub scores: Vec<f32>,
    /// The neighbours that voted, for nearest neighbours.
    pub explanation: Option<Explanation>,
}

/// A character of a picture, and its prediction. For most models it is the picture as a whole.
pub struct Reading {
    /// Where it is in the picture, if it was cut out.
    pub bounds: Option<Bounds>,
    /// The line of writing, from 0.
    pub line: usize,
    /// As the first model sees it.
    pub prepared: Prepared,
    pub prediction: Prediction,
    /// The predicted class.
    pub best: usize,
}

/// The characters of a picture in the order of reading, at least one.
pub struct Readings {
    pub characters: Vec<Reading>,
}

impl Readings {
    /// The only character.
    pub fn single(&self) -> Option<&Reading> {
        Some(&self.characters[0]).filter(|_| self.characters.len() == 1)
    }

    /// The classes of the characters, one line of writing after the other.
    pub fn text(&self, model: &Model) -> String {
        // Names of one letter or digit need nothing between them.
        let apart = if model.classes().iter().all(|class| class.chars().count() == 1) { "" } else { " " };
        let mut text = String::new();
        for (i, character) in self.characters.iter().enumerate() {
            let before = i.checked_sub(1).map(|before| self.characters[before].line);
            text += match before {
                None => "",
                Some(line) if line == character.line => apart,
                Some(_) => " / ",
            };
            text += &model.classes()[character.best];
        }
        text
    }
}

/// A character that was cut out of a photograph is rejected if no class has a probability, or a share of the votes, of
/// this much: at least two readings are about equally likely.
const LEAST_CERTAIN: f32 = 0.5;

/// Rejects a character that is not clearly one of the classes.
fn check_certain(ensemble: &Ensemble, reading: &Reading) -> tercet::Result<()> {
    let scores = &reading.prediction.scores;
    let has_probabilities = matches!(ensemble.score_kind(), ScoreKind::Logits | ScoreKind::Probabilities);
    if reading.bounds.is_none() || !has_probabilities || scores[reading.best] >= LEAST_CERTAIN {
        return Ok(());
    }
    let classes = ensemble.first().classes();
    let likely = in_order(scores).take(2);
    let likely: Vec<String> =
        likely.map(|class| format!("{} ({:.2})", classes[class], scores[class])).collect();
    Err(Error::mismatch(
        "picture",
        format!("no clear reading: {}", likely.join(" and ")),
        format!("one of the classes with a probability of at least {LEAST_CERTAIN}; write it more clearly"),
    ))
}

/// Classifies the characters of a picture of any size.
///
/// # Errors
/// A picture without characters, and one that was cut out and is not clearly one of the classes.
pub fn of_picture(ensemble: &Ensemble, picture: &Picture) -> tercet::Result<Readings> {
    let find = |model: &Model| model.preprocessing().characters(picture);
    let all: Vec<Characters> = ensemble.models.iter().map(find).collect::<tercet::Result<_>>()?;
    let count = all[0].characters.len();
    if let Some(other) = all.iter().find(|other| other.characters.len() != count) {
        let expected = format!("{count}, as by the first model: predict with one model at a time");
        return Err(Error::mismatch("characters found by a model", other.characters.len(), expected));
    }
    let mut characters = Vec::new();
    for i in 0..count {
        let prepared: Vec<&Prepared> = all.iter().map(|found| &found.characters[i].prepared).collect();
        let prediction = match ensemble.is_plain() {
            true => of_example(ensemble, &prepared[0].examples())?,
            false => shown(ensemble, ensemble.scores_of_character(&prepared)?.row(0).to_vec()),
        };
        let Character { bounds, line, prepared } = all[0].characters[i].clone();
        let best = argmax(&prediction.scores) as usize;
        let reading = Reading { bounds, line, prepared, prediction, best };
        check_certain(ensemble, &reading)?;
        characters.push(reading);
    }
    Ok(Readings { characters })
}

/// A rectangle as JSON.
pub fn bounds_to_json(bounds: &Bounds) -> Value {
    let Bounds { left, top, width, height } = bounds;
    json!({ "left": left, "top": top, "width": width, "height": height })
}

/// The characters of a picture as JSON: class, score, scores, and the box of each.
pub fn characters_to_json(ensemble: &Ensemble, readings: &Readings, name: &str) -> Value {
    let model = ensemble.first();
    let of_one = |reading: &Reading| {
        json!({
            "class": model.classes()[reading.best],
            name: reading.prediction.scores[reading.best],
            "scores": scores_to_json(model, &reading.prediction.scores),
            "box": reading.bounds.as_ref().map(bounds_to_json),
            "line": reading.line,
        })
    };
    readings.characters.iter().map(of_one).collect()
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

/// The classes by descending score; equal scores keep the order of the classes.
pub fn in_order(scores: &[f32]) -> impl Iterator<Item = usize> {
    let mut classes: Vec<usize> = (0..scores.len()).collect();
    classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    classes.into_iter()
}
