//! Probing: measures the quality of features by the cross-validated accuracy of three simple classifiers.
//!
//! The quality of an embedding is measured by simple classifiers: nearest neighbours, which need no training; a linear
//! classifier, the usual *linear probe* (Alain and Bengio 2016); and a network with one hidden layer, which detects
//! information that is in the features but not linearly separable.
//!
//! The examples are divided into folds. Each fold is evaluated with classifiers that did not use it, neither for
//! training nor for model selection:
//!
//! ```text
//! neighbours  every example from all others, one search for all; k is chosen on the examples outside the fold
//! linear      softmax with Σ W², solved exactly, along a regularisation path; chosen on a twelfth of the rest
//! network     one hidden layer; the weights of the best epoch on that twelfth
//! ```
//!
//! For the linear classifier and the network, each feature is standardised with the mean and standard deviation of
//! their training examples. Intervals are Wilson intervals for all examples together; they ignore the correlation
//! between the classifiers of the folds.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Split, default_validation, folds, split};
use crate::linear::dual::{self, solve};
use crate::loss::Loss;
use crate::neighbors::{Metric, NearestNeighbors};
use crate::network::{Init, Network};
use crate::optimizer::Optimizer;
use crate::preprocess::{Learner, Preprocessing, Spec, StepSpec};
use crate::schedule::Schedule;
use crate::train::{self, Length, Plan, train_with};
use crate::{Error, Result};

/// The minimum number of training steps of the network.
const FEWEST_STEPS: usize = 1000;

/// How features are probed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The number of folds.
    pub folds: usize,
    /// The seed for all random choices.
    pub seed: u64,
    /// The distance metric.
    pub metric: Metric,
    /// The maximum number of neighbours.
    pub k_max: usize,
    /// The coefficients of Σ W² that are tried, strongest first.
    pub regs: Vec<f32>,
    /// The units of the hidden layer.
    pub hidden: usize,
    /// The epochs of the network; more if they would be fewer than 1,000 steps.
    pub epochs: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            folds: 5,
            seed: 0,
            metric: Metric::Cosine,
            k_max: 20,
            regs: vec![1e-1, 1e-2, 1e-3, 1e-4],
            hidden: 256,
            epochs: 8,
        }
    }
}

/// The classifier used as a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// k nearest neighbours.
    Neighbors,
    /// Scores = X · W + b.
    Linear,
    /// One hidden layer.
    Network,
}

impl Kind {
    /// All kinds, in the order in which they are run.
    pub const ALL: [Kind; 3] = [Kind::Neighbors, Kind::Linear, Kind::Network];
}

/// The result on one fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// How many examples it has.
    pub count: usize,
    /// How many of them were classified correctly.
    pub correct: usize,
    /// The value chosen for it: k, reg, or the best epoch.
    pub chosen: f64,
}

/// The result of probing with one classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The classifier.
    pub kind: Kind,
    /// The class predicted for every example by the classifier of its fold, (N).
    pub predicted: Vec<u32>,
    /// The folds.
    pub folds: Vec<Fold>,
    /// For each k from 1 on, or each reg of the path, the number of correct predictions on the examples used for the
    /// choice. For reg these are the held-out twelfths. Empty for the network.
    pub path: Vec<(f64, usize)>,
    /// The number of those examples.
    pub path_count: usize,
    /// The duration in seconds.
    pub seconds: f64,
}

impl Probe {
    /// The fraction of all examples that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.predicted.len() as f64
    }

    /// How many examples were classified correctly.
    pub fn correct(&self) -> usize {
        self.folds.iter().map(|fold| fold.correct).sum()
    }

    /// The standard deviation of the accuracy over the folds.
    pub fn deviation(&self) -> f64 {
        let shares: Vec<f64> = self.folds.iter().map(|f| f.correct as f64 / f.count as f64).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let squares: f64 = shares.iter().map(|share| (share - mean).powi(2)).sum();
        (squares / (shares.len() - 1) as f64).sqrt()
    }
}

/// An observer, called with the completed fraction of a probe; `ControlFlow::Break` stops it.
pub type Observer<'a> = &'a (dyn Fn(f64) -> ControlFlow<()> + Sync);

/// Probes the features of `data` with one classifier. `None` if the observer stopped it.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::Dataset;
/// use tercet::probe::{Kind, Settings, probe};
///
/// // Two clouds of points that are linearly separable.
/// let point = |i: usize| [(i % 7) as f32, (i % 5) as f32 + if i % 2 == 0 { 0.0 } else { 9.0 }];
/// let values = (0..120).flat_map(point).collect();
/// let labels = (0..120).map(|i| i % 2).collect();
/// let data = Dataset::from_features("clouds", 2, values, labels, vec!["low".into(), "high".into()])?;
/// let linear = probe(&data, Kind::Linear, &Settings::default(), &|_| ControlFlow::Continue(()))?.unwrap();
/// assert_eq!((linear.accuracy(), linear.folds.len()), (1.0, 5));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Fewer than 2 folds or more folds than examples, too few examples for model selection, no reg, k = 0, and what the
/// classifiers reject.
pub fn probe(
    data: &Dataset,
    kind: Kind,
    settings: &Settings,
    observe: Observer<'_>,
) -> Result<Option<Probe>> {
    let start = Instant::now();
    let splits = folds(data, settings.folds, settings.seed)?;
    let probed = match kind {
        Kind::Neighbors => neighbors(data, &splits, settings, observe)?,
        Kind::Linear => linear(data, &splits, settings, observe)?,
        Kind::Network => network(data, &splits, settings, observe)?,
    };
    Ok(probed.map(|probe| Probe { seconds: start.elapsed().as_secs_f64(), ..probe }))
}

/// A probe without any results.
fn empty(kind: Kind, data: &Dataset) -> Probe {
    Probe {
        kind,
        predicted: vec![0; data.len()],
        folds: Vec::new(),
        path: Vec::new(),
        path_count: 0,
        seconds: 0.0,
    }
}

impl Probe {
    /// Counts the predictions for the held-out examples of a split.
    fn count(&mut self, held_out: &Dataset, whole: &Dataset, answers: &[u32], chosen: f64) {
        let places = places(held_out, whole);
        let mut correct = 0;
        for (i, (&answer, place)) in answers.iter().zip(places).enumerate() {
            self.predicted[place] = answer;
            correct += usize::from(answer == held_out.label(i));
        }
        self.folds.push(Fold { count: held_out.len(), correct, chosen });
    }
}

/// The positions of the examples of a part in the whole set, both in the order of their origins.
fn places(part: &Dataset, whole: &Dataset) -> Vec<usize> {
    let place: HashMap<usize, usize> = (0..whole.len()).map(|i| (whole.origin(i), i)).collect();
    (0..part.len()).map(|i| place[&part.origin(i)]).collect()
}

fn neighbors(
    data: &Dataset,
    splits: &[Split],
    settings: &Settings,
    observe: Observer<'_>,
) -> Result<Option<Probe>> {
    let k_max = settings.k_max.min(data.len() - 1);
    if settings.k_max == 0 {
        return Err(Error::setting("k_max", 0, "at least 1"));
    }
    let index = NearestNeighbors::fit(data, settings.metric)?;
    let progress = |done, of| observe(done as f64 / of as f64);
    let Some(found) = index.leave_one_out(k_max, &progress)? else { return Ok(None) };
    // The prediction for every example with every k: each neighbour has one vote, and the first class wins a tie.
    let mut answers = vec![0; data.len() * k_max];
    let mut votes = vec![0u32; data.class_count()];
    for (i, answers) in answers.chunks_exact_mut(k_max).enumerate() {
        votes.fill(0);
        let mut best = 0;
        for (answer, &neighbor) in answers.iter_mut().zip(found.of(i).0) {
            let class = data.label(neighbor as usize) as usize;
            votes[class] += 1;
            if votes[class] > votes[best] || (votes[class] == votes[best] && class < best) {
                best = class;
            }
            *answer = best as u32;
        }
    }
    let right = |i: usize, k: usize| usize::from(answers[i * k_max + k] == data.label(i));
    let all: Vec<usize> = (0..k_max).map(|k| (0..data.len()).map(|i| right(i, k)).sum()).collect();
    let mut probe = empty(Kind::Neighbors, data);
    probe.path = all.iter().zip(1..).map(|(&correct, k)| (f64::from(k), correct)).collect();
    probe.path_count = data.len();
    for split in splits {
        let rows = places(&split.validation, data);
        let outside = |k: usize| all[k] - rows.iter().map(|&i| right(i, k)).sum::<usize>();
        let k = (0..k_max).rev().max_by_key(|&k| outside(k)).unwrap_or(0);
        let answers: Vec<u32> = rows.iter().map(|&i| answers[i * k_max + k]).collect();
        probe.count(&split.validation, data, &answers, (k + 1) as f64);
    }
    Ok(Some(probe))
}

/// The training, selection and evaluation examples of a fold, with standardised features.
struct Scaled {
    train: Dataset,
    choose: Dataset,
    judge: Dataset,
}

impl Scaled {
    fn of(outer: &Split, seed: u64) -> Result<Self> {
        let inner = split(&outer.train, default_validation(outer.train.len()), seed)?;
        let preprocessing =
            Preprocessing::fit(&Spec::none().with(StepSpec::Standardize), Learner::Weights, &inner.train)?;
        let scaled = |set: &Dataset| preprocessing.apply_to(set);
        let (train, choose, judge) =
            (scaled(&inner.train)?, scaled(&inner.validation)?, scaled(&outer.validation)?);
        Ok(Scaled { train, choose, judge })
    }
}

fn linear(
    data: &Dataset,
    splits: &[Split],
    settings: &Settings,
    observe: Observer<'_>,
) -> Result<Option<Probe>> {
    if settings.regs.is_empty() {
        return Err(Error::setting("regs", "empty", "at least one coefficient of Σ W²"));
    }
    let mut probe = empty(Kind::Linear, data);
    probe.path = settings.regs.iter().map(|&reg| (f64::from(reg), 0)).collect();
    let total = (splits.len() * settings.regs.len()) as f64;
    let mut done = 0.0;
    for outer in splits {
        let parts = Scaled::of(outer, settings.seed)?;
        let (mut start, mut best) = (None, None);
        for (place, &reg) in settings.regs.iter().enumerate() {
            // The accuracy of a classifier converges long before its objective is exact.
            let of_path = dual::Settings {
                reg,
                loss: Loss::Softmax,
                tolerance: 1e-2,
                max_epochs: 100,
                seed: settings.seed,
            };
            let mut flow = ControlFlow::Continue(());
            let solution = solve(&parts.train, &of_path, start.as_ref(), &mut |_| {
                flow = observe(done / total);
                flow
            })?;
            if flow.is_break() {
                return Ok(None);
            }
            done += 1.0;
            let correct = solution.classifier.scores(&parts.choose)?.correct(parts.choose.labels());
            probe.path[place].1 += correct;
            if best.as_ref().is_none_or(|&(most, _, _)| correct > most) {
                best = Some((correct, reg, solution.classifier));
            }
            start = Some(solution.variables);
        }
        probe.path_count += parts.choose.len();
        if let Some((_, reg, classifier)) = best {
            let answers = classifier.scores(&parts.judge)?.argmax();
            probe.count(&outer.validation, data, &answers, f64::from(reg));
        }
    }
    Ok(Some(probe))
}

fn network(
    data: &Dataset,
    splits: &[Split],
    settings: &Settings,
    observe: Observer<'_>,
) -> Result<Option<Probe>> {
    let mut probe = empty(Kind::Network, data);
    // A small set is repeated more often, so that there are enough training steps.
    let examples = splits.iter().map(|split| split.train.len()).min().unwrap_or(0);
    let batch = (examples / 10).clamp(1, 128);
    let epochs = settings.epochs.max(FEWEST_STEPS * batch / examples.max(1));
    let learning = train::Settings {
        loss: Loss::Softmax,
        batch,
        length: Length::Epochs(epochs),
        learning_rate: 1e-3,
        schedule: Schedule::Cosine,
        optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        dropout: 0.2,
        patience: Some(epochs),
        ..train::Settings::default()
    };
    for (number, outer) in splits.iter().enumerate() {
        let parts = Scaled::of(outer, settings.seed)?;
        let (hidden, classes) = ([settings.hidden], data.class_count());
        let mut network = Network::fully_connected(data.width(), &hidden, classes, Init::He, settings.seed)?;
        let steps = learning.steps(parts.train.len()) as f64;
        let mut flow = ControlFlow::Continue(());
        let plan = Plan::new(&parts.train, learning, settings.seed).with_validation(&parts.choose);
        let training = train_with(&mut network, &plan, |_, step| {
            flow = observe((number as f64 + step.number as f64 / steps) / splits.len() as f64);
            flow
        })?;
        if flow.is_break() {
            return Ok(None);
        }
        let epoch = training.best.map_or(epochs as f64, |step| step as f64 / (steps / epochs as f64));
        let answers = network.scores(&parts.judge)?.argmax();
        probe.count(&outer.validation, data, &answers, epoch.round());
    }
    Ok(Some(probe))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::{Stream, generator};

    /// Points on a ring around others: not linearly separable, but neighbours and a network can classify them.
    fn rings(examples: usize) -> Dataset {
        let point = |i: usize| {
            let angle = i as f32 * 2.399_963;
            let radius = if i.is_multiple_of(2) { 1.0 } else { 3.0 } + (i % 11) as f32 * 0.03;
            [radius * angle.cos(), radius * angle.sin()]
        };
        let labels = (0..examples).map(|i| (i % 2) as u32).collect();
        let values = (0..examples).flat_map(point).collect();
        Dataset::from_features("rings", 2, values, labels, vec!["in".into(), "out".into()]).unwrap()
    }

    fn accuracy(kind: Kind, data: &Dataset, settings: &Settings) -> Probe {
        probe(data, kind, settings, &|_| ControlFlow::Continue(())).unwrap().unwrap()
    }

    #[test]
    fn each_classifier_finds_what_it_can() {
        let data = rings(600);
        let settings = Settings { metric: Metric::L2, hidden: 16, folds: 3, ..Settings::default() };
        let [neighbors, linear, network] = Kind::ALL.map(|kind| accuracy(kind, &data, &settings));
        assert_eq!(neighbors.accuracy(), 1.0);
        assert!(linear.accuracy() < 0.7, "{}", linear.accuracy());
        assert!(network.accuracy() > 0.9, "{}", network.accuracy());
        for probe in [&neighbors, &linear, &network] {
            assert_eq!(probe.folds.iter().map(|fold| fold.count).sum::<usize>(), 600);
            let correct = probe.predicted.iter().zip(data.labels()).filter(|(p, y)| p == y).count();
            assert_eq!(correct, probe.correct());
        }
        assert_eq!(accuracy(Kind::Network, &data, &settings).predicted, network.predicted);
    }

    /// Labels independent of the features: an accuracy far above one half would mean that the labels have leaked.
    #[test]
    fn random_labels_are_not_predicted() {
        let n = 400;
        let mut generator = generator(3, Stream::Batches);
        let values = (0..n * 8).map(|_| generator.random_range(0..1000) as f32 / 1000.0).collect();
        let labels = (0..n).map(|_| generator.random_range(0..2)).collect();
        let data = Dataset::from_features("noise", 8, values, labels, vec!["a".into(), "b".into()]).unwrap();
        for kind in Kind::ALL {
            let settings = Settings { hidden: 8, folds: 3, ..Settings::default() };
            let found = accuracy(kind, &data, &settings).accuracy();
            assert!((0.38..0.62).contains(&found), "{kind:?}: {found}");
        }
    }

    #[test]
    fn invalid_input_is_rejected() {
        let data = rings(20);
        let run = |settings: Settings, kind| probe(&data, kind, &settings, &|_| ControlFlow::Continue(()));
        assert!(run(Settings { folds: 1, ..Settings::default() }, Kind::Linear).is_err());
        assert!(run(Settings { k_max: 0, ..Settings::default() }, Kind::Neighbors).is_err());
        assert!(run(Settings { regs: Vec::new(), ..Settings::default() }, Kind::Linear).is_err());
        let stopped = probe(&data, Kind::Linear, &Settings::default(), &|_| ControlFlow::Break(()));
        assert!(stopped.unwrap().is_none());
    }
}
