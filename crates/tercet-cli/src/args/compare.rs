//! `tercet compare`.

use std::path::PathBuf;

use clap::Args;

use crate::args::data_source::DataArgs;
use crate::args::preprocessing::PreprocessingArgs;
use crate::args::report::FiguresArgs;
use crate::args::split::{SeedArgs, SplitArgs};

/// What `tercet compare` understands.
#[derive(Args)]
pub struct CompareArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
    /// How many neighbours vote
    #[arg(short, long, default_value_t = 3)]
    pub k: usize,
    /// Hidden units of each hidden layer of the network
    #[arg(long, value_delimiter = ',', default_value = "128", value_name = "H,…")]
    pub hidden: Vec<usize>,
    #[command(flatten)]
    pub validation: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Judge on disturbed pictures, too: moved, turned, noisy, dull and inverted
    #[arg(long)]
    pub robustness: bool,
    /// Check the data, too: duplicates across its parts, and labels that may be wrong (see `tercet data check`)
    #[arg(long)]
    pub check_data: bool,
    /// Where the report goes
    #[arg(long, default_value = "report.html", value_name = "FILE.html")]
    pub report: PathBuf,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print the record of the run as JSON instead of the table
    #[arg(long)]
    pub json: bool,
}
