//! [`Axis`]: the candidate values of one setting.

use std::collections::HashSet;
use std::hash::Hash;

use rand::RngExt;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

use crate::random::Generator;
use crate::{Error, Result};

/// The candidate values of one setting: a list, or, for a random search, a range.
///
/// A random search draws the values of a list with equal probability. From a range it draws
///
/// - real numbers (`Axis<f32>`: learning rate, reg, margin) log-uniformly: `exp u` with `u ~ U(ln low, ln high)`, so
///   that each power of ten is equally likely;
/// - integers (`Axis<usize>`: k, batch) uniformly, including both ends;
/// - hidden sizes (`Axis<Vec<usize>>`) uniformly, layer by layer: the range from `[64, 16]` to `[256, 64]` contains all
///   networks with 64 to 256 units in the first hidden layer and 16 to 64 in the second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Axis<T> {
    /// These values.
    List(Vec<T>),
    /// Everything from `low` to `high`, inclusive.
    Range {
        /// The smallest value.
        low: T,
        /// The largest value.
        high: T,
    },
}

impl<T> Axis<T> {
    /// One value: nothing to tune.
    pub fn only(value: T) -> Self {
        Axis::List(vec![value])
    }

    /// The values of a grid's axis.
    ///
    /// # Errors
    /// A range.
    pub(super) fn list(&self, setting: &'static str) -> Result<&[T]> {
        match self {
            Axis::List(values) => Ok(values),
            Axis::Range { .. } => {
                Err(Error::setting(setting, "a range", "a list of values, as a grid has no end otherwise"))
            }
        }
    }
}

impl<T: Draw> Axis<T> {
    /// # Errors
    /// An empty list, and an invalid range.
    pub(super) fn validate(&self, setting: &'static str) -> Result<()> {
        match self {
            Axis::List(values) if values.is_empty() => {
                Err(Error::setting(setting, "an empty list", "at least one value"))
            }
            Axis::List(_) => Ok(()),
            Axis::Range { low, high } => match T::fault(low, high) {
                Some(expected) => Err(Error::setting(setting, format!("{low:?} to {high:?}"), expected)),
                None => Ok(()),
            },
        }
    }

    /// Draws a value from a validated axis.
    pub(super) fn draw(&self, generator: &mut Generator) -> T {
        match self {
            Axis::List(values) => one_of(values, generator),
            Axis::Range { low, high } => T::between(low, high, generator),
        }
    }
}

/// Draws a value from a non-empty list.
pub(super) fn one_of<T: Clone>(values: &[T], generator: &mut Generator) -> T {
    values.choose(generator).expect("a list with a value").clone()
}

/// A value that can be drawn from a range. Public in name only: it is not reachable from outside.
pub trait Draw: Clone + std::fmt::Debug {
    /// If a range from `low` to `high` is invalid, what it should be.
    fn fault(low: &Self, high: &Self) -> Option<&'static str>;

    /// A value from `low` to `high`.
    fn between(low: &Self, high: &Self, generator: &mut Generator) -> Self;
}

impl Draw for f32 {
    fn fault(low: &f32, high: &f32) -> Option<&'static str> {
        let sound = *low > 0.0 && low <= high && high.is_finite();
        (!sound).then_some("two finite numbers above 0, the smaller one first")
    }

    fn between(low: &f32, high: &f32, generator: &mut Generator) -> f32 {
        let (ln_low, ln_high) = (f64::from(*low).ln(), f64::from(*high).ln());
        let u: f64 = generator.random_range(ln_low..=ln_high);
        // exp (ln low) may differ from low by a rounding error.
        (u.exp() as f32).clamp(*low, *high)
    }
}

impl Draw for usize {
    fn fault(low: &usize, high: &usize) -> Option<&'static str> {
        (*low == 0 || low > high).then_some("two integers of at least 1, in ascending order")
    }

    fn between(low: &usize, high: &usize, generator: &mut Generator) -> usize {
        // As u64, so that a seed gives the same value on every platform.
        generator.random_range(*low as u64..=*high as u64) as usize
    }
}

impl Draw for Vec<usize> {
    fn fault(low: &Vec<usize>, high: &Vec<usize>) -> Option<&'static str> {
        let sound = low.len() == high.len()
            && low.iter().zip(high).all(|(low, high)| usize::fault(low, high).is_none());
        (!sound).then_some("as many layers on either side, each of at least 1 unit, the smaller size first")
    }

    fn between(low: &Vec<usize>, high: &Vec<usize>, generator: &mut Generator) -> Vec<usize> {
        low.iter().zip(high).map(|(low, high)| usize::between(low, high, generator)).collect()
    }
}

/// Up to `count` draws with distinct keys. There are fewer if no new ones turn up for long.
pub(super) fn distinct<T, K: Eq + Hash>(
    count: usize,
    key: impl Fn(&T) -> K,
    mut draw: impl FnMut() -> T,
) -> Vec<T> {
    const PATIENCE: usize = 1000;
    let (mut drawn, mut seen, mut in_vain) = (Vec::new(), HashSet::new(), 0);
    while drawn.len() < count && in_vain < PATIENCE {
        let value = draw();
        if seen.insert(key(&value)) {
            drawn.push(value);
            in_vain = 0;
        } else {
            in_vain += 1;
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, generator};

    #[test]
    fn real_numbers_are_log_uniform() {
        let axis = Axis::Range { low: 1e-4f32, high: 1.0 };
        let mut generator = generator(1, Stream::Search);
        let drawn: Vec<f32> = (0..4000).map(|_| axis.draw(&mut generator)).collect();
        assert!(drawn.iter().all(|v| (1e-4..=1.0).contains(v)));
        for decade in [1e-4f32, 1e-3, 1e-2, 1e-1] {
            let share = drawn.iter().filter(|&&v| v >= decade && v < 10.0 * decade).count() as f64 / 4000.0;
            // One standard deviation is 0.007.
            assert!((share - 0.25).abs() < 0.035, "from {decade}: {share}");
        }
    }

    #[test]
    fn whole_numbers_are_uniform_with_both_ends() {
        let mut generator = generator(1, Stream::Search);
        let mut seen = [0; 5];
        for _ in 0..5000 {
            seen[Axis::Range { low: 3, high: 7 }.draw(&mut generator) - 3] += 1;
        }
        // One standard deviation is 28.
        assert!(seen.iter().all(|&count| (860..1140).contains(&count)), "{seen:?}");
        let layers = Axis::Range { low: vec![10, 2], high: vec![20, 2] }.draw(&mut generator);
        assert!((10..=20).contains(&layers[0]) && layers[1] == 2);
    }

    #[test]
    fn a_range_of_one_value_gives_that_value() {
        let mut generator = generator(1, Stream::Search);
        assert_eq!(Axis::Range { low: 0.1f32, high: 0.1 }.draw(&mut generator), 0.1);
        assert_eq!(Axis::Range { low: 5, high: 5 }.draw(&mut generator), 5);
    }

    #[test]
    fn invalid_axes_are_rejected() {
        assert!(Axis::<f32>::List(vec![]).validate("reg").unwrap_err().to_string().contains("an empty list"));
        for (low, high) in [(1.0, 0.1), (0.0, 1.0), (-1.0, 1.0), (f32::NAN, 1.0), (1.0, f32::INFINITY)] {
            assert!(Axis::Range { low, high }.validate("reg").is_err(), "{low} to {high}");
        }
        for (low, high) in [(0, 3), (4, 3)] {
            assert!(Axis::Range { low, high }.validate("k").is_err(), "{low} to {high}");
        }
        assert!(Axis::Range { low: vec![1], high: vec![1, 2] }.validate("hidden").is_err());
        assert!(Axis::Range { low: vec![1, 3], high: vec![1, 2] }.validate("hidden").is_err());
    }

    #[test]
    fn distinct_draws_end_when_nothing_new_is_left() {
        let mut generator = generator(1, Stream::Search);
        let axis = Axis::Range { low: 1, high: 6 };
        let mut drawn = distinct(100, |v| *v, || axis.draw(&mut generator));
        drawn.sort();
        assert_eq!(drawn, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn lists_and_ranges_are_printed_readably() {
        let axis: Axis<f32> = serde_json::from_str("[0.1, 1.0]").unwrap();
        assert_eq!(axis, Axis::List(vec![0.1, 1.0]));
        let axis: Axis<usize> = serde_json::from_str(r#"{"low": 1, "high": 9}"#).unwrap();
        assert_eq!(axis, Axis::Range { low: 1, high: 9 });
    }
}
