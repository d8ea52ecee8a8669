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

use clap::{CommandFactory, Parser};

use args::{Command, Program};

/// Weights that begin where a line of the cache does are read faster.
#[global_allocator]
static ALLOCATOR: tercet_kernels::heap::LineAligned = tercet_kernels::heap::LineAligned;

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
    }
}
