//! The parameters of a network, layer by layer: what an optimizer step changes and a file stores.

use super::{BatchNorm, Conv2d, Dense, Layer, Network};
use crate::{Error, Result};

/// The weight matrix and biases of a dense or convolutional layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights<'a> {
    /// The number of inputs of each output: the size of a patch for a convolution.
    pub inputs: usize,
    /// The number of units or filters.
    pub outputs: usize,
    /// W, (inputs, outputs).
    pub w: &'a [f32],
    /// b, (outputs).
    pub b: &'a [f32],
}

/// The trainable parameters of a layer: a matrix and biases, or γ and β. Its [`Gradient`](super::Gradient) has them in
/// this order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    pub(crate) w: &'a [f32],
    pub(crate) b: &'a [f32],
    /// Whether `w` is a weight matrix, which is subject to regularisation and weight decay.
    pub(crate) is_matrix: bool,
}

/// The same, mutable. The lengths must not change.
#[derive(Debug)]
pub(crate) struct ParametersMut<'a> {
    pub(crate) w: &'a mut Vec<f32>,
    pub(crate) b: &'a mut Vec<f32>,
    pub(crate) is_matrix: bool,
}

/// An array of a network, with its name in files.
#[derive(Debug)]
pub(crate) struct Named<A> {
    /// `w1`, `b1`, `gamma1`, …: layers with a matrix and batch norms are numbered separately.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Whether it is trained by gradient descent. The running mean and variance of a batch norm are not.
    pub(crate) learned: bool,
    pub(crate) values: A,
}

impl Layer {
    /// W and b of a dense or convolutional layer.
    fn weights(&self) -> Option<Weights<'_>> {
        match self {
            Layer::Dense(Dense { inputs, outputs, w, b }) => {
                Some(Weights { inputs: *inputs, outputs: *outputs, w, b })
            }
            Layer::Conv2d(conv) => {
                let Conv2d { filters, w, b, .. } = conv;
                Some(Weights { inputs: conv.patch(), outputs: *filters, w, b })
            }
            _ => None,
        }
    }

    /// The trainable parameters of the layer, if any.
    pub(super) fn parameters(&self) -> Option<Parameters<'_>> {
        match self {
            Layer::BatchNorm(BatchNorm { gamma, beta, .. }) => {
                Some(Parameters { w: gamma, b: beta, is_matrix: false })
            }
            _ => self.weights().map(|Weights { w, b, .. }| Parameters { w, b, is_matrix: true }),
        }
    }

    fn parameters_mut(&mut self) -> Option<ParametersMut<'_>> {
        match self {
            Layer::Dense(Dense { w, b, .. }) | Layer::Conv2d(Conv2d { w, b, .. }) => {
                Some(ParametersMut { w, b, is_matrix: true })
            }
            Layer::BatchNorm(BatchNorm { gamma, beta, .. }) => {
                Some(ParametersMut { w: gamma, b: beta, is_matrix: false })
            }
            _ => None,
        }
    }
}

impl Network {
    /// The dense layers, first to last.
    pub fn dense_layers(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            _ => None,
        })
    }

    /// The layers with a weight matrix, dense and convolutional, first to last.
    ///
    /// ```
    /// use tercet::image::ImageShape;
    /// use tercet::network::{Architecture, Init};
    ///
    /// let layers: Architecture = "conv5-8 relu pool flatten".parse()?;
    /// let network = layers.network(ImageShape::gray(28, 28), 10, Init::He, 0)?;
    /// let sizes: Vec<_> = network.weight_layers().map(|layer| (layer.inputs, layer.outputs)).collect();
    /// assert_eq!(sizes, [(25, 8), (12 * 12 * 8, 10)]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn weight_layers(&self) -> impl Iterator<Item = Weights<'_>> {
        self.layers.iter().filter_map(Layer::weights)
    }

    /// The number of trainable parameters.
    pub fn parameters(&self) -> usize {
        self.trainable().map(|parameters| parameters.w.len() + parameters.b.len()).sum()
    }

    /// All trainable parameters as one list: for each layer first W, or γ of a batch norm, then b, or β.
    pub fn parameter_values(&self) -> Vec<f32> {
        self.trainable().flat_map(|parameters| [parameters.w, parameters.b]).flatten().copied().collect()
    }

    /// Sets all trainable parameters from such a list.
    ///
    /// ```
    /// use tercet::network::{Init, Network};
    ///
    /// let mut network = Network::fully_connected(3, &[2], 2, Init::He, 0)?;
    /// let doubled: Vec<f32> = network.parameter_values().iter().map(|value| 2.0 * value).collect();
    /// network.set_parameter_values(&doubled)?;
    /// assert_eq!(network.parameter_values(), doubled);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// A number of values other than [`parameters`](Network::parameters).
    pub fn set_parameter_values(&mut self, values: &[f32]) -> Result<()> {
        if values.len() != self.parameters() {
            let expected = format!("{}, the parameters of the network", self.parameters());
            return Err(Error::mismatch("values to be learned", values.len(), expected));
        }
        let mut rest = values;
        for ParametersMut { w, b, .. } in self.trainable_mut() {
            for array in [w, b] {
                let (own, others) = rest.split_at(array.len());
                array.copy_from_slice(own);
                rest = others;
            }
        }
        Ok(())
    }

    /// The trainable parameters, layer by layer.
    pub(crate) fn trainable(&self) -> impl Iterator<Item = Parameters<'_>> {
        self.layers.iter().filter_map(Layer::parameters)
    }

    /// The same, mutable.
    pub(crate) fn trainable_mut(&mut self) -> impl Iterator<Item = ParametersMut<'_>> {
        self.layers.iter_mut().filter_map(Layer::parameters_mut)
    }

    /// Σ W² over all weight matrices.
    pub fn squared_weights(&self) -> f64 {
        self.trainable()
            .filter(|parameters| parameters.is_matrix)
            .map(|parameters| squares(parameters.w))
            .sum()
    }

    /// Any number in the network that is NaN or infinite.
    pub(crate) fn first_non_finite(&self) -> Option<f32> {
        self.arrays().iter().flat_map(|array| array.values).copied().find(|value| !value.is_finite())
    }

    /// All arrays, layer by layer, with their names in files.
    pub(crate) fn arrays(&self) -> Vec<Named<&[f32]>> {
        let (mut arrays, mut n, mut m) = (Vec::new(), 0, 0);
        for layer in &self.layers {
            match layer {
                Layer::BatchNorm(BatchNorm { gamma, beta, mean, variance }) => {
                    m += 1;
                    let all = [gamma, beta, mean, variance];
                    for ((name, learned), values) in norm_names(m).into_iter().zip(all) {
                        arrays.push(Named { name, shape: vec![values.len()], learned, values: &values[..] });
                    }
                }
                layer => {
                    let Some(Weights { inputs, outputs, w, b }) = layer.weights() else { continue };
                    n += 1;
                    let (of_w, of_b) = (vec![inputs, outputs], vec![outputs]);
                    arrays.push(Named { name: format!("w{n}"), shape: of_w, learned: true, values: w });
                    arrays.push(Named { name: format!("b{n}"), shape: of_b, learned: true, values: b });
                }
            }
        }
        arrays
    }

    /// The same in the same order, to be replaced by arrays of the same lengths.
    pub(crate) fn arrays_mut(&mut self) -> Vec<&mut Vec<f32>> {
        let mut arrays = Vec::new();
        for layer in &mut self.layers {
            match layer {
                Layer::BatchNorm(BatchNorm { gamma, beta, mean, variance }) => {
                    arrays.extend([gamma, beta, mean, variance]);
                }
                layer => arrays.extend(layer.parameters_mut().into_iter().flat_map(|p| [p.w, p.b])),
            }
        }
        arrays
    }
}

/// The names in files of the arrays of the m-th batch norm, and whether each is trained.
pub(crate) fn norm_names(m: usize) -> [(String, bool); 4] {
    [("gamma", true), ("beta", true), ("mean", false), ("variance", false)]
        .map(|(name, learned)| (format!("{name}{m}"), learned))
}

/// Σ w², summed in f64 in a fixed order: eight running sums, to hide the latency of the additions.
pub(super) fn squares(w: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for chunk in w.chunks(8) {
        sums.iter_mut().zip(chunk).for_each(|(sum, &w)| *sum += f64::from(w) * f64::from(w));
    }
    sums.iter().sum()
}
