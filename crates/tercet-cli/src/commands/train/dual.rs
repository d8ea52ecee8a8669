//! `tercet train linear --solver dual`: the exact solver with its gap in sight, and the choice of reg.

use std::process::ExitCode;

use tercet::data::{Split, folds};
use tercet::linear::dual::{Ending, Observer, Progress, Settings, Solution, solve};
use tercet::linear::path::{self, Choice};
use tercet::model::{Card, Classifier, ModelFile};
use tercet::recipe::Exact;

use super::{cleaned, data_in_words, model_path, record_as_read};
use crate::args::train::TrainCommonArgs;
use crate::progress::{Stage, say};
use crate::saving::save;
use crate::split::split;
use crate::table::percent;
use crate::{exit, interrupt, loading, output};

/// Trains a linear classifier exactly, as a recipe says.
pub fn train(common: &TrainCommonArgs, recipe: &Exact) -> anyhow::Result<ExitCode> {
    common.logging.refuse("the exact solver")?;
    // The rows without their zeros, once for each fold, beside the data set.
    tercet_kernels::heap::give_large_blocks_back();
    let recipe = &Exact { cleaning: common.preprocessing.over(recipe.cleaning), ..recipe.clone() };
    recipe.validate()?;
    let path = model_path(common, "linear")?;
    let collection = loading::open(&common.data)?;
    let (contract, train) = cleaned(&collection, recipe.cleaning)?;
    let data = split(&train, recipe.validation, recipe.seed)?;
    interrupt::watch("the model so far will be saved")?;
    say(format!("exact linear classifier; {}", data_in_words(&data)));
    let Some(outcome) = run(recipe, &data)? else { return Ok(exit::interrupted()) };
    let mut card = Card::new(data.train.classes().to_vec(), contract);
    card.settings = serde_json::to_value(recipe)?;
    card.seed = Some(recipe.seed);
    card.data = Some(record_as_read(&collection, &data, recipe.validation, recipe.seed, recipe.cleaning)?);
    outcome.describe(&mut card)?;
    let classifier = Classifier::Linear(outcome.solution.classifier.clone());
    let saved = save(&path, ModelFile { card, classifier })?;
    output::print(outcome.summary())?;
    output::print(saved)?;
    Ok(outcome.code())
}

/// What came of it. `None` in the place of it: Ctrl-C, before there was anything.
struct Outcome {
    pub solution: Solution,
    pub settings: Settings,
    pub choice: Option<Choice>,
    pub validation_accuracy: f64,
    pub validation_loss: f64,
}

/// Chooses reg where it is to be chosen, and trains.
fn run(recipe: &Exact, data: &Split) -> anyhow::Result<Option<Outcome>> {
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
    pub fn code(&self) -> ExitCode {
        match self.solution.ending {
            Ending::Interrupted => exit::interrupted(),
            _ => ExitCode::SUCCESS,
        }
    }
}
