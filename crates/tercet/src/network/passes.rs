//! The forward and backward passes.

use std::ops::Range;

use tercet_kernels::pooling::Window;

use super::conv2d::Epilogue;
use super::dropout::Rate;
use super::fusion::Block;
use super::parameters::squares;
use super::pool;
use super::workspace::Saved;
use super::{Activation, Dropout, Gradient, Input, Layer, Network, Pool, Shape, Workspace};
use crate::image::ImageShape;
use crate::loss::{Loss, Objective};

/// The mode of a forward pass.
pub(crate) enum Mode<'a> {
    /// Batch norms use their running statistics, and nothing is dropped.
    Eval,
    /// Batch norms use the statistics of the batch, and units are dropped if there is a `Dropout`.
    Train(Option<&'a mut Dropout>),
}

impl Network {
    /// The forward pass in evaluation mode: the scores of a batch. The workspace keeps every layer's output.
    ///
    /// # Shapes
    /// `x` is (B, D), the scores are (B, C).
    ///
    /// # Panics
    /// If `x` does not hold whole rows.
    pub fn forward<'w>(&self, x: &[f32], workspace: &'w mut Workspace) -> &'w [f32] {
        self.forward_from(Input::Dense(x), Mode::Eval, workspace)
    }

    /// The forward pass from an input that may be sparse.
    pub(crate) fn forward_from<'w>(
        &self,
        x: Input<'_>,
        mut mode: Mode<'_>,
        workspace: &'w mut Workspace,
    ) -> &'w [f32] {
        workspace.prepare(self);
        self.forward_blocks(0, x, x.examples(self.inputs()), &mut mode, workspace)
    }

    /// The forward pass from block `first` on. The input of block 0 is `x`; that of a later block is in the workspace.
    fn forward_blocks<'w>(
        &self,
        first: usize,
        x: Input<'_>,
        examples: usize,
        mode: &mut Mode<'_>,
        workspace: &'w mut Workspace,
    ) -> &'w [f32] {
        let Workspace { outputs, saved, .. } = workspace;
        let blocks = match &mode {
            Mode::Train(Some(dropout)) => self.blocks_of(Some(&**dropout)),
            _ => self.blocks_of(None),
        };
        for block in &blocks[first..] {
            // Another pass may have kept outputs that this one does not.
            outputs[block.first..block.last].iter_mut().for_each(Vec::clear);
            let (before, rest) = outputs.split_at_mut(block.last);
            let input = block.input.map_or(x, |i| Input::Dense(&before[i]));
            let output = &mut rest[0];
            output.resize(examples * self.shapes[block.last].values(), 0.0);
            self.forward_block(block, input, mode, &mut saved[block.last], output);
        }
        let last = blocks.last().map_or(0, |block| block.last);
        &workspace.outputs[last]
    }

    /// The blocks of a pass.
    fn blocks_of(&self, dropout: Option<&Dropout>) -> &[Block] {
        match dropout.and_then(Dropout::of_activations) {
            Some(_) => &self.blocks_with_dropout,
            None => &self.blocks,
        }
    }

    fn forward_block(
        &self,
        block: &Block,
        input: Input<'_>,
        mode: &mut Mode<'_>,
        saved: &mut Saved,
        output: &mut [f32],
    ) {
        let layer = &self.layers[block.first];
        match layer {
            Layer::Dense(dense) => dense.forward(input, &mut saved.sparsity, output),
            Layer::Conv2d(conv) => {
                let shape = conv.shape(self.image(block));
                conv.forward(
                    &shape,
                    block.epilogue,
                    input.dense(),
                    output,
                    &mut saved.argmax,
                    &mut saved.conv_buffers,
                );
            }
            Layer::MaxPool(windows) => {
                saved.argmax.resize(output.len(), 0);
                pool::forward_max(&self.window(block, *windows), input.dense(), output, &mut saved.argmax);
            }
            Layer::AveragePool(windows) => {
                pool::forward_average(&self.window(block, *windows), input.dense(), output);
            }
            Layer::Activation(activation) => activation.forward(input.dense(), output),
            Layer::Dropout { p } => {
                output.copy_from_slice(input.dense());
                if let Mode::Train(Some(dropout)) = mode {
                    saved.mask.resize(output.len(), 0);
                    dropout.drop_with_mask(Rate::new(*p), output, &mut saved.mask);
                }
            }
            Layer::BatchNorm(norm) => {
                let (x, relu) = (input.dense(), block.epilogue == Epilogue::Relu);
                match mode {
                    Mode::Eval => norm.forward(x, relu, output),
                    Mode::Train(_) => norm.forward_in_training(x, relu, &mut saved.statistics, output),
                }
            }
            Layer::Flatten => unreachable!("no block begins with a layer that does nothing"),
        }
        let Mode::Train(Some(dropout)) = mode else { return };
        match (dropout.of_activations(), &self.layers[block.last]) {
            (Some(rate), Layer::Activation(Activation::Relu)) => dropout.drop(rate, output),
            (Some(rate), layer) if layer.spec().is_activation() => {
                saved.mask.resize(output.len(), 0);
                dropout.drop_with_mask(rate, output, &mut saved.mask);
            }
            _ => {}
        }
    }

    /// The mean loss of a batch, regularisation included, and its gradients with respect to all parameters:
    ///
    /// ```text
    /// L = 1/B · Σ_b L_b + reg · Σ W²        over the weight matrices, biases left out
    /// ```
    ///
    /// The gradients are in [`Workspace::gradients`] afterwards. Batch norms use the statistics of the batch; dropout
    /// layers drop nothing.
    ///
    /// # Shapes
    /// `x` is (B, D), `labels` is (B).
    ///
    /// # Panics
    /// If the shapes do not fit or the batch is empty.
    pub fn loss_and_gradients(
        &self,
        x: &[f32],
        labels: &[u32],
        loss: Loss,
        reg: f32,
        workspace: &mut Workspace,
    ) -> f32 {
        self.objective_and_gradients(x, labels, loss.into(), reg, None, workspace)
    }

    /// The same for a loss with label smoothing or sample weights, and with dropout.
    ///
    /// # Shapes
    /// `x` is (B, D), `labels` and the weights are (B).
    ///
    /// # Panics
    /// If the shapes do not fit or the batch is empty.
    pub fn objective_and_gradients(
        &self,
        x: &[f32],
        labels: &[u32],
        objective: Objective<'_>,
        reg: f32,
        dropout: Option<&mut Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        let data_loss =
            self.data_loss_and_gradients(Input::Dense(x), labels, objective, 0, dropout, workspace);
        regularized(data_loss, reg, self.regularize(reg, 0, workspace.gradients_mut()))
    }

    /// Adds the gradient of the regularisation, `2 · reg · W`, to the gradients of a batch. Returns Σ W², or 0 if `reg`
    /// is 0. The first `frozen` trainable layers are skipped.
    pub(crate) fn regularize(&self, reg: f32, frozen: usize, gradients: &mut [Gradient]) -> f64 {
        if reg == 0.0 {
            return 0.0;
        }
        let learning = self.trainable().zip(gradients).skip(frozen);
        let matrices = learning.filter(|(parameters, _)| parameters.is_matrix);
        matrices
            .map(|(parameters, gradient)| {
                gradient.dw.iter_mut().zip(parameters.w).for_each(|(dw, w)| *dw += 2.0 * reg * w);
                squares(parameters.w)
            })
            .sum()
    }

    /// The mean loss of a batch and its gradients, without the regularisation, from an input that may be sparse. The
    /// first `frozen` trainable layers get no gradients.
    pub(crate) fn data_loss_and_gradients(
        &self,
        x: Input<'_>,
        labels: &[u32],
        objective: Objective<'_>,
        frozen: usize,
        mut dropout: Option<&mut Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        self.forward_from(x, Mode::Train(dropout.as_deref_mut()), workspace);
        // The gradient with respect to the input of the first trained layer is not needed.
        let blocks = self.blocks_of(dropout.as_deref());
        let learns = |block: &Block| block.gradient.is_some_and(|gradient| gradient >= frozen);
        let first = blocks.iter().position(learns).unwrap_or(blocks.len());
        self.loss_and_backward(first..first + 1, x, labels, objective, dropout.as_deref(), workspace)
    }

    /// The same for a dense first layer that is computed elsewhere and whose output is in the workspace
    /// ([`Workspace::first_output`]). Afterwards the workspace has the gradient with respect to that output
    /// ([`Workspace::first_output_gradient`]) and the parameter gradients of all layers except the first.
    pub(crate) fn data_loss_and_gradients_after_first(
        &self,
        labels: &[u32],
        objective: Objective<'_>,
        mut dropout: Option<&mut Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        let nothing = Input::Dense(&[]);
        let mode = &mut Mode::Train(dropout.as_deref_mut());
        self.forward_blocks(1, nothing, labels.len(), mode, workspace);
        self.loss_and_backward(1..1, nothing, labels, objective, dropout.as_deref(), workspace)
    }

    /// The loss of the scores in the workspace, and the backward pass from the last block down to the first of `range`.
    /// Blocks after the end of the range compute a gradient with respect to their input.
    fn loss_and_backward(
        &self,
        first: Range<usize>,
        x: Input<'_>,
        labels: &[u32],
        objective: Objective<'_>,
        dropout: Option<&Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        workspace.prepare_gradients(self);
        let blocks = self.blocks_of(dropout);
        let scores = &workspace.outputs[blocks.last().map_or(0, |block| block.last)];
        workspace.upstream.resize(scores.len(), 0.0);
        let data_loss = objective.loss_and_gradient(scores, labels, &mut workspace.upstream);
        for (i, block) in blocks.iter().enumerate().skip(first.start).rev() {
            self.backward_block(block, x, labels.len(), i >= first.end, dropout, workspace);
        }
        data_loss
    }

    /// The backward pass through a block. The upstream gradient, with respect to its output, becomes the one with
    /// respect to its input if `needs_input_grad`.
    fn backward_block(
        &self,
        block: &Block,
        x: Input<'_>,
        examples: usize,
        needs_input_grad: bool,
        dropout: Option<&Dropout>,
        workspace: &mut Workspace,
    ) {
        let Workspace { outputs, saved, gradients, factors, .. } = workspace;
        let (upstream, next) = (&mut workspace.upstream, &mut workspace.upstream_next);
        let sparsity = &mut workspace.upstream_sparsity;
        let input = block.input.map_or(x, |i| Input::Dense(&outputs[i]));
        let (output, saved) = (&outputs[block.last], &mut saved[block.last]);
        self.backward_fused(block, dropout, output, &saved.mask, upstream);
        let len = examples * block.input.map_or(self.inputs(), |i| self.shapes[i].values());
        match &self.layers[block.first] {
            Layer::Dense(dense) => {
                let number = block.gradient.expect("a dense layer learns");
                let (gradient, keeps_factors) = (&mut gradients[number], factors[number].is_some());
                dense.backward_parameters(input, &mut saved.sparsity, upstream, keeps_factors, gradient);
                if needs_input_grad {
                    out_of_place(upstream, next, len, |dz, dx| dense.backward_input(dz, sparsity, dx));
                }
                if keeps_factors {
                    std::mem::swap(if needs_input_grad { next } else { upstream }, &mut saved.dz);
                }
            }
            Layer::Conv2d(conv) => {
                let gradient = &mut gradients[block.gradient.expect("a convolution learns")];
                let (x, shape, epilogue) = (input.dense(), conv.shape(self.image(block)), block.epilogue);
                let Saved { argmax, conv_buffers: buffers, .. } = saved;
                conv.backward_parameters(&shape, epilogue, x, upstream, argmax, gradient, buffers);
                if needs_input_grad {
                    out_of_place(upstream, next, len, |dy, dx| {
                        conv.backward_input(&shape, epilogue, dy, argmax, dx, buffers)
                    });
                }
            }
            Layer::MaxPool(pool) => {
                let (window, argmax) = (self.window(block, *pool), &saved.argmax);
                out_of_place(upstream, next, len, |dy, dx| pool::backward_max(&window, argmax, dy, dx));
            }
            Layer::AveragePool(pool) => {
                let window = self.window(block, *pool);
                out_of_place(upstream, next, len, |dy, dx| pool::backward_average(&window, dy, dx));
            }
            Layer::Activation(activation) => activation.backward(input.dense(), upstream),
            Layer::Dropout { p } if dropout.is_some() => Rate::new(*p).backward(&saved.mask, upstream),
            Layer::Dropout { .. } => {}
            Layer::BatchNorm(norm) => {
                let Gradient { dw, db } = &mut gradients[block.gradient.expect("a batch norm learns")];
                let (x, relu) = (input.dense(), block.epilogue == Epilogue::Relu);
                norm.backward(x, relu, &mut saved.statistics, upstream, dw, db);
            }
            Layer::Flatten => unreachable!("no block begins with a layer that does nothing"),
        }
    }

    /// The backward pass through what is fused with the first layer of a block: the ReLU of a convolution, and the
    /// dropout of a hidden activation.
    fn backward_fused(
        &self,
        block: &Block,
        dropout: Option<&Dropout>,
        output: &[f32],
        mask: &[u8],
        upstream: &mut [f32],
    ) {
        match (dropout.and_then(Dropout::of_activations), &self.layers[block.last]) {
            (Some(rate), Layer::Activation(Activation::Relu)) => rate.backward_of_relu(output, upstream),
            (Some(rate), layer) if layer.spec().is_activation() => rate.backward(mask, upstream),
            _ => {}
        }
        if let (Layer::Conv2d(_), Epilogue::Relu) = (&self.layers[block.first], block.epilogue) {
            Activation::Relu.backward(output, upstream);
        }
    }

    /// Updates the running statistics of the batch norms with those of the last batch.
    pub(crate) fn update_running_stats(&mut self, workspace: &Workspace) {
        for block in &self.blocks {
            if let Layer::BatchNorm(norm) = &mut self.layers[block.first] {
                norm.update_running_stats(&workspace.saved[block.last].statistics);
            }
        }
    }

    /// Copies the running statistics from another network with the same layers.
    pub(crate) fn copy_running_stats(&mut self, other: &Network) {
        for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
            if let (Layer::BatchNorm(norm), Layer::BatchNorm(other)) = (layer, other) {
                norm.mean.copy_from_slice(&other.mean);
                norm.variance.copy_from_slice(&other.variance);
            }
        }
    }

    /// The input image of a block.
    fn image(&self, block: &Block) -> ImageShape {
        match block.input.map_or(self.input, |i| self.shapes[i]) {
            Shape::Image(image) => image,
            Shape::Features(_) => {
                unreachable!("a network is made of layers that images reach where they must")
            }
        }
    }

    fn window(&self, block: &Block, pool: Pool) -> Window {
        let ImageShape { height, width, channels } = self.image(block);
        Window { height, width, channels, size: pool.size, stride: pool.stride }
    }
}

/// A backward pass that computes the gradient with respect to the input, `len` numbers, in a second buffer.
fn out_of_place(
    upstream: &mut Vec<f32>,
    next: &mut Vec<f32>,
    len: usize,
    backward: impl FnOnce(&[f32], &mut [f32]),
) {
    next.resize(len, 0.0);
    backward(upstream, next);
    std::mem::swap(upstream, next);
}

/// The loss of a batch with its regularisation, from Σ W². With `reg` = 0, non-finite weights do not affect it.
pub(crate) fn regularized(data_loss: f32, reg: f32, squares: f64) -> f32 {
    match reg {
        0.0 => data_loss,
        _ => (f64::from(data_loss) + f64::from(reg) * squares) as f32,
    }
}
