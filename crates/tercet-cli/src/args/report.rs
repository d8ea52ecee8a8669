//! Reports and what goes into them.

use std::path::PathBuf;

use clap::Args;

/// The figures of a report as separate files.
#[derive(Args)]
pub struct FiguresArgs {
    /// Write the figures of the report to this folder as well: charts as SVG, weights as PNG
    #[arg(long, value_name = "FOLDER")]
    pub figures: Option<PathBuf>,
}

/// Checks beyond the accuracy on the test set.
#[derive(Args)]
pub struct ExtraChecksArgs {
    /// Evaluate robustness as well: accuracy on shifted, rotated, noisy, low-contrast and inverted
    /// images
    #[arg(long)]
    pub robustness: bool,
    /// Check the data as well: duplicates and label errors (see `tercet data check`)
    #[arg(long)]
    pub check_data: bool,
}
