//! The result of tuning: [`Tuning`], its [`Trial`]s, and their ranking.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::loss::Loss;
use crate::neighbors::{Metric, Vote};
use crate::network::Init;
use crate::recipe::GradientDescentRecipe;
use crate::train::Settings;
use crate::{Error, Result};

/// The result of tuning: all trials, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// The name of the data set.
    pub data: String,
    /// N, the number of examples for training and validation together.
    pub examples: usize,
    /// How settings were chosen and evaluated.
    pub plan: Plan,
    /// The planned number of trials.
    pub planned: usize,
    /// Whether all trials were completed; false if the observer stopped the tuning.
    pub complete: bool,
    /// The duration in seconds.
    pub seconds: f64,
    /// The trials, by descending accuracy. Ties are broken by fewer parameters (networks) or a smaller k (neighbours),
    /// then by the order in which they were tried. Trials that diverged come last.
    pub trials: Vec<Trial>,
}

/// One combination of settings, and its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The number of the trial, from 1.
    pub number: usize,
    /// The settings.
    pub settings: TrialSettings,
    /// The settings in readable form, as pairs of name and value.
    pub words: Vec<(String, String)>,
    /// The accuracy on each held-out part, from 0 to 1: one number, or one for each fold. For a trial that diverged,
    /// those of the folds before.
    pub accuracies: Vec<f64>,
    /// Their mean; `None` if training diverged.
    pub accuracy: Option<f64>,
    /// `s / √n`, with s the standard deviation of n accuracies (n − 1 in its denominator); `None` for fewer than two.
    pub standard_error: Option<f64>,
    /// The mean loss on the held-out parts, without the regularisation, so that trials with different reg are
    /// comparable. `None` for neighbours, which have no loss, and if it is not finite.
    pub loss: Option<f64>,
    /// The number of trainable parameters; `None` for neighbours.
    pub parameters: Option<usize>,
    /// The duration in seconds. One search serves many trials of neighbours, and its duration is divided equally among
    /// them.
    pub seconds: f64,
    /// Where training diverged, if it did.
    pub diverged: Option<Divergence>,
}

/// The settings of a trial: sufficient for training with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialSettings {
    /// A network, or a linear classifier.
    Network {
        /// The hidden sizes, none for a linear classifier.
        hidden: Vec<usize>,
        /// The initial weights. A linear classifier starts from zeros instead.
        init: Init,
        /// The training settings.
        training: Settings,
    },
    /// A whole recipe.
    Recipe {
        /// The keys that were varied, and their values.
        set: Vec<(String, Value)>,
        /// The complete recipe.
        recipe: Box<GradientDescentRecipe>,
    },
    /// Nearest neighbours.
    Neighbors {
        /// The number of neighbours.
        k: usize,
        /// The distance metric.
        metric: Metric,
        /// The weights of the neighbours' votes.
        vote: Vote,
    },
}

/// Where a training diverged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The step, counted from 1.
    pub step: usize,
    /// The fold, counted from 1; `None` if there was only one split.
    pub fold: Option<usize>,
}

/// The value of one setting of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Something with a name.
    Name(String),
}

impl Tuning {
    /// The best trial; `None` if every training diverged or no trial was completed.
    pub fn best(&self) -> Option<&Trial> {
        self.trials.first().filter(|trial| trial.accuracy.is_some())
    }

    /// The complete result as JSON.
    ///
    /// # Errors
    /// None that can occur with numbers from tuning.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Error::mismatch("numbers of the tuning", error, "ones that JSON can hold"))
    }

    /// The names of the settings that differ between trials.
    pub fn tuned(&self) -> Vec<String> {
        let all: Vec<Vec<(String, Value)>> =
            self.trials.iter().map(|trial| trial.settings.values()).collect();
        let Some(first) = all.first() else { return Vec::new() };
        first
            .iter()
            .filter(|(name, value)| all.iter().any(|v| v.iter().any(|(n, v)| n == name && v != value)))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl Trial {
    /// A trial from the accuracies and losses of its held-out parts.
    pub(super) fn new(number: usize, settings: TrialSettings, accuracies: Vec<f64>, losses: &[f64]) -> Self {
        let loss = mean(losses).filter(|loss| loss.is_finite());
        Trial {
            number,
            words: settings.words(),
            settings,
            accuracy: mean(&accuracies),
            standard_error: standard_error(&accuracies),
            accuracies,
            loss,
            parameters: None,
            seconds: 0.0,
            diverged: None,
        }
    }

    /// The settings in one line: `hidden 36, batch 20, …`.
    pub fn describe(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|(name, value)| format!("{name} {value}")).collect();
        words.join(", ")
    }

    /// The ranking described at [`Tuning::trials`].
    pub(super) fn better_first(&self, other: &Trial) -> Ordering {
        // Below every accuracy.
        let accuracy = |trial: &Trial| trial.accuracy.unwrap_or(-1.0);
        let size = |trial: &Trial| match trial.settings {
            TrialSettings::Neighbors { k, .. } => k,
            TrialSettings::Network { .. } | TrialSettings::Recipe { .. } => trial.parameters.unwrap_or(0),
        };
        accuracy(other)
            .total_cmp(&accuracy(self))
            .then(size(self).cmp(&size(other)))
            .then(self.number.cmp(&other.number))
    }
}

impl TrialSettings {
    /// The values of all settings that a space has an axis for, as pairs of name and value.
    pub fn values(&self) -> Vec<(String, Value)> {
        let values = match self {
            TrialSettings::Recipe { set, .. } => return set.clone(),
            TrialSettings::Network { hidden, training, .. } => {
                let mut values = vec![
                    ("hidden", Value::Name(hidden_name(hidden))),
                    ("batch", Value::Number(training.batch as f64)),
                ];
                if let Loss::Svm { margin } = training.loss {
                    values.push(("margin", Value::Number(shortest(margin))));
                }
                values.push(("reg", Value::Number(shortest(training.reg))));
                values.push(("learning rate", Value::Number(shortest(training.learning_rate))));
                values
            }
            TrialSettings::Neighbors { k, metric, vote } => vec![
                ("metric", Value::Name(metric.to_string())),
                ("vote", Value::Name(vote.to_string())),
                ("k", Value::Number(*k as f64)),
            ],
        };
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn words(&self) -> Vec<(String, String)> {
        self.values().into_iter().map(|(name, value)| (name, value.to_string())).collect()
    }
}

impl std::fmt::Display for Value {
    /// Numbers are rounded to three digits, unless they are integers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Name(name) => f.pad(name),
            Value::Number(v) if v.fract() == 0.0 && v.abs() < 1e9 => {
                f.pad(&crate::text::thousands(*v as usize))
            }
            Value::Number(v) => {
                let rounded: f64 = format!("{v:.2e}").parse().unwrap_or(*v);
                let plain = (1e-3..1e6).contains(&rounded.abs());
                f.pad(&if plain { format!("{rounded}") } else { format!("{rounded:e}") })
            }
        }
    }
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "diverged at step {}", crate::text::thousands(self.step))?;
        self.fold.map_or(Ok(()), |fold| write!(f, " of fold {fold}"))
    }
}

/// "256 × 64", and "none" for a linear classifier.
fn hidden_name(hidden: &[usize]) -> String {
    if hidden.is_empty() {
        return "none".to_owned();
    }
    hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")
}

/// 0.1 for 0.1f32, where a plain conversion gives 0.10000000149.
fn shortest(v: f32) -> f64 {
    v.to_string().parse().unwrap_or(f64::from(v))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn standard_error(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = mean(values).filter(|_| values.len() >= 2)?;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbors(number: usize, k: usize, accuracies: &[f64]) -> Trial {
        let settings = TrialSettings::Neighbors { k, metric: Metric::L2, vote: Vote::Uniform };
        Trial::new(number, settings, accuracies.to_vec(), &[])
    }

    #[test]
    fn the_mean_and_its_standard_error_are_those_of_the_folds() {
        let trial = neighbors(1, 3, &[0.8, 0.9, 1.0]);
        assert!((trial.accuracy.unwrap() - 0.9).abs() < 1e-15);
        // s = 0.1, n = 3.
        assert!((trial.standard_error.unwrap() - 0.1 / 3f64.sqrt()).abs() < 1e-15);
        assert_eq!(neighbors(1, 3, &[0.8]).standard_error, None);
        assert_eq!(neighbors(1, 3, &[]).accuracy, None);
    }

    #[test]
    fn ties_go_to_the_smaller_model_and_then_to_the_first() {
        let mut trials = [
            neighbors(1, 5, &[0.9]),
            neighbors(2, 3, &[0.9]),
            neighbors(3, 1, &[]),
            neighbors(4, 3, &[0.9]),
            neighbors(5, 9, &[0.95]),
            neighbors(6, 1, &[0.0]),
        ];
        trials.sort_by(Trial::better_first);
        assert_eq!(trials.map(|trial| trial.number), [5, 2, 4, 1, 6, 3]);
    }

    #[test]
    fn values_are_printed_readably() {
        let number = |v| Value::Number(v).to_string();
        assert_eq!([0.1, 1e-5, 0.0123456, 20.0, 2e-7].map(number), ["0.1", "1e-5", "0.0123", "20", "2e-7"]);
        assert_eq!([hidden_name(&[]), hidden_name(&[256, 64])], ["none", "256 × 64"]);
        assert_eq!(Divergence { step: 1200, fold: Some(2) }.to_string(), "diverged at step 1,200 of fold 2");
    }
}
