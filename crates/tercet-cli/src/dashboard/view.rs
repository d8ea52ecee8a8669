//! The content of the dashboard, collected from the training loop.

use tercet::network::Network;
use tercet::train::{History, Plan, Step};

use super::curve::Curve;
use crate::evaluation::layers_in_short;
use crate::training::Pace;

/// Everything that is on the screen.
#[derive(Clone, Debug)]
pub struct View {
    /// The model and its sizes: `network 784-128-10`.
    pub title: String,
    /// Finished steps.
    pub step: usize,
    /// All steps.
    pub total: usize,
    /// All epochs, if the length of training is given in epochs.
    pub epochs: Option<usize>,
    /// The learning rate of the last step.
    pub learning_rate: f32,
    /// The product of all factors by which the user changed it.
    pub factor: f32,
    /// How often it will be halved after this step.
    pub to_halve: u32,
    pub pace: Pace,
    /// The mean loss of the latest steps.
    pub loss: f32,
    /// The accuracy of the last validation check.
    pub accuracy: Option<f64>,
    pub train_losses: Curve,
    pub validation_losses: Curve,
    /// Accuracy on a sample of the training examples.
    pub train_accuracies: Curve,
    pub validation_accuracies: Curve,
    pub layers: Vec<LayerView>,
    pub state: State,
    /// The last message.
    pub message: Option<String>,
    pub colours: bool,
}

/// A layer with weights.
#[derive(Clone, Debug)]
pub struct LayerView {
    pub inputs: usize,
    pub outputs: usize,
    /// ‖ΔW‖ / ‖W‖ of the last step with statistics.
    pub update_ratio: Option<f64>,
    /// Its logarithm by step.
    pub ratios: Curve,
    /// The fraction of dead units; `None` for the output layer.
    pub dead_units: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Paused,
    Stopping,
    /// Training has ended, and keys do nothing.
    Over,
}

impl View {
    /// Before the first step.
    pub fn new(name: &str, network: &Network, plan: &Plan, pace: Pace, colours: bool) -> Self {
        View {
            title: format!("{name} {}", layers_in_short(network)),
            step: 0,
            total: plan.steps(),
            epochs: plan.settings.length.epochs(plan.steps_per_epoch()),
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

    /// After a step. In a resumed training, the first call also reads the history of the earlier steps.
    pub fn follow(&mut self, history: &History, step: &Step, pace: Pace) {
        for (number, &loss) in (self.step + 1..).zip(&history.losses[self.step..]) {
            self.train_losses.push(number, loss.into());
        }
        let new = history.validations.iter().rev().take_while(|check| check.step > self.step).count();
        for check in &history.validations[history.validations.len() - new..] {
            self.validation_losses.push(check.step, check.validation_loss.into());
            self.validation_accuracies.push(check.step, check.validation_accuracy);
            self.accuracy = Some(check.validation_accuracy);
        }
        if let Some(stats) = &step.stats {
            self.train_accuracies.push(step.number, stats.sample_accuracy);
            for (view, layer) in self.layers.iter_mut().zip(&stats.layers) {
                view.update_ratio = Some(layer.update_ratio);
                view.ratios.push(step.number, layer.update_ratio.log10());
                view.dead_units = layer.dead_units;
            }
        }
        self.step = step.number;
        self.learning_rate = step.learning_rate;
        self.factor = history.rate_changes.iter().map(|change| change.factor).product();
        self.pace = pace;
    }
}
