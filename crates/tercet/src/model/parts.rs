//! The three kinds of classifiers, and whether one is whole.

use super::{Card, Flaw};
use crate::linear::LinearClassifier;
use crate::network::{Dense, Layer, Network};

/// What classifies.
#[derive(Clone, Debug, PartialEq)]
pub enum Classifier {
    /// Nearest neighbours: everything is remembered.
    Neighbors(NeighborsParts),
    /// `scores = X · W + b`.
    Linear(LinearClassifier),
    /// Layers, one after another.
    Network(Network),
}

/// The features that a neighbours classifier remembers.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// Pixels, (N, D).
    U8(Vec<u8>),
    /// Features, (N, D).
    F32(Vec<f32>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::U8(values) => values.len(),
            Rows::F32(values) => values.len(),
        }
    }
}

/// What a neighbours classifier consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborsParts {
    /// The features of the N remembered examples, (N, D).
    pub rows: Rows,
    /// D.
    pub width: usize,
    /// The classes of the N examples.
    pub labels: Vec<u32>,
    /// The name of the metric: `l1`, `l2`, `cosine`.
    pub metric: String,
    /// How many neighbours vote.
    pub k: usize,
    /// How they vote: `uniform`, `distance`.
    pub vote: String,
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

    /// The dense layers, first to last; none for neighbours.
    pub(super) fn dense_layers(&self) -> Vec<&Dense> {
        match self {
            Classifier::Neighbors(_) => Vec::new(),
            Classifier::Linear(linear) => vec![linear.dense()],
            Classifier::Network(network) => network
                .layers()
                .iter()
                .filter_map(|layer| match layer {
                    Layer::Dense(dense) => Some(dense),
                    Layer::Relu => None,
                })
                .collect(),
        }
    }

    pub(super) fn check(&self, card: &Card) -> Result<(), Flaw> {
        match self {
            Classifier::Neighbors(parts) => parts.check(card),
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

impl NeighborsParts {
    fn check(&self, card: &Card) -> Result<(), Flaw> {
        let examples = self.labels.len();
        if self.width != card.contract.features {
            return Err(Flaw::new(
                format!("rows of {} features", self.width),
                format!("{} as in the input contract", card.contract.features),
            ));
        }
        if examples.checked_mul(self.width) != Some(self.rows.len()) {
            return Err(Flaw::new(
                format!("{} values for {examples} labels", self.rows.len()),
                format!("{examples} × {}", self.width),
            ));
        }
        if !(1..=examples).contains(&self.k) {
            return Err(Flaw::new(format!("k = {}", self.k), format!("1 to {examples}, the examples")));
        }
        let classes = card.classes.len();
        if let Some(at) = self.labels.iter().position(|&y| y as usize >= classes) {
            return Err(Flaw::new(
                format!("label {} of example {at}", self.labels[at]),
                format!("a class from 0 to {}", classes - 1),
            ));
        }
        if let Rows::F32(values) = &self.rows
            && let Some(at) = values.iter().position(|v| !v.is_finite())
        {
            return Err(Flaw::new(format!("{} in rows at {at}", values[at]), "finite numbers"));
        }
        Ok(())
    }
}
