//! The three kinds of classifiers, and whether one is whole.

use super::{Card, Flaw};
use crate::Matrix;
use crate::data::Dataset;
use crate::linear::LinearClassifier;
use crate::neighbors::NeighborsClassifier;
use crate::network::{Named, Network, Shape};

/// What classifies.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a model")]
pub enum Classifier {
    /// Nearest neighbours: everything is remembered.
    Neighbors(NeighborsClassifier),
    /// `scores = X · W + b`.
    Linear(LinearClassifier),
    /// Layers, one after another.
    Network(Network),
}

impl Classifier {
    /// The word for the kind in a model file: `neighbors`, `linear` or `network`.
    pub fn kind(&self) -> &'static str {
        match self {
            Classifier::Neighbors(_) => "neighbors",
            Classifier::Linear(_) => "linear",
            Classifier::Network(_) => "network",
        }
    }

    /// The scores of a whole set, (N, C); the class of an example is the argmax of its row.
    ///
    /// # Errors
    /// Examples of another width or kind than the classifier learned from.
    pub fn scores(&self, data: &Dataset) -> crate::Result<Matrix> {
        match self {
            Classifier::Neighbors(neighbors) => neighbors.scores(data),
            Classifier::Linear(linear) => linear.scores(data),
            Classifier::Network(network) => network.scores(data),
        }
    }

    /// The layers of a classifier that has any.
    pub(super) fn network(&self) -> Option<&Network> {
        match self {
            Classifier::Neighbors(_) => None,
            Classifier::Linear(linear) => Some(linear.network()),
            Classifier::Network(network) => Some(network),
        }
    }

    pub(super) fn check(&self, card: &Card) -> Result<(), Flaw> {
        match self {
            Classifier::Neighbors(neighbors) => check_neighbors(neighbors, card),
            Classifier::Linear(linear) => check_layers(linear.network(), card),
            Classifier::Network(network) => check_layers(network, card),
        }
    }
}

/// Whether the layers lead from the contract's features to the classes, and all numbers are finite. That they are whole and
/// fit together, the network itself saw to.
fn check_layers(network: &Network, card: &Card) -> Result<(), Flaw> {
    let contract = &card.contract;
    let expected = match network.input() {
        // Layers that take a list take an image as the list of its pixels.
        Shape::Features(_) => Shape::Features(contract.features),
        Shape::Image(_) => contract.image.map_or(Shape::Features(contract.features), Shape::Image),
    };
    if network.input() != expected {
        let found = format!("layers that take {}", network.input());
        return Err(Flaw::new(found, format!("{expected}, as in the input contract")));
    }
    for Named { name, values, .. } in network.arrays() {
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(Flaw::new(format!("{} in {name} at {at}", values[at]), "finite numbers"));
        }
    }
    let (outputs, classes) = (network.classes(), card.classes.len());
    if outputs != classes {
        return Err(Flaw::new(
            format!("{outputs} outputs for {classes} classes"),
            "one output for each class",
        ));
    }
    Ok(())
}

/// Whether the remembered examples are what the card says. That they are whole, the classifier itself saw to.
fn check_neighbors(neighbors: &NeighborsClassifier, card: &Card) -> Result<(), Flaw> {
    if neighbors.index().width() != card.contract.features {
        return Err(Flaw::new(
            format!("rows of {} features", neighbors.index().width()),
            format!("{} as in the input contract", card.contract.features),
        ));
    }
    if neighbors.classes() != card.classes {
        return Err(Flaw::new(
            format!("neighbours of the classes {:?}", neighbors.classes()),
            format!("{:?} as on the card", card.classes),
        ));
    }
    Ok(())
}
