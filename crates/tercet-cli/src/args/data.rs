//! `tercet data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tercet::data::{Format, Source};

use crate::args::data_source::{DataArgs, ReadingArgs};
use crate::args::split::{SeedArgs, SplitArgs};

/// What `tercet data` understands.
#[derive(Args)]
pub struct DataCommandArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// Counts per class, value range, digest, duplicates
    Info(InfoArgs),
    /// Duplicates across training, validation and test set, and labels that may be wrong
    Check(Box<DataCheckArgs>),
    /// Some examples of every class, in the terminal or as a PNG
    Show(ShowArgs),
    /// Fetch a data set from the net, or a file; nothing else ever does
    Fetch(FetchArgs),
    /// Write a data set in another format
    Convert(ConvertArgs),
}

/// What `tercet data info` understands.
#[derive(Args)]
pub struct InfoArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `tercet data show` understands.
#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// How many examples of each class [default: 3 in the terminal, 12 in a PNG]
    #[arg(long, value_name = "N")]
    pub columns: Option<usize>,
    /// Draw the test set instead of the training set
    #[arg(long)]
    pub test: bool,
    /// Show one example of every class beside what training by this recipe makes of it: `two-layer-elastic`, …, or a
    /// TOML file
    #[arg(long, value_name = "RECIPE")]
    pub augment: Option<String>,
    /// The seed of the augmentation, instead of the recipe's
    #[arg(long, value_name = "N", requires = "augment")]
    pub seed: Option<u64>,
    /// Write a PNG instead
    #[arg(long, value_name = "FILE.png")]
    pub out: Option<PathBuf>,
}

/// What `tercet data convert` understands.
#[derive(Args)]
pub struct ConvertArgs {
    /// What to read: all that `--data` takes elsewhere
    #[arg(value_name = "FROM")]
    pub from: Source,
    /// What to write, its format told by its name: NAME.npz, features.npy (with labels.npy), NAME.csv, NAME.libsvm, or a
    /// folder
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// The format, where its name does not tell: idx or pictures of a folder, npz, npy, csv, libsvm
    #[arg(long)]
    pub format: Option<Format>,
    /// Leave the test set out
    #[arg(long)]
    pub train_only: bool,
}

/// What `tercet data check` understands.
#[derive(Args)]
pub struct DataCheckArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub validation: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Call examples nearly equal that are closer than this share of the usual distance to the nearest neighbour; 0 looks for
    /// equal ones alone
    #[arg(long, default_value_t = 0.25, value_name = "SHARE", allow_negative_numbers = true)]
    pub near: f64,
    /// Look for duplicates alone, which takes a second
    #[arg(long, conflicts_with_all = ["folds", "k", "recipe"])]
    pub duplicates: bool,
    /// In how many folds the networks that doubt labels are cross-validated
    #[arg(long, default_value_t = 5)]
    pub folds: usize,
    /// How many neighbours doubt labels
    #[arg(short, default_value_t = 5)]
    pub k: usize,
    /// The recipe of these networks, its loss softmax [default: ninety-nine for images, else network]
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// Leave the test set sealed
    #[arg(long)]
    pub train_only: bool,
    /// Write a page with the pictures, too
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `tercet data fetch` understands.
#[derive(Args)]
pub struct FetchArgs {
    /// mnist, fashion-mnist, kmnist, emnist-letters or cifar10; or the address of a file
    #[arg(value_name = "NAME|ADDRESS")]
    pub what: String,
    /// SHA-256 of the file at the address, in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Where the files go [default: where `--data NAME` finds them; the current folder for an address]
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Fetch from here instead of the mirrors that are known: addresses that the names of the files stand behind
    #[arg(long, value_name = "ADDRESS")]
    pub mirror: Vec<String>,
}
