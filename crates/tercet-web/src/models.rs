//! The models of the Draw view, with what is looked at inside of them.

use std::path::Path;

use serde::Serialize;
use tercet::Dataset;
use tercet::image::{Contract, ImageShape, Preparation};
use tercet::model::{Card, Classifier, ModelFile};
use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
use tercet::network::{Layer, Network, Shape};

/// A model, and its layers as networks of their own.
#[derive(Debug)]
pub struct Loaded {
    /// The file, as the program reads and writes it.
    pub file: ModelFile,
    /// What is behind each of its hidden layers.
    pub inside: Vec<Inside>,
}

/// What is behind some layer of a network.
#[derive(Debug)]
pub struct Inside {
    /// The layers up to there, in words: `conv5-8 relu`.
    pub name: String,
    /// What an example is there.
    pub shape: Shape,
    /// The network up to there, whose scores are what is behind it.
    pub network: Network,
}

/// What the page says of a model.
#[derive(Debug, Serialize)]
pub struct About {
    /// `neighbors`, `linear` or `network`.
    pub kind: &'static str,
    /// The model in words.
    pub words: String,
    /// The names of its classes.
    pub classes: Vec<String>,
    /// How many numbers it has learned, or examples it remembers.
    pub size: usize,
    /// What was measured, by name.
    pub metrics: Vec<(String, f64)>,
}

impl Loaded {
    /// Reads a model file.
    ///
    /// # Errors
    /// A file that the program would refuse, and a model of anything else than grey pictures of at most 64 × 64 pixels.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Loaded, String> {
        let file = ModelFile::from_bytes(bytes, Path::new(name)).map_err(|error| error.to_string())?;
        Loaded::new(file)
    }

    /// A model that is here already.
    ///
    /// # Errors
    /// As for [`from_bytes`](Loaded::from_bytes).
    pub fn new(file: ModelFile) -> Result<Loaded, String> {
        match file.card.contract.image {
            Some(ImageShape { width: 1..=64, height: 1..=64, channels: 1 }) => {}
            Some(other) => {
                return Err(format!(
                    "the model takes images of {other} pixels; expected greyscale images of at most 64 × 64"
                ));
            }
            None => {
                return Err("the model does not take images; expected a model of greyscale images".to_owned());
            }
        }
        let inside = match &file.classifier {
            Classifier::Network(network) => inside(network).map_err(|error| error.to_string())?,
            _ => Vec::new(),
        };
        Ok(Loaded { file, inside })
    }

    /// Nearest neighbours that remember the whole of a data set.
    ///
    /// # Errors
    /// A data set that cannot be remembered.
    pub fn remembering(set: &Dataset, k: usize) -> Result<Loaded, String> {
        let classifier =
            NeighborsClassifier::fit(set, Metric::L2, k, Vote::Uniform).map_err(|error| error.to_string())?;
        let mut contract = Contract::of(set, Preparation::Centred);
        contract.range = tercet::image::Range::Bytes;
        let card = Card::new(set.classes().to_vec(), contract);
        Loaded::new(ModelFile { card, classifier: Classifier::Neighbors(classifier) })
    }

    /// What the page says of it.
    pub fn about(&self) -> About {
        let card = &self.file.card;
        let (words, size) = match &self.file.classifier {
            Classifier::Neighbors(neighbors) => {
                let (k, n) = (neighbors.k(), neighbors.labels().len());
                (format!("k = {k}, {}", neighbors.distance_in_words()), n)
            }
            Classifier::Linear(linear) => (linear.network().to_string(), linear.network().parameters()),
            Classifier::Network(network) => (network.architecture().to_string(), network.parameters()),
        };
        About {
            kind: self.file.classifier.kind(),
            words,
            classes: card.classes.clone(),
            size,
            metrics: card.metrics.iter().map(|(name, &value)| (name.clone(), value)).collect(),
        }
    }
}

/// The network up to each activation and each pool: there the page looks in. Where a pool follows an activation both are
/// shown.
fn inside(network: &Network) -> tercet::Result<Vec<Inside>> {
    let (layers, mut found) = (network.layers(), Vec::new());
    let is_seen = |layer: &Layer| {
        !matches!(
            layer,
            Layer::Dense(_) | Layer::Conv2d(_) | Layer::BatchNorm(_) | Layer::Flatten | Layer::Dropout { .. }
        )
    };
    for (i, _) in layers.iter().enumerate().filter(|(_, layer)| is_seen(layer)) {
        let shape = network.shapes()[i];
        let mut layers = layers[..=i].to_vec();
        if !layers.iter().any(|layer| matches!(layer, Layer::Dense(_) | Layer::Conv2d(_))) {
            continue;
        }
        let name: Vec<String> = layers.iter().map(|layer| layer.spec().to_string()).collect();
        if let Shape::Image(_) = shape {
            layers.push(Layer::Flatten);
        }
        found.push(Inside {
            name: name.join(" "),
            shape,
            network: Network::with_input(network.input(), layers)?,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activation_and_every_pool_of_the_shipped_network_can_be_looked_at() {
        let name = "convolution.safetensors";
        let bytes = std::fs::read(format!("{}/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let loaded = Loaded::from_bytes(&bytes, name).unwrap();
        let shapes: Vec<String> = loaded.inside.iter().map(|inside| inside.shape.to_string()).collect();
        assert_eq!(shapes, ["24 × 24 × 8", "12 × 12 × 8", "8 × 8 × 16", "4 × 4 × 16", "64"]);
        assert_eq!((loaded.about().kind, loaded.about().size), ("network", 20_522));
        assert!(loaded.inside[0].name.ends_with("relu"), "{}", loaded.inside[0].name);
    }

    #[test]
    fn what_is_no_model_of_grey_pictures_is_refused_in_words() {
        assert!(Loaded::from_bytes(b"a cat", "cat.safetensors").unwrap_err().starts_with("cat.safetensors"));
        let network = Network::fully_connected(2, &[3], 2, tercet::network::Init::He, 0).unwrap();
        let card = Card::new(vec!["a".into(), "b".into()], Contract::features(2));
        let features = ModelFile { card, classifier: Classifier::Network(network) };
        assert!(Loaded::new(features).unwrap_err().contains("expected a model of greyscale images"));
    }
}
