//! The models of the Draw view, with what is looked at inside of them.

use std::path::Path;

use serde::Serialize;
use tercet::Dataset;
use tercet::data::ImageShape;
use tercet::image::{Contract, Preparation};
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
                    "a model of images of {other} pixels; expected one of grey images of at most 64 × 64"
                ));
            }
            None => {
                return Err("a model of features that are no picture; expected one of grey images".to_owned());
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
            Classifier::Network(network) => (network.to_string(), network.parameters()),
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
        let of_activation = !matches!(
            layer,
            Layer::Dense(_) | Layer::Conv2d(_) | Layer::BatchNorm(_) | Layer::Flatten | Layer::Dropout { .. }
        );
        of_activation
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
