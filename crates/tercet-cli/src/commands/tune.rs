//! `tercet tune`: searches for the settings with the best validation accuracy.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::str::FromStr;

use tercet::data::default_validation;
use tercet::preprocess::Spec;
use tercet::recipe::{GradientDescentRecipe, Recipe};
use tercet::text;
use tercet::train::{Length, Settings};
use tercet::tune::{
    self, Axis, NeighborSpace, NetworkSpace, Plan, Progress, RecipeSpace, Search, TrialSettings, Tuning,
    ValidationMethod, Vary,
};
use tercet_report::tuning;

use crate::args::tune::{RangeArgs, TuneArgs, TuneCnnArgs, TuneCommonArgs, TuneKind, TuneRecipeArgs};
use crate::output_files::check_writable;
use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{exit, figures, interrupt, loading, output, recipes};

/// Searches for the best settings.
pub fn run(args: TuneArgs) -> anyhow::Result<ExitCode> {
    match args.kind {
        TuneKind::Neighbors(args) => {
            let k = axis("-k", &args.k, &args.common, one)?;
            let preprocessing = args.common.preprocessing.or(Spec::default());
            let space = NeighborSpace { k, metric: args.metric, vote: args.vote, preprocessing };
            search(&args.common, |data, plan, observe| tune::neighbors(data, &space, plan, observe))
        }
        TuneKind::Linear(args) => {
            let space = args.ranges.space(Settings::linear(), Axis::only(Vec::new()), &args.common)?;
            search(&args.common, |data, plan, observe| tune::networks(data, &space, plan, observe))
        }
        TuneKind::Network(args) => {
            let hidden = axis("--hidden", &args.hidden, &args.common, layers)?;
            let space = args.ranges.space(Settings::default(), hidden, &args.common)?;
            search(&args.common, |data, plan, observe| tune::networks(data, &space, plan, observe))
        }
        TuneKind::Cnn(args) => tune_cnn(args),
        TuneKind::Recipe(args) => tune_recipe(args),
    }
}

/// Tunes a convolutional network as a recipe.
fn tune_cnn(args: TuneCnnArgs) -> anyhow::Result<ExitCode> {
    let TuneCnnArgs { layers, ranges, common } = args;
    let base = GradientDescentRecipe::cnn();
    let rate = base.train.learning_rate;
    let rates = || [0.1, 0.3, 1.0, 3.0].map(|factor| format!("{:e}", factor * rate)).join(",");
    let architectures = layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut vary = vec![("layers", "--layers", architectures)];
    vary.push(("train.learning_rate", "--lr", ranges.lr.unwrap_or_else(rates)));
    vary.extend(ranges.reg.map(|reg| ("train.reg", "--reg", reg)));
    vary.extend(ranges.batch.map(|batch| ("train.batch", "--batch", batch)));
    let vary = vary.into_iter().map(|(key, option, values)| match values.contains("..") {
        true => Err(exit::usage(format!("{option} is the range {values}: give a list of values"))),
        false => Ok(format!("{key}={values}").parse()?),
    });
    let vary = vary.collect::<anyhow::Result<Vec<Vary>>>()?;
    let train = Settings { length: Length::Epochs(ranges.epochs), ..base.train };
    let preprocessing = common.preprocessing.or(Spec::default());
    let space = RecipeSpace { base: GradientDescentRecipe { preprocessing, train, ..base }, vary };
    search(&common, |data, plan, observe| tune::recipes(data, &space, plan, observe))
}

fn tune_recipe(args: TuneRecipeArgs) -> anyhow::Result<ExitCode> {
    let TuneRecipeArgs { recipe, vary, best, common } = args;
    let Recipe::GradientDescent(base) = recipes::open(&recipe)? else {
        return Err(exit::usage(format!(
            "the recipe {recipe} is not trained by gradient descent; use `tercet tune neighbors` or `tercet \
             train linear --solver dual --reg auto` instead"
        )));
    };
    best.as_deref().map(check_writable).transpose()?;
    let preprocessing = common.preprocessing.or(base.preprocessing);
    let space = RecipeSpace { base: GradientDescentRecipe { preprocessing, ..base }, vary };
    search(&common, |data, plan, observe| {
        let tuning = tune::recipes(data, &space, plan, observe)?;
        if let (Some(path), Some(trial)) = (&best, tuning.best())
            && let TrialSettings::Recipe { recipe, .. } = &trial.settings
        {
            tercet::file::replace(path, recipe.to_toml().as_bytes())?;
        }
        Ok(tuning)
    })
}

impl RangeArgs {
    fn space(
        &self,
        base: Settings,
        hidden: Axis<Vec<usize>>,
        common: &TuneCommonArgs,
    ) -> anyhow::Result<NetworkSpace> {
        let base = Settings { length: Length::Epochs(self.epochs), ..base };
        let preprocessing = common.preprocessing.or(Spec::default());
        let mut space = NetworkSpace { hidden, preprocessing, ..NetworkSpace::fixed(base, Vec::new()) };
        // Around the default, by factors of about three.
        let rate = base.learning_rate;
        space.learning_rate = match &self.lr {
            Some(text) => axis("--lr", text, common, one)?,
            None => Axis::List(vec![0.1 * rate, 0.3 * rate, rate, 3.0 * rate]),
        };
        if let Some(text) = &self.reg {
            space.reg = axis("--reg", text, common, one)?;
        }
        if let Some(text) = &self.batch {
            space.batch = axis("--batch", text, common, one)?;
        }
        Ok(space)
    }
}

/// An axis from text: `1,3,5` is a list, and `1..15` is a range for a random search.
fn axis<T>(
    option: &str,
    text: &str,
    common: &TuneCommonArgs,
    value: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<Axis<T>> {
    if common.random.is_none() && text.contains("..") {
        let remedy = "add --random with a number of trials, or give a list of values";
        return Err(exit::usage(format!("{option} is the range {text}: {remedy}")));
    }
    let reject = |word: &str| {
        exit::usage(format!(
            "{option} is {text:?}, and {word:?} is not a value; expected a list or low..high"
        ))
    };
    let parse = |word: &str| value(word.trim()).ok_or_else(|| reject(word));
    match text.split_once("..") {
        Some((low, high)) => Ok(Axis::Range { low: parse(low)?, high: parse(high)? }),
        None => Ok(Axis::List(text.split(',').map(parse).collect::<Result<_, _>>()?)),
    }
}

fn one<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

/// The hidden sizes of one network: `256x64`.
fn layers(word: &str) -> Option<Vec<usize>> {
    word.split('x').map(|size| size.parse().ok()).collect()
}

/// Runs a search with progress, and reports the trials.
fn search(
    common: &TuneCommonArgs,
    tune: impl FnOnce(&tercet::Dataset, &Plan, tune::Observer<'_>) -> tercet::Result<Tuning>,
) -> anyhow::Result<ExitCode> {
    check_writable(&common.report)?;
    figures::check(common.figures.figures.as_deref())?;
    let collection = loading::open(&common.data)?;
    let train = &collection.train;
    let validation = match (common.folds, common.split.validation, train.validation_len()) {
        (Some(folds), ..) => ValidationMethod::KFold(folds),
        (None, Some(size), _) => ValidationMethod::HoldOut { size },
        (None, None, 0) => ValidationMethod::HoldOut { size: default_validation(train.len()) },
        (None, None, size) => ValidationMethod::OfData { size },
    };
    let search = common.random.map_or(Search::Grid, |trials| Search::Random { trials });
    interrupt::watch("the trials so far will be reported")?;

    // In thousandths, so that the bar also moves during a trial.
    let mut stage: Option<Stage> = None;
    let mut observe = |progress: Progress<'_>| -> ControlFlow<()> {
        let stage = stage.get_or_insert_with(|| Stage::new("tuning", 1000));
        stage.at((1000.0 * progress.share) as usize);
        if let Some(trial) = progress.trial {
            let outcome = trial.accuracy.map_or("diverged".to_owned(), percent);
            let left = progress.time_left().filter(|_| progress.done < progress.total);
            let left = left.map_or(String::new(), |d| format!(", {} left", text::seconds(d.as_secs_f64())));
            let (done, total) = (progress.done, progress.total);
            stage.say(format!("{done} of {total}: {}: {outcome}{left}", trial.describe()));
        }
        interrupt::flow()
    };
    let tuning = tune(train, &Plan { search, validation, seed: common.seed.seed }, &mut observe)?;
    if let Some(stage) = stage {
        stage.done(&format!("{} trials, evaluated by {validation}", tuning.trials.len()));
    }
    tuning::write(&common.report, &tuning)?;
    figures::write(common.figures.figures.as_deref(), || tuning::figures(&tuning))?;

    if common.json {
        output::print(tuning.to_json()?)?;
    } else {
        print(&tuning)?;
    }
    say(format!("report: {}", common.report.display()));
    Ok(match (tuning.complete, tuning.best()) {
        (true, Some(_)) => ExitCode::SUCCESS,
        (true, None) => exit::data(),
        (false, _) => exit::interrupted(),
    })
}

/// How many trials the table shows.
const SHOWN: usize = 10;

fn print(tuning: &Tuning) -> anyhow::Result<()> {
    let mut trials = table(["accuracy", "± s.e.", "loss", "time", "settings"]);
    for trial in tuning.trials.iter().take(SHOWN) {
        trials.add_row([
            match (trial.accuracy, trial.diverged) {
                (_, Some(divergence)) => format!("diverged at step {}", divergence.step),
                (Some(accuracy), None) => percent(accuracy),
                (None, None) => "–".to_owned(),
            },
            trial.standard_error.map_or(String::new(), |error| format!("{:.2}", 100.0 * error)),
            trial.loss.map_or(String::new(), |loss| format!("{loss:.4}")),
            text::seconds(trial.seconds),
            trial.describe(),
        ]);
    }
    table::print(&trials)?;
    if tuning.trials.len() > SHOWN {
        output::print(format_args!("… and {} more", tuning.trials.len() - SHOWN))?;
    }
    match tuning.best() {
        Some(best) => output::print(format_args!("\nbest: {}", best.describe())),
        None => output::print("\nall trials diverged: try smaller learning rates"),
    }
}
