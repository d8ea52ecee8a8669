//! `tercet tune`: which settings to train with, found on examples held out from training.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Subcommand;
use tercet::neighbors::{Metric, Vote};
use tercet::recipe::AnyRecipe;
use tercet::text;
use tercet::train::{Length, Settings};
use tercet::tune::{
    self, Axis, Judge, NeighborSpace, NetworkSpace, Plan, Progress, RecipeSpace, Search, TrialSettings,
    Tuning, Vary,
};

use crate::args::{self, Data, Figures, Seed, Validation, check_writable};
use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{exit, interrupt, output};

/// What `tercet tune` understands.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Tune k, metric and vote
    Neighbors {
        /// Values of k, or low..high with --random
        #[arg(short, long, default_value = "1,3,5,7,9,15", value_name = "K,…|LOW..HIGH")]
        k: String,
        /// Metrics to try: l1, l2, l3, cosine, dot
        #[arg(long, value_delimiter = ',', default_value = "l2", value_name = "METRIC,…")]
        metric: Vec<Metric>,
        /// Votes to try: uniform, distance
        #[arg(long, value_delimiter = ',', default_value = "uniform,distance", value_name = "VOTE,…")]
        vote: Vec<Vote>,
        #[command(flatten)]
        common: Common,
    },
    /// Tune learning rate and reg of the linear classifier
    Linear {
        #[command(flatten)]
        descent: Descent,
        #[command(flatten)]
        common: Common,
    },
    /// Tune whatever keys of a recipe: layers, schedule, augmentation, …
    Recipe {
        /// The recipe that says the rest: the name of one that is built in, or a TOML file
        #[arg(value_name = "NAME|FILE")]
        recipe: String,
        /// A key of the recipe with its values, such as train.learning_rate=0.01,0.03; for each key once
        #[arg(long, required = true, value_name = "KEY=VALUE,…")]
        vary: Vec<Vary>,
        /// Write the best recipe to this file
        #[arg(long, value_name = "FILE.toml")]
        best: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// Tune learning rate, reg and hidden sizes of networks
    Network {
        /// Hidden sizes to try; the layers of one network are joined by x, as in 64,128,256x64
        #[arg(long, default_value = "64,128", value_name = "H,…")]
        hidden: String,
        #[command(flatten)]
        descent: Descent,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(clap::Args)]
struct Descent {
    /// Learning rates, or low..high with --random (log-uniform)
    #[arg(long, visible_alias = "learning-rate", value_name = "LR,…|LOW..HIGH")]
    lr: Option<String>,
    /// Coefficients of Σ W², or low..high with --random (log-uniform)
    #[arg(long, value_name = "REG,…|LOW..HIGH")]
    reg: Option<String>,
    /// Batch sizes, or low..high with --random
    #[arg(long, value_name = "B,…|LOW..HIGH")]
    batch: Option<String>,
    /// How many epochs each trial trains
    #[arg(long, default_value_t = 3)]
    epochs: usize,
}

#[derive(clap::Args)]
struct Common {
    #[command(flatten)]
    data: Data,
    /// Try so many combinations drawn at random instead of all of the grid
    #[arg(long, value_name = "TRIALS")]
    random: Option<usize>,
    /// Judge by cross-validation with so many folds instead of one held-out part
    #[arg(long, value_name = "K", conflicts_with = "validation")]
    folds: Option<usize>,
    #[command(flatten)]
    validation: Validation,
    #[command(flatten)]
    seed: Seed,
    /// Where the table and the plots go
    #[arg(long, default_value = "tuning.html", value_name = "FILE.html")]
    report: PathBuf,
    #[command(flatten)]
    figures: Figures,
    /// Print every trial as JSON
    #[arg(long)]
    json: bool,
}

/// Tries settings and says which are best.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.kind {
        Kind::Neighbors { k, metric, vote, common } => {
            let space = NeighborSpace { k: axis("-k", &k, &common, one)?, metric, vote };
            search(&common, |data, plan, observe| tune::neighbors(data, &space, plan, observe))
        }
        Kind::Recipe { recipe, vary, best, common } => {
            let AnyRecipe::Descent(base) = args::recipe(&recipe)? else {
                let message = format!(
                    "the recipe {recipe} learns nothing by gradient descent: `tercet tune neighbors` and `tercet train linear \
                     --solver dual --reg auto` choose settings of the others"
                );
                return Err(exit::usage(message));
            };
            best.as_deref().map(check_writable).transpose()?;
            let space = RecipeSpace { base, vary };
            let tune = |data: &tercet::Dataset, plan: &Plan, observe: tune::Observer<'_>| {
                let tuning = tune::recipes(data, &space, plan, observe)?;
                if let (Some(path), Some(trial)) = (&best, tuning.best())
                    && let TrialSettings::Recipe { recipe, .. } = &trial.settings
                {
                    tercet::file::replace(path, recipe.to_toml().as_bytes())?;
                }
                Ok(tuning)
            };
            search(&common, tune)
        }
        Kind::Linear { descent, common } => {
            let space = descent.space(Settings::linear(), Axis::only(Vec::new()), &common)?;
            search(&common, |data, plan, observe| tune::networks(data, &space, plan, observe))
        }
        Kind::Network { hidden, descent, common } => {
            let space =
                descent.space(Settings::default(), axis("--hidden", &hidden, &common, layers)?, &common)?;
            search(&common, |data, plan, observe| tune::networks(data, &space, plan, observe))
        }
    }
}

impl Descent {
    fn space(
        &self,
        base: Settings,
        hidden: Axis<Vec<usize>>,
        common: &Common,
    ) -> anyhow::Result<NetworkSpace> {
        let base = Settings { length: Length::Epochs(self.epochs), ..base };
        let mut space = NetworkSpace { hidden, ..NetworkSpace::fixed(base, Vec::new()) };
        // Around the defaults, by factors of three.
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

/// An axis from text: `1,3,5` is a list, `1..15` a range, which only a random search can draw from.
fn axis<T>(
    option: &str,
    text: &str,
    common: &Common,
    value: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<Axis<T>> {
    if common.random.is_none() && text.contains("..") {
        let way_out = "add --random with a number of trials, or give a list of values";
        return Err(exit::usage(format!("{option} is the range {text}: {way_out}")));
    }
    let refuse = |word: &str| {
        exit::usage(format!("{option} is {text:?}, and {word:?} is no value; expected a list or low..high"))
    };
    let parse = |word: &str| value(word.trim()).ok_or_else(|| refuse(word));
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

/// Runs a tuning with progress, and says what came of it.
fn search(
    common: &Common,
    tune: impl FnOnce(&tercet::Dataset, &Plan, tune::Observer<'_>) -> tercet::Result<Tuning>,
) -> anyhow::Result<ExitCode> {
    check_writable(&common.report)?;
    common.figures.check()?;
    let collection = common.data.open()?;
    let train = &collection.train;
    let judge = match common.folds {
        Some(folds) => Judge::Folds(folds),
        None => Judge::Validation { size: common.validation.size(train.len()) },
    };
    let search = common.random.map_or(Search::Grid, |trials| Search::Random { trials });
    interrupt::watch("the trials so far will be reported")?;

    // Each trial counts as 1,000 steps of the bar, which so moves within one too.
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
    let tuning = tune(train, &Plan { search, judge, seed: common.seed.seed }, &mut observe)?;
    if let Some(stage) = stage {
        stage.done(&format!("{} trials by {judge}", tuning.trials.len()));
    }
    tune::write(&common.report, &tuning)?;
    common.figures.write(|| tune::figures(&tuning))?;

    if common.json {
        output::print(tuning.to_json()?)?;
    } else {
        print(&tuning)?;
    }
    say(format!("table and plots: {}", common.report.display()));
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
        None => output::print("\nno trial came to an end that counts: try smaller learning rates"),
    }
}
