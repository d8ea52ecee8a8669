//! Networks of layers: `scores = W2 · max(0, W1 · X + b1) + b2`, and deeper ones.
//!
//! A network is a list of layers. The forward pass runs a batch through them in order. The backward pass runs in
//! reverse: each layer receives the gradient of the loss with respect to its output and computes the gradients with
//! respect to its own parameters and to its input (the chain rule). Both passes of a layer are side by side in its
//! file.
//!
//! The lecture's functions correspond to:
//!
//! | lecture | here |
//! |---|---|
//! | `nn_forward(params, X)` → scores, hidden | [`Network::forward`], then [`Workspace::output`] for any layer |
//! | `nn_svm_loss(params, X, y, reg)` | [`Network::loss_and_gradients`] |
//! | `nn_svm_grad(params, X, y, scores, hidden, reg)` | the same, into [`Workspace::gradients`] |
//! | `train_nn(params, X, y, …)` | [`train`](crate::train::train) |
//!
//! No pass allocates: activations and gradients live in a [`Workspace`] that belongs to the caller.

mod activation;
mod architecture;
mod batch_loader;
mod batch_norm;
mod conv2d;
pub(crate) mod dense;
mod dropout;
mod fusion;
mod init;
mod layer;
pub mod naive;
mod normalized;
mod parameters;
mod passes;
mod patches;
mod pool;
mod prediction;
mod shape;
pub(crate) mod sparsity;
mod spec;
mod summary;
mod workspace;

pub use activation::Activation;
pub use architecture::Architecture;
pub(crate) use batch_loader::{BatchLoader, Input, Shard};
pub use batch_norm::{BatchNorm, EPSILON, MOMENTUM};
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use dropout::Dropout;
pub(crate) use dropout::InputDropout;
pub use init::Init;
pub use layer::Layer;
pub use parameters::Weights;
pub(crate) use parameters::{Named, ParametersMut, norm_names};
pub(crate) use passes::{Mode, regularized};
pub use patches::Patches;
pub use shape::Shape;
pub(crate) use spec::input_shape;
pub use spec::{Pool, Spec};
pub use summary::Summary;
pub use workspace::{Gradient, Workspace};

use fusion::{Block, blocks};

use crate::{Error, Result};

/// A sequence of layers.
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
    input: Shape,
    layers: Vec<Layer>,
    /// The shape of an example after each layer.
    shapes: Vec<Shape>,
    blocks: Vec<Block>,
    /// The blocks for training with dropout after every activation.
    blocks_with_dropout: Vec<Block>,
}

/// The maximum number of parameters of a network that is created from sizes: 1 GiB of them, of which training needs a
/// few times as much. A larger number is most likely a typo, and would otherwise fail when memory is allocated.
pub const MOST_PARAMETERS: usize = 1 << 28;

/// The maximum number of values of an example after any layer: 256 MiB of them.
pub const MOST_VALUES: usize = 1 << 26;

impl Network {
    /// A network without layers: a placeholder while a network is moved out.
    pub(crate) fn empty() -> Self {
        Network {
            input: Shape::Features(0),
            layers: Vec::new(),
            shapes: Vec::new(),
            blocks: Vec::new(),
            blocks_with_dropout: Vec::new(),
        }
    }

    /// A network of the given layers. The first of them must be a dense layer or a batch norm, which determines the
    /// number of features. (Activations and dropout may precede it.)
    ///
    /// # Errors
    /// Those of [`with_input`](Network::with_input), and image layers.
    pub fn new(layers: Vec<Layer>) -> Result<Self> {
        let takes = layers.iter().find_map(|layer| match layer {
            Layer::Dense(dense) => Some(Ok(dense.inputs)),
            Layer::BatchNorm(norm) => Some(Ok(norm.channels())),
            Layer::Conv2d(_) | Layer::MaxPool(_) | Layer::AveragePool(_) | Layer::Flatten => Some(Err(layer)),
            _ => None,
        });
        match takes {
            Some(Ok(features)) => Network::with_input(features, layers),
            Some(Err(layer)) => {
                let what = format!("the first layer, {layer}, of a network whose images have no known size");
                Err(Error::mismatch(what, "a layer of images", "a dense one, or Network::with_input"))
            }
            None => Err(Error::mismatch("dense layers of a network", 0, "at least 1")),
        }
    }

    /// A network of the given layers, for examples of the given shape.
    ///
    /// # Errors
    /// No layer with weights, a parameter array of the wrong shape, a layer that does not accept the output of the one
    /// before it, examples of more than [`MOST_VALUES`] values after any layer, and scores that are an image.
    pub fn with_input(input: impl Into<Shape>, layers: Vec<Layer>) -> Result<Self> {
        let input = input.into();
        let (mut shapes, mut shape) = (Vec::with_capacity(layers.len()), input);
        check_values(0, input)?;
        for (number, layer) in (1..).zip(&layers) {
            shape = layer.output(shape, number)?;
            check_values(number, shape)?;
            shapes.push(shape);
        }
        if !layers.iter().any(|layer| matches!(layer, Layer::Dense(_) | Layer::Conv2d(_))) {
            return Err(Error::mismatch("layers with weights of a network", 0, "at least 1"));
        }
        if let Shape::Image(_) = shape {
            let expected = "one number for each class: put flatten at the end, or a dense layer";
            return Err(Error::mismatch("the scores of a network", shape, expected));
        }
        let (plain, blocks_with_dropout) = (blocks(&layers, false), blocks(&layers, true));
        Ok(Network { input, layers, shapes, blocks: plain, blocks_with_dropout })
    }

    /// A network of the given layers for examples of the given shape. If a dense layer comes before any image layer,
    /// input images are flattened.
    pub(crate) fn from_input(input: Shape, layers: Vec<Layer>) -> Result<Self> {
        Network::with_input(spec::input_shape(layers.iter().map(Layer::spec), input), layers)
    }

    /// A fully connected network: dense layers of the given hidden sizes with ReLU between them, then the dense layer
    /// that computes the scores. Without hidden layers it is the linear classifier.
    ///
    /// # Errors
    /// A size of 0, and invalid initial weights.
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
                layers.push(Layer::Activation(Activation::Relu));
            }
            layers.push(Layer::Dense(Dense::random(size[0], size[1], init, &mut generator)));
        }
        Network::new(layers)
    }

    /// Rejects sizes that [`fully_connected`](Network::fully_connected) would reject, before anything is allocated.
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

    /// The shape of an input example.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The shape of an example after each layer.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// D, the number of input features.
    pub fn inputs(&self) -> usize {
        self.input.values()
    }

    /// C, the number of classes (scores).
    pub fn classes(&self) -> usize {
        self.shapes.last().map_or(0, |shape| shape.values())
    }

    /// The number of multiply-adds by weights in the forward pass of one example.
    pub fn multiply_adds(&self) -> usize {
        let before = std::iter::once(&self.input).chain(&self.shapes);
        let each = self.layers.iter().zip(before).map(|(layer, input)| layer.spec().multiply_adds(*input));
        each.fold(0, usize::saturating_add)
    }

    /// Whether the network contains convolutions or pooling.
    pub(crate) fn is_of_images(&self) -> bool {
        let of_images =
            |layer: &Layer| matches!(layer, Layer::Conv2d(_) | Layer::MaxPool(_) | Layer::AveragePool(_));
        self.layers.iter().any(of_images)
    }

    /// Whether the network contains dropout layers, which act in training regardless of its settings.
    pub(crate) fn has_dropout(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::Dropout { .. }))
    }

    /// Whether training needs statistics of whole batches.
    pub(crate) fn has_batch_norm(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::BatchNorm(_)))
    }
}

/// Rejects examples that have no values, or too many, after layer `number`.
fn check_values(number: usize, shape: Shape) -> Result<()> {
    if (1..=MOST_VALUES).contains(&shape.values()) {
        return Ok(());
    }
    let what = match number {
        0 => "values of an example".to_owned(),
        _ => format!("values of an example behind layer {number}"),
    };
    let most = crate::text::thousands(MOST_VALUES);
    Err(Error::mismatch(what, shape, format!("at least 1 and at most {most}")))
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
