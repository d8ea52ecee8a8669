//! Tuning of nearest neighbours: one search per metric, whose result is used for every k and vote.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::axis::{distinct, one_of};
use super::record::{Trial, TrialSettings, Tuning};
use super::{Axis, Observer, Plan, Search, Watch, check_trials};
use crate::data::{Dataset, Split};
use crate::neighbors::{Metric, NearestNeighbors, Vote, accuracy_by_k};
use crate::preprocess::{Learner, Preprocessing, Spec};
use crate::random::{Stream, generator};
use crate::{Error, Result};

/// The settings of nearest neighbours to choose from, in the order of a grid: k changes fastest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighborSpace {
    /// The distance metrics.
    pub metric: Vec<Metric>,
    /// The weights of the neighbours' votes.
    pub vote: Vec<Vote>,
    /// The number of neighbours.
    pub k: Axis<usize>,
    /// The preprocessing, fitted on the training examples of each split.
    #[serde(default)]
    pub preprocessing: Spec,
}

/// One combination.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Candidate {
    metric: Metric,
    vote: Vote,
    k: usize,
}

impl NeighborSpace {
    /// The combinations to try, each once, in the order of their metrics.
    ///
    /// `most` is the largest possible k.
    fn candidates(&self, plan: &Plan, most: usize) -> Result<Vec<Candidate>> {
        let refuse_empty = |setting, empty: bool| match empty {
            true => Err(Error::setting(setting, "an empty list", "at least one value")),
            false => Ok(()),
        };
        refuse_empty("metric", self.metric.is_empty())?;
        refuse_empty("vote", self.vote.is_empty())?;
        self.metric
            .iter()
            .try_for_each(|&metric| self.vote.iter().try_for_each(|vote| vote.check(metric)))?;
        self.k.validate("k")?;
        let extremes = match &self.k {
            Axis::List(ks) => ks.clone(),
            Axis::Range { low, high } => vec![*low, *high],
        };
        if let Some(k) = extremes.iter().find(|&&k| k == 0 || k > most) {
            let expected = format!("1 to {most}, the number of examples that are stored");
            return Err(Error::setting("k", k, expected));
        }
        let mut candidates = match plan.search {
            Search::Grid => {
                let ks = self.k.list("k")?;
                let count = self.metric.len().checked_mul(self.vote.len());
                check_trials(count.and_then(|count| count.checked_mul(ks.len())))?;
                let votes = |&metric| self.vote.iter().map(move |&vote| (metric, vote));
                let all = self.metric.iter().flat_map(votes);
                all.flat_map(|(metric, vote)| ks.iter().map(move |&k| Candidate { metric, vote, k }))
                    .collect()
            }
            Search::Random { trials } => {
                let trials = check_trials(Some(trials))?;
                let mut generator = generator(plan.seed, Stream::Search);
                distinct(trials, Candidate::clone, || Candidate {
                    metric: one_of(&self.metric, &mut generator),
                    vote: one_of(&self.vote, &mut generator),
                    k: self.k.draw(&mut generator),
                })
            }
        };
        // A value that is listed twice is tried once.
        let mut seen = HashSet::new();
        candidates.retain(|candidate| seen.insert(*candidate));
        // The sort is stable: within a metric, in the order of the grid or of the draws.
        let place = |candidate: &Candidate| self.metric.iter().position(|metric| *metric == candidate.metric);
        candidates.sort_by_key(place);
        Ok(candidates)
    }
}

/// Evaluates settings of nearest neighbours on examples held out from `data`.
///
/// For each metric and each held-out part there is one search, with the largest k of the space; every smaller k and
/// every vote is computed from its result. So the trials of a metric end together, and a grid with all k from 1 to 50
/// takes hardly longer than one with only k = 50.
///
/// # Errors
/// Empty lists, k = 0, a k above the number of remaining training examples, ranges in a grid search, more than
/// [`MOST_TRIALS`](super::MOST_TRIALS) trials, and a held-out part that leaves no training examples. All of these are
/// detected before the first search.
pub fn neighbors(
    data: &Dataset,
    space: &NeighborSpace,
    plan: &Plan,
    observe: Observer<'_>,
) -> Result<Tuning> {
    let splits = plan.validation.splits(data, plan.seed)?;
    let most = splits.iter().map(|split| split.train.len()).min().unwrap_or(0);
    let candidates = space.candidates(plan, most)?;
    let mut watch = Watch::new(candidates.len(), observe);
    for group in candidates.chunk_by(|a, b| a.metric == b.metric) {
        let trials = trials_of_one_metric(group, &space.preprocessing, &splits, &mut watch)?;
        let Some(trials) = trials else { break };
        if trials.into_iter().try_for_each(|trial| watch.trial_done(trial)).is_break() {
            break;
        }
    }
    Ok(watch.tuning(data, plan))
}

/// All trials of one metric; `None` if the observer stopped the search.
fn trials_of_one_metric(
    group: &[Candidate],
    preprocessing: &Spec,
    splits: &[Split],
    watch: &mut Watch,
) -> Result<Option<Vec<Trial>>> {
    let begun = Instant::now();
    let metric = group[0].metric;
    let largest = group.iter().map(|candidate| candidate.k).max().unwrap_or(1);
    let first = watch.trials.len() + 1;
    let mut accuracies = vec![Vec::with_capacity(splits.len()); group.len()];
    for (fold, Split { train, validation }) in splits.iter().enumerate() {
        let fitted = Preprocessing::fit(preprocessing, Learner::Neighbors, train)?;
        let index = NearestNeighbors::fit(&fitted.apply(train)?, metric)?;
        // The search reports from many threads, but the observer is called by one at a time.
        let shared = Mutex::new(&mut *watch);
        let progress = |done: usize, total: usize| -> ControlFlow<()> {
            let part = (fold as f64 + done as f64 / total as f64) / splits.len() as f64;
            // The lock is poisoned if an observer panicked, which ends the search anyway.
            shared.lock().map_or(ControlFlow::Break(()), |mut watch| watch.during(part * group.len() as f64))
        };
        let found = index.search_with(&fitted.apply(validation)?, largest, &progress)?;
        let Some(found) = found.filter(|_| !watch.stopped) else { return Ok(None) };
        let (labels, truth) = (train.labels(), validation.labels());
        for vote in Vote::ALL {
            if group.iter().all(|candidate| candidate.vote != vote) {
                continue;
            }
            let by_k = accuracy_by_k(&found, labels, truth, vote)?;
            for (candidate, accuracies) in group.iter().zip(&mut accuracies) {
                if candidate.vote == vote {
                    accuracies.push(by_k[candidate.k - 1]);
                }
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64() / group.len() as f64;
    let trials = group.iter().zip(accuracies).zip(first..).map(|((candidate, accuracies), number)| {
        let Candidate { metric, vote, k } = *candidate;
        let settings = TrialSettings::Neighbors { k, metric, vote };
        Trial { seconds, ..Trial::new(number, settings, accuracies, &[]) }
    });
    Ok(Some(trials.collect()))
}
