//! The state of a training: everything that a step reads and changes.

use super::history::check_factor;
use super::{History, RateChange, Settings, Validation, ema};
use crate::network::{Network, regularized};
use crate::optimizer::Moments;
use crate::{Error, Result};

/// Everything that a step reads and changes, and that a checkpoint stores. The batches and the dropped units are
/// functions of the seed and the number of completed steps, so only that number is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// The network being trained. After divergence, the last finite one.
    pub(super) network: Network,
    /// The number of completed steps.
    pub(super) step: usize,
    /// The number of steps that the optimizer has taken in earlier trainings.
    pub(super) earlier_steps: usize,
    /// The moments of the weights and biases, or γ and β, of each trainable layer.
    pub(super) moments: Vec<[Moments; 2]>,
    /// The exponential moving average of the weights, if enabled in the settings.
    pub(super) ema: Option<Network>,
    /// All losses and validation checks so far.
    pub(super) history: History,
    /// The network of the last validation check, or the initial one: what is restored when the loss diverges.
    pub(super) last_finite: Network,
    /// The best validation check and its network, if early stopping is enabled.
    pub(super) best: Option<(Validation, Network)>,
}

impl State {
    /// The state before the first step.
    pub(super) fn new(network: Network, settings: &Settings) -> Self {
        let optimizer = settings.optimizer;
        let moments = network
            .trainable()
            .map(|learned| [learned.w, learned.b].map(|array| Moments::new(optimizer, array.len())))
            .collect();
        State {
            step: 0,
            earlier_steps: 0,
            moments,
            ema: settings.ema.map(|_| network.clone()),
            history: History::default(),
            last_finite: network.clone(),
            best: None,
            network,
        }
    }

    /// The network that is validated and kept: the moving average of the weights if there is one.
    pub(super) fn evaluated(&self) -> &Network {
        self.ema.as_ref().unwrap_or(&self.network)
    }

    /// Completes a step: updates the average, adds the regularised loss to the history and returns it.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite; the network is then the last finite one.
    pub(super) fn complete_step(&mut self, data_loss: f32, squares: f64, settings: &Settings) -> Result<f32> {
        if let (Some(ema), Some(decay)) = (&mut self.ema, settings.ema) {
            ema::update(ema, &self.network, decay, self.step);
        }
        let loss = regularized(data_loss, settings.reg, squares);
        if !loss.is_finite() {
            return Err(self.diverged(loss, settings));
        }
        self.history.losses.push(loss);
        Ok(loss)
    }

    /// Restores the last finite network if a parameter is not finite.
    ///
    /// # Errors
    /// [`Error::Diverged`].
    pub(super) fn check_finite(&mut self, settings: &Settings) -> Result<()> {
        match self.network.first_non_finite() {
            Some(value) => Err(self.diverged(value, settings)),
            None => Ok(()),
        }
    }

    /// Restores the last finite network; the error says at which step the loss diverged.
    fn diverged(&mut self, loss: f32, settings: &Settings) -> Error {
        self.network.clone_from(&self.last_finite);
        self.ema = None;
        Error::Diverged { step: self.step, loss, learning_rate: settings.learning_rate }
    }

    /// Adds a validation check to the history, and keeps its network if it is the best so far.
    pub(super) fn record_validation(&mut self, validation: Validation, settings: &Settings) {
        let network = self.ema.as_ref().unwrap_or(&self.network);
        self.history.validations.push(validation);
        if settings.patience.is_none() {
            return;
        }
        match &mut self.best {
            Some((best, weights)) if settings.stop_by.is_better(&validation, best) => {
                *best = validation;
                weights.clone_from(network);
            }
            Some(_) => {}
            none => *none = Some((validation, network.clone())),
        }
    }

    /// Keeps the evaluated network, whose parameters have just been checked to be finite.
    pub(super) fn save_as_last_finite(&mut self) {
        self.last_finite.clone_from(self.ema.as_ref().unwrap_or(&self.network));
    }

    /// The step of the best validation check, if `patience` checks since then have brought no improvement.
    pub(super) fn out_of_patience(&self, settings: &Settings) -> Option<usize> {
        let ((best, _), patience) = (self.best.as_ref()?, settings.patience?);
        let since = self.history.validations.iter().rev().take_while(|check| check.step > best.step).count();
        (since >= patience).then_some(best.step)
    }

    /// Multiplies the learning rate of all later steps.
    ///
    /// # Errors
    /// A factor that is not a finite number above 0.
    pub(super) fn scale_learning_rate(&mut self, factor: f32) -> Result<()> {
        check_factor(factor)?;
        let changes = &mut self.history.rate_changes;
        // Several changes after the same step are combined.
        let earlier = changes.pop_if(|change| change.step == self.step).map_or(1.0, |change| change.factor);
        if earlier * factor != 1.0 {
            changes.push(RateChange { step: self.step, factor: earlier * factor });
        }
        Ok(())
    }
}
