//! The buffers of a forward and a backward pass.

use super::batch_norm::BatchStatistics;
use super::conv2d::ConvBuffers;
use super::dense::Factors;
use super::sparsity::Sparsity;
use super::{Input, Layer, Network};

/// Everything that a pass computes along the way. It belongs to the caller, grows to the required size in the first
/// pass, and is overwritten by the next: its previous contents never matter.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The output of each layer, (B, outputs); empty if it was not kept.
    pub(super) outputs: Vec<Vec<f32>>,
    /// The gradient of the loss with respect to the values between two layers, and the one being computed from it.
    pub(super) upstream: Vec<f32>,
    pub(super) upstream_next: Vec<f32>,
    pub(super) gradients: Vec<Gradient>,
    /// What each layer saves for the backward pass, besides its output.
    pub(super) saved: Vec<Saved>,
    /// The sparsity of the upstream gradient.
    pub(super) upstream_sparsity: Sparsity,
    /// Whether the weight gradients of large dense layers are kept as factors instead of being multiplied out, and
    /// where their factors are: one entry for each trainable layer.
    pub(super) keeps_factors: bool,
    pub(super) factors: Vec<Option<FactorsAt>>,
}

/// Where to find the factors of a dense layer's weight gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct FactorsAt {
    /// The layer whose output is the input; `None` for the batch itself.
    pub(super) input: Option<usize>,
    /// The index of the `Saved` that has the gradient with respect to its output.
    pub(super) saved: usize,
    /// The shape of the weights.
    pub(super) weights: (usize, usize),
}

/// What a layer saves for the backward pass. Most layers leave most fields empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    /// The sparsity of a dense layer's input.
    pub(super) sparsity: Sparsity,
    /// The gradient with respect to the output of a dense layer, if it and the input are kept instead of the weight
    /// gradient.
    pub(super) dz: Vec<f32>,
    /// The index of the maximum within each pooling window.
    pub(super) argmax: Vec<u8>,
    /// Which units dropout kept.
    pub(super) mask: Vec<u8>,
    /// The batch statistics of a batch norm.
    pub(super) statistics: BatchStatistics,
    /// The scratch buffers of a convolution.
    pub(super) conv_buffers: ConvBuffers,
}

/// The gradient of the loss with respect to a layer's parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradient {
    /// With respect to W, (inputs, outputs), or to γ of a batch norm, (channels).
    pub dw: Vec<f32>,
    /// With respect to b, (outputs), or to β.
    pub db: Vec<f32>,
}

impl Workspace {
    /// An empty workspace, for any network.
    pub fn new() -> Self {
        Workspace::default()
    }

    /// A workspace for training in which the optimizer takes the weight gradients of large dense layers as [`Factors`].
    pub(crate) fn keeping_factors() -> Self {
        Workspace { keeps_factors: true, ..Workspace::default() }
    }

    /// The factors of weight gradient number `gradient` from the last backward pass, for the batch `x`; `None` if the
    /// gradient itself was computed.
    pub(crate) fn factors<'a>(&'a self, gradient: usize, x: Input<'a>) -> Option<Factors<'a>> {
        let at = (*self.factors.get(gradient)?)?;
        let input = at.input.map_or(x, |i| Input::Dense(&self.outputs[i]));
        let Saved { sparsity, dz, .. } = &self.saved[at.saved];
        Some(Factors::new(input, sparsity, dz, at.weights))
    }

    /// Moves the gradients out, until [`restore_gradients`](Workspace::restore_gradients).
    pub(crate) fn take_gradients(&mut self) -> Vec<Gradient> {
        std::mem::take(&mut self.gradients)
    }

    /// Puts the gradients back.
    pub(crate) fn restore_gradients(&mut self, gradients: Vec<Gradient>) {
        self.gradients = gradients;
    }

    /// The output of a layer in the last forward pass, (B, outputs): the lecture's `hidden` is the output of layer 1,
    /// the ReLU after the first dense layer.
    ///
    /// It is empty for a layer whose output was not kept: flattening moves no data, and of layers that are fused, only
    /// the output of the last one is stored.
    pub fn output(&self, layer: usize) -> &[f32] {
        &self.outputs[layer]
    }

    /// The output of a layer, or that of the fused block it belongs to.
    pub(crate) fn fused_output(&self, layer: usize) -> &[f32] {
        self.outputs[layer..].iter().find(|output| !output.is_empty()).map_or(&[], |output| output)
    }

    /// The gradients of the last backward pass, one for each trainable layer (dense, convolutional, batch norm), first
    /// to last.
    pub fn gradients(&self) -> &[Gradient] {
        &self.gradients
    }

    /// The same, mutable, to be scaled before the optimizer step.
    pub(crate) fn gradients_mut(&mut self) -> &mut [Gradient] {
        &mut self.gradients
    }

    /// The buffer for the output of a dense first layer that is computed elsewhere.
    pub(crate) fn first_output(&mut self, network: &Network, examples: usize) -> &mut [f32] {
        self.prepare(network);
        let width = network.shapes.first().map_or(0, |shape| shape.values());
        self.outputs[0].resize(examples * width, 0.0);
        &mut self.outputs[0]
    }

    /// The gradient with respect to that output, and the gradients of all layers.
    pub(crate) fn first_output_gradient(&mut self) -> (&[f32], &mut [Gradient]) {
        (&self.upstream, &mut self.gradients)
    }

    /// Fills every buffer with the same byte. A pass must give the same results regardless of the previous contents;
    /// the tests check this.
    pub fn poison(&mut self, byte: u8) {
        let value = f32::from_bits(u32::from_ne_bytes([byte; 4]));
        let gradients = self.gradients.iter_mut().flat_map(|g| [&mut g.dw, &mut g.db]);
        for buffer in
            self.outputs.iter_mut().chain([&mut self.upstream, &mut self.upstream_next]).chain(gradients)
        {
            buffer.fill(value);
        }
        for saved in &mut self.saved {
            saved.dz.fill(value);
            saved.argmax.fill(byte);
            saved.mask.fill(byte);
            saved.statistics.poison(value);
            saved.conv_buffers.poison(value);
        }
    }

    /// Resizes the buffers for the outputs of a network's layers.
    pub(super) fn prepare(&mut self, network: &Network) {
        self.outputs.resize_with(network.layers.len(), Vec::new);
        self.saved.resize_with(network.layers.len(), Saved::default);
    }

    /// Resizes the buffers for the gradients of a network's layers.
    pub(super) fn prepare_gradients(&mut self, network: &Network) {
        let count = network.trainable().count();
        self.gradients.resize_with(count, Gradient::default);
        self.factors.resize(count, None);
        for block in &network.blocks {
            let Some(number) = block.gradient else { continue };
            let (layer, gradient) = (&network.layers[block.first], &mut self.gradients[number]);
            let parameters = layer.parameters().expect("a layer with a gradient has parameters");
            gradient.db.resize(parameters.b.len(), 0.0);
            match layer {
                Layer::Dense(dense) if self.keeps_factors && dense.is_large() => {
                    let weights = (dense.inputs, dense.outputs);
                    self.factors[number] = Some(FactorsAt { input: block.input, saved: block.last, weights });
                }
                _ => gradient.dw.resize(parameters.w.len(), 0.0),
            }
        }
    }
}
