//! [`Run`]: the record of a run, as plain data. The page is rendered from it, and `--json` prints it.

use serde::{Deserialize, Serialize};

use super::{Confidence, DataCheck};
use tercet::data::{Dataset, Openings};
use tercet::evaluate::{CorruptedEvaluation, Evaluation, McNemar};
use tercet::image::ImageShape;
use tercet::interval::Interval;
use tercet::train::History;
use tercet::{Error, Result};

/// A run with one or more models on one data set.
///
/// Its JSON contains every number but no images: weights and pixels are omitted, and a page rendered from JSON omits
/// the sections that need them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The headline: "Three classifiers on MNIST".
    pub title: String,
    /// The exact command that reproduces the run.
    pub command: String,
    /// The version of Tercet.
    pub version: String,
    /// The instruction set in use; results are bit-identical on the same one.
    pub isa: String,
    /// The number of threads, which affects only the time.
    pub threads: usize,
    /// The seed of all random numbers of this run; `None` if it used none.
    pub seed: Option<u64>,
    /// When the run started, in UTC (RFC 3339).
    pub started: String,
    /// The data.
    pub data: DataCard,
    /// Every use of the test set.
    pub openings: Openings,
    /// The models, in display order.
    pub models: Vec<ModelCard>,
    /// The comparison of each pair of models.
    pub comparisons: Vec<Comparison>,
    /// The data check, if requested.
    #[serde(default)]
    pub check: Option<DataCheck>,
}

/// The data of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCard {
    /// The name of the data set.
    pub name: String,
    /// The number of training examples.
    pub train: usize,
    /// The number of these that are held out for validation; 0 if nothing was trained in this run.
    pub validation: usize,
    /// The number of test examples.
    pub test: usize,
    /// D, the number of features.
    pub features: usize,
    /// The shape of the images, if the examples are images.
    pub image: Option<ImageShape>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The digest of the data.
    pub digest: String,
}

/// One model and its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Its name in tables; unique within a run.
    pub name: String,
    /// Its kind, in a few words: "two-layer network".
    pub kind: String,
    /// Its settings, in display order.
    pub settings: Vec<(String, String)>,
    /// Its evaluation on the test set.
    pub evaluation: Evaluation,
    /// Fitting time in seconds; `None` for a model that was fitted before this run.
    pub fit_seconds: Option<f64>,
    /// Prediction time per example in seconds, averaged over the test set.
    pub predict_seconds_per_example: f64,
    /// The size of its file in bytes.
    pub model_bytes: u64,
    /// The training history, for models trained by gradient descent.
    pub history: Option<History>,
    /// Weights to show as images.
    pub templates: Vec<Templates>,
    /// A misclassified example and its neighbours, for nearest neighbours.
    pub neighbor_story: Option<NeighborStory>,
    /// The accuracy for each k, for nearest neighbours.
    pub accuracy_by_k: Option<AccuracyByK>,
    /// Calibration and selective prediction, if its scores are known.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// The accuracy on corrupted images; empty if it was not evaluated.
    #[serde(default)]
    pub robustness: Vec<CorruptedEvaluation>,
}

/// Weights that can be shown as images: each column of W has one number per pixel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Templates {
    /// The title: "The ten templates of W".
    pub title: String,
    /// The name of each column: the class, or "unit 1".
    pub names: Vec<String>,
    /// The shape of the input images.
    pub shape: Option<ImageShape>,
    /// W, (D, columns), row-major.
    #[serde(skip)]
    pub weights: Vec<f32>,
}

/// One test example that nearest neighbours misclassified, and its neighbours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NeighborStory {
    /// The index of the example in the test set.
    pub query: usize,
    /// Its true class.
    pub truth: u32,
    /// The class with the most votes.
    pub predicted: u32,
    /// The distance metric: "L2".
    pub metric: String,
    /// The k neighbours, nearest first.
    pub neighbors: Vec<NeighborCard>,
    /// The votes for each class, (C).
    pub votes: Vec<f64>,
}

/// One neighbour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NeighborCard {
    /// The index of the example in the training set.
    pub index: usize,
    /// Its class.
    pub label: u32,
    /// Its distance from the query.
    pub distance: f64,
    /// Its pixels, in the shape of the data's images.
    #[serde(skip)]
    pub pixels: Option<Vec<u8>>,
}

/// How the number of neighbours was chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccuracyByK {
    /// The examples that the accuracies refer to: "the validation set, 5,000 examples".
    pub on: String,
    /// The k in use.
    pub chosen: usize,
    /// The accuracy for each k.
    pub points: Vec<AccuracyAtK>,
}

/// The accuracy with k neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyAtK {
    /// The number of neighbours.
    pub k: usize,
    /// The accuracy.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// The comparison of two models on the same examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The name of model A.
    pub a: String,
    /// The name of model B.
    pub b: String,
    /// McNemar's test between them.
    pub test: McNemar,
    /// Its result as a sentence.
    pub sentence: String,
}

impl DataCard {
    /// The card of a data set with a separate test set, whose training set was split into training and validation
    /// examples.
    pub fn new(train: &Dataset, validation: usize, test: usize, digest: impl Into<String>) -> Self {
        DataCard {
            name: train.name().to_owned(),
            train: train.len(),
            validation,
            test,
            features: train.width(),
            image: train.image_shape(),
            classes: train.classes().to_vec(),
            digest: digest.into(),
        }
    }
}

impl ModelCard {
    /// A card with the evaluation of a model, and no other results yet.
    pub fn new(name: impl Into<String>, kind: impl Into<String>, evaluation: Evaluation) -> Self {
        ModelCard {
            name: name.into(),
            kind: kind.into(),
            settings: Vec::new(),
            evaluation,
            fit_seconds: None,
            predict_seconds_per_example: 0.0,
            model_bytes: 0,
            history: None,
            templates: Vec::new(),
            neighbor_story: None,
            accuracy_by_k: None,
            confidence: None,
            robustness: Vec::new(),
        }
    }
}

impl Run {
    /// The record as JSON, with every number but no images.
    ///
    /// # Errors
    /// Errors of serde, which are not expected.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Error::mismatch("record of the run", error, "one that JSON can hold"))
    }

    /// Compares each pair of models and stores the results in [`comparisons`](Run::comparisons).
    ///
    /// # Errors
    /// Models that were not evaluated on the same examples.
    pub fn compare(&mut self) -> Result<()> {
        self.comparisons.clear();
        for (i, a) in self.models.iter().enumerate() {
            for b in &self.models[i + 1..] {
                let test = McNemar::between(&a.evaluation, &b.evaluation)?;
                let sentence = test.sentence(&a.name, &b.name);
                self.comparisons.push(Comparison { a: a.name.clone(), b: b.name.clone(), test, sentence });
            }
        }
        Ok(())
    }

    /// Checks that the record fits this test set, so that rendering cannot index out of bounds.
    pub(super) fn check_against(&self, test: &Dataset) -> Result<()> {
        self.check.as_ref().map_or(Ok(()), |check| check.check(test.class_count()))?;
        for model in &self.models {
            let evaluation = &model.evaluation;
            let about = |what: &str| format!("{what} of model {}", model.name);
            let agree = |what: &str, found: usize, expected: usize| {
                if found == expected { Ok(()) } else { Err(Error::mismatch(about(what), found, expected)) }
            };
            agree("test examples", evaluation.count, test.len())?;
            agree("classes", evaluation.classes.len(), test.class_count())?;
            agree("classes in the confusion matrix", evaluation.confusion.class_count(), test.class_count())?;
            agree(
                "wrong answers",
                evaluation.mistakes.len(),
                evaluation.count.saturating_sub(evaluation.correct),
            )?;
            for mistake in &evaluation.mistakes {
                below(about("mistaken example"), mistake.index, test.len())?;
                below(about("predicted class"), mistake.predicted as usize, test.class_count())?;
                agree(
                    "the class of a mistaken example",
                    mistake.truth as usize,
                    test.label(mistake.index) as usize,
                )?;
            }
            if let Some(story) = &model.neighbor_story {
                below(about("query"), story.query, test.len())?;
                let labels = story.neighbors.iter().map(|neighbor| neighbor.label);
                for label in labels.chain([story.truth, story.predicted]) {
                    below(about("a label in the neighbours"), label as usize, test.class_count())?;
                }
            }
        }
        Ok(())
    }
}

fn below(what: String, found: usize, end: usize) -> Result<()> {
    if found < end { Ok(()) } else { Err(Error::mismatch(what, found, format!("a number below {end}"))) }
}
