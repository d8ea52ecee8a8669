//! Options of `tercet probe`.

use std::path::PathBuf;

use clap::Args;
use tercet::data::Source;
use tercet::neighbors::Metric;
use tercet::probe::Kind;

use crate::args::data_source::ReadingArgs;
use crate::args::report::FiguresArgs;
use crate::args::split::SeedArgs;

/// Options of `tercet probe`.
#[derive(Args)]
pub struct ProbeArgs {
    /// The features: NPY, or everything that `--data` accepts elsewhere
    #[arg(value_name = "FEATURES")]
    pub features: Source,
    /// File of the labels, if FEATURES has none: NPY, IDX, or text with one label per line
    #[arg(value_name = "LABELS", conflicts_with = "labels")]
    pub labels_file: Option<PathBuf>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Classifiers to train
    #[arg(
        long,
        value_name = "KIND,…",
        value_delimiter = ',',
        default_value = "neighbors,linear,network",
        value_parser = kind
    )]
    pub classifiers: Vec<Kind>,
    /// Number of cross-validation folds
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub folds: usize,
    /// Distance metric: l1, l2, l3, cosine, dot, chebyshev, hamming, …
    #[arg(long, default_value_t = Metric::Cosine, value_name = "METRIC")]
    pub metric: Metric,
    /// Largest k to try
    #[arg(long, default_value_t = 20, value_name = "K")]
    pub k_max: usize,
    /// Regularisation strengths of the linear classifier to try, strongest first
    #[arg(long, value_delimiter = ',', default_value = "1e-1,1e-2,1e-3,1e-4", value_name = "REG,…")]
    pub reg: Vec<f32>,
    /// Units of the network's hidden layer
    #[arg(long, default_value_t = 256, value_name = "H")]
    pub hidden: usize,
    /// Epochs of the network; more if they would be fewer than 1,000 steps
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub epochs: usize,
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Write a report to this file
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    match text.trim() {
        "neighbors" => Ok(Kind::Neighbors),
        "linear" => Ok(Kind::Linear),
        "network" => Ok(Kind::Network),
        _ => Err("expected neighbors, linear or network".to_owned()),
    }
}
