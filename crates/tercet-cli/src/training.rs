//! Training with a progress bar, for every command that trains.

use std::time::{Duration, Instant};

use anyhow::Context;
use tercet::data::Split;
use tercet::network::Network;
use tercet::recipe::GradientDescentRecipe;
use tercet::train::{Checkpoint, Ending, Plan, Progress, Training};
use tercet::{Model, text};

use crate::callbacks::Watch;
use crate::dashboard::Dashboard;
use crate::interrupt;
use crate::progress::Stage;
use crate::table::percent;

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
    let mut network = setup.network.clone();
    let (training, seconds) = follow(name, &mut network, &recipe.plan(&setup), false, Watch::default())?;
    let model = recipe.model(&setup, network, &data.train, training.validation())?;
    Ok(Trained { model, training, seconds })
}

/// Trains by a plan, with callbacks.
///
/// With `lines`, each validation check prints a line like the lecture's:
/// `iteration 100: average loss = 8.32, validation accuracy = 41.20 %`.
pub fn follow(
    name: &str,
    network: &mut Network,
    plan: &Plan<'_>,
    lines: bool,
    mut watch: Watch,
) -> anyhow::Result<(Training, f64)> {
    let resume = watch.resume.take();
    let before = resume.as_ref().map_or(0, Checkpoint::step);
    // The first step after a checkpoint may be one with layer statistics.
    let plan = &Plan { measure_first: watch.measures(before + 1), ..*plan };
    let images = if plan.examples.image_shape().is_some() { "images" } else { "examples" };
    let mut pace = Pace { seconds: 0.0, steps: 0, seen: 0, images };
    let mut dashboard = watch
        .dashboard
        .then(|| Dashboard::open(name, network, plan, pace))
        .transpose()
        .context("no dashboard")?;
    let stage = Stage::new(name, plan.settings.steps(plan.examples.len()));
    stage.resume_at(before);
    let (start, mut paused, mut shown) = (Instant::now(), Duration::ZERO, None);
    let mut observe = |progress: Progress<'_>| {
        stage.at(progress.step);
        pace = Pace {
            seconds: (start.elapsed() - paused).as_secs_f64(),
            steps: progress.step - before,
            seen: progress.examples,
            images,
        };
        if lines && let Some(line) = validation_line(&progress) {
            stage.say(line);
        }
        if progress.validation().is_some() || shown.is_none_or(|shown: Instant| shown.elapsed() >= REFRESH) {
            stage.note(note(&progress, pace));
            shown = Some(Instant::now());
        }
        let flow = match &mut dashboard {
            Some(dashboard) => {
                let (flow, waited) = dashboard.after_step(&progress, latest(&progress), pace);
                paused += waited;
                flow
            }
            None => interrupt::flow(),
        };
        watch.after_step(&progress, flow.is_break());
        flow
    };
    let training = match resume {
        None => plan.train(network, &mut observe)?,
        Some(checkpoint) => plan.resume(network, checkpoint, &mut observe)?,
    };
    let seconds = (start.elapsed() - paused).as_secs_f64();
    if let Some(dashboard) = dashboard {
        dashboard.close();
    }
    let rate = if pace.seen > 0 { format!(", {}", pace.speed()) } else { String::new() };
    stage.done(&format!("{}{rate}", outcome(&training)));
    Ok((training, seconds))
}

/// The line of a validation check, if this step had one.
fn validation_line(progress: &Progress<'_>) -> Option<String> {
    let accuracy = percent(progress.validation()?.validation_accuracy);
    let (step, loss) = (text::thousands(progress.step), progress.history.mean_loss());
    Some(format!("iteration {step}: average loss = {loss:.4}, validation accuracy = {accuracy}"))
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
fn latest(progress: &Progress<'_>) -> f32 {
    let losses = &progress.history.losses;
    let latest = &losses[losses.len().saturating_sub(LATEST)..];
    latest.iter().sum::<f32>() / latest.len() as f32
}

/// The note next to the progress bar: the mean loss of the latest steps, the last validation check, and the
/// speed.
fn note(progress: &Progress<'_>, pace: Pace) -> String {
    let loss = latest(progress);
    let accuracy = match progress.history.validations.last() {
        Some(check) => format!("validation {}, ", percent(check.validation_accuracy)),
        None => String::new(),
    };
    format!("loss {loss:.4}, {accuracy}{}", pace.speed())
}

/// The result of training, in a few words.
fn outcome(training: &Training) -> String {
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
            format!("{accuracy} after {best} steps, no better since: stopped early, with the best weights")
        }
        Ending::Interrupted => {
            let steps = text::thousands(training.history.losses.len());
            let how = if interrupt::was_asked() { "interrupted" } else { "stopped" };
            format!("{accuracy}, {how} after {steps} steps")
        }
    }
}
