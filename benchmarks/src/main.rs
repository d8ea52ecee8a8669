//! Benchmarks of Tercet against other libraries (peers) in one run. `cargo xtask bench` builds and runs this program.
//!
//! Each benchmark has a folder: [`neighbors`], [`pictures`] and [`training`]. A new one is another module and a variant of `Benchmark`.
//! Modules that they share:
//!
//! | module | subject |
//! |---|---|
//! | [`conditions`] | the options and conditions of all benchmarks |
//! | [`python`] | the virtual environment of the peers in Python |
//! | [`peer`] | a peer: a process that answers commands, one line of JSON each |
//! | [`arrays`] | data sets as files that both sides read |
//! | [`turns`] | runs the engines in turns |
//! | [`times`] | the seconds of several runs: minimum, median |
//! | [`show`] | human-readable tables and numbers |

mod arrays;
mod conditions;
mod neighbors;
mod peer;
mod pictures;
mod python;
mod show;
mod times;
mod training;
mod turns;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Weights that are aligned to cache lines are read faster.
#[global_allocator]
static ALLOCATOR: tercet_kernels::allocator::CacheLineAligned = tercet_kernels::allocator::CacheLineAligned;

#[derive(Parser)]
#[command(
    name = "cargo xtask bench",
    bin_name = "cargo xtask bench",
    about = "Tercet and its peers on the same work in one run"
)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Exact nearest neighbours, against FAISS, scikit-learn and others
    Neighbors(neighbors::Arguments),
    /// Linear classifiers and fully connected networks, against PyTorch, JAX and others
    Training(training::Arguments),
    /// Convolutional networks, against PyTorch
    Convolution(training::Arguments),
    /// Digits the way people photograph them: how many a model reads, style by style
    Pictures(pictures::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.benchmark {
        Benchmark::Neighbors(arguments) => neighbors::run(&arguments),
        Benchmark::Training(arguments) => training::run(&training::TRAINING, &arguments),
        Benchmark::Pictures(arguments) => pictures::run(&arguments),
        Benchmark::Convolution(arguments) => training::run(&training::CONVOLUTION, &arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folders of the benchmarks.
#[derive(Debug)]
pub struct Places {
    /// The folder `benchmarks` of the repository: the peers' scripts, the records.
    pub benchmarks: PathBuf,
    /// A folder under `target` for large files that can be created again.
    pub scratch: PathBuf,
}

impl Places {
    /// The folders of the checkout in which this program was built.
    ///
    /// # Errors
    /// A program that is not in a target folder.
    pub fn of_this_program() -> Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let target = program.ancestors().nth(2).context("this program lies in no target folder")?;
        let scratch = target.join("benchmarks");
        std::fs::create_dir_all(&scratch)
            .with_context(|| format!("cannot create the folder {}", scratch.display()))?;
        Ok(Places { benchmarks: PathBuf::from(env!("CARGO_MANIFEST_DIR")), scratch })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
