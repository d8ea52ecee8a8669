//! Any layer, with its forward and backward pass.

use num_traits::Float;

use super::{BatchNorm, Conv2d, Dense};
use super::{average_backward, average_forward, max_backward, max_forward, pool};
use crate::image::ImageShape;
use crate::network::{self, Activation, Pool, Shape};

/// A layer of a network in training, except dropout.
#[derive(Clone, Debug)]
pub enum Layer<T> {
    /// `z = b + x · w`.
    Dense(Dense<T>),
    /// The same filters at every position.
    Conv2d(Conv2d<T>),
    /// The largest value of each window.
    MaxPool(Pool),
    /// The mean of each window.
    AveragePool(Pool),
    /// An element-wise function.
    Activation(Activation<T>),
    /// Normalises every channel to mean 0 and variance 1, then scales and shifts it.
    BatchNorm(BatchNorm<T>),
    /// Turns an image into a feature vector.
    Flatten,
}

fn image(shape: Shape) -> ImageShape {
    match shape {
        Shape::Image(image) => image,
        Shape::Features(count) => panic!("{count} features are no image"),
    }
}

impl Layer<f64> {
    /// A network's layer in f64, with the same parameters; `None` for dropout, which has no naive version.
    pub fn of(layer: &network::Layer) -> Option<Self> {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
        Some(match *layer {
            network::Layer::Dense(network::Dense { inputs, outputs, ref w, ref b }) => {
                Layer::Dense(Dense { inputs, outputs, w: wide(w), b: wide(b) })
            }
            network::Layer::Conv2d(ref conv) => {
                let &network::Conv2d { kernel_height, kernel_width, stride, padding, .. } = conv;
                let (w, b) = (wide(&conv.w), wide(&conv.b));
                Layer::Conv2d(Conv2d { kernel_height, kernel_width, stride, padding, w, b })
            }
            network::Layer::MaxPool(pool) => Layer::MaxPool(pool),
            network::Layer::AveragePool(pool) => Layer::AveragePool(pool),
            network::Layer::Activation(activation) => Layer::Activation(activation.to_f64()),
            network::Layer::BatchNorm(ref norm) => {
                Layer::BatchNorm(BatchNorm { gamma: wide(&norm.gamma), beta: wide(&norm.beta) })
            }
            network::Layer::Flatten => Layer::Flatten,
            network::Layer::Dropout { .. } => return None,
        })
    }
}

impl<T: Float> Layer<T> {
    /// The output shape of the layer.
    pub fn output(&self, input: Shape) -> Shape {
        match self {
            Layer::Dense(dense) => Shape::Features(dense.outputs),
            Layer::Conv2d(conv) => Shape::Image(conv.output(image(input))),
            Layer::MaxPool(windows) | Layer::AveragePool(windows) => {
                Shape::Image(pool::output(*windows, image(input)))
            }
            Layer::Activation(_) | Layer::BatchNorm(_) => input,
            Layer::Flatten => input.flat(),
        }
    }

    /// The output for a batch.
    ///
    /// # Shapes
    /// `x` is (B, …) with examples of shape `input`.
    pub fn forward(&self, input: Shape, x: &[T]) -> Vec<T> {
        match self {
            Layer::Dense(dense) => dense.forward(x),
            Layer::Conv2d(conv) => conv.forward(image(input), x),
            Layer::MaxPool(windows) => max_forward(*windows, image(input), x),
            Layer::AveragePool(windows) => average_forward(*windows, image(input), x),
            Layer::Activation(activation) => x.iter().map(|&z| activation.value(z)).collect(),
            Layer::BatchNorm(norm) => norm.forward(x),
            Layer::Flatten => x.to_vec(),
        }
    }

    /// The gradients with respect to x and the parameters: W and b, or γ and β. Empty for layers without parameters.
    ///
    /// # Shapes
    /// `x` is (B, …) with examples of shape `input`, `dy` has the shape of the output.
    pub fn backward(&self, input: Shape, x: &[T], dy: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
        let dx = match self {
            Layer::Dense(dense) => return dense.backward(x, dy),
            Layer::Conv2d(conv) => return conv.backward(image(input), x, dy),
            Layer::BatchNorm(norm) => return norm.backward(x, dy),
            Layer::MaxPool(windows) => max_backward(*windows, image(input), x, dy),
            Layer::AveragePool(windows) => average_backward(*windows, image(input), x.len(), dy),
            Layer::Activation(activation) => {
                x.iter().zip(dy).map(|(&z, &dy)| dy * activation.derivative(z)).collect()
            }
            Layer::Flatten => dy.to_vec(),
        };
        (dx, Vec::new(), Vec::new())
    }

    /// Whether the layer has parameters.
    pub fn learns(&self) -> bool {
        matches!(self, Layer::Dense(_) | Layer::Conv2d(_) | Layer::BatchNorm(_))
    }

    /// The weight matrix, which is regularised; empty if the layer has none.
    pub fn matrix(&self) -> &[T] {
        match self {
            Layer::Dense(Dense { w, .. }) | Layer::Conv2d(Conv2d { w, .. }) => w,
            _ => &[],
        }
    }
}
