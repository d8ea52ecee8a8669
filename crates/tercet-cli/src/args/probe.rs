//! `tercet probe`.

use std::path::PathBuf;

use clap::Args;
use tercet::data::Source;
use tercet::neighbors::Metric;
use tercet::probe::Kind;

use crate::args::data_source::ReadingArgs;
use crate::args::report::FiguresArgs;

/// What `tercet probe` understands.
#[derive(Args)]
pub struct ProbeArgs {
    /// The features: NPY, or all that `--data` takes elsewhere
    #[arg(value_name = "FEATURES")]
    pub features: Source,
    /// Their labels, where they are in a file of their own: NPY, IDX, or text with one a line
    #[arg(value_name = "LABELS", conflicts_with = "labels")]
    pub labels_file: Option<PathBuf>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Probe with these alone
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_value = "neighbors,linear,network", value_parser = kind)]
    pub with: Vec<Kind>,
    /// How many parts are judged one after another, each by what was learned from the others
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub folds: usize,
    /// How distance is measured: cosine, l2, l1, l3 or dot
    #[arg(long, default_value_t = Metric::Cosine)]
    pub metric: Metric,
    /// The most neighbours that are asked
    #[arg(long, default_value_t = 20, value_name = "K")]
    pub k_max: usize,
    /// The regularisations that are tried, strongest first
    #[arg(long, value_delimiter = ',', default_value = "1e-1,1e-2,1e-3,1e-4", value_name = "REG,…")]
    pub reg: Vec<f32>,
    /// Units of the network's hidden layer
    #[arg(long, default_value_t = 256, value_name = "H")]
    pub hidden: usize,
    /// Epochs of the network; more where they would be fewer than 1,000 steps
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub epochs: usize,
    /// The seed of every random choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Write a report too
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print JSON
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
