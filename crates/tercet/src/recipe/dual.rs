//! The recipe of the exact solver of linear classifiers.

use serde::{Deserialize, Serialize};

use super::{Kind, Solver};
use crate::linear::{dual, path};
use crate::loss::Loss;
use crate::preprocess::Spec;
use crate::{Error, Result};

/// All settings of an exactly trained linear classifier: with the data and the instruction set, they determine the
/// model.
///
/// ```toml
/// description = "A linear classifier"
/// kind = "linear"
/// solver = "dual"
/// seed = 0
/// validation = 5000           # examples held out; default: one in twelve
/// preprocessing = "auto, deskew"   # default: "auto"
///
/// [train]
/// loss = "softmax"            # or { svm = { margin = 1.0 } }
/// reg = 1e-4                  # or a decreasing list, such as [1e-2, 1e-3], or "auto": the best of them
/// folds = 5                   # choose by cross-validation; default: by the validation set
/// tolerance = 1e-3            # stop at this relative gap; default: 1e-3
/// max_epochs = 1000           # stop after this many epochs; default: 1000
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DualRecipe {
    /// A description for readers.
    pub description: String,
    /// [`Kind::Linear`].
    pub kind: Kind,
    /// [`Solver::Dual`].
    pub solver: Solver,
    /// The seed of all randomness: the split, the folds and the order of visits.
    #[serde(default)]
    pub seed: u64,
    /// The number of validation examples; by default [`default_validation`](crate::data::default_validation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// The preprocessing, fitted on the training examples.
    #[serde(default, skip_serializing_if = "Spec::is_auto")]
    pub preprocessing: Spec,
    /// The problem to solve, and the tolerance.
    pub train: DualSettings,
}

/// The problem to solve, and the tolerance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DualSettings {
    /// The loss that is minimised, apart from the regularisation.
    pub loss: Loss,
    /// The coefficient of Σ W², or candidates for it.
    pub reg: path::Reg,
    /// The number of cross-validation folds for choosing reg; by default it is chosen on the validation set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// The relative gap at which the solver stops.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// The maximum number of epochs, of N visits each.
    #[serde(default = "max_epochs")]
    pub max_epochs: usize,
}

fn tolerance() -> f64 {
    dual::Settings::default().tolerance
}

fn max_epochs() -> usize {
    dual::Settings::default().max_epochs
}

impl Default for DualRecipe {
    /// The SVM loss with the settings of [`dual::Settings::default`]. `recipes/exact.toml` of this crate.
    fn default() -> Self {
        let dual::Settings { reg, loss, tolerance, max_epochs, seed } = dual::Settings::default();
        DualRecipe {
            description: "A linear classifier, trained exactly".to_owned(),
            kind: Kind::Linear,
            solver: Solver::Dual,
            seed,
            validation: None,
            preprocessing: Spec::default(),
            train: DualSettings { loss, reg: path::Reg::Given(reg), folds: None, tolerance, max_epochs },
        }
    }
}

impl DualRecipe {
    /// The recipe in readable form, as pairs of name and value.
    pub fn describe(&self) -> Vec<(String, String)> {
        let DualSettings { loss, reg, folds, tolerance, max_epochs: _ } = &self.train;
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
        if !self.preprocessing.is_auto() {
            words.push(("preprocessing", self.preprocessing.to_string()));
        }
        words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The settings of the solver for one value of reg.
    pub fn settings(&self, reg: f32) -> dual::Settings {
        let DualSettings { loss, tolerance, max_epochs, .. } = self.train;
        dual::Settings { reg, loss, tolerance, max_epochs, seed: self.seed }
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first invalid setting.
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
            return Err(Error::setting(
                "validation",
                0,
                "at least 1 example, or leave it out for one in twelve",
            ));
        }
        let DualSettings { reg, folds, .. } = &self.train;
        path::check(reg.choices())?;
        reg.choices().iter().try_for_each(|&reg| self.settings(reg).validate())?;
        match folds {
            Some(folds) if !reg.is_choice() => {
                Err(Error::setting("folds", folds, "none if reg is given, or reg = \"auto\""))
            }
            Some(folds @ (0 | 1)) => Err(Error::setting("folds", folds, "at least 2")),
            _ => Ok(()),
        }
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::recipe::Recipe;

    const FILE: &str = include_str!("../../recipes/exact.toml");

    fn refuse(piece: &str, with: &str) -> String {
        assert!(FILE.contains(piece), "the recipe has no {piece}");
        Recipe::parse(&FILE.replace(piece, with), Path::new("x.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_file_is_the_default() {
        assert_eq!(DualRecipe::parse(FILE, Path::new("exact.toml")).unwrap(), DualRecipe::default());
        assert_eq!(Recipe::named("exact"), Some(Recipe::dual()));
    }

    #[test]
    fn recipes_round_trip() {
        let base = DualRecipe::default();
        let train = &base.train;
        for train in [
            DualSettings { loss: Loss::Svm { margin: 0.5 }, tolerance: 1e-5, ..train.clone() },
            DualSettings { reg: path::Reg::Auto, folds: Some(4), ..train.clone() },
            DualSettings { reg: path::Reg::List(vec![0.1, 1e-3]), max_epochs: 7, ..train.clone() },
        ] {
            let recipe = Recipe::Dual(DualRecipe { seed: 3, validation: Some(9), train, ..base.clone() });
            let Recipe::Dual(exact) = &recipe else { unreachable!() };
            assert_eq!(Recipe::parse(&exact.to_toml(), Path::new("x.toml")).unwrap(), recipe);
            let json = serde_json::to_value(exact).unwrap();
            assert_eq!(Recipe::from_settings(&json), Some(recipe));
        }
    }

    #[test]
    fn a_whole_number_and_a_list_are_regularisations() {
        let reg = |text| {
            DualRecipe::parse(&FILE.replace("reg = 1e-4", text), Path::new("x.toml")).unwrap().train.reg
        };
        assert_eq!(reg("reg = 1"), path::Reg::Given(1.0));
        assert_eq!(reg("reg = [1, 0.5]"), path::Reg::List(vec![1.0, 0.5]));
        assert_eq!(reg("reg = \"auto\""), path::Reg::Auto);
    }

    #[test]
    fn invalid_settings_are_rejected_by_name() {
        for (piece, with, words) in [
            ("reg = 1e-4", "reg = 0", "reg 0; expected a finite number above 0"),
            ("reg = 1e-4", "reg = []", "regs []; expected at least one"),
            ("reg = 1e-4", "reg = [0.1, 0.2]", "each smaller than the one before"),
            ("reg = 1e-4", "reg = \"none\"", "line 14: "),
            ("reg = 1e-4", "reg = 1e-4\nfolds = 3", "folds 3; expected none if reg is given"),
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
