//! Hyperparameter tuning: finds good settings by evaluating candidates on held-out examples.
//!
//! ```text
//! for each trial:
//!     choose settings               (all of a grid, or at random)
//!     train with them               (or search the neighbours)
//!     evaluate the result           (on a validation split, or by k-fold cross-validation)
//! ```
//!
//! [`networks`] tunes networks and, without hidden layers, linear classifiers; [`neighbors`](neighbors()) tunes nearest
//! neighbours. Both take one [`Dataset`], the training examples, and split off the held-out part: they do not accept a
//! test set.
//!
//! If only k is to be tuned, nearest neighbours can be evaluated on every training example by leave-one-out:
//! [`choose_k`](crate::neighbors::NeighborsClassifier::choose_k) does that.
//!
//! Trials are compared on equal terms. All of them use the same split or folds, start from the same stream of initial
//! weights, and draw the same batches if their sizes allow: only their settings differ. The same seed gives the same
//! trials with the same accuracies, whatever the number of threads.
//!
//! The accuracy of the best of many trials is optimistically biased, since it was selected partly by chance on the
//! held-out examples. Evaluate the chosen settings on the test set, once, after tuning.
//!
//! ```
//! use std::ops::ControlFlow;
//! use tercet::data::Dataset;
//! use tercet::neighbors::{Metric, Vote};
//! use tercet::preprocess::Spec;
//! use tercet::tune::{Axis, ValidationMethod, NeighborSpace, Plan, Search, neighbors};
//!
//! // Numbers below 20 belong to one class, the others to the other.
//! let (x, y) = (0..40).map(|i| (i as f32, u32::from(i >= 20))).unzip();
//! let data = Dataset::from_features("line", 1, x, y, vec!["low".into(), "high".into()])?;
//! let space = NeighborSpace {
//!     k: Axis::List(vec![1, 3, 19]),
//!     metric: vec![Metric::L2],
//!     vote: vec![Vote::Uniform],
//!     preprocessing: Spec::default(),
//! };
//! let plan = Plan { search: Search::Grid, validation: ValidationMethod::KFold(4), seed: 0 };
//! let tuning = neighbors(&data, &space, &plan, &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(tuning.trials.len(), 3);
//! assert!(tuning.best().unwrap().accuracy.unwrap() > 0.9);
//! # Ok::<(), tercet::Error>(())
//! ```

mod axis;
mod neighbors;
mod networks;
#[cfg(feature = "toml")]
mod recipes;
mod record;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use axis::Axis;
pub use neighbors::{NeighborSpace, neighbors};
pub use networks::{NetworkSpace, networks};
#[cfg(feature = "toml")]
pub use recipes::{RecipeSpace, Vary, recipes};
pub use record::{Divergence, Trial, TrialSettings, Tuning, Value};

use crate::data::{Dataset, Split, folds, split, validation_split};
use crate::{Error, Result};

/// The maximum number of trials of one tuning: more is most likely a typo.
pub const MOST_TRIALS: usize = 100_000;

/// How settings are chosen and evaluated. The same plan gives the same trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which settings are tried.
    pub search: Search,
    /// Which examples are held out.
    pub validation: ValidationMethod,
    /// Determines the split, the settings of a random search, initial weights and batches.
    pub seed: u64,
}

/// Which settings of a space are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// Every combination of the values of all axes. The last axis of the space changes fastest.
    Grid,
    /// Combinations drawn at random, each axis independently. This is the better choice if only a few of the axes
    /// matter, because no two trials use the same value of them (Bergstra and Bengio 2012).
    Random {
        /// The number of trials. Repeated combinations are redrawn. If a space is too small, it is covered nearly or
        /// completely, and there are fewer trials.
        trials: usize,
    },
}

/// Which examples of the training set are held out to evaluate a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationMethod {
    /// One [`split`] into training and validation examples.
    HoldOut {
        /// Number of validation examples.
        size: usize,
    },
    /// The validation set that the data itself has.
    OfData {
        /// Number of validation examples.
        size: usize,
    },
    /// Cross-validation with k [`folds`]: each is held out once, and a trial gets the mean accuracy and its standard
    /// error. It takes k times as long as one split, and is more precise.
    KFold(usize),
}

impl ValidationMethod {
    fn splits(self, data: &Dataset, seed: u64) -> Result<Vec<Split>> {
        match self {
            ValidationMethod::HoldOut { size } => Ok(vec![split(data, size, seed)?]),
            ValidationMethod::OfData { size } if size == data.validation_len() => {
                Ok(vec![validation_split(data, None, seed)?])
            }
            ValidationMethod::OfData { size } => {
                let found = crate::text::thousands(data.validation_len());
                Err(Error::mismatch("examples in the validation set of the data", found, size))
            }
            ValidationMethod::KFold(k) => folds(data, k, seed),
        }
    }
}

impl std::fmt::Display for ValidationMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ValidationMethod::HoldOut { size } => {
                write!(f, "{} examples held out", crate::text::thousands(*size))
            }
            ValidationMethod::OfData { size } => {
                write!(f, "the {} validation examples of the data", crate::text::thousands(*size))
            }
            ValidationMethod::KFold(k) => write!(f, "{k}-fold cross-validation"),
        }
    }
}

/// The progress passed to an observer after each trial, and from time to time during one.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The number of completed trials.
    pub done: usize,
    /// The total number of trials.
    pub total: usize,
    /// The completed fraction of all work, 0 to 1, counting every trial as equally long.
    pub share: f64,
    /// Time since tuning began.
    pub elapsed: Duration,
    /// The trial that has just ended; `None` during one.
    pub trial: Option<&'a Trial>,
}

impl Progress<'_> {
    /// The estimated remaining time at the pace so far; `None` before any progress.
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.elapsed.as_secs_f64() * (1.0 - self.share) / self.share;
        Duration::try_from_secs_f64(left).ok()
    }
}

/// An observer of tuning. `ControlFlow::Break` ends it, even during a trial: the completed trials are returned, marked
/// as incomplete.
pub type Observer<'a> = &'a mut (dyn FnMut(Progress<'_>) -> ControlFlow<()> + Send);

/// Counts the completed trials, and passes them on to the observer.
struct Watch<'a> {
    observe: Observer<'a>,
    begun: Instant,
    total: usize,
    trials: Vec<Trial>,
    stopped: bool,
}

impl<'a> Watch<'a> {
    fn new(total: usize, observe: Observer<'a>) -> Self {
        Watch { observe, begun: Instant::now(), total, trials: Vec::new(), stopped: false }
    }

    /// Reports progress during trials: `part` is how many of the trials after the last reported one are done.
    fn during(&mut self, part: f64) -> ControlFlow<()> {
        let progress = Progress {
            done: self.trials.len(),
            total: self.total,
            share: ((self.trials.len() as f64 + part) / self.total as f64).min(1.0),
            elapsed: self.begun.elapsed(),
            trial: None,
        };
        let flow = (self.observe)(progress);
        self.stopped |= flow.is_break();
        flow
    }

    fn trial_done(&mut self, trial: Trial) -> ControlFlow<()> {
        self.trials.push(trial);
        let done = self.trials.len();
        let progress = Progress {
            done,
            total: self.total,
            share: done as f64 / self.total as f64,
            elapsed: self.begun.elapsed(),
            trial: self.trials.last(),
        };
        let flow = (self.observe)(progress);
        // Stopping after the last trial does not make the tuning incomplete.
        self.stopped |= flow.is_break() && done < self.total;
        flow
    }

    fn tuning(self, data: &Dataset, plan: &Plan) -> Tuning {
        let mut trials = self.trials;
        trials.sort_by(Trial::better_first);
        Tuning {
            data: data.name().to_owned(),
            examples: data.len(),
            plan: *plan,
            planned: self.total,
            complete: !self.stopped,
            seconds: self.begun.elapsed().as_secs_f64(),
            trials,
        }
    }
}

/// Rejects a number of trials that is 0 or too large.
fn check_trials(trials: Option<usize>) -> Result<usize> {
    match trials {
        Some(n) if (1..=MOST_TRIALS).contains(&n) => Ok(n),
        n => {
            let found = n.map_or("beyond counting".to_owned(), crate::text::thousands);
            let most = crate::text::thousands(MOST_TRIALS);
            Err(Error::setting("the number of trials", found, format!("at least 1 and at most {most}")))
        }
    }
}
