//! The networks of Tercet: initialised, trained and given to peers.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};
use tercet::Dataset;
use tercet::data::Batches;
use tercet::loss::Loss;
use tercet::network::{Network, Shape};
use tercet::train::{Length, Plan, Settings, train, train_with};

use super::works::Recipe;
use crate::Places;
use crate::arrays::Array;

/// The seed of initial weights and batches.
pub const SEED: u64 = 0;

/// The network of a recipe with its initial weights.
///
/// # Errors
/// Sizes that the library rejects.
pub fn initial(recipe: &Recipe, examples: &Dataset) -> Result<Network> {
    Ok(recipe.of_library(false)?.untrained_on(examples)?)
}

/// Trains as a user of the library does, without a validation set. Returns the trained network and the
/// seconds.
///
/// # Errors
/// Those of the library.
pub fn trained(initial: &Network, examples: &Dataset, settings: &Settings) -> Result<(Network, f64)> {
    let mut network = initial.clone();
    let start = Instant::now();
    train(&mut network, &Plan::new(examples, *settings, SEED))?;
    let seconds = start.elapsed().as_secs_f64();
    Ok((network, seconds))
}

/// The losses of the first steps of the same training.
///
/// # Errors
/// Those of the library.
pub fn first_losses(
    initial: &Network,
    examples: &Dataset,
    settings: &Settings,
    steps: usize,
) -> Result<Vec<f32>> {
    let until = |step| if step < steps { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let mut network = initial.clone();
    let plan = Plan::new(examples, *settings, SEED);
    Ok(train_with(&mut network, &plan, |_, step| until(step.number))?.history.losses)
}

/// The accuracy of a network on a set.
///
/// # Errors
/// Those of the library.
pub fn accuracy(network: &Network, set: &Dataset) -> Result<f64> {
    Ok(network.scores(set)?.accuracy(set.labels()))
}

/// The rows of all batches of that training, in order.
fn order(settings: &Settings, examples: usize) -> Result<Vec<u32>> {
    let batch = settings.batch.min(examples);
    let mut batches = match settings.length {
        Length::Iterations(_) => Batches::random(examples, batch, SEED)?,
        Length::Epochs(_) | Length::AtLeast { .. } => Batches::epochs(examples, batch, SEED)?,
    };
    let (mut rows, mut order) = (Vec::new(), Vec::new());
    for _ in 0..settings.steps(examples) {
        batches.next(&mut rows);
        order.extend(rows.iter().map(|&row| row as u32));
    }
    Ok(order)
}

/// A network in a file, for peers.
#[derive(Debug)]
pub struct NetworkFile {
    layers: Value,
    parameters: Array,
}

impl NetworkFile {
    /// Writes the parameters.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(network: &Network, places: &Places) -> Result<Self> {
        let layers = match network.input() {
            Shape::Image(image) => json!({
                "layers": network.architecture().to_string(),
                "image": [image.height, image.width, image.channels],
            }),
            Shape::Features(inputs) => {
                let outputs = network.dense_layers().map(|dense| dense.outputs);
                json!({"sizes": std::iter::once(inputs).chain(outputs).collect::<Vec<usize>>()})
            }
        };
        let parameters: Vec<f32> =
            network.weight_layers().flat_map(|layer| layer.w.iter().chain(layer.b)).copied().collect();
        let parameters = Array::write_floats(places.scratch.join("parameters"), &parameters)?;
        Ok(NetworkFile { layers, parameters })
    }

    /// A command about this network.
    pub fn command(&self, what: &str) -> Value {
        let mut command = self.layers.clone();
        command["do"] = json!(what);
        command["parameters"] = self.parameters.description();
        command
    }
}

/// A training in files, for peers.
#[derive(Debug)]
pub struct Task {
    network: NetworkFile,
    order: Array,
    settings: Settings,
}

impl Task {
    /// Writes the initial network and the rows of all batches.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(initial: &Network, examples: usize, settings: &Settings, places: &Places) -> Result<Self> {
        let order = Array::write_whole_numbers(places.scratch.join("order"), &order(settings, examples)?)?;
        Ok(Task { network: NetworkFile::write(initial, places)?, order, settings: *settings })
    }

    /// A command about this training.
    pub fn command(&self, what: &str) -> Value {
        let Settings { loss, batch, learning_rate, reg, .. } = self.settings;
        let loss = match loss {
            Loss::Svm { .. } => "svm",
            Loss::Softmax => "softmax",
        };
        let mut command = self.network.command(what);
        command["order"] = self.order.description();
        command["batch"] = json!(batch);
        command["loss"] = json!(loss);
        command["learning rate"] = json!(learning_rate);
        command["reg"] = json!(reg);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::works::{Kind, TRAINING};

    fn toy() -> Dataset {
        let values = (0..60).map(|i| (i % 7) as f32 - 3.0).collect();
        let labels = (0..20).map(|i| i % 2).collect();
        Dataset::from_features("toy", 3, values, labels, vec!["a".into(), "b".into()]).unwrap()
    }

    #[test]
    fn the_order_contains_every_batch() {
        let settings = Settings { batch: 6, length: Length::Epochs(1), ..Settings::lecture() };
        let mut epoch = order(&settings, 20).unwrap();
        epoch.sort();
        assert_eq!(epoch, (0..20).collect::<Vec<u32>>());
        let settings = Settings { batch: 6, length: Length::Iterations(5), ..Settings::lecture() };
        assert_eq!(order(&settings, 20).unwrap().len(), 30);
    }

    #[test]
    fn first_losses_equal_those_of_the_whole_training() {
        let set = toy();
        let settings = Settings { batch: 6, length: Length::Epochs(5), ..Settings::lecture() };
        let initial = Network::fully_connected(3, &[4], 2, tercet::network::Init::He, 1).unwrap();
        let losses = first_losses(&initial, &set, &settings, 3).unwrap();
        assert_eq!(losses.len(), 3);
        let mut network = initial.clone();
        let all = train(&mut network, &Plan::new(&set, settings, SEED));
        assert_eq!(losses, all.unwrap().history.losses[..3]);
        assert_eq!(trained(&initial, &set, &settings).unwrap().0, network);
    }

    #[test]
    fn peers_get_the_network_and_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { benchmarks: "".into(), scratch: folder.path().to_owned() };
        let Some(Kind::Training(recipe)) = TRAINING.works.first().map(|work| work.kind) else {
            panic!("a training")
        };
        let (set, settings) = (toy(), recipe.settings(true));
        let task = Task::write(&initial(&recipe, &set).unwrap(), set.len(), &settings, &places).unwrap();
        let command = task.command("train");
        assert_eq!(command["sizes"], json!([3, 36, 2]));
        assert_eq!(command["parameters"]["shape"], json!([1, 3 * 36 + 36 + 36 * 2 + 2]));
        assert_eq!(command["order"]["shape"], json!([1, 150 * 20]));
        assert_eq!((&command["loss"], &command["batch"]), (&json!("svm"), &json!(20)));
    }
}
