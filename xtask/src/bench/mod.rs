//! `cargo xtask bench`: measurements, and the record of them in `benchmarks/records`.

mod compare;
mod machine;
mod record;

use anyhow::Result;
use clap::Subcommand;

use crate::repository::Repository;

/// What can be measured.
#[derive(Subcommand)]
pub enum Benchmark {
    /// Runs `tercet compare` and adds a row for each run to benchmarks/records/compare.csv
    Compare(compare::Arguments),
}

/// Measures what was asked for.
pub fn run(benchmark: &Benchmark, repository: &Repository) -> Result<()> {
    match benchmark {
        Benchmark::Compare(arguments) => compare::run(arguments, repository),
    }
}
