//! Layers as ONNX operators, between which images are (batch, channels, height, width).

use super::onnx::{Attribute, Element, Graph};
use crate::Result;
use crate::image::ImageShape;
use crate::network::{Activation, BatchNorm, Conv2d, EPSILON, Layer, Network, Pool, Shape};

/// Adds the layers to a graph, from its input to `scores`.
pub(super) fn write(graph: &mut Graph, network: &Network, input: &str, pixels: bool) -> Result<()> {
    let mut x = input.to_owned();
    if pixels {
        x = graph.cast(&x, Element::Float);
        let most = graph.floats("most", &[], &[255.0]);
        x = graph.node("Div", &[&x, &most], &[]);
    }
    let mut shape = network.input();
    if let Shape::Image(ImageShape { width, height, channels }) = shape {
        let shape = graph.ints("shape", &[4], &[-1, height as i64, width as i64, channels as i64]);
        x = graph.node("Reshape", &[&x, &shape], &[]);
        x = graph.node("Transpose", &[&x], &[Attribute::Ints("perm", &[0, 3, 1, 2])]);
    }
    for (layer, &after) in network.layers().iter().zip(network.shapes()) {
        x = match layer {
            Layer::Dense(dense) => {
                let w = graph.floats("w", &[dense.inputs, dense.outputs], &dense.w);
                let b = graph.floats("b", &[dense.outputs], &dense.b);
                graph.node("Gemm", &[&x, &w, &b], &[])
            }
            Layer::Conv2d(conv) => convolution(graph, &x, conv),
            Layer::MaxPool(pool) => pooled(graph, "MaxPool", &x, pool),
            Layer::AveragePool(pool) => pooled(graph, "AveragePool", &x, pool),
            Layer::Activation(function) => activation(graph, &x, *function),
            // Nothing is dropped in prediction.
            Layer::Dropout { .. } => x,
            Layer::BatchNorm(norm) => normalised(graph, &x, norm),
            Layer::Flatten => flat(graph, &x, shape),
        };
        shape = after;
    }
    graph.named_node("Identity", &[&x], &["scores"], &[]);
    Ok(())
}

/// W is (kernel_height · kernel_width · channels, filters) in this crate and (filters, channels, kernel_height,
/// kernel_width) in ONNX.
fn convolution(graph: &mut Graph, x: &str, conv: &Conv2d) -> String {
    let &Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, .. } = conv;
    let mut w = Vec::with_capacity(conv.w.len());
    for filter in 0..filters {
        for channel in 0..channels {
            for place in 0..kernel_height * kernel_width {
                w.push(conv.w[(place * channels + channel) * filters + filter]);
            }
        }
    }
    let w = graph.floats("w", &[filters, channels, kernel_height, kernel_width], &w);
    let b = graph.floats("b", &[filters], &conv.b);
    let attributes = [
        Attribute::Ints("kernel_shape", &[kernel_height, kernel_width]),
        Attribute::Ints("strides", &[stride, stride]),
        Attribute::Ints("pads", &[padding; 4]),
    ];
    graph.node("Conv", &[x, &w, &b], &attributes)
}

fn pooled(graph: &mut Graph, operator: &str, x: &str, pool: &Pool) -> String {
    let attributes =
        [Attribute::Ints("kernel_shape", &[pool.size; 2]), Attribute::Ints("strides", &[pool.stride; 2])];
    graph.node(operator, &[x], &attributes)
}

fn normalised(graph: &mut Graph, x: &str, norm: &BatchNorm) -> String {
    let arrays =
        [("gamma", &norm.gamma), ("beta", &norm.beta), ("mean", &norm.mean), ("variance", &norm.variance)];
    let [gamma, beta, mean, variance] =
        arrays.map(|(name, values)| graph.floats(name, &[values.len()], values));
    let epsilon = [Attribute::Float("epsilon", EPSILON)];
    graph.node("BatchNormalization", &[x, &gamma, &beta, &mean, &variance], &epsilon)
}

fn activation(graph: &mut Graph, x: &str, activation: Activation) -> String {
    match activation {
        Activation::Relu => graph.node("Relu", &[x], &[]),
        Activation::LeakyRelu { slope } => graph.node("LeakyRelu", &[x], &[Attribute::Float("alpha", slope)]),
        Activation::Sigmoid => graph.node("Sigmoid", &[x], &[]),
        Activation::Tanh => graph.node("Tanh", &[x], &[]),
        Activation::Gelu => gelu(graph, x),
        Activation::GeluTanh => gelu_tanh(graph, x),
    }
}

/// ½ x (1 + erf(x / √2)). Version 20 has the operator Gelu, which fewer runtimes support.
fn gelu(graph: &mut Graph, x: &str) -> String {
    let mut number = |value: f32| graph.floats("number", &[], &[value]);
    let [scale, one, half] = [std::f32::consts::FRAC_1_SQRT_2, 1.0, 0.5].map(&mut number);
    let inner = graph.node("Mul", &[x, &scale], &[]);
    let erf = graph.node("Erf", &[&inner], &[]);
    let sum = graph.node("Add", &[&erf, &one], &[]);
    let product = graph.node("Mul", &[x, &sum], &[]);
    graph.node("Mul", &[&product, &half], &[])
}

/// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
fn gelu_tanh(graph: &mut Graph, x: &str) -> String {
    let mut number = |value: f32| graph.floats("number", &[], &[value]);
    let [three, cubic, root, one, half] = [3.0, 0.044_715, 0.797_884_6, 1.0, 0.5].map(&mut number);
    let cube = graph.node("Pow", &[x, &three], &[]);
    let cube = graph.node("Mul", &[&cube, &cubic], &[]);
    let inner = graph.node("Add", &[x, &cube], &[]);
    let inner = graph.node("Mul", &[&inner, &root], &[]);
    let tanh = graph.node("Tanh", &[&inner], &[]);
    let sum = graph.node("Add", &[&tanh, &one], &[]);
    let product = graph.node("Mul", &[x, &sum], &[]);
    graph.node("Mul", &[&product, &half], &[])
}

/// The values of an image in this crate's order: row, column, channel.
fn flat(graph: &mut Graph, x: &str, before: Shape) -> String {
    let mut x = x.to_owned();
    if matches!(before, Shape::Image(_)) {
        x = graph.node("Transpose", &[&x], &[Attribute::Ints("perm", &[0, 2, 3, 1])]);
    }
    let shape = graph.ints("shape", &[2], &[-1, before.values() as i64]);
    graph.node("Reshape", &[&x, &shape], &[])
}
