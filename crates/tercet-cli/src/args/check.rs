//! Options of `tercet check`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Options of `tercet check`.
#[derive(Args)]
pub struct CheckArgs {
    #[command(subcommand)]
    pub subject: CheckSubject,
}

#[derive(Subcommand)]
pub enum CheckSubject {
    /// Check your solution to an exercise of the book, or list the exercises
    Exercise(ExerciseArgs),
}

/// Options of `tercet check exercise`.
#[derive(Args)]
pub struct ExerciseArgs {
    /// The exercise; all exercises are listed if it is left out
    pub name: Option<String>,
    /// Your numbers, separated by spaces, commas or line breaks [default: standard input]
    pub file: Option<PathBuf>,
    /// Print the question only
    #[arg(long, requires = "name", conflicts_with = "file")]
    pub question: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
