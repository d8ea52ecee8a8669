//! `tercet train linear --solver dual`: the exact solver with its gap in sight, and the choice of reg.

use clap::ValueEnum;
use tercet::data::{Split, folds};
use tercet::linear::dual::{Ending, Observer, Progress, Settings, Solution, solve};
use tercet::linear::path::{self, Choice};
use tercet::model::Card;
use tercet::recipe::Exact;

use crate::args::gradient_descent::Descent;
use crate::progress::Stage;
use crate::table::percent;
use crate::{exit, interrupt};

/// Which solver, and what only the exact one understands.
#[derive(clap::Args)]
pub struct Solving {
    /// How the loss is minimised: by gradient descent, or exactly, with a proof of how near the least it is
    #[arg(long, value_enum, default_value_t = Solver::Sgd)]
    solver: Solver,
    /// Let `dual` end as soon as the objective is within this part of the least [default: 1e-3]
    #[arg(long, value_name = "PART", allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// Let `--reg auto`, or a list, be chosen by so many folds of a cross-validation instead of the validation set
    #[arg(long, value_name = "K")]
    folds: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Solver {
    Sgd,
    Dual,
}

impl Solving {
    /// The recipe for the exact solver that the arguments amount to; nothing where gradient descent is to do it.
    pub fn recipe(&self, d: &Descent) -> anyhow::Result<Option<Exact>> {
        let refuse = |given: &[(&str, bool)], why: &str| match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(exit::usage(format!("{name} {why}, or leave {name} out"))),
            None => Ok(()),
        };
        let of_dual = [("--tolerance", self.tolerance.is_some()), ("--folds", self.folds.is_some())];
        if self.solver == Solver::Sgd {
            refuse(&of_dual, "belongs to the exact solver: add --solver dual")?;
            return Ok(None);
        }
        let of_descent = [
            ("--lr", d.lr.is_some()),
            ("--batch", d.batch.is_some()),
            ("--iterations", d.iterations.is_some()),
            ("--check-every", d.check_every.is_some()),
            ("--losses", d.losses.is_some()),
            ("--weights", d.weights.is_some()),
        ];
        let why = "belongs to gradient descent: say --solver sgd";
        refuse(&of_descent, why)?;
        refuse(&d.refinements.given(), why)?;
        let mut recipe = Exact { seed: d.seed.seed, validation: d.validation.validation, ..Exact::default() };
        let train = &mut recipe.train;
        train.loss = d.loss(train.loss)?;
        train.reg = d.reg.clone().unwrap_or(train.reg.clone());
        if !train.reg.is_choice() {
            refuse(&of_dual[1..], "belongs to --reg auto: add that")?;
        }
        train.folds = self.folds;
        train.tolerance = self.tolerance.unwrap_or(train.tolerance);
        train.max_epochs = d.epochs.unwrap_or(train.max_epochs);
        recipe.validate()?;
        Ok(Some(recipe))
    }
}

/// What came of it. `None` in the place of it: Ctrl-C, before there was anything.
pub struct Outcome {
    pub solution: Solution,
    pub settings: Settings,
    pub choice: Option<Choice>,
    pub validation_accuracy: f64,
    pub validation_loss: f64,
}

/// Chooses reg where it is to be chosen, and trains.
pub fn run(recipe: &Exact, data: &Split) -> anyhow::Result<Option<Outcome>> {
    let choice = match recipe.train.reg.is_choice() {
        false => None,
        true => match choose(recipe, data)? {
            None => return Ok(None),
            choice => choice,
        },
    };
    let reg = choice.as_ref().map_or(recipe.train.reg.choices()[0], |choice| choice.reg);
    let settings = recipe.settings(reg);
    let stage = Stage::new("linear", settings.max_epochs);
    let mut observe = |progress: &Progress| {
        stage.at(progress.epochs as usize);
        stage.note(format!("gap {:.1e}", progress.gap));
        stage.say(format!("epoch {:.1}: {}", progress.epochs, in_words(progress)));
        interrupt::flow()
    };
    let observer: Observer<'_> = &mut observe;
    let solution = solve(&data.train, &settings, None, observer)?;
    let scores = solution.classifier.scores(&data.validation)?;
    let labels = data.validation.labels();
    let right = scores.argmax().iter().zip(&labels).filter(|(found, label)| found == label).count();
    let squares = solution.classifier.dense().squared_weights();
    let loss = settings.loss.loss(scores.values(), &labels);
    let outcome = Outcome {
        validation_accuracy: right as f64 / labels.len() as f64,
        validation_loss: f64::from(loss) + f64::from(settings.reg) * squares,
        solution,
        settings,
        choice,
    };
    let end = match outcome.solution.ending {
        Ending::Converged => String::new(),
        Ending::OutOfEpochs => format!(
            ", not within {:e}: allow more with --epochs, or a larger --tolerance",
            settings.tolerance
        ),
        Ending::Interrupted => ", interrupted".to_owned(),
    };
    let accuracy = percent(outcome.validation_accuracy);
    stage.done(&format!("validation {accuracy}, gap {:.1e}{end}", outcome.solution.last.gap));
    Ok(Some(outcome))
}

fn in_words(progress: &Progress) -> String {
    let Progress { primal, dual, gap, .. } = progress;
    format!("objective {primal:.6}, at least {dual:.6}, gap {gap:.1e}")
}

/// Walks the path on the validation split or on folds of what is learned from.
fn choose(recipe: &Exact, data: &Split) -> anyhow::Result<Option<Choice>> {
    let regs = recipe.train.reg.choices();
    let splits = match recipe.train.folds {
        None => vec![data.clone()],
        Some(k) => folds(&data.train, k, recipe.seed)?,
    };
    let steps = splits.len() * regs.len();
    let stage = Stage::new("choice of reg", steps);
    let mut done = 0;
    let mut at = (0, f32::INFINITY);
    let mut watch = |split: usize, reg: f32, progress: &Progress| {
        if (split, reg) != at {
            at = (split, reg);
            done += 1;
            stage.at(done - 1);
        }
        stage.note(format!("reg {reg:e}, gap {:.1e}", progress.gap));
        interrupt::flow()
    };
    let choice = path::choose(&splits, regs, &recipe.settings(regs[0]), &mut watch)?;
    if let Some(choice) = &choice {
        for point in &choice.points {
            stage.say(format!(
                "reg {:e}: accuracy {}, 95 % interval {} to {}, objective {:.6}, gap {:.1e}",
                point.reg,
                percent(point.accuracy),
                percent(point.interval.low),
                percent(point.interval.high),
                point.primal,
                point.gap
            ));
        }
        stage.done(&format!("reg {:e}", choice.reg));
    }
    Ok(choice)
}

impl Outcome {
    /// Writes what came of it on the card, beside the recipe.
    pub fn describe(&self, card: &mut Card) -> anyhow::Result<()> {
        let last = &self.solution.last;
        card.settings["ending"] = serde_json::to_value(self.solution.ending)?;
        if let Some(choice) = &self.choice {
            card.settings["choice of reg"] = serde_json::to_value(choice)?;
        }
        for (name, value) in [
            ("validation accuracy", self.validation_accuracy),
            ("validation loss", self.validation_loss),
            ("objective", last.primal),
            ("bound on the objective", last.dual),
            ("relative gap", last.gap),
            ("epochs", last.epochs),
        ] {
            card.metrics.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// The line for standard output.
    pub fn summary(&self) -> String {
        let epochs = format!("{:.1} epochs", self.solution.last.epochs);
        format!("reg {:e}: {}, {epochs}", self.settings.reg, in_words(&self.solution.last))
    }

    /// The code to end with.
    pub fn code(&self) -> std::process::ExitCode {
        match self.solution.ending {
            Ending::Interrupted => exit::interrupted(),
            _ => std::process::ExitCode::SUCCESS,
        }
    }
}
