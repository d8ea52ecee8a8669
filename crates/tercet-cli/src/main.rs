//! The `tercet` program: one file per command in [`commands`], and here what they share.
//!
//! Results go to standard output, progress and messages to standard error. Exit codes: 0 done, 1 an answer to
//! an exercise that is wrong, 2 the request makes no sense, 3 data or files, 130 interrupted.

mod args;
mod callbacks;
mod commands;
mod dashboard;
mod data_check;
mod download;
mod ensemble;
mod evaluation;
mod exercises;
mod exit;
mod explanation;
mod graph_output;
mod interrupt;
mod output;
mod picture;
mod prediction;
mod progress;
mod robustness;
mod serve;
mod table;
mod tensorboard;
mod training;
mod usage_hints;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Weights that begin where a line of the cache does are read faster.
#[global_allocator]
static ALLOCATOR: tercet_kernels::heap::LineAligned = tercet_kernels::heap::LineAligned;

/// Nearest neighbours, linear classifiers and neural networks: exact, fast, open to see through.
#[derive(Parser)]
#[command(name = "tercet", version, max_term_width = 100, arg_required_else_help = false)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,

    /// How many threads work; results do not depend on it [default: all processors]
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Say nothing on the way; errors and results remain
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    quiet: bool,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
enum Command {
    /// Train all three classifiers, judge them, write a report
    Compare(commands::compare::Arguments),
    /// Train one classifier and keep it as a model file
    Train(commands::train::Arguments),
    /// Judge a model file, or two of them, on the test set
    Evaluate(commands::evaluate::Arguments),
    /// Classify pictures of yours
    Predict(commands::predict::Arguments),
    /// Show what a model is made of: its layers, what each gives and takes, and what is known of it
    Describe(commands::describe::Arguments),
    /// Search settings on the validation set
    Tune(commands::tune::Arguments),
    /// Write a model for other programs: ONNX, C, or a state dict of PyTorch
    Export(commands::export::Arguments),
    /// Make a model of weights that PyTorch has learned
    Import(commands::import::Arguments),
    /// Judge features, such as embeddings, by what three classifiers make of them
    Probe(commands::probe::Arguments),
    /// Find the nearest rows of a file, which may be larger than memory
    Search(commands::search::Arguments),
    /// Look at a data set, write it in another format, or fetch one
    Data(commands::data::Arguments),
    /// Draw the losses of trainings into one picture
    Plot(commands::plot::Arguments),
    /// Backpropagation, step by step, through an expression or a model
    Graph(commands::graph::Arguments),
    /// Answer over HTTP: the page, and what models of yours say of pictures
    Serve(commands::serve::Arguments),
    /// Check what you computed yourself: the exercises of the book
    Check(commands::check::Arguments),
    /// Print completions for your shell
    Completions(commands::completions::Arguments),
}

/// What `tercet` alone says.
const WELCOME: &str = "\
Tercet: nearest neighbours, linear classifiers and neural networks.

Three commands to begin with:

  tercet compare              train all three on MNIST, judge them, write report.html
  tercet train network        train one and keep it as network.safetensors
  tercet predict network.safetensors digit.png
                              read a picture of yours

All commands: tercet --help";

fn main() -> ExitCode {
    #[cfg(feature = "parquet")]
    keep_quiet_about_damaged_tables();
    let program = Program::try_parse().unwrap_or_else(|error| {
        let arguments: Vec<String> =
            std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let mut known = Program::command();
        known.build();
        usage_hints::with_remedy(error, &known, &arguments).exit()
    });
    progress::set_quiet(program.quiet);
    match run(program) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

/// The library that reads Parquet panics on some damaged files, of which the reader of data sets makes an error. That one says
/// all there is to know, so nothing is written about the panic.
#[cfg(feature = "parquet")]
fn keep_quiet_about_damaged_tables() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let folders = panic.location().into_iter().flat_map(|at| at.file().split(['/', '\\']));
        if !folders.into_iter().any(|folder| folder.starts_with("parquet-")) {
            others(panic);
        }
    }));
}

fn run(program: Program) -> anyhow::Result<ExitCode> {
    // Set to nothing is as good as not set.
    if let Some(name) = std::env::var_os("TERCET_ISA").filter(|name| !name.is_empty()) {
        tercet_kernels::Isa::named(&name.to_string_lossy())
            .map_err(|error| exit::usage(format!("TERCET_ISA: {error}")))?;
    }
    if let Some(threads) = program.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
    }
    match program.command {
        None => {
            output::print(WELCOME)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Compare(arguments)) => commands::compare::run(arguments),
        Some(Command::Train(arguments)) => commands::train::run(arguments),
        Some(Command::Evaluate(arguments)) => commands::evaluate::run(arguments),
        Some(Command::Predict(arguments)) => commands::predict::run(arguments),
        Some(Command::Describe(arguments)) => commands::describe::run(arguments),
        Some(Command::Tune(arguments)) => commands::tune::run(arguments),
        Some(Command::Export(arguments)) => commands::export::run(arguments),
        Some(Command::Import(arguments)) => commands::import::run(arguments),
        Some(Command::Probe(arguments)) => commands::probe::run(arguments),
        Some(Command::Search(arguments)) => commands::search::run(arguments),
        Some(Command::Data(arguments)) => commands::data::run(arguments),
        Some(Command::Graph(arguments)) => commands::graph::run(arguments),
        Some(Command::Serve(arguments)) => commands::serve::run(arguments),
        Some(Command::Plot(arguments)) => commands::plot::run(arguments),
        Some(Command::Check(arguments)) => commands::check::run(arguments),
        Some(Command::Completions(arguments)) => commands::completions::run(arguments),
    }
}
