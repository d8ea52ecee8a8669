//! Options of `tercet data` and its subcommands.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tercet::data::{Format, Source};

use crate::args::data_source::{PositionalDataArgs, ReadingArgs};
use crate::args::split::{SeedArgs, SplitArgs};

/// Options of `tercet data`.
#[derive(Args)]
pub struct DataCommandArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// Summarise a data set: class counts, value range, digest, duplicates
    Info(InfoArgs),
    /// Find duplicates across training, validation and test set, and label errors
    Check(Box<DataCheckArgs>),
    /// Show examples of every class, in the terminal or as a PNG
    Show(ShowArgs),
    /// Download a data set or a file; no other command downloads anything
    Fetch(FetchArgs),
    /// Convert a data set to another format
    Convert(ConvertArgs),
}

/// Options of `tercet data info`.
#[derive(Args)]
pub struct InfoArgs {
    #[command(flatten)]
    pub data: PositionalDataArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `tercet data check`.
#[derive(Args)]
pub struct DataCheckArgs {
    #[command(flatten)]
    pub data: PositionalDataArgs,
    #[command(flatten)]
    pub split: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Report examples as near-duplicates if their distance is below this fraction of the typical
    /// distance to the nearest neighbour; 0 finds exact duplicates only
    #[arg(long, default_value_t = 0.25, value_name = "FRACTION", allow_negative_numbers = true)]
    pub near: f64,
    /// Find duplicates only, which takes about a second
    #[arg(long, conflicts_with_all = ["folds", "k", "recipe"])]
    pub duplicates: bool,
    /// Number of cross-validation folds for finding label errors
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub folds: usize,
    /// Number of neighbours for finding label errors
    #[arg(short, long, default_value_t = 5, value_name = "K")]
    pub k: usize,
    /// Recipe of the networks that find label errors, with the softmax loss [default: ninety-nine
    /// for images, network otherwise]
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// Ignore the test set, which stays sealed
    #[arg(long)]
    pub train_only: bool,
    /// Write a report to this file
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `tercet data show`.
#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub data: PositionalDataArgs,
    /// Number of examples per class [default: 3 in the terminal, 12 in a PNG]
    #[arg(long, value_name = "N")]
    pub columns: Option<usize>,
    /// Show the test set instead of the training set
    #[arg(long)]
    pub test: bool,
    /// Show one example per class next to augmented versions of it, as this recipe trains with
    #[arg(long, value_name = "RECIPE")]
    pub augment: Option<String>,
    /// Seed of the augmentation [default: the recipe's]
    #[arg(long, value_name = "N", requires = "augment")]
    pub seed: Option<u64>,
    /// Write a PNG to this file instead
    #[arg(short, long, value_name = "FILE.png")]
    pub out: Option<PathBuf>,
    /// Print the result as JSON: the file that was written
    #[arg(long, requires = "out")]
    pub json: bool,
}

/// Options of `tercet data fetch`.
#[derive(Args)]
pub struct FetchArgs {
    /// mnist, fashion-mnist, kmnist, emnist-letters or cifar10; or the URL of a file
    #[arg(value_name = "NAME|URL")]
    pub what: String,
    /// SHA-256 of the file at the URL, in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Save the files in this folder [default: where `--data NAME` finds them, or the current
    /// folder for a URL]
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Base URL of a mirror, to use instead of the built-in mirrors; may be given several times
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `tercet data convert`.
#[derive(Args)]
pub struct ConvertArgs {
    /// The data to read: everything that `--data` accepts elsewhere
    #[arg(value_name = "FROM")]
    pub from: Source,
    /// The file or folder to write: NAME.npz, features.npy (with labels.npy), NAME.csv,
    /// NAME.libsvm, or a folder
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Format to write: npz, npy, csv, libsvm; idx or pictures for a folder [default: by the name]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Leave out the test set
    #[arg(long)]
    pub train_only: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
