//! `tercet graph`.

use std::path::PathBuf;

use clap::Args;
use tercet::graph::FUNCTIONS;

use crate::args::data_source::DataArgs;

/// What `tercet graph` understands.
#[derive(Args)]
#[command(after_help = after_help())]
pub struct GraphArgs {
    /// The function, such as "(x + y) * z"; statements before the last name its parts: "q = x + y; q * z"
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    pub expression: Option<String>,
    /// The values of the variables, as in `x=-2,y=5,w=[1,2;3,4]`
    #[arg(long, value_name = "NAME=VALUE,…", conflicts_with = "model")]
    pub at: Vec<String>,
    /// Take the loss of a model file instead of an expression
    #[arg(long, value_name = "FILE", help_heading = "Models")]
    pub model: Option<PathBuf>,
    /// The picture that the model looks at: PNG, JPEG, BMP or PGM; `-` reads one from standard input
    #[arg(long, value_name = "PICTURE", help_heading = "Models")]
    pub image: Option<PathBuf>,
    /// The example of the test set that it looks at, from 0
    #[arg(long, value_name = "N", conflicts_with = "image", help_heading = "Models")]
    pub example: Option<usize>,
    /// The class that the loss takes for true [default: the example's; of a picture the one that is predicted]
    #[arg(long, value_name = "CLASS", help_heading = "Models")]
    pub label: Option<String>,
    #[command(flatten)]
    pub data: DataArgs,
    /// Say every step of the backward pass
    #[arg(long)]
    pub steps: bool,
    /// Draw the graph, with values above the nodes and gradients below
    #[arg(long, value_name = "FILE.svg")]
    pub svg: Option<PathBuf>,
    /// Write the graph for Graphviz
    #[arg(long, value_name = "FILE.dot")]
    pub dot: Option<PathBuf>,
    /// Print JSON; numbers that are not finite are null
    #[arg(long)]
    pub json: bool,
}

/// The functions of expressions, below the options.
fn after_help() -> String {
    let mut text =
        "An expression has numbers, matrices such as [1, 2; 3, 4], variables, + - * / @ (matrix product) \
                    ^ or ** (powers), brackets, and these functions:\n"
            .to_owned();
    for (name, arguments) in FUNCTIONS {
        text += &format!("\n  {name}({arguments})");
    }
    text
}
