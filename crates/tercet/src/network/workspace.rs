//! The buffers of a forward and a backward pass.

use super::batch_norm::BatchStatistics;
use super::conv2d::ConvBuffers;
use super::dense::Factors;
use super::sparsity::Sparsity;
use super::{Input, Layer, Network};

/// Everything that a pass computes on the way. It belongs to the caller, grows to what the network and the batch
/// need at the first pass, and is overwritten by the next: what it held before never matters.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The output of each layer, (B, outputs); empty where it was not kept.
    pub(super) outputs: Vec<Vec<f32>>,
    /// The gradient of the loss by the values between two layers, and the one being computed from it.
    pub(super) upstream: Vec<f32>,
    pub(super) upstream_next: Vec<f32>,
    pub(super) gradients: Vec<Gradient>,
    /// What each layer keeps for the way back, beside its output.
    pub(super) saved: Vec<Saved>,
    /// What is known of the zeros of the gradient that flows back through a layer.
    pub(super) upstream_sparsity: Sparsity,
    /// Whether the weight gradients of large dense layers stay products that are not multiplied out, and where their factors
    /// are: one place for each layer that learns.
    pub(super) keeps_factors: bool,
    pub(super) factors: Vec<Option<FactorsAt>>,
}

/// Where the factors of a dense layer's weight gradient are.
#[derive(Clone, Copy, Debug)]
pub(super) struct FactorsAt {
    /// The layer whose output is the input; the batch itself where there is none.
    pub(super) input: Option<usize>,
    /// What keeps the gradient by its output.
    pub(super) saved: usize,
    /// The shape of the weights.
    pub(super) weights: (usize, usize),
}

/// What a layer keeps for the way back. Most have no use for most of it, and leave it empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    /// What a dense layer knows of the zeros in its input.
    pub(super) sparsity: Sparsity,
    /// The gradient by what comes out of a dense layer, where that and the input are kept in the place of the weight gradient.
    pub(super) dz: Vec<f32>,
    /// The index within its window of each maximum that pooling took.
    pub(super) argmax: Vec<u8>,
    /// Which units dropout kept.
    pub(super) mask: Vec<u8>,
    /// What a batch norm has seen of its batch.
    pub(super) statistics: BatchStatistics,
    /// What the passes of a convolution write down on their way.
    pub(super) conv_buffers: ConvBuffers,
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

    /// The same for a training whose steps take the weight gradients of large dense layers as [`Factors`].
    pub(crate) fn keeping_factors() -> Self {
        Workspace { keeps_factors: true, ..Workspace::default() }
    }

    /// The factors of the weight gradient number `gradient`, from the last backward pass, for the batch `x`; none where the
    /// gradient itself is there.
    pub(crate) fn factors<'a>(&'a self, gradient: usize, x: Input<'a>) -> Option<Factors<'a>> {
        let at = (*self.factors.get(gradient)?)?;
        let input = at.input.map_or(x, |i| Input::Dense(&self.outputs[i]));
        let Saved { sparsity, dz, .. } = &self.saved[at.saved];
        Some(Factors::new(input, sparsity, dz, at.weights))
    }

    /// The gradients, to be given back.
    pub(crate) fn take_gradients(&mut self) -> Vec<Gradient> {
        std::mem::take(&mut self.gradients)
    }

    /// The gradients that were taken.
    pub(crate) fn restore_gradients(&mut self, gradients: Vec<Gradient>) {
        self.gradients = gradients;
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
    pub(crate) fn fused_output(&self, layer: usize) -> &[f32] {
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
        (&self.upstream, &mut self.gradients)
    }

    /// Fills every buffer with the same byte. A pass must give equal results whatever was there before, and the
    /// tests hold it to that.
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

    /// Makes room for what comes out of a network's layers.
    pub(super) fn prepare(&mut self, network: &Network) {
        self.outputs.resize_with(network.layers.len(), Vec::new);
        self.saved.resize_with(network.layers.len(), Saved::default);
    }

    /// Makes room for the gradients of a network's layers.
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
