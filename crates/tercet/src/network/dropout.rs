//! Dropout: hidden units that sit out a step of training, so that no other learns to rely on them.
//!
//! ```text
//! y_i ← 0                with probability p
//! y_i ← y_i / (1 − p)    otherwise
//! ```
//!
//! This is the inverted form: what stays is scaled up, so that the expected output is the same as without dropout, and
//! prediction needs no change (Srivastava et al. 2014; CS231n). It acts on the outputs of every ReLU, not on the scores. The
//! inputs have a probability of their own, and random numbers of their own. It belongs to training, not to the model: a model
//! file knows nothing of it.

use rand::Rng;
use tercet_kernels::sparse::Rows;

use crate::random::{Generator, Stream, generator};
use crate::{Error, Result};

/// Which units are dropped, one step after another.
///
/// Step s takes its random numbers from place s · 2³² of [`Stream::Dropout`] on, a word of 32 bits for each unit: ReLU
/// after ReLU, within one example after example. Where a batch is worked at in two shares, the second has its numbers from
/// place s · 2³² + 2³¹ on. A unit is dropped where its word is below p · 2³². So the units that are
/// dropped depend on the seed and the step alone, whatever the number of threads, and a run that continues
/// [`seek`](Dropout::seek)s. Inputs are dropped in the same way by [`Stream::InputDropout`].
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Words below this drop their unit.
    threshold: u32,
    /// `1 / (1 − p)`.
    scale: f32,
    generator: Generator,
    /// The words of a row whose zeros are left out.
    words: Vec<u8>,
}

impl Dropout {
    /// Dropout with probability `p`.
    ///
    /// # Errors
    /// A probability that is not at least 0 and below 1.
    pub fn new(p: f32, seed: u64) -> Result<Self> {
        Self::validate("dropout", p)?;
        Ok(Self::from_stream(p, seed, Stream::Dropout))
    }

    /// Dropout of the inputs with probability `p`.
    ///
    /// # Errors
    /// A probability that is not at least 0 and below 1.
    pub(crate) fn of_inputs(p: f32, seed: u64) -> Result<Self> {
        Self::validate("input dropout", p)?;
        Ok(Self::from_stream(p, seed, Stream::InputDropout))
    }

    fn from_stream(p: f32, seed: u64, stream: Stream) -> Self {
        Dropout {
            threshold: (f64::from(p) * 2f64.powi(32)) as u32,
            scale: 1.0 / (1.0 - p),
            generator: generator(seed, stream),
            words: Vec::new(),
        }
    }

    /// Refuses a probability that is not at least 0 and below 1.
    pub(crate) fn validate(name: &'static str, p: f32) -> Result<()> {
        match (0.0..1.0).contains(&p) {
            true => Ok(()),
            false => Err(Error::setting(name, p, "at least 0 and below 1, such as 0.5")),
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

    /// The same for a matrix that knows its zeros: what is dropped of the rest is what [`forward`](Dropout::forward) would
    /// drop.
    pub(super) fn forward_sparse(&mut self, rows: &mut Rows) {
        self.words.resize(4 * rows.columns(), 0);
        for i in 0..rows.rows() {
            self.generator.fill_bytes(&mut self.words);
            let (words, _) = self.words.as_chunks::<4>();
            for (column, value) in rows.row_mut(i) {
                let word = u32::from_le_bytes(words[column as usize]);
                *value = if word < self.threshold { 0.0 } else { *value * self.scale };
            }
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
    fn the_same_inputs_are_dropped_whether_zeros_are_left_out_or_not() {
        let dense: Vec<f32> = (0..3 * 70).map(|i| if i % 3 == 0 { 0.0 } else { i as f32 }).collect();
        let mut rows = Rows::new();
        rows.clear(70);
        dense.chunks(70).for_each(|row| rows.push(tercet_kernels::Isa::active(), row));
        let mut dropout = Dropout::of_inputs(0.4, 3).unwrap();
        for step in [0, 5] {
            let (mut dropped, mut sparse) = (dense.clone(), rows.clone());
            dropout.seek(step);
            dropout.forward(&mut dropped);
            dropout.seek(step);
            dropout.forward_sparse(&mut sparse);
            assert_eq!(sparse.to_dense(), dropped);
            assert!(dropped.iter().zip(&dense).any(|(a, b)| *a == 0.0 && *b != 0.0));
        }
        // Hidden units and inputs are dropped by other numbers.
        let (mut hidden, mut inputs) = ([1.0; 64], [1.0; 64]);
        Dropout::new(0.5, 3).unwrap().forward(&mut hidden);
        Dropout::of_inputs(0.5, 3).unwrap().forward(&mut inputs);
        assert_ne!(hidden, inputs);
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
