//! `tercet tune`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tercet::neighbors::{Metric, Vote};
use tercet::tune::Vary;

use crate::args::data_source::DataArgs;
use crate::args::preprocessing::PreprocessingArgs;
use crate::args::report::FiguresArgs;
use crate::args::split::{SeedArgs, SplitArgs};

/// What `tercet tune` understands.
#[derive(Args)]
pub struct TuneArgs {
    #[command(subcommand)]
    pub kind: TuneKind,
}

#[derive(Subcommand)]
pub enum TuneKind {
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
        common: TuneCommonArgs,
    },
    /// Tune learning rate and reg of the linear classifier
    Linear {
        #[command(flatten)]
        ranges: RangeArgs,
        #[command(flatten)]
        common: TuneCommonArgs,
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
        common: TuneCommonArgs,
    },
    /// Tune learning rate, reg and hidden sizes of networks
    Network {
        /// Hidden sizes to try; the layers of one network are joined by x, as in 64,128,256x64
        #[arg(long, default_value = "64,128", value_name = "H,…")]
        hidden: String,
        #[command(flatten)]
        ranges: RangeArgs,
        #[command(flatten)]
        common: TuneCommonArgs,
    },
}

#[derive(Args)]
pub struct RangeArgs {
    /// Learning rates, or low..high with --random (log-uniform)
    #[arg(long, visible_alias = "learning-rate", value_name = "LR,…|LOW..HIGH")]
    pub lr: Option<String>,
    /// Coefficients of Σ W², or low..high with --random (log-uniform)
    #[arg(long, value_name = "REG,…|LOW..HIGH")]
    pub reg: Option<String>,
    /// Batch sizes, or low..high with --random
    #[arg(long, value_name = "B,…|LOW..HIGH")]
    pub batch: Option<String>,
    /// How many epochs each trial trains
    #[arg(long, default_value_t = 3)]
    pub epochs: usize,
}

#[derive(Args)]
pub struct TuneCommonArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
    /// Try so many combinations drawn at random instead of all of the grid
    #[arg(long, value_name = "TRIALS")]
    pub random: Option<usize>,
    /// Judge by cross-validation with so many folds instead of one held-out part
    #[arg(long, value_name = "K", conflicts_with = "validation")]
    pub folds: Option<usize>,
    #[command(flatten)]
    pub validation: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Where the table and the plots go
    #[arg(long, default_value = "tuning.html", value_name = "FILE.html")]
    pub report: PathBuf,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print every trial as JSON
    #[arg(long)]
    pub json: bool,
}
