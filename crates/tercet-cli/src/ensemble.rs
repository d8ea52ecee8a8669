//! Scores of one model, of one model averaged over small shifts of each picture, or of an ensemble of models.

use std::num::NonZeroUsize;
use std::path::Path;

use tercet::data::Examples;
use tercet::evaluate::{Scores, mean_over_shifts, mean_probabilities};
use tercet::model::ScoreKind;
use tercet::preprocess::Prepared;
use tercet::{Error, Matrix, Model};

use crate::exit;
use crate::output_files::register_input;

/// One model or several.
pub struct Ensemble {
    /// The models, in the order in which they were named.
    pub models: Vec<Model>,
    shifts: Option<NonZeroUsize>,
}

impl From<Model> for Ensemble {
    fn from(model: Model) -> Self {
        Ensemble { models: vec![model], shifts: None }
    }
}

/// Rejects a model of an ensemble whose predictions cannot be averaged with those of the first.
fn check(path: &Path, model: &Model, first: &Model) -> anyhow::Result<()> {
    let path = path.display();
    if what_scores_are(model).is_none() {
        return Err(exit::usage(format!(
            "{path} has no probabilities, which an ensemble averages: train it with --loss softmax"
        )));
    }
    let compare = |part: &str, found: String, expected: String| match found == expected {
        true => Ok(()),
        false => Err(Error::mismatch(
            format!("{part} of {path}"),
            found,
            format!("{expected}, as the first model has"),
        )),
    };
    compare("classes", model.classes().join(", "), first.classes().join(", "))?;
    compare("input", model.preprocessing().input().to_string(), first.preprocessing().input().to_string())?;
    Ok(())
}

/// How the scores of a model become probabilities, if they can.
fn what_scores_are(model: &Model) -> Option<Scores> {
    match model.card.scores {
        ScoreKind::Probabilities => Some(Scores::Shares),
        ScoreKind::Logits => Some(Scores::Logits),
        _ => None,
    }
}

/// Loads a classifier.
///
/// # Errors
/// Those of [`Model::load`], and a model that predicts values, such as that of Python's `MLPRegressor`.
pub fn load(path: &Path) -> tercet::Result<Model> {
    let model = Model::load(path)?;
    match model.card.scores {
        ScoreKind::Values => Err(Error::mismatch(
            format!("outputs of {}", path.display()),
            "values of targets",
            "scores of classes; open this model in Python with tercet.load",
        )),
        _ => Ok(model),
    }
}

impl Ensemble {
    /// Loads one model or several. Several must have the same input and classes, and give probabilities.
    pub fn open(paths: &[&Path], shifts: Option<NonZeroUsize>) -> anyhow::Result<Self> {
        paths.iter().try_for_each(|path| register_input(path))?;
        let models: Vec<Model> = paths.iter().map(|path| load(path)).collect::<tercet::Result<_>>()?;
        if models.len() > 1 {
            paths.iter().zip(&models).try_for_each(|(path, model)| check(path, model, &models[0]))?;
        }
        Ok(Ensemble { models, shifts })
    }

    /// The model that was named first.
    pub fn first(&self) -> &Model {
        &self.models[0]
    }

    /// Whether there is one model, without shifts.
    pub fn is_plain(&self) -> bool {
        self.models.len() == 1 && self.shifts.is_none()
    }

    /// The scores of examples as they were read, (N, C): those of one model, or the mean probabilities of
    /// several.
    pub fn scores(&self, examples: &Examples) -> tercet::Result<Matrix> {
        self.mean(|_| Ok(examples.clone()))
    }

    /// The scores of a character of a picture, (1, C). Each model has prepared it for itself.
    pub fn scores_of_character(&self, prepared: &[&Prepared]) -> tercet::Result<Matrix> {
        self.mean(|i| Ok(prepared[i].examples()))
    }

    /// The mean of the scores of all models; `examples` gives those of a model by its index.
    fn mean(&self, examples: impl Fn(usize) -> tercet::Result<Examples>) -> tercet::Result<Matrix> {
        let of_model = |i: usize| match self.shifts {
            None => self.models[i].scores(&examples(i)?),
            Some(pixels) => {
                mean_over_shifts(&examples(i)?, pixels.get(), |shifted| self.models[i].scores(shifted))
            }
        };
        match &self.models[..] {
            [_] => of_model(0),
            models => {
                let each = models
                    .iter()
                    .enumerate()
                    .map(|(i, model)| Ok((of_model(i)?, what_scores_are(model).unwrap_or(Scores::Shares))));
                mean_probabilities(each.collect::<tercet::Result<_>>()?)
            }
        }
    }

    /// What the scores mean.
    pub fn score_kind(&self) -> ScoreKind {
        match &self.models[..] {
            [model] => model.card.scores,
            _ => ScoreKind::Probabilities,
        }
    }

    /// How these scores become probabilities, if they can.
    pub fn what_scores_are(&self) -> Option<Scores> {
        match &self.models[..] {
            [model] => what_scores_are(model),
            _ => Some(Scores::Shares),
        }
    }

    /// What is averaged, in words.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let models =
            (self.models.len() > 1).then(|| format!("mean probabilities of {} models", self.models.len()));
        let shifts = self
            .shifts
            .map(|n| format!("mean scores of the picture and its shifts by {n} pixels in four directions"));
        [("ensemble", models), ("test-time shifts", shifts)]
            .into_iter()
            .filter_map(|(name, words)| Some((name.to_owned(), words?)))
            .collect()
    }
}
