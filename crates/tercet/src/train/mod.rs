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
//! weights are remembered, and whoever observes may end the training.

mod history;
mod settings;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use tercet_kernels::descent::Step;

pub use history::{Check, History};
pub use settings::{Length, Settings};

use crate::data::{Batches, Dataset};
use crate::network::{Dense, Gradient, Inputs, Network, Workspace};
use crate::optimizer::Optimizer;
use crate::parallel::descend;
use crate::{Error, Result};

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
}

impl Progress<'_> {
    /// The look at the validation set after this very step, if there was one.
    pub fn check(&self) -> Option<&Check> {
        self.history.checks.last().filter(|check| check.step == self.step)
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
    /// The observer ended it; the weights are those of the last step.
    Interrupted,
}

/// What a training leaves beside the trained weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// All losses and checks.
    pub history: History,
    /// How it ended.
    pub ending: Ending,
}

impl Training {
    /// The look at the validation set that belongs to the weights which training left: the best one where training
    /// stopped early, else the last. `None` where there was no validation set or no look yet.
    pub fn check(&self) -> Option<&Check> {
        match self.ending {
            Ending::Early { best } => self.history.checks.iter().find(|check| check.step == best),
            Ending::Completed | Ending::Interrupted => self.history.checks.last(),
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
    settings.validate()?;
    for data in [Some(examples), validation].into_iter().flatten() {
        check_fit(network, data)?;
    }
    // Inside the pool, so that a product which is shared out begins at once.
    rayon::scope(|_| run(network, examples, validation, settings, seed, observe))
}

fn run(
    network: &mut Network,
    examples: &Dataset,
    validation: Option<&Dataset>,
    settings: &Settings,
    seed: u64,
    observe: Observer<'_>,
) -> Result<Training> {
    let batch = settings.batch.min(examples.len());
    let (mut batches, total, usual_check) = match settings.length {
        Length::Iterations(n) => (Batches::random(examples.len(), batch, seed)?, n, 100),
        Length::Epochs(n) => {
            let batches = Batches::epochs(examples.len(), batch, seed)?;
            let steps = batches.steps_per_epoch();
            (batches, n * steps, steps)
        }
    };
    let check_every = settings.check_every.unwrap_or(usual_check);

    let (mut rows, mut labels, mut inputs) = (Vec::new(), Vec::new(), Inputs::new(network));
    let mut workspace = Workspace::new();
    let mut velocities = velocities(network);
    let mut history = History::default();
    let mut ending = Ending::Completed;
    let mut last_sound = network.clone();
    let mut best: Option<(Check, Network)> = None;

    for step in 0..total {
        batches.next(&mut rows);
        let x = inputs.read(examples, &rows);
        labels.clear();
        labels.extend(rows.iter().map(|&i| examples.label(i)));

        let data_loss = network.data_loss_and_gradients(x, &labels, settings.loss, &mut workspace);
        let learning_rate = settings.learning_rate * settings.schedule.factor(step, total);
        // Regularisation and step in one pass over the weights, which gives their squares on the way. If the loss turns
        // out to be unsound, the weights of the last sound check come back.
        let Optimizer::Sgd { momentum } = settings.optimizer;
        let descent = Step { learning_rate, momentum, reg: settings.reg };
        let mut squares = 0.0;
        for ((dense, gradient), velocity) in
            network.dense_layers_mut().zip(workspace.gradients()).zip(&mut velocities)
        {
            squares += descend(descent, &mut dense.w, &gradient.dw, &mut velocity.dw);
            settings.optimizer.step(learning_rate, &mut dense.b, &gradient.db, &mut velocity.db);
        }
        let loss = match settings.reg {
            0.0 => data_loss,
            reg => (f64::from(data_loss) + f64::from(reg) * squares) as f32,
        };
        let diverged = |loss| Error::Diverged { step: step + 1, loss, learning_rate: settings.learning_rate };
        if !loss.is_finite() {
            *network = last_sound;
            return Err(diverged(loss));
        }
        history.losses.push(loss);

        let done = step + 1;
        if done % check_every == 0 || done == total {
            if let Some(bad) = first_unsound(network) {
                *network = last_sound;
                return Err(diverged(bad));
            }
            if let Some(validation) = validation {
                let since = history.checks.last().map_or(0, |check| check.step);
                let check = Check {
                    step: done,
                    train_loss: history::mean(&history.losses[since..]),
                    ..look_at(network, validation, settings)?
                };
                history.checks.push(check);
                let accuracy = check.validation_accuracy;
                let improved = best.as_ref().is_none_or(|(best, _)| accuracy > best.validation_accuracy);
                if improved && settings.patience.is_some() {
                    best = Some((check, network.clone()));
                }
            }
            last_sound.clone_from(network);
        }

        let flow = observe(Progress { step: done, total, history: &history });
        if flow.is_break() && done < total {
            ending = Ending::Interrupted;
            break;
        }
        if let (Some(patience), Some((check, _))) = (settings.patience, &best) {
            let since_best = history.checks.iter().filter(|c| c.step > check.step).count();
            if since_best >= patience {
                ending = Ending::Early { best: check.step };
                break;
            }
        }
    }
    if let (Ending::Early { .. }, Some((_, weights))) = (ending, best) {
        *network = weights;
    }
    Ok(Training { history, ending })
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

/// Zeros in the shape of the gradients: what the optimizer remembers of each parameter.
fn velocities(network: &Network) -> Vec<Gradient> {
    let zeros = |dense: &Dense| Gradient { dw: vec![0.0; dense.w.len()], db: vec![0.0; dense.b.len()] };
    network.dense_layers().map(zeros).collect()
}

/// A parameter that is NaN or infinite.
fn first_unsound(network: &Network) -> Option<f32> {
    network.dense_layers().flat_map(|dense| dense.w.iter().chain(&dense.b)).copied().find(|w| !w.is_finite())
}

/// The loss and accuracy on the validation set, as a check of step 0.
fn look_at(network: &Network, validation: &Dataset, settings: &Settings) -> Result<Check> {
    let (scores, labels) = (network.scores(validation)?, validation.labels());
    let reg: f64 = network.dense_layers().map(Dense::squared_weights).sum::<f64>() * f64::from(settings.reg);
    let right = scores.argmax().iter().zip(&labels).filter(|(found, label)| found == label).count();
    Ok(Check {
        step: 0,
        train_loss: 0.0,
        validation_loss: (f64::from(settings.loss.loss(scores.values(), &labels)) + reg) as f32,
        validation_accuracy: right as f64 / labels.len() as f64,
    })
}
