//! The JSON document of a model file.

use serde::{Deserialize, Serialize};

use super::{Card, Classifier, Flaw, ModelFile};
use crate::neighbors::{Deformable, Metric, Priors, Vote};
use crate::network::{Conv2d, Dense, Layer, Network, Pool};
use crate::{Error, Result};

/// The latest version of the format that this program reads. It writes the earliest that holds the model.
pub const FORMAT: u64 = 3;

/// The first version whose neighbours may have weights and priors.
const WEIGHTED: u64 = 2;

/// The first version with layers other than dense ones and ReLU, whose pictures may be cleaned, and whose neighbours may be
/// deformed.
const MORE: u64 = 3;

/// The whole document. The order of the fields is the order in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    format: u64,
    kind: String,
    pub(super) architecture: Architecture,
    pub(super) card: Card,
}

/// What the tensors mean.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Architecture {
    Layers(Vec<LayerShape>),
    Neighbors(NeighborsShape),
}

/// A layer without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
pub(super) enum LayerShape {
    Dense {
        inputs: usize,
        outputs: usize,
    },
    Relu,
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
    LeakyRelu {
        slope: f32,
    },
    Sigmoid,
    Tanh,
    Gelu,
    Dropout {
        p: f32,
    },
    BatchNorm {
        channels: usize,
    },
    Flatten,
}

impl LayerShape {
    /// Whether the first version has such layers.
    fn is_of_the_first(&self) -> bool {
        matches!(self, LayerShape::Dense { .. } | LayerShape::Relu)
    }
}

impl From<&Layer> for LayerShape {
    fn from(layer: &Layer) -> Self {
        match *layer {
            Layer::Dense(Dense { inputs, outputs, .. }) => LayerShape::Dense { inputs, outputs },
            Layer::Relu => LayerShape::Relu,
            Layer::Conv2d(Conv2d {
                channels, filters, kernel_height, kernel_width, stride, padding, ..
            }) => LayerShape::Conv2d { channels, filters, kernel_height, kernel_width, stride, padding },
            Layer::MaxPool(Pool { size, stride }) => LayerShape::MaxPool { size, stride },
            Layer::AveragePool(Pool { size, stride }) => LayerShape::AveragePool { size, stride },
            Layer::LeakyRelu { slope } => LayerShape::LeakyRelu { slope },
            Layer::Sigmoid => LayerShape::Sigmoid,
            Layer::Tanh => LayerShape::Tanh,
            Layer::Gelu => LayerShape::Gelu,
            Layer::Dropout { p } => LayerShape::Dropout { p },
            Layer::BatchNorm(ref norm) => LayerShape::BatchNorm { channels: norm.channels() },
            Layer::Flatten => LayerShape::Flatten,
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
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

impl Architecture {
    /// The earliest version of the format that says all of it.
    fn format(&self) -> u64 {
        match self {
            Architecture::Neighbors(shape) if shape.deformation.is_some() => MORE,
            Architecture::Neighbors(shape) if shape.weighted || shape.priors != Priors::Data => WEIGHTED,
            Architecture::Layers(layers) if !layers.iter().all(LayerShape::is_of_the_first) => MORE,
            _ => 1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Features {
    U8,
    F32,
}

/// What is read before anything else, because another version may have nothing else in common with this one.
#[derive(Deserialize)]
struct Head {
    format: u64,
    kind: Option<String>,
}

/// The document of a model.
pub(super) fn write(model: &ModelFile) -> Result<String> {
    let layers = |network: &Network| network.layers().iter().map(LayerShape::from).collect();
    let architecture = match &model.classifier {
        Classifier::Linear(linear) => Architecture::Layers(layers(linear.network())),
        Classifier::Network(network) => Architecture::Layers(layers(network)),
        Classifier::Neighbors(neighbors) => Architecture::Neighbors(NeighborsShape {
            features: if neighbors.index().is_pixels() { Features::U8 } else { Features::F32 },
            width: neighbors.index().width(),
            examples: neighbors.index().len(),
            metric: neighbors.metric(),
            k: neighbors.k(),
            vote: neighbors.vote(),
            priors: neighbors.priors().clone(),
            weighted: neighbors.weights().is_some(),
            deformation: neighbors.deformation(),
        }),
    };
    let document = Document {
        format: needed(&architecture, &model.card),
        kind: model.classifier.kind().to_owned(),
        architecture,
        card: model.card.clone(),
    };
    serde_json::to_string(&document)
        .map_err(|e| Error::mismatch("the model to be saved", e, "a card that can be written as JSON"))
}

/// The document in a file, and the kind that its architecture fits.
pub(super) fn read(json: &str) -> Result<Document, Flaw> {
    let head: Head = serde_json::from_str(json).map_err(|e| {
        Flaw::new(format!("a document without a format version ({e})"), "a JSON document with `format`")
    })?;
    if head.format == 0 || head.format > FORMAT {
        let flaw = Flaw::new(format!("model format {}", head.format), format!("a format from 1 to {FORMAT}"));
        const NEWER: &str =
            "A newer tercet wrote the file: update this one, or train the model again with it.";
        return Err(if head.format == 0 { flaw } else { flaw.with_remedy(NEWER) });
    }
    let kind = head.kind.unwrap_or_else(|| "none".to_owned());
    if !["neighbors", "linear", "network"].contains(&kind.as_str()) {
        return Err(Flaw::new(format!("a model of kind “{kind}”"), "neighbors, linear or network"));
    }
    let document: Document = serde_json::from_str(json).map_err(|e| {
        Flaw::new(format!("a document that cannot be read ({e})"), format!("a document of format {FORMAT}"))
    })?;
    let needed = needed(&document.architecture, &document.card);
    if document.format < needed {
        let what = match &document.architecture {
            _ if needed == WEIGHTED => "weights or priors",
            Architecture::Layers(_) if document.architecture.format() == MORE => "such layers",
            _ => "cleaning or deformation",
        };
        return Err(Flaw::new(
            format!("{what} in a model of format {}", document.format),
            format!("format {needed}, which is the first to have them"),
        ));
    }
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

/// The earliest version of the format that says all of a model.
fn needed(architecture: &Architecture, card: &Card) -> u64 {
    let of_card = if card.contract.cleaning.is_none() { 1 } else { MORE };
    architecture.format().max(of_card)
}

impl Document {
    /// Whether the layers are those of a linear classifier rather than of a network.
    pub(super) fn is_linear(&self) -> bool {
        self.kind == "linear"
    }
}
