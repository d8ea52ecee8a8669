//! A recipe: all settings that, with the data and the instruction set, determine a trained model.
//!
//! ```text
//! Recipe::fit(split) = [ Preprocessing::fit → Trainer … | dual::solve | neighbors::fit ] → Fitted { model, history }
//! ```
//!
//! A recipe is data: it can be stored, compared, tuned and rerun. As a TOML file:
//!
//! ```toml
//! description = "A small network"
//! kind = "network"            # or "linear"
//! hidden = [36]               # the sizes of the hidden layers; a linear classifier has none
//! # layers = "conv5-24 pool relu dense128 relu"   # instead of hidden: all layers, tercet::network::Architecture
//! init = "he"                 # or { normal = 1e-4 }; a linear classifier starts from zeros
//! # patches = { ridge = 0.01, threshold = 0.5 }   # filters of the first convolution: tercet::network::Patches
//! seed = 0
//! validation = 5000           # examples held out, or 0 for none; default: one in twelve
//! preprocessing = "auto, deskew"   # default: "auto"; tercet::preprocess::Spec
//! class_weights = "balanced"  # or a list such as [1, 2.5]; default: all examples count the same
//!
//! [train]
//! loss = "softmax"            # or { svm = { margin = 1.0 } }
//! reg = 1e-5
//! batch = 64
//! length = { epochs = 8 }     # or { iterations = 1500 }, random batches as in the lecture
//! learning_rate = 0.1
//! schedule = "linear-to-zero" # default: "constant"; all of them: tercet::schedule
//! optimizer = { sgd = { momentum = 0.9 } }   # default: plain gradient descent; all of them: tercet::optimizer
//! validate_every = 100           # steps between validation checks; default: an epoch, or 100 iterations
//! patience = 3                # early stopping after this many validation checks without improvement; default: never
//! stop_by = "loss"            # what early stopping monitors; default: the validation accuracy
//! clip = 1.0                  # the maximum norm of the gradient; default: no clipping
//! dropout = 0.5               # the probability that a hidden unit is dropped in a step; default: 0
//! input_dropout = 0.2         # the probability that an input is dropped; default: 0
//! label_smoothing = 0.1       # of softmax; default: 0
//! frozen = 1                  # how many of the first layers keep their initial weights; default: 0
//! ema = 0.999                 # the decay of an exponential moving average of the weights; default: none
//!
//! [train.augment]             # random augmentation of the training pictures; default: none; tercet::augment
//! shift = 2.0                 # pixels
//! rotate = 10.0               # degrees
//! scale = 0.1
//! shear = 0.1
//! mirror = true               # with probability ½
//! elastic = { rms = 1.5, sigma = 4.0 }   # pixels
//! ```
//!
//! With `solver = "dual"` a linear classifier is trained exactly, with other settings: [`DualRecipe`]. Nearest
//! neighbours have other settings, too: [`NeighborsRecipe`]. The number of threads is not part of a recipe, because it
//! does not change the model.

mod dual;
#[cfg(feature = "toml")]
mod file;
mod fit;
mod gradient_descent;
#[cfg(feature = "toml")]
mod named;
mod neighbors;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::preprocess::Spec;

pub use dual::{DualRecipe, DualSettings};
pub use fit::{DualHistory, FitProgress, Fitted, History, Observer, TrainingSetup, score_kind};
pub use gradient_descent::{ByData, GradientDescentRecipe};
pub use neighbors::NeighborsRecipe;

/// A recipe of any kind.
#[allow(clippy::large_enum_variant, reason = "a program has a handful of recipes")]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Recipe {
    /// Nearest neighbours: `kind = "neighbors"`.
    Neighbors(NeighborsRecipe),
    /// Gradient descent: `solver = "sgd"`, the default.
    GradientDescent(GradientDescentRecipe),
    /// The exact solver of linear classifiers: `solver = "dual"`.
    Dual(DualRecipe),
}

/// The kind of classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// k nearest neighbours. Files may also say `knn`.
    #[serde(alias = "knn")]
    Neighbors,
    /// `scores = X · W + b`.
    Linear,
    /// A network: dense layers with ReLU between them, or the given layers. Files may also say `cnn`, which has the
    /// layers of [`GradientDescentRecipe::cnn`] by default.
    #[serde(alias = "cnn")]
    Network,
}

/// How the loss is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// Gradient descent on batches, as in the lecture.
    #[default]
    Sgd,
    /// Ascent on the dual of a linear classifier: [`linear::dual`](crate::linear::dual).
    Dual,
}

impl Solver {
    fn is_sgd(&self) -> bool {
        *self == Solver::Sgd
    }
}

impl Recipe {
    /// The lecture's script: 36 hidden units, 1,500 iterations. `recipes/lecture.toml` of this crate.
    pub fn lecture() -> Self {
        Recipe::GradientDescent(GradientDescentRecipe::lecture())
    }

    /// The default network: 128 hidden units, He initialisation, and settings that suit the [data](ByData).
    pub fn network() -> Self {
        Recipe::GradientDescent(GradientDescentRecipe::network().by_data())
    }

    /// The default linear classifier, by gradient descent, with settings that suit the [data](ByData).
    pub fn linear() -> Self {
        Recipe::GradientDescent(GradientDescentRecipe::linear().by_data())
    }

    /// The default linear classifier, solved exactly.
    pub fn dual() -> Self {
        Recipe::Dual(DualRecipe::default())
    }

    /// k nearest neighbours by Euclidean distance.
    pub fn neighbors(k: usize) -> Self {
        Recipe::Neighbors(NeighborsRecipe::new(k))
    }

    /// The recipe in a model card's settings, if they are one.
    pub fn from_settings(settings: &serde_json::Value) -> Option<Self> {
        match (settings["kind"].as_str(), settings["solver"].as_str()) {
            (Some("neighbors"), _) => NeighborsRecipe::deserialize(settings).ok().map(Recipe::Neighbors),
            (_, Some("dual")) => DualRecipe::deserialize(settings).ok().map(Recipe::Dual),
            _ => GradientDescentRecipe::deserialize(settings).ok().map(Recipe::GradientDescent),
        }
    }

    /// The recipe in readable form, as pairs of name and value.
    pub fn describe(&self) -> Vec<(String, String)> {
        match self {
            Recipe::Neighbors(recipe) => recipe.describe(),
            Recipe::GradientDescent(recipe) => recipe.describe(),
            Recipe::Dual(recipe) => recipe.describe(),
        }
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Setting`](crate::Error::Setting) for the first invalid setting.
    pub fn validate(&self) -> Result<()> {
        match self {
            Recipe::Neighbors(recipe) => recipe.validate(),
            Recipe::GradientDescent(recipe) => recipe.validate(),
            Recipe::Dual(recipe) => recipe.validate(),
        }
    }

    /// The kind of classifier it trains.
    pub fn kind(&self) -> Kind {
        match self {
            Recipe::Neighbors(recipe) => recipe.kind,
            Recipe::GradientDescent(recipe) => recipe.kind,
            Recipe::Dual(recipe) => recipe.kind,
        }
    }

    /// Its preprocessing.
    pub fn preprocessing(&self) -> &Spec {
        match self {
            Recipe::Neighbors(recipe) => &recipe.preprocessing,
            Recipe::GradientDescent(recipe) => &recipe.preprocessing,
            Recipe::Dual(recipe) => &recipe.preprocessing,
        }
    }

    /// The same recipe with another preprocessing.
    pub fn with_preprocessing(mut self, preprocessing: Spec) -> Self {
        match &mut self {
            Recipe::Neighbors(recipe) => recipe.preprocessing = preprocessing,
            Recipe::GradientDescent(recipe) => recipe.preprocessing = preprocessing,
            Recipe::Dual(recipe) => recipe.preprocessing = preprocessing,
        }
        self
    }
}

impl From<NeighborsRecipe> for Recipe {
    fn from(recipe: NeighborsRecipe) -> Self {
        Recipe::Neighbors(recipe)
    }
}

impl From<GradientDescentRecipe> for Recipe {
    fn from(recipe: GradientDescentRecipe) -> Self {
        Recipe::GradientDescent(recipe)
    }
}

impl From<DualRecipe> for Recipe {
    fn from(recipe: DualRecipe) -> Self {
        Recipe::Dual(recipe)
    }
}
