//! The `tercet` program: its options are in [`args`], one file per command in [`commands`], and the other
//! modules are what several commands share.
//!
//! Results go to standard output, progress and messages to standard error. Exit codes: 0 success, 1 a wrong
//! solution to an exercise, 2 a usage error, 3 an error in data or files, 130 interrupted.

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
mod figures;
mod graph_output;
mod interrupt;
mod loading;
mod output;
mod output_files;
mod picture;
mod prediction;
mod progress;
mod recipes;
mod robustness;
mod run_record;
mod sample_weights;
mod saving;
mod serve;
mod split;
mod table;
mod tensorboard;
mod training;
mod usage_hints;

use std::process::ExitCode;

use clap::FromArgMatches;

use args::{Command, Program};

/// Weights that are aligned to cache lines are read faster.
#[global_allocator]
static ALLOCATOR: tercet_kernels::allocator::CacheLineAligned = tercet_kernels::allocator::CacheLineAligned;

/// What `tercet` without a command prints.
const WELCOME: &str = "\
Tercet: nearest neighbours, linear classifiers and neural networks.

Three commands to start with:

  tercet compare              train all three on MNIST, evaluate them, write report.html
  tercet train network        train one and save it as network.safetensors
  tercet predict network.safetensors digit.png
                              classify a picture of your own

All commands: tercet --help";

fn main() -> ExitCode {
    #[cfg(feature = "parquet")]
    silence_panics_of_parquet();
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let parser = || Program::parser(args::color_of(arguments.iter().cloned()));
    let parsed = parser().try_get_matches().and_then(|matches| Program::from_arg_matches(&matches));
    let program = parsed.unwrap_or_else(|error| {
        let mut known = parser();
        known.build();
        usage_hints::with_hint(error.format(&mut known), &known, &arguments).exit()
    });
    progress::set_quiet(program.quiet);
    output::set_color(program.color);
    match run(program) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

/// The library that reads Parquet panics on some damaged files, which the reader of data sets turns into an
/// error. The panic itself is not printed.
#[cfg(feature = "parquet")]
fn silence_panics_of_parquet() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let folders = panic.location().into_iter().flat_map(|at| at.file().split(['/', '\\']));
        if !folders.into_iter().any(|folder| folder.starts_with("parquet-")) {
            others(panic);
        }
    }));
}

fn run(program: Program) -> anyhow::Result<ExitCode> {
    // An empty variable counts as unset.
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
        Some(Command::Compare(args)) => commands::compare::run(args),
        Some(Command::Train(args)) => commands::train::run(args),
        Some(Command::Evaluate(args)) => commands::evaluate::run(args),
        Some(Command::Predict(args)) => commands::predict::run(args),
        Some(Command::Describe(args)) => commands::describe::run(args),
        Some(Command::Tune(args)) => commands::tune::run(args),
        Some(Command::Export(args)) => commands::export::run(args),
        Some(Command::Import(args)) => commands::import::run(args),
        Some(Command::Probe(args)) => commands::probe::run(args),
        Some(Command::Search(args)) => commands::search::run(args),
        Some(Command::Data(args)) => commands::data::run(args),
        Some(Command::Graph(args)) => commands::graph::run(args),
        Some(Command::Serve(args)) => commands::serve::run(args),
        Some(Command::Plot(args)) => commands::plot::run(args),
        Some(Command::Check(args)) => commands::check::run(args),
        Some(Command::Completions(args)) => commands::completions::run(args),
        Some(Command::Man(args)) => commands::man::run(&args),
    }
}
