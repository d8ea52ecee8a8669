//! Dropout: hidden units that sit out a step of training, so that no other learns to rely on them.
//!
//! ```text
//! y_i ← 0                with probability p
//! y_i ← y_i / (1 − p)    otherwise
//! ```
//!
//! This is the inverted form: what stays is scaled up, so that the expected output is the same as without dropout, and
//! prediction needs no change (Srivastava et al. 2014; CS231n). It acts on the outputs of every ReLU, not on the inputs or
//! the scores. It belongs to training, not to the model: a model file knows nothing of it.

use rand::Rng;

use crate::random::{Generator, Stream, generator};
use crate::{Error, Result};

/// Which units are dropped, one step after another.
///
/// Step s takes its random numbers from place s · 2³² of [`Stream::Dropout`] on, a word of 32 bits for each unit: ReLU
/// after ReLU, within one example after example. Where a batch is worked at in two shares, the second has its numbers from
/// place s · 2³² + 2³¹ on. A unit is dropped where its word is below p · 2³². So the units that are
/// dropped depend on the seed and the step alone, whatever the number of threads, and a run that continues
/// [`seek`](Dropout::seek)s.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Words below this drop their unit.
    threshold: u32,
    /// `1 / (1 − p)`.
    scale: f32,
    generator: Generator,
}

impl Dropout {
    /// Dropout with probability `p`.
    ///
    /// # Errors
    /// A probability that is not at least 0 and below 1.
    pub fn new(p: f32, seed: u64) -> Result<Self> {
        Self::validate(p)?;
        Ok(Dropout {
            threshold: (f64::from(p) * 2f64.powi(32)) as u32,
            scale: 1.0 / (1.0 - p),
            generator: generator(seed, Stream::Dropout),
        })
    }

    /// Refuses a probability that is not at least 0 and below 1.
    pub(crate) fn validate(p: f32) -> Result<()> {
        match (0.0..1.0).contains(&p) {
            true => Ok(()),
            false => Err(Error::setting("dropout", p, "at least 0 and below 1, such as 0.5")),
        }
    }

    /// Goes to the random numbers of a step, counted from 0.
    pub fn seek(&mut self, step: u64) {
        self.seek_share(step, 0);
    }

    /// Goes to the random numbers of a share of a step, 0 or 1.
    pub(crate) fn seek_share(&mut self, step: u64, share: u64) {
        self.generator.set_word_pos(u128::from(step) << 32 | u128::from(share) << 31);
    }

    /// Drops units of one layer, in place.
    ///
    /// # Shapes
    /// `y` is (B, H).
    pub(super) fn forward(&mut self, y: &mut [f32]) {
        for y in y {
            *y = if self.generator.next_u32() < self.threshold { 0.0 } else { *y * self.scale };
        }
    }

    /// From `y`, the output of [`forward`](Dropout::forward): `flowing` holds dy and becomes the gradient by what went
    /// into it. An output of 0 was dropped, or a ReLU's 0 stays behind it, which lets nothing through either; so nobody
    /// has to remember which units were dropped.
    ///
    /// # Shapes
    /// `y` and `flowing` have the same length.
    pub(super) fn backward(&self, y: &[f32], flowing: &mut [f32]) {
        for (flowing, &y) in flowing.iter_mut().zip(y) {
            *flowing = if y == 0.0 { 0.0 } else { *flowing * self.scale };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_output_stays_and_the_share_of_dropped_units_is_p() {
        for p in [0.0, 0.25, 0.5, 0.9] {
            let mut y = vec![1.0; 20_000];
            Dropout::new(p, 3).unwrap().forward(&mut y);
            let dropped = y.iter().filter(|&&y| y == 0.0).count() as f32 / y.len() as f32;
            // Six standard deviations are at most 0.021.
            assert!((dropped - p).abs() < 0.0213, "{dropped}, not {p}");
            assert!(y.iter().all(|&y| y == 0.0 || y == 1.0 / (1.0 - p)));
        }
    }

    #[test]
    fn a_step_s_units_depend_on_the_seed_and_the_step_alone() {
        let drop = |seed, step, before: usize| {
            let mut dropout = Dropout::new(0.5, seed).unwrap();
            dropout.forward(&mut vec![1.0; before]);
            dropout.seek(step);
            let mut y = vec![1.0; 64];
            dropout.forward(&mut y);
            y
        };
        assert_eq!(drop(1, 5, 0), drop(1, 5, 999));
        assert_ne!(drop(1, 5, 0), drop(1, 6, 0));
        assert_ne!(drop(1, 5, 0), drop(2, 5, 0));
    }

    #[test]
    fn nan_is_not_hidden_and_nothing_flows_through_a_dropped_unit() {
        let dropout = Dropout::new(0.5, 0).unwrap();
        let mut flowing = [3.0; 3];
        dropout.backward(&[0.0, f32::NAN, 4.0], &mut flowing);
        assert_eq!(flowing, [0.0, 6.0, 6.0]);
    }

    #[test]
    fn probabilities_that_are_none_are_refused() {
        for p in [1.0, -0.1, f32::NAN] {
            let error = Dropout::new(p, 0).unwrap_err().to_string();
            assert!(error.starts_with(&format!("dropout is {p}; expected at least 0")), "{error}");
        }
    }
}
