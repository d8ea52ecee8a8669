//! The recipe of models trained by gradient descent: linear classifiers and networks.

use serde::{Deserialize, Serialize};

use super::{Kind, Solver};
use crate::data::Dataset;
use crate::loss::Loss;
use crate::network::{Architecture, Init, Network, Patches, Shape};
use crate::preprocess::{Preprocessing, Spec};
use crate::train::{ClassWeights, Settings};
use crate::{Error, Result};

/// Which training settings are chosen by the data, if the preprocessing standardises its features.
///
/// The settings of the built-in recipes suit pixels. Tables have fewer examples, and features of the same spread:
/// there, the softmax loss and a regularisation of 1/N, which counts as much as one example, are more accurate. They
/// are close to the defaults of scikit-learn's `LogisticRegression`. Chosen on training examples of the data sets of
/// `cargo xtask bench defaults`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByData {
    /// The loss is softmax.
    pub loss: bool,
    /// The coefficient of Σ W² is 1/N for N training examples.
    pub reg: bool,
}

impl ByData {
    /// All of them.
    pub const ALL: ByData = ByData { loss: true, reg: true };

    fn is_none(&self) -> bool {
        *self == ByData::default()
    }
}

/// All settings of a linear classifier or a network trained by gradient descent: with the data and the instruction set,
/// they determine the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientDescentRecipe {
    /// A description for readers.
    pub description: String,
    /// The kind of model.
    pub kind: Kind,
    /// [`Solver::Sgd`]; the other solver has a separate recipe, [`DualRecipe`](super::DualRecipe).
    #[serde(default, skip_serializing_if = "Solver::is_sgd")]
    pub solver: Solver,
    /// The sizes of the hidden layers, first to last. Empty for a linear classifier, and if `layers` is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// The layers of a network, as an alternative to `hidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Architecture>,
    /// The initialisation of the weights of a network; [`Init::He`] by default. A linear classifier starts from zeros
    /// and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// Initialises the filters of the first convolution with patches of the training images instead of random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<Patches>,
    /// The seed of all randomness: the split, the weights and the batches.
    #[serde(default)]
    pub seed: u64,
    /// The number of validation examples, 0 for none; by default
    /// [`default_validation`](crate::data::default_validation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// The preprocessing, fitted on the training examples.
    #[serde(default, skip_serializing_if = "Spec::is_auto")]
    pub preprocessing: Spec,
    /// How much the examples of each class count in the loss.
    #[serde(default, skip_serializing_if = "ClassWeights::is_equal")]
    pub class_weights: ClassWeights,
    /// The training settings.
    pub train: Settings,
    /// Which of them the data chooses, if it is a table.
    #[serde(default, skip_serializing_if = "ByData::is_none")]
    pub by_data: ByData,
}

impl GradientDescentRecipe {
    /// The lecture's script: 36 hidden units, 1,500 iterations. `recipes/lecture.toml` of this crate.
    pub fn lecture() -> Self {
        GradientDescentRecipe {
            description: "The lecture's two-layer network, as its script trains it".to_owned(),
            kind: Kind::Network,
            solver: Solver::Sgd,
            hidden: vec![36],
            layers: None,
            init: Some(Init::Normal(1e-4)),
            patches: None,
            seed: 0,
            validation: Some(5000),
            preprocessing: Spec::default(),
            class_weights: ClassWeights::Equal,
            train: Settings::lecture(),
            by_data: ByData::default(),
        }
    }

    /// The program's default network: 128 hidden units, He initialisation, [`Settings::default`].
    pub fn network() -> Self {
        GradientDescentRecipe {
            description: "A two-layer network".to_owned(),
            kind: Kind::Network,
            solver: Solver::Sgd,
            hidden: vec![128],
            layers: None,
            init: Some(Init::He),
            patches: None,
            seed: 0,
            validation: None,
            preprocessing: Spec::default(),
            class_weights: ClassWeights::Equal,
            train: Settings::default(),
            by_data: ByData::default(),
        }
    }

    /// The program's default convolutional network, which fits all images of at least 4 × 4 pixels: `tercet train cnn`.
    pub fn cnn() -> Self {
        let layers = "conv3-16+same relu pool conv3-32+same relu pool flatten dense64 relu";
        GradientDescentRecipe {
            description: "A convolutional network".to_owned(),
            hidden: Vec::new(),
            layers: Some(layers.parse().expect("an architecture string")),
            ..GradientDescentRecipe::network()
        }
    }

    /// The program's default linear classifier, [`Settings::linear`].
    pub fn linear() -> Self {
        GradientDescentRecipe {
            description: "A linear classifier".to_owned(),
            kind: Kind::Linear,
            hidden: Vec::new(),
            init: None,
            train: Settings::linear(),
            ..GradientDescentRecipe::network()
        }
    }

    /// This recipe, with all settings that the data can choose chosen by the data.
    pub fn by_data(self) -> Self {
        GradientDescentRecipe { by_data: ByData::ALL, ..self }
    }

    /// The training settings for these training examples, which the preprocessing was fitted on.
    pub(super) fn settings_for(&self, preprocessing: &Preprocessing, examples: usize) -> Settings {
        if preprocessing.standardize().is_none() {
            return self.train;
        }
        Settings {
            loss: if self.by_data.loss { Loss::Softmax } else { self.train.loss },
            reg: if self.by_data.reg { 1.0 / examples as f32 } else { self.train.reg },
            ..self.train
        }
    }

    /// The recipe in readable form, as pairs of name and value.
    pub fn describe(&self) -> Vec<(String, String)> {
        let mut words = Vec::new();
        if self.kind == Kind::Network {
            let sizes: Vec<String> = self.hidden.iter().map(usize::to_string).collect();
            words.push(match &self.layers {
                Some(layers) => ("layers".to_owned(), layers.to_string()),
                None => ("hidden".to_owned(), sizes.join(", ")),
            });
            words.push(("initial weights".to_owned(), self.init.unwrap_or(Init::He).to_string()));
            if let Some(Patches { ridge, threshold }) = self.patches {
                let filters = format!("patches of the images, ridge {ridge}, threshold {threshold}");
                words.push(("first filters".to_owned(), filters));
            }
        }
        words.extend(self.train.describe());
        if !self.preprocessing.is_auto() {
            words.push(("preprocessing".to_owned(), self.preprocessing.to_string()));
        }
        if !self.class_weights.is_equal() {
            words.push(("class weights".to_owned(), self.class_weights.to_string()));
        }
        words
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first invalid setting.
    pub fn validate(&self) -> Result<()> {
        if self.solver != Solver::Sgd {
            let expected = "sgd; the exact solver has a separate recipe, tercet::recipe::DualRecipe";
            return Err(Error::setting("solver", "dual", expected));
        }
        let hidden = format!("{:?}", self.hidden);
        match (self.kind, self.hidden.as_slice()) {
            (Kind::Linear, _) if self.layers.is_some() => {
                let layers = self.layers.iter().map(ToString::to_string).collect::<String>();
                let expected = "none for a linear classifier, or kind = \"network\"";
                return Err(Error::setting("layers", layers, expected));
            }
            (Kind::Network, [_, ..]) if self.layers.is_some() => {
                let expected = "none together with layers";
                return Err(Error::setting("hidden", hidden, expected));
            }
            (Kind::Network, []) if self.layers.is_none() => {
                let expected = "at least one hidden layer, such as [36]; without any, the kind is \"linear\"";
                return Err(Error::setting("hidden", hidden, expected));
            }
            (Kind::Linear, [_, ..]) => {
                let expected = "no hidden layer for a linear classifier, or kind = \"network\"";
                return Err(Error::setting("hidden", hidden, expected));
            }
            (_, sizes) if sizes.contains(&0) => {
                return Err(Error::setting("hidden", hidden, "at least 1 unit in every layer"));
            }
            _ => {}
        }
        match (self.kind, self.init) {
            (Kind::Linear, Some(init)) => {
                let expected = "none for a linear classifier, which starts from zeros";
                return Err(Error::setting("init", init, expected));
            }
            (_, Some(init)) => init.validate()?,
            (_, None) => {}
        }
        if let (Some(0), Some(patience)) = (self.validation, self.train.patience) {
            let expected = "none without a validation set";
            return Err(Error::setting("patience", patience, expected));
        }
        if self.kind == Kind::Linear && self.train.dropout > 0.0 {
            let expected = "0 for a linear classifier, which has no hidden units";
            return Err(Error::setting("dropout", self.train.dropout, expected));
        }
        if let Some(patches) = self.patches {
            if self.layers.is_none() {
                let expected = "none unless the first of layers is a convolution";
                return Err(Error::setting("patches", "there", expected));
            }
            patches.validate()?;
        }
        self.class_weights.validate()?;
        self.train.validate()
    }

    /// The initialised model for these examples: [`untrained`](GradientDescentRecipe::untrained), with patches of the
    /// images as its first filters if the recipe sets `patches`.
    ///
    /// # Errors
    /// Those of [`untrained`](GradientDescentRecipe::untrained) and [`init_from_patches`](Network::init_from_patches).
    pub fn untrained_on(&self, examples: &Dataset) -> Result<Network> {
        let mut network = self.untrained(Shape::of(examples), examples.class_count())?;
        if let Some(patches) = self.patches {
            network.init_from_patches(examples, patches, self.seed)?;
        }
        Ok(network)
    }

    /// The initialised model for examples of the given shape and number of classes, with all weights drawn at random.
    ///
    /// # Errors
    /// Those of [`validate`](GradientDescentRecipe::validate), no inputs or classes, and layers that do not accept such
    /// examples.
    ///
    /// ```
    /// use tercet::recipe::GradientDescentRecipe;
    /// let network = GradientDescentRecipe::lecture().untrained(784, 10)?;
    /// assert_eq!(network.to_string(), "dense 784 → 36, relu, dense 36 → 10: 28,630 parameters");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn untrained(&self, input: impl Into<Shape>, classes: usize) -> Result<Network> {
        self.validate()?;
        let input = input.into();
        let init = match self.kind {
            Kind::Linear => Init::Normal(0.0),
            _ => self.init.unwrap_or(Init::He),
        };
        match &self.layers {
            Some(layers) => layers.network(input, classes, init, self.seed),
            None => Network::fully_connected(input.values(), &self.hidden, classes, init, self.seed),
        }
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests;
