//! Any layer, and its two directions.

use num_traits::Float;

use super::{BatchNorm, Conv2d, Dense};
use super::{average_backward, average_forward, max_backward, max_forward, pool};
use crate::image::ImageShape;
use crate::network::{self, Activation, Pool, Shape};

/// A layer of a network in training, without dropout.
#[derive(Clone, Debug)]
pub enum Layer<T> {
    /// `z = b + x · w`.
    Dense(Dense<T>),
    /// The same filters at every place.
    Conv2d(Conv2d<T>),
    /// The largest value of each window.
    MaxPool(Pool),
    /// The mean of each window.
    AveragePool(Pool),
    /// A function of each value by itself.
    Activation(Activation<T>),
    /// Every channel to mean 0 and variance 1, then scaled and shifted.
    BatchNorm(BatchNorm<T>),
    /// An image as a list.
    Flatten,
}

fn image(shape: Shape) -> ImageShape {
    match shape {
        Shape::Image(image) => image,
        Shape::Features(count) => panic!("{count} features are no image"),
    }
}

impl Layer<f64> {
    /// The layer of a network in f64, with the same numbers; none for dropout, of which there is no naive form.
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
    /// What an example is behind the layer.
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

    /// What comes out of a batch.
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

    /// The gradients by x, and by what the layer learns: W and b, or γ and β. Empty where it learns nothing.
    ///
    /// # Shapes
    /// `x` is (B, …) with examples of shape `input`, `dy` as what comes out.
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

    /// Whether there is anything to learn.
    pub fn learns(&self) -> bool {
        matches!(self, Layer::Dense(_) | Layer::Conv2d(_) | Layer::BatchNorm(_))
    }

    /// The weight matrix, which is regularised; empty where there is none.
    pub fn matrix(&self) -> &[T] {
        match self {
            Layer::Dense(Dense { w, .. }) | Layer::Conv2d(Conv2d { w, .. }) => w,
            _ => &[],
        }
    }
}
