//! The Train view: training in slices of some steps each, between which the page shows the progress.

use serde::{Deserialize, Serialize};
use tercet::data::{Dataset, Examples, Split};
use tercet::matrix::Matrix;
use tercet::model::Model;
use tercet::network::{Init, Layer, Network, Workspace};
use tercet::preprocess::Spec;
use tercet::recipe::{GradientDescentRecipe, Kind, TrainingSetup};
use tercet::train::{Settings, StepStats, Trainer, Validation};

/// The number of examples of the histograms.
const SAMPLE: usize = 100;

/// The number of bars of a histogram.
const BARS: usize = 40;

/// The model to train, and the settings of its training.
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
    trainer: Trainer,
}

/// The progress of some steps.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Finished steps.
    pub step: usize,
    /// All steps.
    pub total: usize,
    /// The losses of these steps on their own batches.
    pub losses: Vec<f32>,
    /// The validation checks among them.
    pub validations: Vec<Validation>,
    /// The learning rate of the last of them.
    pub learning_rate: f32,
    /// The layer statistics of the first of them.
    pub stats: Option<Stats>,
    /// Whether training has ended.
    pub done: bool,
}

/// The layer statistics of a step.
#[derive(Debug, Serialize)]
pub struct Stats {
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
    /// Their name: `output of layer 2: relu`, `gradient of W1`.
    pub name: String,
    /// The minimum and the maximum.
    pub range: (f32, f32),
    /// The counts of the bars, which have equal widths.
    pub counts: Vec<u32>,
    /// The fraction of exact zeros.
    pub zeros: f64,
}

impl Session {
    /// A model before its first step, with examples that `preprocessing` is applied to.
    ///
    /// # Errors
    /// Invalid settings or layers.
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
            let trainer = Trainer::new(setup.network.clone(), recipe.plan(&setup))?;
            Ok(Session { recipe, examples, setup, trainer })
        });
        started.map_err(|error| error.to_string())
    }

    /// The network with its current weights.
    pub fn network(&self) -> &Network {
        self.trainer.network()
    }

    /// The scores of examples, (N, C).
    ///
    /// # Errors
    /// Examples of another width than the model was trained on.
    pub fn scores(&self, examples: &Examples) -> tercet::Result<Matrix> {
        self.network().scores(&self.setup.preprocessing.apply(examples)?)
    }

    /// Trains for some steps, or for those that are left. The first of them has layer statistics if `stats` is true.
    ///
    /// # Errors
    /// A loss that diverges.
    pub fn advance(&mut self, steps: usize, stats: bool) -> Result<Report, String> {
        let trainer = &mut self.trainer;
        let mut report = Report {
            step: trainer.steps_done(),
            total: trainer.plan().steps(),
            losses: Vec::new(),
            validations: Vec::new(),
            learning_rate: self.recipe.train.learning_rate,
            stats: None,
            done: trainer.ending().is_some(),
        };
        if stats && !report.done {
            trainer.request_stats();
        }
        while !report.done && report.losses.len() < steps {
            let step = trainer.step().map_err(|error| error.to_string())?;
            report.step = step.number;
            report.losses.push(step.loss);
            report.validations.extend(step.validation);
            report.learning_rate = step.learning_rate;
            if let Some(stats) = step.stats {
                report.stats = Some(Stats::of(step.number, &stats));
            }
            report.done = step.ending.is_some();
        }
        Ok(report)
    }

    /// Multiplies the learning rate of all later steps.
    ///
    /// # Errors
    /// A factor that is not a positive number.
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<(), String> {
        self.trainer.scale_learning_rate(factor).map_err(|error| error.to_string())
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
        for layer in self.network().layers() {
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
        self.network().loss_and_gradients(&x, labels, settings.loss, settings.reg, &mut workspace);
        let outputs = self.network().layers().iter().enumerate().filter_map(|(i, layer)| {
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
        let check = self.trainer.history().validations.last();
        let model = self.recipe.model(&self.setup, self.network().clone(), &self.examples, check);
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

impl Stats {
    fn of(step: usize, stats: &StepStats) -> Stats {
        let layers = stats.layers.iter();
        Stats {
            step,
            accuracy: stats.sample_accuracy,
            layers: layers.map(|l| (l.inputs, l.outputs, l.update_ratio, l.dead_units)).collect(),
        }
    }
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
    use tercet::train::{Length, train};

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
        let (mut losses, mut validations, mut slices) = (Vec::new(), Vec::new(), 0);
        for steps in [1, 7, 40, 1, 200] {
            let before = losses.len();
            let report = sliced.advance(steps, true).unwrap();
            losses.extend(report.losses);
            validations.extend(report.validations);
            assert_eq!((report.step, report.done), (losses.len(), losses.len() == 100));
            // The first of its steps has statistics.
            let stats = report.stats.unwrap();
            assert_eq!((stats.step, stats.layers.len()), (before + 1, 2));
            slices += 1;
        }
        assert_eq!((losses.len(), slices), (100, 5));
        assert!(sliced.advance(5, false).unwrap().losses.is_empty());

        let whole = session("dense12 relu", 100);
        let mut network = whole.network().clone();
        let training = train(&mut network, whole.trainer.plan()).unwrap();
        assert_eq!((losses, validations), (training.history.losses, training.history.validations));
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
