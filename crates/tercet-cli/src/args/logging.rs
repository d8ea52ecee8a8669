//! What training by gradient descent shows and records: dashboard, logs and checkpoints.

use std::path::PathBuf;

use clap::Args;

use crate::exit;

/// What a training run shows and records.
#[derive(Args)]
pub struct LoggingArgs {
    /// Show live curves in the terminal, with keys to pause, stop and halve the learning rate
    #[arg(long, global = true, help_heading = "Logging and checkpoints")]
    pub dashboard: bool,
    /// Log every step as a line of JSON: loss, learning rate, and validation metrics if validated
    #[arg(long, global = true, help_heading = "Logging and checkpoints", value_name = "FILE.jsonl")]
    pub log_steps: Option<PathBuf>,
    /// Log to TensorBoard event files in this folder: losses, accuracies, learning rate,
    /// update-to-weight ratios
    #[arg(long, global = true, help_heading = "Logging and checkpoints", value_name = "FOLDER")]
    pub tensorboard: Option<PathBuf>,
    /// Save a checkpoint every N steps, and on Ctrl-C
    #[arg(
        long,
        global = true,
        help_heading = "Logging and checkpoints",
        value_name = "N",
        value_parser = at_least_one
    )]
    pub checkpoint_every: Option<usize>,
    /// Checkpoint file [default: next to the model, such as network.checkpoint.safetensors]
    #[arg(long, global = true, help_heading = "Logging and checkpoints", value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Resume from the checkpoint; the result is bit-identical to an uninterrupted run
    #[arg(long, global = true, help_heading = "Logging and checkpoints")]
    pub resume: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1 step".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("expected an integer of steps".to_owned()),
    }
}

impl LoggingArgs {
    /// Rejects these options for models that are not trained by gradient descent.
    pub fn reject(&self, kind: &str) -> anyhow::Result<()> {
        let given = [
            ("--dashboard", self.dashboard),
            ("--log-steps", self.log_steps.is_some()),
            ("--tensorboard", self.tensorboard.is_some()),
            ("--checkpoint-every", self.checkpoint_every.is_some()),
            ("--checkpoint", self.checkpoint.is_some()),
            ("--resume", self.resume),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(exit::usage(format!(
                "{name} belongs to training by gradient descent (linear or network); {kind} has no steps"
            ))),
            None => Ok(()),
        }
    }
}
