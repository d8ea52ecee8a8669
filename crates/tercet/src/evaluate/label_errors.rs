//! Label errors: examples that two classifiers of different kinds, neither of which was trained on them, classify
//! differently from their label.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Split, folds};
use crate::loss::Loss;
use crate::matrix::argmax;
use crate::neighbors::{Metric, NeighborsClassifier, Vote};
use crate::recipe::{FitProgress, GradientDescentRecipe};
use crate::{Error, Matrix, Model, Result};

/// How label errors are searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelErrorSettings {
    /// The number of folds of the cross-validation.
    pub folds: usize,
    /// The number of neighbours that vote.
    pub k: usize,
    /// How the networks are trained; the loss must be softmax. The seed determines the folds, too.
    pub recipe: GradientDescentRecipe,
}

impl Default for LabelErrorSettings {
    fn default() -> Self {
        LabelErrorSettings { folds: 5, k: 5, recipe: GradientDescentRecipe::network().by_data() }
    }
}

/// A label that may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelError {
    /// The example, as its origin in the set that was read.
    pub index: usize,
    /// Its label.
    pub label: u32,
    /// The prediction of a network that was not trained on it.
    pub network: u32,
    /// The prediction of its neighbours.
    pub neighbors: u32,
    /// The probability of the network's prediction minus that of the label, 0 to 1.
    pub network_margin: f64,
    /// The vote of the neighbours' prediction minus that of the label, 0 to 1.
    pub neighbors_margin: f64,
}

impl LabelError {
    /// The mean of both margins, 0 to 1: the larger, the more likely the label is wrong.
    pub fn score(&self) -> f64 {
        (self.network_margin + self.neighbors_margin) / 2.0
    }
}

/// The label errors of a data set, the highest score first, then by index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelErrors {
    /// Those among the training examples.
    pub train: Vec<LabelError>,
    /// Those among the test examples; empty without a test set.
    pub test: Vec<LabelError>,
    /// The number of folds.
    pub folds: usize,
    /// The number of neighbours that voted.
    pub k: usize,
    /// A description of the networks.
    pub network: String,
}

/// Finds labels that may be wrong. The observer is called with the fraction of the work that is done; if it returns
/// `Break`, the result is `None`.
///
/// Two kinds of classifier predict the class of every example, none of which was trained on it:
///
/// ```text
/// training example   k nearest other examples       the network that was trained on the other folds
/// test example       k nearest training examples    the mean probabilities of the networks of all folds
/// ```
///
/// A label may be wrong if both predictions differ from it. The example may also be unusual, or the classifiers poor: a
/// person has to decide. The score is the mean of two margins, p(prediction) − p(label) of the network and the same of
/// the neighbours' vote.
///
/// Source: out-of-sample predictions are used as in confident learning (C. G. Northcutt, L. Jiang and I. L. Chuang,
/// JAIR 70, 2021, where the margin is one of the rankings); the agreement of different kinds of classifiers is C. E.
/// Brodley and M. A. Friedl's consensus filter (JAIR 11, 1999).
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::Dataset;
/// use tercet::evaluate::{LabelErrorSettings, find_label_errors};
///
/// // Two clouds, and one example of the first with the label of the second.
/// let points: Vec<f32> = (0..80).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 } + (i % 13) as f32 / 100.0).collect();
/// let mut labels: Vec<u32> = (0..80).map(|i| i % 2).collect();
/// labels[24] = 1;
/// let set = Dataset::from_features("clouds", 1, points, labels, vec!["low".into(), "high".into()])?;
/// let mut settings = LabelErrorSettings::default();
/// (settings.recipe.hidden, settings.recipe.train.batch) = (vec![8], 4);
/// let found = find_label_errors(&set, None, &settings, &mut |_| ControlFlow::Continue(()))?.unwrap();
/// assert_eq!(found.train.iter().map(|label_error| label_error.index).collect::<Vec<_>>(), [24]);
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Fewer than 2 folds or more folds than examples, a k larger than the training set allows, a recipe with another loss
/// than softmax or that does not fit the examples, and test examples of other features or classes.
pub fn find_label_errors(
    train_set: &Dataset,
    test: Option<&Dataset>,
    settings: &LabelErrorSettings,
    observe: &mut (dyn FnMut(f64) -> ControlFlow<()> + Send),
) -> Result<Option<LabelErrors>> {
    let LabelErrorSettings { folds: count, k, recipe } = settings;
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
        let mut of_fold = |done: f64| observe((number as f64 + done) / (splits.len() + 1) as f64);
        let Some(model) = fit_fold(recipe, split, &mut of_fold)? else { return Ok(None) };
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
    Ok(Some(LabelErrors { train, test, folds: *count, k: *k, network: words }))
}

/// The model of one fold, trained without the examples that are held out; `None` if the observer stops it.
fn fit_fold(
    recipe: &GradientDescentRecipe,
    split: &Split,
    observe: &mut (dyn FnMut(f64) -> ControlFlow<()> + Send),
) -> Result<Option<Model>> {
    let mut flow = ControlFlow::Continue(());
    let mut watch = |progress: FitProgress<'_>| {
        if let FitProgress::Step { trainer, step } = progress {
            flow = observe(step.number as f64 / trainer.plan().steps() as f64);
        }
        flow
    };
    let unwatched = Split { train: split.train.clone(), validation: split.validation.first(0) };
    let model = recipe.fit(&unwatched, None, &mut watch)?.model;
    Ok(flow.is_continue().then_some(model))
}

/// The examples for which both predictions differ from the label.
fn disagreements(set: &Dataset, network: &Matrix, neighbors: &Matrix) -> Vec<LabelError> {
    let mut found: Vec<LabelError> = (0..set.len())
        .filter_map(|i| {
            let label = set.label(i);
            let (p, shares) = (network.row(i), neighbors.row(i));
            let (of_network, of_neighbors) = (argmax(p), argmax(shares));
            let margin = |row: &[f32], answer: u32| f64::from(row[answer as usize] - row[label as usize]);
            (of_network != label && of_neighbors != label).then(|| LabelError {
                index: set.origin(i),
                label,
                network: of_network,
                neighbors: of_neighbors,
                network_margin: margin(p, of_network),
                neighbors_margin: margin(shares, of_neighbors),
            })
        })
        .collect();
    found.sort_by(|a, b| b.score().total_cmp(&a.score()).then(a.index.cmp(&b.index)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clouds in the plane; `wrong` examples have the label of the next cloud.
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

    fn settings() -> LabelErrorSettings {
        let mut settings = LabelErrorSettings { folds: 3, ..LabelErrorSettings::default() };
        settings.recipe.hidden = vec![16];
        settings.recipe.train.batch = 8;
        settings
    }

    fn run(train: &Dataset, test: Option<&Dataset>, settings: &LabelErrorSettings) -> LabelErrors {
        find_label_errors(train, test, settings, &mut |_| ControlFlow::Continue(())).unwrap().unwrap()
    }

    #[test]
    fn exactly_the_planted_errors_are_found_in_both_sets() {
        let (train, test) = (clouds(300, &[5, 77, 200]), clouds(90, &[4, 41]));
        let found = run(&train, Some(&test), &settings());
        let indices = |label_errors: &[LabelError]| {
            let mut indices: Vec<_> = label_errors.iter().map(|label_error| label_error.index).collect();
            indices.sort();
            indices
        };
        assert_eq!((indices(&found.train), indices(&found.test)), (vec![5, 77, 200], vec![4, 41]));
        for label_error in found.train.iter().chain(&found.test) {
            assert_eq!(
                (label_error.network, label_error.neighbors),
                (label_error.index as u32 % 3, label_error.index as u32 % 3)
            );
            assert_eq!(label_error.label, (label_error.index as u32 + 1) % 3);
            assert!(label_error.score() > 0.5 && label_error.score() <= 1.0, "{label_error:?}");
        }
        assert!(found.train.is_sorted_by(|a, b| a.score() >= b.score()));
        assert_eq!((found.folds, found.k), (3, 5));
        assert_eq!(run(&train, Some(&test), &settings()), found, "one seed, one answer");
    }

    /// Label errors of a subset have their indices in the whole set.
    #[test]
    fn label_errors_of_a_subset_have_their_origins() {
        let whole = clouds(300, &[151]);
        let part = whole.subset(&(100..300).rev().collect::<Vec<_>>());
        assert_eq!(run(&part, None, &settings()).train.iter().map(|s| s.index).collect::<Vec<_>>(), [151]);
    }

    /// A single classifier is not enough.
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
        assert!((found[0].network_margin - 0.7).abs() < 1e-6 && (found[0].score() - 0.65).abs() < 1e-6);
    }

    #[test]
    fn invalid_settings_are_rejected() {
        let train = clouds(60, &[]);
        let refused = |settings: LabelErrorSettings, test: Option<&Dataset>| {
            let go_on = &mut |_| ControlFlow::Continue(());
            find_label_errors(&train, test, &settings, go_on).unwrap_err().to_string()
        };
        assert!(refused(LabelErrorSettings { folds: 1, ..settings() }, None).contains("folds"));
        assert!(refused(LabelErrorSettings { k: 60, ..settings() }, None).contains("k is 60"));
        let svm = LabelErrorSettings { recipe: GradientDescentRecipe::linear(), ..settings() };
        assert!(refused(svm, None).contains("expected softmax"));
        let other = Dataset::from_features("x", 2, vec![0.0; 2], vec![0], vec!["a".into()]).unwrap();
        assert!(refused(settings(), Some(&other)).contains("classes of x: found a; expected a, b, c"));
        let ended = find_label_errors(&train, None, &settings(), &mut |_| ControlFlow::Break(())).unwrap();
        assert!(ended.is_none());
    }

    /// Each of the three folds is a quarter of the work, and the neighbours are the last quarter.
    #[test]
    fn progress_increases_until_the_end() {
        let train = clouds(60, &[]);
        let mut shares = Vec::new();
        let mut observe = |share: f64| {
            shares.push(share);
            ControlFlow::Continue(())
        };
        find_label_errors(&train, None, &settings(), &mut observe).unwrap().unwrap();
        assert!(shares.is_sorted() && shares[0] > 0.0, "{shares:?}");
        for end in [0.25, 0.5, 0.75, 0.95] {
            assert!(shares.iter().any(|share| (share - end).abs() < 1e-12), "{end}: {shares:?}");
        }
        assert_eq!(shares.last(), Some(&0.95));
        let last = &mut |share| if share < 0.9 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        assert!(find_label_errors(&train, None, &settings(), last).unwrap().is_none());
    }
}
