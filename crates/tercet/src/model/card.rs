//! [`Card`]: information about a model besides its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Flaw;
use crate::data::{Classes, Dataset, Openings};

/// The data a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The name of the set.
    pub name: String,
    /// Its [`digest`](Dataset::digest), in hexadecimal.
    pub digest: String,
    /// The names of its features; empty if they have none. Rows to predict are matched by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

impl DataRecord {
    /// The record of a data set.
    pub fn of(set: &Dataset) -> Self {
        let features = set.feature_names().to_vec();
        DataRecord { name: set.name().to_owned(), digest: set.digest(), features }
    }
}

/// What the scores of a model mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ScoreKind {
    /// Probabilities: vote fractions.
    Probabilities,
    /// Log-probabilities, up to a constant that is the same for all classes: trained with cross-entropy.
    Logits,
    /// Values of targets instead of scores of classes: regression, or labels of which several may apply.
    Values,
    /// Scores whose differences are margins, such as those of the SVM loss: only their order is meaningful.
    #[default]
    Margins,
}

/// Information about a model besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Card {
    /// The C classes; a label is an index into this list.
    pub classes: Classes,
    /// The meaning of the scores.
    pub scores: ScoreKind,
    /// The settings it was trained with: a recipe, or whatever the training program recorded. Numbers must be finite.
    pub settings: Value,
    /// The seed of every random choice; `None` if nothing was random.
    pub seed: Option<u64>,
    /// The data it was trained on, if known.
    pub data: Option<DataRecord>,
    /// Measured metrics, by name: `test accuracy` → 0.9705.
    pub metrics: BTreeMap<String, f64>,
    /// The program that wrote the file, with its version.
    pub program: String,
    /// Signs that the training failed, in words: those of [`diagnose`](crate::train::diagnose).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Every opening of the test set before the model was saved.
    pub openings: Openings,
}

impl Card {
    /// A card with only the required fields.
    pub fn new(classes: impl Into<Classes>, scores: ScoreKind) -> Self {
        Card {
            classes: classes.into(),
            scores,
            settings: Value::Null,
            seed: None,
            data: None,
            metrics: BTreeMap::new(),
            program: concat!("tercet ", env!("CARGO_PKG_VERSION")).to_owned(),
            warnings: Vec::new(),
            openings: Openings::new(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Flaw> {
        if self.classes.is_empty() {
            return Err(Flaw::new("no classes", "at least one"));
        }
        if let Some((name, value)) = self.metrics.iter().find(|(_, v)| !v.is_finite()) {
            return Err(Flaw::new(format!("metric “{name}” of {value}"), "a finite number"));
        }
        Ok(())
    }
}
