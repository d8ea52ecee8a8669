//! A training recipe as data: which model, from where it starts, and how it is trained.
//!
//! ```toml
//! description = "A small network"
//! kind = "network"            # or "linear"
//! hidden = [36]               # the sizes of the hidden layers; a linear classifier has none
//! init = "he"                 # or { normal = 1e-4 }; a linear classifier starts from zeros
//! seed = 0
//! validation = 5000           # examples held out; one in twelve where it is left out
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
//! label_smoothing = 0.1       # of softmax; 0 where it is left out
//! ```

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::network::{Init, Network};
use crate::train::{ClassWeights, Settings};
use crate::{Error, Result};

/// Everything that decides a trained model, beside the data and the instruction set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is, for a reader.
    pub description: String,
    /// Which model is trained.
    pub kind: Kind,
    /// The sizes of the hidden layers, first to last. Empty for a linear classifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// How the weights of a network are drawn; [`Init::He`] where nothing is said. A linear classifier starts from
    /// zeros and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// What everything random comes from: the split, the weights and the batches.
    #[serde(default)]
    pub seed: u64,
    /// How many examples are held out for validation; where nothing is said,
    /// [`default_validation`](crate::data::default_validation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
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
    /// Dense layers with ReLU between them.
    Network,
}

impl Recipe {
    /// The lecture's script: 36 hidden units, 1,500 iterations. `recipes/lecture.toml` in the repository.
    pub fn lecture() -> Self {
        Recipe {
            description: "The lecture's two-layer network, as its script trains it".to_owned(),
            kind: Kind::Network,
            hidden: vec![36],
            init: Some(Init::Normal(1e-4)),
            seed: 0,
            validation: Some(5000),
            class_weights: ClassWeights::Equal,
            train: Settings::lecture(),
        }
    }

    /// The program's default network: 128 hidden units, He's initial weights, [`Settings::default`].
    pub fn network() -> Self {
        Recipe {
            description: "A two-layer network".to_owned(),
            kind: Kind::Network,
            hidden: vec![128],
            init: Some(Init::He),
            seed: 0,
            validation: None,
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

    /// The recipe of a name that is built in: `network`, `linear` or `lecture`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "network" => Some(Recipe::network()),
            "linear" => Some(Recipe::linear()),
            "lecture" => Some(Recipe::lecture()),
            _ => None,
        }
    }

    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`parse`](Recipe::parse).
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        Self::parse(&text, path)
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
        let recipe: Recipe = toml::from_str(text).map_err(|error| unreadable(&error, text, path))?;
        match recipe.validate() {
            Err(Error::Setting { setting, found, expected }) => {
                Err(Error::format(path, format!("{setting} {found}"), expected, REMEDY))
            }
            checked => checked.map(|()| recipe),
        }
    }

    /// The recipe as a reader wants it, a name and a value each.
    pub fn describe(&self) -> Vec<(String, String)> {
        let mut words = Vec::new();
        if self.kind == Kind::Network {
            let sizes: Vec<String> = self.hidden.iter().map(usize::to_string).collect();
            words.push(("hidden".to_owned(), sizes.join(", ")));
            words.push(("initial weights".to_owned(), self.init.unwrap_or(Init::He).to_string()));
        }
        words.extend(self.train.describe());
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
        let hidden = format!("{:?}", self.hidden);
        match (self.kind, self.hidden.as_slice()) {
            (Kind::Network, []) => {
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
        if self.validation == Some(0) {
            return Err(Error::setting("validation", 0, "at least 1 example, or nothing for one in twelve"));
        }
        if self.kind == Kind::Linear && self.train.dropout > 0.0 {
            let expected = "0 for a linear classifier, which has no hidden units";
            return Err(Error::setting("dropout", self.train.dropout, expected));
        }
        self.class_weights.validate()?;
        self.train.validate()
    }

    /// The model before its first step, for examples of that many inputs and classes.
    ///
    /// # Errors
    /// Those of [`validate`](Recipe::validate), and no inputs or classes.
    ///
    /// ```
    /// use tercet::recipe::Recipe;
    /// let network = Recipe::lecture().untrained(784, 10)?;
    /// assert_eq!(network.to_string(), "dense 784 → 36, relu, dense 36 → 10: 28,630 parameters");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn untrained(&self, inputs: usize, classes: usize) -> Result<Network> {
        self.validate()?;
        let init = match self.kind {
            Kind::Linear => Init::Normal(0.0),
            Kind::Network => self.init.unwrap_or(Init::He),
        };
        Network::fully_connected(inputs, &self.hidden, classes, init, self.seed)
    }
}

/// What to do about a recipe that is none.
const REMEDY: &str = "Compare it with recipes/lecture.toml.";

/// An error of the parser, which says "found, expected something" at a place in the text, in the words of this crate.
fn unreadable(error: &toml::de::Error, text: &str, path: &Path) -> Error {
    let message = error.message().trim().replace('\n', " ");
    let (found, expected) = message
        .split_once(", expected ")
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
    Error::format(path, found, expected, REMEDY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Optimizer;
    use crate::schedule::Schedule;
    use crate::train::StopBy;

    const LECTURE: &str = include_str!("../../../recipes/lecture.toml");

    /// The error for the lecture's recipe with one piece of it replaced.
    fn refuse(piece: &str, with: &str) -> String {
        assert!(LECTURE.contains(piece), "the recipe has no {piece}");
        Recipe::parse(&LECTURE.replace(piece, with), Path::new("x.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_lecture_s_file_is_the_lecture_s_settings() {
        let recipe = Recipe::parse(LECTURE, Path::new("lecture.toml")).unwrap();
        assert_eq!(recipe.train, Settings::lecture());
        assert_eq!((&recipe.hidden[..], recipe.init), (&[36][..], Some(Init::Normal(1e-4))));
        assert_eq!(recipe, Recipe::lecture());
    }

    #[test]
    fn the_recipes_that_are_built_in_work() {
        for name in ["network", "linear", "lecture"] {
            Recipe::named(name).unwrap().untrained(784, 10).unwrap();
        }
        assert_eq!(Recipe::named("none"), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut recipe = Recipe::lecture();
        recipe.init = None;
        recipe.validation = None;
        recipe.seed = 7;
        recipe.train = Settings { check_every: Some(3), patience: Some(4), ..Settings::default() };
        assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);

        recipe.class_weights = ClassWeights::Given(vec![1.0, 0.25]);
        let (stop_by, clip) = (StopBy::Loss, Some(0.7));
        recipe.train = Settings { stop_by, clip, dropout: 0.3, label_smoothing: 0.1, ..Settings::default() };
        let optimizers = [
            Optimizer::ADAM,
            Optimizer::AdamW { beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weight_decay: 0.1 },
            Optimizer::Nesterov { momentum: 0.7 },
        ];
        let schedules = [
            Schedule::ONE_CYCLE,
            Schedule::Exponential { last: 0.3 },
            Schedule::Step { every: 7, gamma: 0.3 },
        ];
        for (optimizer, schedule) in optimizers.into_iter().zip(schedules) {
            (recipe.train.optimizer, recipe.train.schedule) = (optimizer, schedule);
            assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
        }
    }

    #[test]
    fn every_optimizer_and_schedule_has_its_place() {
        let train =
            |from, to: &str| Recipe::parse(&LECTURE.replace(from, to), Path::new("x.toml")).unwrap().train;
        for (text, optimizer) in [
            ("{ sgd = {} }", Optimizer::PLAIN),
            ("{ nesterov = { momentum = 0.5 } }", Optimizer::Nesterov { momentum: 0.5 }),
            ("{ adam = {} }", Optimizer::ADAM),
            ("{ adamw = {} }", Optimizer::ADAMW),
        ] {
            assert_eq!(train("{ sgd = { momentum = 0.0 } }", text).optimizer, optimizer);
        }
        for (text, schedule) in [
            ("\"cosine\"", Schedule::Cosine),
            ("{ step = { every = 500 } }", Schedule::Step { every: 500, gamma: 0.1 }),
            ("{ exponential = {} }", Schedule::EXPONENTIAL),
            ("{ one-cycle = {} }", Schedule::ONE_CYCLE),
        ] {
            assert_eq!(train("\"constant\"", text).schedule, schedule);
        }
        let error = refuse("{ sgd = { momentum = 0.0 } }", "{ adam = { beta = 0.9 } }");
        assert!(error.contains("beta; expected"), "{error}");
        let error = refuse("\"constant\"", "{ step = { gamma = 0.5 } }");
        assert!(error.contains("missing field `every`"), "{error}");
    }

    #[test]
    fn a_wrong_name_is_found_with_its_line_and_the_right_ones() {
        let error = refuse("hidden = [36]", "hiden = [36]");
        assert!(
            error.starts_with("x.toml: found line 11: unknown field `hiden`; expected one of `"),
            "{error}"
        );
        let error = refuse("reg = 1e-5\nbatch", "reg = 1e-5\nbatsh = 20\nbatch");
        assert!(error.contains("found line 19: unknown field `batsh`; expected one of `loss`"), "{error}");
        // A misspelt momentum must not become plain gradient descent in silence.
        let error = refuse("momentum = 0.0", "momentun = 0.9");
        assert!(error.contains("momentun; expected momentum"), "{error}");
        let error = refuse("margin = 1.0", "margin = 1.0, delta = 1.0");
        assert!(error.contains("delta; expected margin"), "{error}");
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        let error = refuse("batch = 20\n", "");
        assert!(error.contains("missing field `batch`"), "{error}");
        let error = refuse("batch = 20\n", "batch = -20\n");
        assert!(
            error.contains("found line 19: invalid value: integer `-20`; expected a whole number"),
            "{error}"
        );
        let error = refuse("seed = 0", "seed = [");
        assert!(error.starts_with("x.toml: found line 1"), "{error}");
    }

    #[test]
    fn values_that_cannot_work_are_refused_with_the_file() {
        for (piece, with, start) in [
            (
                "learning_rate = 0.1",
                "learning_rate = -1",
                "x.toml: found learning rate -1; expected a finite",
            ),
            (
                "learning_rate = 0.1",
                "learning_rate = nan",
                "x.toml: found learning rate NaN; expected a finite",
            ),
            ("hidden = [36]", "hidden = [36, 0]", "x.toml: found hidden [36, 0]; expected at least 1 unit"),
            ("hidden = [36]", "hidden = []", "x.toml: found hidden []; expected at least one hidden layer"),
            ("\"network\"", "\"linear\"", "x.toml: found hidden [36]; expected no hidden layer"),
            ("validation = 5000", "validation = 0", "x.toml: found validation 0; expected at least 1"),
        ] {
            let error = refuse(piece, with);
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn a_linear_classifier_starts_from_zeros() {
        let linear = Recipe { kind: Kind::Linear, hidden: Vec::new(), init: None, ..Recipe::lecture() };
        let network = linear.untrained(4, 3).unwrap();
        assert_eq!((network.parameters(), network.dense_layers().count()), (15, 1));
        assert!(network.dense_layers().all(|dense| dense.w.iter().all(|&w| w == 0.0)));
        let error = Recipe { init: Some(Init::He), ..linear }.validate().unwrap_err().to_string();
        assert!(error.starts_with("init is He; expected none"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Recipe::read(Path::new("nowhere/x.toml")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read nowhere/x.toml"), "{error}");
    }
}
