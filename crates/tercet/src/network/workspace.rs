//! The buffers of a forward and a backward pass.

use super::Network;
use super::batch_norm::Statistics;
use super::conv2d::Rooms;
use super::zeros::Zeros;

/// Everything that a pass computes on the way. It belongs to the caller, grows to what the network and the batch
/// need at the first pass, and is overwritten by the next: what it held before never matters.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The output of each layer, (B, outputs); empty where it was not kept.
    pub(super) outputs: Vec<Vec<f32>>,
    /// The gradient of the loss by the values between two layers, and the one being computed from it.
    pub(super) flowing: Vec<f32>,
    pub(super) flowing_next: Vec<f32>,
    pub(super) gradients: Vec<Gradient>,
    /// What each layer keeps for the way back, beside its output.
    pub(super) kept: Vec<Kept>,
    /// What is known of the zeros of the gradient that flows back through a layer.
    pub(super) flowing_zeros: Zeros,
    /// The transpose of a layer's weights.
    pub(super) turned: Vec<f32>,
}

/// What a layer keeps for the way back. Most have no use for most of it, and leave it empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// What a dense layer knows of the zeros in its input.
    pub(super) zeros: Zeros,
    /// Which value of its window pooling has taken, or which units dropout has let stay.
    pub(super) places: Vec<u8>,
    /// What a batch norm has seen of its batch.
    pub(super) statistics: Statistics,
    /// What the passes of a convolution write down on their way.
    pub(super) rooms: Rooms,
}

/// The gradient of the loss by a layer's parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradient {
    /// By W, (inputs, outputs), or by γ of a batch norm, (channels).
    pub dw: Vec<f32>,
    /// By b, (outputs), or by β.
    pub db: Vec<f32>,
}

impl Workspace {
    /// An empty workspace, for any network.
    pub fn new() -> Self {
        Workspace::default()
    }

    /// The output of a layer in the last forward pass, (B, outputs): `hidden` of the lecture is the output of
    /// layer 1, the ReLU behind the first dense layer.
    ///
    /// It is empty for a layer whose output was not kept: flattening moves no number, and layers that are computed
    /// together with those behind them leave only what comes out in the end.
    pub fn output(&self, layer: usize) -> &[f32] {
        &self.outputs[layer]
    }

    /// The output of a layer, or that of the layers which it was computed together with.
    pub(crate) fn output_behind(&self, layer: usize) -> &[f32] {
        self.outputs[layer..].iter().find(|output| !output.is_empty()).map_or(&[], |output| output)
    }

    /// The gradients of the last backward pass, one for each layer that learns, first to last: dense,
    /// convolutional, batch norm.
    pub fn gradients(&self) -> &[Gradient] {
        &self.gradients
    }

    /// The same, to be scaled before the step.
    pub(crate) fn gradients_mut(&mut self) -> &mut [Gradient] {
        &mut self.gradients
    }

    /// Room for the output of a dense first layer that is worked at elsewhere.
    pub(crate) fn first_output(&mut self, network: &Network, examples: usize) -> &mut [f32] {
        self.prepare(network);
        let width = network.shapes.first().map_or(0, |shape| shape.values());
        self.outputs[0].resize(examples * width, 0.0);
        &mut self.outputs[0]
    }

    /// The gradient by that output, and the gradients of all layers.
    pub(crate) fn first_output_gradient(&mut self) -> (&[f32], &mut [Gradient]) {
        (&self.flowing, &mut self.gradients)
    }

    /// Fills every buffer with the same byte. A pass must give equal results whatever was there before, and the
    /// tests hold it to that.
    pub fn poison(&mut self, byte: u8) {
        let value = f32::from_bits(u32::from_ne_bytes([byte; 4]));
        let gradients = self.gradients.iter_mut().flat_map(|g| [&mut g.dw, &mut g.db]);
        for buffer in
            self.outputs.iter_mut().chain([&mut self.flowing, &mut self.flowing_next]).chain(gradients)
        {
            buffer.fill(value);
        }
        self.turned.fill(value);
        for kept in &mut self.kept {
            kept.places.fill(byte);
            kept.statistics.poison(value);
            kept.rooms.poison(value);
        }
    }

    /// Makes room for what comes out of a network's layers.
    pub(super) fn prepare(&mut self, network: &Network) {
        self.outputs.resize_with(network.layers.len(), Vec::new);
        self.kept.resize_with(network.layers.len(), Kept::default);
    }

    /// Makes room for the gradients of a network's layers.
    pub(super) fn prepare_gradients(&mut self, network: &Network) {
        self.gradients.resize_with(network.learning().count(), Gradient::default);
        for (parameters, gradient) in network.learning().zip(&mut self.gradients) {
            gradient.dw.resize(parameters.w.len(), 0.0);
            gradient.db.resize(parameters.b.len(), 0.0);
        }
    }
}
