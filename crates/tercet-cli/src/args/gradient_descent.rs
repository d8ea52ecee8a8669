//! Gradient descent from the command line: its plain settings ([`Descent`]), and what may be added to them
//! ([`Refinements`]): optimizer, schedule, and what keeps a model from learning by heart.

use std::path::PathBuf;

use clap::ValueEnum;
use tercet::linear::path::Reg;
use tercet::loss::Loss;
use tercet::optimizer::Optimizer;
use tercet::recipe::GradientDescentRecipe;
use tercet::schedule::Schedule;
use tercet::train::{ClassWeights, Length, Settings, StopBy};

use crate::args::split::{SeedArgs, SplitArgs};
use crate::exit;

/// The learning rate of Adam and AdamW where none is given: that of Adam's paper. Steps of theirs are about as long as
/// the learning rate, whatever the gradient, and those of the defaults for momentum are far too long.
const RATE_OF_ADAM: f32 = 1e-3;

/// The settings of gradient descent. Those not given are the defaults of the kind.
#[derive(clap::Args)]
pub struct GradientDescentArgs {
    /// The loss
    #[arg(long, value_enum)]
    pub loss: Option<LossName>,
    /// Δ of the SVM loss [default: 1]
    #[arg(long, value_name = "Δ", allow_negative_numbers = true)]
    pub margin: Option<f32>,
    /// The learning rate
    #[arg(long, visible_alias = "learning-rate", allow_negative_numbers = true)]
    pub lr: Option<f32>,
    /// The coefficient of Σ W² in the loss; `auto`, or a list, lets the exact solver of a linear classifier choose it
    #[arg(long, allow_negative_numbers = true, value_name = "REG|auto|REG,…")]
    pub reg: Option<Reg>,
    /// Examples of a batch
    #[arg(long)]
    pub batch: Option<usize>,
    /// Go through all examples so many times, in random order
    #[arg(long, conflicts_with = "iterations")]
    pub epochs: Option<usize>,
    /// Draw so many batches at random, as the lecture does
    #[arg(long)]
    pub iterations: Option<usize>,
    /// Look at the validation set after so many steps
    #[arg(long, value_name = "STEPS")]
    pub check_every: Option<usize>,
    /// Write the loss of every step to a CSV file
    #[arg(long, value_name = "FILE.csv")]
    pub losses: Option<PathBuf>,
    /// The weight of each training example, which its loss is multiplied by: a file with one number a line
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    #[command(flatten)]
    pub validation: SplitArgs,
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
    /// What was given here over what `base` says.
    pub fn recipe(&self, base: GradientDescentRecipe) -> anyhow::Result<GradientDescentRecipe> {
        let train = self.settings(base.train)?;
        let class_weights = self.refinements.class_weights(base.class_weights.clone());
        let (seed, validation) = (self.seed.seed, self.validation.validation);
        Ok(GradientDescentRecipe { seed, validation, class_weights, train, ..base })
    }

    /// The loss that was asked for, or that of `base` with the margin that was.
    pub fn loss(&self, base: Loss) -> anyhow::Result<Loss> {
        Ok(match (self.loss, self.margin) {
            (Some(LossName::Softmax), Some(_)) => {
                return Err(exit::usage("--margin belongs to the SVM loss: leave it out, or say --loss svm"));
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

    /// These settings over those of `base`.
    fn settings(&self, base: Settings) -> anyhow::Result<Settings> {
        let settings = Settings {
            loss: self.loss(base.loss)?,
            reg: match &self.reg {
                Some(Reg::Given(reg)) => *reg,
                Some(choice) => {
                    return Err(exit::usage(format!(
                        "--reg {choice} belongs to the exact solver: say `train linear --solver dual`, or give a number"
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
            check_every: self.check_every.or(base.check_every),
            ..base
        };
        self.refinements.over(settings, self.lr.is_some())
    }
}

/// What may be added. Nothing of it is on unless it is asked for.
#[derive(clap::Args)]
pub struct RefinementArgs {
    /// The rule that turns gradients into steps; adam and adamw have a learning rate of 0.001 unless --lr is given
    #[arg(long, value_enum, help_heading = "Optimizer and schedule")]
    optimizer: Option<OptimizerName>,
    /// How much of the last step is taken again, 0 up to 1
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "μ")]
    momentum: Option<f32>,
    /// How much of the mean gradient of Adam stays [default: 0.9]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "β1")]
    beta1: Option<f32>,
    /// How much of the mean squared gradient of Adam stays [default: 0.999]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "β2")]
    beta2: Option<f32>,
    /// What bounds Adam's steps where gradients are all but 0 [default: 1e-8]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "ε")]
    epsilon: Option<f32>,
    /// The share, times the learning rate, that AdamW takes off every weight at every step [default: 0.01]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "λ")]
    weight_decay: Option<f32>,
    /// The largest norm of a gradient; a longer one is shortened to it
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "NORM")]
    clip: Option<f32>,
    /// How the learning rate changes on the way
    #[arg(long, value_enum, help_heading = "Optimizer and schedule")]
    schedule: Option<ScheduleName>,
    /// After how many steps the step schedule goes down a stair
    #[arg(long, help_heading = "Optimizer and schedule", value_name = "STEPS")]
    step_every: Option<usize>,
    /// By which factor each stair of the step schedule is lower [default: 0.1]
    #[arg(long, allow_negative_numbers = true, help_heading = "Optimizer and schedule", value_name = "γ")]
    gamma: Option<f32>,
    /// The share of the steps that the one-cycle schedule rises for [default: 0.3]
    #[arg(
        long,
        allow_negative_numbers = true,
        help_heading = "Optimizer and schedule",
        value_name = "SHARE"
    )]
    warmup: Option<f32>,
    /// The share of the learning rate that is left at the end of the exponential [default: 0.01] or one-cycle schedule
    /// [default: 4e-6]
    #[arg(
        long,
        allow_negative_numbers = true,
        help_heading = "Optimizer and schedule",
        value_name = "SHARE"
    )]
    last: Option<f32>,

    /// The probability that a hidden unit sits out a step
    #[arg(long, allow_negative_numbers = true, help_heading = "Against learning by heart", value_name = "P")]
    dropout: Option<f32>,
    /// The probability that an input sits out a step
    #[arg(long, allow_negative_numbers = true, help_heading = "Against learning by heart", value_name = "P")]
    input_dropout: Option<f32>,
    /// Keep a moving average of the weights with this decay, such as 0.999, and judge and save it in their place
    #[arg(long, allow_negative_numbers = true, help_heading = "Against learning by heart", value_name = "β")]
    ema: Option<f32>,
    /// How much of a label is shared among all classes, for softmax
    #[arg(long, allow_negative_numbers = true, help_heading = "Against learning by heart", value_name = "ε")]
    label_smoothing: Option<f32>,
    /// Stop after so many looks without a better one, with the best weights
    #[arg(long, value_name = "LOOKS", help_heading = "Against learning by heart")]
    patience: Option<usize>,
    /// By what --patience tells which look is better [default: accuracy]
    #[arg(long, value_enum, help_heading = "Against learning by heart")]
    stop_by: Option<StopByName>,
    /// How much the examples of each class count: equal, balanced, or a number for each
    #[arg(
        long,
        help_heading = "Against learning by heart",
        value_name = "equal|balanced|W0,W1,…",
        allow_hyphen_values = true
    )]
    class_weights: Option<ClassWeights>,
}

impl RefinementArgs {
    /// The names of all options, and whether they were given.
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
    /// Gradient descent, plain or with --momentum
    Sgd,
    /// Nesterov's momentum
    Nesterov,
    /// Steps of about the learning rate, whatever the size of the gradient
    Adam,
    /// Adam with decoupled weight decay
    #[value(name = "adamw")]
    AdamW,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum ScheduleName {
    /// The same throughout
    Constant,
    /// A straight line down to zero
    LinearToZero,
    /// Half a cosine down to zero
    Cosine,
    /// A stair, every --step-every steps lower by the factor --gamma
    Step,
    /// The same share less with each step
    Exponential,
    /// Up, then down to almost nothing
    OneCycle,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum StopByName {
    Accuracy,
    Loss,
}

impl RefinementArgs {
    /// The class weights, or those of the recipe that is added to.
    pub fn class_weights(&self, base: ClassWeights) -> ClassWeights {
        self.class_weights.clone().unwrap_or(base)
    }

    /// These over `base`, whose learning rate is what was given with `--lr` or else the default.
    pub fn over(&self, base: Settings, rate_given: bool) -> anyhow::Result<Settings> {
        let optimizer = self.optimizer(base.optimizer)?;
        let adam = matches!(optimizer, Optimizer::Adam { .. } | Optimizer::AdamW { .. });
        if self.stop_by.is_some() && self.patience.or(base.patience).is_none() {
            return Err(exit::usage(
                "--stop-by says what --patience goes by: add that, or leave --stop-by out",
            ));
        }
        Ok(Settings {
            optimizer,
            schedule: self.schedule(base.schedule)?,
            learning_rate: if adam && !rate_given { RATE_OF_ADAM } else { base.learning_rate },
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
                "adamw: add --optimizer adamw, or say --reg, which regularises the loss of any optimizer",
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
                    exit::usage("--schedule step goes down after some steps: say how many, with --step-every")
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
