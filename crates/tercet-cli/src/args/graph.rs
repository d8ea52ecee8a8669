//! Options of `tercet graph`.

use std::path::PathBuf;

use clap::Args;
use tercet::graph::FUNCTIONS;

use crate::args::data_source::DataArgs;

/// Options of `tercet graph`.
#[derive(Args)]
#[command(after_help = after_help())]
pub struct GraphArgs {
    /// The function, such as "(x + y) * z"; earlier statements may name parts of it, as in
    /// "q = x + y; q * z"
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    pub expression: Option<String>,
    /// Values of the variables, such as `x=-2,y=5,w=[1,2;3,4]`
    #[arg(long, value_name = "NAME=VALUE,…", conflicts_with = "model")]
    pub at: Vec<String>,
    /// Differentiate the loss of this model instead of an expression
    #[arg(long, value_name = "MODEL", help_heading = "Models")]
    pub model: Option<PathBuf>,
    /// Input of the model: a picture (PNG, JPEG, WebP, GIF, TIFF, BMP or PGM), or `-` for standard input
    #[arg(long, value_name = "PICTURE", help_heading = "Models")]
    pub picture: Option<PathBuf>,
    /// Input of the model: an example of the test set, counted from 0
    #[arg(long, value_name = "N", conflicts_with = "picture", help_heading = "Models")]
    pub example: Option<usize>,
    /// True class for the loss [default: the example's label, or the class predicted for a picture]
    #[arg(long, value_name = "CLASS", help_heading = "Models")]
    pub label: Option<String>,
    #[command(flatten)]
    pub data: DataArgs,
    /// Print every step of the backward pass
    #[arg(long)]
    pub steps: bool,
    /// Draw the graph, with values above the nodes and gradients below
    #[arg(long, value_name = "FILE.svg")]
    pub svg: Option<PathBuf>,
    /// Write the graph for Graphviz
    #[arg(long, value_name = "FILE.dot")]
    pub dot: Option<PathBuf>,
    /// Print the result as JSON; non-finite numbers are null
    #[arg(long)]
    pub json: bool,
}

/// What expressions may contain, printed below the options.
fn after_help() -> String {
    let mut text = "An expression may contain numbers, matrices such as [1, 2; 3, 4], variables, + - * /, \
                    @ (matrix product), ^ or ** (powers), brackets, and these functions:\n"
        .to_owned();
    for (name, arguments) in FUNCTIONS {
        text += &format!("\n  {name}({arguments})");
    }
    text
}
