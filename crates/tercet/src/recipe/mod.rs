//! A training recipe as data: which model, from where it starts, and how it is trained.
//!
//! ```toml
//! description = "A small network"
//! kind = "network"            # or "linear"
//! hidden = [36]               # the sizes of the hidden layers; a linear classifier has none
//! # layers = "conv5-24 pool relu dense128 relu"   # instead of hidden: all layers, tercet::network::Architecture
//! init = "he"                 # or { normal = 1e-4 }; a linear classifier starts from zeros
//! # patches = { ridge = 0.01, threshold = 0.5 }   # filters of the first convolution: tercet::network::Patches
//! seed = 0
//! validation = 5000           # examples held out, or 0 for none; one in twelve where it is left out
//! cleaning = { deskew = true } # what is done to every picture first; nothing where it is left out
//! class_weights = "balanced"  # or a list such as [1, 2.5]; all examples count the same where it is left out
//!
//! [train]
//! loss = "softmax"            # or { svm = { margin = 1.0 } }
//! reg = 1e-5
//! batch = 64
//! length = { epochs = 8 }     # or { iterations = 1500 }, random batches as in the lecture
//! learning_rate = 0.1
//! schedule = "linear-to-zero" # "constant" where it is left out; all of them: tercet::schedule
//! optimizer = { sgd = { momentum = 0.9 } }   # plain gradient descent where it is left out; all: tercet::optimizer
//! check_every = 100           # steps; every epoch, or every 100 iterations, where it is left out
//! patience = 3                # checks; training never stops early where it is left out
//! stop_by = "loss"            # what patience goes by: the validation accuracy where it is left out
//! clip = 1.0                  # the largest norm of a gradient; gradients are as they are where it is left out
//! dropout = 0.5               # the probability that a hidden unit sits a step out; 0 where it is left out
//! input_dropout = 0.2         # the probability that an input does; 0 where it is left out
//! label_smoothing = 0.1       # of softmax; 0 where it is left out
//! frozen = 1                  # how many of the layers keep their first weights; 0 where it is left out
//! ema = 0.999                 # the decay of a moving average of the weights; none is kept where it is left out
//!
//! [train.augment]             # what is done to pictures each time; nothing where it is left out: tercet::augment
//! shift = 2.0                 # pixels
//! rotate = 10.0               # degrees
//! scale = 0.1
//! shear = 0.1
//! mirror = true               # every second picture by chance
//! elastic = { rms = 1.5, sigma = 4.0 }   # pixels
//! ```
//!
//! With `solver = "dual"` a linear classifier is trained exactly, and has other settings: [`Exact`]. So have neighbours, which
//! are remembered: [`Remember`]. How many threads work
//! is in neither recipe, as it decides nothing about the model.

mod exact;
mod named;
mod remember;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::image::Cleaning;
use crate::network::{Architecture, Init, Network, Patches, Shape};
use crate::train::{ClassWeights, Settings};
use crate::{Error, Result};

pub use exact::{AnyRecipe, Exact, ExactSettings};
pub use remember::{KindOfNeighbors, Remember};

/// Everything that decides a trained model, beside the data and the instruction set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is, for a reader.
    pub description: String,
    /// Which model is trained.
    pub kind: Kind,
    /// [`Solver::Sgd`]: the settings of the other are in [`Exact`].
    #[serde(default, skip_serializing_if = "Solver::is_sgd")]
    pub solver: Solver,
    /// The sizes of the hidden layers, first to last. Empty for a linear classifier, and where `layers` says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// The layers of a network, instead of the sizes of its hidden ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Architecture>,
    /// How the weights of a network are drawn; [`Init::He`] where nothing is said. A linear classifier starts from
    /// zeros and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// Patches of the training images as the filters of the first convolution, instead of weights that are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<Patches>,
    /// What everything random comes from: the split, the weights and the batches.
    #[serde(default)]
    pub seed: u64,
    /// How many examples are held out for validation, 0 for none; where nothing is said,
    /// [`default_validation`](crate::data::default_validation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// What is done to every picture first.
    #[serde(default, skip_serializing_if = "Cleaning::is_none")]
    pub cleaning: Cleaning,
    /// How much the examples of each class count in the loss.
    #[serde(default, skip_serializing_if = "ClassWeights::is_equal")]
    pub class_weights: ClassWeights,
    /// How it is trained.
    pub train: Settings,
}

/// Which of the two models that learn by gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `scores = X · W + b`.
    Linear,
    /// Dense layers with ReLU between them, or whatever layers are named.
    Network,
}

/// Which way the loss is minimised.
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
        Recipe {
            description: "The lecture's two-layer network, as its script trains it".to_owned(),
            kind: Kind::Network,
            solver: Solver::Sgd,
            hidden: vec![36],
            layers: None,
            init: Some(Init::Normal(1e-4)),
            patches: None,
            seed: 0,
            validation: Some(5000),
            cleaning: Cleaning::NONE,
            class_weights: ClassWeights::Equal,
            train: Settings::lecture(),
        }
    }

    /// The program's default network: 128 hidden units, He's initial weights, [`Settings::default`].
    pub fn network() -> Self {
        Recipe {
            description: "A two-layer network".to_owned(),
            kind: Kind::Network,
            solver: Solver::Sgd,
            hidden: vec![128],
            layers: None,
            init: Some(Init::He),
            patches: None,
            seed: 0,
            validation: None,
            cleaning: Cleaning::NONE,
            class_weights: ClassWeights::Equal,
            train: Settings::default(),
        }
    }

    /// The program's default linear classifier, [`Settings::linear`].
    pub fn linear() -> Self {
        Recipe {
            description: "A linear classifier".to_owned(),
            kind: Kind::Linear,
            hidden: Vec::new(),
            init: None,
            train: Settings::linear(),
            ..Recipe::network()
        }
    }

    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`parse`](Recipe::parse).
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, path)
    }

    /// A recipe from the text of the file at `path`, which is named where something is wrong.
    ///
    /// # Errors
    /// [`Error::Format`] for what is no TOML, an unknown or missing setting, or a value that cannot work.
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::Recipe;
    ///
    /// let text = Recipe::lecture().to_toml();
    /// assert_eq!(Recipe::parse(&text, Path::new("lecture.toml"))?, Recipe::lecture());
    ///
    /// let error = Recipe::parse("kind = \"net\"", Path::new("my.toml")).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "my.toml: found line 1: unknown variant `net`; expected `linear` or `network`. \
    ///      Compare it with recipes/lecture.toml."
    /// );
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let recipe: Recipe = toml::from_str(text).map_err(|error| unreadable(&error, text, path, REMEDY))?;
        checked(recipe.validate(), path, REMEDY)?;
        Ok(recipe)
    }

    /// The recipe as a reader wants it, a name and a value each.
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
        if !self.cleaning.is_none() {
            words.push(("pictures".to_owned(), self.cleaning.to_string()));
        }
        if !self.class_weights.is_equal() {
            words.push(("class weights".to_owned(), self.class_weights.to_string()));
        }
        words
    }

    /// The recipe as TOML, to be read back by [`parse`](Recipe::parse).
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers, words and tables of them can be written as TOML")
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        if self.solver != Solver::Sgd {
            let expected = "sgd; the exact solver has a recipe of its own, tercet::recipe::Exact";
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
                let expected = "none beside layers, which say all of them";
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
            let expected = "none where no example is held out to judge by";
            return Err(Error::setting("patience", patience, expected));
        }
        if self.kind == Kind::Linear && self.train.dropout > 0.0 {
            let expected = "0 for a linear classifier, which has no hidden units";
            return Err(Error::setting("dropout", self.train.dropout, expected));
        }
        if let Some(patches) = self.patches {
            if self.layers.is_none() {
                let expected = "none without layers, the first of which is a convolution";
                return Err(Error::setting("patches", "there", expected));
            }
            patches.validate()?;
        }
        self.class_weights.validate()?;
        self.train.validate()
    }

    /// The model before its first step on these examples: [`untrained`](Recipe::untrained), with patches of them as its
    /// first filters where the recipe asks for that.
    ///
    /// # Errors
    /// Those of [`untrained`](Recipe::untrained) and [`draw_patches`](Network::draw_patches).
    pub fn untrained_on(&self, examples: &Dataset) -> Result<Network> {
        let mut network = self.untrained(Shape::of(examples), examples.class_count())?;
        if let Some(patches) = self.patches {
            network.draw_patches(examples, patches, self.seed)?;
        }
        Ok(network)
    }

    /// The model before its first step, for examples of that shape and so many classes, with all weights as they are drawn.
    ///
    /// # Errors
    /// Those of [`validate`](Recipe::validate), no inputs or classes, and layers that do not take such examples.
    ///
    /// ```
    /// use tercet::recipe::Recipe;
    /// let network = Recipe::lecture().untrained(784, 10)?;
    /// assert_eq!(network.to_string(), "dense 784 → 36, relu, dense 36 → 10: 28,630 parameters");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn untrained(&self, input: impl Into<Shape>, classes: usize) -> Result<Network> {
        self.validate()?;
        let input = input.into();
        let init = match self.kind {
            Kind::Linear => Init::Normal(0.0),
            Kind::Network => self.init.unwrap_or(Init::He),
        };
        match &self.layers {
            Some(layers) => layers.network(input, classes, init, self.seed),
            None => Network::fully_connected(input.values(), &self.hidden, classes, init, self.seed),
        }
    }
}

/// The longest recipe that is read: 1 MiB.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a file that is to be a recipe.
fn text_of(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let refuse =
        |found: String| Error::format(path, found, "a training recipe, which is text in TOML", REMEDY);
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refuse(format!("more than {} KiB", MOST_BYTES >> 10)));
    }
    String::from_utf8(bytes)
        .map_err(|error| refuse(format!("a file that is no text ({})", error.utf8_error())))
}

/// What to do about a recipe that is none.
const REMEDY: &str = "Compare it with recipes/lecture.toml.";

/// What validation says, as an error of the file.
fn checked(validated: Result<()>, path: &Path, remedy: &str) -> Result<()> {
    match validated {
        Err(Error::Setting { setting, found, expected }) => {
            Err(Error::format(path, format!("{setting} {found}"), expected, remedy))
        }
        others => others,
    }
}

/// An error of the parser, which says "found, expected something" at a place in the text, in the words of this crate.
fn unreadable(error: &toml::de::Error, text: &str, path: &Path, remedy: &str) -> Error {
    let message = error.message().trim().replace('\n', " ");
    let (found, expected) = message
        .split_once(", expected ")
        .or_else(|| message.split_once("; expected "))
        .or_else(|| message.split_once(", available keys: "))
        .unwrap_or((&message, "a training recipe"));
    let expected = match expected {
        "usize" | "u64" => "a whole number, 0 or more",
        "f32" => "a number",
        others => others,
    };
    let line = error.span().map(|span| 1 + text.bytes().take(span.start).filter(|&b| b == b'\n').count());
    let found = match line {
        Some(line) => format!("line {line}: {found}"),
        None => found.to_owned(),
    };
    Error::format(path, found, expected, remedy)
}

#[cfg(test)]
mod tests;
