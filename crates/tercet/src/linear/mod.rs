//! The linear classifier: `scores = X · W + b`.
//!
//! Each class has a template, a column of W, and the score of a class is how well an example matches it, plus a bias.
//! With the [SVM loss](crate::loss) this is the lecture's second algorithm. It is a [`Network`] without hidden layers
//! and is trained by the same [loop](crate::train); a naive version of its loss and gradient is
//! [`naive::loss_and_gradients`](crate::network::naive) with one layer.

pub mod dual;
pub mod path;

use crate::data::Examples;
use crate::network::{Dense, Init, Layer, Network};
use crate::{Error, Matrix, Result};

/// `scores = X · W + b`.
///
/// ```
/// use tercet::data::Dataset;
/// use tercet::linear::LinearClassifier;
/// use tercet::network::Dense;
///
/// // Two features, two classes: each class depends on one feature.
/// let classifier = LinearClassifier::from_dense(Dense {
///     inputs: 2,
///     outputs: 2,
///     w: vec![1.0, 0.0, 0.0, 1.0],
///     b: vec![0.0, 0.5],
/// })?;
/// let classes = vec!["first".to_owned(), "second".to_owned()];
/// let x = Dataset::from_features("x", 2, vec![3.0, 1.0, 1.0, 1.0], vec![0, 1], classes)?;
/// assert_eq!(classifier.scores(&x)?.values(), [3.0, 1.5, 1.0, 1.5]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearClassifier {
    /// A network of exactly one dense layer.
    network: Network,
}

/// A network of one dense layer is a linear classifier.
impl TryFrom<Network> for LinearClassifier {
    type Error = Error;

    fn try_from(network: Network) -> Result<Self> {
        match network.layers() {
            [Layer::Dense(_)] => Ok(LinearClassifier { network }),
            _ => {
                let found = network.architecture();
                Err(Error::mismatch("layers of a linear classifier", found, "one dense layer"))
            }
        }
    }
}

impl LinearClassifier {
    /// A classifier whose scores are all 0. The objective is convex, so zeros are a good starting point.
    ///
    /// # Errors
    /// If there are no inputs or classes.
    pub fn new(inputs: usize, classes: usize) -> Result<Self> {
        Ok(LinearClassifier {
            network: Network::fully_connected(inputs, &[], classes, Init::Normal(0.0), 0)?,
        })
    }

    /// A classifier from its parameters.
    ///
    /// # Errors
    /// Arrays with the wrong shapes.
    pub fn from_dense(dense: Dense) -> Result<Self> {
        Ok(LinearClassifier { network: Network::new(vec![Layer::Dense(dense)])? })
    }

    /// W, (D, C), and b, (C).
    pub fn dense(&self) -> &Dense {
        self.network.dense_layers().next().expect("a linear classifier has its one layer")
    }

    /// The classifier as a network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Converts the classifier into a network for training; [`TryFrom`] converts it back.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The template of a class: its column of W, (D). As an image, it shows what the class responds to.
    pub fn template(&self, class: usize) -> Vec<f32> {
        let Dense { outputs, w, .. } = self.dense();
        w.iter().skip(class).step_by(*outputs).copied().collect()
    }

    /// The scores of a whole data set, (N, C).
    ///
    /// # Errors
    /// Examples whose width is not the number of the classifier's inputs.
    pub fn scores(&self, data: &Examples) -> Result<Matrix> {
        self.network.scores(data)
    }
}
