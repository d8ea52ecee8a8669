//! How parameters follow their gradients downhill.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which rule turns a gradient into a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent: `v ← μ · v − lr · dw`, then `w ← w + v` (Polyak 1964, as CS231n writes it).
    /// With μ = 0 this is the lecture's `W ← W − lr · dW`.
    Sgd {
        /// μ, how much of the last step is taken again: at least 0, below 1.
        #[serde(default)]
        momentum: f32,
    },
}

impl Optimizer {
    /// `W ← W − lr · dW`, as in the lecture.
    pub const PLAIN: Optimizer = Optimizer::Sgd { momentum: 0.0 };

    /// One step of the parameters `w` along their gradient `dw`.
    ///
    /// # Shapes
    /// `w`, `dw` and `velocity` have the same length; `velocity` starts as zeros and belongs to these parameters.
    ///
    /// ```
    /// use tercet::optimizer::Optimizer;
    /// let (mut w, mut velocity) = ([1.0], [0.0]);
    /// Optimizer::PLAIN.step(0.5, &mut w, &[0.25], &mut velocity);
    /// assert_eq!(w, [0.875]);
    /// ```
    pub fn step(self, learning_rate: f32, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) {
        let Optimizer::Sgd { momentum } = self;
        if momentum == 0.0 {
            for (w, dw) in w.iter_mut().zip(dw) {
                *w -= learning_rate * dw;
            }
        } else {
            for ((w, dw), v) in w.iter_mut().zip(dw).zip(velocity) {
                *v = momentum * *v - learning_rate * dw;
                *w += *v;
            }
        }
    }

    /// Refuses a momentum outside 0 ≤ μ < 1.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(self) -> Result<()> {
        let Optimizer::Sgd { momentum } = self;
        if (0.0..1.0).contains(&momentum) {
            Ok(())
        } else {
            Err(Error::setting("momentum", momentum, "at least 0 and below 1"))
        }
    }
}

impl std::fmt::Display for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Optimizer::Sgd { momentum: 0.0 } => write!(f, "plain gradient descent"),
            Optimizer::Sgd { momentum } => write!(f, "momentum {momentum}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// f(w) = w², whose gradient is 2w, traced by hand in exact binary fractions.
    #[test]
    fn three_steps_down_a_parabola() {
        let (mut plain, mut heavy, mut velocity) = ([8.0], [8.0], [0.0]);
        for expected in [(6.0, 6.0), (4.5, 3.5), (3.375, 1.375)] {
            let (dp, dh) = ([2.0 * plain[0]], [2.0 * heavy[0]]);
            Optimizer::PLAIN.step(0.125, &mut plain, &dp, &mut [0.0]);
            Optimizer::Sgd { momentum: 0.5 }.step(0.125, &mut heavy, &dh, &mut velocity);
            assert_eq!((plain[0], heavy[0]), expected);
        }
    }

    #[test]
    fn momentum_of_one_would_never_stop() {
        for momentum in [1.0, -0.1, f32::NAN] {
            assert!(Optimizer::Sgd { momentum }.validate().is_err(), "{momentum}");
        }
    }
}
