//! [`Plan`]: the data and the settings of a training.

use std::sync::Arc;

use super::{Length, Settings, weights};
use crate::data::{Batches, Dataset};
use crate::loss::TargetLoss;
use crate::network::Network;
use crate::{Error, Matrix, Result};

/// The data and the settings of a training. Cheap to clone: the data sets and weights are shared.
///
/// ```
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{ClassWeights, Length, Plan, Settings, train};
///
/// // Three examples of one class and one of the other, weighted so that both classes count the same.
/// let (points, labels) = (vec![0.0, 0.1, 0.2, 1.0], vec![0, 0, 0, 1]);
/// let set = Dataset::from_features("points", 1, points, labels, vec!["left".into(), "right".into()])?;
/// let weights = ClassWeights::Balanced.of_examples(&set, None)?;
/// let settings = Settings { batch: 4, length: Length::Epochs(100), ..Settings::lecture() };
/// let plan = Plan::new(&set, settings, 0).with_weights(weights);
/// let mut network = Network::fully_connected(1, &[], 2, Init::Normal(0.0), 0)?;
/// train(&mut network, &plan)?;
/// assert_eq!(network.scores(&set)?.argmax(), [0, 0, 0, 1]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    /// The training set.
    pub examples: Dataset,
    /// The validation set, on which the network is evaluated during training.
    pub validation: Option<Dataset>,
    /// How much each training example counts in the loss, (N): [`Objective`](crate::loss::Objective). All the same if
    /// `None`. Validation checks do not use them.
    pub weights: Option<Arc<[f32]>>,
    /// Target values with their loss, which replace the labels and the loss of the settings.
    pub targets: Option<PlanTargets>,
    /// Loss, optimizer, learning rate and so on.
    pub settings: Settings,
    /// The seed of the batches, of dropout and of augmentation.
    pub seed: u64,
}

impl Plan {
    /// A training without a validation set or weights.
    pub fn new(examples: &Dataset, settings: Settings, seed: u64) -> Self {
        Plan { examples: examples.clone(), validation: None, weights: None, targets: None, settings, seed }
    }

    /// Sets the validation set.
    #[must_use]
    pub fn with_validation<'a>(self, validation: impl Into<Option<&'a Dataset>>) -> Self {
        Plan { validation: validation.into().cloned(), ..self }
    }

    /// Sets a weight for each training example.
    #[must_use]
    pub fn with_weights(self, weights: impl Into<Option<Vec<f32>>>) -> Self {
        Plan { weights: weights.into().map(Arc::from), ..self }
    }

    /// Sets target values, one row per training example and one column per score of the network.
    ///
    /// ```
    /// use tercet::loss::TargetLoss;
    /// use tercet::network::{Init, Network};
    /// use tercet::train::{Length, Plan, PlanTargets, Settings, train};
    /// use tercet::{Dataset, Matrix};
    ///
    /// // t = 2 x + 1
    /// let x = vec![0.0, 1.0, 2.0, 3.0];
    /// let values = Matrix::new(4, 1, vec![1.0, 3.0, 5.0, 7.0])?;
    /// let set = Dataset::from_features("line", 1, x, vec![0; 4], vec!["t".into()])?;
    /// let settings = Settings { batch: 4, reg: 0.0, length: Length::Epochs(300), ..Settings::lecture() };
    /// let targets = PlanTargets::new(TargetLoss::Squared, values);
    /// let plan = Plan::new(&set, settings, 0).with_targets(targets);
    /// let mut network = Network::fully_connected(1, &[], 1, Init::Normal(0.0), 0)?;
    /// train(&mut network, &plan)?;
    /// let found = network.scores(&set)?;
    /// assert!((found.row(3)[0] - 7.0).abs() < 0.01);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    #[must_use]
    pub fn with_targets(self, targets: impl Into<Option<PlanTargets>>) -> Self {
        Plan { targets: targets.into(), ..self }
    }

    /// T, the number of steps if nothing ends the training early.
    pub fn steps(&self) -> usize {
        self.settings.steps(self.examples.len())
    }

    /// B: never more than the number of examples.
    pub(super) fn batch(&self) -> usize {
        self.settings.batch.min(self.examples.len())
    }

    /// The number of steps in which all examples are seen once.
    pub fn steps_per_epoch(&self) -> usize {
        self.examples.len().div_ceil(self.batch())
    }

    /// The number of steps between two validation checks: that of the settings, otherwise one epoch, or 100 random
    /// batches. Of a [minimum length](Length::AtLeast) that is prolonged, there are as many checks as of the shortest.
    pub fn validate_every(&self) -> usize {
        self.settings.validate_every.unwrap_or_else(|| match self.settings.length {
            Length::Iterations(_) => 100,
            Length::Epochs(_) => self.steps_per_epoch(),
            Length::AtLeast { epochs, .. } => self.steps().div_ceil(epochs.max(1)),
        })
    }

    /// The batches, from the first step on.
    pub(super) fn batches(&self) -> Result<Batches> {
        match self.settings.length {
            Length::Iterations(_) => Batches::random(self.examples.len(), self.batch(), self.seed),
            _ if !self.settings.shuffle => Batches::in_order(self.examples.len(), self.batch()),
            _ => Batches::epochs(self.examples.len(), self.batch(), self.seed),
        }
    }

    /// Rejects a plan that cannot train this network.
    pub(super) fn check(&self, network: &Network) -> Result<()> {
        self.settings.validate()?;
        for data in [Some(&self.examples), self.validation.as_ref()].into_iter().flatten() {
            check_data(network, data)?;
        }
        self.settings.augment.check_fit(&self.examples)?;
        let learning = network.trainable().count();
        if self.settings.frozen >= learning {
            let expected = format!("fewer than the {learning} layers of the network that learn");
            return Err(Error::setting("frozen", self.settings.frozen, expected));
        }
        if let Some(targets) = &self.targets {
            targets.check(self.examples.len(), network.classes())?;
        }
        match &self.weights {
            Some(weights) => weights::check(weights, self.examples.len()),
            None => Ok(()),
        }
    }
}

/// The target values of a training set, and their loss.
#[derive(Clone, Debug)]
pub struct PlanTargets {
    /// The loss of a single example.
    pub loss: TargetLoss,
    /// The target values, (N, C).
    pub values: Arc<Matrix>,
}

impl PlanTargets {
    /// These target values, (N, C), with this loss.
    pub fn new(loss: TargetLoss, values: Matrix) -> Self {
        PlanTargets { loss, values: Arc::new(values) }
    }

    /// Rejects targets of another shape, and values for which the loss is not defined.
    fn check(&self, examples: usize, outputs: usize) -> Result<()> {
        let (rows, columns) = (self.values.rows(), self.values.columns());
        if (rows, columns) != (examples, outputs) {
            let expected = format!("({examples}, {outputs}): one row per example and one column per output");
            return Err(Error::mismatch("shape of the targets", format!("({rows}, {columns})"), expected));
        }
        self.loss.check(self.values.values())
    }
}

/// Rejects data that does not fit the network.
pub(super) fn check_data(network: &Network, data: &Dataset) -> Result<()> {
    if data.is_empty() {
        return Err(Error::mismatch(format!("examples of {}", data.name()), 0, "at least 1"));
    }
    if data.width() != network.inputs() {
        let what = format!("features of an example of {}", data.name());
        return Err(Error::mismatch(
            what,
            data.width(),
            format!("{}, the network's inputs", network.inputs()),
        ));
    }
    if data.class_count() != network.classes() {
        let what = format!("classes of {}", data.name());
        let expected = format!("{}, the network's scores", network.classes());
        return Err(Error::mismatch(what, data.class_count(), expected));
    }
    Ok(())
}
