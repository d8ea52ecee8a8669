//! [`OptimizerState`]: carried from one training to the next.

use super::state::State;
use crate::optimizer::{Moments, Optimizer};
use crate::{Error, Result};

/// The state of an optimizer after some steps, for incremental training on examples that arrive in portions
/// ([`Trainer::set_optimizer_state`](super::Trainer::set_optimizer_state)). [`OptimizerState::default`] is the state
/// before the first step.
///
/// ```
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::optimizer::Optimizer;
/// use tercet::train::{Length, OptimizerState, Plan, Settings, Trainer};
///
/// let points = Dataset::from_features("points", 1, vec![0.0, 1.0], vec![0, 1], vec!["a".into(), "b".into()])?;
/// let adam = Settings { optimizer: Optimizer::ADAM, length: Length::Epochs(1), batch: 2, ..Settings::lecture() };
/// let trained = |epochs_each: &[usize]| {
///     let mut network = Network::fully_connected(1, &[], 2, Init::Normal(0.0), 0)?;
///     let mut optimizer_state = OptimizerState::default();
///     for &epochs in epochs_each {
///         let settings = Settings { length: Length::Epochs(epochs), ..adam };
///         let mut trainer = Trainer::new(network, Plan::new(&points, settings, 0))?;
///         trainer.set_optimizer_state(optimizer_state)?;
///         while trainer.ending().is_none() {
///             trainer.step()?;
///         }
///         (network, _, optimizer_state) = trainer.finish_with_optimizer_state();
///     }
///     Ok::<_, tercet::Error>((network, optimizer_state.steps()))
/// };
/// // All examples are in one batch: three trainings of one epoch equal one of three epochs, bit for bit.
/// assert_eq!(trained(&[1, 1, 1])?, trained(&[3])?);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState {
    steps: usize,
    moments: Vec<[Moments; 2]>,
}

impl OptimizerState {
    /// The state after `steps` steps, with the moments of the weights and biases of each trainable layer.
    pub fn new(steps: usize, moments: Vec<[Moments; 2]>) -> Self {
        OptimizerState { steps, moments }
    }

    /// The moments of the weights and biases of each trainable layer.
    pub fn moments(&self) -> &[[Moments; 2]] {
        &self.moments
    }

    /// The number of steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Starts a training with this state.
    ///
    /// # Errors
    /// Arrays whose lengths differ from those the training needs.
    pub(super) fn restore(self, state: &mut State, optimizer: Optimizer) -> Result<()> {
        if state.step > 0 {
            let expected = "one before its first step";
            return Err(Error::mismatch("the optimizer state", "a training that has begun", expected));
        }
        if self.steps == 0 {
            return Ok(());
        }
        let sizes = |moments: &[[Moments; 2]]| -> Vec<(usize, usize)> {
            moments.iter().flatten().map(|m| (m.first.len(), m.second.len())).collect()
        };
        if sizes(&self.moments) != sizes(&state.moments) {
            let expected =
                format!("those of {optimizer} for these layers; OptimizerState::default() starts afresh");
            return Err(Error::mismatch("the optimizer state", "arrays of other lengths", expected));
        }
        (state.earlier_steps, state.moments) = (self.steps, self.moments);
        Ok(())
    }
}
