//! `tercet search`.

use std::path::PathBuf;

use clap::Args;
use tercet::neighbors::Metric;

/// What `tercet search` understands.
#[derive(Args)]
pub struct SearchArgs {
    /// The rows to choose from: NPY, or IDX
    #[arg(value_name = "ROWS")]
    pub rows: PathBuf,
    /// The rows whose neighbours are asked for, of the same kind
    #[arg(value_name = "QUERIES")]
    pub queries: PathBuf,
    /// How many neighbours of each
    #[arg(short, default_value_t = 10, value_name = "K")]
    pub k: usize,
    /// How distance is measured: l2, l1, l3, cosine or dot
    #[arg(long, default_value_t = Metric::L2)]
    pub metric: Metric,
    /// Where the places of the neighbours go, (N, k), nearest first
    #[arg(long, short, default_value = "neighbors.npy", value_name = "FILE.npy")]
    pub out: PathBuf,
    /// Where their distances go, (N, k)
    #[arg(long, value_name = "FILE.npy")]
    pub distances: Option<PathBuf>,
    /// How many rows are prepared at a time [default: as many as have 256 MiB]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub piece: Option<u32>,
}
