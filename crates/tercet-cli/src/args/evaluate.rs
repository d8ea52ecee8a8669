//! Options of `tercet evaluate`.

use std::path::PathBuf;

use clap::Args;

use crate::args::data_source::DataArgs;
use crate::args::ensemble::EnsembleArgs;
use crate::args::report::{ExtraChecksArgs, FiguresArgs};

/// Options of `tercet evaluate`.
#[derive(Args)]
pub struct EvaluateArgs {
    /// The model file; a second one is compared with it
    #[arg(required = true, num_args = 1..=2, value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub ensemble: EnsembleArgs,
    #[command(flatten)]
    pub extra: ExtraChecksArgs,
    /// Write a report to this file
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
