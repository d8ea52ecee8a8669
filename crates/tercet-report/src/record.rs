//! [`Run`]: what happened, as plain data. The page is drawn from it, and its JSON is what `--json` prints.

use serde::{Deserialize, Serialize};

use super::{Confidence, DataCheck};
use tercet::data::{Dataset, Openings};
use tercet::evaluate::{CorruptedEvaluation, Evaluation, McNemar};
use tercet::image::ImageShape;
use tercet::interval::Interval;
use tercet::train::History;
use tercet::{Error, Result};

/// A run over one model or several, on one data set.
///
/// Its JSON holds every number and no picture: weights and pixels are left out, and a page drawn from JSON alone
/// leaves out the sections that need them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What was done, as a headline: "Three classifiers on MNIST".
    pub title: String,
    /// The exact command that makes the run again.
    pub command: String,
    /// The version of Tercet.
    pub version: String,
    /// The instruction set in use; results are the same bit for bit on the same one.
    pub isa: String,
    /// How many threads worked. It changes the time and nothing else.
    pub threads: usize,
    /// The seed of every random choice of this run; `None` where it made none.
    pub seed: Option<u64>,
    /// When the run started, in UTC (RFC 3339).
    pub started: String,
    /// The data.
    pub data: DataCard,
    /// Every use of the test set.
    pub openings: Openings,
    /// The models, in the order in which they are shown.
    pub models: Vec<ModelCard>,
    /// Each pair of models compared.
    pub comparisons: Vec<Comparison>,
    /// What was found out about the data, where that was asked for.
    #[serde(default)]
    pub check: Option<DataCheck>,
}

/// The data of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCard {
    /// What it is called.
    pub name: String,
    /// Examples to learn from.
    pub train: usize,
    /// Examples held out of those to watch the learning by; 0 where nothing learned in this run.
    pub validation: usize,
    /// Examples that the figures are of.
    pub test: usize,
    /// D, the number of features.
    pub features: usize,
    /// The shape of the images, where the examples are images.
    pub image: Option<ImageShape>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The digest of the data.
    pub digest: String,
}

/// One model and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// What it is called in tables; unique within a run.
    pub name: String,
    /// What it is, in a few words: "two-layer network".
    pub kind: String,
    /// Its settings, in the order in which they are shown.
    pub settings: Vec<(String, String)>,
    /// Its answers on the test set.
    pub evaluation: Evaluation,
    /// Seconds that fitting took; `None` for a model that was fitted before this run.
    pub fit_seconds: Option<f64>,
    /// Seconds that an answer takes, on average over the test set.
    pub predict_seconds_per_example: f64,
    /// The size of its file.
    pub model_bytes: u64,
    /// How training went, for models that are trained step by step.
    pub history: Option<History>,
    /// Weights to be shown as pictures.
    pub templates: Vec<Templates>,
    /// A misread example and its neighbours, for nearest neighbours.
    pub neighbor_story: Option<NeighborStory>,
    /// The accuracy for several k, for nearest neighbours.
    pub accuracy_by_k: Option<AccuracyByK>,
    /// How sure it is beside how often it is right, where its scores are known.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// The accuracy on corrupted images; empty if it was not evaluated.
    #[serde(default)]
    pub robustness: Vec<CorruptedEvaluation>,
}

/// Weights that look like inputs: each column of W has one number for each pixel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Templates {
    /// What they are: "The ten templates of W".
    pub title: String,
    /// What each column is called: the class, or "unit 1". Its length is the number of columns.
    pub names: Vec<String>,
    /// The shape of the images that the weights are matched against.
    pub shape: Option<ImageShape>,
    /// W, (D, columns), row-major.
    #[serde(skip)]
    pub weights: Vec<f32>,
}

/// One test example that nearest neighbours got wrong, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NeighborStory {
    /// The example, counted from 0 in the test set.
    pub query: usize,
    /// Its class.
    pub truth: u32,
    /// The class with the most votes.
    pub predicted: u32,
    /// How distance is measured: "L2".
    pub metric: String,
    /// The k neighbours, nearest first.
    pub neighbors: Vec<NeighborCard>,
    /// The votes for each class, (C).
    pub votes: Vec<f64>,
}

/// One neighbour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NeighborCard {
    /// The example, counted from 0 in the training set.
    pub index: usize,
    /// Its class.
    pub label: u32,
    /// How far it is from the query.
    pub distance: f64,
    /// Its pixels, in the shape of the data's images.
    #[serde(skip)]
    pub pixels: Option<Vec<u8>>,
}

/// How the number of neighbours was chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccuracyByK {
    /// What the accuracies are of: "the validation set, 5,000 examples".
    pub on: String,
    /// The k in use.
    pub chosen: usize,
    /// The accuracies, by k.
    pub points: Vec<AccuracyAtK>,
}

/// The accuracy with k neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyAtK {
    /// The number of neighbours.
    pub k: usize,
    /// The share of right answers.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// Two models of a run on the same examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The name of model A.
    pub a: String,
    /// The name of model B.
    pub b: String,
    /// McNemar's test between them.
    pub test: McNemar,
    /// The same in words.
    pub sentence: String,
}

impl DataCard {
    /// The card of a data set that was split into training and validation examples and has a test set of its own.
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
    /// A card with the answers of a model and nothing else yet.
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
    /// The record as JSON, with every number and no picture.
    ///
    /// # Errors
    /// Where serde refuses; it has no reason to.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Error::mismatch("record of the run", error, "one that JSON can hold"))
    }

    /// Compares each pair of models and keeps the results in [`comparisons`](Run::comparisons).
    ///
    /// # Errors
    /// Where the models were not evaluated on the same examples.
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

    /// Checks that the record speaks of this test set, so that what draws it may index freely.
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
