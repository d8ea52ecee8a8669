//! Options of `tercet compare`.

use std::path::PathBuf;

use clap::Args;

use crate::args::data_source::DataArgs;
use crate::args::preprocessing::PreprocessingArgs;
use crate::args::report::{ExtraChecksArgs, FiguresArgs};
use crate::args::split::{SeedArgs, SplitArgs};

/// Options of `tercet compare`.
#[derive(Args)]
pub struct CompareArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
    /// Number of neighbours
    #[arg(short, long, default_value_t = 3, value_name = "K")]
    pub k: usize,
    /// Units of each hidden layer of the network, such as 128 or 256,64
    #[arg(long, value_delimiter = ',', default_value = "128", value_name = "H,…")]
    pub hidden: Vec<usize>,
    #[command(flatten)]
    pub split: SplitArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    #[command(flatten)]
    pub extra: ExtraChecksArgs,
    /// Write the report to this file
    #[arg(long, default_value = "report.html", value_name = "FILE.html")]
    pub report: PathBuf,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
