//! Options of `tercet tune`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tercet::neighbors::{Metric, Vote};
use tercet::network::Architecture;
use tercet::tune::Vary;

use crate::args::data_source::DataArgs;
use crate::args::preprocessing::PreprocessingArgs;
use crate::args::report::FiguresArgs;
use crate::args::split::{SeedArgs, SplitArgs};
use crate::args::train::cnn_layers;

/// Options of `tercet tune`.
#[derive(Args)]
#[command(subcommand_value_name = "KIND", subcommand_help_heading = "Kinds")]
pub struct TuneArgs {
    #[command(subcommand)]
    pub kind: TuneKind,
}

#[derive(Subcommand)]
pub enum TuneKind {
    /// Tune k, metric and vote of nearest neighbours
    #[command(visible_alias = "knn")]
    Neighbors(TuneNeighborsArgs),
    /// Tune the learning rate and regularisation of a linear classifier
    Linear(TuneLinearArgs),
    /// Tune the learning rate, regularisation and hidden sizes of a network
    Network(TuneNetworkArgs),
    /// Tune the learning rate, regularisation and layers of a convolutional network
    Cnn(TuneCnnArgs),
    /// Tune any keys of a recipe: layers, schedule, augmentation, …
    Recipe(TuneRecipeArgs),
}

/// Options of `tercet tune neighbors`.
#[derive(Args)]
pub struct TuneNeighborsArgs {
    /// Values of k to try, or low..high with --random
    #[arg(short, long, default_value = "1,3,5,7,9,15", value_name = "K,…|LOW..HIGH")]
    pub k: String,
    /// Distance metrics to try: l1, l2, l3, cosine, dot, chebyshev, …
    #[arg(long, value_delimiter = ',', default_value = "l2", value_name = "METRIC,…")]
    pub metric: Vec<Metric>,
    /// Vote weights to try: uniform, distance
    #[arg(long, value_delimiter = ',', default_value = "uniform,distance", value_name = "VOTE,…")]
    pub vote: Vec<Vote>,
    #[command(flatten)]
    pub common: TuneCommonArgs,
}

/// Options of `tercet tune linear`.
#[derive(Args)]
pub struct TuneLinearArgs {
    #[command(flatten)]
    pub ranges: RangeArgs,
    #[command(flatten)]
    pub common: TuneCommonArgs,
}

/// Options of `tercet tune network`.
#[derive(Args)]
pub struct TuneNetworkArgs {
    /// Hidden sizes to try; x joins the layers of one network, as in 64,128,256x64
    #[arg(long, default_value = "64,128", value_name = "H,…")]
    pub hidden: String,
    #[command(flatten)]
    pub ranges: RangeArgs,
    #[command(flatten)]
    pub common: TuneCommonArgs,
}

/// Options of `tercet tune cnn`.
#[derive(Args)]
pub struct TuneCnnArgs {
    /// Architecture string; may be given several times
    #[arg(long, value_name = "ARCHITECTURE", default_values_t = [cnn_layers()])]
    pub layers: Vec<Architecture>,
    #[command(flatten)]
    pub ranges: RangeArgs,
    #[command(flatten)]
    pub common: TuneCommonArgs,
}

/// Options of `tercet tune recipe`.
#[derive(Args)]
pub struct TuneRecipeArgs {
    /// The recipe: the name of a built-in recipe, or a TOML file
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// A key of the recipe and the values to try, such as train.learning_rate=0.01,0.03; may be
    /// given several times
    #[arg(long, required = true, value_name = "KEY=VALUE,…")]
    pub vary: Vec<Vary>,
    /// Write the best recipe to this file
    #[arg(long, value_name = "FILE.toml")]
    pub best: Option<PathBuf>,
    #[command(flatten)]
    pub common: TuneCommonArgs,
}

/// The values to try for the settings of gradient descent.
#[derive(Args)]
pub struct RangeArgs {
    /// Learning rates to try, or low..high with --random (log-uniform)
    #[arg(long, visible_alias = "learning-rate", value_name = "LR,…|LOW..HIGH")]
    pub lr: Option<String>,
    /// Regularisation strengths to try, or low..high with --random (log-uniform)
    #[arg(long, value_name = "REG,…|LOW..HIGH")]
    pub reg: Option<String>,
    /// Batch sizes to try, or low..high with --random
    #[arg(long, visible_alias = "batch-size", value_name = "B,…|LOW..HIGH")]
    pub batch: Option<String>,
    /// Epochs of each trial
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub epochs: usize,
}

/// Options of every search.
#[derive(Args)]
pub struct TuneCommonArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
    /// Random search with N trials instead of a grid search
    #[arg(long, value_name = "N")]
    pub random: Option<usize>,
    /// Evaluate trials by N-fold cross-validation instead of a validation set
    #[arg(long, value_name = "N", conflicts_with = "validation")]
    pub folds: Option<usize>,
    #[command(flatten)]
    pub split: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Write the report, a table and plots of all trials, to this file
    #[arg(long, default_value = "tuning.html", value_name = "FILE.html")]
    pub report: PathBuf,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
