//! The buffers of a forward and a backward pass.

use super::zeros::Zeros;
use super::{Layer, Network};

/// Everything that a pass computes on the way. It belongs to the caller, grows to what the network and the batch
/// need at the first pass, and is overwritten by the next: what it held before never matters.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The output of each layer, (B, outputs).
    pub(super) outputs: Vec<Vec<f32>>,
    /// The gradient of the loss by the values between two layers, and the one being computed from it.
    pub(super) flowing: Vec<f32>,
    pub(super) flowing_next: Vec<f32>,
    pub(super) gradients: Vec<Gradient>,
    /// What each dense layer knows of the zeros in its input.
    pub(super) zeros: Vec<Zeros>,
    /// The same of the gradient that flows back through a layer.
    pub(super) flowing_zeros: Zeros,
    /// The transpose of a layer's weights.
    pub(super) turned: Vec<f32>,
}

/// The gradient of the loss by a layer's parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradient {
    /// By W, (inputs, outputs).
    pub dw: Vec<f32>,
    /// By b, (outputs).
    pub db: Vec<f32>,
}

impl Workspace {
    /// An empty workspace, for any network.
    pub fn new() -> Self {
        Workspace::default()
    }

    /// The output of a layer in the last forward pass, (B, outputs): `hidden` of the lecture is the output of
    /// layer 1, the ReLU behind the first dense layer.
    pub fn output(&self, layer: usize) -> &[f32] {
        &self.outputs[layer]
    }

    /// The gradients of the last backward pass, one for each dense layer, first to last.
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
        let width = self.widths(network).next().expect("a network has a layer");
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
    }

    /// Makes room for what comes out of a network's layers.
    pub(super) fn prepare(&mut self, network: &Network) {
        self.outputs.resize_with(network.layers.len(), Vec::new);
        self.zeros.resize_with(network.dense_layers().count(), Zeros::default);
    }

    /// Makes room for the gradients of a network's layers.
    pub(super) fn prepare_gradients(&mut self, network: &Network) {
        self.gradients.resize_with(network.dense_layers().count(), Gradient::default);
        for (dense, gradient) in network.dense_layers().zip(&mut self.gradients) {
            gradient.dw.resize(dense.w.len(), 0.0);
            gradient.db.resize(dense.b.len(), 0.0);
        }
    }

    /// How many numbers an example has behind each layer.
    pub(super) fn widths<'n>(&self, network: &'n Network) -> impl Iterator<Item = usize> + use<'n> {
        network.layers.iter().scan(network.inputs(), |width, layer| {
            if let Layer::Dense(dense) = layer {
                *width = dense.outputs;
            }
            Some(*width)
        })
    }
}
