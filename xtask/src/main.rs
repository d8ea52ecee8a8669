//! The project's development tasks, written in Rust so that they need only Rust: `cargo xtask --help`.
//!
//! Each task has a file. `test` lists the project's checks in order; those that are more than a call of cargo are in
//! `checks`.

mod bench;
mod book;
mod checks;
mod command;
mod deny;
mod fmt;
mod python;
mod release;
mod repository;
mod test;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use repository::Repository;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every check of the project, quick ones first
    Test(test::Arguments),
    /// Format Rust, Python and TypeScript
    Fmt,
    /// Check the dependencies against deny.toml: licences, sources, duplicates
    Deny(deny::Arguments),
    /// Run benchmarks and append to their records
    #[command(subcommand)]
    Bench(bench::Benchmark),
    /// Build the page into the program's crate, or a whole site with its data
    Web(web::Arguments),
    /// Generate the bindings of a WebAssembly module: a part of `web`
    #[cfg(feature = "bind")]
    #[command(hide = true)]
    Bind(web::bind::Arguments),
    /// Run every command in the book, and build its pages into target/book
    Book(book::Arguments),
    /// Check, build and publish a release
    #[command(subcommand)]
    Release(release::Task),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Repository::of_this_program().and_then(|repository| match arguments.chore {
        Chore::Test(arguments) => test::run(&arguments, &repository),
        Chore::Fmt => fmt::run(&repository),
        Chore::Bench(benchmark) => bench::run(&benchmark, &repository),
        Chore::Deny(arguments) => deny::run(&arguments, &repository),
        Chore::Web(arguments) => web::run(&arguments, &repository),
        #[cfg(feature = "bind")]
        Chore::Bind(arguments) => web::bind::run(&arguments),
        Chore::Book(arguments) => book::run(&arguments, &repository),
        Chore::Release(task) => release::run(&task, &repository),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
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
