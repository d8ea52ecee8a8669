//! A training with all that it takes, and its two ways to begin.

use super::checkpoint::Checkpoint;
use super::state::State;
use super::{Observer, OptimizerState, Settings, Training, check_fit, run, spinning_worker, weights};
use crate::data::Dataset;
use crate::network::Network;
use crate::{Error, Result};

/// What a training learns from, and how. [`train`](super::train) is the short form for one without weights.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{ClassWeights, Length, Plan, Settings};
///
/// // Three examples of one class, one of the other, which shall count as much.
/// let (points, labels) = (vec![0.0, 0.1, 0.2, 1.0], vec![0, 0, 0, 1]);
/// let set = Dataset::from_features("points", 1, points, labels, vec!["left".into(), "right".into()])?;
/// let weights = ClassWeights::Balanced.of_examples(&set, None)?;
/// let settings = Settings { batch: 4, length: Length::Epochs(100), ..Settings::lecture() };
/// let plan = Plan { weights: weights.as_deref(), ..Plan::new(&set, &settings, 0) };
/// let mut network = Network::fully_connected(1, &[], 2, Init::Normal(0.0), 0)?;
/// plan.train(&mut network, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(network.scores(&set)?.argmax(), [0, 0, 0, 1]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The training examples.
    pub examples: &'a Dataset,
    /// The examples of the validation checks.
    pub validation: Option<&'a Dataset>,
    /// The weight of each training example in the loss, (N): [`Objective`](crate::loss::Objective). `None` weights all
    /// alike. Validation checks are unweighted.
    pub weights: Option<&'a [f32]>,
    /// Loss, optimizer, schedule and length.
    pub settings: &'a Settings,
    /// What the batches, the dropped units and the augmentation come from.
    pub seed: u64,
    /// Whether the first step, of all or of those that are left, is [measured](super::StepStats): nobody can ask for
    /// that in the step before.
    pub measure_first: bool,
}

impl<'a> Plan<'a> {
    /// A training without validation, weights and measurements.
    pub fn new(examples: &'a Dataset, settings: &'a Settings, seed: u64) -> Self {
        Plan { examples, validation: None, weights: None, settings, seed, measure_first: false }
    }

    /// Trains a network from the weights that it comes with: [`train`](super::train).
    ///
    /// # Errors
    /// Those of [`train`](super::train), and weights that cannot be.
    pub fn train(&self, network: &mut Network, observe: Observer<'_>) -> Result<Training> {
        let state = State::new(network, self.settings);
        Ok(self.go_on(network, state, observe)?.0)
    }

    /// [`train`](Plan::train) with an optimizer that has trained this network before, on these or other examples, and
    /// remembers how. What it remembers afterwards is left in `optimizer_state`; nothing, where training fails.
    ///
    /// # Errors
    /// Those of [`train`](Plan::train), and the memory of another optimizer or of a network of other layers.
    pub fn train_on(
        &self,
        network: &mut Network,
        optimizer_state: &mut OptimizerState,
        observe: Observer<'_>,
    ) -> Result<Training> {
        let mut state = State::new(network, self.settings);
        std::mem::take(optimizer_state).restore(&mut state, self.settings.optimizer)?;
        let (training, remembered) = self.go_on(network, state, observe)?;
        *optimizer_state = remembered;
        Ok(training)
    }

    /// Goes on from a checkpoint of this training, to the very bits of one that was never interrupted. `network` becomes
    /// what it was then, and is trained on from there. On another instruction set the last bits may differ.
    ///
    /// # Errors
    /// Those of [`train`](Plan::train), and a checkpoint whose optimizer remembers something else or that has no moving
    /// average of the weights where one is kept.
    pub fn resume(
        &self,
        network: &mut Network,
        checkpoint: Checkpoint,
        observe: Observer<'_>,
    ) -> Result<Training> {
        let (was, optimizer) = (checkpoint.network, self.settings.optimizer);
        let fresh = State::new(&was, self.settings);
        let sizes = |state: &State| -> Vec<(usize, usize)> {
            state.moments.iter().flatten().map(|m| (m.first.len(), m.second.len())).collect()
        };
        if sizes(&checkpoint.state) != sizes(&fresh) {
            let what = "the checkpoint's optimizer";
            return Err(Error::mismatch(what, "one that remembers something else", optimizer));
        }
        if checkpoint.state.ema.is_some() != fresh.ema.is_some() {
            let having = |there: bool| if there { "one" } else { "none" };
            let (found, expected) = (checkpoint.state.ema.is_some(), fresh.ema.is_some());
            let what = "the checkpoint's moving average of the weights";
            return Err(Error::mismatch(what, having(found), having(expected)));
        }
        *network = was;
        Ok(self.go_on(network, checkpoint.state, observe)?.0)
    }

    fn go_on(
        &self,
        network: &mut Network,
        state: State,
        observe: Observer<'_>,
    ) -> Result<(Training, OptimizerState)> {
        self.settings.validate()?;
        for data in [Some(self.examples), self.validation].into_iter().flatten() {
            check_fit(network, data)?;
        }
        self.settings.augment.check_fit(self.examples)?;
        let learning = network.trainable().count();
        if self.settings.frozen >= learning {
            let expected = format!("fewer than the {learning} layers of the network that learn");
            return Err(Error::setting("frozen", self.settings.frozen, expected));
        }
        if let Some(weights) = self.weights {
            weights::check(weights, self.examples.len())?;
        }
        // Inside the pool, so that what is shared out begins at once.
        rayon::scope(|_| spinning_worker::with_spinning_worker(|| run(network, state, self, observe)))
    }
}
