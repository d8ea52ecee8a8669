//! Scores averaged over shifts of each picture, or over several models.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

/// What scores are averaged over.
#[derive(Args, Default)]
pub struct EnsembleArgs {
    /// Average the scores of each picture and of its shifts by so many pixels to the left, to the right, up and down
    #[arg(long, value_name = "PIXELS", help_heading = "Averages")]
    pub shifts: Option<NonZeroUsize>,
    /// An ensemble: average the probabilities with those of these models, too
    #[arg(long = "with", value_name = "MODEL", num_args = 1.., help_heading = "Averages")]
    pub others: Vec<PathBuf>,
}

impl EnsembleArgs {
    /// Whether anything is averaged.
    pub fn is_given(&self) -> bool {
        self.shifts.is_some() || !self.others.is_empty()
    }

    /// The files of all models of the ensemble, the first of which is `first`.
    pub fn paths<'a>(&'a self, first: &'a Path) -> Vec<&'a Path> {
        std::iter::once(first).chain(self.others.iter().map(PathBuf::as_path)).collect()
    }

    /// What follows the name of the first model, such as ` with b.safetensors`.
    pub fn others_in_words(&self) -> String {
        let others: Vec<String> = self.others.iter().map(|path| path.display().to_string()).collect();
        if others.is_empty() { String::new() } else { format!(" with {}", others.join(", ")) }
    }
}
