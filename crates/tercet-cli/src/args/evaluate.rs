//! `tercet evaluate`.

use std::path::PathBuf;

use clap::Args;

use crate::args::data_source::DataArgs;
use crate::args::ensemble::EnsembleArgs;
use crate::args::report::FiguresArgs;

/// What `tercet evaluate` understands.
#[derive(Args)]
pub struct EvaluateArgs {
    /// The model file; a second one is compared with it
    #[arg(required = true, num_args = 1..=2, value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub ensemble: EnsembleArgs,
    /// Judge on disturbed pictures, too: moved, turned, noisy, dull and inverted
    #[arg(long)]
    pub robustness: bool,
    /// Check the data, too: duplicates across its parts, and labels that may be wrong (see `tercet data check`)
    #[arg(long)]
    pub check_data: bool,
    /// Write a report too
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print the record of the run as JSON
    #[arg(long)]
    pub json: bool,
}
