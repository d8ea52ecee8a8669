//! Options of gradient descent: the loss and the length of training ([`GradientDescentArgs`]), and optimizer,
//! learning-rate schedule and regularisation ([`RefinementArgs`]).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tercet::linear::path::Reg;
use tercet::loss::Loss;
use tercet::optimizer::Optimizer;
use tercet::recipe::{ByData, GradientDescentRecipe};
use tercet::schedule::Schedule;
use tercet::train::{ClassWeights, Length, Settings, StopBy};

use crate::args::split::{SeedArgs, SplitArgs};
use crate::exit;

/// The default learning rate of Adam and AdamW: that of the paper. Their steps are about as long as the
/// learning rate, whatever the gradient, so the default for momentum would be far too large.
const ADAM_LEARNING_RATE: f32 = 1e-3;

/// The loss and the length of training. The defaults depend on the kind.
#[derive(Args)]
pub struct GradientDescentArgs {
    /// Loss function [default: svm for a linear classifier of pixels, or else softmax]
    #[arg(long, value_enum)]
    pub loss: Option<LossName>,
    /// Margin Δ of the SVM loss [default: 1]
    #[arg(long, value_name = "Δ", allow_negative_numbers = true)]
    pub margin: Option<f32>,
    /// Learning rate
    #[arg(long, visible_alias = "learning-rate", allow_negative_numbers = true)]
    pub lr: Option<f32>,
    /// Regularisation strength: the coefficient of Σ W² in the loss [default: 1e-5, or 1e-4 for a
    /// linear classifier; 1/N for N examples of standardised features]. With `--solver dual`, `auto`
    /// or a list chooses it by the validation accuracy
    #[arg(long, allow_negative_numbers = true, value_name = "REG|auto|REG,…")]
    pub reg: Option<Reg>,
    /// Batch size
    #[arg(long, visible_alias = "batch-size", value_name = "B")]
    pub batch: Option<usize>,
    /// Train for N passes over the training set, in random order
    #[arg(long, conflicts_with = "iterations", value_name = "N")]
    pub epochs: Option<usize>,
    /// Train for N batches drawn at random, as in the lecture
    #[arg(long, value_name = "N")]
    pub iterations: Option<usize>,
    /// Validate every N steps [default: every epoch, or every 100 iterations]
    #[arg(long, value_name = "N")]
    pub validate_every: Option<usize>,
    /// Write the loss of every step to a CSV file
    #[arg(long, value_name = "FILE.csv")]
    pub losses: Option<PathBuf>,
    /// Weight of each training example in the loss: a file with one number per line
    #[arg(long, value_name = "FILE")]
    pub sample_weights: Option<PathBuf>,
    #[command(flatten)]
    pub split: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    #[command(flatten)]
    pub refinements: RefinementArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LossName {
    Svm,
    Softmax,
}

impl GradientDescentArgs {
    /// The recipe `base`, changed by these options.
    pub fn recipe(&self, base: GradientDescentRecipe) -> anyhow::Result<GradientDescentRecipe> {
        let train = self.settings(base.train)?;
        let class_weights = self.refinements.class_weights(base.class_weights.clone());
        let (seed, validation) = (self.seed.seed, self.split.validation);
        let by_data = ByData {
            loss: base.by_data.loss && self.loss.is_none() && self.margin.is_none(),
            reg: base.by_data.reg && self.reg.is_none(),
        };
        Ok(GradientDescentRecipe { seed, validation, class_weights, train, by_data, ..base })
    }

    /// The loss: the given one, or that of `base`, with the given margin.
    pub fn loss(&self, base: Loss) -> anyhow::Result<Loss> {
        Ok(match (self.loss, self.margin) {
            (Some(LossName::Softmax), Some(_)) => {
                return Err(exit::usage("--margin belongs to the SVM loss: leave it out, or use --loss svm"));
            }
            (Some(LossName::Softmax), None) => Loss::Softmax,
            (Some(LossName::Svm), margin) => Loss::Svm { margin: margin.unwrap_or(1.0) },
            (None, Some(margin)) => match base {
                Loss::Svm { .. } => Loss::Svm { margin },
                Loss::Softmax => return Err(exit::usage("--margin belongs to the SVM loss: add --loss svm")),
            },
            (None, None) => base,
        })
    }

    /// The settings `base`, changed by these options.
    fn settings(&self, base: Settings) -> anyhow::Result<Settings> {
        let settings = Settings {
            loss: self.loss(base.loss)?,
            reg: match &self.reg {
                Some(Reg::Given(reg)) => *reg,
                Some(choice) => {
                    return Err(exit::usage(format!(
                        "--reg {choice} belongs to the exact solver: use `train linear --solver dual`, or \
                         give a number"
                    )));
                }
                None => base.reg,
            },
            batch: self.batch.unwrap_or(base.batch),
            length: self
                .epochs
                .map(Length::Epochs)
                .or(self.iterations.map(Length::Iterations))
                .unwrap_or(base.length),
            learning_rate: self.lr.unwrap_or(base.learning_rate),
            validate_every: self.validate_every.or(base.validate_every),
            ..base
        };
        self.refinements.over(settings, self.lr.is_some())
    }
}

/// Optimizer, learning-rate schedule and regularisation. All of it is off by default.
#[derive(Args)]
pub struct RefinementArgs {
    /// Optimizer; adam and adamw have a default learning rate of 0.001
    #[arg(long, value_enum, help_heading = "Optimizer and schedule")]
    optimizer: Option<OptimizerName>,
    /// Momentum, from 0 to below 1
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "μ")]
    momentum: Option<f32>,
    /// Decay rate of Adam's mean gradient [default: 0.9]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "β1")]
    beta1: Option<f32>,
    /// Decay rate of Adam's mean squared gradient [default: 0.999]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "β2")]
    beta2: Option<f32>,
    /// Term that keeps Adam's denominator away from 0 [default: 1e-8]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "ε")]
    epsilon: Option<f32>,
    /// Decoupled weight decay of AdamW, as a multiple of the learning rate [default: 0.01]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "λ")]
    weight_decay: Option<f32>,
    /// Clip gradients to this norm
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "NORM")]
    clip: Option<f32>,
    /// Learning-rate schedule
    #[arg(long, value_enum, help_heading = "Optimizer and schedule")]
    schedule: Option<ScheduleName>,
    /// Steps between drops of the step schedule
    #[arg(long, help_heading = "Optimizer and schedule", value_name = "N")]
    step_every: Option<usize>,
    /// Factor of each drop of the step schedule [default: 0.1]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "γ")]
    gamma: Option<f32>,
    /// Fraction of the steps in which the one-cycle schedule rises [default: 0.3]
    #[arg(
        long,
        allow_negative_numbers = true,
        help_heading = "Optimizer and schedule",
        value_name = "FRACTION"
    )]
    warmup: Option<f32>,
    /// Final learning rate of the exponential [default: 0.01] and one-cycle [default: 4e-6] schedules,
    /// as a fraction of the largest
    #[arg(
        long,
        allow_negative_numbers = true,
        help_heading = "Optimizer and schedule",
        value_name = "FRACTION"
    )]
    last: Option<f32>,

    /// Dropout probability of hidden units
    #[arg(long, allow_negative_numbers = true, help_heading = "Regularisation", value_name = "P")]
    dropout: Option<f32>,
    /// Dropout probability of inputs
    #[arg(long, allow_negative_numbers = true, help_heading = "Regularisation", value_name = "P")]
    input_dropout: Option<f32>,
    /// Keep an exponential moving average of the weights with this decay, such as 0.999, and evaluate
    /// and save the average
    #[arg(long, allow_negative_numbers = true, help_heading = "Regularisation", value_name = "β")]
    ema: Option<f32>,
    /// Label smoothing for softmax: the share of each label that is spread over all classes
    #[arg(long, allow_negative_numbers = true, help_heading = "Regularisation", value_name = "ε")]
    label_smoothing: Option<f32>,
    /// Early stopping: stop after N validation checks without improvement and restore the best weights
    #[arg(long, help_heading = "Regularisation", value_name = "N")]
    patience: Option<usize>,
    /// Metric of early stopping [default: accuracy]
    #[arg(long, value_enum, help_heading = "Regularisation", value_name = "METRIC")]
    stop_by: Option<StopByName>,
    /// Class weights in the loss: equal, balanced, or one number per class
    #[arg(
        long,
        allow_hyphen_values = true,
        help_heading = "Regularisation",
        value_name = "equal|balanced|W0,W1,…"
    )]
    class_weights: Option<ClassWeights>,
}

impl RefinementArgs {
    /// The name of every option, and whether it was given.
    pub fn given(&self) -> [(&'static str, bool); 18] {
        [
            ("--optimizer", self.optimizer.is_some()),
            ("--momentum", self.momentum.is_some()),
            ("--beta1", self.beta1.is_some()),
            ("--beta2", self.beta2.is_some()),
            ("--epsilon", self.epsilon.is_some()),
            ("--weight-decay", self.weight_decay.is_some()),
            ("--clip", self.clip.is_some()),
            ("--schedule", self.schedule.is_some()),
            ("--step-every", self.step_every.is_some()),
            ("--gamma", self.gamma.is_some()),
            ("--warmup", self.warmup.is_some()),
            ("--last", self.last.is_some()),
            ("--dropout", self.dropout.is_some()),
            ("--input-dropout", self.input_dropout.is_some()),
            ("--ema", self.ema.is_some()),
            ("--label-smoothing", self.label_smoothing.is_some()),
            ("--patience", self.patience.is_some() || self.stop_by.is_some()),
            ("--class-weights", self.class_weights.is_some()),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum OptimizerName {
    /// Stochastic gradient descent, with --momentum if given
    Sgd,
    /// SGD with Nesterov momentum
    Nesterov,
    /// Adam
    Adam,
    /// Adam with decoupled weight decay
    #[value(name = "adamw")]
    AdamW,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum ScheduleName {
    /// Constant learning rate
    Constant,
    /// Linear decay to zero
    LinearToZero,
    /// Cosine decay to zero
    Cosine,
    /// Multiplied by --gamma every --step-every steps
    Step,
    /// Exponential decay
    Exponential,
    /// A rise, then cosine decay to almost zero
    OneCycle,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum StopByName {
    Accuracy,
    Loss,
}

impl RefinementArgs {
    /// The class weights, or those of the recipe.
    pub fn class_weights(&self, base: ClassWeights) -> ClassWeights {
        self.class_weights.clone().unwrap_or(base)
    }

    /// The settings `base`, changed by these options. `rate_given` says whether its learning rate is that of
    /// `--lr`.
    pub fn over(&self, base: Settings, rate_given: bool) -> anyhow::Result<Settings> {
        let optimizer = self.optimizer(base.optimizer)?;
        let adam = matches!(optimizer, Optimizer::Adam { .. } | Optimizer::AdamW { .. });
        if self.stop_by.is_some() && self.patience.or(base.patience).is_none() {
            return Err(exit::usage("--stop-by belongs to --patience: add that, or leave --stop-by out"));
        }
        Ok(Settings {
            optimizer,
            schedule: self.schedule(base.schedule)?,
            learning_rate: if adam && !rate_given { ADAM_LEARNING_RATE } else { base.learning_rate },
            clip: self.clip.or(base.clip),
            dropout: self.dropout.unwrap_or(base.dropout),
            input_dropout: self.input_dropout.unwrap_or(base.input_dropout),
            ema: self.ema.or(base.ema),
            label_smoothing: self.label_smoothing.unwrap_or(base.label_smoothing),
            patience: self.patience.or(base.patience),
            stop_by: self.stop_by.map_or(base.stop_by, |name| match name {
                StopByName::Accuracy => StopBy::Accuracy,
                StopByName::Loss => StopBy::Loss,
            }),
            ..base
        })
    }

    fn optimizer(&self, base: Optimizer) -> anyhow::Result<Optimizer> {
        use OptimizerName as Name;
        let name = self.optimizer;
        let of_momentum = matches!(name, None | Some(Name::Sgd | Name::Nesterov));
        let of_adam = matches!(name, Some(Name::Adam | Name::AdamW));
        for (option, given, fits, remedy) in [
            ("--momentum", self.momentum.is_some(), of_momentum, "sgd and nesterov; Adam has --beta1"),
            ("--beta1", self.beta1.is_some(), of_adam, "adam and adamw: add --optimizer adam"),
            ("--beta2", self.beta2.is_some(), of_adam, "adam and adamw: add --optimizer adam"),
            ("--epsilon", self.epsilon.is_some(), of_adam, "adam and adamw: add --optimizer adam"),
            (
                "--weight-decay",
                self.weight_decay.is_some(),
                name == Some(Name::AdamW),
                "adamw: add --optimizer adamw, or use --reg, which regularises the loss of any optimizer",
            ),
        ] {
            if given && !fits {
                return Err(exit::usage(format!("{option} belongs to {remedy}")));
            }
        }
        let Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } = Optimizer::ADAMW else {
            return Ok(base);
        };
        let (beta1, beta2) = (self.beta1.unwrap_or(beta1), self.beta2.unwrap_or(beta2));
        let epsilon = self.epsilon.unwrap_or(epsilon);
        Ok(match name {
            None => self.momentum.map_or(base, |momentum| Optimizer::Sgd { momentum }),
            Some(Name::Sgd) => Optimizer::Sgd { momentum: self.momentum.unwrap_or(0.0) },
            Some(Name::Nesterov) => Optimizer::Nesterov { momentum: self.momentum.unwrap_or(0.9) },
            Some(Name::Adam) => Optimizer::Adam { beta1, beta2, epsilon },
            Some(Name::AdamW) => {
                let weight_decay = self.weight_decay.unwrap_or(weight_decay);
                Optimizer::AdamW { beta1, beta2, epsilon, weight_decay }
            }
        })
    }

    fn schedule(&self, base: Schedule) -> anyhow::Result<Schedule> {
        use ScheduleName as Name;
        let is = |names: &[Name]| self.schedule.is_some_and(|name| names.contains(&name));
        for (option, given, fits, remedy) in [
            ("--step-every", self.step_every.is_some(), is(&[Name::Step]), "--schedule step"),
            ("--gamma", self.gamma.is_some(), is(&[Name::Step]), "--schedule step"),
            ("--warmup", self.warmup.is_some(), is(&[Name::OneCycle]), "--schedule one-cycle"),
            (
                "--last",
                self.last.is_some(),
                is(&[Name::Exponential, Name::OneCycle]),
                "--schedule exponential or one-cycle",
            ),
        ] {
            if given && !fits {
                return Err(exit::usage(format!("{option} belongs to {remedy}: add that, or leave it out")));
            }
        }
        Ok(match self.schedule {
            None => base,
            Some(Name::Constant) => Schedule::Constant,
            Some(Name::LinearToZero) => Schedule::LinearToZero,
            Some(Name::Cosine) => Schedule::Cosine,
            Some(Name::Step) => {
                let every = self.step_every.ok_or_else(|| {
                    exit::usage("--schedule step needs --step-every, the number of steps between two drops")
                })?;
                Schedule::Step { every, gamma: self.gamma.unwrap_or(0.1) }
            }
            Some(Name::Exponential) => match (self.last, Schedule::EXPONENTIAL) {
                (Some(last), _) => Schedule::Exponential { last },
                (None, usual) => usual,
            },
            Some(Name::OneCycle) => match Schedule::ONE_CYCLE {
                Schedule::OneCycle { warmup, start, last } => Schedule::OneCycle {
                    warmup: self.warmup.unwrap_or(warmup),
                    start,
                    last: self.last.unwrap_or(last),
                },
                usual => usual,
            },
        })
    }
}
