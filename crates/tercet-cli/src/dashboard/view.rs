//! What the dashboard shows, gathered from what the training loop tells.

use tercet::network::Network;
use tercet::train::{Length, Plan, Progress};

use super::curve::Curve;
use crate::evaluation::layers_in_short;
use crate::training::Pace;

/// Everything that is on the screen.
#[derive(Clone, Debug)]
pub struct View {
    /// What is trained, and its sizes: `network 784-128-10`.
    pub title: String,
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
    /// Epochs in all, where training is counted in them.
    pub epochs: Option<usize>,
    /// That of the last step.
    pub learning_rate: f32,
    /// What the user made of it: the product of all factors.
    pub factor: f32,
    /// How often it is still to be halved.
    pub to_halve: u32,
    pub pace: Pace,
    /// The mean loss of late.
    pub loss: f32,
    /// The last look at the validation set.
    pub accuracy: Option<f64>,
    pub train_losses: Curve,
    pub validation_losses: Curve,
    /// Of the sample of training examples that measurements are taken from.
    pub train_accuracies: Curve,
    pub validation_accuracies: Curve,
    pub layers: Vec<LayerView>,
    pub state: State,
    /// What was last told.
    pub message: Option<String>,
    pub colours: bool,
}

/// A layer with weights.
#[derive(Clone, Debug)]
pub struct LayerView {
    pub inputs: usize,
    pub outputs: usize,
    /// ‖ΔW‖ / ‖W‖ of the last step that was measured.
    pub update_ratio: Option<f64>,
    /// Its logarithm over the steps.
    pub ratios: Curve,
    /// The share of dead units; none for the layer that gives the scores.
    pub dead_units: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Paused,
    Stopping,
    /// The training is over: nothing is left to press.
    Over,
}

impl View {
    /// Before the first step.
    pub fn new(name: &str, network: &Network, plan: &Plan<'_>, pace: Pace, colours: bool) -> Self {
        View {
            title: format!("{name} {}", layers_in_short(network)),
            step: 0,
            total: plan.settings.steps(plan.examples.len()),
            epochs: match plan.settings.length {
                Length::Epochs(epochs) => Some(epochs),
                Length::Iterations(_) => None,
            },
            learning_rate: plan.settings.learning_rate,
            factor: 1.0,
            to_halve: 0,
            pace,
            loss: f32::NAN,
            accuracy: None,
            train_losses: Curve::new(),
            validation_losses: Curve::new(),
            train_accuracies: Curve::new(),
            validation_accuracies: Curve::new(),
            layers: network
                .weight_layers()
                .map(|layer| LayerView {
                    inputs: layer.inputs,
                    outputs: layer.outputs,
                    update_ratio: None,
                    ratios: Curve::new(),
                    dead_units: None,
                })
                .collect(),
            state: State::Running,
            message: None,
            colours,
        }
    }

    /// After a step. What was before a training that is resumed is in its history, which the first call reads.
    pub fn follow(&mut self, progress: &Progress<'_>, pace: Pace) {
        let history = progress.history;
        for (step, &loss) in (self.step + 1..).zip(&history.losses[self.step..]) {
            self.train_losses.push(step, loss.into());
        }
        let new = history.validations.iter().rev().take_while(|check| check.step > self.step).count();
        for check in &history.validations[history.validations.len() - new..] {
            self.validation_losses.push(check.step, check.validation_loss.into());
            self.validation_accuracies.push(check.step, check.validation_accuracy);
            self.accuracy = Some(check.validation_accuracy);
        }
        if let Some(measured) = progress.stats() {
            self.train_accuracies.push(progress.step, measured.sample_accuracy);
            for (view, layer) in self.layers.iter_mut().zip(&measured.layers) {
                view.update_ratio = Some(layer.update_ratio);
                view.ratios.push(progress.step, layer.update_ratio.log10());
                view.dead_units = layer.dead_units;
            }
        }
        self.step = progress.step;
        self.learning_rate = progress.learning_rate;
        self.factor = history.rate_changes.iter().map(|change| change.factor).product();
        self.pace = pace;
    }
}
