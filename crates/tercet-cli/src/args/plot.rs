//! `tercet plot`.

use std::path::PathBuf;

use clap::Args;

/// What `tercet plot` understands.
#[derive(Args)]
pub struct PlotArgs {
    /// Files that `tercet train --losses` wrote, at most five, each under a name if you give it one: "rate 1=high.csv"
    #[arg(required = true, value_name = "[NAME=]FILE.csv")]
    pub losses: Vec<String>,
    /// What is drawn of each
    #[arg(long, value_name = "QUANTITY", value_enum, default_value_t = Of::Loss)]
    pub of: Of,
    /// Leave out losses above this, which would press all others flat
    #[arg(long, value_name = "LOSS")]
    pub most: Option<f64>,
    /// The picture
    #[arg(long, short, value_name = "FILE.svg", default_value = "losses.svg")]
    pub out: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Of {
    /// The loss of the training examples, as a running mean
    Loss,
    /// The loss of the validation set
    ValidationLoss,
    /// The share of the validation set that is classified correctly
    ValidationAccuracy,
}
