//! The recipe of the exact solver of linear classifiers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Kind, Recipe, Remember, Solver, checked, text_of, unreadable};
use crate::image::Cleaning;
use crate::linear::{dual, path};
use crate::loss::Loss;
use crate::{Error, Result};

/// Everything that decides a linear classifier that is trained exactly, beside the data and the instruction set.
///
/// ```toml
/// description = "A linear classifier"
/// kind = "linear"
/// solver = "dual"
/// seed = 0
/// validation = 5000           # examples held out; one in twelve where it is left out
/// cleaning = { deskew = true } # what is done to every picture first; nothing where it is left out
///
/// [train]
/// loss = "softmax"            # or { svm = { margin = 1.0 } }
/// reg = 1e-4                  # or a list that falls, such as [1e-2, 1e-3], or "auto": the best of them
/// folds = 5                   # choose by a cross-validation; by the validation set where it is left out
/// tolerance = 1e-3            # the relative gap at which it is enough, which is a thousandth where it is left out
/// max_epochs = 1000           # the most that it may take, which is so many where it is left out
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// What it is, for a reader.
    pub description: String,
    /// [`Kind::Linear`].
    pub kind: Kind,
    /// [`Solver::Dual`].
    pub solver: Solver,
    /// What everything random comes from: the split, the folds and the order of visits.
    #[serde(default)]
    pub seed: u64,
    /// How many examples are held out for validation; where nothing is said,
    /// [`default_validation`](crate::data::default_validation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// What is done to every picture first.
    #[serde(default, skip_serializing_if = "Cleaning::is_none")]
    pub cleaning: Cleaning,
    /// What is solved, and how exactly.
    pub train: ExactSettings,
}

/// What is solved, and how exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactSettings {
    /// What is minimised, beside the regularisation.
    pub loss: Loss,
    /// The coefficient of Σ W², or those to choose from.
    pub reg: path::Reg,
    /// By how many folds of a cross-validation reg is chosen; by the validation set where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// The relative gap at which it is enough.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// The most epochs: N visits each.
    #[serde(default = "max_epochs")]
    pub max_epochs: usize,
}

fn tolerance() -> f64 {
    dual::Settings::default().tolerance
}

fn max_epochs() -> usize {
    dual::Settings::default().max_epochs
}

impl Default for Exact {
    /// The SVM loss as [`dual::Settings::default`] has it. `recipes/exact.toml` of this crate.
    fn default() -> Self {
        let dual::Settings { reg, loss, tolerance, max_epochs, seed } = dual::Settings::default();
        Exact {
            description: "A linear classifier, trained exactly".to_owned(),
            kind: Kind::Linear,
            solver: Solver::Dual,
            seed,
            validation: None,
            cleaning: Cleaning::NONE,
            train: ExactSettings { loss, reg: path::Reg::Given(reg), folds: None, tolerance, max_epochs },
        }
    }
}

impl Exact {
    /// A recipe from the text of the file at `path`, which is named where something is wrong.
    ///
    /// # Errors
    /// As those of [`Recipe::parse`].
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::Exact;
    ///
    /// let text = Exact::default().to_toml();
    /// assert_eq!(Exact::parse(&text, Path::new("exact.toml"))?, Exact::default());
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let recipe: Exact = toml::from_str(text).map_err(|error| unreadable(&error, text, path, REMEDY))?;
        checked(recipe.validate(), path, REMEDY)?;
        Ok(recipe)
    }

    /// The recipe as TOML, to be read back by [`parse`](Exact::parse).
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers, words and tables of them can be written as TOML")
    }

    /// The recipe as a reader wants it, a name and a value each.
    pub fn describe(&self) -> Vec<(String, String)> {
        let ExactSettings { loss, reg, folds, tolerance, max_epochs: _ } = &self.train;
        let by = match folds {
            Some(folds) => format!(", chosen by {folds} folds"),
            None if reg.is_choice() => ", chosen by the validation set".to_owned(),
            None => String::new(),
        };
        let mut words = vec![
            ("loss", loss.to_string()),
            ("solver", "dual, exact".to_owned()),
            ("reg", format!("{reg}{by}")),
            ("relative gap", format!("{tolerance:e} at most")),
        ];
        if !self.cleaning.is_none() {
            words.push(("pictures", self.cleaning.to_string()));
        }
        words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What the solver is told for one of the regularisations.
    pub fn settings(&self, reg: f32) -> dual::Settings {
        let ExactSettings { loss, tolerance, max_epochs, .. } = self.train;
        dual::Settings { reg, loss, tolerance, max_epochs, seed: self.seed }
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        if self.kind != Kind::Linear {
            return Err(Error::setting(
                "kind",
                "network",
                "linear: only linear classifiers have an exact solver",
            ));
        }
        if self.solver != Solver::Dual {
            return Err(Error::setting("solver", "sgd", "dual; settings of gradient descent are others"));
        }
        if self.validation == Some(0) {
            return Err(Error::setting("validation", 0, "at least 1 example, or nothing for one in twelve"));
        }
        let ExactSettings { reg, folds, .. } = &self.train;
        path::check(reg.choices())?;
        reg.choices().iter().try_for_each(|&reg| self.settings(reg).validate())?;
        match folds {
            Some(folds) if !reg.is_choice() => {
                Err(Error::setting("folds", folds, "none where reg is given, or reg = \"auto\""))
            }
            Some(folds @ (0 | 1)) => Err(Error::setting("folds", folds, "at least 2")),
            _ => Ok(()),
        }
    }
}

/// A recipe of any kind, as a file has it.
#[allow(clippy::large_enum_variant, reason = "a program has a handful of recipes")]
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRecipe {
    /// Gradient descent: `solver = "sgd"`, or nothing said.
    Descent(Recipe),
    /// The exact solver: `solver = "dual"`.
    Exact(Exact),
    /// Nearest neighbours: `kind = "neighbors"`.
    Remember(Remember),
}

impl AnyRecipe {
    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`parse`](AnyRecipe::parse).
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, path)
    }

    /// A recipe from the text of the file at `path`, which is named where something is wrong.
    ///
    /// # Errors
    /// As those of [`Recipe::parse`].
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::{AnyRecipe, Exact, Recipe};
    ///
    /// let path = Path::new("recipe.toml");
    /// let exact = AnyRecipe::parse(&Exact::default().to_toml(), path)?;
    /// assert_eq!(exact, AnyRecipe::Exact(Exact::default()));
    /// let lecture = AnyRecipe::parse(&Recipe::lecture().to_toml(), path)?;
    /// assert_eq!(lecture, AnyRecipe::Descent(Recipe::lecture()));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        // What is wrong with a file that does not even say its solver, the reading of the whole says better.
        match toml::from_str(text) {
            Ok(Which { kind: Some(kind), .. }) if kind == "neighbors" => {
                Remember::parse(text, path).map(AnyRecipe::Remember)
            }
            Ok(Which { solver: Solver::Dual, .. }) => Exact::parse(text, path).map(AnyRecipe::Exact),
            _ => Recipe::parse(text, path).map(AnyRecipe::Descent),
        }
    }

    /// The recipe that a model file's card has among its settings, if they are one.
    pub fn from_settings(settings: &serde_json::Value) -> Option<Self> {
        match settings["solver"].as_str() {
            Some("dual") => Exact::deserialize(settings).ok().map(AnyRecipe::Exact),
            _ => Recipe::deserialize(settings).ok().map(AnyRecipe::Descent),
        }
    }

    /// The recipe as a reader wants it, a name and a value each.
    pub fn describe(&self) -> Vec<(String, String)> {
        match self {
            AnyRecipe::Descent(recipe) => recipe.describe(),
            AnyRecipe::Exact(recipe) => recipe.describe(),
            AnyRecipe::Remember(recipe) => recipe.describe(),
        }
    }
}

/// All that tells which recipe a file has.
#[derive(Deserialize)]
struct Which {
    kind: Option<String>,
    #[serde(default)]
    solver: Solver,
}

/// What to do about a recipe that is none.
const REMEDY: &str = "Compare it with recipes/exact.toml.";

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../recipes/exact.toml");

    fn refuse(piece: &str, with: &str) -> String {
        assert!(FILE.contains(piece), "the recipe has no {piece}");
        AnyRecipe::parse(&FILE.replace(piece, with), Path::new("x.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_file_is_the_default() {
        assert_eq!(Exact::parse(FILE, Path::new("exact.toml")).unwrap(), Exact::default());
        assert_eq!(AnyRecipe::named("exact"), Some(AnyRecipe::Exact(Exact::default())));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let base = Exact::default();
        let train = &base.train;
        for train in [
            ExactSettings { loss: Loss::Svm { margin: 0.5 }, tolerance: 1e-5, ..train.clone() },
            ExactSettings { reg: path::Reg::Auto, folds: Some(4), ..train.clone() },
            ExactSettings { reg: path::Reg::List(vec![0.1, 1e-3]), max_epochs: 7, ..train.clone() },
        ] {
            let recipe = AnyRecipe::Exact(Exact { seed: 3, validation: Some(9), train, ..base.clone() });
            let AnyRecipe::Exact(exact) = &recipe else { unreachable!() };
            assert_eq!(AnyRecipe::parse(&exact.to_toml(), Path::new("x.toml")).unwrap(), recipe);
            let json = serde_json::to_value(exact).unwrap();
            assert_eq!(AnyRecipe::from_settings(&json), Some(recipe));
        }
    }

    #[test]
    fn a_whole_number_and_a_list_are_regularisations() {
        let reg =
            |text| Exact::parse(&FILE.replace("reg = 1e-4", text), Path::new("x.toml")).unwrap().train.reg;
        assert_eq!(reg("reg = 1"), path::Reg::Given(1.0));
        assert_eq!(reg("reg = [1, 0.5]"), path::Reg::List(vec![1.0, 0.5]));
        assert_eq!(reg("reg = \"auto\""), path::Reg::Auto);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (piece, with, words) in [
            ("reg = 1e-4", "reg = 0", "reg 0; expected a finite number above 0"),
            ("reg = 1e-4", "reg = []", "regs []; expected at least one"),
            ("reg = 1e-4", "reg = [0.1, 0.2]", "each smaller than the one before"),
            ("reg = 1e-4", "reg = \"none\"", "line 14: "),
            ("reg = 1e-4", "reg = 1e-4\nfolds = 3", "folds 3; expected none where reg is given"),
            ("reg = 1e-4", "reg = \"auto\"\nfolds = 1", "folds 1; expected at least 2"),
            ("tolerance = 1e-3", "tolerance = 1", "tolerance 1; expected"),
            ("max_epochs = 1000", "max_epochs = 0", "epochs 0; expected at least 1"),
            ("kind = \"linear\"", "kind = \"network\"", "kind network; expected linear"),
            ("seed = 0", "validation = 0", "validation 0; expected at least 1"),
            ("seed = 0", "hidden = [3]", "unknown field `hidden`"),
            ("tolerance = 1e-3", "learning_rate = 1", "unknown field `learning_rate`"),
            (
                "solver = \"dual\"",
                "solver = \"newton\"",
                "unknown variant `newton`; expected `sgd` or `dual`",
            ),
        ] {
            let error = refuse(piece, with);
            assert!(error.starts_with("x.toml: found ") && error.contains(words), "{with}: {error}");
        }
    }
}
