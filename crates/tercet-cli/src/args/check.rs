//! `tercet check`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What `tercet check` understands.
#[derive(Args)]
pub struct CheckArgs {
    #[command(subcommand)]
    pub subject: CheckSubject,
}

#[derive(Subcommand)]
pub enum CheckSubject {
    /// Judge the numbers of an exercise of the book, or list the exercises
    Exercise(ExerciseArgs),
}

/// Which exercise, and where the numbers are.
#[derive(Args)]
pub struct ExerciseArgs {
    /// The exercise; without it, all are listed
    pub name: Option<String>,
    /// The numbers, separated by blanks, commas or line ends; standard input where it is left out, or `-`
    pub file: Option<PathBuf>,
    /// Print what is asked, and judge nothing
    #[arg(long, requires = "name", conflicts_with = "file")]
    pub question: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
