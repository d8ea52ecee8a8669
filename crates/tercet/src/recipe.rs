//! A recipe: everything that decides a training, as data in a TOML file.
//!
//! ```toml
//! description = "the lecture's two-layer network"
//! kind = "network"              # or "linear"
//! hidden = [36]                 # hidden units of each hidden layer
//! init = { normal = 1e-4 }      # eps · randn, or "he"
//! seed = 0
//! validation = 5000             # examples held out; one in twelve where it is left out
//!
//! [train]                       # the fields of `train::Settings`
//! loss = { svm = { margin = 1.0 } }     # or "softmax"
//! learning_rate = 0.1
//! reg = 1e-5
//! batch = 20
//! length = { iterations = 1500 }        # or { epochs = 8 }
//! ```

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::network::Init;
use crate::train::Settings;
use crate::{Error, Result};

/// A recipe for a classifier that is trained by gradient descent.
///
/// ```
/// use tercet::recipe::Recipe;
/// let recipe = Recipe::named("lecture").unwrap();
/// assert_eq!((recipe.hidden.as_slice(), recipe.train.batch), (&[36][..], 20));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it makes, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What kind of classifier.
    pub kind: Kind,
    /// Hidden units of each hidden layer; none for a linear classifier.
    #[serde(default)]
    pub hidden: Vec<usize>,
    /// Initial weights. A linear classifier starts from zeros.
    #[serde(default = "he")]
    pub init: Init,
    /// The seed of every random choice.
    #[serde(default)]
    pub seed: u64,
    /// How many examples are held out for validation; one in twelve where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// How it is trained.
    pub train: Settings,
}

/// The kinds of classifiers that are trained by gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `scores = X · W + b`.
    Linear,
    /// Dense layers with ReLU between them.
    Network,
}

fn he() -> Init {
    Init::He
}

impl Default for Recipe {
    /// The program's default network: 128 hidden units, [`Settings::default`].
    fn default() -> Self {
        Recipe {
            description: String::new(),
            kind: Kind::Network,
            hidden: vec![128],
            init: Init::He,
            seed: 0,
            validation: None,
            train: Settings::default(),
        }
    }
}

impl Recipe {
    /// The recipes that are built in, by name.
    pub const NAMES: [&str; 1] = ["lecture"];

    /// A recipe that is built in.
    pub fn named(name: &str) -> Option<Recipe> {
        let text = match name {
            "lecture" => include_str!("../../../recipes/lecture.toml"),
            _ => return None,
        };
        Some(Recipe::parse(text, Path::new(name)).expect("the recipes that are built in are tested"))
    }

    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and everything that [`parse`](Recipe::parse) refuses.
    pub fn read(path: &Path) -> Result<Recipe> {
        let text = std::fs::read_to_string(path).map_err(Error::file("read the recipe", path))?;
        Recipe::parse(&text, path)
    }

    /// The recipe in the text of a file. `path` is only what errors call it.
    ///
    /// # Errors
    /// [`Error::Format`] with the line for text that is no recipe, [`Error::Setting`] for a setting out of its range.
    pub fn parse(text: &str, path: &Path) -> Result<Recipe> {
        let recipe: Recipe = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            let found = format!("on line {line}: {}", error.message());
            Error::format(path, found, "a recipe", "The documentation of `tercet::recipe` shows one.")
        })?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        match self.kind {
            Kind::Linear if !self.hidden.is_empty() => {
                return Err(Error::setting(
                    "hidden",
                    format!("{:?}", self.hidden),
                    "[] for a linear classifier",
                ));
            }
            Kind::Network if self.hidden.is_empty() || self.hidden.contains(&0) => {
                let found = format!("{:?}", self.hidden);
                return Err(Error::setting(
                    "hidden",
                    found,
                    "one or more sizes of at least 1, such as [128]",
                ));
            }
            _ => {}
        }
        self.init.validate()?;
        self.train.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Settings;

    #[test]
    fn the_lecture_s_recipe_is_the_lecture_s_settings() {
        let recipe = Recipe::named("lecture").unwrap();
        let train = Settings { check_every: Some(100), ..Settings::lecture() };
        assert_eq!((recipe.train, recipe.init, recipe.hidden), (train, Init::Normal(1e-4), vec![36]));
    }

    #[test]
    fn every_name_is_built_in() {
        assert!(Recipe::NAMES.iter().all(|name| Recipe::named(name).is_some()));
        assert_eq!(Recipe::named("none"), None);
    }

    #[test]
    fn what_is_no_recipe_is_refused_with_its_line() {
        let refused = |text: &str| Recipe::parse(text, Path::new("r.toml")).unwrap_err().to_string();
        let lecture = include_str!("../../../recipes/lecture.toml");
        let error = refused(&lecture.replace("batch = 20", "bath = 20"));
        assert!(error.contains("on line 17") && error.contains("`bath`"), "{error}");
        assert!(refused("kind = 7").contains("on line 1"));
        assert!(refused(&lecture.replace("[36]", "[]")).starts_with("hidden is []"));
        assert!(refused(&lecture.replace("0.1", "-0.1")).starts_with("learning rate is -0.1"));
        assert!(refused(&lecture.replace("\"network\"", "\"linear\"")).starts_with("hidden is [36]"));
    }
}
