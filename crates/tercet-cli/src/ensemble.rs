//! How a model is asked: once, over small shifts of each picture, or together with others.

use std::num::NonZeroUsize;
use std::path::Path;

use serde_json::Value;
use tercet::evaluate::{Scores, mean_over_shifts, mean_probabilities};
use tercet::model::{Classifier, ModelFile};
use tercet::{Dataset, Error, Matrix};

use crate::exit;

/// A model, alone or with others.
pub struct Ensemble {
    /// The first is the one that was named first.
    pub models: Vec<ModelFile>,
    shifts: Option<NonZeroUsize>,
}

impl From<ModelFile> for Ensemble {
    fn from(model: ModelFile) -> Self {
        Ensemble { models: vec![model], shifts: None }
    }
}

/// Refuses a model of an ensemble whose answers cannot be averaged with those of the first.
fn check(path: &Path, model: &ModelFile, first: &ModelFile) -> anyhow::Result<()> {
    let path = path.display();
    if what_scores_are(model).is_none() {
        return Err(exit::usage(format!(
            "{path} gives no probabilities, which an ensemble averages: train it with --loss softmax"
        )));
    }
    let refuse = |part: &str, found: String, expected: String| {
        Err(Error::mismatch(format!("{part} of {path}"), found, format!("{expected}, as of the first model")))
    };
    let (card, of_first) = (&model.card, &first.card);
    if card.classes != of_first.classes {
        refuse("classes", card.classes.join(", "), of_first.classes.join(", "))?;
    }
    let (contract, expected) = (&card.contract, &of_first.contract);
    if contract.features != expected.features {
        refuse("features", contract.features.to_string(), expected.features.to_string())?;
    }
    if contract.cleaning != expected.cleaning {
        refuse("cleaning", contract.cleaning.to_string(), expected.cleaning.to_string())?;
    }
    if (contract.image, contract.preparation) != (expected.image, expected.preparation) {
        let in_words = |c: &tercet::image::Contract| match c.image {
            Some(shape) => format!("{shape} images, {:?}", c.preparation).to_lowercase(),
            None => "features".to_owned(),
        };
        refuse("input", in_words(contract), in_words(expected))?;
    }
    Ok(())
}

/// How the scores of a model become probabilities, if they do.
pub fn what_scores_are(model: &ModelFile) -> Option<Scores> {
    match model.classifier {
        Classifier::Neighbors(_) => Some(Scores::Shares),
        _ if gives_probabilities(model) => Some(Scores::Logits),
        _ => None,
    }
}

/// Whether the scores were trained to be logarithms of probabilities.
pub fn gives_probabilities(model: &ModelFile) -> bool {
    model.card.settings.pointer("/train/loss").and_then(Value::as_str) == Some("softmax")
}

impl Ensemble {
    /// Loads one model or several. Several must have the same input and classes, and give probabilities.
    pub fn open(paths: &[&Path], shifts: Option<NonZeroUsize>) -> anyhow::Result<Self> {
        let models: Vec<ModelFile> =
            paths.iter().map(|path| ModelFile::load(path)).collect::<tercet::Result<_>>()?;
        if models.len() > 1 {
            paths.iter().zip(&models).try_for_each(|(path, model)| check(path, model, &models[0]))?;
        }
        Ok(Ensemble { models, shifts })
    }

    /// The model that was named first.
    pub fn first(&self) -> &ModelFile {
        &self.models[0]
    }

    /// Whether one model is asked once.
    pub fn is_plain(&self) -> bool {
        self.models.len() == 1 && self.shifts.is_none()
    }

    /// The scores of a set that was cleaned as the models' contract says, (N, C): those of one model, or the probabilities
    /// of several.
    pub fn scores(&self, set: &Dataset) -> tercet::Result<Matrix> {
        let of_model = |model: &ModelFile| match self.shifts {
            None => model.classifier.scores(set),
            Some(pixels) => mean_over_shifts(set, pixels.get(), |shifted| model.classifier.scores(shifted)),
        };
        match &self.models[..] {
            [model] => of_model(model),
            models => {
                let each = models
                    .iter()
                    .map(|model| Ok((of_model(model)?, what_scores_are(model).unwrap_or(Scores::Shares))));
                mean_probabilities(each.collect::<tercet::Result<_>>()?)
            }
        }
    }

    /// How these scores become probabilities, if they do.
    pub fn what_scores_are(&self) -> Option<Scores> {
        match &self.models[..] {
            [model] => what_scores_are(model),
            _ => Some(Scores::Shares),
        }
    }

    /// What is averaged, as settings to be shown.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let models = (self.models.len() > 1)
            .then(|| format!("the mean probabilities of {} models", self.models.len()));
        let shifts = self.shifts.map(|n| format!("the mean scores of 0 and {n} pixels in four directions"));
        [("ensemble", models), ("test-time shifts", shifts)]
            .into_iter()
            .filter_map(|(name, words)| Some((name.to_owned(), words?)))
            .collect()
    }
}
