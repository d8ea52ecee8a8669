//! The models of the Draw view, and the outputs of their hidden layers.

use std::path::Path;

use serde::Serialize;
use tercet::Dataset;
use tercet::image::ImageShape;
use tercet::model::{AnyClassifier, Model};
use tercet::network::{Layer, Network, Shape};
use tercet::preprocess::Input;
use tercet::recipe::NeighborsRecipe;

/// A model, and the parts of its network whose outputs the page shows.
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// Its hidden layers, in order.
    pub hidden: Vec<HiddenLayer>,
}

/// A hidden layer, as the output of a network that ends with it.
#[derive(Debug)]
pub struct HiddenLayer {
    /// The architecture up to this layer: `conv5-8 relu`.
    pub name: String,
    /// The shape of its output.
    pub shape: Shape,
    /// The network up to this layer, whose scores are the output of the layer.
    pub network: Network,
}

/// A description of a model.
#[derive(Debug, Serialize)]
pub struct About {
    /// `neighbors`, `linear` or `network`.
    pub kind: &'static str,
    /// The architecture, or the settings of nearest neighbours.
    pub words: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The number of parameters, or of stored examples.
    pub size: usize,
    /// Metrics by name.
    pub metrics: Vec<(String, f64)>,
}

impl Loaded {
    /// Reads a model file.
    ///
    /// # Errors
    /// Those of [`Model::from_bytes`] and [`new`](Loaded::new).
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Loaded, String> {
        Loaded::new(Model::from_bytes(bytes, Path::new(name)).map_err(|error| error.to_string())?)
    }

    /// Prepares a model for the page.
    ///
    /// # Errors
    /// A model whose input is not greyscale pictures of at most 64 × 64 pixels.
    pub fn new(model: Model) -> Result<Loaded, String> {
        let input = model.preprocessing().input();
        match input {
            Input {
                image: Some(ImageShape { width: ..=64, height: ..=64, channels: 1 }),
                pixels: true,
                ..
            } => {}
            Input { pixels: true, .. } => {
                return Err(format!("the model takes {input}; expected greyscale images of at most 64 × 64"));
            }
            _ => return Err(format!("the model takes {input}; expected a model of greyscale images")),
        }
        let hidden = match model.classifier() {
            AnyClassifier::Network(network) => hidden_layers(network).map_err(|error| error.to_string())?,
            _ => Vec::new(),
        };
        Ok(Loaded { model, hidden })
    }

    /// k nearest neighbours among all examples of a data set.
    ///
    /// # Errors
    /// Those of [`NeighborsRecipe::fit`] and [`new`](Loaded::new).
    pub fn neighbors(set: &Dataset, k: usize) -> Result<Loaded, String> {
        let fitted = NeighborsRecipe::new(k).fit(set, None).map_err(|error| error.to_string())?;
        Loaded::new(fitted.model)
    }

    /// The description of the model.
    pub fn about(&self) -> About {
        let classifier = self.model.classifier();
        let (words, size) = match classifier {
            AnyClassifier::Neighbors(neighbors) => {
                let (k, n) = (neighbors.k(), neighbors.labels().len());
                (format!("k = {k}, {}", neighbors.distance_in_words()), n)
            }
            AnyClassifier::Linear(linear) => (linear.network().to_string(), linear.network().parameters()),
            AnyClassifier::Network(network) => (network.architecture().to_string(), network.parameters()),
        };
        About {
            kind: classifier.kind(),
            words,
            classes: self.model.classes().to_vec(),
            size,
            metrics: self.model.card.metrics.iter().map(|(name, &value)| (name.clone(), value)).collect(),
        }
    }
}

/// The network up to each activation and each pool, whose outputs the page shows.
fn hidden_layers(network: &Network) -> tercet::Result<Vec<HiddenLayer>> {
    let (layers, mut found) = (network.layers(), Vec::new());
    let is_shown = |layer: &Layer| {
        !matches!(
            layer,
            Layer::Dense(_) | Layer::Conv2d(_) | Layer::BatchNorm(_) | Layer::Flatten | Layer::Dropout { .. }
        )
    };
    for (i, _) in layers.iter().enumerate().filter(|(_, layer)| is_shown(layer)) {
        let shape = network.shapes()[i];
        let mut layers = layers[..=i].to_vec();
        if !layers.iter().any(|layer| matches!(layer, Layer::Dense(_) | Layer::Conv2d(_))) {
            continue;
        }
        let name: Vec<String> = layers.iter().map(|layer| layer.spec().to_string()).collect();
        if let Shape::Image(_) = shape {
            layers.push(Layer::Flatten);
        }
        found.push(HiddenLayer {
            name: name.join(" "),
            shape,
            network: Network::with_input(network.input(), layers)?,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use tercet::model::{Card, ScoreKind};
    use tercet::preprocess::{Learner, Preprocessing};

    use super::*;

    #[test]
    fn every_activation_and_pool_of_the_shipped_network_is_shown() {
        let name = "convolution.safetensors";
        let bytes = std::fs::read(format!("{}/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let loaded = Loaded::from_bytes(&bytes, name).unwrap();
        let shapes: Vec<String> = loaded.hidden.iter().map(|hidden| hidden.shape.to_string()).collect();
        assert_eq!(shapes, ["24 × 24 × 8", "12 × 12 × 8", "8 × 8 × 16", "4 × 4 × 16", "64"]);
        assert_eq!((loaded.about().kind, loaded.about().size), ("network", 20_522));
        assert!(loaded.hidden[0].name.ends_with("relu"), "{}", loaded.hidden[0].name);
    }

    #[test]
    fn only_models_of_greyscale_pictures_are_accepted() {
        assert!(Loaded::from_bytes(b"a cat", "cat.safetensors").unwrap_err().starts_with("cat.safetensors"));
        let color = ImageShape { width: 8, height: 8, channels: 3 };
        for (input, words) in [
            (Input::features(2), "the model takes 2 features; expected a model of greyscale images"),
            (Input::pixels(color), "the model takes images of 8 × 8 × 3 pixels; expected greyscale images"),
            (Input::pixels(ImageShape::gray(65, 1)), "the model takes images of 65 × 1 pixels; expected"),
        ] {
            let preprocessing = Preprocessing::from_steps(input, Learner::Weights, Vec::new()).unwrap();
            let init = tercet::network::Init::He;
            let network = Network::fully_connected(input.features, &[3], 2, init, 0).unwrap();
            let card = Card::new(vec!["a".to_owned(), "b".to_owned()], ScoreKind::Logits);
            let error = Loaded::new(Model::new(preprocessing, network, card)).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
