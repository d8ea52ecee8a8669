//! Checkpoints: a training in the middle, from which it goes on to the very same bits.
//!
//! A checkpoint is a [safetensors](https://github.com/huggingface/safetensors) file with one JSON document under the
//! metadata key `tercet-checkpoint`, much as a model file has one under `tercet`:
//!
//! ```text
//! document        format, steps done, step of the best check, recipe, layers, digests of data and weights, program,
//!                 changes of the learning rate, where there were any
//! w1, b1, w2, …   the parameters, by the names that they have in a model file  F32
//! first.w1, …     what the optimizer remembers, as far as it does             F32
//! second.w1, …
//! ema.w1, …       their moving average, where one is kept                     F32
//! last_finite.w1, … the parameters of the last validation check, or the initial ones F32
//! best.w1, …      those of the best check, where training may stop early      F32
//! losses          the loss of every step, (steps)                             F32
//! validations.steps, validations.losses, validations.accuracies                             U64 (c), F32 (c, 2), F64 (c)
//! ```
//!
//! The generator has no state of its own here: batches, dropped units and augmentation are functions of the seed and the
//! step.
//!
//! It is written to a temporary sibling, synced and renamed, so that a kill at any moment leaves the one before. A kill
//! while it is written may leave the sibling behind, a file that begins with a dot and ends in `.tmp`.
//!
//! # What loading checks
//!
//! A checkpoint goes on only with the data, the recipe and the layers that it was written with. Before any tensor is
//! read, the header must say exactly the tensors that these imply, and the file must be as long as the header says.

mod read;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::State;
use super::{Progress, RateChange};
use crate::Result;
use crate::data::Dataset;
use crate::network::Network;
use crate::recipe::GradientDescentRecipe as Recipe;

/// The metadata key of the document.
const KEY: &str = "tercet-checkpoint";

/// The version of the format.
const FORMAT: u64 = 1;

/// The version of one with changes of the learning rate, which programs that only know the first would leave out.
const FORMAT_WITH_CHANGES: u64 = 2;

/// A training in the middle.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(super) network: Network,
    pub(super) state: State,
}

/// Which training a checkpoint belongs to: its recipe and its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The recipe as JSON, without its description.
    recipe: Value,
    /// Digests of everything that is learned from, by name.
    data: BTreeMap<String, String>,
}

impl Identity {
    /// The identity of a training of `recipe` with these sets, and with these weights of the examples where they have
    /// any of their own.
    pub fn new(recipe: &Recipe, train: &Dataset, validation: &Dataset, weights: Option<&[f32]>) -> Self {
        let mut data = BTreeMap::from([
            ("training set".to_owned(), train.digest()),
            ("validation set".to_owned(), validation.digest()),
        ]);
        if let Some(weights) = weights {
            data.insert("set of weights".to_owned(), write::digest(weights));
        }
        // By way of text, which says 0.1 where a conversion of its f32 to f64 would say 0.10000000149011612.
        let text = serde_json::to_string(&Recipe { description: String::new(), ..recipe.clone() });
        let recipe = text.and_then(|text| serde_json::from_str(&text)).unwrap_or(Value::Null);
        Identity { recipe, data }
    }
}

/// The whole document.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u64,
    step: usize,
    best: Option<usize>,
    recipe: Value,
    layers: String,
    data: BTreeMap<String, String>,
    program: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rate_changes: Vec<RateChange>,
}

impl Checkpoint {
    /// Steps done.
    pub fn step(&self) -> usize {
        self.state.step
    }

    /// Everything up to then.
    pub fn history(&self) -> &super::History {
        &self.state.history
    }

    /// The network as it was then.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Multiplies the learning rate of all steps to come by `factor`, as
    /// [`Progress::scale_learning_rate`](super::Progress::scale_learning_rate) does while a training runs.
    ///
    /// # Errors
    /// A factor that is not a finite number above 0.
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<()> {
        super::requests::check_factor(factor)?;
        self.state.history.rate_changes.push(RateChange { step: self.state.step, factor });
        Ok(())
    }

    /// Reads the checkpoint of the training with this identity. `untrained` says the layers.
    ///
    /// # Errors
    /// A file that cannot be read, is no checkpoint, is damaged or cut short, or belongs to other data, another recipe or
    /// other layers.
    pub fn load(path: &Path, identity: &Identity, untrained: &Network) -> Result<Self> {
        read::load(path, identity, untrained)
    }
}

impl Progress<'_> {
    /// Writes a checkpoint: all of it or nothing.
    ///
    /// # Errors
    /// A folder that isn't there, and what the operating system refuses.
    pub fn save_checkpoint(&self, path: &Path, identity: &Identity) -> Result<()> {
        crate::file::replace(path, &write::to_bytes(self.network, self.state, self.changes(), identity)?)
    }

    /// The training as it is after this step, in memory: whoever ends it here can go on from there with
    /// [`Plan::resume`](super::Plan::resume).
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tercet::Dataset;
    /// use tercet::network::{Init, Network};
    /// use tercet::train::{Length, Plan, Settings};
    ///
    /// let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
    /// let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
    /// let settings = Settings { batch: 4, length: Length::Epochs(300), ..Settings::lecture() };
    /// let plan = Plan::new(&xor, &settings, 0);
    /// let untrained = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
    ///
    /// // One step, and later the others.
    /// let (mut network, mut paused) = (untrained.clone(), None);
    /// plan.train(&mut network, &mut |progress| {
    ///     paused = Some(progress.checkpoint());
    ///     ControlFlow::Break(())
    /// })?;
    /// plan.resume(&mut network, paused.unwrap(), &mut |_| ControlFlow::Continue(()))?;
    ///
    /// let mut at_once = untrained;
    /// plan.train(&mut at_once, &mut |_| ControlFlow::Continue(()))?;
    /// assert_eq!(network, at_once);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn checkpoint(&self) -> Checkpoint {
        let mut state = self.state.clone();
        state.history.rate_changes = self.changes();
        Checkpoint { network: self.network.clone(), state }
    }

    /// All changes of the learning rate. What was asked for after this very step belongs to the next.
    fn changes(&self) -> Vec<RateChange> {
        let asked = self.requests.rate_change(self.step).filter(|_| self.step < self.total);
        self.history.rate_changes.iter().copied().chain(asked).collect()
    }
}

/// The layers in words, which say their sizes: `dense 784 → 36, relu, dense 36 → 10`.
fn layers(network: &Network) -> String {
    network.layers().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The networks in a checkpoint by the prefix of their tensors.
const EMA: &str = "ema.";
const LAST_FINITE: &str = "last_finite.";
const BEST: &str = "best.";

#[cfg(test)]
mod tests;
