//! The three kinds of classifiers, and whether one is whole.

use super::{Card, Flaw};
use crate::Matrix;
use crate::data::Dataset;
use crate::linear::LinearClassifier;
use crate::neighbors::NeighborsClassifier;
use crate::network::{Dense, Network};

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

    /// The dense layers, first to last; none for neighbours.
    pub(super) fn dense_layers(&self) -> Vec<&Dense> {
        match self {
            Classifier::Neighbors(_) => Vec::new(),
            Classifier::Linear(linear) => vec![linear.dense()],
            Classifier::Network(network) => network.dense_layers().collect(),
        }
    }

    pub(super) fn check(&self, card: &Card) -> Result<(), Flaw> {
        match self {
            Classifier::Neighbors(neighbors) => check_neighbors(neighbors, card),
            Classifier::Linear(_) | Classifier::Network(_) => check_layers(&self.dense_layers(), card),
        }
    }
}

/// Whether the layers are whole, fit together, and lead from the contract's features to the classes.
fn check_layers(layers: &[&Dense], card: &Card) -> Result<(), Flaw> {
    let mut width = card.contract.features;
    for (i, dense) in layers.iter().enumerate() {
        let n = i + 1;
        if dense.inputs != width {
            return Err(Flaw::new(format!("{} inputs of dense layer {n}", dense.inputs), width.to_string()));
        }
        if dense.outputs == 0 {
            return Err(Flaw::new(format!("dense layer {n} without outputs"), "at least 1"));
        }
        let weights = dense.inputs.checked_mul(dense.outputs);
        if weights != Some(dense.w.len()) || dense.b.len() != dense.outputs {
            return Err(Flaw::new(
                format!("{} weights and {} biases of dense layer {n}", dense.w.len(), dense.b.len()),
                format!("{} × {} and {}", dense.inputs, dense.outputs, dense.outputs),
            ));
        }
        for (name, values) in [("w", &dense.w), ("b", &dense.b)] {
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                return Err(Flaw::new(format!("{} in {name}{n} at {at}", values[at]), "finite numbers"));
            }
        }
        width = dense.outputs;
    }
    if width != card.classes.len() {
        return Err(Flaw::new(
            format!("{width} outputs for {} classes", card.classes.len()),
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
