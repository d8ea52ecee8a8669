//! Dropout: hidden units are dropped at random in a training step, so that no other unit learns to rely on them.
//!
//! ```text
//! y_i ← 0                with probability p
//! y_i ← y_i / (1 − p)    otherwise
//! ```
//!
//! This is inverted dropout: the remaining values are scaled up, so that the expected output is the same as without
//! dropout, and prediction needs no change (Srivastava et al. 2014; CS231n). There are two ways to use it. As a
//! training setting it applies to the output of every activation, but not to the scores, and is not part of the model
//! file. As a [layer](super::Layer::Dropout) of the architecture it has its own position and p. Dropout of the inputs
//! has its own probability and random numbers, too.

use rand::Rng;
use tercet_kernels::sparse::CsrMatrix;

use crate::random::{Generator, Stream, generator};
use crate::{Error, Result};

/// Selects the units that are dropped in each step.
///
/// Step s uses the random numbers of [`Stream::Dropout`] from position s · 2³² on, one 32-bit word per unit: layer by
/// layer, and within a layer example by example. If a batch is split into n shards, shard i starts i · 2³² / n words
/// after that. A unit is dropped if its word is below p · 2³². The dropped units therefore depend on the seed and the
/// step only, not on the number of threads, and a resumed run [`seek`](Dropout::seek)s. Inputs are dropped in the same
/// way by [`Stream::InputDropout`].
#[derive(Clone, Debug)]
pub struct Dropout {
    /// The rate of dropout after every activation, if the setting is above 0.
    of_activations: Option<Rate>,
    generator: Generator,
}

/// A dropout probability in the form in which it is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// Units with words below this are dropped.
    threshold: u32,
    /// `1 / (1 − p)`.
    scale: f32,
}

impl Rate {
    pub(super) fn new(p: f32) -> Self {
        Rate { threshold: (f64::from(p) * 2f64.powi(32)) as u32, scale: 1.0 / (1.0 - p) }
    }

    /// From `y`, the output of [`Dropout::drop`] after a ReLU: `upstream` holds dy and becomes the gradient with
    /// respect to the ReLU's input. An output of 0 was either dropped or is a 0 of the ReLU, which passes no gradient
    /// either. So no mask of the dropped units is needed.
    ///
    /// # Shapes
    /// `y` and `upstream` have the same length.
    pub(super) fn backward_of_relu(self, y: &[f32], upstream: &mut [f32]) {
        for (upstream, &y) in upstream.iter_mut().zip(y) {
            *upstream = if y == 0.0 { 0.0 } else { *upstream * self.scale };
        }
    }

    /// The same for any other layer, from the mask of [`Dropout::drop_with_mask`].
    ///
    /// # Shapes
    /// `mask` and `upstream` have the same length.
    pub(super) fn backward(self, mask: &[u8], upstream: &mut [f32]) {
        for (upstream, &mask) in upstream.iter_mut().zip(mask) {
            *upstream = if mask == 0 { 0.0 } else { *upstream * self.scale };
        }
    }
}

impl Dropout {
    /// Dropout with probability `p` after every activation. Each dropout layer has its own p.
    ///
    /// # Errors
    /// A probability that is not at least 0 and below 1.
    pub fn new(p: f32, seed: u64) -> Result<Self> {
        Self::validate("dropout", p)?;
        let of_activations = (p > 0.0).then(|| Rate::new(p));
        Ok(Dropout { of_activations, generator: generator(seed, Stream::Dropout) })
    }

    /// Rejects a probability that is not at least 0 and below 1.
    pub(crate) fn validate(name: &'static str, p: f32) -> Result<()> {
        match (0.0..1.0).contains(&p) {
            true => Ok(()),
            false => Err(Error::setting(name, p, "at least 0 and below 1, such as 0.5")),
        }
    }

    /// Seeks to the random numbers of a step, counted from 0.
    pub fn seek(&mut self, step: u64) {
        self.seek_shard(step, 0, 1);
    }

    /// Seeks to the random numbers of one shard of a step, out of `shares`.
    pub(crate) fn seek_shard(&mut self, step: u64, share: u64, shares: u64) {
        seek(&mut self.generator, step, share, shares);
    }

    /// The rate of dropout after every activation, if any.
    pub(super) fn of_activations(&self) -> Option<Rate> {
        self.of_activations
    }

    /// Drops units of one layer, in place.
    ///
    /// # Shapes
    /// `y` is (B, H).
    pub(super) fn drop(&mut self, rate: Rate, y: &mut [f32]) {
        for y in y {
            *y = if self.generator.next_u32() < rate.threshold { 0.0 } else { *y * rate.scale };
        }
    }

    /// The same, and writes to `mask` a 1 for every kept unit and a 0 for every dropped one.
    ///
    /// # Shapes
    /// `y` and `mask` are (B, H).
    pub(super) fn drop_with_mask(&mut self, rate: Rate, y: &mut [f32], mask: &mut [u8]) {
        for (y, mask) in y.iter_mut().zip(mask) {
            *mask = u8::from(self.generator.next_u32() >= rate.threshold);
            *y = if *mask == 0 { 0.0 } else { *y * rate.scale };
        }
    }
}

fn seek(generator: &mut Generator, step: u64, share: u64, shares: u64) {
    generator.set_word_pos((u128::from(step) << 32) + u128::from(share * ((1 << 32) / shares)));
}

/// Selects the inputs that are dropped in each step.
#[derive(Clone, Debug)]
pub(crate) struct InputDropout {
    rate: Rate,
    generator: Generator,
    /// The random words of a row, for sparse inputs.
    words: Vec<u8>,
}

impl InputDropout {
    /// Dropout of the inputs with probability `p`.
    ///
    /// # Errors
    /// A probability that is not at least 0 and below 1.
    pub(crate) fn new(p: f32, seed: u64) -> Result<Self> {
        Dropout::validate("input dropout", p)?;
        let generator = generator(seed, Stream::InputDropout);
        Ok(InputDropout { rate: Rate::new(p), generator, words: Vec::new() })
    }

    /// Seeks to the random numbers of one shard of a step, out of `shares`.
    pub(crate) fn seek_shard(&mut self, step: u64, share: u64, shares: u64) {
        seek(&mut self.generator, step, share, shares);
    }

    /// Drops some of the inputs, in place.
    ///
    /// # Shapes
    /// `x` is (B, D).
    pub(super) fn drop(&mut self, x: &mut [f32]) {
        for x in x {
            *x = if self.generator.next_u32() < self.rate.threshold { 0.0 } else { *x * self.rate.scale };
        }
    }

    /// The same for a sparse matrix: drops exactly the non-zeros that [`drop`](InputDropout::drop) would drop.
    pub(super) fn drop_sparse(&mut self, rows: &mut CsrMatrix) {
        self.words.resize(4 * rows.columns(), 0);
        for i in 0..rows.rows() {
            self.generator.fill_bytes(&mut self.words);
            let (words, _) = self.words.as_chunks::<4>();
            for (column, value) in rows.row_mut(i) {
                let word = u32::from_le_bytes(words[column as usize]);
                *value = if word < self.rate.threshold { 0.0 } else { *value * self.rate.scale };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_output_is_unchanged_and_a_fraction_p_is_dropped() {
        for p in [0.0, 0.25, 0.5, 0.9] {
            let mut y = vec![1.0; 20_000];
            Dropout::new(0.0, 3).unwrap().drop(Rate::new(p), &mut y);
            let dropped = y.iter().filter(|&&y| y == 0.0).count() as f32 / y.len() as f32;
            // Six standard deviations are at most 0.021.
            assert!((dropped - p).abs() < 0.0213, "{dropped}, not {p}");
            assert!(y.iter().all(|&y| y == 0.0 || y == 1.0 / (1.0 - p)));
        }
    }

    #[test]
    fn dropped_units_depend_on_seed_and_step_only() {
        let drop = |seed, step, before: usize| {
            let (mut dropout, rate) = (Dropout::new(0.5, seed).unwrap(), Rate::new(0.5));
            dropout.drop(rate, &mut vec![1.0; before]);
            dropout.seek(step);
            let mut y = vec![1.0; 64];
            dropout.drop(rate, &mut y);
            y
        };
        assert_eq!(drop(1, 5, 0), drop(1, 5, 999));
        assert_ne!(drop(1, 5, 0), drop(1, 6, 0));
        assert_ne!(drop(1, 5, 0), drop(2, 5, 0));
    }

    #[test]
    fn nan_is_kept_and_dropped_units_get_no_gradient() {
        let mut upstream = [3.0; 3];
        Rate::new(0.5).backward_of_relu(&[0.0, f32::NAN, 4.0], &mut upstream);
        assert_eq!(upstream, [0.0, 6.0, 6.0]);
    }

    #[test]
    fn the_mask_marks_kept_units_even_if_their_output_is_0() {
        let rate = Rate::new(0.5);
        let (mut y, mut mask) = (vec![1.0; 64], vec![9; 64]);
        y[3] = 0.0;
        Dropout::new(0.0, 1).unwrap().drop_with_mask(rate, &mut y, &mut mask);
        assert!(mask.contains(&0) && mask.contains(&1));
        let mut upstream = vec![1.0; 64];
        rate.backward(&mask, &mut upstream);
        for i in (0..64).filter(|&i| i != 3) {
            assert_eq!(y[i], f32::from(mask[i]) * 2.0);
            assert_eq!(upstream[i], y[i]);
        }
        assert_eq!((y[3], upstream[3]), (0.0, f32::from(mask[3]) * 2.0));
    }

    #[test]
    fn shards_of_a_step_use_different_random_numbers() {
        let place = |share, shares| {
            let mut dropout = Dropout::new(0.5, 0).unwrap();
            dropout.seek_shard(3, share, shares);
            dropout.generator.get_word_pos()
        };
        assert_eq!((place(0, 2), place(1, 2)), (3 << 32, (3 << 32) + (1 << 31)));
        assert_eq!((place(1, 8), place(7, 8)), ((3 << 32) + (1 << 29), (4 << 32) - (1 << 29)));
    }

    #[test]
    fn invalid_probabilities_are_rejected() {
        for p in [1.0, -0.1, f32::NAN] {
            let error = Dropout::new(p, 0).unwrap_err().to_string();
            assert!(error.starts_with(&format!("dropout is {p}; expected at least 0")), "{error}");
        }
    }

    #[test]
    fn sparse_and_dense_inputs_are_dropped_alike() {
        let dense: Vec<f32> = (0..3 * 70).map(|i| if i % 3 == 0 { 0.0 } else { i as f32 }).collect();
        let mut rows = CsrMatrix::new();
        rows.clear(70);
        dense.chunks(70).for_each(|row| rows.push(tercet_kernels::Isa::active(), row));
        let mut dropout = InputDropout::new(0.4, 3).unwrap();
        for step in [0, 5] {
            let (mut dropped, mut sparse) = (dense.clone(), rows.clone());
            dropout.seek_shard(step, 0, 1);
            dropout.drop(&mut dropped);
            dropout.seek_shard(step, 0, 1);
            dropout.drop_sparse(&mut sparse);
            assert_eq!(sparse.to_dense(), dropped);
            assert!(dropped.iter().zip(&dense).any(|(a, b)| *a == 0.0 && *b != 0.0));
        }
        // Hidden units and inputs use different random numbers.
        let (mut hidden, mut inputs) = ([1.0; 64], [1.0; 64]);
        Dropout::new(0.5, 3).unwrap().drop(Rate::new(0.5), &mut hidden);
        InputDropout::new(0.5, 3).unwrap().drop(&mut inputs);
        assert_ne!(hidden, inputs);
    }
}
