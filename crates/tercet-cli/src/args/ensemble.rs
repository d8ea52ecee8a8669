//! Scores averaged over shifts of each picture, or over several models.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

/// What scores are averaged over.
#[derive(Args, Default)]
pub struct EnsembleArgs {
    /// Test-time augmentation: average the scores of each picture and of the picture shifted by N
    /// pixels left, right, up and down
    #[arg(long, value_name = "N", help_heading = "Averaging")]
    pub test_time_shifts: Option<NonZeroUsize>,
    /// Average the class probabilities with those of these models
    #[arg(long, value_name = "MODEL", num_args = 1.., help_heading = "Averaging")]
    pub ensemble: Vec<PathBuf>,
}

impl EnsembleArgs {
    /// Whether anything is averaged.
    pub fn is_given(&self) -> bool {
        self.test_time_shifts.is_some() || !self.ensemble.is_empty()
    }

    /// The files of all models of the ensemble, the first of which is `first`.
    pub fn paths<'a>(&'a self, first: &'a Path) -> Vec<&'a Path> {
        std::iter::once(first).chain(self.ensemble.iter().map(PathBuf::as_path)).collect()
    }

    /// What follows the name of the first model, such as ` with b.safetensors`.
    pub fn others_in_words(&self) -> String {
        let others: Vec<String> = self.ensemble.iter().map(|path| path.display().to_string()).collect();
        if others.is_empty() { String::new() } else { format!(" with {}", others.join(", ")) }
    }
}
