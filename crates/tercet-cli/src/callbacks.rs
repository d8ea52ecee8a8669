//! Callbacks of training by gradient descent: the step log, TensorBoard events, and checkpoints.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tercet::network::Network;
use tercet::text;
use tercet::train::{Checkpoint, Identity, Plan, Step, Trainer, Validation};

use crate::args::logging::LoggingArgs;
use crate::output_files::check_writable;
use crate::progress::say;
use crate::tensorboard::Events;
use crate::{exit, output};

/// The checkpoint file, if there is one. Rejects a file that cannot be written, before the work.
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
            "the model and the checkpoint have the same file name, {}: change one of them",
            path.display()
        )));
    }
    if args.checkpoint_every.is_some() {
        check_writable(&path)?;
    }
    Ok(Some(path))
}

/// Reads the checkpoint to resume from, and opens the logs.
pub fn open(
    args: &LoggingArgs,
    path: Option<PathBuf>,
    identity: impl FnOnce() -> Identity,
    untrained: &Network,
    plan: &Plan,
) -> anyhow::Result<Watch> {
    let mut watch = Watch { dashboard: args.dashboard, ..Watch::default() };
    if let Some(path) = path {
        let identity = identity();
        if args.resume {
            let checkpoint =
                Checkpoint::load(&path, &identity, untrained).map_err(|error| missing(error, &path))?;
            let step = text::thousands(checkpoint.step());
            say(format!("{}: resuming after step {step}", path.display()));
            watch.resume = Some(checkpoint);
        } else if path.exists() {
            let path = path.display();
            say(format!(
                "{path}: this checkpoint of an earlier run will be replaced (--resume would continue it)"
            ));
        }
        if let Some(every) = args.checkpoint_every {
            watch.checkpoints = Some(Checkpoints { every, path, identity });
        }
    }
    if let Some(folder) = &args.tensorboard {
        let layers = untrained.weight_layers().count();
        let done = watch.resume.as_ref().map(Checkpoint::step);
        watch.events = Some(Events::begin(folder, plan.steps(), layers, done)?);
    }
    if let Some(path) = &args.log_steps {
        let log = StepLog::begin(path, plan, watch.resume.as_ref());
        watch.log = Some(log.with_context(|| format!("cannot write {}", path.display()))?);
    }
    Ok(watch)
}

/// The error for a checkpoint that cannot be loaded; for a missing file, it says what to do.
fn missing(error: tercet::Error, path: &Path) -> anyhow::Error {
    match path.exists() {
        true => error.into(),
        false => {
            anyhow::anyhow!(
                "{error}; leave out --resume to start from scratch, or name the file with --checkpoint"
            )
        }
    }
}

/// The callbacks of a training run.
#[derive(Default)]
pub struct Watch {
    /// The checkpoint to resume from.
    pub resume: Option<Checkpoint>,
    /// Whether to show the dashboard.
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
    /// Called before each step. Requests layer statistics where the TensorBoard events need them.
    pub fn before_step(&self, trainer: &mut Trainer) {
        if self.events.as_ref().is_some_and(|events| events.wants_stats(trainer.steps_done() + 1)) {
            trainer.request_stats();
        }
    }

    /// Called after each step, which may be the last. A file that cannot be written is reported but does not end
    /// training: losing a checkpoint is better than losing the model.
    pub fn after_step(&mut self, trainer: &mut Trainer, step: &Step, interrupted: bool) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.step(step)
        {
            output::tell(format_args!("the step log ends here: {error}"));
            self.log = None;
        }
        if let Some(events) = &mut self.events
            && let Err(error) = events.step(step)
        {
            output::tell(format_args!("the TensorBoard event file ends here: {error}"));
            self.events = None;
        }
        let due = |every: usize| step.number.is_multiple_of(every) || step.ending.is_some();
        if let Some(Checkpoints { every, path, identity }) = &self.checkpoints
            && (interrupted || due(*every))
            && let Err(error) = trainer.save_checkpoint(path, identity)
        {
            output::tell(format_args!("no checkpoint after step {}: {error}", step.number));
        }
    }
}

/// One line of JSON per step.
struct StepLog {
    file: File,
}

impl StepLog {
    /// Starts with the steps before the checkpoint, so that a resumed run writes the log of an uninterrupted one.
    fn begin(path: &Path, plan: &Plan, resumed: Option<&Checkpoint>) -> std::io::Result<Self> {
        let mut file = File::create(path)?;
        if let Some(history) = resumed.map(Checkpoint::history) {
            let mut lines = String::new();
            let mut checks = history.validations.iter().peekable();
            for (step, &loss) in (1..).zip(&history.losses) {
                let learning_rate = history.learning_rate(&plan.settings, step - 1, plan.steps());
                line(&mut lines, step, loss, learning_rate, checks.next_if(|check| check.step == step));
            }
            file.write_all(lines.as_bytes())?;
        }
        Ok(StepLog { file })
    }

    fn step(&mut self, step: &Step) -> std::io::Result<()> {
        let mut text = String::new();
        line(&mut text, step.number, step.loss, step.learning_rate, step.validation.as_ref());
        self.file.write_all(text.as_bytes())
    }
}

fn line(text: &mut String, step: usize, loss: f32, learning_rate: f32, check: Option<&Validation>) {
    // JSON has no infinity.
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
