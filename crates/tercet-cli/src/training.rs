//! Training with progress in sight, for every verb that trains.

use tercet::data::Split;
use tercet::network::Network;
use tercet::text;
use tercet::train::{Ending, Progress, Settings, Training, train};

use crate::interrupt;
use crate::progress::Stage;
use crate::table::percent;

/// Trains a network on one part of a split and watches it on the other. Ctrl-C ends it with the weights so far.
///
/// With `lines`, each look at the validation set leaves a line like the lecture's:
/// `iteration 100: average loss = 8.32, validation accuracy = 41.20 %`.
pub fn run(
    name: &str,
    network: &mut Network,
    data: &Split,
    settings: &Settings,
    seed: u64,
    lines: bool,
) -> anyhow::Result<(Training, f64)> {
    // How many steps there will be is known at the first of them.
    let mut stage: Option<Stage> = None;
    let mut observe = |progress: Progress<'_>| {
        let stage = stage.get_or_insert_with(|| Stage::new(name, progress.total));
        stage.at(progress.step);
        if let Some(check) = progress.check() {
            let (loss, accuracy) = (progress.history.mean_loss(), percent(check.validation_accuracy));
            stage.note(format!("validation {accuracy}"));
            if lines {
                let step = text::thousands(progress.step);
                stage.say(format!(
                    "iteration {step}: average loss = {loss:.4}, validation accuracy = {accuracy}"
                ));
            }
        }
        interrupt::flow()
    };
    let start = std::time::Instant::now();
    let training = train(network, &data.train, Some(&data.validation), settings, seed, &mut observe)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(stage) = stage {
        stage.done(&outcome(&training));
    }
    Ok((training, seconds))
}

/// What came of a training, in a few words.
fn outcome(training: &Training) -> String {
    let accuracy = match training.check() {
        Some(check) => format!("validation {}", percent(check.validation_accuracy)),
        None => "not yet validated".to_owned(),
    };
    match training.ending {
        Ending::Completed => accuracy,
        Ending::Early { best } => {
            let best = text::thousands(best);
            format!("{accuracy} after {best} steps, no better since: stopped early, with the best weights")
        }
        Ending::Interrupted => {
            let steps = text::thousands(training.history.losses.len());
            format!("{accuracy}, interrupted after {steps} steps")
        }
    }
}
