//! What a training by gradient descent leaves on its way: a line for every step, curves for TensorBoard, and checkpoints
//! to go on from.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tercet::network::Network;
use tercet::text;
use tercet::train::{Check, Checkpoint, Identity, Progress, Settings};

use crate::args::check_writable;
use crate::progress::say;
use crate::tensorboard::Events;
use crate::{dashboard, exit, output};

/// What is to be kept on the way.
#[derive(clap::Args)]
pub struct Keeping {
    /// Show curves on a screen of the terminal, with keys to pause, to stop and to halve the learning rate
    #[arg(long, global = true, help_heading = "On the way")]
    dashboard: bool,
    /// Write a line of JSON for every step as it is done: its loss, learning rate and, where there was one, look
    #[arg(long, global = true, help_heading = "On the way", value_name = "FILE.jsonl")]
    log_steps: Option<PathBuf>,
    /// Write event files for TensorBoard into this folder: losses, learning rate, accuracies, update-to-weight ratios
    #[arg(long, global = true, help_heading = "On the way", value_name = "FOLDER")]
    tensorboard: Option<PathBuf>,
    /// Write a checkpoint after every so many steps, and on Ctrl-C
    #[arg(long, global = true, help_heading = "On the way", value_name = "STEPS", value_parser = at_least_one)]
    checkpoint_every: Option<usize>,
    /// The checkpoint file [default: beside the model, such as network.checkpoint.safetensors]
    #[arg(long, global = true, help_heading = "On the way", value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint file, to the very bits of a training that was never interrupted
    #[arg(long, global = true, help_heading = "On the way")]
    resume: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 step is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("a whole number of steps is needed".to_owned()),
    }
}

impl Keeping {
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

    /// Refuses a dashboard that nobody could see.
    pub fn check_dashboard(&self) -> anyhow::Result<()> {
        if self.dashboard { dashboard::check() } else { Ok(()) }
    }

    /// Where checkpoints go and come from, if any do. Refuses now what could not be written later.
    pub fn path(&self, model: &Path) -> anyhow::Result<Option<PathBuf>> {
        if self.checkpoint_every.is_none() && !self.resume {
            return match self.checkpoint {
                Some(_) => Err(exit::usage("--checkpoint names a file: add --checkpoint-every, or --resume")),
                None => Ok(None),
            };
        }
        let path = self.checkpoint.clone().unwrap_or_else(|| model.with_extension("checkpoint.safetensors"));
        if path == model {
            return Err(exit::usage(format!(
                "the model and the checkpoint have the same name, {}: give one of them another",
                path.display()
            )));
        }
        if self.checkpoint_every.is_some() {
            check_writable(&path)?;
        }
        Ok(Some(path))
    }

    /// Opens the files: reads the checkpoint that is gone on from, and begins the log.
    pub fn open(
        &self,
        path: Option<PathBuf>,
        identity: impl FnOnce() -> Identity,
        untrained: &Network,
        settings: &Settings,
        examples: usize,
    ) -> anyhow::Result<Watch> {
        let mut watch = Watch { dashboard: self.dashboard, ..Watch::default() };
        if let Some(path) = path {
            let identity = identity();
            if self.resume {
                let checkpoint =
                    Checkpoint::load(&path, &identity, untrained).map_err(|error| missing(error, &path))?;
                let step = text::thousands(checkpoint.step());
                say(format!("{}: going on after step {step}", path.display()));
                watch.resume = Some(checkpoint);
            } else if path.exists() {
                let path = path.display();
                say(format!(
                    "{path}: a checkpoint from before, which --resume would go on from, is replaced"
                ));
            }
            if let Some(every) = self.checkpoint_every {
                watch.checkpoints = Some(Checkpoints { every, path, identity });
            }
        }
        let total = settings.steps(examples);
        if let Some(folder) = &self.tensorboard {
            let layers = untrained.weight_layers().count();
            let done = watch.resume.as_ref().map(Checkpoint::step);
            watch.events = Some(Events::begin(folder, total, layers, done)?);
        }
        if let Some(path) = &self.log_steps {
            let log = StepLog::begin(path, settings, total, watch.resume.as_ref());
            watch.log = Some(log.with_context(|| format!("cannot write {}", path.display()))?);
        }
        Ok(watch)
    }
}

/// An error for a checkpoint that isn't there says what else to do.
fn missing(error: tercet::Error, path: &Path) -> anyhow::Error {
    match path.exists() {
        true => error.into(),
        false => {
            anyhow::anyhow!("{error}; leave out --resume to begin anew, or name the file with --checkpoint")
        }
    }
}

/// What is done after each step.
#[derive(Default)]
pub struct Watch {
    /// Where the training goes on from.
    pub resume: Option<Checkpoint>,
    /// Whether the training is shown on a dashboard.
    pub dashboard: bool,
    log: Option<StepLog>,
    events: Option<Events>,
    checkpoints: Option<Checkpoints>,
}

struct Checkpoints {
    every: usize,
    path: PathBuf,
    identity: Identity,
}

impl Watch {
    /// Whether the layers are to be measured at a step, as far as what is kept goes.
    pub fn measures(&self, step: usize) -> bool {
        self.events.as_ref().is_some_and(|events| events.measures(step))
    }

    /// After a step, which may be the last. What cannot be written is said and does not end a training: the one thing
    /// worse than no checkpoint is no model.
    pub fn after_step(&mut self, progress: &Progress<'_>, interrupted: bool) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.step(progress)
        {
            output::tell(format_args!("the log of the steps ends here: {error}"));
            self.log = None;
        }
        if let Some(events) = &mut self.events
            && let Err(error) = events.step(progress)
        {
            output::tell(format_args!("the event file for TensorBoard ends here: {error}"));
            self.events = None;
        }
        let due = |every: usize| progress.step.is_multiple_of(every) || progress.step == progress.total;
        if let Some(Checkpoints { every, path, identity }) = &self.checkpoints
            && (interrupted || due(*every))
            && let Err(error) = progress.save_checkpoint(path, identity)
        {
            output::tell(format_args!("no checkpoint after step {}: {error}", progress.step));
        }
    }
}

/// A line of JSON for each step.
struct StepLog {
    file: File,
}

impl StepLog {
    /// Begins with the steps that were done before, so that a training which goes on leaves the log of a whole one.
    fn begin(
        path: &Path,
        settings: &Settings,
        total: usize,
        resumed: Option<&Checkpoint>,
    ) -> std::io::Result<Self> {
        let mut file = File::create(path)?;
        if let Some(history) = resumed.map(Checkpoint::history) {
            let mut lines = String::new();
            let mut checks = history.checks.iter().peekable();
            for (step, &loss) in (1..).zip(&history.losses) {
                let learning_rate = history.learning_rate(settings, step - 1, total);
                line(&mut lines, step, loss, learning_rate, checks.next_if(|check| check.step == step));
            }
            file.write_all(lines.as_bytes())?;
        }
        Ok(StepLog { file })
    }

    fn step(&mut self, progress: &Progress<'_>) -> std::io::Result<()> {
        let mut text = String::new();
        let loss = progress.history.losses.last().copied().unwrap_or(f32::NAN);
        line(&mut text, progress.step, loss, progress.learning_rate, progress.check());
        self.file.write_all(text.as_bytes())
    }
}

fn line(text: &mut String, step: usize, loss: f32, learning_rate: f32, check: Option<&Check>) {
    // JSON has no word for infinity.
    let number = |value: f32| if value.is_finite() { value.to_string() } else { "null".to_owned() };
    let (loss, learning_rate) = (number(loss), number(learning_rate));
    // Writing to a string cannot fail.
    let _ = write!(text, r#"{{"step":{step},"loss":{loss},"learning_rate":{learning_rate}"#);
    if let Some(check) = check {
        let (loss, accuracy) = (number(check.validation_loss), check.validation_accuracy);
        let _ = write!(text, r#","validation_loss":{loss},"validation_accuracy":{accuracy}"#);
    }
    text.push_str("}\n");
}
