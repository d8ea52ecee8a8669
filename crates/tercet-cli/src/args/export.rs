//! Options of `tercet export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::data_source::DataArgs;

/// Options of `tercet export`.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("formats").required(true).multiple(true))]
#[command(override_usage = "tercet export <--onnx|--c|--state-dict> <FILE> [OPTIONS] <MODEL>")]
pub struct ExportArgs {
    /// The model file
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Write an ONNX model for batches of any size
    #[arg(long, value_name = "FILE.onnx", group = "formats")]
    pub onnx: Option<PathBuf>,
    /// Write a network or linear classifier as C99 without dependencies, and its header next to it
    #[arg(long, value_name = "FILE.c", group = "formats")]
    pub c: Option<PathBuf>,
    /// Write the weights as the state dict of a PyTorch `Sequential`
    #[arg(long, value_name = "FILE.safetensors", group = "formats")]
    pub state_dict: Option<PathBuf>,
    /// Make the exported model take pixels from 0 to 255, and scale them itself (ONNX and C)
    #[arg(long)]
    pub pixels: bool,
    /// Prefix of the function names in C [default: the file name]
    #[arg(long, value_name = "NAME", requires = "c", help_heading = "C")]
    pub prefix: Option<String>,
    /// Bits per weight in C: 32, or 8 with one scale per output channel [default: 32]
    #[arg(
        long,
        value_name = "8|32",
        requires = "c",
        default_value = "32",
        hide_default_value = true,
        hide_possible_values = true,
        value_parser = ["8", "32"],
        help_heading = "C"
    )]
    pub bits: String,
    /// Measure on this set how much accuracy 8-bit weights lose
    #[arg(long, value_name = "SET", requires = "c", help_heading = "C")]
    pub measure: Option<Part>,
    /// Write the model's scores on the test set, (N, C), to compare another runtime with
    #[arg(long, value_name = "FILE.npy", help_heading = "Data")]
    pub scores: Option<PathBuf>,
    #[command(flatten)]
    pub data: DataArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A set of examples that the model was not trained on.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Part {
    /// The validation set of the model's training
    Validation,
    /// The test set, which is unsealed for it
    Test,
}
