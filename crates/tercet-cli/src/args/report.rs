//! Reports and their figures.

use std::path::PathBuf;

use clap::Args;

/// The figures of a report as files of their own.
#[derive(Args)]
pub struct FiguresArgs {
    /// Write the figures of the report into this folder, too: charts as SVG, weights as PNG
    #[arg(long, value_name = "FOLDER")]
    pub figures: Option<PathBuf>,
}
