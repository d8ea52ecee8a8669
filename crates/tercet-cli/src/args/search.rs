//! Options of `tercet search`.

use std::path::PathBuf;

use clap::Args;
use tercet::neighbors::Metric;

/// Options of `tercet search`.
#[derive(Args)]
pub struct SearchArgs {
    /// The rows to search: NPY or IDX
    #[arg(value_name = "ROWS")]
    pub rows: PathBuf,
    /// The query rows, in the same format
    #[arg(value_name = "QUERIES")]
    pub queries: PathBuf,
    /// Number of neighbours
    #[arg(short, long, default_value_t = 10, value_name = "K")]
    pub k: usize,
    /// Distance metric: l1, l2, l3, cosine, dot, chebyshev, hamming, …
    #[arg(long, default_value_t = Metric::L2, value_name = "METRIC")]
    pub metric: Metric,
    /// Write the row numbers of the neighbours to this file, (N, k), nearest first
    #[arg(short, long, default_value = "neighbors.npy", value_name = "FILE.npy")]
    pub out: PathBuf,
    /// Write their distances to this file, (N, k)
    #[arg(long, value_name = "FILE.npy")]
    pub distances: Option<PathBuf>,
    /// Number of rows to load at a time [default: as many as fit into 256 MiB]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub chunk: Option<u32>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
