//! The one training loop, for linear classifiers and networks alike.
//!
//! ```text
//! initialise the parameters
//! for each iteration:
//!     sample a batch of training examples
//!     evaluate the loss and the gradients for the batch, with the parameters as they are
//!     update the parameters along the gradients
//! ```
//!
//! Everything else here is watching: the validation set is looked at now and then, the best and the last sound
//! weights are remembered, and whoever observes may end the training, change its learning rate, or ask how the layers
//! are doing.
//!
//! # A moving average of the weights
//!
//! Late in training, weights wander about a good place rather than to it. With [`Settings::ema`] = β their exponential
//! moving average is kept beside them (Polyak and Juditsky 1992, for the mean), and it is the average that the validation
//! set judges, that early stopping goes back to, and that is left at the end:
//!
//! ```text
//! M_t = β M_(t−1) + (1 − β) W_t,    W̄_t = M_t / (1 − βᵗ)
//! ```
//!
//! with M_0 = 0: the correction of the bias towards 0 is that of Adam (Kingma and Ba 2015, section 7.2). It is computed as
//! W̄_t = W̄_(t−1) + (1 − β) / (1 − βᵗ) (W_t − W̄_(t−1)), a plain mean of the first steps that becomes the moving one. About
//! 1 / (1 − β) steps count. The weights themselves are trained as if there were no average.

mod checkpoint;
mod clip;
mod data_parallel;
pub mod distributed;
mod ema;
mod history;
mod history_csv;
mod layer_stats;
mod model_parallel;
mod optimizer_state;
mod pass;
mod plan;
mod requests;
mod settings;
mod spinning_worker;
mod state;
mod step;
mod weights;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

pub use checkpoint::{Checkpoint, Identity};
pub use history::{History, RateChange, Validation};
pub use layer_stats::{LayerStats, StepStats};
pub use optimizer_state::OptimizerState;
pub use plan::Plan;
pub use settings::{Length, Settings, StopBy};
pub use weights::ClassWeights;

use crate::data::{Batches, Dataset};
use crate::network::{Network, regularized};
use crate::{Error, Result};
use layer_stats::StatsRecorder;
use pass::{Next, Pass, Passes};
use requests::Requests;
use state::State;

/// What an observer is told after each step.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Steps done.
    pub step: usize,
    /// Steps in all, if nothing ends the training early.
    pub total: usize,
    /// Everything so far: the loss of this step is the last of its losses, and if the validation set was looked at
    /// after this step, that is the last of its checks.
    pub history: &'a History,
    /// The learning rate of this step.
    pub learning_rate: f32,
    /// Examples seen since this training began or was resumed, each as often as it was seen.
    pub examples: u64,
    network: &'a Network,
    state: &'a State,
    measurement: Option<&'a StepStats>,
    requests: &'a Requests,
}

impl Progress<'_> {
    /// The validation check after this step, if there was one.
    pub fn validation(&self) -> Option<&Validation> {
        self.history.validations.last().filter(|check| check.step == self.step)
    }

    /// The network that training would leave if it ended here: the weights after this step, or their moving average where
    /// one is kept.
    pub fn network(&self) -> &Network {
        self.state.evaluated(self.network)
    }
}

/// Who watches a training: called after each step, and ends the training with `ControlFlow::Break`.
pub type Observer<'a> = &'a mut (dyn FnMut(Progress<'_>) -> ControlFlow<()> + Send);

/// How a training came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// All steps were done.
    Completed,
    /// Validation stopped improving; the weights are those of the best check, after this many steps.
    Early {
        /// Steps done when the best check was made.
        best: usize,
    },
    /// The observer ended it; the weights are those of the last step, or their moving average then.
    Interrupted,
}

/// What a training leaves beside the trained weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// All losses and checks.
    pub history: History,
    /// How it ended.
    pub ending: Ending,
    /// The step of the check that was the best and whose weights were restored, where
    /// [`patience`](Settings::patience) was set and nobody interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<usize>,
}

impl Training {
    /// The validation check of the weights that training returns: with early stopping the best, else the last. `None`
    /// without a validation set, or before the first check.
    pub fn validation(&self) -> Option<&Validation> {
        match self.best {
            Some(best) => self.history.validations.iter().find(|check| check.step == best),
            None => self.history.validations.last(),
        }
    }
}

/// Trains a network, `train_nn` of the lecture: sample, loss and gradients, update.
///
/// The weights that the network comes with are where training starts. One seed gives the same bits on one
/// instruction set, whatever the number of threads.
///
/// # Errors
/// Settings that make no sense, data whose width or classes are not the network's, and [`Error::Diverged`] as soon
/// as a loss is NaN or infinite; the network then has the weights of the last sound check, or those it came with.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{Length, Settings, train};
///
/// // Exclusive or: the four points that no line separates.
/// let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
/// let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
/// let mut network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
/// let settings = Settings { batch: 4, length: Length::Epochs(300), ..Settings::lecture() };
/// train(&mut network, &xor, None, &settings, 0, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(network.scores(&xor)?.argmax(), [0, 1, 1, 0]);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn train(
    network: &mut Network,
    examples: &Dataset,
    validation: Option<&Dataset>,
    settings: &Settings,
    seed: u64,
    observe: Observer<'_>,
) -> Result<Training> {
    Plan { validation, ..Plan::new(examples, settings, seed) }.train(network, observe)
}

/// Losses that room is made for before the first step: 16 million, 64 MiB of addresses and none of memory until they come.
const MOST_RESERVED: usize = 1 << 24;

/// Takes the steps that are left.
fn run(
    network: &mut Network,
    mut state: State,
    plan: &Plan<'_>,
    observe: Observer<'_>,
) -> Result<(Training, OptimizerState)> {
    let &Plan { examples, validation, weights, settings, seed, measure_first } = plan;
    let batch = settings.batch.min(examples.len());
    let total = settings.steps(examples.len());
    let (mut batches, default_interval) = match settings.length {
        Length::Iterations(_) => (Batches::random(examples.len(), batch, seed)?, 100),
        Length::Epochs(_) => {
            let batches = Batches::epochs(examples.len(), batch, seed)?;
            let steps = batches.steps_per_epoch();
            (batches, steps)
        }
    };
    let validate_every = settings.validate_every.unwrap_or(default_interval);
    batches.seek(state.step as u64);
    let mut passes = Passes::new(network, examples, batch, settings, seed)?;

    // Room for all losses at once, unless there will be so many that nobody waits for the last.
    state.history.losses.reserve(total.saturating_sub(state.step).min(MOST_RESERVED));
    let (mut rows, mut next) = (Vec::new(), Vec::new());
    batches.next(&mut next);
    let mut seen = 0;
    let requests = Requests::new(measure_first);
    // Made when somebody asks for the first measurement.
    let mut meter: Option<StatsRecorder> = None;

    let ending = loop {
        if let Some(best) = state.out_of_patience(settings) {
            break Ending::Early { best };
        }
        if state.step >= total {
            break Ending::Completed;
        }
        std::mem::swap(&mut rows, &mut next);
        if state.step + 1 < total {
            batches.next(&mut next);
        } else {
            next.clear();
        }
        let pass = Pass { network, examples, weights, settings, step: state.step };
        let data_loss = passes.loss(pass, &rows);
        let learning_rate = state.history.learning_rate(settings, state.step, total);
        let mut measuring = requests
            .take_measure()
            .then(|| meter.get_or_insert_with(|| StatsRecorder::new(network, examples)));
        if let Some(meter) = &mut measuring {
            meter.before(network);
        }
        // The step gives the squares of the weights that it passes over, so the loss is known after it. Where the loss
        // is unsound, the weights of the last sound check come back.
        passes.update_running_stats(network);
        let next = Next { examples, rows: &next };
        let squares = passes.optimizer_step(&mut state, network, settings, learning_rate, next);
        let loss = regularized(data_loss, settings.reg, squares);
        let done = state.step;
        let diverged = |loss| Error::Diverged { step: done, loss, learning_rate: settings.learning_rate };
        if !loss.is_finite() {
            *network = state.last_finite;
            return Err(diverged(loss));
        }
        state.history.losses.push(loss);
        seen += rows.len() as u64;

        if done.is_multiple_of(validate_every) || done == total {
            if let Some(bad) = network.first_non_finite() {
                *network = state.last_finite;
                return Err(diverged(bad));
            }
            if let Some(validation) = validation {
                let since = state.history.validations.last().map_or(0, |check| check.step);
                let validation = Validation {
                    step: done,
                    train_loss: history::mean(&state.history.losses[since..]),
                    ..look_at(state.evaluated(network), validation, settings)?
                };
                state.record_validation(validation, network, settings);
            }
            state.save_as_last_finite(network);
        }

        let flow = observe(Progress {
            step: done,
            total,
            history: &state.history,
            learning_rate,
            examples: seen,
            network,
            state: &state,
            measurement: measuring.map(|meter| meter.after(network, examples)),
            requests: &requests,
        });
        if flow.is_break() && done < total {
            break Ending::Interrupted;
        }
        state.history.rate_changes.extend(requests.take_rate_change(done).filter(|_| done < total));
    };
    let State { history, best, ema, step, earlier_steps, moments, .. } = state;
    if let Some(average) = ema {
        *network = average;
    }
    let restored = best.filter(|_| ending != Ending::Interrupted);
    let best = restored.map(|(check, weights)| {
        *network = weights;
        check.step
    });
    Ok((Training { history, ending, best }, OptimizerState::new(earlier_steps + step, moments)))
}

/// Refuses data that the network cannot take.
fn check_fit(network: &Network, data: &Dataset) -> Result<()> {
    if data.is_empty() {
        return Err(Error::mismatch(format!("examples of {}", data.name()), 0, "at least 1"));
    }
    if data.width() != network.inputs() {
        let what = format!("features of an example of {}", data.name());
        return Err(Error::mismatch(
            what,
            data.width(),
            format!("{}, the network's inputs", network.inputs()),
        ));
    }
    if data.class_count() != network.classes() {
        let what = format!("classes of {}", data.name());
        let expected = format!("{}, the network's scores", network.classes());
        return Err(Error::mismatch(what, data.class_count(), expected));
    }
    Ok(())
}

/// The loss and accuracy on the validation set, as a check of step 0.
fn look_at(network: &Network, validation: &Dataset, settings: &Settings) -> Result<Validation> {
    let (scores, labels) = (network.scores(validation)?, validation.labels());
    let reg = network.squared_weights() * f64::from(settings.reg);
    Ok(Validation {
        step: 0,
        train_loss: 0.0,
        validation_loss: (f64::from(settings.loss.loss(scores.values(), labels)) + reg) as f32,
        validation_accuracy: scores.accuracy(labels),
    })
}
