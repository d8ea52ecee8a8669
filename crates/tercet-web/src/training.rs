//! The Train view: training in slices, between which the page shows its progress.
//!
//! The loop is [`tercet::train`]'s. The observer ends it after the steps of a slice and keeps a checkpoint in
//! memory, from which the next slice resumes, to the same bits as training without interruption.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use tercet::data::{Dataset, Examples, Split};
use tercet::matrix::Matrix;
use tercet::model::Model;
use tercet::network::{Init, Layer, Network, Workspace};
use tercet::preprocess::Spec;
use tercet::recipe::{GradientDescentRecipe, Kind, TrainingSetup};
use tercet::train::{Checkpoint, Ending, Plan, Settings, Validation};

/// The number of examples of the histograms.
const SAMPLE: usize = 100;

/// The number of bars of a histogram.
const BARS: usize = 40;

/// What is trained, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Setup {
    /// The architecture, with or without its output layer; empty for a linear classifier.
    pub layers: String,
    /// The initial weights of a network; those of a linear classifier are 0.
    pub init: Init,
    /// The seed of everything random.
    pub seed: u64,
    /// The number of training examples.
    pub examples: usize,
    /// The number of validation examples.
    pub validation: usize,
    /// Loss, optimizer, learning rate and so on, as in a recipe.
    pub settings: Settings,
}

impl Setup {
    /// The recipe with these settings.
    fn recipe(&self, preprocessing: Spec) -> tercet::Result<GradientDescentRecipe> {
        let layers = self.layers.trim();
        let (kind, layers, init) = match layers {
            "" => (Kind::Linear, None, None),
            layers => (Kind::Network, Some(layers.parse()?), Some(self.init)),
        };
        Ok(GradientDescentRecipe {
            description: "Trained in a page".to_owned(),
            kind,
            layers,
            init,
            seed: self.seed,
            validation: Some(self.validation),
            preprocessing,
            train: self.settings,
            ..GradientDescentRecipe::linear()
        })
    }
}

/// A model that is being trained.
#[derive(Debug)]
pub struct Session {
    recipe: GradientDescentRecipe,
    /// The training examples as they were read.
    examples: Dataset,
    setup: TrainingSetup,
    network: Network,
    checkpoint: Option<Checkpoint>,
    ending: Option<Ending>,
    checks: usize,
}

/// The progress of some steps.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
    /// The losses of these steps on their own batches.
    pub losses: Vec<f32>,
    /// The validation checks among them.
    pub checks: Vec<Validation>,
    /// The learning rate of the last of them.
    pub learning_rate: f32,
    /// What was measured at the first of them.
    pub measured: Option<Measured>,
    /// Whether training has ended.
    pub done: bool,
}

/// What was measured at a step.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// The step.
    pub step: usize,
    /// The accuracy on a sample of the training examples.
    pub accuracy: f64,
    /// For each layer with weights: inputs, outputs, update-to-weight ratio, fraction of dead units.
    pub layers: Vec<(usize, usize, f64, Option<f64>)>,
}

/// The distribution of some numbers inside the network, over a sample of the training examples.
#[derive(Debug, Serialize)]
pub struct Histogram {
    /// What they are: `output of layer 2: relu`, `gradient of W1`.
    pub name: String,
    /// The smallest and the largest.
    pub range: (f32, f32),
    /// The counts of the bars, which have equal widths.
    pub counts: Vec<u32>,
    /// The share of exact zeros.
    pub zeros: f64,
}

impl Session {
    /// A model before its first step, on examples that are preprocessed as `preprocessing` says.
    ///
    /// # Errors
    /// Settings and layers that make no sense.
    pub fn new(
        setup: Setup,
        preprocessing: Spec,
        train: &Dataset,
        validation: &Dataset,
    ) -> Result<Session, String> {
        let examples = train.first(setup.examples.max(1));
        let started = setup.recipe(preprocessing).and_then(|recipe| {
            let validation = validation.first(setup.validation.max(1));
            let setup = recipe.set_up(&Split { train: examples.clone(), validation }, None)?;
            Ok((recipe, setup))
        });
        let (recipe, setup) = started.map_err(|error| error.to_string())?;
        let network = setup.network.clone();
        Ok(Session { recipe, examples, setup, network, checkpoint: None, ending: None, checks: 0 })
    }

    /// The network with its current weights.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The scores of examples, (N, C).
    ///
    /// # Errors
    /// Examples of another width than the model was trained on.
    pub fn scores(&self, examples: &Examples) -> tercet::Result<Matrix> {
        self.network.scores(&self.setup.preprocessing.apply(examples)?)
    }

    /// Trains for some steps, or for those that are left.
    ///
    /// # Errors
    /// A loss that diverges.
    pub fn advance(&mut self, steps: usize, measure: bool) -> Result<Report, String> {
        let settings = &self.recipe.train;
        let total = settings.steps(self.examples.len());
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
        let plan = Plan { measure_first: measure, ..self.recipe.plan(&self.setup) };
        let (last, mut kept) = (before.saturating_add(steps), None);
        let (checks, report_) = (self.checks, &mut report);
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
            report_.checks = progress.history.validations[checks..].to_vec();
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
    /// A factor that is not a positive number.
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<(), String> {
        match &mut self.checkpoint {
            Some(checkpoint) => checkpoint.scale_learning_rate(factor).map_err(|error| error.to_string()),
            None if factor.is_finite() && factor > 0.0 => {
                self.recipe.train.learning_rate *= factor;
                Ok(())
            }
            None => Err(format!("the learning rate is multiplied by {factor}; expected a positive number")),
        }
    }

    /// The weights of the first layer as images: templates of a linear classifier, weights of hidden units,
    /// or filters. At most `most` of them.
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
            match (layer, self.examples.feature_shape()) {
                (Layer::Dense(dense), Some(shape)) if shape.features() == dense.inputs => {
                    return columns(&dense.w, dense.outputs, shape.width, shape.height);
                }
                // Filters of greyscale pictures.
                (Layer::Conv2d(conv), _) if conv.channels == 1 => {
                    return columns(&conv.w, conv.filters, conv.kernel_width, conv.kernel_height);
                }
                (Layer::Dense(_) | Layer::Conv2d(_), _) => return none,
                _ => {}
            }
        }
        none
    }

    /// The distributions of activations and gradients, over the first training examples.
    pub fn histograms(&self) -> Vec<Histogram> {
        let train = &self.setup.data.train;
        let count = SAMPLE.min(train.len());
        let mut x = vec![0.0; count * train.width()];
        train.write_inputs(&(0..count).collect::<Vec<_>>(), &mut x);
        let (labels, settings) = (&train.labels()[..count], &self.recipe.train);
        let mut workspace = Workspace::new();
        self.network.loss_and_gradients(&x, labels, settings.loss, settings.reg, &mut workspace);
        let outputs = self.network.layers().iter().enumerate().filter_map(|(i, layer)| {
            let output = workspace.output(i);
            (!output.is_empty()).then(|| Histogram::of(format!("output of layer {}: {layer}", i + 1), output))
        });
        let gradients = workspace.gradients().iter().zip(1..);
        let gradients =
            gradients.map(|(gradient, n)| Histogram::of(format!("gradient of W{n}"), &gradient.dw));
        outputs.chain(gradients).collect()
    }

    /// The model with its current weights.
    ///
    /// # Errors
    /// None in practice.
    pub fn model(&self) -> Result<Model, String> {
        let check = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.history().validations.last());
        let model = self.recipe.model(&self.setup, self.network.clone(), &self.examples, check);
        let mut model = model.map_err(|error| error.to_string())?;
        model.card.program.push_str(", in a page");
        Ok(model)
    }
}

/// Images of weights.
#[derive(Debug, Serialize)]
pub struct Templates {
    /// The width of an image.
    pub width: usize,
    /// The height of an image.
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
    use tercet::recipe::Recipe;
    use tercet::train::Length;

    use super::*;

    fn setup(layers: &str, steps: usize) -> Setup {
        let settings =
            Settings { length: Length::Iterations(steps), validate_every: Some(20), ..Settings::lecture() };
        Setup { layers: layers.into(), init: Init::He, seed: 4, examples: 2000, validation: 200, settings }
    }

    fn session(layers: &str, steps: usize) -> Session {
        let parts = split(&Source::Mnist.open().unwrap().train, 5000, 0).unwrap();
        Session::new(setup(layers, steps), Spec::default(), &parts.train, &parts.validation).unwrap()
    }

    #[test]
    fn training_in_slices_gives_the_same_bits() {
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
        let plan = whole.recipe.plan(&whole.setup);
        let training = plan.train(&mut network, &mut |_| ControlFlow::Continue(())).unwrap();
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
    fn a_model_is_saved_as_the_program_reads_it() {
        for (layers, kind) in [("", "linear"), ("dense8 relu", "network")] {
            let mut session = session(layers, 40);
            session.advance(40, false).unwrap();
            let model = session.model().unwrap();
            let read =
                Model::from_bytes(&model.to_bytes().unwrap(), std::path::Path::new("trained")).unwrap();
            assert_eq!((read.classifier().kind(), &read), (kind, &model));
            assert_eq!(read.scores(&session.examples).unwrap(), session.scores(&session.examples).unwrap());
            let settings = &read.card.settings;
            assert_eq!(
                Recipe::from_settings(settings),
                Some(Recipe::GradientDescent(session.recipe.clone())),
                "{settings}"
            );
            assert!(read.card.metrics["validation accuracy"] > 0.3, "{:?}", read.card.metrics);
        }
    }

    #[test]
    fn weights_are_shown_as_images_and_every_number_is_in_a_histogram() {
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
    fn a_loss_that_diverges_ends_the_training_with_an_error() {
        let mut setup = setup("dense12 relu", 300);
        // Each step multiplies the weights by about −199.
        (setup.settings.learning_rate, setup.settings.reg) = (100.0, 1.0);
        let parts = split(&Source::Mnist.open().unwrap().train, 5000, 0).unwrap();
        let mut session = Session::new(setup, Spec::default(), &parts.train, &parts.validation).unwrap();
        assert!(session.advance(300, false).unwrap_err().contains("learning rate"));
        assert!(session.advance(1, false).unwrap().done);
    }
}
