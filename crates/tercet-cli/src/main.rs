//! The `tercet` program: one file for each verb in [`verbs`], and here what they share.
//!
//! Results go to standard output, progress and messages to standard error. Exit codes: 0 done, 1 an answer to
//! an exercise that is wrong, 2 the request makes no sense, 3 data or files, 130 interrupted.

mod arguments;
mod checking;
mod dashboard;
mod descending;
mod disturbing;
mod exact;
mod exercises;
mod exit;
mod explaining;
mod fetching;
mod graphing;
mod interrupt;
mod judging;
mod keeping;
mod misplaced;
mod output;
mod picture;
mod predicting;
mod progress;
mod remembering;
mod scoring;
mod serve;
mod table;
mod tensorboard;
mod training;
mod verbs;

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
    verb: Option<Verb>,

    /// How many threads work; results do not depend on it [default: all processors]
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Say nothing on the way; errors and results remain
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    quiet: bool,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
enum Verb {
    /// Train all three classifiers, judge them, write a report
    Compare(verbs::compare::Arguments),
    /// Train one classifier and keep it as a model file
    Train(verbs::train::Arguments),
    /// Judge a model file, or two of them, on the test set
    Evaluate(verbs::evaluate::Arguments),
    /// Classify pictures of yours
    Predict(verbs::predict::Arguments),
    /// Show what a model is made of: its layers, what each gives and takes, and what is known of it
    Describe(verbs::describe::Arguments),
    /// Search settings on the validation set
    Tune(verbs::tune::Arguments),
    /// Write a model for other programs: ONNX, C, or a state dict of PyTorch
    Export(verbs::export::Arguments),
    /// Make a model of weights that PyTorch has learned
    Import(verbs::import::Arguments),
    /// Judge features, such as embeddings, by what three classifiers make of them
    Probe(verbs::probe::Arguments),
    /// Find the nearest rows of a file, which may be larger than memory
    Search(verbs::search::Arguments),
    /// Look at a data set, write it in another format, or fetch one
    Data(verbs::data::Arguments),
    /// Draw the losses of trainings into one picture
    Plot(verbs::plot::Arguments),
    /// Backpropagation, step by step, through an expression or a model
    Graph(verbs::graph::Arguments),
    /// Answer over HTTP: the page, and what models of yours say of pictures
    Serve(verbs::serve::Arguments),
    /// Check what you computed yourself: the exercises of the book
    Check(verbs::check::Arguments),
    /// Print completions for your shell
    Completions(verbs::completions::Arguments),
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
        misplaced::with_remedy(error, &known, &arguments).exit()
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
    match program.verb {
        None => {
            output::print(WELCOME)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Compare(arguments)) => verbs::compare::run(arguments),
        Some(Verb::Train(arguments)) => verbs::train::run(arguments),
        Some(Verb::Evaluate(arguments)) => verbs::evaluate::run(arguments),
        Some(Verb::Predict(arguments)) => verbs::predict::run(arguments),
        Some(Verb::Describe(arguments)) => verbs::describe::run(arguments),
        Some(Verb::Tune(arguments)) => verbs::tune::run(arguments),
        Some(Verb::Export(arguments)) => verbs::export::run(arguments),
        Some(Verb::Import(arguments)) => verbs::import::run(arguments),
        Some(Verb::Probe(arguments)) => verbs::probe::run(arguments),
        Some(Verb::Search(arguments)) => verbs::search::run(arguments),
        Some(Verb::Data(arguments)) => verbs::data::run(arguments),
        Some(Verb::Graph(arguments)) => verbs::graph::run(arguments),
        Some(Verb::Serve(arguments)) => verbs::serve::run(arguments),
        Some(Verb::Plot(arguments)) => verbs::plot::run(arguments),
        Some(Verb::Check(arguments)) => verbs::check::run(arguments),
        Some(Verb::Completions(arguments)) => verbs::completions::run(arguments),
    }
}
