//! [`Architecture`]: the layers of a network as an architecture string.
//!
//! ```text
//! conv5-24 pool relu conv3-32 pool relu flatten dense256 relu dense10
//! ```
//!
//! | word | layer | input → output |
//! |---|---|---|
//! | `dense256` | 256 units, fully connected | features → 256 |
//! | `conv5-24` | 24 filters of 5 × 5 pixels, stride 1, no padding | h × w × c → (h − 4) × (w − 4) × 24 |
//! | `conv3x5-24` | filters of 3 rows and 5 columns | |
//! | `conv5-24/2` | stride 2 | (h − 5) / 2 + 1 rows, rounded down |
//! | `conv5-24+1` | 1 row and column of zeros on each side | (h + 2 − 5) + 1 rows |
//! | `conv5-24+same` | padding that keeps the size at stride 1: (5 − 1) / 2 | h × w × 24 |
//! | `pool`, `pool3`, `pool3/2` | maximum of 2 × 2, 3 × 3, and 3 × 3 windows at stride 2 | (h − 3) / 2 + 1 rows, rounded down |
//! | `avgpool`, `avgpool3`, … | average pooling over such windows | |
//! | `relu`, `leaky0.01`, `sigmoid`, `tanh`, `gelu`, `gelu-tanh` | an activation | the same shape |
//! | `dropout0.4` | in training, each value is dropped with this probability | the same shape |
//! | `batchnorm` | each channel to mean 0 and variance 1, then a learned scale and shift | the same shape |
//! | `flatten` | reshapes only | h × w × c → h · w · c features |
//!
//! Words are separated by spaces. `leaky` alone is `leaky0.01`. `gelu` is exact, and `gelu-tanh` is its approximation by
//! tanh. Padding may be as large as the filter or larger: filters that cover only zeros give their biases.
//!
//! The dense layer that computes the scores may be omitted: if the string does not end with a dense layer, one with a
//! unit per class is appended, preceded by a `flatten` if its input is an image. If the string does end with a dense
//! layer, that layer must have one unit per class.
//!
//! If a dense layer comes before any image layer (convolution or pooling), the input image is flattened, so that
//! `dense128 relu` is the same network as `hidden = [128]`, bit for bit. Everywhere else, only `flatten` turns an image
//! into a feature vector.

mod parse;

use serde::{Deserialize, Serialize};

use super::spec::input_shape;
use super::summary::Summary;
use super::{Init, Layer, MOST_PARAMETERS, Network, Shape, Spec, check_values};
use crate::random::{Stream, generator};
use crate::{Error, Result};

/// The layers of a network without their weights, as an architecture string: `conv5-24 relu pool flatten dense10`.
///
/// The words are listed above, in the documentation of [`Spec`] and in the book. Parsing and printing round-trip.
///
/// ```
/// use tercet::image::ImageShape;
/// use tercet::network::{Architecture, Init};
///
/// let layers: Architecture = "conv5-24+same pool relu flatten dense64 relu".parse()?;
/// assert_eq!(layers.to_string(), "conv5-24+2 pool relu flatten dense64 relu");
///
/// let network = layers.network(ImageShape::gray(28, 28), 10, Init::He, 0)?;
/// assert_eq!(network.classes(), 10);
/// assert_eq!(network.architecture().to_string(), "conv5-24+2 pool relu flatten dense64 relu dense10");
///
/// let error = "conv5-24 dense10".parse::<Architecture>()?.shapes(ImageShape::gray(28, 28)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "input of layer 2, dense10: found 24 × 24 × 24; \
///      expected a list of features, not an image: put flatten before it"
/// );
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Architecture {
    layers: Vec<Spec>,
}

impl Architecture {
    /// The layers, first to last.
    pub fn layers(&self) -> &[Spec] {
        &self.layers
    }

    /// The shape of an example after each layer.
    ///
    /// # Errors
    /// A layer that does not accept its input, given by its number and word; examples with too many values.
    pub fn shapes(&self, input: impl Into<Shape>) -> Result<Vec<Shape>> {
        Ok(self.summary(input)?.into_iter().map(|layer| layer.output).collect())
    }

    /// A summary of every layer, first to last.
    ///
    /// # Errors
    /// Those of [`shapes`](Architecture::shapes).
    pub fn summary(&self, input: impl Into<Shape>) -> Result<Vec<Summary>> {
        let mut shape = input_shape(self.layers.iter().copied(), input.into());
        check_values(0, shape)?;
        let mut summary = Vec::with_capacity(self.layers.len());
        for (number, &layer) in (1..).zip(&self.layers) {
            let output = layer.output(shape).map_err(|wanted| {
                Error::layers(format!("input of layer {number}, {layer}"), shape, wanted)
            })?;
            check_values(number, output)?;
            summary.push(Summary::of(layer, shape, output));
            shape = output;
        }
        Ok(summary)
    }

    /// The same layers including the dense layer that computes the scores. It is appended if the string does not end
    /// with a dense layer.
    ///
    /// # Errors
    /// Those of [`shapes`](Architecture::shapes), a final dense layer without one unit per class, and more than
    /// [`MOST_PARAMETERS`].
    pub fn complete(&self, input: impl Into<Shape>, classes: usize) -> Result<Self> {
        let input = input.into();
        let mut complete = self.clone();
        match self.layers.last() {
            Some(&Spec::Dense { outputs }) if outputs == classes => {}
            Some(last @ Spec::Dense { .. }) => {
                let scores = Spec::Dense { outputs: classes };
                let expected = format!(
                    "{scores}, a score for each class; or leave out the dense layer of the scores, and end with what \
                     comes before it, such as {last} relu"
                );
                return Err(Error::layers("the last of the layers", last, expected));
            }
            _ => {
                // Without image layers, the input is flattened once this dense layer is there.
                let scores = Spec::Dense { outputs: classes };
                complete.layers.push(scores);
                let last = self.shapes(input_shape(complete.layers.iter().copied(), input))?.last().copied();
                if let Some(Shape::Image(_)) = last {
                    complete.layers.insert(self.layers.len(), Spec::Flatten);
                }
            }
        }
        let parameters = complete.summary(input)?.iter().try_fold(0usize, |sum, layer| {
            sum.checked_add(Some(layer.parameters).filter(|&count| count <= MOST_PARAMETERS)?)
        });
        if parameters.is_none_or(|parameters| parameters > MOST_PARAMETERS) {
            let most = crate::text::thousands(MOST_PARAMETERS);
            let expected = format!("at most {most} parameters together: make some of them smaller");
            return Err(Error::setting("the line of layers", complete, expected));
        }
        Ok(complete)
    }

    /// The network with random weights, including the layer that computes the scores.
    ///
    /// # Errors
    /// Those of [`complete`](Architecture::complete), zero classes, and invalid initial weights.
    pub fn network(&self, input: impl Into<Shape>, classes: usize, init: Init, seed: u64) -> Result<Network> {
        let input = input.into();
        init.validate()?;
        if classes == 0 {
            return Err(Error::setting("the number of classes", 0, "at least 1"));
        }
        let complete = self.complete(input, classes)?;
        let mut shape = input_shape(complete.layers.iter().copied(), input);
        let mut generator = generator(seed, Stream::Weights);
        let (from, summary) = (shape, complete.summary(input)?);
        let mut layers = Vec::with_capacity(summary.len());
        for layer in summary {
            layers.push(Layer::random(layer.layer, shape, init, &mut generator));
            shape = layer.output;
        }
        Network::with_input(from, layers)
    }
}

impl Network {
    /// The layers without their weights.
    pub fn architecture(&self) -> Architecture {
        Architecture { layers: self.layers.iter().map(Layer::spec).collect() }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, layer) in self.layers.iter().enumerate() {
            write!(f, "{}{layer}", if i > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Architecture {
    type Err = Error;

    /// Parses an architecture string.
    ///
    /// # Errors
    /// An empty string, or an invalid word: which word, and what is wrong with it.
    fn from_str(text: &str) -> Result<Self> {
        let words = (1..).zip(text.split_whitespace());
        let layers = words.map(|(number, word)| {
            parse::word(word)
                .map_err(|wanted| Error::layers(format!("word {number} of the layers"), word, wanted))
        });
        let layers = layers.collect::<Result<Vec<Spec>>>()?;
        if layers.is_empty() {
            let expected = "at least one word, such as dense128, or conv5-8 relu pool";
            return Err(Error::setting("the line of layers", "empty", expected));
        }
        Ok(Architecture { layers })
    }
}

impl TryFrom<String> for Architecture {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Architecture> for String {
    fn from(layers: Architecture) -> Self {
        layers.to_string()
    }
}

#[cfg(test)]
mod tests;
