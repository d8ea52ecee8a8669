//! Tercet and its peers on the same work in one run: `cargo xtask bench` builds this program and runs it.
//!
//! A folder for each benchmark, [`neighbors`] and [`training`]; the next one is a module beside them and a variant of
//! `Benchmark`. What any of them needs stands in modules of its own:
//!
//! | module | subject |
//! |---|---|
//! | [`conditions`] | what all of them are asked for, and what they are measured under |
//! | [`python`] | the virtual environment that the peers written for Python live in |
//! | [`peer`] | a peer: a process that answers commands, one line of JSON each |
//! | [`arrays`] | data sets as files that both sides read |
//! | [`turns`] | one engine after the other, again and again |
//! | [`times`] | seconds of several runs: the least, the median |
//! | [`show`] | tables and numbers, as a person reads them |

mod arrays;
mod conditions;
mod neighbors;
mod peer;
mod python;
mod show;
mod times;
mod training;
mod turns;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Weights that begin where a line of the cache does are read faster.
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
    /// Linear classifiers and fully connected networks, against torch, JAX and others
    Training(training::Arguments),
    /// Convolutional networks, against torch
    Convolution(training::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.benchmark {
        Benchmark::Neighbors(arguments) => neighbors::run(&arguments),
        Benchmark::Training(arguments) => training::run(&training::TRAINING, &arguments),
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

/// Where things are.
#[derive(Debug)]
pub struct Places {
    /// The folder `benchmarks` of the repository: the peers' scripts, the records.
    pub benchmarks: PathBuf,
    /// A folder under `target` for what is large and can be made again.
    pub scratch: PathBuf,
}

impl Places {
    /// Those of the checkout that this program was built in.
    ///
    /// # Errors
    /// A program that lies elsewhere than in a target folder.
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
