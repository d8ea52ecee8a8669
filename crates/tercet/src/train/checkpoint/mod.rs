//! Checkpoints: the state of a training between two steps, from which it can be resumed with the same bits.
//!
//! A checkpoint is a [safetensors](https://github.com/huggingface/safetensors) file with one JSON document under the
//! metadata key `tercet-checkpoint`, much as a model file has one under `tercet`:
//!
//! ```text
//! document         format, steps done, step of the best validation check, settings and seed, layers, digests of data and
//!                  weights, program, changes of the learning rate
//! w1, b1, w2, …    the parameters, by the names that they have in a model file   F32
//! first.w1, …      the moments that the optimizer keeps                           F32
//! second.w1, …
//! ema.w1, …        the moving average of the parameters, where one is kept        F32
//! last_finite.w1, … the parameters of the last validation check, or the initial ones F32
//! best.w1, …       those of the best check, where training may stop early         F32
//! losses           the loss of every step, (steps)                                F32
//! validations.steps, validations.losses, validations.accuracies                   U64 (c), F32 (c, 2), F64 (c)
//! ```
//!
//! The random generators have no state to store: batches, dropped units and augmentation are functions of the seed and
//! the step.
//!
//! The file is written to a temporary sibling, synced and renamed, so the previous one survives a kill at any moment. A
//! kill during writing may leave the sibling behind, a file whose name begins with a dot and ends in `.tmp`.
//!
//! # What loading checks
//!
//! A checkpoint can be resumed only with the data, the settings and the layers that it was written with. Before any
//! tensor is read, the header must list exactly the tensors that these imply, and the file must be as long as the
//! header says.

mod read;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::state::State;
use super::{History, Plan, RateChange, Settings};
use crate::network::Network;
use crate::{Error, Result};

/// The metadata key of the document.
const KEY: &str = "tercet-checkpoint";

/// The version of the format.
const FORMAT: u64 = 1;

/// The state of a training between two steps: [`Trainer::checkpoint`](super::Trainer::checkpoint).
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    state: State,
}

/// Identifies the training that a checkpoint belongs to: its settings, seed and data, and any further values given by
/// the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    settings: Settings,
    /// The settings, the seed and the further values, as JSON.
    description: Map<String, Value>,
    /// Digests of the data sets and weights, by name.
    data: BTreeMap<String, String>,
}

impl Identity {
    /// The identity of a training with this plan. It computes digests of the data sets.
    pub fn of(plan: &Plan) -> Self {
        let mut data = BTreeMap::from([("training set".to_owned(), plan.examples.digest())]);
        if let Some(validation) = &plan.validation {
            data.insert("validation set".to_owned(), validation.digest());
        }
        if let Some(weights) = &plan.weights {
            data.insert("set of weights".to_owned(), write::digest(weights));
        }
        let identity = Identity { settings: plan.settings, description: Map::new(), data };
        identity.with("settings", plan.settings).with("seed", plan.seed)
    }

    /// Adds a further value that must be the same when the training is resumed, such as the weight initialisation.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        // Through text, which has 0.1 where converting the f32 to f64 would give 0.10000000149011612.
        let text = serde_json::to_string(&value);
        let value = text.and_then(|text| serde_json::from_str(&text)).unwrap_or(Value::Null);
        self.description.insert(name.to_owned(), value);
        self
    }
}

/// The whole JSON document.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u64,
    step: usize,
    earlier_steps: usize,
    best: Option<usize>,
    training: Map<String, Value>,
    layers: String,
    data: BTreeMap<String, String>,
    program: String,
    rate_changes: Vec<RateChange>,
}

impl Checkpoint {
    pub(super) fn new(state: State) -> Self {
        Checkpoint { state }
    }

    /// The number of completed steps.
    pub fn step(&self) -> usize {
        self.state.step
    }

    /// All losses and validation checks up to that step.
    pub fn history(&self) -> &History {
        &self.state.history
    }

    /// The weights at that step.
    pub fn network(&self) -> &Network {
        &self.state.network
    }

    /// Reads the checkpoint of the training with this identity. `untrained` has its layers.
    ///
    /// # Errors
    /// A file that cannot be read, is not a checkpoint, is damaged or truncated, or belongs to a training with other
    /// data, settings or layers.
    pub fn load(path: &Path, identity: &Identity, untrained: &Network) -> Result<Self> {
        read::load(path, identity, untrained)
    }

    /// Writes the checkpoint to a file, completely or not at all.
    ///
    /// # Errors
    /// A folder that does not exist, and errors of the operating system.
    pub fn save(&self, path: &Path, identity: &Identity) -> Result<()> {
        save(&self.state, path, identity)
    }

    /// The state for resuming with these settings.
    ///
    /// # Errors
    /// Moments of another optimizer, and a moving average of the weights if the settings have none, or the reverse.
    pub(super) fn into_state(self, settings: &Settings) -> Result<State> {
        let Checkpoint { state } = self;
        let (first, second) = settings.optimizer.keeps_moments();
        let expected = |len| (if first { len } else { 0 }, if second { len } else { 0 });
        let expected = state.network.trainable().flat_map(|l| [expected(l.w.len()), expected(l.b.len())]);
        if !state.moments.iter().flatten().map(|m| (m.first.len(), m.second.len())).eq(expected) {
            let what = "the checkpoint's optimizer";
            return Err(Error::mismatch(what, "one with other moments", settings.optimizer));
        }
        if state.ema.is_some() != settings.ema.is_some() {
            let words = |there: bool| if there { "one" } else { "none" };
            let what = "the checkpoint's moving average of the weights";
            return Err(Error::mismatch(what, words(state.ema.is_some()), words(settings.ema.is_some())));
        }
        Ok(state)
    }
}

/// Writes a checkpoint file, completely or not at all.
pub(super) fn save(state: &State, path: &Path, identity: &Identity) -> Result<()> {
    crate::file::replace(path, &write::to_bytes(state, identity)?)
}

/// The layers as text, including their sizes: `dense 784 → 36, relu, dense 36 → 10`.
fn layers(network: &Network) -> String {
    network.layers().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The tensor-name prefixes of the networks in a checkpoint.
const EMA: &str = "ema.";
const LAST_FINITE: &str = "last_finite.";
const BEST: &str = "best.";

#[cfg(test)]
mod tests;
