//! `cargo xtask bench`: measurements, and the record of them in `benchmarks/records`.
//!
//! The time of the main command is measured here, with the program as users run it. Comparisons with other libraries
//! are in a separate program, `benchmarks`, which this builds and runs.

mod compare;
mod defaults;
mod package;
mod page;
mod results;
mod serving;

use std::process::Command;

use anyhow::Result;
use clap::Subcommand;

pub use serving::picture;

use crate::command::{cargo, program, run as execute};
use crate::repository::Repository;

/// The benchmarks.
#[derive(Subcommand)]
pub enum Benchmark {
    /// Run `tercet compare` and append a row for each run to benchmarks/records/compare.csv
    Compare(compare::Arguments),
    /// Exact nearest neighbours against other libraries; `neighbors --help` lists the options
    #[command(disable_help_flag = true)]
    Neighbors(PassedOn),
    /// The default linear classifier and network against scikit-learn, on 30 data sets in many units
    #[command(disable_help_flag = true)]
    Defaults(PassedOn),
    /// Linear classifiers and networks against other libraries; `training --help` lists the options
    #[command(disable_help_flag = true)]
    Training(PassedOn),
    /// Convolutional networks against PyTorch; `convolution --help` lists the options
    #[command(disable_help_flag = true)]
    Convolution(PassedOn),
    /// Digits the way people photograph them, from a seeded generator, and a contact sheet; appends a row for each style to
    /// benchmarks/records/pictures.csv
    #[command(disable_help_flag = true)]
    Pictures(PassedOn),
    /// The test error of a recipe over several seeds; appends a row for each to benchmarks/records/results.csv
    Results(results::Arguments),
    /// The page in a real browser: from a stroke to the displayed predictions, and the lecture's training run;
    /// appends a row to benchmarks/records/page.csv
    Page,
    /// Predictions over HTTP: throughput and latency; appends a row to benchmarks/records/serving.csv
    Serving(serving::Arguments),
    /// The Python package against scikit-learn and FAISS, from Python; `python --help` lists the options
    #[command(disable_help_flag = true)]
    Python(PassedOn),
}

/// Arguments that are passed on to the program in `benchmarks`, which has its own help.
#[derive(clap::Args)]
pub struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<String>,
}

/// Runs a benchmark.
pub fn run(benchmark: &Benchmark, repository: &Repository) -> Result<()> {
    match benchmark {
        Benchmark::Compare(arguments) => compare::run(arguments, repository),
        Benchmark::Defaults(passed_on) => defaults::run(&passed_on.arguments, repository),
        Benchmark::Neighbors(passed_on) => against_peers("neighbors", passed_on, repository),
        Benchmark::Page => page::run(repository),
        Benchmark::Results(arguments) => results::run(arguments, repository),
        Benchmark::Serving(arguments) => serving::run(arguments, repository),
        Benchmark::Training(passed_on) => against_peers("training", passed_on, repository),
        Benchmark::Convolution(passed_on) => against_peers("convolution", passed_on, repository),
        Benchmark::Pictures(passed_on) => against_peers("pictures", passed_on, repository),
        Benchmark::Python(passed_on) => package::run(&passed_on.arguments, repository),
    }
}

/// Builds the program in `benchmarks`, and runs one of its benchmarks.
fn against_peers(benchmark: &str, passed_on: &PassedOn, repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release", "--package", "tercet-benchmarks"]))?;
    let mut command = Command::new(program(repository, "release", "tercet-benchmarks")?);
    command.arg(benchmark).args(&passed_on.arguments);
    execute(command)
}
