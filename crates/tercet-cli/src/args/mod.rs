//! The command line: every option of every command, parsed and not yet acted upon.
//!
//! A command has its options in the file of its name. Options that several commands share are in a file named by their
//! subject, such as [`data_source`] or [`gradient_descent`].

pub mod check;
pub mod compare;
pub mod completions;
pub mod data;
pub mod data_source;
pub mod describe;
pub mod dual;
pub mod ensemble;
pub mod evaluate;
pub mod export;
pub mod gradient_descent;
pub mod graph;
pub mod import;
pub mod logging;
pub mod neighbors;
pub mod plot;
pub mod predict;
pub mod preprocessing;
pub mod probe;
pub mod report;
pub mod search;
pub mod serve;
pub mod split;
pub mod train;
pub mod tune;

use clap::{Parser, Subcommand};

/// Nearest neighbours, linear classifiers and neural networks: exact, fast, open to see through.
#[derive(Parser)]
#[command(name = "tercet", version, max_term_width = 100, arg_required_else_help = false)]
pub struct Program {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How many threads work; results do not depend on it [default: all processors]
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Say nothing on the way; errors and results remain
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub enum Command {
    /// Train all three classifiers, judge them, write a report
    Compare(compare::CompareArgs),
    /// Train one classifier and keep it as a model file
    Train(train::TrainArgs),
    /// Judge a model file, or two of them, on the test set
    Evaluate(evaluate::EvaluateArgs),
    /// Classify pictures of yours
    Predict(predict::PredictArgs),
    /// Show what a model is made of: its layers, what each gives and takes, and what is known of it
    Describe(describe::DescribeArgs),
    /// Search settings on the validation set
    Tune(tune::TuneArgs),
    /// Write a model for other programs: ONNX, C, or a state dict of PyTorch
    Export(export::ExportArgs),
    /// Make a model of weights that PyTorch has learned
    Import(import::ImportArgs),
    /// Judge features, such as embeddings, by what three classifiers make of them
    Probe(probe::ProbeArgs),
    /// Find the nearest rows of a file, which may be larger than memory
    Search(search::SearchArgs),
    /// Look at a data set, write it in another format, or fetch one
    Data(data::DataCommandArgs),
    /// Draw the losses of trainings into one picture
    Plot(plot::PlotArgs),
    /// Backpropagation, step by step, through an expression or a model
    Graph(graph::GraphArgs),
    /// Answer over HTTP: the page, and what models of yours say of pictures
    Serve(serve::ServeArgs),
    /// Check what you computed yourself: the exercises of the book
    Check(check::CheckArgs),
    /// Print completions for your shell
    Completions(completions::CompletionsArgs),
}
