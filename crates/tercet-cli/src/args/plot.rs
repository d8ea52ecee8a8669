//! Options of `tercet plot`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `tercet plot`.
#[derive(Args)]
pub struct PlotArgs {
    /// Files written by `tercet train --losses`, at most five, each with an optional name:
    /// "rate 1=high.csv"
    #[arg(required = true, value_name = "[NAME=]FILE.csv")]
    pub losses: Vec<String>,
    /// Quantity to plot
    #[arg(long, value_name = "QUANTITY", value_enum, default_value_t = PlotQuantity::Loss)]
    pub quantity: PlotQuantity,
    /// Leave out larger values, which would flatten the other curves
    #[arg(long, value_name = "VALUE")]
    pub max: Option<f64>,
    /// Write the plot to this file
    #[arg(short, long, value_name = "FILE.svg", default_value = "losses.svg")]
    pub out: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum PlotQuantity {
    /// Training loss, as a running mean
    Loss,
    /// Validation loss
    ValidationLoss,
    /// Validation accuracy
    ValidationAccuracy,
}
