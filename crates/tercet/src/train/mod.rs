//! Training by gradient descent, for linear classifiers and networks alike.
//!
//! ```text
//! initialise the parameters
//! for each iteration:
//!     sample a batch of training examples
//!     compute the loss and the gradients of the batch with the current parameters
//!     update the parameters along the gradients
//! ```
//!
//! [`train`] runs this loop. [`Trainer`] performs one iteration at a time, with regular validation checks; it can be
//! paused, stored in a [`Checkpoint`] and resumed to the same bits. [`distributed`] has the loop for gradients that
//! other processes compute.
//!
//! # A moving average of the weights
//!
//! Late in training the weights move around a good point rather than towards it. With [`Settings::ema`] = β, training
//! keeps their exponential moving average (Polyak and Juditsky 1992, for the mean). Validation checks evaluate the
//! average, early stopping restores it, and it is what training leaves at the end:
//!
//! ```text
//! M_t = β M_(t−1) + (1 − β) W_t,    W̄_t = M_t / (1 − βᵗ)
//! ```
//!
//! with M_0 = 0. The bias correction is that of Adam (Kingma and Ba 2015, section 7.2). It is computed as W̄_t =
//! W̄_(t−1) + (1 − β) / (1 − βᵗ) (W_t − W̄_(t−1)), which is the plain mean of the first steps and approaches the moving
//! one. About the last 1 / (1 − β) steps count. The weights themselves are trained as if there were no average.

mod checkpoint;
mod clip;
mod data_parallel;
mod diagnosis;
pub mod distributed;
mod ema;
pub mod full_batch;
mod history;
mod history_csv;
mod layer_stats;
mod model_parallel;
mod optimizer_state;
mod plan;
mod settings;
mod spinning_worker;
mod state;
mod strategy;
mod trainer;
mod update;
mod weights;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

pub use checkpoint::{Checkpoint, Identity};
pub use diagnosis::diagnose;
pub use history::{History, RateChange, Validation};
pub use layer_stats::{LayerStats, StepStats};
pub use optimizer_state::OptimizerState;
pub use plan::{Plan, PlanTargets};
pub use settings::{Length, Settings, StopBy};
pub use trainer::{Step, Trainer};
pub use weights::ClassWeights;

use crate::Result;
use crate::network::Network;

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// All steps were done.
    Completed,
    /// Early stopping: the validation metric stopped improving. The weights are those of the best validation check,
    /// after `best` steps.
    Early {
        /// The number of completed steps at the best check.
        best: usize,
    },
    /// Ended before the last step. The weights are those of the last completed step, or their moving average.
    Interrupted,
}

/// The record of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// All losses and validation checks.
    pub history: History,
    /// Why it ended.
    pub ending: Ending,
    /// The step of the best validation check, whose weights were restored, if [`patience`](Settings::patience) was set
    /// and the training was not interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<usize>,
}

impl Training {
    /// The validation check of the final weights: the best one with patience, otherwise the last. `None` without a
    /// validation set, or before the first check.
    pub fn validation(&self) -> Option<&Validation> {
        let validations = &self.history.validations;
        match self.best {
            Some(best) => validations.iter().find(|validation| validation.step == best),
            None => validations.last(),
        }
    }
}

/// Trains a network (`train_nn` of the lecture): sample a batch, compute loss and gradients, update.
///
/// Training starts from the network's current weights. The same seed gives the same bits on the same instruction set,
/// whatever the number of threads.
///
/// # Errors
/// Those of [`Trainer::new`] and [`Trainer::step`]. After [`Error::Diverged`](crate::Error::Diverged) the network has
/// the weights of the last validation check, or the initial ones.
///
/// ```
/// use tercet::data::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{Length, Plan, Settings, train};
///
/// // Exclusive or: no line separates the two classes.
/// let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
/// let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
/// let mut network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
/// let settings = Settings { batch: 4, length: Length::Epochs(300), ..Settings::lecture() };
/// train(&mut network, &Plan::new(&xor, settings, 0))?;
/// assert_eq!(network.scores(&xor)?.argmax(), [0, 1, 1, 0]);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn train(network: &mut Network, plan: &Plan) -> Result<Training> {
    train_with(network, plan, |_, _| ControlFlow::Continue(()))
}

/// [`train`] with an observer, which is called after each step and ends the training with `ControlFlow::Break`. It may
/// also change the learning rate, request layer statistics or save a checkpoint: it has the [`Trainer`].
///
/// # Errors
/// Those of [`train`].
///
/// ```
/// use std::ops::ControlFlow;
/// # use tercet::data::Dataset;
/// # use tercet::network::{Init, Network};
/// # use tercet::train::{Length, Plan, Settings, train_with};
/// # let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
/// # let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
/// # let mut network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
/// # let settings = Settings { batch: 4, length: Length::Epochs(300), ..Settings::lecture() };
/// let training = train_with(&mut network, &Plan::new(&xor, settings, 0), |trainer, step| {
///     if step.number == 100 {
///         trainer.scale_learning_rate(0.5).unwrap();
///     }
///     if step.loss < 0.1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// assert!(training.history.losses.len() < 300);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn train_with(
    network: &mut Network,
    plan: &Plan,
    observe: impl FnMut(&mut Trainer, &Step) -> ControlFlow<()> + Send,
) -> Result<Training> {
    let mut trainer = Trainer::take_network(network, plan.clone())?;
    let result = trainer.run(observe);
    let (trained, training) = trainer.finish();
    *network = trained;
    result.map(|()| training)
}
