//! The Train view: a training that can be stopped after any batch and goes on from there.
//!
//! The loop is [`tercet::train`]'s. The observer ends it after the steps that were asked for and keeps a checkpoint in
//! memory, from which the next steps go on to the very bits of a training that nobody interrupted.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use tercet::data::Dataset;
use tercet::image::{Contract, Preparation};
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Classifier, DataRecord, ModelFile};
use tercet::network::{Architecture, Init, Layer, Network, Shape, Workspace};
use tercet::train::{Checkpoint, Ending, Plan, Settings, Validation};

/// How many examples the histograms are taken from.
const SAMPLE: usize = 100;

/// Bars of a histogram.
const BARS: usize = 40;

/// What is trained, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Setup {
    /// The layers in words, with or without the one of the scores; empty for a linear classifier.
    pub layers: String,
    /// Initial weights.
    pub init: Init,
    /// The seed of everything that is random.
    pub seed: u64,
    /// How many of the training examples are learned from.
    pub examples: usize,
    /// How many of those held out are looked at.
    pub validation: usize,
    /// Loss, optimizer, learning rate and so on, as in a recipe.
    pub settings: Settings,
}

/// A training.
#[derive(Debug)]
pub struct Session {
    setup: Setup,
    train: Dataset,
    validation: Dataset,
    network: Network,
    checkpoint: Option<Checkpoint>,
    ending: Option<Ending>,
    checks: usize,
}

/// What some steps brought.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
    /// The losses of these steps on their own batches.
    pub losses: Vec<f32>,
    /// The looks at the validation set among them.
    pub checks: Vec<Validation>,
    /// The learning rate of the last of them.
    pub learning_rate: f32,
    /// What was measured at the first of them.
    pub measured: Option<Measured>,
    /// Whether that was all.
    pub done: bool,
}

/// What was measured at a step.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// The step.
    pub step: usize,
    /// The share of a sample of the training examples that is classified correctly.
    pub accuracy: f64,
    /// Of each layer with weights: its inputs and outputs, how far the step moved it, and its dead units.
    pub layers: Vec<(usize, usize, f64, Option<f64>)>,
}

/// How the numbers inside are spread, over a sample.
#[derive(Debug, Serialize)]
pub struct Histogram {
    /// What they are: `behind relu`, `gradient of w1`.
    pub name: String,
    /// The least and the largest.
    pub range: (f32, f32),
    /// How many fall into each of the bars of equal width.
    pub counts: Vec<u32>,
    /// The share of exact zeros.
    pub zeros: f64,
}

impl Session {
    /// A training before its first step.
    ///
    /// # Errors
    /// Settings and layers that make no sense.
    pub fn new(setup: Setup, train: &Dataset, validation: &Dataset) -> Result<Session, String> {
        let say = |error: tercet::Error| error.to_string();
        setup.settings.validate().map_err(say)?;
        let train = train.first(setup.examples.clamp(1, train.len()));
        let validation = validation.first(setup.validation.clamp(1, validation.len()));
        let classes = train.class_count();
        let network = match setup.layers.trim() {
            "" => Network::fully_connected(train.width(), &[], classes, setup.init, setup.seed),
            words => words
                .parse::<Architecture>()
                .and_then(|layers| layers.network(Shape::of(&train), classes, setup.init, setup.seed)),
        }
        .map_err(say)?;
        Ok(Session { setup, train, validation, network, checkpoint: None, ending: None, checks: 0 })
    }

    /// The network as it is.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What it learns from.
    pub fn examples(&self) -> &Dataset {
        &self.train
    }

    /// Takes so many steps, or those that are left.
    ///
    /// # Errors
    /// A loss that is no number any more.
    pub fn advance(&mut self, steps: usize, measure: bool) -> Result<Report, String> {
        let settings = &self.setup.settings;
        let total = settings.steps(self.train.len());
        let before = self.checkpoint.as_ref().map_or(0, Checkpoint::step);
        let mut report = Report {
            step: before,
            total,
            losses: Vec::new(),
            checks: Vec::new(),
            learning_rate: settings.learning_rate,
            measured: None,
            done: self.ending.is_some() || before >= total,
        };
        if report.done || steps == 0 {
            return Ok(report);
        }
        let plan = Plan {
            validation: Some(&self.validation),
            measure_first: measure,
            ..Plan::new(&self.train, settings, self.setup.seed)
        };
        let (last, mut kept) = (before.saturating_add(steps), None);
        let (looks, report_) = (self.checks, &mut report);
        let mut observe = |progress: tercet::train::Progress<'_>| {
            if let Some(measured) = progress.stats() {
                let layers = measured.layers.iter();
                report_.measured = Some(Measured {
                    step: progress.step,
                    accuracy: measured.sample_accuracy,
                    layers: layers.map(|l| (l.inputs, l.outputs, l.update_ratio, l.dead_units)).collect(),
                });
            }
            if progress.step < last && progress.step < progress.total {
                return ControlFlow::Continue(());
            }
            report_.step = progress.step;
            report_.losses = progress.history.losses[before..].to_vec();
            report_.checks = progress.history.validations[looks..].to_vec();
            report_.learning_rate = progress.learning_rate;
            kept = Some(progress.checkpoint());
            ControlFlow::Break(())
        };
        let training = match self.checkpoint.take() {
            None => plan.train(&mut self.network, &mut observe),
            Some(checkpoint) => plan.resume(&mut self.network, checkpoint, &mut observe),
        }
        .map_err(|error| {
            self.ending = Some(Ending::Interrupted);
            error.to_string()
        })?;
        self.checks += report.checks.len();
        self.checkpoint = kept;
        if training.ending != Ending::Interrupted {
            self.ending = Some(training.ending);
        }
        report.done = self.ending.is_some();
        Ok(report)
    }

    /// Multiplies the learning rate of all steps to come.
    ///
    /// # Errors
    /// A factor that is none.
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<(), String> {
        match &mut self.checkpoint {
            Some(checkpoint) => checkpoint.scale_learning_rate(factor).map_err(|error| error.to_string()),
            None if factor.is_finite() && factor > 0.0 => {
                self.setup.settings.learning_rate *= factor;
                Ok(())
            }
            None => Err(format!("the learning rate is multiplied by {factor}; expected a positive number")),
        }
    }

    /// The weights of the first layer, one image after another, and their size: templates of a linear classifier,
    /// what hidden units look for, filters. At most `most` of them.
    pub fn templates(&self, most: usize) -> Templates {
        let none = Templates { width: 0, height: 0, images: Vec::new() };
        let columns = |w: &[f32], outputs: usize, width: usize, height: usize| {
            let pixels = width * height;
            let image = |unit: usize| -> Vec<f32> {
                w.iter().skip(unit).step_by(outputs).take(pixels).copied().collect()
            };
            Templates { width, height, images: (0..outputs.min(most)).map(image).collect() }
        };
        for layer in self.network.layers() {
            match (layer, self.train.image_shape()) {
                (Layer::Dense(dense), Some(shape)) if shape.features() == dense.inputs => {
                    return columns(&dense.w, dense.outputs, shape.width, shape.height);
                }
                // Of several channels the first: those of grey pictures.
                (Layer::Conv2d(conv), _) if conv.channels == 1 => {
                    return columns(&conv.w, conv.filters, conv.kernel_width, conv.kernel_height);
                }
                (Layer::Dense(_) | Layer::Conv2d(_), _) => return none,
                _ => {}
            }
        }
        none
    }

    /// How activations and gradients are spread, over the first examples.
    pub fn histograms(&self) -> Vec<Histogram> {
        let count = SAMPLE.min(self.train.len());
        let mut x = vec![0.0; count * self.train.width()];
        self.train.write_inputs(&(0..count).collect::<Vec<_>>(), &mut x);
        let labels: Vec<u32> = (0..count).map(|i| self.train.label(i)).collect();
        let mut workspace = Workspace::new();
        let settings = &self.setup.settings;
        self.network.loss_and_gradients(&x, &labels, settings.loss, settings.reg, &mut workspace);
        let outputs = self.network.layers().iter().enumerate().filter_map(|(i, layer)| {
            let output = workspace.output(i);
            (!output.is_empty()).then(|| Histogram::of(format!("output of layer {}: {layer}", i + 1), output))
        });
        let gradients = workspace.gradients().iter().zip(1..);
        let gradients =
            gradients.map(|(gradient, n)| Histogram::of(format!("gradient of W{n}"), &gradient.dw));
        outputs.chain(gradients).collect()
    }

    /// The model file: the one that the program reads.
    ///
    /// # Errors
    /// A model that holds a number that is not finite.
    pub fn model(&self) -> Result<ModelFile, String> {
        let mut card =
            Card::new(self.train.classes().to_vec(), Contract::of(&self.train, Preparation::Centred));
        card.settings = serde_json::to_value(&self.setup).map_err(|error| error.to_string())?;
        card.seed = Some(self.setup.seed);
        card.data = Some(DataRecord::of(&self.train));
        card.program = concat!("tercet ", env!("CARGO_PKG_VERSION"), ", in a page").to_owned();
        if let Some(check) = self.checkpoint.as_ref().and_then(|at| at.history().validations.last()) {
            card.metrics.insert("validation accuracy".to_owned(), check.validation_accuracy);
        }
        let classifier = match self.network.layers() {
            [Layer::Dense(dense)] => Classifier::Linear(
                LinearClassifier::from_dense(dense.clone()).map_err(|error| error.to_string())?,
            ),
            _ => Classifier::Network(self.network.clone()),
        };
        Ok(ModelFile { card, classifier })
    }
}

/// Images of weights.
#[derive(Debug, Serialize)]
pub struct Templates {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The weights of each, row by row.
    pub images: Vec<Vec<f32>>,
}

impl Histogram {
    fn of(name: String, values: &[f32]) -> Histogram {
        let (low, high) = values
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let mut counts = vec![0; BARS];
        let width = f64::from(high) - f64::from(low);
        for &v in values {
            let bar = if width > 0.0 { (f64::from(v) - f64::from(low)) / width * BARS as f64 } else { 0.0 };
            counts[(bar as usize).min(BARS - 1)] += 1;
        }
        let zeros = values.iter().filter(|v| **v == 0.0).count() as f64 / values.len().max(1) as f64;
        Histogram { name, range: (low, high), counts, zeros }
    }
}

#[cfg(test)]
mod tests {
    use tercet::data::{Source, split};
    use tercet::train::{Length, train};

    use super::*;

    fn setup(layers: &str, steps: usize) -> Setup {
        let settings =
            Settings { length: Length::Iterations(steps), check_every: Some(20), ..Settings::lecture() };
        Setup { layers: layers.into(), init: Init::He, seed: 4, examples: 2000, validation: 200, settings }
    }

    fn session(layers: &str, steps: usize) -> Session {
        let parts = split(&Source::Mnist.open().unwrap().train, 5000, 0).unwrap();
        Session::new(setup(layers, steps), &parts.train, &parts.validation).unwrap()
    }

    #[test]
    fn slices_of_a_training_are_the_training() {
        let mut sliced = session("dense12 relu", 100);
        let (mut losses, mut checks, mut slices) = (Vec::new(), Vec::new(), 0);
        for steps in [1, 7, 40, 1, 200] {
            let before = losses.len();
            let report = sliced.advance(steps, true).unwrap();
            losses.extend(report.losses);
            checks.extend(report.checks);
            assert_eq!((report.step, report.done), (losses.len(), losses.len() == 100));
            // The first of its steps is measured.
            let measured = report.measured.unwrap();
            assert_eq!((measured.step, measured.layers.len()), (before + 1, 2));
            slices += 1;
        }
        assert_eq!((losses.len(), slices), (100, 5));
        assert!(sliced.advance(5, false).unwrap().losses.is_empty());

        let whole = session("dense12 relu", 100);
        let mut network = whole.network.clone();
        let settings = &whole.setup.settings;
        let go_on = &mut |_: tercet::train::Progress<'_>| ControlFlow::Continue(());
        let training =
            train(&mut network, &whole.train, Some(&whole.validation), settings, 4, go_on).unwrap();
        assert_eq!((losses, checks), (training.history.losses, training.history.validations));
        assert_eq!(*sliced.network(), network);
    }

    #[test]
    fn the_learning_rate_changes_from_the_next_step_on() {
        let mut session = session("", 30);
        assert_eq!(session.advance(5, false).unwrap().learning_rate, 0.1);
        session.scale_learning_rate(0.5).unwrap();
        assert_eq!(session.advance(1, false).unwrap().learning_rate, 0.05);
        assert_eq!(session.advance(9, false).unwrap().learning_rate, 0.05);
        assert!(session.scale_learning_rate(0.0).is_err());
    }

    #[test]
    fn a_model_is_kept_as_the_program_reads_it() {
        for (layers, kind) in [("", "linear"), ("dense8 relu", "network")] {
            let mut session = session(layers, 40);
            session.advance(40, false).unwrap();
            let bytes = session.model().unwrap().to_bytes().unwrap();
            let read = ModelFile::from_bytes(&bytes, std::path::Path::new("trained")).unwrap();
            assert_eq!(read.classifier.kind(), kind);
            assert!(read.card.metrics["validation accuracy"] > 0.3, "{:?}", read.card.metrics);
        }
    }

    #[test]
    fn weights_are_pictured_and_every_number_is_in_a_histogram() {
        let linear = session("", 1).templates(40);
        assert_eq!((linear.width, linear.height, linear.images.len()), (28, 28, 10));
        let session = session("conv5-3 relu pool flatten dense6 tanh", 1);
        let filters = session.templates(40);
        assert_eq!((filters.width, filters.height, filters.images.len()), (5, 5, 3));
        for histogram in session.histograms() {
            assert!(histogram.counts.iter().sum::<u32>() > 0, "{}", histogram.name);
            assert!(histogram.range.0 <= histogram.range.1);
        }
    }

    #[test]
    fn a_loss_that_diverges_ends_the_training_in_words() {
        let mut setup = setup("dense12 relu", 300);
        // Each step multiplies the weights by about −199.
        (setup.settings.learning_rate, setup.settings.reg) = (100.0, 1.0);
        let parts = split(&Source::Mnist.open().unwrap().train, 5000, 0).unwrap();
        let mut session = Session::new(setup, &parts.train, &parts.validation).unwrap();
        assert!(session.advance(300, false).unwrap_err().contains("learning rate"));
        assert!(session.advance(1, false).unwrap().done);
    }
}
