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
pub mod man;
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

use clap::{ColorChoice, CommandFactory, Parser, Subcommand};

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

    /// When to use colours: on a terminal (auto, unless NO_COLOR is set), always or never
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "auto|always|never",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub color: ColorChoice,
}

/// Options that the short help, `-h`, leaves out: those under these headings. `--help` has all of them.
const LONG_HELP_ONLY: [&str; 7] = [
    "Averaging",
    "Deformations",
    "Global options",
    "Logging and checkpoints",
    "Optimizer and schedule",
    "Regularisation",
    "Data",
];

/// Options under these headings that the short help has nevertheless.
const IN_SHORT_HELP: [&str; 6] = ["data", "out", "epochs", "lr", "quiet", "json"];

impl Program {
    /// The parser, whose `-h` is shorter than `--help`.
    pub fn parser(color: ColorChoice) -> clap::Command {
        shorten(Program::command().color(color))
    }
}

fn shorten(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let is_left_out = arg.get_help_heading().is_some_and(|heading| LONG_HELP_ONLY.contains(&heading))
            && !IN_SHORT_HELP.contains(&arg.get_id().as_str());
        if is_left_out { arg.hide_short_help(true) } else { arg }
    });
    command.mut_subcommands(shorten)
}

/// The choice of `--color` among the arguments, for messages of the parser itself.
pub fn color_of(arguments: impl IntoIterator<Item = String>) -> ColorChoice {
    let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
    let mut color = ColorChoice::Auto;
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--color=") {
            Some(value) => Some(value.to_owned()),
            None if argument == "--color" => arguments.next(),
            None => None,
        };
        color = value.and_then(|value| value.parse().ok()).unwrap_or(color);
    }
    color
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
    /// Write the manual pages of all commands
    Man(man::ManArgs),
}
