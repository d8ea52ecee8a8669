//! What training by gradient descent records on its way: log, TensorBoard events and checkpoints.

use std::path::PathBuf;

use clap::Args;

use crate::exit;

/// What is to be kept on the way.
#[derive(Args)]
pub struct LoggingArgs {
    /// Show curves on a screen of the terminal, with keys to pause, to stop and to halve the learning rate
    #[arg(long, global = true, help_heading = "On the way")]
    pub dashboard: bool,
    /// Write a line of JSON for every step as it is done: its loss, learning rate and, where there was one, look
    #[arg(long, global = true, help_heading = "On the way", value_name = "FILE.jsonl")]
    pub log_steps: Option<PathBuf>,
    /// Write event files for TensorBoard into this folder: losses, learning rate, accuracies, update-to-weight ratios
    #[arg(long, global = true, help_heading = "On the way", value_name = "FOLDER")]
    pub tensorboard: Option<PathBuf>,
    /// Write a checkpoint after every so many steps, and on Ctrl-C
    #[arg(long, global = true, help_heading = "On the way", value_name = "STEPS", value_parser = at_least_one)]
    pub checkpoint_every: Option<usize>,
    /// The checkpoint file [default: beside the model, such as network.checkpoint.safetensors]
    #[arg(long, global = true, help_heading = "On the way", value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint file, to the very bits of a training that was never interrupted
    #[arg(long, global = true, help_heading = "On the way")]
    pub resume: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 step is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("a whole number of steps is needed".to_owned()),
    }
}

impl LoggingArgs {
    /// Refuses what only gradient descent can do.
    pub fn refuse(&self, kind: &str) -> anyhow::Result<()> {
        let given = [
            ("--dashboard", self.dashboard),
            ("--log-steps", self.log_steps.is_some()),
            ("--tensorboard", self.tensorboard.is_some()),
            ("--checkpoint-every", self.checkpoint_every.is_some()),
            ("--checkpoint", self.checkpoint.is_some()),
            ("--resume", self.resume),
        ];
        match given.into_iter().find_map(|(name, given)| given.then_some(name)) {
            Some(name) => Err(exit::usage(format!(
                "{name} belongs to training by gradient descent, linear or network; {kind} has no steps"
            ))),
            None => Ok(()),
        }
    }
}
