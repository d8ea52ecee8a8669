//! What training saw on its way.

use serde::{Deserialize, Serialize};

/// What training saw on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The loss of every step on its own batch, regularisation included: `losses[it]` of the lecture.
    pub losses: Vec<f32>,
    /// What the validation set said, now and then.
    pub checks: Vec<Check>,
}

/// A look at the validation set during training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Steps done by then.
    pub step: usize,
    /// The mean loss of the batches since the last check, regularisation included.
    pub train_loss: f32,
    /// The mean loss over the validation set, regularisation included.
    pub validation_loss: f32,
    /// The share of the validation set that is classified correctly.
    pub validation_accuracy: f64,
}

impl History {
    /// The mean of all losses so far: what the lecture's loop prints, `sum(losses) / it`.
    pub fn mean_loss(&self) -> f32 {
        mean(&self.losses)
    }
}

/// The mean, summed in f64; NaN of nothing.
pub(super) fn mean(losses: &[f32]) -> f32 {
    (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64) as f32
}
