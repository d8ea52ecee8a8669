//! Labels that may be wrong: examples that two classifiers of different kinds, neither of which learned from them, read
//! otherwise.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Split, folds};
use crate::loss::Loss;
use crate::matrix::argmax;
use crate::neighbors::{Metric, NeighborsClassifier, Vote};
use crate::recipe::{FitProgress, GradientDescentRecipe};
use crate::{Error, Matrix, Result};

/// How labels are doubted.
#[derive(Clone, Debug, PartialEq)]
pub struct SuspectSettings {
    /// How many folds the training examples are dealt out to.
    pub folds: usize,
    /// How many neighbours vote.
    pub k: usize,
    /// How the networks learn; its loss must be softmax. Its seed decides the folds, too.
    pub recipe: GradientDescentRecipe,
}

impl Default for SuspectSettings {
    fn default() -> Self {
        SuspectSettings { folds: 5, k: 5, recipe: GradientDescentRecipe::network() }
    }
}

/// A label that may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// The example, as its origin in the set that was read.
    pub index: usize,
    /// Its label.
    pub label: u32,
    /// What a network that did not learn from it takes it for.
    pub network: u32,
    /// What its neighbours take it for.
    pub neighbors: u32,
    /// By how much the probability of the network's answer exceeds that of the label, 0 to 1.
    pub network_margin: f64,
    /// By how much the share of the neighbours' answer exceeds that of the label, 0 to 1.
    pub neighbors_margin: f64,
}

impl Suspect {
    /// The mean of both margins, 0 to 1: by it suspects are ordered.
    pub fn suspicion(&self) -> f64 {
        (self.network_margin + self.neighbors_margin) / 2.0
    }
}

/// All suspects of a data set, the most suspicious first; of equal suspicion by index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suspects {
    /// Those among the training examples.
    pub train: Vec<Suspect>,
    /// Those among the test examples; none where there was no test set.
    pub test: Vec<Suspect>,
    /// How many folds there were.
    pub folds: usize,
    /// How many neighbours voted.
    pub k: usize,
    /// What the networks were, in words.
    pub network: String,
}

/// Finds labels that may be wrong. `None` where the observer ended it; it is told what share of the work is done.
///
/// Two kinds of classifier are asked about every example, and none of those asked has learned from it:
///
/// ```text
/// of a training example   k nearest others         the network that learned from the other folds
/// of a test example       k nearest of training    the mean probabilities of the networks of all folds
/// ```
///
/// An example is suspect where both answers differ from its label. It may as well be odd, or the classifiers poor: whoever
/// knows better has to look. The order is by the mean of two margins, p(answer) − p(label) of the network and the same of
/// the neighbours' shares.
///
/// Source: to judge a label by classifiers that did not learn from it is confident learning's (C. G. Northcutt, L. Jiang and
/// I. L. Chuang, JAIR 70, 2021, where the margin is one of the rankings); to ask for the agreement of classifiers of different
/// kinds is C. E. Brodley and M. A. Friedl's consensus filter (JAIR 11, 1999).
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::Dataset;
/// use tercet::evaluate::{SuspectSettings, suspects};
///
/// // Two clouds, and one example that lies in the first and bears the label of the second.
/// let points: Vec<f32> = (0..80).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 } + (i % 13) as f32 / 100.0).collect();
/// let mut labels: Vec<u32> = (0..80).map(|i| i % 2).collect();
/// labels[24] = 1;
/// let set = Dataset::from_features("clouds", 1, points, labels, vec!["low".into(), "high".into()])?;
/// let mut settings = SuspectSettings::default();
/// (settings.recipe.hidden, settings.recipe.train.batch) = (vec![8], 4);
/// let found = suspects(&set, None, &settings, &mut |_| ControlFlow::Continue(()))?.unwrap();
/// assert_eq!(found.train.iter().map(|suspect| suspect.index).collect::<Vec<_>>(), [24]);
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Fewer than 2 folds or more than examples, a k that the training set has not, a recipe with another loss than softmax or
/// that does not fit the examples, and test examples of other features or classes.
pub fn suspects(
    train_set: &Dataset,
    test: Option<&Dataset>,
    settings: &SuspectSettings,
    observe: &mut (dyn FnMut(f64) -> ControlFlow<()> + Send),
) -> Result<Option<Suspects>> {
    let SuspectSettings { folds: count, k, recipe } = settings;
    if recipe.train.loss != Loss::Softmax {
        return Err(Error::setting("loss", recipe.train.loss, "softmax, which gives probabilities"));
    }
    if let Some(test) = test.filter(|test| test.classes() != train_set.classes()) {
        let (found, expected) = (test.classes().join(", "), train_set.classes().join(", "));
        return Err(Error::mismatch(format!("classes of {}", test.name()), found, expected));
    }
    let splits = folds(train_set, *count, recipe.seed)?;
    let place: HashMap<usize, usize> = (0..train_set.len()).map(|i| (train_set.origin(i), i)).collect();
    let classes = train_set.class_count();

    let mut of_train = Matrix::zeros(train_set.len(), classes);
    let mut of_test = test.map(|test| Matrix::zeros(test.len(), classes));
    let mut words = String::new();
    for (number, split) in splits.iter().enumerate() {
        let steps = recipe.train.steps(split.train.len()) as f64;
        let mut flow = ControlFlow::Continue(());
        let mut watch = |progress: FitProgress<'_>| {
            if let FitProgress::Step(progress) = progress {
                let done = number as f64 + progress.step as f64 / steps;
                flow = observe(done / (splits.len() + 1) as f64);
            }
            flow
        };
        let unwatched = Split { train: split.train.clone(), validation: split.validation.first(0) };
        let model = recipe.fit(&unwatched, None, &mut watch)?.model;
        if flow.is_break() {
            return Ok(None);
        }
        words = model.classifier().network().map_or_else(String::new, ToString::to_string);
        let held_out = model.predict_proba(&split.validation)?;
        for i in 0..split.validation.len() {
            let to = place[&split.validation.origin(i)];
            of_train.values_mut()[to * classes..][..classes].copy_from_slice(held_out.row(i));
        }
        if let (Some(test), Some(mean)) = (test, &mut of_test) {
            let of_this = model.predict_proba(test)?;
            let share = splits.len() as f32;
            mean.values_mut().iter_mut().zip(of_this.values()).for_each(|(mean, p)| *mean += p / share);
        }
    }

    let neighbors = NeighborsClassifier::fit(train_set, Metric::L2, *k, Vote::Uniform)?;
    let go_on = |_, _| ControlFlow::Continue(());
    let Some(others) = neighbors.index().leave_one_out(*k, &go_on)? else { return Ok(None) };
    let train = disagreements(train_set, &of_train, &neighbors.scores_from(&others)?);
    if observe((splits.len() as f64 + 0.8) / (splits.len() + 1) as f64).is_break() {
        return Ok(None);
    }
    let test = match (test, &of_test) {
        (Some(test), Some(of_test)) => disagreements(test, of_test, &neighbors.scores(test)?),
        _ => Vec::new(),
    };
    Ok(Some(Suspects { train, test, folds: *count, k: *k, network: words }))
}

/// The examples of which both answers differ from the label.
fn disagreements(set: &Dataset, network: &Matrix, neighbors: &Matrix) -> Vec<Suspect> {
    let mut found: Vec<Suspect> = (0..set.len())
        .filter_map(|i| {
            let label = set.label(i);
            let (p, shares) = (network.row(i), neighbors.row(i));
            let (of_network, of_neighbors) = (argmax(p), argmax(shares));
            let margin = |row: &[f32], answer: u32| f64::from(row[answer as usize] - row[label as usize]);
            (of_network != label && of_neighbors != label).then(|| Suspect {
                index: set.origin(i),
                label,
                network: of_network,
                neighbors: of_neighbors,
                network_margin: margin(p, of_network),
                neighbors_margin: margin(shares, of_neighbors),
            })
        })
        .collect();
    found.sort_by(|a, b| b.suspicion().total_cmp(&a.suspicion()).then(a.index.cmp(&b.index)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clouds in the plane; `wrong` examples bear the label of the next cloud.
    fn clouds(examples: usize, wrong: &[usize]) -> Dataset {
        let point = |i: usize| {
            let (x, y) = [(0.0, 0.0), (2.0, 0.0), (0.0, 2.0)][i % 3];
            [x + (i * 7919 % 100) as f32 / 120.0, y + (i * 104_729 % 100) as f32 / 120.0]
        };
        let label = |i: usize| ((i + usize::from(wrong.contains(&i))) % 3) as u32;
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let (values, labels) = ((0..examples).flat_map(point).collect(), (0..examples).map(label).collect());
        Dataset::from_features("clouds", 2, values, labels, classes).unwrap()
    }

    fn settings() -> SuspectSettings {
        let mut settings = SuspectSettings { folds: 3, ..SuspectSettings::default() };
        settings.recipe.hidden = vec![16];
        settings.recipe.train.batch = 8;
        settings
    }

    fn run(train: &Dataset, test: Option<&Dataset>, settings: &SuspectSettings) -> Suspects {
        suspects(train, test, settings, &mut |_| ControlFlow::Continue(())).unwrap().unwrap()
    }

    #[test]
    fn planted_errors_are_found_in_both_sets_and_nothing_else() {
        let (train, test) = (clouds(300, &[5, 77, 200]), clouds(90, &[4, 41]));
        let found = run(&train, Some(&test), &settings());
        let indices = |suspects: &[Suspect]| {
            let mut indices: Vec<_> = suspects.iter().map(|suspect| suspect.index).collect();
            indices.sort();
            indices
        };
        assert_eq!((indices(&found.train), indices(&found.test)), (vec![5, 77, 200], vec![4, 41]));
        for suspect in found.train.iter().chain(&found.test) {
            assert_eq!(
                (suspect.network, suspect.neighbors),
                (suspect.index as u32 % 3, suspect.index as u32 % 3)
            );
            assert_eq!(suspect.label, (suspect.index as u32 + 1) % 3);
            assert!(suspect.suspicion() > 0.5 && suspect.suspicion() <= 1.0, "{suspect:?}");
        }
        assert!(found.train.is_sorted_by(|a, b| a.suspicion() >= b.suspicion()));
        assert_eq!((found.folds, found.k), (3, 5));
        assert_eq!(run(&train, Some(&test), &settings()), found, "one seed, one answer");
    }

    /// A part of a set names its suspects by where they stand in the whole.
    #[test]
    fn suspects_of_a_part_are_named_by_their_origins() {
        let whole = clouds(300, &[151]);
        let part = whole.subset(&(100..300).rev().collect::<Vec<_>>());
        assert_eq!(run(&part, None, &settings()).train.iter().map(|s| s.index).collect::<Vec<_>>(), [151]);
    }

    /// One classifier alone accuses nobody.
    #[test]
    fn both_must_disagree_with_the_label() {
        let set = clouds(3, &[]);
        let of = |rows: [[f32; 3]; 3]| Matrix::new(3, 3, rows.concat()).unwrap();
        let right = [[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.0, 0.3, 0.7]];
        let wrong = [[0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.5, 0.3, 0.2]];
        assert!(disagreements(&set, &of(right), &of(wrong)).is_empty());
        assert!(disagreements(&set, &of(wrong), &of(right)).is_empty());
        let found = disagreements(&set, &of(wrong), &of([[0.0, 0.4, 0.6], wrong[1], [1.0, 0.0, 0.0]]));
        assert_eq!(found.iter().map(|s| s.index).collect::<Vec<_>>(), [0, 2, 1]);
        assert_eq!((found[0].network, found[0].neighbors), (1, 2));
        assert!((found[0].network_margin - 0.7).abs() < 1e-6 && (found[0].suspicion() - 0.65).abs() < 1e-6);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let train = clouds(60, &[]);
        let refused = |settings: SuspectSettings, test: Option<&Dataset>| {
            let go_on = &mut |_| ControlFlow::Continue(());
            suspects(&train, test, &settings, go_on).unwrap_err().to_string()
        };
        assert!(refused(SuspectSettings { folds: 1, ..settings() }, None).contains("folds"));
        assert!(refused(SuspectSettings { k: 60, ..settings() }, None).contains("k is 60"));
        let svm = SuspectSettings { recipe: GradientDescentRecipe::linear(), ..settings() };
        assert!(refused(svm, None).contains("expected softmax"));
        let other = Dataset::from_features("x", 2, vec![0.0; 2], vec![0], vec!["a".into()]).unwrap();
        assert!(refused(settings(), Some(&other)).contains("classes of x: found a; expected a, b, c"));
        let ended = suspects(&train, None, &settings(), &mut |_| ControlFlow::Break(())).unwrap();
        assert!(ended.is_none());
    }

    /// Of three folds each is a quarter of the work, and the neighbours are the last.
    #[test]
    fn the_share_that_is_done_grows_until_the_end() {
        let train = clouds(60, &[]);
        let mut shares = Vec::new();
        let mut observe = |share: f64| {
            shares.push(share);
            ControlFlow::Continue(())
        };
        suspects(&train, None, &settings(), &mut observe).unwrap().unwrap();
        assert!(shares.is_sorted() && shares[0] > 0.0, "{shares:?}");
        for end in [0.25, 0.5, 0.75, 0.95] {
            assert!(shares.iter().any(|share| (share - end).abs() < 1e-12), "{end}: {shares:?}");
        }
        assert_eq!(shares.last(), Some(&0.95));
        let last = &mut |share| if share < 0.9 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        assert!(suspects(&train, None, &settings(), last).unwrap().is_none());
    }
}
