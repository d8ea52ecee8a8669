//! The history of a training: losses, validation checks and changes of the learning rate.

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::data::Dataset;
use crate::network::Network;
use crate::{Error, Result};

/// The history of a training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The loss of every step on its own batch, regularisation included: `losses[it]` of the lecture.
    pub losses: Vec<f32>,
    /// The validation checks, first to last.
    pub validations: Vec<Validation>,
    /// Changes of the learning rate in addition to the schedule, first to last:
    /// [`scale_learning_rate`](super::Trainer::scale_learning_rate).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_changes: Vec<RateChange>,
}

/// A validation check: an evaluation on the validation set during training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The number of completed steps.
    pub step: usize,
    /// The mean loss of the batches since the last check, regularisation included.
    pub train_loss: f32,
    /// The mean loss over the validation set, regularisation included.
    pub validation_loss: f32,
    /// The fraction of the validation set that is classified correctly.
    pub validation_accuracy: f64,
}

/// A change of the learning rate in addition to the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateChange {
    /// The number of completed steps before the change: the next step is the first with the new rate.
    pub step: usize,
    /// The factor by which the learning rate of all later steps is multiplied.
    pub factor: f32,
}

impl History {
    /// The mean of all losses so far: what the lecture's loop prints, `sum(losses) / it`.
    pub fn mean_loss(&self) -> f32 {
        mean(&self.losses)
    }

    /// The learning rate of step t, from 0, of T: that of the settings, times the factor of the schedule, times the
    /// factors of all changes up to then.
    pub fn learning_rate(&self, settings: &Settings, t: usize, total: usize) -> f32 {
        let scheduled = settings.learning_rate * settings.schedule.factor(t, total);
        self.rate_changes
            .iter()
            .filter(|change| change.step <= t)
            .fold(scheduled, |rate, change| rate * change.factor)
    }
}

impl Validation {
    /// Evaluates a network on the validation set after `step` steps, with the mean loss of the batches since the last
    /// check.
    ///
    /// # Errors
    /// Examples whose width is not the number of the network's inputs.
    pub(super) fn of(
        network: &Network,
        set: &Dataset,
        settings: &Settings,
        (step, train_loss): (usize, f32),
    ) -> Result<Self> {
        let (scores, labels) = (network.scores(set)?, set.labels());
        let reg = network.squared_weights() * f64::from(settings.reg);
        Ok(Validation {
            step,
            train_loss,
            validation_loss: (f64::from(settings.loss.loss(scores.values(), labels)) + reg) as f32,
            validation_accuracy: scores.accuracy(labels),
        })
    }
}

/// The mean, summed in f64; NaN if there are none.
pub(super) fn mean(losses: &[f32]) -> f32 {
    (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64) as f32
}

/// Rejects a factor of the learning rate that is not a finite number above 0.
pub(super) fn check_factor(factor: f32) -> Result<()> {
    if factor.is_finite() && factor > 0.0 {
        return Ok(());
    }
    Err(Error::setting("the factor of the learning rate", factor, "a finite number above 0, such as 0.5"))
}
