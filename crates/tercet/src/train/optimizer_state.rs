//! What an optimizer takes along from one training to the next.

use super::state::State;
use crate::optimizer::{Moments, Optimizer};
use crate::{Error, Result};

/// What an optimizer remembers of the trainings of a network: for those who get their examples bit by bit, and train on
/// with each bit ([`Plan::train_on`](super::Plan::train_on)). [`OptimizerState::default`] is that of one that has seen nothing.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::optimizer::Optimizer;
/// use tercet::train::{Length, OptimizerState, Plan, Settings};
///
/// let points = Dataset::from_features("points", 1, vec![0.0, 1.0], vec![0, 1], vec!["a".into(), "b".into()])?;
/// let adam = Settings { optimizer: Optimizer::ADAM, length: Length::Epochs(1), batch: 2, ..Settings::lecture() };
/// let trained = |epochs_each: &[usize]| {
///     let mut network = Network::fully_connected(1, &[], 2, Init::Normal(0.0), 0)?;
///     let mut optimizer_state = OptimizerState::default();
///     for &epochs in epochs_each {
///         let settings = Settings { length: Length::Epochs(epochs), ..adam };
///         let plan = Plan::new(&points, &settings, 0);
///         plan.train_on(&mut network, &mut optimizer_state, &mut |_| ControlFlow::Continue(()))?;
///     }
///     Ok::<_, tercet::Error>((network, optimizer_state.steps()))
/// };
/// // All examples are in one batch: three trainings of one epoch are one of three, to the last bit.
/// assert_eq!(trained(&[1, 1, 1])?, trained(&[3])?);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState {
    steps: usize,
    moments: Vec<[Moments; 2]>,
}

impl OptimizerState {
    /// What was remembered before, from its parts: so many steps, and for each layer that learns the moments of its weights
    /// and of its biases.
    pub fn new(steps: usize, moments: Vec<[Moments; 2]>) -> Self {
        OptimizerState { steps, moments }
    }

    /// The moments of each layer that learns: of its weights, and of its biases.
    pub fn moments(&self) -> &[[Moments; 2]] {
        &self.moments
    }

    /// How many steps it remembers.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Lets a training begin with it.
    ///
    /// # Errors
    /// Arrays of other lengths than the training needs.
    pub(super) fn restore(self, state: &mut State, optimizer: Optimizer) -> Result<()> {
        if self.steps == 0 {
            return Ok(());
        }
        let sizes = |moments: &[[Moments; 2]]| -> Vec<(usize, usize)> {
            moments.iter().flatten().map(|m| (m.first.len(), m.second.len())).collect()
        };
        if sizes(&self.moments) != sizes(&state.moments) {
            let what = "what the optimizer remembers of the trainings before";
            return Err(Error::mismatch(
                what,
                "arrays of other lengths",
                format!("those of {optimizer} for these layers; or OptimizerState::default(), to begin anew"),
            ));
        }
        (state.earlier_steps, state.moments) = (self.steps, self.moments);
        Ok(())
    }
}
