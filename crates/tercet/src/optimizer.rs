//! How parameters follow their gradients downhill.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Gradient descent, plain or with momentum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// μ, how much of the last step is taken again: 0 for the lecture's plain gradient descent, below 1.
    #[serde(default)]
    pub momentum: f32,
}

impl Sgd {
    /// `W ← W − lr · dW`, as in the lecture.
    pub const PLAIN: Sgd = Sgd { momentum: 0.0 };

    /// One step: `v ← μ · v − lr · dw`, then `w ← w + v` (Polyak 1964, as CS231n writes it). With μ = 0 this is
    /// `w ← w − lr · dw`, and `velocity` is left alone.
    ///
    /// # Shapes
    /// `w`, `dw` and `velocity` have the same length; `velocity` starts as zeros and belongs to these parameters.
    pub fn step(self, learning_rate: f32, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) {
        if self.momentum == 0.0 {
            for (w, dw) in w.iter_mut().zip(dw) {
                *w -= learning_rate * dw;
            }
        } else {
            for ((w, dw), v) in w.iter_mut().zip(dw).zip(velocity) {
                *v = self.momentum * *v - learning_rate * dw;
                *w += *v;
            }
        }
    }

    /// Refuses a momentum outside 0 ≤ μ < 1.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(self) -> Result<()> {
        if (0.0..1.0).contains(&self.momentum) {
            Ok(())
        } else {
            Err(Error::setting("momentum", self.momentum, "at least 0 and below 1"))
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
            Sgd::PLAIN.step(0.125, &mut plain, &dp, &mut []);
            Sgd { momentum: 0.5 }.step(0.125, &mut heavy, &dh, &mut velocity);
            assert_eq!((plain[0], heavy[0]), expected);
        }
    }

    #[test]
    fn momentum_of_one_would_never_stop() {
        for momentum in [1.0, -0.1, f32::NAN] {
            assert!(Sgd { momentum }.validate().is_err(), "{momentum}");
        }
    }
}
