//! `tercet train linear --solver dual`: the exact solver with its gap in sight, and the choice of reg.

use serde_json::json;
use tercet::data::{Split, folds};
use tercet::linear::dual::{Ending, Observer, Progress, Settings, Solution, solve};
use tercet::linear::path::{self, Choice};
use tercet::loss::Loss;
use tercet::model::Card;
use tercet::text;

use crate::progress::Stage;
use crate::table::percent;
use crate::{exit, interrupt};

/// What is asked of the solver.
pub struct Request {
    /// All but `reg` where that is to be chosen.
    pub settings: Settings,
    /// Whether `reg` is to be chosen.
    pub choose: bool,
    /// By so many folds, rather than by the validation set.
    pub folds: Option<usize>,
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
pub fn run(request: &Request, data: &Split) -> anyhow::Result<Option<Outcome>> {
    let mut settings = request.settings;
    let choice = match request.choose {
        false => None,
        true => match choose(request, data)? {
            None => return Ok(None),
            Some(choice) => {
                settings.reg = choice.reg;
                Some(choice)
            }
        },
    };
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
    let loss = Loss::Svm { margin: settings.margin }.loss(scores.values(), &labels);
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
fn choose(request: &Request, data: &Split) -> anyhow::Result<Option<Choice>> {
    let splits = match request.folds {
        None => vec![data.clone()],
        Some(k) => folds(&data.train, k, request.settings.seed)?,
    };
    let steps = splits.len() * path::USUAL.len();
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
    let choice = path::choose(&splits, &path::USUAL, &request.settings, &mut watch)?;
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
    /// Writes what was asked and what came of it on the card.
    pub fn describe(&self, card: &mut Card) -> anyhow::Result<()> {
        let last = &self.solution.last;
        card.settings["kind"] = json!("linear");
        card.settings["solver"] = json!("dual");
        card.settings["loss"] = json!({ "svm": { "margin": self.settings.margin } });
        for (name, value) in
            [("reg", json!(self.settings.reg)), ("tolerance", json!(self.settings.tolerance))]
        {
            card.settings[name] = value;
        }
        card.settings["max_epochs"] = json!(self.settings.max_epochs);
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

/// The number of examples of a split, in words.
pub fn of(data: &Split) -> String {
    let (train, validation) = (text::thousands(data.train.len()), text::thousands(data.validation.len()));
    format!("exact linear classifier; {train} examples to learn from, {validation} to validate")
}
