//! The chores of the project, in Rust so that a machine with Rust alone can do them: `cargo xtask --help`.
//!
//! A file for each chore. `test` knows the order of the project's checks; those that are more than a call of cargo
//! live in `checks`.

mod bench;
mod book;
mod checks;
mod command;
mod deny;
mod fmt;
mod python;
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
    /// Runs every check of the project, quick ones first
    Test(test::Arguments),
    /// Formats Rust, Python and TypeScript
    Fmt,
    /// Holds what others wrote to deny.toml: licences, sources, duplicates
    Deny(deny::Arguments),
    /// Measures, and adds to the record of past measurements
    #[command(subcommand)]
    Bench(bench::Benchmark),
    /// Builds the page into the program's crate, or a whole site with its data
    Web(web::Arguments),
    /// Makes the bindings of a WebAssembly module: a part of `web`
    #[cfg(feature = "bind")]
    #[command(hide = true)]
    Bind(web::bind::Arguments),
    /// Runs every command in the book, and builds its pages into target/book
    Book(book::Arguments),
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
