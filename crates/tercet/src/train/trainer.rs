//! [`Trainer`]: training one step at a time.

use std::ops::ControlFlow;
use std::path::Path;

use super::checkpoint::{Checkpoint, Identity};
use super::layer_stats::{StatsRecorder, StepStats};
use super::state::State;
use super::strategy::{Batch, Strategy, Update};
use super::{Ending, History, OptimizerState, Plan, Training, Validation, spinning_worker};
use crate::data::Batches;
use crate::network::Network;
use crate::{Error, Result};

/// Capacity for this many losses is reserved before the first step: 16 million, 64 MiB of address space, which uses no
/// memory until it is written.
const MOST_RESERVED: usize = 1 << 24;

/// Trains a network one step at a time.
///
/// [`train`](super::train) is a loop over [`step`](Trainer::step). Write that loop to pause, draw, log or decide
/// between steps; [`run`](Trainer::run) has the least overhead between steps.
///
/// ```
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{Ending, Length, Plan, Settings, Trainer};
///
/// // Exclusive or: no line separates the two classes.
/// let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
/// let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
/// let settings = Settings { batch: 4, length: Length::Epochs(300), ..Settings::lecture() };
///
/// let network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
/// let mut trainer = Trainer::new(network, Plan::new(&xor, settings, 0))?;
/// while trainer.ending().is_none() {
///     let step = trainer.step()?;
///     if step.number.is_multiple_of(100) {
///         println!("step {}: loss {:.4}", step.number, step.loss);
///     }
/// }
/// let (network, training) = trainer.finish();
/// assert_eq!(training.ending, Ending::Completed);
/// assert_eq!(network.scores(&xor)?.argmax(), [0, 1, 1, 0]);
/// # Ok::<(), tercet::Error>(())
/// ```
pub struct Trainer {
    plan: Plan,
    pub(super) state: State,
    strategy: Strategy,
    batches: Batches,
    /// The rows of the current and the next batch.
    rows: Vec<usize>,
    next_rows: Vec<usize>,
    examples_seen: u64,
    /// Whether a step has failed, so that no further step is possible.
    failed: bool,
    stats_requested: bool,
    /// The buffers of the layer statistics, allocated at the first request.
    recorder: Option<StatsRecorder>,
}

/// The result of one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The number of the step, from 1.
    pub number: usize,
    /// The loss on the batch of this step, regularisation included.
    pub loss: f32,
    /// The learning rate of this step.
    pub learning_rate: f32,
    /// The validation check after this step, if one was due.
    pub validation: Option<Validation>,
    /// The layer statistics, if they were [requested](Trainer::request_stats) before the step.
    pub stats: Option<StepStats>,
    /// Why the training ended with this step, if it did.
    pub ending: Option<Ending>,
}

impl Trainer {
    /// A training before its first step.
    ///
    /// # Errors
    /// Invalid settings, example weights that are not finite or all 0, and data whose width or number of classes
    /// differs from the network's.
    pub fn new(network: Network, plan: Plan) -> Result<Self> {
        let (batches, strategy) = prepare(&network, &plan)?;
        Ok(Trainer::assemble(State::new(network, &plan.settings), plan, batches, strategy))
    }

    /// Resumes a training from a checkpoint, with the same bits as if it had never been interrupted. On another
    /// instruction set the last bits may differ.
    ///
    /// # Errors
    /// Those of [`new`](Trainer::new), and a checkpoint of another optimizer, or with a moving average of the weights
    /// if the plan has none.
    pub fn resume(checkpoint: Checkpoint, plan: Plan) -> Result<Self> {
        let state = checkpoint.into_state(&plan.settings)?;
        let (batches, strategy) = prepare(&state.network, &plan)?;
        Ok(Trainer::assemble(state, plan, batches, strategy))
    }

    /// Like [`new`](Trainer::new), but moves the network out only once nothing can fail any more.
    pub(super) fn take_network(network: &mut Network, plan: Plan) -> Result<Self> {
        let (batches, strategy) = prepare(network, &plan)?;
        let network = std::mem::replace(network, Network::empty());
        Ok(Trainer::assemble(State::new(network, &plan.settings), plan, batches, strategy))
    }

    fn assemble(mut state: State, plan: Plan, mut batches: Batches, strategy: Strategy) -> Self {
        let left = plan.steps().saturating_sub(state.step);
        // Reserves space for all losses, so that no step has to allocate.
        state.history.losses.reserve(left.min(MOST_RESERVED));
        let (rows, mut next_rows) = (Vec::new(), Vec::new());
        batches.seek(state.step as u64);
        batches.next(&mut next_rows);
        Trainer {
            plan,
            state,
            strategy,
            batches,
            rows,
            next_rows,
            examples_seen: 0,
            failed: false,
            stats_requested: false,
            recorder: None,
        }
    }

    /// Performs one step: samples a batch, computes its loss and gradients, updates the parameters, and runs a
    /// validation check if one is due.
    ///
    /// From outside a thread pool, each call costs the few microseconds that it takes to enter one. For small networks,
    /// call it inside a pool (`ThreadPool::install`), or use [`run`](Trainer::run).
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is NaN or infinite: [`network`](Trainer::network) is then that of the last
    /// validation check, or the initial one. [`Error::Mismatch`] if the training has ended.
    pub fn step(&mut self) -> Result<Step> {
        if self.ending().is_some() {
            return Err(Error::mismatch("the next step", "a training that has ended", "one with steps left"));
        }
        rayon::scope(|_| self.take_step())
    }

    /// Performs steps until the training ends or `observe`, which is called after each, returns `ControlFlow::Break`.
    /// It can then be called again to continue.
    ///
    /// # Errors
    /// Those of [`step`](Trainer::step).
    pub fn run(
        &mut self,
        mut observe: impl FnMut(&mut Trainer, &Step) -> ControlFlow<()> + Send,
    ) -> Result<()> {
        let steps = || -> Result<()> {
            while self.ending().is_none() {
                let step = self.take_step()?;
                if observe(self, &step).is_break() {
                    break;
                }
            }
            Ok(())
        };
        // Inside the pool, so that other threads take shared work at once.
        rayon::scope(|_| spinning_worker::with_spinning_worker(steps))
    }

    fn take_step(&mut self) -> Result<Step> {
        let step = self.compute_step();
        self.failed = step.is_err();
        step
    }

    fn compute_step(&mut self) -> Result<Step> {
        let Trainer { plan, state, strategy, batches, rows, next_rows, .. } = self;
        let (settings, total) = (&plan.settings, plan.steps());
        std::mem::swap(rows, next_rows);
        if state.step + 1 < total {
            batches.next(next_rows);
        } else {
            next_rows.clear();
        }
        let data_loss = strategy.loss(Batch { network: &state.network, plan, step: state.step, rows });
        let learning_rate = state.history.learning_rate(settings, state.step, total);
        let requested = std::mem::take(&mut self.stats_requested);
        if requested {
            let recorder =
                self.recorder.get_or_insert_with(|| StatsRecorder::new(&state.network, &plan.examples));
            recorder.before_step(&state.network);
        }
        strategy.update_running_stats(&mut state.network);
        // The update computes Σ W² in the same pass over the weights, so the loss is known after it.
        let squares = strategy.update(state, Update { plan, learning_rate, next_rows });
        let loss = state.complete_step(data_loss, squares, settings)?;
        self.examples_seen += rows.len() as u64;
        let validation = validate_if_due(state, plan)?;
        let recorder = self.recorder.as_mut().filter(|_| requested);
        let stats = recorder.map(|recorder| recorder.after_step(&state.network, &plan.examples));
        let number = state.step;
        Ok(Step { number, loss, learning_rate, validation, stats, ending: self.ending() })
    }

    /// Requests the [layer statistics](StepStats) of the next step: [`Step::stats`]. Other steps have no extra cost.
    ///
    /// ```
    /// # use tercet::Dataset;
    /// # use tercet::network::{Init, Network};
    /// # use tercet::train::{Length, Plan, Settings, Trainer};
    /// # let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
    /// # let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
    /// # let network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
    /// # let settings = Settings { batch: 4, length: Length::Epochs(30), ..Settings::lecture() };
    /// let mut trainer = Trainer::new(network, Plan::new(&xor, settings, 0))?;
    /// trainer.request_stats();
    /// let stats = trainer.step()?.stats.expect("they were requested");
    /// assert!(stats.layers[0].update_ratio > 0.0);
    /// assert_eq!(trainer.step()?.stats, None);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn request_stats(&mut self) {
        self.stats_requested = true;
    }

    /// Multiplies the learning rate of all later steps by `factor`, in addition to the schedule: 0.5 halves it.
    ///
    /// The change is part of the [history](History::rate_changes) and of every later checkpoint. After the last step it
    /// has no effect.
    ///
    /// # Errors
    /// A factor that is not a finite number above 0.
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<()> {
        match self.ending() {
            Some(_) => super::history::check_factor(factor),
            None => self.state.scale_learning_rate(factor),
        }
    }

    /// A snapshot of the training, to be [resumed](Trainer::resume) later. It is useless after a failed step.
    ///
    /// ```
    /// # use tercet::Dataset;
    /// # use tercet::network::{Init, Network};
    /// # use tercet::train::{Length, Plan, Settings, Trainer};
    /// # let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
    /// # let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
    /// # let network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
    /// # let settings = Settings { batch: 4, length: Length::Epochs(30), ..Settings::lecture() };
    /// let plan = Plan::new(&xor, settings, 0);
    /// let mut trainer = Trainer::new(network, plan.clone())?;
    /// trainer.step()?;
    /// let mut resumed = Trainer::resume(trainer.checkpoint(), plan)?;
    /// assert_eq!(resumed.step()?, trainer.step()?);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(self.state.clone())
    }

    /// Writes a checkpoint file, completely or not at all: [`Checkpoint::save`] without a copy of the state.
    ///
    /// # Errors
    /// A folder that does not exist, and errors of the operating system.
    pub fn save_checkpoint(&self, path: &Path, identity: &Identity) -> Result<()> {
        super::checkpoint::save(&self.state, path, identity)
    }

    /// Starts with the optimizer state of an earlier training of this network, on the same or on other examples.
    ///
    /// # Errors
    /// The state of another optimizer, or of a network with other layers.
    pub fn set_optimizer_state(&mut self, optimizer_state: OptimizerState) -> Result<()> {
        optimizer_state.restore(&mut self.state, self.plan.settings.optimizer)
    }

    /// The network that [`finish`](Trainer::finish) would return now: that of the last step, or the moving average of
    /// the weights if enabled in the settings; once a training with patience has ended, that of the best validation
    /// check.
    pub fn network(&self) -> &Network {
        match (&self.state.best, self.ending()) {
            (Some((_, best)), Some(Ending::Completed | Ending::Early { .. })) => best,
            _ => self.state.evaluated(),
        }
    }

    /// The data and the settings of this training.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All losses and validation checks so far.
    pub fn history(&self) -> &History {
        &self.state.history
    }

    /// The number of completed steps, including those before a checkpoint.
    pub fn steps_done(&self) -> usize {
        self.state.step
    }

    /// The number of examples processed since this trainer was created, counting repetitions.
    pub fn examples_seen(&self) -> u64 {
        self.examples_seen
    }

    /// Why the training ended, or `None` while there are steps left. After a failed step it is [`Ending::Interrupted`].
    pub fn ending(&self) -> Option<Ending> {
        if self.failed {
            Some(Ending::Interrupted)
        } else if let Some(best) = self.state.out_of_patience(&self.plan.settings) {
            Some(Ending::Early { best })
        } else {
            (self.state.step >= self.plan.steps()).then_some(Ending::Completed)
        }
    }

    /// Ends the training. Returns the trained network and the record of the training.
    ///
    /// With [`patience`](super::Settings::patience) the network is that of the best validation check. A training that
    /// has steps left is [interrupted](Ending::Interrupted); its network is that of the last step.
    pub fn finish(self) -> (Network, Training) {
        let (network, training, _) = self.finish_with_optimizer_state();
        (network, training)
    }

    /// [`finish`](Trainer::finish) that also returns the optimizer state for [further
    /// training](Trainer::set_optimizer_state).
    pub fn finish_with_optimizer_state(self) -> (Network, Training, OptimizerState) {
        let ending = self.ending().unwrap_or(Ending::Interrupted);
        let State { network, history, best, ema, step, earlier_steps, moments, .. } = self.state;
        let mut network = ema.unwrap_or(network);
        let best = best.filter(|_| ending != Ending::Interrupted).map(|(validation, weights)| {
            network = weights;
            validation.step
        });
        (network, Training { history, ending, best }, OptimizerState::new(earlier_steps + step, moments))
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("plan", &self.plan)
            .field("network", &self.state.network.to_string())
            .field("steps_done", &self.steps_done())
            .field("ending", &self.ending())
            .finish_non_exhaustive()
    }
}

/// Everything that can fail before the first step.
fn prepare(network: &Network, plan: &Plan) -> Result<(Batches, Strategy)> {
    plan.check(network)?;
    Ok((plan.batches()?, Strategy::new(network, plan)?))
}

/// Runs a validation check if one is due after the last step, and keeps the weights.
fn validate_if_due(state: &mut State, plan: &Plan) -> Result<Option<Validation>> {
    if !state.step.is_multiple_of(plan.validate_every()) && state.step != plan.steps() {
        return Ok(None);
    }
    state.check_finite(&plan.settings)?;
    let validation = match &plan.validation {
        None => None,
        Some(set) => {
            let since = state.history.validations.last().map_or(0, |last| last.step);
            let train_loss = super::history::mean(&state.history.losses[since..]);
            let validation =
                Validation::of(state.evaluated(), set, &plan.settings, (state.step, train_loss))?;
            state.record_validation(validation, &plan.settings);
            Some(validation)
        }
    };
    state.save_as_last_finite();
    Ok(validation)
}
