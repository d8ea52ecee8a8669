//! What a training carries from step to step.

use super::{History, Settings, Validation};
use crate::network::Network;
use crate::optimizer::Moments;

/// All that a step reads and changes, beside the parameters themselves. The batches and the dropped units are functions
/// of the seed and the number of steps done, so that number stands for them here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// Steps done.
    pub(super) step: usize,
    /// Steps that the optimizer remembers of trainings before this one.
    pub(super) earlier_steps: usize,
    /// What the optimizer remembers of the weights and the biases, or γ and β, of each layer that learns.
    pub(super) moments: Vec<[Moments; 2]>,
    /// The moving average of the weights, where one is kept.
    pub(super) ema: Option<Network>,
    /// All losses and checks so far.
    pub(super) history: History,
    /// The network that the last check judged, or the one that training began with: where a loss that diverges leads
    /// back to.
    pub(super) last_finite: Network,
    /// The best check and its network, where training may stop early.
    pub(super) best: Option<(Validation, Network)>,
}

impl State {
    /// The state before the first step.
    pub(super) fn new(network: &Network, settings: &Settings) -> Self {
        let optimizer = settings.optimizer;
        let moments = network
            .trainable()
            .map(|learned| [learned.w, learned.b].map(|array| Moments::new(optimizer, array.len())))
            .collect();
        let ema = settings.ema.map(|_| network.clone());
        let (history, last_finite) = (History::default(), network.clone());
        State { step: 0, earlier_steps: 0, moments, ema, history, last_finite, best: None }
    }

    /// What is looked at and kept: the moving average, or else the network itself.
    pub(super) fn evaluated<'a>(&'a self, network: &'a Network) -> &'a Network {
        self.ema.as_ref().unwrap_or(network)
    }

    /// Remembers what the latest check judged, as the best where it is.
    pub(super) fn record_validation(
        &mut self,
        validation: Validation,
        network: &Network,
        settings: &Settings,
    ) {
        let network = self.ema.as_ref().unwrap_or(network);
        self.history.validations.push(validation);
        let better = |best: &Validation| settings.stop_by.is_better(&validation, best);
        if settings.patience.is_none() {
            return;
        }
        match &mut self.best {
            Some((best, weights)) if better(best) => {
                *best = validation;
                weights.clone_from(network);
            }
            Some(_) => {}
            none => *none = Some((validation, network.clone())),
        }
    }

    /// What a check has just found to be sound is where a loss that diverges leads back to.
    pub(super) fn save_as_last_finite(&mut self, network: &Network) {
        self.last_finite.clone_from(self.ema.as_ref().unwrap_or(network));
    }

    /// The step of the best check, where so many checks since then were no better that training ends.
    pub(super) fn out_of_patience(&self, settings: &Settings) -> Option<usize> {
        let ((best, _), patience) = (self.best.as_ref()?, settings.patience?);
        let since = self.history.validations.iter().rev().take_while(|check| check.step > best.step).count();
        (since >= patience).then_some(best.step)
    }
}
