//! `cargo xtask bench`: measurements, and the record of them in `benchmarks/records`.
//!
//! How long the main job takes is measured here, on the program as users run it. What is measured against peers is a
//! program of its own, `benchmarks`, which this builds and runs.

mod compare;
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

/// What can be measured.
#[derive(Subcommand)]
pub enum Benchmark {
    /// Runs `tercet compare` and adds a row for each run to benchmarks/records/compare.csv
    Compare(compare::Arguments),
    /// Exact nearest neighbours against their peers; `neighbors --help` lists what it understands
    #[command(disable_help_flag = true)]
    Neighbors(PassedOn),
    /// Linear classifiers and networks against their peers; `training --help` lists what it understands
    #[command(disable_help_flag = true)]
    Training(PassedOn),
    /// Convolutional networks against torch; `convolution --help` lists what it understands
    #[command(disable_help_flag = true)]
    Convolution(PassedOn),
    /// The test error of a recipe from several seeds; adds a row for each to benchmarks/records/results.csv
    Results(results::Arguments),
    /// The page in a real browser: from a stroke to what is shown of it, and the lecture's run; adds a row to
    /// benchmarks/records/page.csv
    Page,
    /// Predictions over HTTP: how many a second, and how long each takes; adds a row to benchmarks/records/serving.csv
    Serving(serving::Arguments),
    /// The Python package against scikit-learn and FAISS, from Python; `python --help` lists what it understands
    #[command(disable_help_flag = true)]
    Python(PassedOn),
}

/// Arguments for the program in `benchmarks`, which says itself what it understands.
#[derive(clap::Args)]
pub struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<String>,
}

/// Measures what was asked for.
pub fn run(benchmark: &Benchmark, repository: &Repository) -> Result<()> {
    match benchmark {
        Benchmark::Compare(arguments) => compare::run(arguments, repository),
        Benchmark::Neighbors(passed_on) => against_peers("neighbors", passed_on, repository),
        Benchmark::Page => page::run(repository),
        Benchmark::Results(arguments) => results::run(arguments, repository),
        Benchmark::Serving(arguments) => serving::run(arguments, repository),
        Benchmark::Training(passed_on) => against_peers("training", passed_on, repository),
        Benchmark::Convolution(passed_on) => against_peers("convolution", passed_on, repository),
        Benchmark::Python(passed_on) => package::run(&passed_on.arguments, repository),
    }
}

/// Builds the program that measures against peers, and has it run one of its benchmarks.
fn against_peers(benchmark: &str, passed_on: &PassedOn, repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release", "--package", "tercet-benchmarks"]))?;
    let mut command = Command::new(program(repository, "release", "tercet-benchmarks")?);
    command.arg(benchmark).args(&passed_on.arguments);
    execute(command)
}
