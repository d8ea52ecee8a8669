//! What an observer may ask of the steps to come.

use std::cell::Cell;

use super::Progress;
use super::history::RateChange;
use crate::{Error, Result};

/// What was asked since the last step.
#[derive(Debug)]
pub(super) struct Requests {
    /// What the learning rate is to be multiplied by.
    factor: Cell<f32>,
    /// Whether the next step is to be measured.
    measure: Cell<bool>,
}

impl Requests {
    /// Before the first step, which may have to be measured.
    pub(super) fn new(measure: bool) -> Self {
        Requests { factor: Cell::new(1.0), measure: Cell::new(measure) }
    }

    /// The change of the learning rate that was asked for after so many steps, if there was one.
    pub(super) fn rate_change(&self, step: usize) -> Option<RateChange> {
        let factor = self.factor.get();
        (factor != 1.0).then_some(RateChange { step, factor })
    }

    /// The same, and from now on it is not asked for any more.
    pub(super) fn take_rate_change(&self, step: usize) -> Option<RateChange> {
        let change = self.rate_change(step);
        self.factor.set(1.0);
        change
    }

    /// Whether the next step is to be measured; the one behind it is not, unless that is asked again.
    pub(super) fn take_measure(&self) -> bool {
        self.measure.take()
    }
}

/// Refuses a factor of the learning rate that is not a finite number above 0.
pub(super) fn check_factor(factor: f32) -> Result<()> {
    if factor.is_finite() && factor > 0.0 {
        return Ok(());
    }
    Err(Error::setting("the factor of the learning rate", factor, "a finite number above 0, such as 0.5"))
}

impl Progress<'_> {
    /// Multiplies the learning rate of all steps to come by `factor`, beside what the schedule does: 0.5 halves it.
    ///
    /// The change stands in [`History::rate_changes`](super::History) and in every checkpoint from now on, so that a
    /// training which goes on from one has it too. A training in which nobody asks for a change has the bits of one
    /// that nobody observes.
    ///
    /// # Errors
    /// A factor that is not a finite number above 0.
    pub fn scale_learning_rate(&self, factor: f32) -> Result<()> {
        check_factor(factor)?;
        self.requests.factor.set(self.requests.factor.get() * factor);
        Ok(())
    }

    /// Has the next step measured: it will come with a [`StepStats`](super::StepStats). Steps that nobody asked
    /// about cost nothing more. The first step is asked about in the [`Plan`](super::Plan).
    pub fn request_stats(&self) {
        self.requests.measure.set(true);
    }
}
