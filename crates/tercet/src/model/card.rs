//! [`Card`]: what is known about a model besides its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Flaw;
use crate::data::{Dataset, Openings};
use crate::image::Contract;

/// Which data a model learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// What the set is called.
    pub name: String,
    /// Its [`digest`](Dataset::digest), in hexadecimal.
    pub digest: String,
}

impl DataRecord {
    /// The record of a set.
    pub fn of(set: &Dataset) -> Self {
        DataRecord { name: set.name().to_owned(), digest: set.digest() }
    }
}

/// What is known about a model besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The names of the C classes; a label is a place in this list.
    pub classes: Vec<String>,
    /// What the model's input is, and how a picture becomes one.
    pub contract: Contract,
    /// The settings it was trained with, as the program that trained it knows them. Numbers must be finite.
    pub settings: Value,
    /// The seed of every random choice; none where nothing was random.
    pub seed: Option<u64>,
    /// The data it learned from, where that is known.
    pub data: Option<DataRecord>,
    /// What was measured, by name: `test accuracy` → 0.9705.
    pub metrics: BTreeMap<String, f64>,
    /// The program that wrote the file, with its version.
    pub program: String,
    /// Every look at the test set before the model was saved.
    pub openings: Openings,
}

impl Card {
    /// A card with nothing on it but what a model cannot be used without.
    pub fn new(classes: Vec<String>, contract: Contract) -> Self {
        Card {
            classes,
            contract,
            settings: Value::Null,
            seed: None,
            data: None,
            metrics: BTreeMap::new(),
            program: concat!("tercet ", env!("CARGO_PKG_VERSION")).to_owned(),
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
        Ok(self.contract.check()?)
    }
}
