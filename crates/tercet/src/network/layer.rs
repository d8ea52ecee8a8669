//! [`Layer`]: one layer of a network, with its parameters.

use rand::Rng;

use super::{Activation, BatchNorm, Conv2d, Dense, Init, Pool, Shape, Spec};
use crate::{Error, Result};

/// One layer of a [`Network`](super::Network). Each variant gives its formula.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `Z = X · W + b`.
    Dense(Dense),
    /// The same small filters at every position of an image.
    Conv2d(Conv2d),
    /// The largest value of each window, per channel.
    MaxPool(Pool),
    /// The mean of each window, per channel.
    AveragePool(Pool),
    /// An element-wise function.
    Activation(Activation),
    /// Each unit is dropped with probability p in training, and the remaining ones are divided by 1 − p. Prediction
    /// skips it.
    Dropout {
        /// The dropout probability.
        p: f32,
    },
    /// Normalises every channel to mean 0 and variance 1, then applies a learned scale and shift.
    BatchNorm(BatchNorm),
    /// Turns an image into the list of its values. Moves no data.
    Flatten,
}

impl Layer {
    /// The layer without its parameters.
    pub fn spec(&self) -> Spec {
        match *self {
            Layer::Dense(ref dense) => Spec::Dense { outputs: dense.outputs },
            Layer::Conv2d(ref conv) => {
                let &Conv2d { kernel_height, kernel_width, filters, stride, padding, .. } = conv;
                Spec::Conv2d { kernel_height, kernel_width, filters, stride, padding }
            }
            Layer::MaxPool(pool) => Spec::MaxPool(pool),
            Layer::AveragePool(pool) => Spec::AveragePool(pool),
            Layer::Activation(activation) => Spec::Activation(activation),
            Layer::Dropout { p } => Spec::Dropout { p },
            Layer::BatchNorm(_) => Spec::BatchNorm,
            Layer::Flatten => Spec::Flatten,
        }
    }

    /// A layer with random weights, for inputs of the given shape.
    pub(super) fn random(spec: Spec, input: Shape, init: Init, generator: &mut impl Rng) -> Self {
        match spec {
            Spec::Dense { outputs } => Layer::Dense(Dense::random(input.values(), outputs, init, generator)),
            Spec::Conv2d { kernel_height, kernel_width, filters, stride, padding } => {
                let (channels, w, b) = (input.channels(), Vec::new(), Vec::new());
                let mut conv =
                    Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, w, b };
                conv.draw(init, generator);
                Layer::Conv2d(conv)
            }
            Spec::MaxPool(pool) => Layer::MaxPool(pool),
            Spec::AveragePool(pool) => Layer::AveragePool(pool),
            Spec::Activation(activation) => Layer::Activation(activation),
            Spec::Dropout { p } => Layer::Dropout { p },
            Spec::BatchNorm => Layer::BatchNorm(BatchNorm::new(input.channels())),
            Spec::Flatten => Layer::Flatten,
        }
    }

    /// The output shape of the layer at position `number`, counted from one.
    ///
    /// # Errors
    /// Invalid arrays or sizes, and an input shape that the layer does not accept.
    pub(super) fn output(&self, input: Shape, number: usize) -> Result<Shape> {
        let spec = self.spec();
        if let Some(wanted) = spec.expected_parameters() {
            // A dense layer reports both of its sizes below.
            if !matches!(self, Layer::Dense(_)) {
                return Err(Error::mismatch(format!("layer {number}"), spec, wanted));
            }
        }
        let reaching = || format!("input of layer {number}, {self}");
        let taken = match self {
            Layer::Dense(dense) => {
                dense.validate(number)?;
                Some(("", input.values(), dense.inputs))
            }
            Layer::Conv2d(conv) => {
                conv.validate(number)?;
                Some((" channels", input.channels(), conv.channels))
            }
            Layer::BatchNorm(norm) => {
                norm.validate(number)?;
                Some((" channels", input.channels(), norm.channels()))
            }
            _ => None,
        };
        let output = spec.output(input).map_err(|wanted| Error::mismatch(reaching(), input, wanted))?;
        match taken {
            Some((what, found, expected)) if found != expected => {
                Err(Error::mismatch(reaching(), format!("{found}{what}"), format!("{expected}{what}")))
            }
            _ => Ok(output),
        }
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pool = |f: &mut std::fmt::Formatter<'_>, name, Pool { size, stride }| {
            write!(f, "{name} pool {size} × {size}")?;
            if stride != size { write!(f, " (stride {stride})") } else { Ok(()) }
        };
        match self {
            Layer::Dense(dense) => write!(f, "dense {} → {}", dense.inputs, dense.outputs),
            Layer::Conv2d(conv) => {
                let Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, .. } = conv;
                write!(f, "conv {kernel_height} × {kernel_width} × {channels} → {filters}")?;
                match (*stride, *padding) {
                    (1, 0) => Ok(()),
                    (_, 0) => write!(f, " (stride {stride})"),
                    (1, _) => write!(f, " (padding {padding})"),
                    _ => write!(f, " (stride {stride} and padding {padding})"),
                }
            }
            Layer::MaxPool(windows) => pool(f, "max", *windows),
            Layer::AveragePool(windows) => pool(f, "average", *windows),
            Layer::Activation(Activation::LeakyRelu { slope }) => write!(f, "leaky relu {slope}"),
            Layer::Activation(activation) => write!(f, "{}", activation.name()),
            Layer::Dropout { p } => write!(f, "dropout {p}"),
            Layer::BatchNorm(norm) => write!(f, "batch norm {}", norm.channels()),
            Layer::Flatten => write!(f, "flatten"),
        }
    }
}
