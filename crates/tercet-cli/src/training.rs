//! Training with a progress bar, for every command that trains.

use std::time::{Duration, Instant};

use anyhow::Context;
use tercet::data::Split;
use tercet::network::Network;
use tercet::recipe::GradientDescentRecipe;
use tercet::train::{Checkpoint, Ending, History, Plan, Trainer, Training, Validation, diagnose};
use tercet::{Model, text};

use crate::callbacks::Watch;
use crate::dashboard::Dashboard;
use crate::progress::Stage;
use crate::table::percent;
use crate::{interrupt, output};

/// How often the note next to the progress bar changes.
const REFRESH: Duration = Duration::from_millis(100);

/// Over how many steps the loss next to the progress bar is averaged.
const LATEST: usize = 100;

/// A trained model, and its training run.
pub struct Trained {
    pub model: Model,
    pub training: Training,
    pub seconds: f64,
}

/// Trains a model by a recipe on one part of a split and validates it on the other. Ctrl-C ends training with
/// the current weights.
pub fn fit(name: &str, recipe: &GradientDescentRecipe, data: &Split) -> anyhow::Result<Trained> {
    let setup = recipe.set_up(data, None)?;
    let plan = recipe.plan(&setup);
    let Outcome { network, training, seconds } =
        follow(name, &setup.network, &plan, false, Watch::default())?;
    let training = training?;
    let warnings = warn(name, &network, &plan, &training.history);
    let mut model = recipe.model(&setup, network, &data.train, training.validation())?;
    model.card.warnings = warnings;
    Ok(Trained { model, training, seconds })
}

/// The result of a training run.
pub struct Outcome {
    /// The trained network, or the last finite one.
    pub network: Network,
    /// The record of the training, or why it diverged.
    pub training: tercet::Result<Training>,
    /// How long it took, without pauses.
    pub seconds: f64,
}

/// Trains a copy of a network by a plan, with the callbacks of `watch`.
///
/// With `lines`, each validation check prints a line like the lecture's:
/// `iteration 100: average loss = 8.32, validation accuracy = 41.20 %`.
pub fn follow(
    name: &str,
    untrained: &Network,
    plan: &Plan,
    lines: bool,
    mut watch: Watch,
) -> anyhow::Result<Outcome> {
    let resume = watch.resume.take();
    let before = resume.as_ref().map_or(0, Checkpoint::step);
    let images = if plan.examples.image_shape().is_some() { "images" } else { "examples" };
    let mut pace = Pace { seconds: 0.0, steps: 0, seen: 0, images };
    let open = || Dashboard::open(name, untrained, plan, pace).context("no dashboard");
    let mut dashboard = watch.dashboard.then(open).transpose()?;
    let stage = Stage::new(name, plan.steps());
    stage.resume_at(before);
    let (start, mut paused, mut shown) = (Instant::now(), Duration::ZERO, None);
    let mut trainer = match resume {
        None => Trainer::new(untrained.clone(), plan.clone())?,
        Some(checkpoint) => Trainer::resume(checkpoint, plan.clone())?,
    };
    watch.before_step(&mut trainer);
    let result = trainer.run(|trainer, step| {
        stage.at(step.number);
        pace = Pace {
            seconds: (start.elapsed() - paused).as_secs_f64(),
            steps: step.number - before,
            seen: trainer.examples_seen(),
            images,
        };
        if let Some(check) = step.validation.filter(|_| lines) {
            stage.say(validation_line(check, trainer.history()));
        }
        if step.validation.is_some() || shown.is_none_or(|shown: Instant| shown.elapsed() >= REFRESH) {
            stage.note(note(trainer.history(), pace));
            shown = Some(Instant::now());
        }
        let flow = match &mut dashboard {
            Some(dashboard) => {
                let (flow, waited) = dashboard.after_step(trainer, step, latest(trainer.history()), pace);
                paused += waited;
                flow
            }
            None => interrupt::flow(),
        };
        watch.after_step(trainer, step, flow.is_break());
        watch.before_step(trainer);
        flow
    });
    let (network, training) = trainer.finish();
    let training = result.map(|()| training);
    let seconds = (start.elapsed() - paused).as_secs_f64();
    if let Some(dashboard) = dashboard {
        dashboard.close();
    }
    if let Ok(training) = &training {
        stage.done(&summary(training, pace));
    }
    Ok(Outcome { network, training, seconds })
}

/// Prints the signs that a training failed, and returns them.
pub fn warn(name: &str, network: &Network, plan: &Plan, history: &History) -> Vec<String> {
    let warnings = diagnose(network, plan, history);
    for warning in &warnings {
        output::tell(format_args!("warning: {name}: {warning}"));
    }
    warnings
}

/// A validation check, as the lecture prints it.
fn validation_line(check: Validation, history: &History) -> String {
    let (step, loss) = (text::thousands(check.step), history.mean_loss());
    let accuracy = percent(check.validation_accuracy);
    format!("iteration {step}: average loss = {loss:.4}, validation accuracy = {accuracy}")
}

/// The speed of training, without pauses.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub seconds: f64,
    /// Steps since training was started or resumed.
    pub steps: usize,
    /// Examples of these steps.
    pub seen: u64,
    /// `images` or `examples`.
    pub images: &'static str,
}

impl Pace {
    /// `345,678 images/s`.
    pub fn speed(&self) -> String {
        let rate = self.seen as f64 / self.seconds.max(1e-9);
        format!("{} {}/s", text::thousands(rate as usize), self.images)
    }

    /// The estimated seconds for the next `steps` steps; `None` before the first step.
    pub fn left(&self, steps: usize) -> Option<f64> {
        (self.steps > 0).then(|| self.seconds / self.steps as f64 * steps as f64)
    }
}

/// The mean loss of the latest steps.
fn latest(history: &History) -> f32 {
    let losses = &history.losses;
    let latest = &losses[losses.len().saturating_sub(LATEST)..];
    latest.iter().sum::<f32>() / latest.len() as f32
}

/// The note next to the progress bar: the mean loss of the latest steps, the last validation check, and the speed.
fn note(history: &History, pace: Pace) -> String {
    let loss = latest(history);
    let accuracy = match history.validations.last() {
        Some(check) => format!("validation {}, ", percent(check.validation_accuracy)),
        None => String::new(),
    };
    format!("loss {loss:.4}, {accuracy}{}", pace.speed())
}

/// The result of training and its speed, in a few words.
fn summary(training: &Training, pace: Pace) -> String {
    let speed = if pace.seen > 0 { format!(", {}", pace.speed()) } else { String::new() };
    format!("{}{speed}", result(training))
}

/// The result of training, in a few words.
fn result(training: &Training) -> String {
    let accuracy = match training.validation() {
        Some(check) => format!("validation {}", percent(check.validation_accuracy)),
        None => "not validated".to_owned(),
    };
    match training.ending {
        Ending::Completed => match training.best {
            Some(best) if best < training.history.losses.len() => {
                format!("{accuracy} with the best weights, from step {}", text::thousands(best))
            }
            _ => accuracy,
        },
        Ending::Early { best } => {
            let best = text::thousands(best);
            format!(
                "{accuracy} after {best} steps, without improvement since: stopped early, with the best weights"
            )
        }
        Ending::Interrupted => {
            let steps = text::thousands(training.history.losses.len());
            let how = if interrupt::was_asked() { "interrupted" } else { "stopped" };
            format!("{accuracy}, {how} after {steps} steps")
        }
    }
}
