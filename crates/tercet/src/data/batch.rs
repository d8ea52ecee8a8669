//! Batches: the examples used in each training step.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::random::{Generator, Stream, generator};
use crate::{Error, Result};

/// An endless sequence of batches of row numbers.
///
/// Batch number s is a function only of the seed and s, so the whole state is the number [`step`](Batches::step): a run
/// that is resumed from a checkpoint [`seek`](Batches::seek)s to it and continues with the same batches.
///
/// ```
/// use tercet::data::Batches;
///
/// let mut batches = Batches::epochs(5, 2, 42)?;
/// let (mut rows, mut epoch) = (Vec::new(), Vec::new());
/// for _ in 0..batches.steps_per_epoch() {
///     batches.next(&mut rows);
///     epoch.extend_from_slice(&rows);
/// }
/// epoch.sort();
/// assert_eq!(epoch, [0, 1, 2, 3, 4]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batches {
    /// N.
    examples: u32,
    /// B.
    batch: usize,
    /// The number of batches drawn.
    step: u64,
    order: Order,
    generator: Generator,
}

#[derive(Clone, Debug)]
enum Order {
    /// Each epoch goes through all rows from the first to the last.
    Sequential,
    /// Each row of a batch is any of the N.
    Random,
    /// Each epoch goes through `rows`, all N of them, reshuffled; `epoch` is the one for which they were shuffled.
    Epochs { rows: Vec<u32>, epoch: Option<u64> },
}

impl Batches {
    /// Batches of `batch` rows, drawn uniformly with replacement from all `n`: a row may occur twice, even within a
    /// batch. This is how the lecture samples (`train_nn`).
    ///
    /// # Errors
    /// A batch of 0 rows or of more than `n`.
    pub fn random(n: usize, batch: usize, seed: u64) -> Result<Self> {
        Self::checked(n, batch, seed, |_| Order::Random)
    }

    /// Batches of `batch` rows that go through all `n` rows in random order, reshuffled in each epoch. If `batch` does
    /// not divide `n`, the last batch of an epoch is smaller.
    ///
    /// # Errors
    /// A batch of 0 rows or of more than `n`.
    pub fn epochs(n: usize, batch: usize, seed: u64) -> Result<Self> {
        Self::checked(n, batch, seed, |n| Order::Epochs { rows: (0..n).collect(), epoch: None })
    }

    /// Batches of `batch` rows that go through all `n` rows from the first to the last, in each epoch.
    ///
    /// # Errors
    /// A batch of 0 rows or of more than `n`.
    pub fn in_order(n: usize, batch: usize) -> Result<Self> {
        Self::checked(n, batch, 0, |_| Order::Sequential)
    }

    fn checked(n: usize, batch: usize, seed: u64, order: impl Fn(u32) -> Order) -> Result<Self> {
        if batch == 0 || batch > n {
            let expected = format!("at least 1 and at most {n}, the number of examples");
            return Err(Error::setting("batch", batch, expected));
        }
        let examples = u32::try_from(n).map_err(|_| Error::mismatch("examples", n, "fewer than 2³²"))?;
        Ok(Batches {
            examples,
            batch,
            step: 0,
            order: order(examples),
            generator: generator(seed, Stream::Batches),
        })
    }

    /// The number of batches per epoch: N / B, rounded up.
    pub fn steps_per_epoch(&self) -> usize {
        (self.examples as usize).div_ceil(self.batch)
    }

    /// The number of batches drawn so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Continues as if `step` batches had been drawn.
    pub fn seek(&mut self, step: u64) {
        self.step = step;
    }

    /// Replaces the contents of `rows` by the rows of the next batch. A batch is never empty. Does not allocate once
    /// `rows` has capacity for a batch.
    pub fn next(&mut self, rows: &mut Vec<usize>) {
        rows.clear();
        let steps_per_epoch = self.steps_per_epoch() as u64;
        match &mut self.order {
            Order::Sequential => {
                let from = (self.step % steps_per_epoch) as usize * self.batch;
                rows.extend(from..(from + self.batch).min(self.examples as usize));
            }
            Order::Random => {
                seek(&mut self.generator, self.step);
                rows.extend((0..self.batch).map(|_| self.generator.random_range(0..self.examples) as usize));
            }
            Order::Epochs { rows: order, epoch } => {
                let (now, batch) = (self.step / steps_per_epoch, self.step % steps_per_epoch);
                if *epoch != Some(now) {
                    // Always shuffled from the same initial order, so that an epoch's order does not depend on earlier
                    // epochs.
                    order.iter_mut().zip(0..).for_each(|(row, i)| *row = i);
                    seek(&mut self.generator, now);
                    order.shuffle(&mut self.generator);
                    *epoch = Some(now);
                }
                let from = batch as usize * self.batch;
                let to = order.len().min(from + self.batch);
                rows.extend(order[from..to].iter().map(|&row| row as usize));
            }
        }
        self.step += 1;
    }
}

/// Seeks to segment number `piece` of the stream, of 2³² words each: more than a batch or the order of an epoch uses.
fn seek(generator: &mut Generator, piece: u64) {
    generator.set_word_pos(u128::from(piece) << 32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(batches: &mut Batches, count: usize) -> Vec<Vec<usize>> {
        let mut rows = Vec::new();
        (0..count)
            .map(|_| {
                batches.next(&mut rows);
                rows.clone()
            })
            .collect()
    }

    #[test]
    fn an_epoch_sees_every_row_once_and_each_epoch_has_its_own_order() {
        let mut batches = Batches::epochs(10, 4, 1).unwrap();
        assert_eq!(batches.steps_per_epoch(), 3);
        let first = draw(&mut batches, 3);
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let second = draw(&mut batches, 3);
        assert_ne!(first, second);
        for epoch in [first, second] {
            let mut rows = epoch.concat();
            rows.sort();
            assert_eq!(rows, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn batches_in_order_start_over_in_each_epoch() {
        let mut batches = Batches::in_order(5, 2).unwrap();
        assert_eq!(draw(&mut batches, 4), [vec![0, 1], vec![2, 3], vec![4], vec![0, 1]]);
        batches.seek(2);
        assert_eq!(draw(&mut batches, 1), [[4]]);
    }

    #[test]
    fn random_batches_draw_with_replacement_from_all_rows() {
        let mut batches = Batches::random(10, 10, 1).unwrap();
        let drawn = draw(&mut batches, 100);
        assert!(drawn.iter().all(|rows| rows.len() == 10));
        // Ten draws from ten without a repetition happen once in 2,755 batches.
        assert!(drawn.iter().any(|rows| (0..10).any(|row| rows.iter().filter(|&&r| r == row).count() > 1)));
        let mut seen = [0; 10];
        drawn.concat().iter().for_each(|&row| seen[row] += 1);
        // The expectation is 100 each; 60 is four standard deviations away.
        assert!(seen.iter().all(|count| (60..140).contains(count)), "{seen:?}");
    }

    #[test]
    fn seeking_continues_as_an_uninterrupted_run() {
        for new in [Batches::random, Batches::epochs] {
            let all = draw(&mut new(23, 5, 9).unwrap(), 20);
            let mut resumed = new(23, 5, 9).unwrap();
            resumed.seek(7);
            assert_eq!(draw(&mut resumed, 13), all[7..]);
            assert_eq!(resumed.step(), 20);
            // And back, as after undoing a step.
            resumed.seek(2);
            assert_eq!(draw(&mut resumed, 1), all[2..3]);
        }
    }

    #[test]
    fn the_results_of_a_seed_never_change() {
        assert_ne!(
            draw(&mut Batches::random(99, 9, 1).unwrap(), 3),
            draw(&mut Batches::random(99, 9, 2).unwrap(), 3)
        );
        // If these rows change, no earlier run can be reproduced.
        assert_eq!(
            draw(&mut Batches::random(60_000, 3, 0).unwrap(), 2),
            [[5011, 19933, 6871], [15434, 57312, 42883]]
        );
        assert_eq!(
            draw(&mut Batches::epochs(60_000, 3, 0).unwrap(), 2),
            [[37415, 32438, 46519], [13341, 35929, 11895]]
        );
    }

    #[test]
    fn nothing_is_allocated_once_warm() {
        let mut batches = Batches::epochs(100, 7, 3).unwrap();
        let mut rows = Vec::new();
        batches.next(&mut rows);
        let (place, room) = (rows.as_ptr(), rows.capacity());
        for _ in 0..100 {
            batches.next(&mut rows);
            assert!(!rows.is_empty());
        }
        assert_eq!((rows.as_ptr(), rows.capacity()), (place, room));
    }

    #[test]
    fn a_batch_of_no_rows_or_too_many_is_rejected() {
        for (n, batch) in [(10, 0), (10, 11), (0, 0), (0, 1)] {
            for error in [Batches::random(n, batch, 0), Batches::epochs(n, batch, 0)].map(Result::unwrap_err)
            {
                assert!(error.to_string().starts_with(&format!("batch is {batch}; expected")), "{error}");
            }
        }
        assert_eq!(draw(&mut Batches::epochs(1, 1, 0).unwrap(), 2), [[0], [0]]);
    }
}
