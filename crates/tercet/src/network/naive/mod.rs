//! The network as its formulas state it: plain loops, on f32 or f64. This is the specification that the fast passes are
//! tested against, and short enough to read alongside the lecture.

mod activation;
mod batch_norm;
mod conv2d;
mod dense;
mod layer;
mod pool;

use num_traits::Float;

pub use batch_norm::BatchNorm;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use layer::Layer;
pub use pool::{average_backward, average_forward, max_backward, max_forward};

use super::{Activation, Shape};
use crate::loss::{Loss, naive::loss_and_gradient};

/// The result of [`loss_and_gradients`]: the loss, and dW and db of each layer.
pub type LossAndGradients<T> = (T, Vec<(Vec<T>, Vec<T>)>);

/// The mean loss of a batch through dense layers with ReLU between them, `reg · Σ W²` included, and its gradients dW
/// and db for each layer: `nn_svm_loss` and `nn_svm_grad` of the lecture, for any number of layers.
///
/// # Shapes
/// `x` is (B, D), `labels` is (B).
pub fn loss_and_gradients<T: Float>(
    layers: &[Dense<T>],
    x: &[T],
    labels: &[u32],
    loss: Loss,
    reg: T,
) -> LossAndGradients<T> {
    let mut all = Vec::new();
    for dense in layers {
        if !all.is_empty() {
            all.push(Layer::Activation(Activation::Relu));
        }
        all.push(Layer::Dense(dense.clone()));
    }
    let input = Shape::Features(layers.first().expect("at least one layer").inputs);
    network_loss_and_gradients(&all, input, x, labels, loss, reg)
}

/// The same for any layers: the gradients dW and db of each dense and convolutional layer, dγ and dβ of each batch
/// norm. Batch norms use the statistics of the batch.
///
/// # Shapes
/// `x` is (B, …) with examples of shape `input`, `labels` is (B).
pub fn network_loss_and_gradients<T: Float>(
    layers: &[Layer<T>],
    input: Shape,
    x: &[T],
    labels: &[u32],
    loss: Loss,
    reg: T,
) -> LossAndGradients<T> {
    // Forward pass, keeping the input of each layer.
    let (mut inputs, mut shapes) = (vec![x.to_vec()], vec![input]);
    for (l, layer) in layers.iter().enumerate() {
        let y = layer.forward(shapes[l], &inputs[l]);
        inputs.push(y);
        shapes.push(layer.output(shapes[l]));
    }
    let scores = inputs.last().expect("at least one layer");

    let mut upstream = vec![T::zero(); scores.len()];
    let mut total = loss_and_gradient(loss, scores, labels, &mut upstream);

    // Backward pass, last layer first.
    let mut gradients = Vec::new();
    for (l, layer) in layers.iter().enumerate().rev() {
        let (dx, mut dw, db) = layer.backward(shapes[l], &inputs[l], &upstream);
        for (dw, &w) in dw.iter_mut().zip(layer.matrix()) {
            total = total + reg * w * w;
            *dw = *dw + (reg + reg) * w;
        }
        if layer.learns() {
            gradients.insert(0, (dw, db));
        }
        upstream = dx;
    }
    (total, gradients)
}
