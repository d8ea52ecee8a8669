//! The hyperparameters of training, independent of the model.

use serde::{Deserialize, Serialize};

use super::Validation;
use crate::augment::Augment;
use crate::loss::Loss;
use crate::network::Dropout;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;
use crate::{Error, Result};

/// How a model is trained. [`Settings::default`], [`Settings::linear`] and [`Settings::lecture`] are starting points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The loss that is minimised, apart from the regularisation.
    pub loss: Loss,
    /// The coefficient of Σ W², over weight matrices, in the loss.
    pub reg: f32,
    /// B, the number of examples of a batch.
    pub batch: usize,
    /// The length of the training, and how batches are drawn.
    pub length: Length,
    /// Whether every epoch goes through the examples in a new random order, rather than in the order of the data.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub shuffle: bool,
    /// The step size.
    pub learning_rate: f32,
    /// How the learning rate changes during training.
    #[serde(default)]
    pub schedule: Schedule,
    /// The rule that turns a gradient into an update.
    #[serde(default = "plain")]
    pub optimizer: Optimizer,
    /// Run a validation check every this many steps; by default after every epoch, or every 100 iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate_every: Option<usize>,
    /// Early stopping: stop after this many validation checks without improvement and restore the weights of the best
    /// check. These weights are also the result of a training that runs to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// The metric that [`patience`](Settings::patience) compares.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stop_by: StopBy,
    /// c, the maximum norm of the gradient g with respect to all parameters together: if ‖g‖ > c, the step uses `c · g
    /// / ‖g‖` instead (Pascanu, Mikolov and Bengio 2013).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f32>,
    /// The probability that a hidden unit is dropped in a step: [`Dropout`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub dropout: f32,
    /// The probability that an input is dropped in a step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub input_dropout: f32,
    /// ε of label smoothing, for softmax only: [`Objective::label_smoothing`](crate::loss::Objective).
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_smoothing: f32,
    /// β, the decay of the moving average of the weights, which is validated and kept instead of the weights: [`moving
    /// average`](crate::train#a-moving-average-of-the-weights).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f32>,
    /// The number of frozen layers: this many of the first trainable layers keep their initial weights.
    #[serde(default, skip_serializing_if = "is_default")]
    pub frozen: usize,
    /// The augmentation of the training images.
    #[serde(default, skip_serializing_if = "Augment::is_none")]
    pub augment: Augment,
}

/// The metric of early stopping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopBy {
    /// The accuracy on the validation set: more is better.
    #[default]
    Accuracy,
    /// The mean loss on the validation set: less is better. It also reflects how confident the predictions are.
    Loss,
}

impl StopBy {
    /// The early-stopping rule as text.
    fn in_words(self, patience: usize) -> String {
        let metric = match self {
            StopBy::Accuracy => "accuracy",
            StopBy::Loss => "loss",
        };
        match patience {
            1 => format!("after 1 validation check without a better {metric}"),
            _ => format!("after {patience} validation checks without a better {metric}"),
        }
    }

    /// Whether a check is better than the best one so far. A NaN loss never is.
    pub(super) fn is_better(self, check: &Validation, best: &Validation) -> bool {
        match self {
            StopBy::Accuracy => check.validation_accuracy > best.validation_accuracy,
            StopBy::Loss => check.validation_loss < best.validation_loss,
        }
    }
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The length of training. The unit also determines how batches are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Length {
    /// A number of batches, each drawn at random with replacement, as in the lecture.
    Iterations(usize),
    /// A number of epochs: passes through all examples, newly shuffled each time.
    Epochs(usize),
    /// At least this many epochs, and at least `steps` steps: a small data set needs more passes, since the number of
    /// updates limits how far the weights can move.
    #[serde(rename = "at-least")]
    AtLeast {
        /// The smallest number of epochs.
        epochs: usize,
        /// The smallest number of steps.
        steps: usize,
    },
}

impl Length {
    /// The number of epochs, each of `steps_per_epoch` steps; `None` for random batches, which have no epochs.
    pub fn epochs(self, steps_per_epoch: usize) -> Option<usize> {
        match self {
            Length::Iterations(_) => None,
            Length::Epochs(epochs) => Some(epochs),
            Length::AtLeast { epochs, steps } => Some(epochs.max(steps.div_ceil(steps_per_epoch.max(1)))),
        }
    }
}

fn plain() -> Optimizer {
    Optimizer::PLAIN
}

impl Default for Settings {
    /// Softmax cross-entropy with momentum and a learning rate that decays to zero: chosen on MNIST's validation set.
    fn default() -> Self {
        Settings {
            loss: Loss::Softmax,
            reg: 1e-5,
            batch: 64,
            length: Length::AtLeast { epochs: 8, steps: 1000 },
            shuffle: true,
            learning_rate: 0.1,
            schedule: Schedule::LinearToZero,
            optimizer: Optimizer::Sgd { momentum: 0.9 },
            validate_every: None,
            patience: None,
            stop_by: StopBy::Accuracy,
            clip: None,
            dropout: 0.0,
            input_dropout: 0.0,
            label_smoothing: 0.0,
            ema: None,
            frozen: 0,
            augment: Augment::default(),
        }
    }
}

impl Settings {
    /// For the linear classifier: the SVM loss with momentum and a learning rate that decays to zero. Chosen on MNIST's
    /// validation set.
    pub fn linear() -> Self {
        Settings {
            loss: Loss::SVM,
            reg: 1e-4,
            batch: 200,
            length: Length::AtLeast { epochs: 15, steps: 1000 },
            learning_rate: 0.05,
            schedule: Schedule::LinearToZero,
            optimizer: Optimizer::Sgd { momentum: 0.9 },
            ..Settings::default()
        }
    }

    /// The settings of the lecture's script: SVM loss, 1,500 iterations of 20 examples, reg 1e-5, step size 0.1.
    pub fn lecture() -> Self {
        Settings {
            loss: Loss::SVM,
            reg: 1e-5,
            batch: 20,
            length: Length::Iterations(1500),
            learning_rate: 0.1,
            schedule: Schedule::Constant,
            optimizer: Optimizer::PLAIN,
            ..Settings::default()
        }
    }

    /// The default arguments of the lecture's `train_nn`: step size 0.01, reg 1e-3, 100 iterations of 20 examples.
    pub fn lecture_train_nn() -> Self {
        Settings { reg: 1e-3, length: Length::Iterations(100), learning_rate: 0.01, ..Settings::lecture() }
    }

    /// T, the number of steps of a training on this many examples, if nothing ends it early.
    pub fn steps(&self, examples: usize) -> usize {
        let steps_per_epoch = examples.div_ceil(self.batch.min(examples).max(1));
        match (self.length, self.length.epochs(steps_per_epoch)) {
            (_, Some(epochs)) => epochs.saturating_mul(steps_per_epoch),
            (Length::Iterations(steps), None) => steps,
            (_, None) => unreachable!("only random batches have no epochs"),
        }
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first invalid setting.
    pub fn validate(&self) -> Result<()> {
        self.loss.validate()?;
        self.optimizer.validate()?;
        self.schedule.validate()?;
        Dropout::validate("dropout", self.dropout)?;
        Dropout::validate("input dropout", self.input_dropout)?;
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let expected = "at least 0 and below 1, such as 0.1";
            return Err(Error::setting("label smoothing", self.label_smoothing, expected));
        }
        if self.label_smoothing > 0.0 && self.loss != Loss::Softmax {
            let expected = "0 for the SVM loss, which has no probabilities to smooth";
            return Err(Error::setting("label smoothing", self.label_smoothing, expected));
        }
        if let Some(ema) = self.ema.filter(|ema| !(*ema > 0.0 && *ema < 1.0)) {
            return Err(Error::setting("ema", ema, "a decay above 0 and below 1, such as 0.999"));
        }
        self.augment.validate()?;
        if let Some(clip) = self.clip.filter(|clip| !(clip.is_finite() && *clip > 0.0)) {
            return Err(Error::setting("clip", clip, "a finite norm above 0, such as 1"));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::setting(
                "learning rate",
                self.learning_rate,
                "a finite number above 0, such as 0.1",
            ));
        }
        if !(self.reg.is_finite() && self.reg >= 0.0) {
            return Err(Error::setting("reg", self.reg, "a finite number, 0 or more, such as 1e-5"));
        }
        let counts = [
            ("batch", Some(self.batch)),
            ("validate-every", self.validate_every),
            ("patience", self.patience),
            match self.length {
                Length::Iterations(n) => ("iterations", Some(n)),
                Length::Epochs(n) | Length::AtLeast { epochs: n, .. } => ("epochs", Some(n)),
            },
        ];
        match counts.into_iter().find(|(_, count)| *count == Some(0)) {
            Some((name, _)) => Err(Error::setting(name, 0, "at least 1")),
            None => Ok(()),
        }
    }

    /// The settings in readable form, as pairs of name and value.
    pub fn describe(&self) -> Vec<(String, String)> {
        let length = match self.length {
            Length::Iterations(n) => format!("{} random batches", crate::text::thousands(n)),
            Length::Epochs(1) => "1 epoch".to_owned(),
            Length::Epochs(n) => format!("{n} epochs"),
            Length::AtLeast { epochs, steps } => {
                format!("{epochs} epochs, or enough for {} steps", crate::text::thousands(steps))
            }
        };
        let mut words = vec![
            ("loss", self.loss.to_string()),
            ("learning rate", format!("{}, {}", self.learning_rate, self.schedule)),
            ("optimizer", self.optimizer.to_string()),
            ("batch", self.batch.to_string()),
            ("length", length),
            ("reg", format!("{:e}", self.reg)),
        ];
        let more = [
            ("label smoothing", (self.label_smoothing > 0.0).then(|| self.label_smoothing.to_string())),
            ("dropout", (self.dropout > 0.0).then(|| self.dropout.to_string())),
            ("input dropout", (self.input_dropout > 0.0).then(|| self.input_dropout.to_string())),
            ("gradients clipped to", self.clip.map(|clip| clip.to_string())),
            ("moving average of the weights", self.ema.map(|ema| format!("decay {ema}"))),
            ("layers that keep their weights", (self.frozen > 0).then(|| self.frozen.to_string())),
            ("order", (!self.shuffle).then(|| "that of the data".to_owned())),
            ("augmentation", (!self.augment.is_none()).then(|| self.augment.to_string())),
            ("early stopping", self.patience.map(|patience| self.stop_by.in_words(patience))),
        ];
        words.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
        words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_learning_rates_are_rejected() {
        for learning_rate in [0.0, -0.1, f32::NAN, f32::INFINITY] {
            let error = Settings { learning_rate, ..Settings::lecture() }.validate().unwrap_err().to_string();
            assert!(error.starts_with("learning rate is"), "{error}");
        }
    }

    #[test]
    fn invalid_values_are_rejected_by_name() {
        let base = Settings::default();
        for (settings, name) in [
            (Settings { batch: 0, ..base }, "batch is 0"),
            (Settings { patience: Some(0), ..base }, "patience is 0"),
            (Settings { length: Length::Epochs(0), ..base }, "epochs is 0"),
            (Settings { clip: Some(0.0), ..base }, "clip is 0"),
            (Settings { dropout: 1.0, ..base }, "dropout is 1"),
            (Settings { input_dropout: -0.1, ..base }, "input dropout is -0.1"),
            (Settings { label_smoothing: 1.0, ..base }, "label smoothing is 1"),
            (Settings { ema: Some(1.0), ..base }, "ema is 1"),
            (Settings { ema: Some(f32::NAN), ..base }, "ema is NaN"),
            (Settings { augment: Augment { scale: 1.0, ..base.augment }, ..base }, "augment.scale is 1"),
            (
                Settings { label_smoothing: 0.1, ..Settings::lecture() },
                "label smoothing is 0.1; expected 0 for",
            ),
        ] {
            assert!(settings.validate().unwrap_err().to_string().starts_with(name), "{name}");
        }
    }
}
