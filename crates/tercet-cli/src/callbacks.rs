//! What a training by gradient descent leaves on its way: a line for every step, curves for TensorBoard, and checkpoints
//! to go on from.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tercet::network::Network;
use tercet::text;
use tercet::train::{Checkpoint, Identity, Progress, Settings, Validation};

use crate::args::logging::LoggingArgs;
use crate::output_files::check_writable;
use crate::progress::say;
use crate::tensorboard::Events;
use crate::{exit, output};

/// Where checkpoints go and come from, if any do. Refuses now what could not be written later.
pub fn checkpoint_path(args: &LoggingArgs, model: &Path) -> anyhow::Result<Option<PathBuf>> {
    if args.checkpoint_every.is_none() && !args.resume {
        return match args.checkpoint {
            Some(_) => Err(exit::usage("--checkpoint names a file: add --checkpoint-every, or --resume")),
            None => Ok(None),
        };
    }
    let path = args.checkpoint.clone().unwrap_or_else(|| model.with_extension("checkpoint.safetensors"));
    if path == model {
        return Err(exit::usage(format!(
            "the model and the checkpoint have the same name, {}: give one of them another",
            path.display()
        )));
    }
    if args.checkpoint_every.is_some() {
        check_writable(&path)?;
    }
    Ok(Some(path))
}

/// Opens the files: reads the checkpoint that is gone on from, and begins the log.
pub fn open(
    args: &LoggingArgs,
    path: Option<PathBuf>,
    identity: impl FnOnce() -> Identity,
    untrained: &Network,
    settings: &Settings,
    examples: usize,
) -> anyhow::Result<Watch> {
    let mut watch = Watch { dashboard: args.dashboard, ..Watch::default() };
    if let Some(path) = path {
        let identity = identity();
        if args.resume {
            let checkpoint =
                Checkpoint::load(&path, &identity, untrained).map_err(|error| missing(error, &path))?;
            let step = text::thousands(checkpoint.step());
            say(format!("{}: going on after step {step}", path.display()));
            watch.resume = Some(checkpoint);
        } else if path.exists() {
            let path = path.display();
            say(format!("{path}: a checkpoint from before, which --resume would go on from, is replaced"));
        }
        if let Some(every) = args.checkpoint_every {
            watch.checkpoints = Some(Checkpoints { every, path, identity });
        }
    }
    let total = settings.steps(examples);
    if let Some(folder) = &args.tensorboard {
        let layers = untrained.weight_layers().count();
        let done = watch.resume.as_ref().map(Checkpoint::step);
        watch.events = Some(Events::begin(folder, total, layers, done)?);
    }
    if let Some(path) = &args.log_steps {
        let log = StepLog::begin(path, settings, total, watch.resume.as_ref());
        watch.log = Some(log.with_context(|| format!("cannot write {}", path.display()))?);
    }
    Ok(watch)
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
            let mut checks = history.validations.iter().peekable();
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
        line(&mut text, progress.step, loss, progress.learning_rate, progress.validation());
        self.file.write_all(text.as_bytes())
    }
}

fn line(text: &mut String, step: usize, loss: f32, learning_rate: f32, check: Option<&Validation>) {
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
