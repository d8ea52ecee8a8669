//! The JSON document of a model file.

use serde::{Deserialize, Serialize};

use super::{AnyClassifier, Card, Flaw, Model};
use crate::neighbors::{Deformable, Metric, Priors, Vote};
use crate::network::{Activation, Conv2d, Dense, Layer, Network, Pool};
use crate::preprocess::Preprocessing;
use crate::{Error, Result};

/// The version of the format. It is increased when programs that know only the old version would misread a new file.
pub const FORMAT: u64 = 4;

/// The whole document. The order of the fields is the order in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    format: u64,
    kind: String,
    pub(super) architecture: Architecture,
    pub(super) preprocessing: Preprocessing,
    pub(super) card: Card,
}

/// The meaning of the tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Architecture {
    Layers(Vec<LayerShape>),
    Neighbors(NeighborsShape),
}

/// A layer without its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
pub(super) enum LayerShape {
    Dense {
        inputs: usize,
        outputs: usize,
    },
    #[serde(rename = "conv2d")]
    Conv2d {
        channels: usize,
        filters: usize,
        kernel_height: usize,
        kernel_width: usize,
        stride: usize,
        padding: usize,
    },
    MaxPool {
        size: usize,
        stride: usize,
    },
    AveragePool {
        size: usize,
        stride: usize,
    },
    Dropout {
        p: f32,
    },
    BatchNorm {
        channels: usize,
    },
    Flatten,
    #[serde(untagged)]
    Activation(Activation),
}

impl From<&Layer> for LayerShape {
    fn from(layer: &Layer) -> Self {
        match *layer {
            Layer::Dense(Dense { inputs, outputs, .. }) => LayerShape::Dense { inputs, outputs },
            Layer::Activation(activation) => LayerShape::Activation(activation),
            Layer::Conv2d(Conv2d {
                channels, filters, kernel_height, kernel_width, stride, padding, ..
            }) => LayerShape::Conv2d { channels, filters, kernel_height, kernel_width, stride, padding },
            Layer::MaxPool(Pool { size, stride }) => LayerShape::MaxPool { size, stride },
            Layer::AveragePool(Pool { size, stride }) => LayerShape::AveragePool { size, stride },
            Layer::Dropout { p } => LayerShape::Dropout { p },
            Layer::BatchNorm(ref norm) => LayerShape::BatchNorm { channels: norm.channels() },
            Layer::Flatten => LayerShape::Flatten,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NeighborsShape {
    pub(super) features: Features,
    pub(super) width: usize,
    pub(super) examples: usize,
    pub(super) metric: Metric,
    pub(super) k: usize,
    pub(super) vote: Vote,
    #[serde(default, skip_serializing_if = "is_of_the_data")]
    pub(super) priors: Priors,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) weighted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deformation: Option<Deformable>,
}

fn is_of_the_data(priors: &Priors) -> bool {
    *priors == Priors::Data
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Features {
    U8,
    F32,
    F64,
}

/// The part that is read first, because other versions may have nothing else in common with this one.
#[derive(Deserialize)]
struct Head {
    format: u64,
    kind: Option<String>,
}

/// Writes the document of a model.
pub(super) fn write(model: &Model) -> Result<String> {
    let architecture = match &model.classifier {
        AnyClassifier::Neighbors(neighbors) => Architecture::Neighbors(NeighborsShape {
            features: match neighbors.index().dtype() {
                "uint8" => Features::U8,
                "float64" => Features::F64,
                _ => Features::F32,
            },
            width: neighbors.index().width(),
            examples: neighbors.index().len(),
            metric: neighbors.metric(),
            k: neighbors.k(),
            vote: neighbors.vote(),
            priors: neighbors.priors().clone(),
            weighted: neighbors.weights().is_some(),
            deformation: neighbors.deformation(),
        }),
        AnyClassifier::Linear(linear) => layers(linear.network()),
        AnyClassifier::Network(network) => layers(network),
    };
    let document = Document {
        format: FORMAT,
        kind: model.classifier.kind().to_owned(),
        architecture,
        preprocessing: model.preprocessing.clone(),
        card: model.card.clone(),
    };
    serde_json::to_string(&document)
        .map_err(|e| Error::mismatch("the model to be saved", e, "a card that can be written as JSON"))
}

fn layers(network: &Network) -> Architecture {
    Architecture::Layers(network.layers().iter().map(LayerShape::from).collect())
}

/// Reads the document of a file, whose kind and architecture must match.
pub(super) fn read(json: &str) -> Result<Document, Flaw> {
    let head: Head = serde_json::from_str(json).map_err(|e| {
        Flaw::new(format!("a document without a format version ({e})"), "a JSON document with `format`")
    })?;
    if head.format != FORMAT {
        let flaw = Flaw::new(format!("model format {}", head.format), format!("format {FORMAT}"));
        const OLDER: &str = "Another version of tercet wrote the file: train the model again with this one.";
        const NEWER: &str =
            "A newer tercet wrote the file: update this one, or train the model again with it.";
        return Err(flaw.with_remedy(if head.format > FORMAT { NEWER } else { OLDER }));
    }
    let kind = head.kind.unwrap_or_else(|| "none".to_owned());
    if !["neighbors", "linear", "network"].contains(&kind.as_str()) {
        return Err(Flaw::new(format!("a model of kind “{kind}”"), "neighbors, linear or network"));
    }
    let document: Document = serde_json::from_str(json).map_err(|e| {
        Flaw::new(format!("a document that cannot be read ({e})"), format!("a document of format {FORMAT}"))
    })?;
    let fits = match &document.architecture {
        Architecture::Neighbors(_) => kind == "neighbors",
        Architecture::Layers(layers) if kind == "linear" => matches!(layers[..], [LayerShape::Dense { .. }]),
        Architecture::Layers(_) => kind == "network",
    };
    if !fits {
        return Err(Flaw::new(
            format!("a model of kind “{kind}” with the architecture of another"),
            "an architecture that fits the kind",
        ));
    }
    Ok(document)
}

impl Document {
    /// Whether the layers are those of a linear classifier rather than of a network.
    pub(super) fn is_linear(&self) -> bool {
        self.kind == "linear"
    }
}
