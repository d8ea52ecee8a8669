//! What training saw on its way.

use serde::{Deserialize, Serialize};

use super::Settings;

/// What training saw on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The loss of every step on its own batch, regularisation included: `losses[it]` of the lecture.
    pub losses: Vec<f32>,
    /// What the validation set said, now and then.
    pub validations: Vec<Validation>,
    /// What observers made of the learning rate on the way, first to last:
    /// [`scale_learning_rate`](super::Progress::scale_learning_rate).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_changes: Vec<RateChange>,
}

/// A validation check during training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Steps done by then.
    pub step: usize,
    /// The mean loss of the batches since the last check, regularisation included.
    pub train_loss: f32,
    /// The mean loss over the validation set, regularisation included.
    pub validation_loss: f32,
    /// The share of the validation set that is classified correctly.
    pub validation_accuracy: f64,
}

/// A change of the learning rate that nobody planned: an observer asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateChange {
    /// Steps done by then: the next was the first that it changed.
    pub step: usize,
    /// What the learning rate of every later step was multiplied by.
    pub factor: f32,
}

impl History {
    /// The mean of all losses so far: what the lecture's loop prints, `sum(losses) / it`.
    pub fn mean_loss(&self) -> f32 {
        mean(&self.losses)
    }

    /// The learning rate of step t, from 0, of T: that of the settings, times what the schedule says, times the factors
    /// of all changes up to then.
    pub fn learning_rate(&self, settings: &Settings, t: usize, total: usize) -> f32 {
        let planned = settings.learning_rate * settings.schedule.factor(t, total);
        self.rate_changes
            .iter()
            .filter(|change| change.step <= t)
            .fold(planned, |rate, change| rate * change.factor)
    }
}

/// The mean, summed in f64; NaN of nothing.
pub(super) fn mean(losses: &[f32]) -> f32 {
    (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64) as f32
}
