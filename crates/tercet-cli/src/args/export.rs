//! `tercet export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::data_source::DataArgs;

/// What `tercet export` understands.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("formats").required(true).multiple(true))]
pub struct ExportArgs {
    /// The model file
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Write an ONNX model, of any number of examples at a time
    #[arg(long, value_name = "FILE.onnx", group = "formats")]
    pub onnx: Option<PathBuf>,
    /// Write a network or a linear model as C99 without dependencies, and its header beside it
    #[arg(long, value_name = "FILE.c", group = "formats")]
    pub c: Option<PathBuf>,
    /// Write the weights as PyTorch's `Sequential` names them, as safetensors
    #[arg(long, value_name = "FILE.safetensors", group = "formats")]
    pub state_dict: Option<PathBuf>,
    /// Let it take pixels of 0 to 255 and divide them itself, instead of value / 255 (ONNX and C)
    #[arg(long)]
    pub pixels: bool,
    /// What the names of functions begin with in C [default: the name of the file]
    #[arg(long, value_name = "NAME", requires = "c", help_heading = "C")]
    pub name: Option<String>,
    /// How many bits a weight has in C: 32, or 8 with a scale for each output channel
    #[arg(long, value_name = "8|32", requires = "c", default_value = "32", hide_default_value = true, value_parser = ["8", "32"], help_heading = "C")]
    pub bits: String,
    /// Measure what 8 bits cost on this part of the data
    #[arg(long, value_name = "PART", requires = "c", help_heading = "C")]
    pub measure: Option<Part>,
    /// Write our own scores of the test set too, (N, C), to hold those of another runtime against
    #[arg(long, value_name = "FILE.npy", help_heading = "Data and files")]
    pub scores: Option<PathBuf>,
    #[command(flatten)]
    pub data: DataArgs,
}

/// A part of the data that no model learned from.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Part {
    /// The examples that were held out of the model's training
    Validation,
    /// The test set, which is opened for it
    Test,
}
