//! [`Classifier`]: the interface shared by all three algorithms.

use super::Flaw;
use crate::data::Examples;
use crate::linear::LinearClassifier;
use crate::loss::probabilities;
use crate::neighbors::NeighborsClassifier;
use crate::network::{Network, Shape};
use crate::preprocess::Input;
use crate::{Error, Matrix, Result};

/// A trained classifier: from examples to scores, and from scores to classes.
///
/// Nearest neighbours, linear classifiers and networks implement it, and so does [`AnyClassifier`], which is an enum of
/// them. The examples must be preprocessed; a [`Model`](super::Model) applies its preprocessing first.
///
/// ```
/// use tercet::Classifier;
/// use tercet::data::Dataset;
/// use tercet::image::ImageShape;
/// use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
///
/// fn accuracy(classifier: &impl Classifier, test: &Dataset) -> tercet::Result<f64> {
///     let predicted = classifier.predict(test)?;
///     let correct = predicted.iter().zip(test.labels()).filter(|(found, label)| found == label).count();
///     Ok(correct as f64 / test.len() as f64)
/// }
///
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let set = Dataset::from_pixels("toy", ImageShape::gray(1, 1), vec![0, 10, 255], vec![0, 0, 1], classes)?;
/// let neighbors = NeighborsClassifier::fit(&set, Metric::L2, 1, Vote::Uniform)?;
/// assert_eq!(accuracy(&neighbors, &set)?, 1.0);
/// # Ok::<(), tercet::Error>(())
/// ```
pub trait Classifier {
    /// C, the number of classes.
    fn classes(&self) -> usize;

    /// The score of every class for every example; the larger, the more likely.
    ///
    /// # Shapes
    /// (N, C)
    ///
    /// # Errors
    /// Examples whose width or type differs from the training examples.
    fn scores(&self, examples: &Examples) -> Result<Matrix>;

    /// The class of every example: the argmax of its scores, the first of equal ones.
    ///
    /// # Shapes
    /// (N)
    ///
    /// # Errors
    /// Those of [`scores`](Classifier::scores).
    fn predict(&self, examples: &Examples) -> Result<Vec<u32>> {
        Ok(self.scores(examples)?.argmax())
    }

    /// The probability of every class: vote fractions for nearest neighbours, and the softmax of the scores for models
    /// trained with cross-entropy. (The scores of an SVM loss are not log-probabilities, and their softmax is
    /// meaningless; [`Model::predict_proba`](super::Model::predict_proba) checks the kind of the scores and rejects
    /// them.)
    ///
    /// # Shapes
    /// (N, C); every row sums to 1.
    ///
    /// # Errors
    /// Those of [`scores`](Classifier::scores).
    fn predict_proba(&self, examples: &Examples) -> Result<Matrix> {
        let mut scores = self.scores(examples)?;
        let classes = scores.columns();
        scores.values_mut().chunks_exact_mut(classes).for_each(probabilities);
        Ok(scores)
    }
}

impl Classifier for NeighborsClassifier {
    fn classes(&self) -> usize {
        NeighborsClassifier::classes(self)
    }

    fn scores(&self, examples: &Examples) -> Result<Matrix> {
        NeighborsClassifier::scores(self, examples)
    }

    fn predict_proba(&self, examples: &Examples) -> Result<Matrix> {
        NeighborsClassifier::scores(self, examples)
    }
}

impl Classifier for LinearClassifier {
    fn classes(&self) -> usize {
        self.network().classes()
    }

    fn scores(&self, examples: &Examples) -> Result<Matrix> {
        self.network().scores(examples)
    }
}

impl Classifier for Network {
    fn classes(&self) -> usize {
        Network::classes(self)
    }

    fn scores(&self, examples: &Examples) -> Result<Matrix> {
        Network::scores(self, examples)
    }
}

/// One of the three classifiers.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a model")]
pub enum AnyClassifier {
    /// Nearest neighbours: every example is stored.
    Neighbors(NeighborsClassifier),
    /// `scores = X · W + b`.
    Linear(LinearClassifier),
    /// A network.
    Network(Network),
}

impl AnyClassifier {
    /// The word for the kind in a model file: `neighbors`, `linear` or `network`.
    pub fn kind(&self) -> &'static str {
        match self {
            AnyClassifier::Neighbors(_) => "neighbors",
            AnyClassifier::Linear(_) => "linear",
            AnyClassifier::Network(_) => "network",
        }
    }

    /// The nearest neighbours, if it is that kind.
    pub fn neighbors(&self) -> Option<&NeighborsClassifier> {
        match self {
            AnyClassifier::Neighbors(neighbors) => Some(neighbors),
            _ => None,
        }
    }

    /// The layers of a linear classifier or a network.
    pub fn network(&self) -> Option<&Network> {
        match self {
            AnyClassifier::Neighbors(_) => None,
            AnyClassifier::Linear(linear) => Some(linear.network()),
            AnyClassifier::Network(network) => Some(network),
        }
    }

    fn as_classifier(&self) -> &dyn Classifier {
        match self {
            AnyClassifier::Neighbors(neighbors) => neighbors,
            AnyClassifier::Linear(linear) => linear,
            AnyClassifier::Network(network) => network,
        }
    }

    fn expected(&self, kind: &str) -> Error {
        Error::mismatch("kind of the classifier", self.kind(), kind)
    }

    /// Checks that the classifier accepts the output of the preprocessing, computes one score per class, and has only
    /// finite numbers.
    pub(super) fn check(&self, input: Input, classes: usize) -> Result<(), Flaw> {
        let features = input.features;
        if let (Some(Shape::Image(shape)), expected) = (self.network().map(Network::input), input.image)
            && expected != Some(shape)
        {
            return Err(Flaw::new(
                format!("layers that read {shape}"),
                format!("{input}, as the model's input has"),
            ));
        }
        let inputs = match self {
            AnyClassifier::Neighbors(neighbors) => neighbors.index().width(),
            AnyClassifier::Linear(linear) => linear.network().inputs(),
            AnyClassifier::Network(network) => network.inputs(),
        };
        if inputs != features {
            let found = format!("a classifier of {inputs} features");
            return Err(Flaw::new(found, format!("{features}, as the model's input has")));
        }
        for array in self.network().map(Network::arrays).unwrap_or_default() {
            if let Some(at) = array.values.iter().position(|v| !v.is_finite()) {
                let found = format!("{} in {} at {at}", array.values[at], array.name);
                return Err(Flaw::new(found, "finite numbers"));
            }
        }
        let outputs = self.classes();
        if outputs != classes {
            return Err(Flaw::new(
                format!("{outputs} outputs for {classes} classes"),
                "one output per class",
            ));
        }
        Ok(())
    }
}

impl Classifier for AnyClassifier {
    fn classes(&self) -> usize {
        self.as_classifier().classes()
    }

    fn scores(&self, examples: &Examples) -> Result<Matrix> {
        self.as_classifier().scores(examples)
    }

    fn predict_proba(&self, examples: &Examples) -> Result<Matrix> {
        self.as_classifier().predict_proba(examples)
    }
}

impl From<NeighborsClassifier> for AnyClassifier {
    fn from(neighbors: NeighborsClassifier) -> Self {
        AnyClassifier::Neighbors(neighbors)
    }
}

impl From<LinearClassifier> for AnyClassifier {
    fn from(linear: LinearClassifier) -> Self {
        AnyClassifier::Linear(linear)
    }
}

impl From<Network> for AnyClassifier {
    fn from(network: Network) -> Self {
        AnyClassifier::Network(network)
    }
}

impl TryFrom<AnyClassifier> for NeighborsClassifier {
    type Error = Error;

    fn try_from(classifier: AnyClassifier) -> Result<Self> {
        match classifier {
            AnyClassifier::Neighbors(neighbors) => Ok(neighbors),
            other => Err(other.expected("neighbors")),
        }
    }
}

impl TryFrom<AnyClassifier> for LinearClassifier {
    type Error = Error;

    fn try_from(classifier: AnyClassifier) -> Result<Self> {
        match classifier {
            AnyClassifier::Linear(linear) => Ok(linear),
            other => Err(other.expected("linear")),
        }
    }
}

/// A linear classifier is a network of one layer.
impl TryFrom<AnyClassifier> for Network {
    type Error = Error;

    fn try_from(classifier: AnyClassifier) -> Result<Self> {
        match classifier {
            AnyClassifier::Network(network) => Ok(network),
            AnyClassifier::Linear(linear) => Ok(linear.into_network()),
            other => Err(other.expected("network")),
        }
    }
}
