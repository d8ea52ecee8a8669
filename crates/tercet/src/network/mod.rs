//! Networks of layers: `scores = W2 · max(0, W1 · X + b1) + b2`, and deeper ones.
//!
//! A network is a list of layers. The forward pass hands a batch from each to the next; the backward pass hands
//! the gradient of the loss back the same way, each layer computing the gradient of its own parameters and what
//! the layer before it needs (the chain rule). Each layer has its two directions side by side in its own file.
//!
//! The lecture's functions are here under these names:
//!
//! | lecture | here |
//! |---|---|
//! | `nn_forward(params, X)` → scores, hidden | [`Network::forward`], then [`Workspace::output`] for any layer |
//! | `nn_svm_loss(params, X, y, reg)` | [`Network::loss_and_gradients`] |
//! | `nn_svm_grad(params, X, y, scores, hidden, reg)` | the same, into [`Workspace::gradients`] |
//! | `train_nn(params, X, y, …)` | [`train`](crate::train::train) |
//!
//! Nothing is allocated in a pass: activations and gradients live in a [`Workspace`] that belongs to the caller.

pub(crate) mod dense;
mod dropout;
mod init;
mod input;
pub mod naive;
mod relu;
mod workspace;
pub(crate) mod zeros;

use rayon::prelude::*;

pub use dense::Dense;
pub use dropout::Dropout;
pub use init::Init;
pub(crate) use input::{Input, Inputs};
pub use workspace::{Gradient, Workspace};

use crate::data::Dataset;
use crate::loss::{Loss, Objective};
use crate::{Error, Matrix, Result};

/// One layer of a [`Network`].
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `Z = X · W + b`.
    Dense(Dense),
    /// `max(0, Z)`, element by element.
    Relu,
}

/// Layers, one after another.
///
/// ```
/// use tercet::network::{Init, Network};
///
/// // The lecture's two-layer network: 784 inputs, 36 hidden units, 10 classes.
/// let network = Network::fully_connected(784, &[36], 10, Init::Normal(1e-4), 0)?;
/// assert_eq!(network.to_string(), "dense 784 → 36, relu, dense 36 → 10: 28,630 parameters");
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
}

/// The most parameters of a network that is made from sizes: 1 GiB of them, of which training needs a few times as
/// much. A size beyond that is a slip of the hand, and would otherwise end in the memory being refused.
pub const MOST_PARAMETERS: usize = 1 << 28;

/// How many examples are scored at a time outside training.
const SCORING_BATCH: usize = 128;

impl Network {
    /// A network of the given layers.
    ///
    /// # Errors
    /// No dense layer, a parameter array that does not have its shape, or a dense layer whose inputs are not the
    /// outputs of the one before.
    pub fn new(layers: Vec<Layer>) -> Result<Self> {
        let mut reaching: Option<usize> = None;
        for (i, layer) in layers.iter().enumerate() {
            let Layer::Dense(dense) = layer else { continue };
            dense.validate(i + 1)?;
            if let Some(found) = reaching.filter(|&found| found != dense.inputs) {
                let what = format!("values that reach layer {}, {layer}", i + 1);
                return Err(Error::mismatch(what, found, dense.inputs));
            }
            reaching = Some(dense.outputs);
        }
        match reaching {
            Some(_) => Ok(Network { layers }),
            None => Err(Error::mismatch("dense layers of a network", 0, "at least 1")),
        }
    }

    /// A fully connected network: dense layers of the given hidden sizes with ReLU between them, then the dense
    /// layer that gives the scores. Without hidden layers it is the linear classifier.
    ///
    /// # Errors
    /// A size of 0, and initial weights that make no sense.
    pub fn fully_connected(
        inputs: usize,
        hidden: &[usize],
        classes: usize,
        init: Init,
        seed: u64,
    ) -> Result<Self> {
        Network::check_sizes(inputs, hidden, classes)?;
        let sizes = [&[inputs], hidden, &[classes]].concat();
        init.validate()?;
        let mut generator = crate::random::generator(seed, crate::random::Stream::Weights);
        let mut layers = Vec::new();
        for (i, size) in sizes.windows(2).enumerate() {
            if i > 0 {
                layers.push(Layer::Relu);
            }
            layers.push(Layer::Dense(Dense::random(size[0], size[1], init, &mut generator)));
        }
        Network::new(layers)
    }

    /// Refuses sizes that [`fully_connected`](Network::fully_connected) would refuse, before anything is allocated.
    ///
    /// # Errors
    /// A size of 0, and more than [`MOST_PARAMETERS`].
    pub fn check_sizes(inputs: usize, hidden: &[usize], classes: usize) -> Result<()> {
        let sizes = [&[inputs], hidden, &[classes]].concat();
        if sizes.contains(&0) {
            return Err(Error::setting("a layer's size", 0, "at least 1 unit in every layer"));
        }
        let parameters = sizes.windows(2).try_fold(0usize, |sum, size| {
            sum.checked_add(size[0].checked_mul(size[1])?)?.checked_add(size[1])
        });
        if parameters.is_none_or(|parameters| parameters > MOST_PARAMETERS) {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            let most = crate::text::thousands(MOST_PARAMETERS);
            let expected =
                format!("layers of at most {most} parameters together: make the hidden layers smaller");
            return Err(Error::setting("the size of the network", sizes.join("-"), expected));
        }
        Ok(())
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers with parameters, first to last.
    pub fn dense_layers(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            Layer::Relu => None,
        })
    }

    /// The layers with parameters, to be changed. Their shapes must stay.
    pub(crate) fn dense_layers_mut(&mut self) -> impl Iterator<Item = &mut Dense> {
        self.layers.iter_mut().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            Layer::Relu => None,
        })
    }

    /// D, the number of features that go in.
    pub fn inputs(&self) -> usize {
        self.dense_layers().next().expect("a network has a dense layer").inputs
    }

    /// C, the number of scores that come out.
    pub fn classes(&self) -> usize {
        self.dense_layers().last().expect("a network has a dense layer").outputs
    }

    /// How many numbers there are to learn.
    pub fn parameters(&self) -> usize {
        self.dense_layers().map(|dense| dense.w.len() + dense.b.len()).sum()
    }

    /// The forward pass: the scores of a batch. Every layer's output stays in the workspace.
    ///
    /// # Shapes
    /// `x` is (B, D), the scores are (B, C).
    ///
    /// # Panics
    /// Where `x` does not hold whole rows.
    pub fn forward<'w>(&self, x: &[f32], workspace: &'w mut Workspace) -> &'w [f32] {
        self.forward_from(Input::Dense(x), None, workspace)
    }

    /// The forward pass from an input that may be sparse, with hidden units dropped in training.
    pub(crate) fn forward_from<'w>(
        &self,
        x: Input<'_>,
        dropout: Option<&mut Dropout>,
        workspace: &'w mut Workspace,
    ) -> &'w [f32] {
        workspace.prepare(self);
        self.forward_layers(0, x, x.examples(self.inputs()), dropout, workspace)
    }

    /// The forward pass through the layers from number `first` on. What reaches layer 0 is `x`; what reaches a later one
    /// is in the workspace.
    fn forward_layers<'w>(
        &self,
        first: usize,
        x: Input<'_>,
        examples: usize,
        mut dropout: Option<&mut Dropout>,
        workspace: &'w mut Workspace,
    ) -> &'w [f32] {
        let mut widths = workspace.widths(self).skip(first);
        let dense_before =
            self.layers[..first].iter().filter(|layer| matches!(layer, Layer::Dense(_))).count();
        let mut zeros = workspace.zeros.iter_mut().skip(dense_before);
        for (i, layer) in self.layers.iter().enumerate().skip(first) {
            let (done, rest) = workspace.outputs.split_at_mut(i);
            let input = done.last().map_or(x, |input| Input::Dense(input));
            let output = &mut rest[0];
            output.resize(examples * widths.next().expect("one width a layer"), 0.0);
            match layer {
                Layer::Dense(dense) => {
                    dense.forward(input, zeros.next().expect("one a dense layer"), output);
                }
                Layer::Relu => {
                    relu::forward(input.dense(), output);
                    if let Some(dropout) = &mut dropout {
                        dropout.forward(output);
                    }
                }
            }
        }
        workspace.outputs.last().expect("a network has a layer")
    }

    /// The mean loss of a batch, regularisation included, and its gradients by all parameters:
    ///
    /// ```text
    /// L = 1/B · Σ_b L_b + reg · Σ W²        over the weight matrices, biases left out
    /// ```
    ///
    /// The gradients are in [`Workspace::gradients`] afterwards.
    ///
    /// # Shapes
    /// `x` is (B, D), `labels` is (B).
    ///
    /// # Panics
    /// Where the shapes do not fit or the batch is empty.
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

    /// The same for a loss with label smoothing or weights, and with hidden units dropped.
    ///
    /// # Shapes
    /// `x` is (B, D), `labels` and the weights are (B).
    ///
    /// # Panics
    /// Where the shapes do not fit or the batch is empty.
    pub fn objective_and_gradients(
        &self,
        x: &[f32],
        labels: &[u32],
        objective: Objective<'_>,
        reg: f32,
        dropout: Option<&mut Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        let data_loss = self.data_loss_and_gradients(Input::Dense(x), labels, objective, dropout, workspace);
        regularized(data_loss, reg, self.regularize(reg, workspace.gradients_mut()))
    }

    /// Adds the gradient of the regularisation to the gradients of a batch; returns Σ W², or 0 where `reg` is 0.
    pub(crate) fn regularize(&self, reg: f32, gradients: &mut [Gradient]) -> f64 {
        match reg {
            0.0 => 0.0,
            _ => self.dense_layers().zip(gradients).map(|(dense, g)| dense.add_regularization(reg, g)).sum(),
        }
    }

    /// The mean loss of a batch and its gradients, without the regularisation, from an input that may be sparse.
    pub(crate) fn data_loss_and_gradients(
        &self,
        x: Input<'_>,
        labels: &[u32],
        objective: Objective<'_>,
        mut dropout: Option<&mut Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        self.forward_from(x, dropout.as_deref_mut(), workspace);
        workspace.prepare_gradients(self);
        self.loss_and_backward(0, x, labels, objective, dropout.as_deref(), workspace)
    }

    /// The same for a dense first layer that is worked at elsewhere, whose output is in the workspace
    /// ([`Workspace::first_output`]). The gradient by that output is there afterwards
    /// ([`Workspace::first_output_gradient`]), and those of the parameters of all layers but the first.
    pub(crate) fn data_loss_and_gradients_behind_first(
        &self,
        labels: &[u32],
        objective: Objective<'_>,
        mut dropout: Option<&mut Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        self.forward_layers(1, Input::Dense(&[]), labels.len(), dropout.as_deref_mut(), workspace);
        workspace.prepare_gradients(self);
        self.loss_and_backward(1, Input::Dense(&[]), labels, objective, dropout.as_deref(), workspace)
    }

    /// The loss of the scores in the workspace, and back through the layers down to number `first`.
    fn loss_and_backward(
        &self,
        first: usize,
        x: Input<'_>,
        labels: &[u32],
        objective: Objective<'_>,
        dropout: Option<&Dropout>,
        workspace: &mut Workspace,
    ) -> f32 {
        let Workspace { outputs, flowing, flowing_next, gradients, zeros, flowing_zeros, turned } = workspace;
        let scores = outputs.last().expect("a network has a layer");

        flowing.resize(scores.len(), 0.0);
        let data_loss = objective.loss_and_gradient(scores, labels, flowing);

        // Backwards: `flowing` is the gradient by the output of layer i, and becomes the one by its input.
        let mut gradients_left = gradients.iter_mut().zip(zeros).rev();
        for (i, layer) in self.layers.iter().enumerate().skip(first).rev() {
            let input = if i == 0 { x } else { Input::Dense(&outputs[i - 1]) };
            match layer {
                Layer::Dense(dense) => {
                    let (gradient, zeros) = gradients_left.next().expect("one gradient a dense layer");
                    dense.backward_parameters(input, zeros, flowing, gradient);
                    // Nothing asks for the gradient by the pixels.
                    if i > 0 {
                        flowing_next.resize(labels.len() * dense.inputs, 0.0);
                        dense.backward_input(flowing, flowing_zeros, turned, flowing_next);
                        std::mem::swap(flowing, flowing_next);
                    }
                }
                Layer::Relu => {
                    if let Some(dropout) = dropout {
                        dropout.backward(&outputs[i], flowing);
                    }
                    relu::backward(input.dense(), flowing);
                }
            }
        }
        data_loss
    }

    /// The scores of a whole set.
    ///
    /// # Shapes
    /// (N, C).
    ///
    /// # Errors
    /// Examples of another width than the network's inputs.
    pub fn scores(&self, data: &Dataset) -> Result<Matrix> {
        if data.width() != self.inputs() {
            let what = format!("features of an example of {}", data.name());
            return Err(Error::mismatch(
                what,
                data.width(),
                format!("{}, the network's inputs", self.inputs()),
            ));
        }
        let mut scores = Matrix::zeros(data.len(), self.classes());
        scores.values_mut().par_chunks_mut(SCORING_BATCH * self.classes()).enumerate().for_each_init(
            || (Workspace::new(), Inputs::new(self), Vec::new()),
            |(workspace, inputs, rows), (block, scores)| {
                let from = block * SCORING_BATCH;
                rows.clear();
                rows.extend(from..from + scores.len() / self.classes());
                scores.copy_from_slice(self.forward_from(inputs.read(data, rows), None, workspace));
            },
        );
        Ok(scores)
    }
}

/// The loss of a batch with its regularisation, from Σ W². Without any, weights that are unsound do not show in it.
pub(crate) fn regularized(data_loss: f32, reg: f32, squares: f64) -> f32 {
    match reg {
        0.0 => data_loss,
        _ => (f64::from(data_loss) + f64::from(reg) * squares) as f32,
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Layer::Dense(dense) => write!(f, "dense {} → {}", dense.inputs, dense.outputs),
            Layer::Relu => write!(f, "relu"),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, layer) in self.layers.iter().enumerate() {
            write!(f, "{}{layer}", if i > 0 { ", " } else { "" })?;
        }
        write!(f, ": {} parameters", crate::text::thousands(self.parameters()))
    }
}

#[cfg(test)]
mod tests;
