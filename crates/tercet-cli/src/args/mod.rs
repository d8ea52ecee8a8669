//! The command line: parses every option of every command.
//!
//! A command has its options in the file of its name. Options that several commands share are in a file named
//! by their subject, such as [`data_source`] or [`gradient_descent`].

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

/// Nearest neighbours, linear classifiers and neural networks: exact, fast and easy to inspect.
#[derive(Parser)]
#[command(name = "tercet", version, max_term_width = 80, arg_required_else_help = false)]
pub struct Program {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Number of threads; results do not depend on it [default: all processors]
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub threads: Option<u16>,

    /// Do not print progress; errors and results are still printed
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub enum Command {
    /// Train all three classifiers, evaluate them and write a report
    Compare(compare::CompareArgs),
    /// Train one classifier and save it as a model file
    Train(train::TrainArgs),
    /// Evaluate one model on the test set, or compare two
    Evaluate(evaluate::EvaluateArgs),
    /// Classify pictures of your own
    Predict(predict::PredictArgs),
    /// Describe a model: layers, shapes, parameters, training data, metrics
    Describe(describe::DescribeArgs),
    /// Search for the best settings on the validation set
    Tune(tune::TuneArgs),
    /// Export a model as ONNX, C or a PyTorch state dict
    Export(export::ExportArgs),
    /// Import a PyTorch state dict as a model
    Import(import::ImportArgs),
    /// Evaluate features, such as embeddings, by training three classifiers on them
    Probe(probe::ProbeArgs),
    /// Find exact nearest neighbours in a file that may be larger than memory
    Search(search::SearchArgs),
    /// Inspect, check, show, download or convert a data set
    Data(data::DataCommandArgs),
    /// Plot the losses of training runs
    Plot(plot::PlotArgs),
    /// Show backpropagation through an expression or a model, step by step
    Graph(graph::GraphArgs),
    /// Serve the web page, and predictions over HTTP
    Serve(serve::ServeArgs),
    /// Check your solutions to the exercises of the book
    Check(check::CheckArgs),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
}
